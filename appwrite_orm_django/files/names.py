"""
Find the id of a file by its name.

Files in Appwrite have ids, and several may have one name. A file that is saved by its name gets an
id that follows from the name: no request is needed to find it, and the server lets only one of
several clients create it. Files of other clients are named ``id:<their id>``.
"""

from __future__ import annotations

import hashlib
import posixpath

from django.core.exceptions import SuspiciousFileOperation

from appwrite_orm_django.client.errors import cut
from appwrite_orm_django.client.forms import MAX_NAME_BYTES, encoded_name
from appwrite_orm_django.client.references import MAX_ID_LENGTH, is_valid_id

#: What the names of other clients' files begin with.
BY_ID = "id:"


def normalized(name: object) -> str:
    """
    Return a name with single slashes, and without ``.`` and ``..``.

    Raises:
        SuspiciousFileOperation: it is absolute, or leaves the storage.
        ValueError: it is empty, or contains a NUL or a lone surrogate.
    """
    text = str(name).replace("\\", "/")
    if not text or "\0" in text or _has_surrogate(text):
        raise ValueError(f"{cut(repr(text))} cannot be the name of a file.")
    path = posixpath.normpath(text)
    if path.startswith("/") or path.split("/", 1)[0] == ".." or path == ".":
        raise SuspiciousFileOperation(f"The name {cut(repr(text))} is outside of the storage.")
    return path


def addressable(name: object) -> str:
    """Return a normalized name; for one that no file can have, one under which there is no file."""
    try:
        return normalized(name)
    except (ValueError, SuspiciousFileOperation):
        return f"{BY_ID}{_hashed(str(name).encode(errors='surrogatepass'))}"


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def id_of(name: str) -> str:
    """Return the id of the file with a normalized name."""
    if name.startswith(BY_ID) and is_valid_id(name.removeprefix(BY_ID)):
        return name.removeprefix(BY_ID)
    return _hashed(name.encode())


def _hashed(name: bytes) -> str:
    return hashlib.sha256(name).hexdigest()[:MAX_ID_LENGTH]


def check_savable(name: str) -> None:
    """
    Reject a name that the server would not keep.

    Raises:
        SuspiciousFileOperation: it is too long, begins or ends with a quote, or is one that is
            reserved for the files of other clients.
    """
    size = len(encoded_name(name).encode())
    if size > MAX_NAME_BYTES:
        raise SuspiciousFileOperation(
            f"The name {cut(repr(name))} takes {size} bytes; Appwrite keeps {MAX_NAME_BYTES}."
        )
    if name.startswith('"') or name.endswith('"'):
        raise SuspiciousFileOperation(
            f"Appwrite drops the quotes at the ends of the name {cut(repr(name))}."
        )
    if name.startswith(BY_ID):
        raise SuspiciousFileOperation(
            f"The name {cut(repr(name))} begins with {BY_ID!r}, which is kept for files that other "
            "clients have uploaded."
        )


def extension_of(name: str) -> str:
    """Return the extension that a bucket compares with those that it allows."""
    _, dot, extension = name.rpartition("/")[2].rpartition(".")
    return extension.lower() if dot else ""
