"""Count the requests that a block of code makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.client.transport import RequestRecord
from appwrite_orm_django.conf import appwrite_aliases


class RequestLog(list[RequestRecord]):
    """The requests made to Appwrite, in order."""

    @property
    def lines(self) -> list[str]:
        """The requests as text: method, path, status."""
        return [f"{record.method} {record.path} {record.status}" for record in self]

    def take(self) -> list[str]:
        """Return the lines so far, and clear the log."""
        lines = self.lines
        self.clear()
        return lines

    def check(self, expected: int) -> None:
        """
        Check the number of requests.

        Raises:
            AssertionError: the number differs; the text lists the requests.
        """
        if len(self) != expected:
            shown = "\n".join(f"{number}. {line}" for number, line in enumerate(self.lines, 1))
            raise AssertionError(f"{len(self)} requests to Appwrite, {expected} expected.\n{shown}")


@contextmanager
def captured_requests(using: str | None = None) -> Iterator[RequestLog]:
    """
    Collect the requests that all threads of this process make to Appwrite on an alias.

    Args:
        using: the alias; defaults to the first Appwrite alias.
    """
    log = RequestLog()
    transport = appwrite_connection(using or appwrite_aliases()[0]).transport
    listener = log.append
    transport.add_listener(listener)
    try:
        yield log
    finally:
        transport.remove_listener(listener)
