"""Copy files from one storage to another under their names, and go on where a run has stopped."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage

from appwrite_orm_django.client.errors import AppwriteError
from appwrite_orm_django.files.settings import InBucket

PIECE_BYTES = 1024 * 1024
#: Faults of one file or directory. ``SuspiciousOperation`` is for names.
FAULTS = (AppwriteError, OSError, ValueError, SuspiciousOperation)


@dataclass(frozen=True, slots=True)
class Copied:
    """
    What became of one file.

    Attributes:
        outcome: ``copied``; ``there`` if the target has the same content under its name;
            ``differs`` if the target has another content under it, and is left as it is;
            ``incomplete`` if an upload of that name to the target was cut off, or is under way.
        size: in bytes.
    """

    name: str
    outcome: Literal["copied", "there", "differs", "incomplete"]
    size: int


def names_in(
    storage: Storage, path: str, failed: Callable[[str, Exception], None]
) -> Iterator[str]:
    """
    Yield the names of all files in a storage, directory by directory.

    Args:
        path: the directory to begin with; empty for all.
        failed: called with the path of a directory that cannot be listed, and the error.
    """
    try:
        directories, files = storage.listdir(path)
    except FAULTS as error:
        failed(path, error)
        return
    for name in sorted(files):
        yield posixpath.join(path, name)
    for directory in sorted(directories):
        yield from names_in(storage, posixpath.join(path, directory), failed)


def chosen(
    storage: Storage, names: Sequence[str], failed: Callable[[str, Exception], None]
) -> Iterator[str]:
    """
    Yield the names of files, and of those in directories; without ``names``, of all files.

    Args:
        failed: called with what cannot be listed, or does not exist, and the error.
    """
    faults = 0

    def count(path: str, error: Exception) -> None:
        nonlocal faults
        faults += 1
        failed(path, error)

    for name in names or [""]:
        before, found = faults, False
        try:
            is_there = bool(name) and storage.exists(name)
            is_directory = is_there and _is_directory(storage, name)
        except FAULTS as error:
            failed(name, error)
            continue
        # Other storages say that a directory exists. Here a file and a directory can share a name.
        if is_there and (not is_directory or _is_ours(storage)):
            found = True
            yield name
        if not is_there or is_directory:
            for each in names_in(storage, name.rstrip("/"), count):
                found = True
                yield each
        if name and not found and faults == before:
            failed(name, FileNotFoundError("There is no such file, and nothing below it."))


def _is_directory(storage: Storage, name: str) -> bool:
    try:
        directories, files = storage.listdir(name)
    except (NotADirectoryError, FileNotFoundError):
        return False
    return bool(directories or files)


def copy(source: Any, target: Any, name: str, *, dry_run: bool = False) -> Copied:
    """
    Copy one file.

    Raises:
        FileNotFoundError: the source has no file of this name.
        SuspiciousFileOperation: the target cannot have a file of this name.
        OSError, ValueError, AppwriteError: it could not be read, or written.
    """
    size = source.size(name)
    if target.exists(name):
        same = target.size(name) == size and digest(source, name) == digest(target, name)
        return Copied(name, "there" if same else "differs", size)
    if _is_ours(target):
        target.check_savable(name, size)
        if not target.is_name_available(name):
            return Copied(name, "incomplete", size)
    if not dry_run and not _save(source, target, name):
        # Another client was faster.
        return Copied(name, "differs", size)
    return Copied(name, "copied", size)


def _save(source: Any, target: Any, name: str) -> bool:
    """Return whether the file was saved under its name, which is the one in the rows."""
    with source.open(name) as file:
        if _is_ours(target):
            with suppress(FileExistsError):
                target.save_as(name, file)
                return True
            return False
        saved = target.save(name, file)
    if saved != name:
        target.delete(saved)
    return bool(saved == name)


def _is_ours(storage: object) -> bool:
    return isinstance(storage, InBucket)


def digest(storage: Any, name: str) -> str:
    """Return the MD5 of a file's content, without reading it where the storage knows it."""
    if hasattr(storage, "signature"):
        return str(storage.signature(name))
    found = hashlib.md5(usedforsecurity=False)
    with storage.open(name) as file:
        for piece in file.chunks(PIECE_BYTES):
            found.update(piece)
    return found.hexdigest()
