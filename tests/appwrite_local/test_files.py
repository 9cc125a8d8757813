"""Files of the local server beyond the recordings: where their contents lie, and several servers."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from appwrite_local.adapter import local_session
from appwrite_local.files import CHUNK_BYTES
from appwrite_local.messages import Request
from appwrite_local.mime_types import guess_type, shown_type
from appwrite_local.server import MAX_BODY_BYTES, LocalServer
from appwrite_local.wsgi import running_http_server

ENDPOINT = "http://appwrite.test/v1"
HEADERS = {"X-Appwrite-Project": "demo", "X-Appwrite-Key": "secret"}
FILES = "/storage/buckets/media/files"


class Project:
    """A project with the bucket ``media``, spoken to in one line a request."""

    def __init__(self, server: LocalServer, endpoint: str = ENDPOINT) -> None:
        self.server = server
        self.endpoint = endpoint
        self.session = local_session(server, HEADERS) if endpoint == ENDPOINT else self._http()

    def _http(self) -> requests.Session:
        session = requests.Session()
        session.headers.update(HEADERS)
        return session

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.endpoint + path, **options)

    def bucket(self, **options: Any) -> None:
        body = {"bucketId": "media", "name": "media", "encryption": False, **options}
        assert self.send("POST", "/storage/buckets", json=body).status_code == 201

    def upload(
        self, file_id: str, content: bytes, name: str = "a.txt", **headers: str
    ) -> requests.Response:
        return self.send(
            "POST",
            FILES,
            data={"fileId": file_id},
            files={"file": (name, content)},
            headers={key.replace("_", "-"): value for key, value in headers.items()},
        )

    def chunk(self, file_id: str, number: int, content: bytes) -> requests.Response:
        start = number * CHUNK_BYTES
        part = content[start : start + CHUNK_BYTES]
        place = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
        return self.upload(file_id, part, Content_Range=place, X_Appwrite_ID=file_id)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    server = LocalServer(str(tmp_path / "dev.sqlite3"))
    project = Project(server)
    project.bucket()
    yield project
    project.session.close()
    server.close()


def contents(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "dev.sqlite3.files").iterdir())


def test_contents_lie_beside_the_sqlite_file(project: Project, tmp_path: Path) -> None:
    content = b"0123456789" * CHUNK_BYTES
    content = content[: CHUNK_BYTES + 7]
    project.upload("small", b"small")
    assert project.chunk("big", 1, content).json()["chunksUploaded"] == 1
    assert contents(tmp_path) == ["1", "2.1"]
    assert project.chunk("big", 0, content).json()["chunksUploaded"] == 2
    assert contents(tmp_path) == ["1", "2"]
    assert (tmp_path / "dev.sqlite3.files" / "2").read_bytes() == content
    assert project.send("DELETE", f"{FILES}/small").status_code == 204
    assert contents(tmp_path) == ["2"]
    assert project.send("DELETE", "/storage/buckets/media").status_code == 204
    assert contents(tmp_path) == []


def test_the_chunks_of_an_abandoned_upload_go_with_it(project: Project, tmp_path: Path) -> None:
    project.chunk("big", 0, b"x" * (CHUNK_BYTES + 1))
    assert contents(tmp_path) == ["1.0"]
    assert project.send("DELETE", f"{FILES}/big").status_code == 204
    assert contents(tmp_path) == []


def test_content_stays_if_its_deletion_is_not_stored(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes go after the commit, so a failed one loses nothing."""
    project.upload("f", b"kept")

    def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("disk full")

    from appwrite_local import files

    route = next(
        route
        for routes in project.server._router._by_shape.values()
        for route in routes
        if route.handler is files.delete_file
    )
    deletes = route.handler

    def deletes_and_fails(call: Any) -> Any:
        deletes(call)
        return fail()

    object.__setattr__(route, "handler", deletes_and_fails)
    assert project.send("DELETE", f"{FILES}/f").status_code == 500
    object.__setattr__(route, "handler", deletes)
    assert project.send("GET", f"{FILES}/f/download").content == b"kept"


def test_two_servers_share_one_file(project: Project, tmp_path: Path) -> None:
    other = LocalServer(str(tmp_path / "dev.sqlite3"))
    with running_http_server(other) as endpoint:
        second = Project(other, endpoint)
        content = bytes(range(256)) * (CHUNK_BYTES // 128)
        assert project.chunk("f", 0, content).status_code == 201
        assert second.chunk("f", 1, content).json()["chunksUploaded"] == 2
        assert second.send("GET", f"{FILES}/f/download").content == content
        assert project.send("GET", f"{FILES}/f/download").content == content
        # Above 2 MB there is no length, in the process and over HTTP.
        for one in (project, second):
            whole = {"Accept-Encoding": "identity"}
            answer = one.send("GET", f"{FILES}/f/view", stream=True, headers=whole)
            assert "Content-Length" not in answer.headers
            answer.close()
            head = one.send("HEAD", f"{FILES}/f/view")
            assert (head.status_code, head.content) == (200, b"")
        assert second.send("DELETE", f"{FILES}/f").status_code == 204
        assert project.send("GET", f"{FILES}/f/download").status_code == 404
        second.session.close()
    other.close()


def test_a_file_deleted_during_its_download_is_read_to_its_end(project: Project) -> None:
    content = b"abcdefgh" * 500_000
    project.upload("f", content)
    answer = project.send("GET", f"{FILES}/f/download", stream=True)
    pieces = answer.iter_content(1024)
    first = next(pieces)
    assert project.send("DELETE", f"{FILES}/f").status_code == 204
    assert first + b"".join(pieces) == content


def test_a_server_in_memory_reads_across_chunks() -> None:
    server = LocalServer()
    project = Project(server)
    project.bucket()
    content = bytes(range(251)) * (2 * CHUNK_BYTES // 251 + 1)
    for number in (2, 0, 1):
        project.chunk("f", number, content)
    start = CHUNK_BYTES - 3
    answer = project.send(
        "GET", f"{FILES}/f/download", headers={"Range": f"bytes={start}-{2 * CHUNK_BYTES + 2}"}
    )
    assert answer.content == content[start : 2 * CHUNK_BYTES + 3]
    assert project.send("GET", f"{FILES}/f/download").content == content
    server.close()


def test_bodies_beyond_12_mib_are_turned_away_in_the_process_too() -> None:
    server = LocalServer()
    path = "/v1" + FILES
    answer = server.handle(Request("POST", path, "", {}, b"x" * (MAX_BODY_BYTES + 1)))
    assert (answer.status, answer.body) == (413, b"")
    server.close()


def test_without_pillow_previews_are_not_implemented(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.upload("f", b"text")
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    answer = project.send("GET", f"{FILES}/f/preview")
    assert (answer.status_code, answer.json()["type"]) == (501, "storage_preview_unavailable")
    assert "pip install pillow" in answer.json()["message"]


@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"ID3\4", "audio/mpeg"),
        (b"\x1f\x8b\x08", "application/gzip"),
        (b"PK\3\4...word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"#!/bin/sh\necho\n", "text/x-shellscript"),
        (b"<!DOCTYPE html><p>", "text/html"),
        (b"[1, 2]", "application/json"),
        (b"[1, 2", "text/plain"),
        (b"a,b\n1\n", "text/plain"),
        (b"one line, no table", "text/plain"),
        ("Grüße".encode("latin-1"), "text/plain"),
        (b"\0\1\2\3\xff", "application/octet-stream"),
    ],
)  # fmt: skip
def test_types_are_guessed_from_the_content(content: bytes, mime_type: str) -> None:
    assert guess_type(content, len(content)) == mime_type


def test_view_shows_nothing_that_runs() -> None:
    shown = {name: shown_type(name) for name in ("image/png", "image/svg+xml", "text/html")}
    assert shown == {"image/png": "image/png", "image/svg+xml": "text/plain", "text/html": "text/plain"}  # fmt: skip
