"""
Call functions when rows of a model have changed, through this library or any other client.

    @on_rows_changed(Product)
    def reindex(change: RowsChanged) -> None: ...

They receive writes through this library in this process, and those that webhooks and realtime
report to this process. See ``docs/howto/webhooks.md`` for the guarantees, in short: functions must
be idempotent.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.apps import apps
from django.db import close_old_connections, models

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.cache.keys import fold
from appwrite_orm_django.cache.own_writes import fresh_reads
from appwrite_orm_django.cache.timeouts import Choice, choose
from appwrite_orm_django.client.fork_safety import in_each_child
from appwrite_orm_django.client.identity import acting_as
from appwrite_orm_django.signals import rows_changed

__all__ = ["RowsChanged", "on_rows_changed", "wait"]

logger = logging.getLogger("appwrite_orm_django.handlers")

#: Pauses, in seconds, before a handler that raised is retried.
RETRY_AFTER_S = (0.5, 2.0, 8.0)
MAX_QUEUED = 10_000
_LAST_WORDS_S = 5.0


@dataclass(frozen=True, slots=True)
class RowsChanged:
    """
    Rows of one table that have changed. Read them: they may have changed again already.

    Attributes:
        model: the model of the rows.
        alias: the database alias.
        table: table id.
        pks: row ids as Appwrite writes them; None if unknown.
        operation: ``create``, ``update``, ``delete``, or ``change`` if unknown.
        source: ``write`` (this library, in this process), ``webhook`` or ``realtime``.
    """

    model: type[models.Model]
    alias: str
    table: str
    pks: tuple[str, ...] | None
    operation: str
    source: str

    def rows(self) -> models.QuerySet[Any]:
        """
        Return a queryset of the rows that still exist.

        It is the whole table if the changed rows are unknown. Rows from before the change are not
        served, whatever ``max_age`` the model has.
        """
        # Use the base manager: a default manager may hide rows.
        found: models.QuerySet[Any] = self.model._base_manager.using(self.alias).all()
        choose(found.query, Choice(max_age=0))
        return found if self.pks is None else found.filter(pk__in=self.pks)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serializable dict, for a task queue."""
        pks = None if self.pks is None else list(self.pks)
        return {
            "model": self.model._meta.label, "alias": self.alias, "table": self.table, "pks": pks, "operation": self.operation,
            "source": self.source,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RowsChanged:
        """Return an instance from the result of ``as_dict``."""
        pks = None if values["pks"] is None else tuple(values["pks"])
        return cls(**{**values, "model": apps.get_model(values["model"]), "pks": pks})


Handler = Callable[[RowsChanged], object]
Function = TypeVar("Function", bound=Handler)


@dataclass(frozen=True, slots=True)
class _Registered:
    function: Handler
    chosen: tuple[type[models.Model], ...]
    operations: frozenset[str] | None
    sources: frozenset[str] | None
    background: bool

    def wants(
        self, alias: str, table: str, operation: str, source: str
    ) -> type[models.Model] | None:
        if self.sources is not None and source not in self.sources:
            return None
        # "change" may stand for any operation.
        if (
            self.operations is not None
            and operation != "change"
            and operation not in self.operations
        ):
            return None
        connection = appwrite_connection(alias)
        return next(
            (model for model in self.chosen if fold(connection.table_of(model)) == fold(table)),
            None,
        )


_registered: list[_Registered] = []


def on_rows_changed(
    *watched: type[models.Model],
    operations: Iterable[str] | None = None,
    sources: Iterable[str] | None = None,
    background: bool = True,
) -> Callable[[Function], Function]:
    """
    Decorate a function to be called with a ``RowsChanged`` after rows of these models have changed.

    It is called at least once for each change that is reported to this process and that the process
    lives to handle. It is often called more than once, because Appwrite also reports writes made
    through this library. If it raises, it is retried up to three times. It must therefore be
    idempotent, and must not depend on the order of calls.

    Functions make their requests with the API key, even if the write was made as a user
    (``appwrite_user``), and are served no invalidated rows, whatever ``max_age`` a read has.

    Args:
        watched: the models; at least one.
        operations: only ``create``, ``update``, ``delete``; by default all. A change of unknown
            kind is always included.
        sources: only ``write``, ``webhook``, ``realtime``; by default all.
        background: call it in a thread of this process, so that no caller waits. False calls it at
            once, in the thread that wrote or received the change; use that for functions that only
            enqueue a task. Its exceptions are then logged and not retried.
    """
    if not watched or not all(isinstance(model, type) for model in watched):
        raise TypeError("on_rows_changed() takes one or more models.")

    def decorate(function: Function) -> Function:
        registration = _Registered(
            function,
            watched,
            None if operations is None else frozenset(operations),
            None if sources is None else frozenset(sources),
            background,
        )
        _registered.append(registration)
        rows_changed.connect(_receive, dispatch_uid="appwrite_orm_django.handlers")
        return function

    return decorate


def forget(function: Handler) -> None:
    """Stop calling a function."""
    _registered[:] = [known for known in _registered if known.function is not function]
    if not _registered:
        rows_changed.disconnect(_receive, dispatch_uid="appwrite_orm_django.handlers")


def wait(timeout_s: float = 10.0) -> bool:
    """
    Wait until all background calls have finished; return False if that takes longer.

    For tests and shutdowns.
    """
    return _worker.wait(timeout_s)


def _receive(
    *, alias: str, table: str, pks: tuple[str, ...] | None, operation: str, source: str, **_: Any
) -> None:
    for registration in tuple(_registered):
        model = registration.wants(alias, table, operation, source)
        if model is None:
            continue
        change = RowsChanged(model, alias, table, pks, operation, source)
        if registration.background:
            _worker.put(registration.function, change)
        else:
            _call(registration.function, change)


def _call(function: Handler, change: RowsChanged) -> bool:
    try:
        # Use the API key even if a user's request triggered this: the work is the site's. The
        # thread has not made the write itself, but must see it.
        with acting_as(None), fresh_reads():
            function(change)
    except Exception:
        logger.exception("%s failed for %s of %s", _name(function), change.operation, change.table)
        return False
    return True


def _name(function: Handler) -> str:
    return getattr(function, "__qualname__", repr(function))


class _Worker:
    """Call handlers one after another, in a thread that starts with the first call in a process."""

    def __init__(self) -> None:
        self.after_fork()

    def after_fork(self) -> None:
        """Reset: the parent makes its own calls, and its thread does not exist here."""
        self._queue: queue.Queue[tuple[Handler, RowsChanged, int]] = queue.Queue(MAX_QUEUED)
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._left = 0
        self._is_ending = False

    def put(self, function: Handler, change: RowsChanged) -> None:
        """
        Call soon, or at once if the queue is full or the process is ending.

        Calling at once slows down the caller that fills the queue.
        """
        if not self._is_running():
            _call(function, change)
            return
        with self._changed:
            self._left += 1
        try:
            self._queue.put_nowait((function, change, 0))
        except queue.Full:
            _call(function, change)
            self._done()

    def _is_running(self) -> bool:
        with self._changed:
            if self._thread is None and not self._is_ending:
                thread = threading.Thread(target=self._run, name="appwrite-handlers", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is shutting down
                    return False
                self._thread = thread
                atexit.register(self._end)
            return not self._is_ending

    def _end(self) -> None:
        self._is_ending = True
        self.wait(_LAST_WORDS_S)

    def wait(self, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._left, timeout_s)

    def _run(self) -> None:
        while True:
            function, change, failures = self._queue.get()
            close_old_connections()
            well = _call(function, change)
            close_old_connections()
            if well or failures >= len(RETRY_AFTER_S):
                if not well:
                    logger.error("Giving up on %s for %s", _name(function), change.table)
                self._done()
            else:
                self._again(function, change, failures)

    def _again(self, function: Handler, change: RowsChanged, failures: int) -> None:
        def put() -> None:
            time.sleep(RETRY_AFTER_S[failures])
            self._queue.put((function, change, failures + 1))

        try:
            threading.Thread(target=put, name="appwrite-handlers-retry", daemon=True).start()
        except RuntimeError:  # the interpreter is shutting down
            logger.warning(
                "Giving up on %s for %s: the process is ending", _name(function), change.table
            )
            self._done()

    def _done(self) -> None:
        with self._changed:
            self._left -= 1
            self._changed.notify_all()


_worker = _Worker()
in_each_child(_worker.after_fork)
