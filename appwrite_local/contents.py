"""
Keep the contents of files: in memory, or in a directory beside the server's SQLite file.

A file is named by its number. While its chunks arrive each of them is kept by itself; ``join``
makes the file of them. Chunks are removed by ``drop_chunks`` after the join is committed, so that
a process that is killed in between loses nothing.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appwrite_local.mime_types import HEAD_BYTES

PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Joined:
    """
    What a complete file consists of.

    Attributes:
        signature: the MD5 of the content, in hexadecimal digits.
        size: in bytes.
        head: the first ``mime_types.HEAD_BYTES``.
    """

    signature: str
    size: int
    head: bytes


class Source(Protocol):
    def seek(self, offset: int, /) -> int: ...

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class Part:
    """
    A part of a file, read piece by piece.

    It has ``read`` for ``requests`` and is iterable for WSGI; both close it at its end.

    Args:
        start: bytes to leave out.
        length: bytes to read; fewer if the file ends before.
    """

    def __init__(self, source: Source, start: int, length: int) -> None:
        self._source = source
        self._left = length
        source.seek(start)

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        piece = self._source.read(wanted) if wanted else b""
        self._left = self._left - len(piece) if piece else 0
        if not self._left:
            self.close()
        return piece

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(PIECE_BYTES):
            yield piece

    def close(self) -> None:
        self._left = 0
        self._source.close()


class _Joint:
    """Several byte strings that read as one file."""

    def __init__(self, parts: tuple[bytes, ...]) -> None:
        self._parts = parts
        self._at = 0

    def seek(self, offset: int, /) -> int:
        self._at = offset
        return offset

    def read(self, size: int, /) -> bytes:
        taken: list[memoryview] = []
        begin = 0
        for part in self._parts:
            inside = memoryview(part)[max(0, self._at - begin) :][:size]
            begin += len(part)
            if self._at < begin and inside:
                taken.append(inside)
                size -= len(inside)
                self._at += len(inside)
        return b"".join(taken)

    def close(self) -> None:
        self._parts = ()


class Contents(Protocol):
    def write_chunk(self, number: int, chunk: int, data: bytes) -> None: ...

    def join(self, number: int, chunks: Sequence[int]) -> Joined: ...

    def drop_chunks(self, number: int) -> None: ...

    def read(self, number: int, start: int, length: int) -> Part:
        """Return a part; the file may be deleted before it is read."""
        ...

    def delete(self, number: int) -> None: ...


class ContentsInMemory:
    """Contents of a server in memory; the lock of its storage protects them."""

    def __init__(self) -> None:
        self._chunks: dict[int, dict[int, bytes]] = {}
        self._files: dict[int, tuple[bytes, ...]] = {}

    def write_chunk(self, number: int, chunk: int, data: bytes) -> None:
        self._chunks.setdefault(number, {})[chunk] = data

    def join(self, number: int, chunks: Sequence[int]) -> Joined:
        parts = tuple(self._chunks[number][chunk] for chunk in chunks)
        self._files[number] = parts
        digest = hashlib.md5(usedforsecurity=False)
        for part in parts:
            digest.update(part)
        head = b"".join(parts[:1])[:HEAD_BYTES]
        return Joined(digest.hexdigest(), sum(map(len, parts)), head)

    def drop_chunks(self, number: int) -> None:
        self._chunks.pop(number, None)

    def read(self, number: int, start: int, length: int) -> Part:
        return Part(_Joint(self._files[number]), start, length)

    def delete(self, number: int) -> None:
        self._chunks.pop(number, None)
        self._files.pop(number, None)


class ContentsOnDisk:
    """Contents in a directory, which is made with the first file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write_chunk(self, number: int, chunk: int, data: bytes) -> None:
        self._directory.mkdir(exist_ok=True)
        self._chunk(number, chunk).write_bytes(data)

    def join(self, number: int, chunks: Sequence[int]) -> Joined:
        digest = hashlib.md5(usedforsecurity=False)
        with self._file(number).open("w+b") as joined:
            for chunk in chunks:
                with self._chunk(number, chunk).open("rb") as part:
                    shutil.copyfileobj(part, joined, PIECE_BYTES)
            size = joined.tell()
            joined.seek(0)
            head = joined.read(HEAD_BYTES)
            digest.update(head)
            while piece := joined.read(PIECE_BYTES):
                digest.update(piece)
        return Joined(digest.hexdigest(), size, head)

    def drop_chunks(self, number: int) -> None:
        for path in self._directory.glob(f"{number}.*"):
            path.unlink(missing_ok=True)

    def read(self, number: int, start: int, length: int) -> Part:
        # Opened now: the bytes stay readable if the file is deleted meanwhile.
        return Part(self._file(number).open("rb"), start, length)

    def delete(self, number: int) -> None:
        self.drop_chunks(number)
        self._file(number).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self._directory / str(number)

    def _chunk(self, number: int, chunk: int) -> Path:
        return self._directory / f"{number}.{chunk}"


def contents_of(location: str) -> Contents:
    """Return the contents of a server: beside its SQLite file, or in memory."""
    if location == ":memory:":
        return ContentsInMemory()
    return ContentsOnDisk(Path(f"{location}.files"))
