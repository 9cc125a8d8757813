"""Files served through Django, and their addresses in templates."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.template import engines
from django.test import Client, override_settings
from PIL import Image

from appwrite_orm_django.client.files import CHUNK_BYTES
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
    assert response["Cache-Control"] == "public, max-age=3600"
    download = client.get(public.url(name, download=True))
    assert download["Content-Disposition"] == "attachment; filename*=utf-8''%C3%BC%20a.png"
    download.close()
    head = client.head(url)
    assert (head.status_code, head["Content-Length"]) == (200, str(len(content)))


def test_ranges_and_conditions(public: Any, client: Client) -> None:
    url = public.url(public.save("a.txt", ContentFile(b"0123456789")))
    for asked, expected, place in [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=9-99", b"9", "bytes 9-9/10"),
    ]:
        response = client.get(url, headers={"range": asked})
        assert (response.status_code, content_of(response), response["Content-Range"]) == (
            206,
            expected,
            place,
        )
    response = client.get(url, headers={"range": "bytes=10-"})
    assert (response.status_code, response["Content-Range"]) == (416, "bytes */10")
    etag = client.get(url)["ETag"]
    assert client.get(url, headers={"if-none-match": etag}).status_code == 304


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
    assert response["Cache-Control"] == "private, max-age=3600"
    path, _, query = url.partition("?")
    for refused in (path, f"{path}?signature=x", f"{private.url(other).partition('?')[0]}?{query}"):
        assert client.get(refused).status_code == 403
    with storing(URL_TIMEOUT=1), pytest.MonkeyPatch.context() as patch:
        import time

        later = time.time() + 5
        patch.setattr("django.core.signing.time.time", lambda: later)
        assert client.get(url).status_code == 403


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
