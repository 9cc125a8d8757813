"""Copy files from one storage to another under their names, and go on where a run has stopped."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.core.files.storage import Storage

PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Copied:
    """
    What became of one file.

    Attributes:
        outcome: ``copied``; ``there`` if the target has the same content under its name;
            ``differs`` if the target has another content under it, and is left as it is.
        size: in bytes.
    """

    name: str
    outcome: Literal["copied", "there", "differs"]
    size: int


def names_in(storage: Storage, path: str = "") -> Iterator[str]:
    """Yield the names of all files in a storage, directory by directory."""
    directories, files = storage.listdir(path)
    for name in sorted(files):
        yield posixpath.join(path, name)
    for directory in sorted(directories):
        yield from names_in(storage, posixpath.join(path, directory))


def copy(source: Storage, target: Storage, name: str, *, dry_run: bool = False) -> Copied:
    """
    Copy one file.

    Raises:
        FileNotFoundError: the source has no file of this name.
        OSError, AppwriteError: it could not be read, or written.
    """
    size = source.size(name)
    if target.exists(name):
        same = target.size(name) == size and digest(source, name) == digest(target, name)
        return Copied(name, "there" if same else "differs", size)
    if not dry_run:
        with source.open(name) as file:
            saved = target.save(name, file)
        if saved != name:
            # Another client was faster; rows name the file as the source does.
            target.delete(saved)
            return Copied(name, "differs", size)
    return Copied(name, "copied", size)


def digest(storage: Any, name: str) -> str:
    """Return the MD5 of a file's content, without reading it where the storage knows it."""
    if hasattr(storage, "signature"):
        return str(storage.signature(name))
    found = hashlib.md5(usedforsecurity=False)
    with storage.open(name) as file:
        for piece in file.chunks(PIECE_BYTES):
            found.update(piece)
    return found.hexdigest()
