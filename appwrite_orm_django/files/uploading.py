"""
Upload files, whole or in chunks, without holding more than one chunk in memory.

Every request may be repeated: the server answers 409 to a second whole file and drops a second
chunk. What it stored is compared with what was sent at the end, because it compares nothing itself.

The chunks of two clients that upload to one id at the same time would be mixed. The first chunk
therefore carries a permission for a label that nobody has. It shows in every answer until the last
chunk replaces it, and tells whose upload it is. Users cannot give permissions to roles that they do
not have; for them the comparison at the end is the only protection.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.core.files.base import File as DjangoFile

from appwrite_orm_django.client import files
from appwrite_orm_django.client.errors import (
    AppwriteError,
    FileExists,
    FileNotFound,
    WriteRefused,
)
from appwrite_orm_django.client.files import CHUNK_BYTES, File, FileRef, Span, is_complete
from appwrite_orm_django.client.transport import Transport


class NameTaken(Exception):
    """Another client has created a file of this name, or is uploading one."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def save(
    transport: Transport,
    ref: FileRef,
    name: str,
    content: Any,
    permissions: Sequence[str] | None = None,
) -> File:
    """
    Upload a file from its beginning.

    Args:
        content: a file-like object of bytes or text, such as Django's ``File``.
        permissions: of the file; None for the server's default.

    Raises:
        NameTaken: nothing was uploaded.
        FileRefused: the bucket does not allow the file.
        AppwriteError: nothing was stored; or ``ambiguous`` is True, and the server could not be
            asked.
    """
    with seekable(content) as source:
        size = size_of(source)
        upload = _Upload(transport, ref, name, size, permissions)
        if size <= CHUNK_BYTES:
            return upload.whole(_read(source, size))
        return upload.in_chunks(source)


@contextmanager
def seekable(content: Any) -> Iterator[Any]:
    """
    Return the content as a file-like object of bytes that can be read again.

    It is the content itself, or a copy on disk of a stream, or of text.
    """
    try:
        content.seek(0)
        is_copied = not isinstance(content.read(0), bytes)
    except (AttributeError, OSError):
        is_copied = True  # it cannot seek
    if not is_copied:
        yield content
        return
    with tempfile.TemporaryFile() as spooled:
        for piece in _pieces(content):
            spooled.write(piece.encode() if isinstance(piece, str) else piece)
        yield DjangoFile(spooled, getattr(content, "name", None))


def size_of(content: Any) -> int:
    """Return the bytes of what ``seekable`` returns, and go back to its beginning."""
    content.seek(0, 2)
    size = int(content.tell())
    content.seek(0)
    return size


def _pieces(content: Any) -> Iterator[str | bytes]:
    if hasattr(content, "chunks"):
        yield from content.chunks()
        return
    while piece := content.read(CHUNK_BYTES):
        yield piece


def _read(source: Any, size: int) -> bytes:
    """
    Read exactly ``size`` bytes; a raw stream may return fewer at a time.

    Raises:
        ValueError: the source ended before.
    """
    piece: bytes = source.read(size)
    while len(piece) < size:
        more = source.read(size - len(piece))
        if not more:
            raise ValueError("The file became shorter while it was uploaded.")
        piece += more
    return piece


class _Upload:
    def __init__(
        self,
        transport: Transport,
        ref: FileRef,
        name: str,
        size: int,
        permissions: Sequence[str] | None,
    ) -> None:
        self._transport = transport
        self._ref = ref
        self._name = name
        self._size = size
        self._permissions = permissions
        self._digest = hashlib.md5(usedforsecurity=False)

    def whole(self, content: bytes) -> File:
        self._digest.update(content)
        try:
            stored = self._send(content, self._permissions)
        except FileExists as error:
            # An earlier attempt of ours, whose answer was lost, may be what exists.
            found = self._look() if error.ambiguous else None
            if found is None or not self._is_ours(found):
                raise NameTaken(self._name) from error
            return found
        except AppwriteError as error:
            found = self._found_after(error)
            if found is None:
                raise
            return found
        if not self._is_ours(stored):
            # The server has taken it for a chunk of another client's incomplete file.
            raise NameTaken(self._name)
        return stored

    def in_chunks(self, source: Any) -> File:
        mark = f'read("label:{secrets.token_hex(16)}")' if self._transport.identity is None else ""
        claimed = False
        try:
            stored = self._chunk(source, 0, [mark] if mark else self._permissions)
            claimed = self._is_claimed(stored, mark)
            for start in range(CHUNK_BYTES, self._size if claimed else 0, CHUNK_BYTES):
                stored = self._chunk(source, start, self._permissions)
        except AppwriteError as error:
            found = self._found_after(error)
            if found is not None:
                return found
            self._remove(mark, claimed=claimed)
            raise
        except BaseException:
            self._remove(mark, claimed=claimed)
            raise
        if not claimed:
            raise NameTaken(self._name)
        if self._is_ours(stored):
            return stored
        # Without a mark it may be the file of another user, who was faster.
        if mark:
            self._delete()
        raise WriteRefused(
            f"{self._name}: the server has stored something else than was sent: another client was "
            f"uploading a file of this name at the same time.\nSave it again.",
            request=f"POST {self._ref.path}",
        )

    def _chunk(self, source: Any, start: int, permissions: Sequence[str] | None) -> File:
        chunk = _read(source, min(CHUNK_BYTES, self._size - start))
        self._digest.update(chunk)
        return self._send(chunk, permissions, Span(start, self._size))

    def _send(
        self, content: bytes, permissions: Sequence[str] | None, span: Span | None = None
    ) -> File:
        return files.upload(self._transport, self._ref, self._name, content, permissions, span)

    def _is_claimed(self, stored: File, mark: str) -> bool:
        """Return whether the incomplete file that the first chunk has made is this upload's."""
        if is_complete(stored) or stored["sizeOriginal"] != self._size:
            return False
        return not mark or stored["$permissions"] == [mark]

    def _is_ours(self, stored: File) -> bool:
        return (
            is_complete(stored)
            and stored["signature"] == self._digest.hexdigest()
            and stored["sizeOriginal"] == self._size
            and stored["name"] == self._name
        )

    def _look(self) -> File | None:
        try:
            return files.get_file(self._transport, self._ref)
        except FileNotFound:
            return None

    def _found_after(self, error: AppwriteError) -> File | None:
        """Return the file if the request that failed has completed it after all."""
        if error.ambiguous:
            with suppress(AppwriteError):
                stored = self._look()
                if stored is not None and self._is_ours(stored):
                    return stored
        return None

    def _remove(self, mark: str, *, claimed: bool) -> None:
        """Delete what an upload has left that was cut off; an error here must not hide its own."""
        with suppress(AppwriteError):
            stored = self._look()
            if stored is None or is_complete(stored):
                return
            if stored["$permissions"] == [mark] if mark else claimed:
                self._delete()

    def _delete(self) -> None:
        with suppress(FileNotFound):
            files.delete_file(self._transport, self._ref)
