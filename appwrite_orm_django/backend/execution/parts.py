"""Track writes that take several requests, and report what was written when one of them fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError

from appwrite_orm_django.client.errors import AppwriteError, WriteBroken

#: The end of errors of transactions. If one is committed in parts, true of the last part only.
NOTHING_WRITTEN = "\nNothing of the block was written."


class Parts:
    """
    Count what the parts of one write have written. Each part is all or nothing.

    Args:
        what: a plural noun for the counted items.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.written = 0
        self._told: Exception | None = None

    @contextmanager
    def part(self, size: int) -> Iterator[None]:
        """
        Run one part of the write, of ``size`` rows or changes.

        Raises:
            WriteBroken: the part failed with an ``OperationalError`` after earlier parts were
                written.
        """
        try:
            yield
        except Exception as error:
            told = self._told = self.told(error, size)
            if told is error:
                raise
            raise told from error
        self.written += size

    def note(self, error: BaseException | None) -> None:
        """Add what was written to an error that ended the write, wherever it was raised."""
        if error is not self._told and isinstance(error, Exception):
            told = self.told(error)
            if told is not error:
                error.args = told.args

    def told(self, error: Exception, size: int | None = None) -> Exception:
        """
        Return the error to raise for one that ended the write, which says what was written before.

        An ``OperationalError`` becomes a ``WriteBroken``: code that retries writes must not take it
        for an error after which nothing was written.
        """
        if not self.written:
            return error
        in_doubt = isinstance(error, AppwriteError) and error.ambiguous
        after = "what came after" if size is None else f"the next {size:,}"
        note = (
            f"{self.written:,} {self.what} were written before this and stay; {after} "
            f"{'may have been written' if in_doubt else 'was not written' if size is None else 'were not'}."
        )
        if isinstance(error, WriteBroken):
            error.written += self.written
        elif isinstance(error, OperationalError):
            first_line = str(error).partition("\n")[0]
            return WriteBroken.caused_by(
                error, f"{first_line}\n{note}", ambiguous=True, written=self.written
            )
        error.args = (f"{str(error).removesuffix(NOTHING_WRITTEN)}\n{note}", *error.args[1:])
        if isinstance(error, AppwriteError):
            error.ambiguous = True
        return error
