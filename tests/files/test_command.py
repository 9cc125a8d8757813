"""``manage.py appwrite_files``."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.test import override_settings

from appwrite_orm_django.client import files
from appwrite_orm_django.client.files import CHUNK_BYTES, FileRef, Span
from appwrite_orm_django.files import uploading
from appwrite_orm_django.management.commands import appwrite_files
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
        f"4 files ({size:,} bytes) would be copied, 0 already present.\n"
    )
    assert media.listdir("") == ([], [])
    assert (
        run("copy", "default", "media") == f"4 files ({size:,} bytes) copied, 0 already present.\n"
    )
    for name in NAMES:
        assert media.open(name).read() == content_of(disk, name)
    assert run("copy", "default", "media") == "0 files (0 bytes) copied, 4 already present.\n"
    # And back.
    disk.delete("photos/2026/b.jpg")
    assert "photos/2026/b.jpg: copied" in run("copy", "media", "default", verbosity=2)
    assert content_of(disk, "photos/2026/b.jpg") == b"photos/2026/b.jpg"


def test_some_files_are_copied(both: Any) -> None:
    run("copy", "default", "media", "a.txt", "photos")
    assert both[1].listdir("") == (["photos"], ["a.txt"])
    assert both[1].listdir("photos") == (["2026"], ["ü c.jpg"])


def test_a_file_and_what_is_below_its_name_are_copied(both: Any) -> None:
    """Directories exist as parts of names only, so a name can be both."""
    _, media = both
    for name in ("both", "both/below"):
        media.save(name, ContentFile(name.encode()))
    with override_settings(
        STORAGES={
            **settings.STORAGES,
            "other": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        }
    ):
        assert "both: copied" in run("copy", "media", "other", "both", "--dry-run", verbosity=2)
        assert "2 files (14 bytes)" in run("copy", "media", "other", "both", "--dry-run")


def test_another_content_is_left_alone(both: Any) -> None:
    media = both[1]
    media.save("a.txt", ContentFile(b"other"))
    with pytest.raises(CommandError, match="0 failed, 1 differ in the target"):
        run("copy", "default", "media")
    assert media.open("a.txt").read() == b"other"
    assert media.listdir("")[1] == ["a.txt", "big.bin"]


@pytest.mark.local_only("disturbs the server")
def test_it_goes_on_after_an_error(both: Any, appwrite_faults: Any) -> None:
    with (
        appwrite_faults("expired-key,method=POST,times=1"),
        pytest.raises(CommandError, match="1 failed"),
    ):
        run("copy", "default", "media")
    assert "1 file " in run("copy", "default", "media")
    assert {*both[1].listdir("")[1], *both[1].listdir("")[0]} == {"a.txt", "big.bin", "photos"}


def failing(*arguments: str, **options: Any) -> tuple[str, str]:
    """Return what a run printed, and the error with which it ended."""
    written = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("appwrite_files", *arguments, stdout=written, stderr=written, **options)
    return written.getvalue(), str(caught.value)


@pytest.mark.parametrize("dry_run", [True, False])
def test_odd_names_are_reported_and_the_others_copied(
    both: Any, tmp_path: Path, dry_run: bool
) -> None:
    odd = {
        "id:mine.txt": "kept for files that other clients have uploaded",
        '"quoted"': "Appwrite drops the quotes",
        "'\\udcff.txt'": "cannot be the name of a file",
        f"{'日' * 85}/{'本' * 82}": "takes 502 bytes; Appwrite keeps 500",
    }
    for name in ("id:mine.txt", '"quoted"', os.fsdecode(b"\xff.txt"), f"{'日' * 85}/{'本' * 82}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"odd")
    (tmp_path / "z.txt").write_bytes(b"last")
    output, error = failing("copy", "default", "media", *(["--dry-run"] if dry_run else []))
    for name, why in odd.items():
        (line,) = [line for line in output.splitlines() if line.startswith(f"{name}: ")]
        assert why in line
    assert "4 failed, 0 differ in the target" in error
    assert "5 files (" in output
    assert both[1].exists("z.txt") == (not dry_run)


def test_what_the_bucket_refuses_is_reported_by_a_dry_run(both: Any) -> None:
    options = {"BUCKET": "media", "DATABASE": "appwrite", "EXTENSIONS": ["txt"]}
    named = {
        **{name: dict(each) for name, each in settings.STORAGES.items()},
        "media": {"BACKEND": BACKEND, "OPTIONS": options},
    }
    with override_settings(STORAGES=named):
        output, error = failing("copy", "default", "media", "--dry-run")
    assert "\nphotos/2026/b.jpg was refused by bucket" in output
    assert "3 failed" in error


def test_what_is_not_there_or_cannot_be_listed_is_reported(both: Any, tmp_path: Path) -> None:
    for name in ("nope.txt", "nope/", "../up.txt", "/etc/hostname"):
        for source in ("default", "media"):
            output, error = failing("copy", source, "media", name, "--dry-run")
            assert output.startswith(name.rstrip("/")), (name, source)
            assert "1 failed" in error, (name, source)
    with pytest.MonkeyPatch.context() as patch:
        listdir = type(both[0]).listdir

        def denied(self: Any, path: str) -> Any:
            if path == "photos/2026":
                raise PermissionError("denied")
            return listdir(self, path)

        patch.setattr(type(both[0]), "listdir", denied)
        output, error = failing("copy", "default", "media")
    assert "photos/2026: denied" in output
    assert "3 files (" in output
    assert "1 failed" in error


def test_a_long_copy_tells_how_far_it_is(both: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appwrite_files, "_EACH", 2)
    assert run("copy", "default", "media").splitlines()[:2] == [
        "2 files so far, 2 copied ...", "4 files so far, 4 copied ...",
    ]  # fmt: skip
    assert "so far" not in run("copy", "default", "media", verbosity=0)


def test_a_copy_that_was_interrupted_is_resumed(both: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C leaves nothing; a process that was killed leaves an upload that is reported."""
    disk, media = both
    upload = files.upload

    def interrupted(*args: Any) -> Any:
        if isinstance(args[-1], Span) and args[-1].start:
            raise KeyboardInterrupt
        return upload(*args)

    with monkeypatch.context() as patch:
        patch.setattr(files, "upload", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("copy", "default", "media")
        assert media.listdir("") == ([], ["a.txt"])
        patch.setattr(uploading._Upload, "_remove", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            run("copy", "default", "media")
    output, error = failing("copy", "default", "media")
    assert "big.bin: an upload of it to media was cut off, or is under way." in output
    assert "appwrite_files incomplete media --delete --older-than 0" in output
    assert "1 incomplete there" in error
    assert sorted(media.listdir("")[1]) == ["a.txt"]
    assert "1 upload deleted." in run("incomplete", "media", "--older-than", "0", "--delete")
    assert "1 file " in run("copy", "default", "media")
    for name in NAMES:
        assert content_of(media, name) == content_of(disk, name)


def test_a_name_that_another_client_takes_meanwhile(
    both: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = both[1]
    available = type(media).is_name_available

    def slow(self: Any, name: str, max_length: int | None = None) -> bool:
        found = available(self, name, max_length)
        if name == "a.txt":
            self._save(name, ContentFile(b"faster"))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(type(media), "is_name_available", slow)
        output, _ = failing("copy", "default", "media", "a.txt")
    assert "a.txt: media has another file of this name." in output
    assert media.open("a.txt").read() == b"faster"
    assert media.listdir("") == ([], ["a.txt"])


def test_an_upload_that_ends_while_it_is_looked_at_is_kept(
    both: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = both[1]
    media.save("warm", ContentFile(b""))
    ref = FileRef(media.bucket, "slow")
    files.upload(media.transport, ref, "slow.bin", BIG[:CHUNK_BYTES], None, Span(0, len(BIG)))
    listed = list(files.list_files(media.transport, media.bucket))
    last = Span(CHUNK_BYTES, len(BIG))
    files.upload(media.transport, ref, "slow.bin", BIG[CHUNK_BYTES:], None, last)
    monkeypatch.setattr(files, "list_files", lambda *_: listed)
    assert "0 uploads deleted." in run("incomplete", "media", "--older-than", "0", "--delete")
    assert media.open("id:slow").read() == BIG
    listed = [{**listed[-1], "$id": "gone"}]
    assert "0 uploads deleted." in run("incomplete", "media", "--older-than", "0", "--delete")


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
    assert "1 upload found." in found
    assert "1 upload deleted." in run("incomplete", "media", "--older-than", "0", "--delete")
    assert [file["name"] for file in files.list_files(media.transport, media.bucket)] == [
        "whole.txt"
    ]
