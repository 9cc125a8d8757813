"""Uploads and downloads that are disturbed, or meet those of other clients."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests as requests_library
import responses
from django.core.files.base import ContentFile
from requests.adapters import BaseAdapter

from appwrite_local import files as local_files
from appwrite_orm_django.client import files
from appwrite_orm_django.client.errors import AppwriteError, WriteRefused
from appwrite_orm_django.client.files import CHUNK_BYTES, FileRef, Span
from appwrite_orm_django.client.retries import Backoff
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.files import reading, uploading
from appwrite_orm_django.files.names import id_of

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
        if self.how in ("after", "500 after"):
            self.inner.send(request, *args, **options)
        if self.how in ("before", "after"):
            raise requests_library.ConnectionError("cut", request=request)
        answer = requests_library.Response()
        answer.status_code = 503 if self.how == "503" else 500
        answer._content = b'{"message":"Server Error","code":500,"type":"general_unknown"}'
        answer.headers["content-type"] = "application/json"
        answer.request = request
        return answer

    def close(self) -> None:
        pass


#: Three chunks of the size that ``small_chunks`` sets.
CHUNK = 64 * 1024
CHUNKS = BIG[: 2 * CHUNK + 5]
FAULTS = ["before", "after", "503", "500 before", "500 after"]


@pytest.fixture
def quick(appwrite: Any, monkeypatch: pytest.MonkeyPatch) -> Transport:
    """The transport, which does not sleep before it tries again."""
    transport = appwrite.key_transport
    monkeypatch.setattr(transport, "_backoff", Backoff(sleep=lambda _: None))
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
                assert lasting or how.startswith("500"), f"one fault at request {at} is survived"
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
            if how.startswith("500"):
                with pytest.raises(AppwriteError):
                    storage.open(NAME).read()
            else:
                assert storage.open(NAME).read() == content


@pytest.mark.local_only("disturbs each request")
@pytest.mark.parametrize("how", FAULTS)
def test_every_fault_of_a_deletion(storage: Any, quick: Transport, stored: Any, how: str) -> None:
    storage.save(NAME, ContentFile(SMALL))
    with quick.through(lambda inner: Disturbed(inner, how, 1, lasting=False)):
        if how.startswith("500"):
            with pytest.raises(AppwriteError) as caught:
                storage.delete(NAME)
            assert caught.value.ambiguous
        else:
            storage.delete(NAME)
            assert stored() == {}


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
        import json

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
        import json

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
