"""
Read files piece by piece, at any position, without holding more than one piece in memory.

A file of up to 5 MiB comes in one request, and is compared with its signature. A larger one comes in
ranges that grow while it is read on. A file may be replaced by another of its name at any moment, so
each range is confirmed before it is returned: the last one of a file that is read from its beginning
by the signature, the others by a request that finds the file that was opened.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

from django.core.files.base import File as DjangoFile

from appwrite_orm_django.client import files
from appwrite_orm_django.client.errors import ConnectionFailed, FileNotFound
from appwrite_orm_django.client.files import CHUNK_BYTES, File, FileRef
from appwrite_orm_django.client.transport import Transport

#: Bytes of the first range, and of the largest.
FIRST_BYTES = 256 * 1024
MOST_BYTES = CHUNK_BYTES
BUFFER_BYTES = 64 * 1024
# The server answers the content "0" of an encrypted file with its ciphertext (recording
# ``files-compression``).
_MD5_OF_ZERO = hashlib.md5(b"0", usedforsecurity=False).hexdigest()


class AppwriteFile(DjangoFile):  # type: ignore[type-arg]  # Django's class takes none at run time
    """
    A file of a bucket, open for reading.

    Args:
        known: what the server says of it.
        mode: ``rb``, or ``r`` for text in UTF-8.
    """

    def __init__(
        self, transport: Transport, ref: FileRef, name: str, known: File, mode: str = "rb"
    ) -> None:
        self._where = (transport, ref, name)
        self.known = known
        self.mode = mode
        super().__init__(self._stream(), name)

    def _stream(self) -> Any:
        buffered = io.BufferedReader(RemoteFile(*self._where, self.known), BUFFER_BYTES)
        return buffered if "b" in self.mode else io.TextIOWrapper(buffered, "utf-8")

    @property
    def size(self) -> int:
        """The number of bytes."""
        return int(self.known["sizeOriginal"])

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> AppwriteFile:
        """
        Go back to the beginning; a file that was closed is looked up again.

        Raises:
            FileNotFoundError: it is gone.
        """
        if not self.closed:
            self.seek(0)
            return self
        transport, ref, name = self._where
        try:
            self.known = files.get_file(transport, ref)
        except FileNotFound as error:
            raise FileNotFoundError(f"There is no file {name} any more.") from error
        self.mode = mode or self.mode
        self.file = self._stream()
        return self


class RemoteFile(io.RawIOBase):
    """The bytes of a file."""

    def __init__(self, transport: Transport, ref: FileRef, name: str, known: File) -> None:
        super().__init__()
        self._transport = transport
        self._ref = ref
        self._name = name
        self._known = known
        self._size = int(known["sizeOriginal"])
        self._signature = str(known["signature"])
        self._at = 0
        self._piece = b""
        self._piece_at = 0
        self._next_bytes = FIRST_BYTES
        self._digest = hashlib.md5(usedforsecurity=False)
        self._digested = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        if self._at >= self._size:
            return 0
        start = self._at - self._piece_at
        if not 0 <= start < len(self._piece):
            self._fetch()
            start = self._at - self._piece_at
        taken = self._piece[start : start + len(buffer)]
        buffer[: len(taken)] = taken
        self._at += len(taken)
        return len(taken)

    def _fetch(self) -> None:
        """Load the piece that begins at the current position."""
        follows = self._at == self._piece_at + len(self._piece)
        self._piece = b""
        if self._size <= CHUNK_BYTES:
            piece, begin = self._whole(), 0
        else:
            self._next_bytes = min(self._next_bytes * 2, MOST_BYTES) if follows else FIRST_BYTES
            # A range has at least two bytes.
            begin = min(self._at, self._size - 2)
            last = min(begin + self._next_bytes, self._size) - 1
            piece = self._download(begin, last, last + 1 - begin)
        self._confirm(piece, begin)
        self._piece, self._piece_at = piece, begin

    def _whole(self) -> bytes:
        if self._size == 1 and self._signature == _MD5_OF_ZERO:
            return b"0"
        return self._download(0, None, self._size)

    def _download(self, first: int, last: int | None, length: int) -> bytes:
        try:
            piece = files.download(self._transport, self._ref, first, last)
        except FileNotFound as error:
            raise FileNotFoundError(f"{self._name} was deleted while it was read.") from error
        if len(piece) != length:
            raise self._changed(f"{length} bytes were asked for, {len(piece)} came")
        return piece

    def _confirm(self, piece: bytes, begin: int) -> None:
        """
        Make sure that a piece is of the file that was opened.

        Raises:
            ConnectionFailed: it is of another one.
            FileNotFoundError: the file is gone.
        """
        end = begin + len(piece)
        follows = begin <= self._digested < end
        digest = self._digest.copy()
        if follows:
            digest.update(memoryview(piece)[self._digested - begin :])
        if not follows or end < self._size:
            self._look_again()
        elif digest.hexdigest() != self._signature:
            raise self._changed("its signature is another")
        if follows:
            self._digest, self._digested = digest, end

    def _look_again(self) -> None:
        """Find the file that was opened, which a name alone does not identify."""
        try:
            found = files.get_file(self._transport, self._ref)
        except FileNotFound as error:
            raise FileNotFoundError(f"{self._name} was deleted while it was read.") from error
        if any(found[key] != self._known[key] for key in ("$createdAt", "signature")):
            raise self._changed(f"it was uploaded at {found['$createdAt']}")

    def _changed(self, how: str) -> ConnectionFailed:
        return ConnectionFailed(
            f"{self._name}: the content is not that of the file that was opened: {how}.\n"
            "It was replaced meanwhile, or its upload was incomplete. Open it again.",
            request=f"GET {self._ref.path}/download",
        )
