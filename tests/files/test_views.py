"""Files served through Django, and their addresses in templates."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.http import HttpResponse
from django.template import engines
from django.test import AsyncClient, Client, RequestFactory, override_settings
from PIL import Image

from appwrite_orm_django.client.files import CHUNK_BYTES
from appwrite_orm_django.contrib.http_cache import cache_headers
from appwrite_orm_django.contrib.page_tags import Tag
from appwrite_orm_django.files.views import PIECE_BYTES
from tests.library.models import Everything

pytestmark = pytest.mark.django_db(databases=["appwrite"])
LOCAL = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
BACKEND = "appwrite_orm_django.storage.AppwriteStorage"


def storing(**options: Any) -> override_settings:
    media = {"BUCKET": "media", "DATABASE": "appwrite", "URLS": "django", **options}
    named = {
        "default": LOCAL,
        "staticfiles": LOCAL,
        "media": {"BACKEND": BACKEND, "OPTIONS": media},
    }
    return override_settings(STORAGES=named, ROOT_URLCONF="testproject.urls")


@pytest.fixture
def public(make_storage: Any) -> Iterator[Any]:
    make_storage()  # empties the bucket after the test
    with storing(PERMISSIONS=['read("any")']):
        yield storages["media"]


@pytest.fixture
def private(make_storage: Any) -> Iterator[Any]:
    make_storage()
    with storing():
        yield storages["media"]


def content_of(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def picture(width: int = 40, height: int = 20) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(written, "PNG")
    return written.getvalue()


def test_a_file_is_streamed(public: Any, client: Client) -> None:
    content = b"0123456789" * (CHUNK_BYTES // 5)
    name = public.save("dir/ü a.png", ContentFile(content))
    url = public.url(name)
    assert url == "/files/appwrite/media/view/dir/%C3%BC%20a.png"
    response = client.get(url)
    assert content_of(response) == content
    assert response["Content-Length"] == str(len(content))
    assert response["Cache-Control"] == "public, no-cache"
    download = client.get(public.url(name, download=True))
    assert download["Content-Disposition"] == "attachment; filename*=utf-8''%C3%BC%20a.png"
    download.close()
    head = client.head(url)
    assert (head.status_code, head["Content-Length"]) == (200, str(len(content)))


TEN = b"0123456789"


@pytest.fixture
def ten(public: Any) -> str:
    """The address of a file of ten bytes."""
    return public.url(public.save("a.txt", ContentFile(TEN)))


@pytest.mark.parametrize(
    ("asked", "expected", "place"),
    [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=9-99", b"9", "bytes 9-9/10"),
        ("bytes=0-999999999999999999", TEN, "bytes 0-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", TEN, "bytes 0-9/10"),
        ("BYTES= 2-4 ", b"234", "bytes 2-4/10"),
        # What is several ranges, invalid or of another unit may be answered with all of it.
        ("bytes=0-1,4-5", TEN, None),
        ("bytes=5-2", TEN, None),
        ("bytes=-", TEN, None),
        ("bytes=a-b", TEN, None),
        ("bytes=٣-٤", TEN, None),
        ("lines=2-4", TEN, None),
        (f"bytes=0-{'9' * 5000}", TEN, None),
        ("bytes=10-", None, "bytes */10"),
        ("bytes=99-100", None, "bytes */10"),
        ("bytes=-0", None, "bytes */10"),
    ],
)
def test_ranges(ten: str, client: Client, asked: str, expected: bytes | None, place: Any) -> None:
    """RFC 9110, section 14."""
    response = client.get(ten, headers={"range": asked})
    assert response.get("Content-Range") == place
    if expected is None:
        assert (response.status_code, response.content) == (416, b"")
        return
    assert response.status_code == (206 if place else 200)
    assert content_of(response) == expected
    assert response["Content-Length"] == str(len(expected))
    assert (response["Accept-Ranges"], len(response["ETag"])) == ("bytes", 34)


def test_ranges_of_an_empty_file(public: Any, client: Client) -> None:
    url = public.url(public.save("empty.txt", ContentFile(b"")))
    for asked, status in [("bytes=0-", 416), ("bytes=-5", 200), ("bytes=-0", 416)]:
        assert client.get(url, headers={"range": asked}).status_code == status
    response = client.get(url)
    assert (content_of(response), response["Content-Length"]) == (b"", "0")


def test_a_range_is_only_sent_of_the_file_that_the_client_has_begun(
    public: Any, ten: str, client: Client
) -> None:
    """RFC 9110, section 13.1.5: a download that is resumed never joins two files."""
    first = client.get(ten)
    etag, modified = first["ETag"], first["Last-Modified"]

    def resumed(condition: str) -> tuple[int, bytes]:
        response = client.get(ten, headers={"range": "bytes=5-", "if-range": condition})
        return response.status_code, content_of(response)

    assert resumed(etag) == (206, b"56789")
    # Weak validators do not prove that it is the same; a date has a resolution of one second.
    for other in (f"W/{etag}", '"other"', modified, "Thu, 01 Jan 1970 00:00:00 GMT", "junk"):
        assert resumed(other) == (200, TEN)
    public.delete("a.txt")
    public.save("a.txt", ContentFile(b"abcdefghij"))
    assert resumed(etag) == (200, b"abcdefghij")


def test_conditions(ten: str, client: Client) -> None:
    """RFC 9110, section 13: in their order, and before the range."""
    first = client.get(ten)
    etag, modified = first["ETag"], first["Last-Modified"]
    early = "Mon, 01 Jan 1990 00:00:00 GMT"
    for headers, status in [
        ({"if-none-match": etag}, 304),
        ({"if-none-match": f'"x", W/{etag}'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-none-match": '"x"', "if-modified-since": modified}, 200),
        ({"if-modified-since": modified}, 304),
        ({"if-modified-since": early}, 200),
        ({"if-match": etag}, 200),
        ({"if-match": '"x"'}, 412),
        ({"if-unmodified-since": modified}, 200),
        ({"if-unmodified-since": early}, 412),
        ({"range": "bytes=99-", "if-none-match": etag}, 304),
        ({"range": "bytes=99-", "if-match": '"x"'}, 412),
        ({"range": "bytes=2-3", "if-match": etag}, 206),
    ]:
        for method in (client.get, client.head):
            response = method(ten, headers=headers)
            expected = 200 if status == 206 and method == client.head else status
            assert response.status_code == expected, headers
            if status == 304:
                assert (response["ETag"], response["Last-Modified"]) == (etag, modified)
                assert response["Cache-Control"] == first["Cache-Control"]


def test_head_has_the_headers_of_get(ten: str, client: Client) -> None:
    """A range has no meaning for HEAD (RFC 9110, section 14.2)."""
    got = client.get(ten)
    for headers in ({}, {"range": "bytes=2-4"}, {"range": "bytes=99-"}):
        head = client.head(ten, headers=headers)
        assert (head.status_code, dict(head.headers)) == (200, dict(got.headers))
        assert content_of(head) == b""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", 'inline; filename="a.txt"'),
        ("dir/a b.txt", 'inline; filename="a b.txt"'),
        ('say "hi" now.txt', 'inline; filename="say \\"hi\\" now.txt"'),
        ("a;b.txt", 'inline; filename="a;b.txt"'),
        ("ü.txt", "inline; filename*=utf-8''%C3%BC.txt"),
        ("a\r\nX-Evil: 1.txt", "inline; filename*=utf-8''a%0D%0AX-Evil%3A%201.txt"),
        ("tab\t.txt", "inline; filename*=utf-8''tab%09.txt"),
    ],
)
def test_the_name_of_a_download(public: Any, client: Client, name: str, expected: str) -> None:
    public.save_as(name, ContentFile(b"content"))
    response = client.get(public.url(name))
    assert (response["Content-Disposition"], content_of(response)) == (expected, b"content")
    attachment = client.get(public.url(name, download=True))
    assert attachment["Content-Disposition"] == expected.replace("inline", "attachment")


def test_a_part_is_not_compressed(ten: str, client: Client) -> None:
    """``GZipMiddleware`` compresses parts as well, and nobody could put those together."""
    gzip = {"accept-encoding": "gzip"}
    with override_settings(MIDDLEWARE=["django.middleware.gzip.GZipMiddleware"]):
        part = client.get(ten, headers={**gzip, "range": "bytes=2-4"})
        assert (content_of(part), part["Content-Length"]) == (b"234", "3")
        whole = client.get(ten, headers=gzip)
        assert whole["Content-Encoding"] == "gzip"
        assert whole["ETag"].startswith("W/")


def test_browsers_ask_again_unless_names_are_unique(public: Any, client: Client) -> None:
    """A file of the same name may have been deleted since."""
    url = public.url(public.save("a.png", ContentFile(picture())))
    for address in (url, f"{public.url('a.png', width=10)}"):
        response = client.get(address)
        assert response["Cache-Control"] == "public, no-cache"
        again = client.get(address, headers={"if-none-match": response["ETag"]})
        assert again.status_code == 304
    with storing(PERMISSIONS=['read("any")'], UNIQUE_NAMES=True):
        assert client.get(url)["Cache-Control"] == "public, max-age=3600"


@pytest.mark.django_db(databases=["appwrite"], transaction=True)
def test_a_file_is_streamed_under_asgi(public: Any, requests: Any) -> None:
    """Django collects a plain iterator; the file would be in memory as a whole."""
    content = b"0123456789" * (CHUNK_BYTES // 5)
    url = public.url(public.save("big.bin", ContentFile(content)))

    async def download() -> None:
        response = await AsyncClient().get(url)
        assert response.is_async
        before = len(requests)
        received = []
        async for piece in response.streaming_content:
            if not received:
                # The first range, and a look whether it is still the same file.
                assert len(requests) == before + 2
            received.append(piece)
        assert b"".join(received) == content
        assert max(map(len, received)) <= PIECE_BYTES
        part = await AsyncClient().get(url, headers={"range": f"bytes={CHUNK_BYTES}-"})
        assert b"".join([piece async for piece in part.streaming_content]) == content[CHUNK_BYTES:]
        again = await AsyncClient().get(url, headers={"if-none-match": response["ETag"]})
        assert again.status_code == 304

    async_to_sync(download)()


def test_what_runs_in_a_browser_is_shown_as_text(public: Any, client: Client) -> None:
    page = b"<html><script>alert(1)</script></html>"
    response = client.get(public.url(public.save("a.html", ContentFile(page))))
    assert response["Content-Type"] == "text/plain"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert content_of(response) == page


def test_a_private_file_needs_its_signature(private: Any, client: Client) -> None:
    name, other = (private.save(each, ContentFile(each.encode())) for each in ("a.txt", "b.txt"))
    url = private.url(name)
    response = client.get(url)
    assert content_of(response) == b"a.txt"
    assert response["Cache-Control"] == "private, no-cache"
    path, _, query = url.partition("?")
    for refused in (path, f"{path}?signature=x", f"{private.url(other).partition('?')[0]}?{query}"):
        assert client.get(refused).status_code == 403
    with storing(URL_TIMEOUT=1), pytest.MonkeyPatch.context() as patch:
        later = time.time() + 5
        patch.setattr("django.core.signing.time.time", lambda: later)
        assert client.get(url).status_code == 403


def test_an_address_is_valid_as_long_as_was_asked(
    private: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = private.save("a.txt", ContentFile(b"content"))
    default, short, long = (private.url(name, timeout=life) for life in (None, 60, 7 * 86400))
    now = time.time()
    for passed, valid in [(30, {default, short, long}), (90, {default, long}), (4000, {long})]:
        monkeypatch.setattr("django.core.signing.time.time", lambda passed=passed: now + passed)
        for url in (default, short, long):
            assert client.get(url).status_code == (200 if url in valid else 403), (passed, url)
    # The life is signed, too.
    for url in (
        f"{default}&timeout=99999",
        short.replace("timeout=60", "timeout=99999"),
        f"{long}9",
    ):
        assert client.get(url).status_code == 403
    assert client.get(default.replace("signature", "timeout=x&signature")).status_code == 403


def test_the_signature_of_one_file_opens_no_other(private: Any, client: Client) -> None:
    """No part of a name may pass for a part of the signature."""
    private.save("a", ContentFile(b"secret"))
    url = private.url(private.save("a:b", ContentFile(b"mine")))
    assert content_of(client.get(url)) == b"mine"
    address, _, query = url.partition("?")
    for signature in ("signature=b:", "signature=b%3A"):
        forged = f"{address.removesuffix(':b')}?{query.replace('signature=', signature)}"
        assert client.get(forged).status_code == 403
    longer = private.url("a").replace("/a?", "/a:b?")
    assert client.get(longer).status_code == 403


def test_what_is_not_there(public: Any, client: Client) -> None:
    public.save("a.txt", ContentFile(b""))
    for path in (
        "media/view/nope.txt",
        "media/nope/a.txt",
        "other/view/a.txt",
        "media/view/../a.txt",
    ):
        assert client.get(f"/files/appwrite/{path}").status_code == 404
    assert client.get("/files/default/media/view/a.txt").status_code == 404
    assert client.post("/files/appwrite/media/view/a.txt").status_code == 405
    with storing(URLS="public", PERMISSIONS=['read("any")']):
        assert client.get("/files/appwrite/media/view/a.txt").status_code == 404


@pytest.mark.local_only("previews depend on the server's library")
def test_previews(public: Any, client: Client) -> None:
    name = public.save("a.png", ContentFile(picture()))
    response = client.get(public.url(name, width=10))
    image = Image.open(io.BytesIO(response.content))
    assert (response["Content-Type"], image.size) == ("image/png", (10, 5))
    refused = client.get(public.url(name, width=-1))
    assert (refused.status_code, b"width" in refused.content) == (400, True)


def test_without_the_urls_there_is_no_address(public: Any) -> None:
    with (
        override_settings(ROOT_URLCONF="tests.urls"),
        pytest.raises(ValueError, match="does not include"),
    ):
        public.url("a.txt")


def test_addresses_in_templates(public: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    template = engines["django"].from_string(
        "{% load appwrite_files %}{% file_url row.file width=320 %}|{% file_url row.file %}"
    )
    monkeypatch.setattr(Everything._meta.get_field("file"), "storage", public)
    row = Everything(file="a.png")
    assert template.render({"row": row}) == (
        "/files/appwrite/media/preview/a.png?width=320|/files/appwrite/media/view/a.png"
    )
    assert template.render({"row": Everything()}) == "|"
    monkeypatch.setattr(Everything._meta.get_field("file"), "storage", storages["default"])
    assert template.render({"row": Everything(file="a.png")}) == "/a.png|/a.png"


@pytest.mark.django_db(databases=["appwrite"], transaction=True)
class TestPagesWithAddresses:
    """A page must not outlive the addresses in it."""

    @staticmethod
    def seconds(storage: Any, **options: Any) -> tuple[int, float]:
        """Return the max-age of a page with an address, and how long its ETag is confirmed."""
        name = storage.save("a.png", ContentFile(b"a"))
        Everything.objects.create(file=name)

        @cache_headers(Everything)
        def page(request: Any) -> HttpResponse:
            return HttpResponse([storage.url(row.file.name, **options) for row in everything])

        everything = Everything.objects.all()
        page(RequestFactory().get("/"))
        response = page(RequestFactory().get("/"))  # with a token that was kept
        max_age = int(response["Cache-Control"].partition("max-age=")[2].split(",")[0])
        tag = Tag.read(response["ETag"])
        assert tag is not None
        return max_age, tag.until - time.time()

    @pytest.mark.parametrize("urls", ["django", "token"])
    @pytest.mark.parametrize(("options", "life_s"), [({}, 120), ({"timeout": 40}, 40)])
    def test_those_that_expire(
        self, make_storage: Any, urls: str, options: Any, life_s: int
    ) -> None:
        make_storage()
        with storing(URLS=urls, URL_TIMEOUT=120):
            for left_s in self.seconds(storages["media"], **options):
                assert life_s / 2 - 10 < left_s <= life_s / 2

    def test_those_that_do_not(self, public: Any) -> None:
        assert min(self.seconds(public)) > 120
