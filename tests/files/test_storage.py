"""``AppwriteStorage`` as a Django storage."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation, ValidationError
from django.core.files.base import ContentFile, File
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db import models
from django.test import override_settings
from django.utils.timezone import override as timezone_override
from rest_framework import serializers

from appwrite_orm_django.client import files
from appwrite_orm_django.client.errors import BucketNotFound, ConnectionFailed, FileRefused
from appwrite_orm_django.client.files import CHUNK_BYTES, FileRef, Span
from appwrite_orm_django.files.names import id_of
from appwrite_orm_django.storage import AppwriteStorage, validate_upload
from tests.library.models import Everything

BIG = bytes(range(256)) * (CHUNK_BYTES // 256) * 2 + b"and one chunk more"


def save(storage, name, content=b"content"):
    return storage.save(name, ContentFile(content))


def test_what_is_saved_is_read(storage):
    name = save(storage, "photos/2026/a.jpg")
    assert name == "photos/2026/a.jpg"
    assert storage.exists(name)
    assert storage.size(name) == 7
    with storage.open(name) as file:
        assert (file.name, file.size, file.read(), file.read()) == (name, 7, b"content", b"")
    storage.delete(name)
    assert not storage.exists(name)
    storage.delete(name)  # as with Django's storages, no error


@pytest.mark.parametrize("size", [0, 1, 2, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_files_of_any_size(storage, size):
    content = (BIG * 2)[:size]
    name = save(storage, "f", content)
    assert storage.size(name) == size
    assert storage.open(name).read() == content


@pytest.mark.parametrize("encryption", [True, False])
@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("content", [b"", b"0", b"00", b"x" * 5000])
def test_contents_that_the_server_spoils(make_storage, encryption, compression, content):
    """An empty file in a compressed bucket, and a zero in an encrypted one, come back as they were."""
    storage = make_storage(encryption=encryption, compression=compression)
    name = save(storage, "f", content)
    assert storage.open(name).read() == content


def test_a_taken_name_gets_another(storage):
    assert save(storage, "a.txt", b"first") == "a.txt"
    second = save(storage, "a.txt", b"second")
    assert second != "a.txt"
    assert second.startswith("a_")
    assert second.endswith(".txt")
    assert storage.open("a.txt").read() == b"first"
    assert storage.open(second).read() == b"second"


def test_unique_names_are_not_used_again(make_storage):
    """A browser that keeps a deleted picture would show it under the new one's address."""
    storage = make_storage(unique_names=True)
    first = save(storage, "dir/a.jpg")
    storage.delete(first)
    second = save(storage, "dir/a.jpg")
    assert len({first, second, "dir/a.jpg"}) == 3
    assert all(name.startswith("dir/a_") and name.endswith(".jpg") for name in (first, second))
    assert len(storage.save("0123456789.txt", ContentFile(b""), max_length=14)) == 14
    storage.save_as("dir/a.jpg", ContentFile(b"exactly"))
    assert storage.open("dir/a.jpg").read() == b"exactly"
    with pytest.raises(FileExistsError):
        storage.save_as("dir/a.jpg", ContentFile(b"other"))
    assert storage.open("dir/a.jpg").read() == b"exactly"


def test_the_length_of_a_field_is_kept(storage):
    save(storage, "0123456789.txt")
    assert len(storage.save("0123456789.txt", ContentFile(b""), max_length=14)) == 14


@pytest.mark.parametrize(
    "name",
    ["ünï 日本 😀.txt", "café.txt", "100%25.txt", "a;b.txt", 'say "hi" now.txt', "tab\tx", "it's", "a&b#c?.txt",
     " ", "UPPER.TXT", ".hidden", "trailing.", "<b>.html", "x" * 480],
)  # fmt: skip
def test_names_come_back_exactly(storage, name):
    assert save(storage, name) == name
    assert storage.listdir("") == ([], [name])
    assert storage.open(name).read() == b"content"


def test_names_are_compared_exactly(storage):
    """The server compares the names in its lists without case and accents; ids follow from the exact name."""
    for name in ("dir/a.txt", "DIR/a.txt", "dir/A.txt", "dír/a.txt"):
        save(storage, name, name.encode())
    assert storage.open("DIR/a.txt").read() == b"DIR/a.txt"
    assert storage.listdir("dir") == ([], ["A.txt", "a.txt"])
    assert storage.listdir("") == (["DIR", "dir", "dír"], [])
    assert not storage.exists("dir/a.TXT")


@pytest.mark.parametrize(
    "name", ["../up.txt", "/etc/passwd", "a/../../b", "x" * 501, '"quoted"', "id:abc"]
)
def test_names_that_cannot_be_saved(storage, name, requests):
    with pytest.raises(SuspiciousFileOperation):
        storage._save(name, ContentFile(b""))
    assert requests == []


def test_one_name_has_many_spellings(storage):
    save(storage, "dir/a.txt")
    assert storage.open("dir//./a.txt").read() == b"content"
    assert storage.open("dir\\a.txt").read() == b"content"
    for outside in ("../dir/a.txt", "/dir/a.txt"):
        with pytest.raises(SuspiciousFileOperation):
            storage.open(outside)


def test_directories(storage):
    for name in ("a.txt", "docs/b.txt", "docs/sub/c.txt", "docsx/d.txt"):
        save(storage, name)
    assert storage.listdir("") == (["docs", "docsx"], ["a.txt"])
    assert storage.listdir("docs") == (["sub"], ["b.txt"])
    assert storage.listdir("docs/sub/") == ([], ["c.txt"])
    assert storage.listdir("nothing") == ([], [])
    assert storage.listdir(Path()) == storage.listdir("")
    assert storage.listdir(Path("docs")) == storage.listdir("docs")


@pytest.mark.parametrize("use_tz", [True, False])
def test_times(storage, settings, use_tz):
    settings.USE_TZ = use_tz
    settings.TIME_ZONE = "America/Lima"
    name = save(storage, "a.txt")
    with timezone_override("Asia/Tokyo"):  # a visitor's; the time is the site's
        moment = storage.get_modified_time(name)
    assert (moment.tzinfo is not None) == use_tz
    now = (
        datetime.now(timezone.utc)
        if use_tz
        else datetime.now(timezone(timedelta(hours=-5))).replace(tzinfo=None)
    )
    assert abs(moment - now) < timedelta(seconds=60)
    assert storage.get_created_time(name) == moment
    with pytest.raises(NotImplementedError):
        storage.get_accessed_time(name)


def test_what_is_missing(storage):
    for missing in (storage.open, storage.size, storage.get_modified_time, storage.content_type):
        with pytest.raises(FileNotFoundError, match=r"There is no file 'nope.txt' in bucket"):
            missing("nope.txt")
    assert not storage.exists("nope.txt")
    with pytest.raises(ValueError, match="The name must be given"):
        storage.delete("")
    with pytest.raises(ValueError, match="not accessible via a URL"):
        storage.url("")


def test_kinds_of_content(storage):
    class Stream(io.RawIOBase):
        """A stream that can be read only once, a little at a time."""

        def __init__(self, content):
            self._left = content

        def readable(self):
            return True

        def readinto(self, buffer):
            taken, self._left = self._left[:1000], self._left[1000:]
            buffer[: len(taken)] = taken
            return len(taken)

    temporary = TemporaryUploadedFile("t", "", 3, "")
    temporary.write(b"abc")
    temporary.flush()
    for number, (content, expected) in enumerate(
        [
            (ContentFile("Grüße"), "Grüße".encode()),
            (io.BytesIO(b"bytes"), b"bytes"),
            (io.StringIO("tëxt"), "tëxt".encode()),
            (SimpleUploadedFile("f", b"uploaded"), b"uploaded"),
            (temporary, b"abc"),
            (File(Stream(BIG)), BIG),
        ]
    ):
        name = storage.save(f"{number}", content)
        assert storage.open(name).read() == expected
    temporary.close()


def test_content_is_saved_from_its_beginning(storage):
    content = ContentFile(b"whole")
    content.read(3)
    assert storage.open(storage.save("f", content)).read() == b"whole"


def test_reading_text_and_lines(storage):
    name = save(storage, "a.txt", "ä\nb\n".encode())
    with storage.open(name, "r") as file:
        assert file.read() == "ä\nb\n"
    assert list(storage.open(name)) == ["ä\n".encode(), b"b\n"]


@pytest.mark.parametrize("mode", ["w", "wb", "a", "r+b"])
def test_files_are_not_changed(storage, mode):
    with pytest.raises(io.UnsupportedOperation, match=r"not changed. Save the new content"):
        storage.open(save(storage, "a.txt"), mode)


def test_seeking_in_a_large_file(storage, requests):
    name = save(storage, "big.bin", BIG)
    file = storage.open(name)
    del requests[:]
    for position, size in [
        (0, 10),
        (CHUNK_BYTES - 3, 10),
        (len(BIG) - 1, 10),
        (7, 5),
        (len(BIG), 1),
    ]:
        file.seek(position)
        assert file.read(size) == BIG[position : position + size]
    assert file.seek(-4, io.SEEK_END) == len(BIG) - 4
    assert file.read() == BIG[-4:]
    with pytest.raises(ValueError, match="negative"):
        file.seek(-1)
    # Each range, and a look whether it is still the same file.
    assert len(requests) == 10


def test_a_zip_is_read_by_its_parts(storage):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("big", BIG)
        archive.writestr("small", b"found")
    name = save(storage, "a.zip", packed.getvalue())
    assert zipfile.ZipFile(storage.open(name)).read("small") == b"found"


def test_a_closed_file_can_be_opened_again(storage):
    name = save(storage, "a.txt")
    file = storage.open(name)
    file.close()
    assert file.open().read() == b"content"
    assert file.open().read() == b"content"
    storage.delete(name)
    file.close()
    with pytest.raises(FileNotFoundError):
        file.open()


def test_a_file_that_is_replaced_while_it_is_read(storage):
    """Two requests would mix the contents of two files."""
    name = save(storage, "big.bin", BIG)
    file = storage.open(name)
    file.read(100)
    storage.delete(name)
    with pytest.raises(FileNotFoundError, match="deleted while it was read"):
        file.read()
    save(storage, name, BIG[::-1])
    file.seek(100)
    with pytest.raises(Exception, match="not that of the file that was opened"):
        file.read()


@pytest.mark.parametrize("again", ["other", "same"])
def test_ranges_of_two_files_are_never_mixed(storage, again):
    """Another process may replace the file between any two requests, by one of the same size."""
    other = BIG[::-1] if again == "other" else BIG
    name = save(storage, "big.bin", BIG)

    def replace():
        storage.delete(name)
        save(storage, name, other)

    def read(position, size):
        file.seek(position)
        return file.read(size)

    # Nothing was read before, a part from the beginning, or a part elsewhere.
    for before in [(), ((0, 10),), ((0, 6 * 1024 * 1024),), ((CHUNK_BYTES, 10),)]:
        storage.delete(name)
        save(storage, name, BIG)
        file = storage.open(name)
        for position, size in before:
            assert read(position, size) == BIG[position : position + size]
        replace()
        for _ in range(2):  # a second attempt does not get what the first refused
            with pytest.raises(ConnectionFailed, match="not that of the file that was opened"):
                read(2 * CHUNK_BYTES - 10, 10)
            with pytest.raises(ConnectionFailed, match="not that of the file that was opened"):
                read(-1 + len(BIG), 1)
        file.open()  # it was not closed, so it is still the file of before
        with pytest.raises(ConnectionFailed):
            read(CHUNK_BYTES, 10)
        file.close()
        assert file.open().read() == other


def test_a_small_file_that_was_replaced_is_refused_each_time(storage):
    name = save(storage, "a.txt", b"first")
    file = storage.open(name)
    storage.delete(name)
    save(storage, name, b"other")
    for _ in range(2):
        file.seek(0)
        with pytest.raises(ConnectionFailed, match="its signature is another"):
            file.read()


def test_requests(storage, requests):
    save(storage, "warm")
    del requests[:]

    def made():
        calls = [request.method for request in requests]
        del requests[:]
        return calls

    save(storage, "a.txt")
    assert made() == ["GET", "POST"]
    storage.open("a.txt").read()
    assert made() == ["GET", "GET"]
    storage.exists("a.txt")
    storage.size("a.txt")
    assert made() == ["GET", "GET"]
    save(storage, "b.bin", BIG)
    assert made() == ["GET", "POST", "POST", "POST"]
    storage.open("b.bin").read()
    # 0.5, 1, 2, 4 MiB and the rest, and a look after each but the last.
    assert made() == ["GET"] * (1 + 2 * 5 - 1)
    storage.listdir("")
    assert made() == ["GET"]
    storage.delete("a.txt")
    assert made() == ["DELETE"]


def test_an_incomplete_upload_is_not_seen(storage):
    save(storage, "other")
    span = Span(0, 2 * CHUNK_BYTES)
    ref = FileRef(storage.bucket, id_of("f.bin"))
    files.upload(storage.transport, ref, "f.bin", BIG[:CHUNK_BYTES], None, span)
    assert not storage.exists("f.bin")
    assert storage.listdir("") == ([], ["other"])
    for missing in (storage.open, storage.size):
        with pytest.raises(FileNotFoundError):
            missing("f.bin")
    # Its id is taken.
    assert storage.get_available_name("f.bin") != "f.bin"
    storage.delete("f.bin")
    assert storage.get_available_name("f.bin") == "f.bin"


def test_files_of_other_clients(storage):
    save(storage, "mine.txt")
    ref = FileRef(storage.bucket, "their-id")
    files.upload(storage.transport, ref, "photos/theirs.jpg", b"theirs")
    assert storage.listdir("") == ([], ["id:their-id", "mine.txt"])
    assert storage.listdir("photos") == ([], [])
    assert storage.open("id:their-id").read() == b"theirs"
    assert "files/their-id/view" in AppwriteStorage(
        bucket="b", database="appwrite", urls="public"
    ).url("id:their-id")
    storage.delete("id:their-id")
    assert storage.listdir("") == ([], ["mine.txt"])


def test_limits_of_the_bucket(make_storage, requests):
    storage = make_storage(max_size=10, extensions=["txt", "jpg"])
    assert save(storage, "a.TXT", b"0123456789") == "a.TXT"
    del requests[:]
    limits = (
        rf"was refused by bucket '{storage.bucket}'. Only files of up to 10 bytes with the extensions "
        "txt, jpg can be saved here."
    )
    with pytest.raises(FileRefused, match=rf"a\.png {limits}"):
        storage._save("a.png", ContentFile(b"x"))
    with pytest.raises(FileRefused, match=limits):
        storage._save("b.txt", ContentFile(b"x" * 11))
    with pytest.raises(FileRefused, match=limits):
        storage._save("b.txt", ContentFile("ä" * 10))
    assert requests == []


@pytest.mark.parametrize(
    ("name", "size", "problem"),
    [
        ("a.txt", 10, None),
        ("a.TXT", 0, None),
        ("a.png", 1, "Only files of up to 10 bytes with the extensions txt can be saved here."),
        ("a.txt", 11, "Only files of up to 10 bytes with the extensions txt can be saved here."),
        (f"{'日' * 170}.txt", 1, "takes 514 bytes; Appwrite keeps 500."),
        ("id:a.txt", 1, "is kept for files that other clients"),
    ],
)
def test_forms_say_what_the_bucket_takes(make_storage, monkeypatch, requests, name, size, problem):
    storage = make_storage(max_size=10, extensions=["txt"])
    field = Everything._meta.get_field("file")
    monkeypatch.setattr(field, "storage", storage)
    monkeypatch.setattr(field, "validators", [validate_upload])
    row = Everything(file=ContentFile(b"x" * size, name))
    if problem is None:
        field.clean(row.file, row)
    else:
        with pytest.raises(ValidationError) as caught:
            field.clean(row.file, row)
        assert problem in caught.value.messages[0]
    # What is stored already, or elsewhere, is not asked about.
    old = Everything(file="gone.png")
    field.clean(old.file, old)
    monkeypatch.setattr(field, "storage", storages["default"])
    elsewhere = Everything(file=ContentFile(b"x" * 99, "a.png"))
    field.clean(elsewhere.file, elsewhere)
    assert requests == []


def test_serializers_say_what_the_bucket_takes(make_storage, monkeypatch, settings):
    """Django REST framework validates the upload, before there is a row."""
    settings.ROOT_URLCONF = "testproject.urls"
    field = Everything._meta.get_field("file")
    monkeypatch.setattr(field, "storage", make_storage(extensions=["txt"]))
    monkeypatch.setattr(field, "validators", [validate_upload])
    # Made here, because it reads the field's validators.
    made = type("Meta", (), {"model": Everything, "fields": ["file"]})
    serializer = type("Serializer", (serializers.ModelSerializer,), {"Meta": made})
    assert serializer(data={"file": SimpleUploadedFile("a.txt", b"x")}).is_valid()
    refused = serializer(data={"file": SimpleUploadedFile("a.png", b"x")})
    assert not refused.is_valid()
    assert "with the extensions txt" in refused.errors["file"][0]
    gone = Everything(file="gone.txt")
    assert "/view/gone.txt?signature=" in serializer(gone).data["file"]


@pytest.mark.parametrize("name", [".txt", "..txt"])
def test_another_name_keeps_its_extension(make_storage, name):
    """Django makes these of names such as ``?.txt``; a bucket may insist on the extension."""
    storage = make_storage(unique_names=True, extensions=["txt"])
    assert save(storage, f"dir/{name}").endswith(".txt")


@pytest.mark.local_only("a real server takes larger files")
def test_the_limit_of_the_server(storage):
    with pytest.raises(FileRefused, match="Only files of up to the server's limit"):
        save(storage, "big.bin", b"x" * 30_000_001)
    assert storage.listdir("") == ([], [])


def test_a_missing_bucket_names_the_command(storage):
    ref = FileRef("no-such-bucket", "f")
    with pytest.raises(BucketNotFound, match=r"Run manage.py appwrite_migrate"):
        files.get_file(storage.transport, ref)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, '"BUCKET" must be the id of a bucket'),
        ({"BUCKET": "a b"}, '"BUCKET" must be the id of a bucket'),
        ({"BUCKET": "b", "NOPE": 1}, "have no key 'NOPE'"),
        ({"BUCKET": "b", "EXTENSIONS": [".JPG"]}, "which no file can match: write 'jpg'"),
        ({"BUCKET": "b", "EXTENSIONS": "jpg"}, '"EXTENSIONS" must be a list of strings'),
        ({"BUCKET": "b", "MAX_SIZE": 0}, '"MAX_SIZE" must be a number of bytes'),
        ({"BUCKET": "b", "URLS": "cdn"}, '"URLS" must be one of public, token, django'),
        ({"BUCKET": "b", "COMPRESSION": "lzma"}, '"COMPRESSION" must be one of none, gzip, zstd'),
        ({"BUCKET": "b", "ENCRYPTION": 1}, '"ENCRYPTION" must be True or False'),
        ({"BUCKET": "b", "URL_TIMEOUT": "x"}, '"URL_TIMEOUT" must be a number of seconds'),
        ({"BUCKET": "b", "PUBLIC_ENDPOINT": "x"}, '"PUBLIC_ENDPOINT" must be an address'),
    ],
)
def test_options_that_are_not_valid(options, problem):
    with pytest.raises(ImproperlyConfigured, match=problem):
        AppwriteStorage(**options)


OPTIONS = {"DATABASE": "appwrite", "BUCKET": "media", "PERMISSIONS": ['read("any")']}


def test_settings_name_a_storage():
    backend = {"BACKEND": "appwrite_orm_django.storage.AppwriteStorage", "OPTIONS": OPTIONS}
    with override_settings(STORAGES={"default": backend}):
        storage = storages["default"]
    assert storage == AppwriteStorage(**OPTIONS)
    assert storage.settings.permissions == ('read("any")',)


def test_migrations_keep_the_options():
    field = models.FileField(storage=AppwriteStorage(**OPTIONS))
    path, args, kwargs = field.storage.deconstruct()
    assert (path, args, kwargs) == ("appwrite_orm_django.storage.AppwriteStorage", (), OPTIONS)
    assert AppwriteStorage(**kwargs) == field.storage
    assert AppwriteStorage(bucket="other") != field.storage


def address(url):
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}", {
        name: values[0] for name, values in parse_qs(parts.query).items()
    }


def test_public_addresses_take_no_request(make_storage, requests):
    storage = make_storage(urls="public", public_endpoint="https://files.example.org/v1")
    path = f"https://files.example.org/v1/storage/buckets/{storage.bucket}/files/{id_of('a/b.jpg')}"
    project = storage.transport.project
    assert address(storage.url("a/b.jpg")) == (f"{path}/view", {"project": project})
    assert address(storage.url("a/b.jpg", download=True)) == (
        f"{path}/download",
        {"project": project},
    )
    assert address(storage.url("a/b.jpg", width=320, border_width=2)) == (
        f"{path}/preview",
        {"project": project, "width": "320", "borderWidth": "2"},
    )
    with pytest.raises(TypeError, match="no option 'with'"):
        storage.url("a/b.jpg", **{"with": 1})
    with pytest.raises(TypeError, match="cannot be a download"):
        storage.url("a/b.jpg", download=True, width=1)
    assert requests == []


def test_tokens_are_kept(make_storage, requests):
    storage = make_storage(urls="token", public_endpoint="https://files.example.org/v1")
    name = save(storage, "a.txt")
    del requests[:]
    token = address(storage.url(name))[1]["token"]
    assert address(storage.url(name, width=10))[1]["token"] == token
    assert [request.path for request in requests] == [
        f"/tokens/buckets/{storage.bucket}/files/{id_of(name)}"
    ]
    # Those with a longer and a shorter life are others, and are kept as well.
    others = [address(storage.url(name, timeout=life))[1]["token"] for life in (7 * 86400, 60)]
    assert len({token, *others}) == 3
    assert len(requests) == 3
    for life, expected in zip((3600, 7 * 86400, 60), (token, *others), strict=True):
        assert address(storage.url(name, timeout=life))[1]["token"] == expected
    assert len(requests) == 3


def test_a_token_does_not_outlive_its_file(make_storage):
    """The tokens of a file are void when it is deleted, whichever process has asked for them."""
    storage = make_storage(urls="token")
    name = save(storage, "a.txt")
    token = address(storage.url(name))[1]["token"]
    storage.delete(name)
    save(storage, name)
    assert address(storage.url(name))[1]["token"] != token


def test_a_token_is_forgotten_by_every_process(make_storage):
    """Another process deletes and saves: this one asks the cache that both share."""
    storage, other = (make_storage(urls="token") for _ in range(2))
    name = save(storage, "a.txt")
    token = address(storage.url(name))[1]["token"]
    files.delete_file(storage.transport, storage.ref(name))  # by a client that is not Django
    save(other, name, b"new")
    kept = address(storage.url(name))[1]["token"]
    assert kept != token


@pytest.mark.parametrize("method", ["get", "set", "delete"])
def test_a_cache_that_fails_costs_a_request_for_each_token(
    make_storage, monkeypatch, caplog, method
):
    storage = make_storage(urls="token")
    name = save(storage, "a.txt")
    monkeypatch.setattr(type(storage._token_cache), method, lambda *_, **__: 1 / 0)
    if method == "delete":
        storage.delete(name)
    else:
        assert address(storage.url(name))[1]["token"]
    assert "the token of a file could not be" in caplog.text


@pytest.mark.parametrize("urls", ["public", "token", "django"])
@pytest.mark.parametrize(
    "name", ["gone.jpg", "/media/old.jpg", "../up.jpg", ".", "\udc80", "nul\0"]
)
def test_an_address_needs_no_file(make_storage, settings, client, urls, name):
    """Lists, the admin and serializers ask for the address of every row, whatever its file."""
    settings.ROOT_URLCONF = "testproject.urls"
    storage = make_storage(urls=urls, permissions=['read("any")'] if urls == "public" else [])
    save(storage, "here.jpg")
    for options in ({}, {"width": 10}, {"download": True}):
        assert ".." not in storage.url(name, **options)
        assert "token" not in storage.url(name, **options)


@pytest.mark.local_only("its endpoint is local:")
def test_a_server_in_the_process_is_reached_through_django(make_storage):
    assert make_storage().urls == "django"
    assert make_storage(urls="token").urls == "token"


def test_content_types_are_the_servers(storage):
    assert storage.content_type(save(storage, "a.jpg", b"%PDF-1.4\n")) == "application/pdf"


@pytest.mark.parametrize("urls", ["public", "token", "django"])
@pytest.mark.parametrize("timeout", [0, -1, 1.5, "60", True, 10**10])
def test_an_address_cannot_be_valid_for(make_storage, urls, timeout):
    """No server or view accepts such an address."""
    with pytest.raises(ValueError, match="timeout must be a number of whole seconds"):
        make_storage(urls=urls).url("a.txt", timeout=timeout)


@pytest.mark.django_db(databases=["appwrite"], transaction=True)
class TestUpdatesWithoutSave:
    """No update may name a file that was not uploaded: it may be that of another row."""

    @pytest.mark.parametrize("count", [1, 2])
    def test_bulk_update(self, count, requests):
        rows = [Everything.objects.create(file="old.txt") for _ in range(count)]
        for row in rows:
            row.file = ContentFile(b"new", "new.txt")
        del requests[:]
        with pytest.raises(ValueError, match=r"library_everything\.file: .*'new.txt'.* save\(\)"):
            Everything.objects.bulk_update(rows, ["file"])
        assert not [request for request in requests if request.method != "GET"]
        assert {row.file.name for row in Everything.objects.all()} == {"old.txt"}

    @pytest.mark.parametrize(
        "value",
        [
            ContentFile(b"new"),
            ContentFile(b"new", "new.txt"),
            models.Value(ContentFile(b"new", "new.txt"), output_field=models.FileField()),
        ],
    )
    def test_update(self, value):
        row = Everything.objects.create(file="old.txt")
        with pytest.raises(ValueError, match="was not uploaded"):
            Everything.objects.update(file=value)
        row.refresh_from_db()
        assert row.file.name == "old.txt"

    def test_files_that_are_stored(self, storage, monkeypatch):
        monkeypatch.setattr(Everything._meta.get_field("file"), "storage", storage)
        row = Everything.objects.create(file=ContentFile(b"new", "new.txt"))
        other = Everything.objects.create()
        Everything.objects.filter(pk=other.pk).update(file=row.file)
        other.refresh_from_db()
        assert other.file.name == "new.txt"
        other.file, row.file = None, "named.txt"
        Everything.objects.bulk_update([other, row], ["file"])
        assert {one.file.name for one in Everything.objects.all()} == {"", "named.txt"}
