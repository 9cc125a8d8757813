"""Uploads and downloads that are disturbed, or meet those of other clients."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests as requests_library
import responses
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError
from requests.adapters import BaseAdapter

from appwrite_local import files as local_files
from appwrite_orm_django.client import files
from appwrite_orm_django.client.errors import AppwriteError, WriteRefused
from appwrite_orm_django.client.files import CHUNK_BYTES, FileRef, Span
from appwrite_orm_django.client.guard import Guard
from appwrite_orm_django.client.retries import Backoff
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.files import copying, reading, uploading
from appwrite_orm_django.files.names import id_of
from tests.files.conftest import deleting_files
from tests.library.models import Everything

SMALL = b"small content"
BIG = b"0123456789" * (CHUNK_BYTES // 5) + b"the third chunk"
NAME = "dir/f.bin"


class Disturbed(BaseAdapter):
    """Disturb the request of a number, counted from 1, and all that follow if it is ``lasting``."""

    def __init__(self, inner: BaseAdapter, how: str, at: int, *, lasting: bool) -> None:
        super().__init__()
        self.inner = inner
        self.how = how
        self.at = at
        self.lasting = lasting
        self.count = 0

    def send(self, request: Any, *args: Any, **options: Any) -> requests_library.Response:
        self.count += 1
        if self.count != self.at and not (self.lasting and self.count > self.at):
            return self.inner.send(request, *args, **options)
        what, _, when = self.how.partition(" ")
        if when == "after":
            self.inner.send(request, *args, **options)
        if what in ERRORS:
            raise ERRORS[what]("disturbed", request=request)
        answer = requests_library.Response()
        answer.status_code = int(what)
        body = {"message": "Disturbed", "code": int(what), "type": TYPES[what]}
        answer._content = json.dumps(body).encode()
        answer.headers["content-type"] = "application/json"
        answer.request = request
        return answer

    def close(self) -> None:
        pass


ERRORS = {"cut": requests_library.ConnectionError, "time-out": requests_library.ReadTimeout}
TYPES = {
    "400": "general_argument_invalid", "401": "user_unauthorized", "403": "general_access_forbidden",
    "429": "general_rate_limit_exceeded", "500": "general_unknown", "503": "general_unknown",
}  # fmt: skip
#: Three chunks of the size that ``small_chunks`` sets.
CHUNK = 64 * 1024
CHUNKS = BIG[: 2 * CHUNK + 5]
#: What the client sees, and whether the server had done the request (``after``) or not.
FAULTS = [
    "cut before", "cut after", "time-out before", "time-out after", "503", "500 before", "500 after",
    "400", "401", "403", "429",
]  # fmt: skip
#: Those that one more attempt gets over, and that a caller therefore never sees once.
SURVIVED = ("cut", "time-out", "503", "429")


@pytest.fixture
def quick(appwrite: Any, monkeypatch: pytest.MonkeyPatch) -> Transport:
    """The transport, which neither sleeps before it tries again nor leaves the server alone."""
    transport = appwrite.key_transport
    monkeypatch.setattr(transport, "_backoff", Backoff(sleep=lambda _: None))
    monkeypatch.setattr(Guard, "refusal", lambda *_: None)
    return transport


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides use chunks of 64 KiB, since these tests upload a hundred times."""
    for module in (uploading, reading, local_files):
        monkeypatch.setattr(module, "CHUNK_BYTES", CHUNK)
    monkeypatch.setattr(reading, "FIRST_BYTES", CHUNK // 4)


def requests_of(transport: Transport, action: Callable[[], Any]) -> int:
    with transport.through(lambda inner: Disturbed(inner, "none", 0, lasting=False)):
        adapter = transport._pool.session.get_adapter(transport._base_url)
        action()
        return adapter.count


@pytest.mark.local_only("disturbs each request")
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize("content", [SMALL, CHUNKS], ids=["whole", "chunks"])
@pytest.mark.usefixtures("small_chunks")
def test_every_fault_at_every_request_of_an_upload(
    storage: Any, quick: Transport, stored: Any, content: bytes, how: str, lasting: bool
) -> None:
    storage.save("other", ContentFile(b"other"))
    count = requests_of(quick, lambda: storage.save(NAME, ContentFile(content)))
    storage.delete(NAME)
    for at in range(1, count + 1):
        name = None
        with quick.through(lambda inner, at=at: Disturbed(inner, how, at, lasting=lasting)):
            try:
                name = storage.save(NAME, ContentFile(content))
            except AppwriteError:
                assert lasting or not how.startswith(SURVIVED), f"request {at}"
        left = stored()
        assert left.pop("other") == b"other"
        if name is not None:
            # Saved once, whole, under the name that was returned.
            assert left == {name: content}, at
        elif not lasting:
            assert left == {}, at
        else:
            # The server cannot be asked: nothing, an incomplete file, or all of it.
            assert left in ({}, {NAME: None}, {NAME: content}), at
        # Whatever was left, it can be saved again, and nothing is mixed.
        again = storage.save(NAME, ContentFile(content))
        assert storage.open(again).read() == content
        for name in stored().keys() - {"other"}:
            storage.delete(name)


@pytest.mark.local_only("disturbs each request")
@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize("content", [SMALL, CHUNKS], ids=["whole", "ranges"])
@pytest.mark.usefixtures("small_chunks")
def test_every_fault_at_every_request_of_a_download(
    storage: Any, quick: Transport, content: bytes, how: str
) -> None:
    storage.save(NAME, ContentFile(content))
    count = requests_of(quick, lambda: storage.open(NAME).read())
    for at in range(1, count + 1):
        with quick.through(lambda inner, at=at: Disturbed(inner, how, at, lasting=False)):
            if how.startswith(SURVIVED):
                assert storage.open(NAME).read() == content
            else:
                with pytest.raises(AppwriteError):
                    storage.open(NAME).read()


@pytest.mark.local_only("disturbs each request")
@pytest.mark.parametrize("how", FAULTS)
def test_every_fault_of_a_deletion(storage: Any, quick: Transport, stored: Any, how: str) -> None:
    storage.save(NAME, ContentFile(SMALL))
    with quick.through(lambda inner: Disturbed(inner, how, 1, lasting=False)):
        # On some engines, 500 may mean that a write lost a race.
        if how.startswith((*SURVIVED, "500") if quick.loses_races else SURVIVED):
            storage.delete(NAME)
            assert stored() == {}
        else:
            with pytest.raises(AppwriteError) as caught:
                storage.delete(NAME)
            assert caught.value.ambiguous == how.startswith("500")
    assert stored() in ({}, {NAME: SMALL})
    storage.delete(NAME)
    assert stored() == {}


@pytest.fixture
def model(storage: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Everything]]:
    yield from deleting_files(storage, monkeypatch)


def save_row(model: type[Everything], key: str) -> None:
    row = model.objects.nocache().get(pk=key)
    row.file = ContentFile(b"new content", "new.bin")
    row.save()


@pytest.mark.local_only("disturbs each request")
@pytest.mark.django_db(databases=["appwrite"], transaction=True)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize("action", ["replace", "delete"])
def test_every_fault_at_every_request_of_a_row(
    model: Any, storage: Any, quick: Transport, stored: Any, action: str, how: str, lasting: bool
) -> None:
    """Whatever happens, a row that is there has its file, and no content is stored twice."""

    def act(key: str) -> None:
        if action == "replace":
            save_row(model, key)
        else:
            model.objects.nocache().get(pk=key).delete()

    key = model.objects.create(file=ContentFile(SMALL, "old.bin")).pk
    count = requests_of(quick, lambda: act(key))
    assert count >= 4
    for at in range(1, count + 1):
        model.objects.all().delete()
        for left in stored():
            storage.delete(left)
        key = model.objects.create(file=ContentFile(SMALL, "old.bin")).pk
        raised = False
        with quick.through(lambda inner, at=at: Disturbed(inner, how, at, lasting=lasting)):
            try:
                act(key)
            except DatabaseError:
                raised = True
        files_left = stored()
        contents = list(files_left.values())
        row = model.objects.nocache().filter(pk=key).first()
        assert len(contents) == len(set(contents)), at
        assert set(contents) <= {SMALL, b"new content"}, at
        if row is not None:
            with row.file.open() as file:
                assert file.read() == files_left[row.file.name], at
        if not raised:
            # Only a deletion that has failed, which is logged, leaves the old file.
            assert row is None or row.file.name == "new.bin", at
            assert lasting or not how.startswith(SURVIVED) or SMALL not in contents, at
        elif action == "replace" and row is not None and row.file.name == "old.bin":
            assert SMALL in contents, at


@pytest.mark.local_only("disturbs each request")
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.usefixtures("small_chunks")
def test_every_fault_at_every_request_of_a_copy(
    storage: Any, quick: Transport, stored: Any, tmp_path: Path, how: str, lasting: bool
) -> None:
    """What a run did not copy, the next one does."""
    expected = {"a.txt": SMALL, "dir/b.bin": CHUNKS, "there.txt": b"there"}
    disk = FileSystemStorage(location=tmp_path)
    for name, content in expected.items():
        disk.save(name, ContentFile(content))

    def run() -> set[str]:
        outcomes = set()
        for name in expected:
            try:
                outcomes.add(copying.copy(disk, storage, name).outcome)
            except AppwriteError:
                outcomes.add("failed")
        return outcomes

    def clear() -> None:
        for name in stored():
            storage.delete(name)
        storage.save("there.txt", ContentFile(b"there"))

    storage.save("warm", ContentFile(b""))
    clear()
    count = requests_of(quick, run)
    for at in range(1, count + 1):
        clear()
        with quick.through(lambda inner, at=at: Disturbed(inner, how, at, lasting=lasting)):
            outcomes = run()
        if not lasting:
            assert outcomes <= {
                "copied",
                "there",
                *([] if how.startswith(SURVIVED) else ["failed"]),
            }
        for name, content in stored().items():
            assert content in (expected[name], None), at
        if "incomplete" in run():
            assert lasting
            for name, content in stored().items():
                if content is None:
                    storage.delete(name)
            run()
        assert stored() == expected, at
        assert run() == {"there"}, at


@pytest.mark.parametrize("content", [SMALL, BIG], ids=["whole", "chunks"])
def test_many_clients_save_one_name(storage: Any, stored: Any, content: bytes) -> None:
    storage.save("warm", ContentFile(b""))
    storage.delete("warm")
    together = threading.Barrier(4)

    def save(number: int) -> tuple[str, bytes]:
        own = bytes([number]) + content
        together.wait(timeout=60)
        return storage.save(NAME, ContentFile(own)), own

    with ThreadPoolExecutor(4) as pool:
        saved = dict(pool.map(save, range(4)))
    assert len(saved) == 4
    assert NAME in saved
    assert stored() == saved


def chunk(storage: Any, name: str, number: int, content: bytes) -> Any:
    ref = FileRef(storage.bucket, id_of(name))
    start = number * CHUNK_BYTES
    part = content[start : start + CHUNK_BYTES]
    return files.upload(storage.transport, ref, name, part, None, Span(start, len(content)))


@pytest.mark.parametrize("content", [SMALL, BIG], ids=["whole", "chunks"])
def test_an_upload_meets_one_that_is_under_way(storage: Any, stored: Any, content: bytes) -> None:
    """It takes another name, and the other one can be completed."""
    storage.save("warm", ContentFile(b""))
    storage.delete("warm")
    other = BIG[::-1]
    chunk(storage, NAME, 0, other)
    name = storage.save(NAME, ContentFile(content))
    assert name != NAME
    for number in (1, 2):
        chunk(storage, NAME, number, other)
    assert stored() == {NAME: other, name: content}


@pytest.mark.parametrize("content", [SMALL, BIG], ids=["whole", "chunks"])
def test_an_upload_begins_after_the_name_was_found_available(
    storage: Any, stored: Any, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.save("warm", ContentFile(b""))
    storage.delete("warm")
    other = BIG[::-1]
    available = type(storage).get_available_name

    def get_available_name(self: Any, name: str, max_length: int | None = None) -> str:
        found = available(self, name, max_length)
        if found == NAME:
            chunk(storage, NAME, 0, other)
        return found

    monkeypatch.setattr(type(storage), "get_available_name", get_available_name)
    name = storage.save(NAME, ContentFile(content))
    assert name != NAME
    assert stored() == {NAME: None, name: content}


def test_content_that_ends_too_early_leaves_nothing(storage: Any, stored: Any) -> None:
    class Shrinking(ContentFile):
        def read(self, size: int = -1) -> bytes:
            return super().read(size) if self.tell() < CHUNK_BYTES else b""

    storage.save("warm", ContentFile(b""))
    storage.delete("warm")
    with pytest.raises(ValueError, match="became shorter"):
        storage.save(NAME, Shrinking(BIG))
    assert stored() == {}


ENDPOINT = "https://appwrite.example/v1"
PATH = f"{ENDPOINT}/storage/buckets/media/files"
REF = FileRef("media", "f1")


@pytest.fixture
def transport() -> Transport:
    return Transport(ENDPOINT, "demo", "key", backoff=Backoff(sleep=lambda _: None), retries=1)


def answer(content: bytes = SMALL, **other: Any) -> dict[str, Any]:
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return {
        "$id": "f1", "name": "a;b.txt", "signature": digest, "sizeOriginal": len(content), "chunksTotal": 1,
        "chunksUploaded": 1, "$permissions": [], **other,
    }  # fmt: skip


@responses.activate
def test_what_an_upload_sends(transport: Transport) -> None:
    responses.post(PATH, json=answer(), status=201)
    uploading.save(transport, REF, "a;b.txt", ContentFile(SMALL), ['read("any")'])
    request = responses.calls[0].request
    boundary = request.headers["content-type"].removeprefix("multipart/form-data; boundary=")
    assert request.body.decode().split(f"--{boundary}\r\n")[1:] == [
        'Content-Disposition: form-data; name="fileId"\r\n\r\nf1\r\n',
        'Content-Disposition: form-data; name="permissions[]"\r\n\r\nread("any")\r\n',
        'Content-Disposition: form-data; name="file"; filename="a%3Bb.txt"\r\n\r\n'
        f"small content\r\n--{boundary}--\r\n",
    ]
    assert "content-range" not in request.headers


@responses.activate
def test_what_chunks_send(transport: Transport) -> None:
    def receive(request: Any) -> tuple[int, dict[str, str], str]:
        place = request.headers["content-range"]
        body = request.body.decode("latin-1")
        given = [line for line in body.split("\r\n") if line.startswith("read(")]
        seen.append((place, given))
        done = place.startswith("bytes 10485760-")
        file = answer(
            BIG, chunksTotal=3, chunksUploaded=3 if done else 1, **{"$permissions": given}
        )
        return 201, {}, json.dumps(file if done else {**file, "signature": ""})

    seen: list[tuple[str, list[str]]] = []
    responses.add_callback(responses.POST, PATH, receive)
    uploading.save(transport, REF, "a;b.txt", ContentFile(BIG), ['read("any")'])
    size = len(BIG)
    (first, mark), *others = seen
    assert first == f"bytes 0-5242879/{size}"
    assert mark[0].startswith('read("label:')
    assert others == [
        (f"bytes 5242880-10485759/{size}", ['read("any")']),
        (f"bytes 10485760-{size - 1}/{size}", ['read("any")']),
    ]


@responses.activate
def test_another_content_on_the_server_is_an_error(transport: Transport) -> None:
    """Two uploads without a mark, those of users, may have been mixed."""

    def receive(request: Any) -> tuple[int, dict[str, str], str]:
        parts = request.body.decode("latin-1").split("\r\n")
        given = [line for line in parts if line.startswith("read(")]
        done = "bytes 0-" not in request.headers["content-range"]
        file = answer(
            BIG, chunksTotal=3, chunksUploaded=3 if done else 1, **{"$permissions": given}
        )
        return 201, {}, json.dumps({**file, "signature": "0" * 32 if done else ""})

    responses.add_callback(responses.POST, PATH, receive)
    responses.delete(f"{PATH}/f1", status=204)
    with pytest.raises(WriteRefused, match="something else than was sent"):
        uploading.save(transport, REF, "a;b.txt", ContentFile(BIG))
    assert responses.calls[-1].request.method == "DELETE"


@responses.activate
def test_a_409_without_an_earlier_attempt_is_another_file(transport: Transport) -> None:
    body = {"message": "exists", "code": 409, "type": "storage_file_already_exists"}
    responses.post(PATH, json=body, status=409)
    with pytest.raises(uploading.NameTaken):
        uploading.save(transport, REF, "a;b.txt", ContentFile(SMALL))
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize("same", [True, False])
def test_a_409_after_a_lost_answer_may_be_our_own_file(transport: Transport, same: bool) -> None:
    body = {"message": "exists", "code": 409, "type": "storage_file_already_exists"}
    responses.post(PATH, body=requests_library.ConnectionError("lost"))
    responses.post(PATH, json=body, status=409)
    responses.get(f"{PATH}/f1", json=answer(SMALL if same else b"another"))
    if same:
        assert uploading.save(transport, REF, "a;b.txt", ContentFile(SMALL))["$id"] == "f1"
    else:
        with pytest.raises(uploading.NameTaken):
            uploading.save(transport, REF, "a;b.txt", ContentFile(SMALL))
