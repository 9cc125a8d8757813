"""Undo the uploads of an attempt to write a row that is retried, so that no file is stored twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar

_noted: ContextVar[MutableMapping[str, Callable[[], None]] | None] = ContextVar(
    "_noted", default=None
)


@contextmanager
def noted_uploads(uploads: MutableMapping[str, Callable[[], None]]) -> Iterator[None]:
    """Add the name of each file that is saved in the block, and a function that deletes it."""
    token = _noted.set(uploads)
    try:
        yield
    finally:
        _noted.reset(token)


def note_upload(name: str, delete: Callable[[], None]) -> None:
    """Note that a file was saved, within ``noted_uploads``."""
    uploads = _noted.get()
    if uploads is not None:
        uploads[name] = delete
