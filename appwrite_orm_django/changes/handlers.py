"""
Python functions that are called when rows of a model have changed, whoever changed them.

    @on_rows_changed(Product)
    def reindex(change: RowsChanged) -> None: ...

They hear of writes through this library in this process, and of what webhooks and realtime tell this process. See
``docs/howto/webhooks.md`` for what is promised, which is: idempotent functions are right, others are not.
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
from appwrite_orm_django.client.fork_safety import in_each_child
from appwrite_orm_django.client.identity import acting_as
from appwrite_orm_django.signals import rows_changed

__all__ = ["RowsChanged", "on_rows_changed", "wait"]

logger = logging.getLogger("appwrite_orm_django.handlers")

#: Pauses before a handler that has raised is called again.
RETRY_AFTER_S = (0.5, 2.0, 8.0)
MAX_QUEUED = 10_000
_LAST_WORDS_S = 5.0


@dataclass(frozen=True, slots=True)
class RowsChanged:
    """
    Rows of one table that have changed. What they are now is to be read: it may already have changed again.

    Attributes:
        model: whose rows.
        alias: of the database.
        table: id of the table.
        pks: row ids as Appwrite writes them; None if it is not known which.
        operation: ``create``, ``update``, ``delete``, or ``change`` when it is not known which.
        source: ``write`` (this library, in this process), ``webhook`` or ``realtime``.
    """

    model: type[models.Model]
    alias: str
    table: str
    pks: tuple[str, ...] | None
    operation: str
    source: str

    def rows(self) -> models.QuerySet[Any]:
        """Return a queryset of the rows that are still there: all of the table if it is not known which changed."""
        # The base manager: a default one may hide rows.
        found: models.QuerySet[Any] = self.model._base_manager.using(self.alias).all()
        return found if self.pks is None else found.filter(pk__in=self.pks)

    def as_dict(self) -> dict[str, Any]:
        """Return it as what JSON can carry, for a task queue."""
        pks = None if self.pks is None else list(self.pks)
        return {
            "model": self.model._meta.label, "alias": self.alias, "table": self.table, "pks": pks, "operation": self.operation,
            "source": self.source,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RowsChanged:
        """Make one of what ``as_dict`` returned."""
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

    def wants(self, alias: str, table: str, operation: str, source: str) -> type[models.Model] | None:
        if self.sources is not None and source not in self.sources:
            return None
        # "change" may be any of them.
        if self.operations is not None and operation != "change" and operation not in self.operations:
            return None
        connection = appwrite_connection(alias)
        return next((model for model in self.chosen if fold(connection.table_of(model)) == fold(table)), None)


_registered: list[_Registered] = []


def on_rows_changed(
    *models_: type[models.Model],
    operations: Iterable[str] | None = None,
    sources: Iterable[str] | None = None,
    background: bool = True,
) -> Callable[[Function], Function]:
    """
    Decorate a function that is to be called with a ``RowsChanged`` after rows of these models have changed.

    It is called at least once for each change that this process is told of and lives to handle, and often more than once: a write
    of one's own is told of by Appwrite as well. One that raises is called again, three times at most. So it must not matter how
    often it is called, nor in which order.

    Args:
        models_: whose rows; at least one.
        operations: only ``create``, ``update``, ``delete``; left out, all. A change of unknown kind comes in any case.
        sources: only ``write``, ``webhook``, ``realtime``; left out, all.
        background: in a thread of this process, so that nobody waits. False: at once, in the thread that wrote or was told; for
            functions that only hand over to a task queue. What such a one raises is logged.

    Functions make their requests with the API key, also where the write was a user's (``appwrite_user``).
    """
    if not models_ or not all(isinstance(model, type) for model in models_):
        raise TypeError("on_rows_changed() takes one or more models.")

    def decorate(function: Function) -> Function:
        one = _Registered(
            function,
            models_,
            None if operations is None else frozenset(operations),
            None if sources is None else frozenset(sources),
            background,
        )
        _registered.append(one)
        rows_changed.connect(_receive, dispatch_uid="appwrite_orm_django.handlers")
        return function

    return decorate


def forget(function: Handler) -> None:
    """Call a function no more."""
    _registered[:] = [one for one in _registered if one.function is not function]
    if not _registered:
        rows_changed.disconnect(_receive, dispatch_uid="appwrite_orm_django.handlers")


def wait(timeout_s: float = 10.0) -> bool:
    """Wait until everything that is to be handled in the background has been; False if that takes longer. For tests and shutdowns."""
    return _worker.wait(timeout_s)


def _receive(*, alias: str, table: str, pks: tuple[str, ...] | None, operation: str, source: str, **_: Any) -> None:
    for one in tuple(_registered):
        model = one.wants(alias, table, operation, source)
        if model is None:
            continue
        change = RowsChanged(model, alias, table, pks, operation, source)
        if one.background:
            _worker.put(one.function, change)
        else:
            _call(one.function, change)


def _call(function: Handler, change: RowsChanged) -> bool:
    try:
        # Not for whoever's request it is that has told us: the work is the site's.
        with acting_as(None):
            function(change)
    except Exception:
        logger.exception("%s failed for %s of %s", _name(function), change.operation, change.table)
        return False
    return True


def _name(function: Handler) -> str:
    return getattr(function, "__qualname__", repr(function))


class _Worker:
    """Calls handlers one after the other in a thread that starts with the first call in a process."""

    def __init__(self) -> None:
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: the parent calls what it was to call, and its thread is not here."""
        self._queue: queue.Queue[tuple[Handler, RowsChanged, int]] = queue.Queue(MAX_QUEUED)
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._left = 0
        self._is_ending = False

    def put(self, function: Handler, change: RowsChanged) -> None:
        """Call soon; at once, if there is so much to do already that whoever makes more is to be slowed down, or while the process ends."""
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
                except RuntimeError:  # the interpreter ends, and starts no threads
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
                    logger.error("%s is given up on for %s", _name(function), change.table)
                self._done()
            else:
                self._again(function, change, failures)

    def _again(self, function: Handler, change: RowsChanged, failures: int) -> None:
        def put() -> None:
            time.sleep(RETRY_AFTER_S[failures])
            self._queue.put((function, change, failures + 1))

        try:
            threading.Thread(target=put, name="appwrite-handlers-retry", daemon=True).start()
        except RuntimeError:  # the interpreter ends, and starts no threads
            logger.warning("%s is given up on for %s, for the process ends", _name(function), change.table)
            self._done()

    def _done(self) -> None:
        with self._changed:
            self._left -= 1
            self._changed.notify_all()


_worker = _Worker()
in_each_child(_worker.after_fork)
