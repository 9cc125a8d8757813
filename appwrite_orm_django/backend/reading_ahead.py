"""One request ahead of whoever uses the rows of a long list."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

Page = list[Any]


class Requests:
    """
    Makes the requests of one list, the next of them already while the rows of the last are used; a context manager.

    Never more than one ahead, and none before page ``first``: who takes only the first rows of many asks for no more than these.
    A request made ahead runs in a thread, with the context variables (so for the identity) of the reader; what it raises is raised
    when its rows would have come. Leaving the block waits for one that is on its way, so that none outlives its reader.

    Args:
        ahead: False for one after the other, in the reader's own thread.
        first: the page while which is used the next is asked for.
    """

    def __init__(self, *, ahead: bool, first: int = 2) -> None:
        self._ahead = ahead
        self._first = first
        self._taken = 0
        self._next: Future[Page] | None = None
        self._thread: ThreadPoolExecutor | None = None

    def take(self, ask: Callable[[], Page]) -> Page:
        """Return the next page: of the request that was begun, or else of ``ask``."""
        begun, self._next = self._next, None
        self._taken += 1
        return ask() if begun is None else begun.result()

    def begin(self, ask: Callable[[], Page]) -> None:
        """Begin with the request for the page after the one that was taken last, where that is allowed."""
        if not self._ahead or self._taken < self._first:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "appwrite-read-ahead")
        try:
            self._next = self._thread.submit(copy_context().run, ask)
        except RuntimeError:
            # The main thread is at its end, and Python starts nothing new; a reader in another thread still gets all its rows.
            self._ahead = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
