"""``manage.py appwrite_files``."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.test import override_settings

from appwrite_orm_django.client import files
from appwrite_orm_django.client.files import CHUNK_BYTES, FileRef, Span
from tests.files.test_views import BACKEND, LOCAL

BIG = b"0123456789" * (CHUNK_BYTES // 5)
NAMES = ["a.txt", "big.bin", "photos/2026/b.jpg", "photos/ü c.jpg"]


@pytest.fixture
def both(make_storage: Any, tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    """A storage on disk with files, and one on Appwrite."""
    make_storage()
    named = {
        "default": {**LOCAL, "OPTIONS": {"location": str(tmp_path)}},
        "staticfiles": LOCAL,
        "media": {"BACKEND": BACKEND, "OPTIONS": {"BUCKET": "media", "DATABASE": "appwrite"}},
    }
    with override_settings(STORAGES=named):
        for name in NAMES:
            content = BIG if name == "big.bin" else name.encode()
            storages["default"].save(name, ContentFile(content))
        yield storages["default"], storages["media"]


def run(*arguments: str, **options: Any) -> str:
    written = io.StringIO()
    call_command("appwrite_files", *arguments, stdout=written, stderr=written, **options)
    return written.getvalue()


def content_of(storage: Any, name: str) -> bytes:
    with storage.open(name) as file:
        return file.read()


def test_all_files_are_copied_under_their_names(both: Any) -> None:
    disk, media = both
    size = sum(disk.size(name) for name in NAMES)
    assert run("copy", "default", "media", "--dry-run") == (
        f"4 files ({size:,} bytes) would be copied, 0 were there already.\n"
    )
    assert media.listdir("") == ([], [])
    assert (
        run("copy", "default", "media")
        == f"4 files ({size:,} bytes) copied, 0 were there already.\n"
    )
    for name in NAMES:
        assert media.open(name).read() == content_of(disk, name)
    assert run("copy", "default", "media") == "0 files (0 bytes) copied, 4 were there already.\n"
    # And back.
    disk.delete("photos/2026/b.jpg")
    assert "photos/2026/b.jpg: copied" in run("copy", "media", "default", verbosity=2)
    assert content_of(disk, "photos/2026/b.jpg") == b"photos/2026/b.jpg"


def test_some_files_are_copied(both: Any) -> None:
    run("copy", "default", "media", "a.txt", "photos")
    assert both[1].listdir("") == (["photos"], ["a.txt"])
    assert both[1].listdir("photos") == (["2026"], ["ü c.jpg"])


def test_another_content_is_left_alone(both: Any) -> None:
    media = both[1]
    media.save("a.txt", ContentFile(b"other"))
    with pytest.raises(CommandError, match="0 files failed and 1 have another content"):
        run("copy", "default", "media")
    assert media.open("a.txt").read() == b"other"
    assert media.listdir("")[1] == ["a.txt", "big.bin"]


@pytest.mark.local_only("disturbs the server")
def test_it_goes_on_after_an_error(both: Any, appwrite_faults: Any) -> None:
    with (
        appwrite_faults("error,status=500,method=POST,times=1"),
        pytest.raises(CommandError, match="1 files failed"),
    ):
        run("copy", "default", "media")
    assert "1 files" in run("copy", "default", "media")
    assert {*both[1].listdir("")[1], *both[1].listdir("")[0]} == {"a.txt", "big.bin", "photos"}


def test_an_unknown_storage(both: Any) -> None:
    with pytest.raises(
        CommandError, match=r"no entry 'nope'. There are default, media, staticfiles"
    ):
        run("copy", "default", "nope")
    with pytest.raises(CommandError, match="not an AppwriteStorage"):
        run("incomplete", "default")


def test_uploads_that_were_cut_off(both: Any) -> None:
    media = both[1]
    media.save("whole.txt", ContentFile(b""))
    ref = FileRef(media.bucket, "cut-off")
    files.upload(media.transport, ref, "cut.bin", BIG[:CHUNK_BYTES], None, Span(0, len(BIG)))
    assert run("incomplete", "media", "--delete") == "0 uploads deleted.\n"
    found = run("incomplete", "media", "--older-than", "0")
    assert "cut.bin: 1 of 2 chunks, begun" in found
    assert "1 uploads found." in found
    assert "1 uploads deleted." in run("incomplete", "media", "--older-than", "0", "--delete")
    assert [file["name"] for file in files.list_files(media.transport, media.bucket)] == [
        "whole.txt"
    ]
