"""
Invalidate the cache and send ``rows_changed`` for other clients' writes.

Each notice invalidates at once: the answer to it must be reliable, and a process that is killed
must not lose it. The signal is slower, because handlers have work to do. It is sent at once for the
first notice of a table; notices within the next ``COALESCE_S`` seconds are collected and sent
together. Nothing is dropped.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connections, models

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.cache.keys import fold
from appwrite_orm_django.cache.statistics import Source
from appwrite_orm_django.client.fork_safety import in_each_child

logger = logging.getLogger("appwrite_orm_django.incoming")


class Notice(NamedTuple):
    """A reported write of one row; ``row_id`` is None for any row."""

    row_id: str | None
    operation: str
    source: Source


class UnknownTable(LookupError):
    """No model uses this table."""


def tables_of(alias: str) -> dict[str, type[models.Model]]:
    """Return the tables of a database that models use, each with its model."""
    connection = appwrite_connection(alias)
    found: dict[str, type[models.Model]] = {}
    for model in connection.cached_models():
        found.setdefault(connection.table_of(model), model)
    return found


def model_of(alias: str, table: str) -> type[models.Model]:
    """
    Return the model that uses a table.

    Raises:
        UnknownTable: no model does.
    """
    for name, model in tables_of(alias).items():
        if fold(name) == fold(table):
            return model
    raise UnknownTable(table)


def outdate(alias: str, table: str, model: type[models.Model], notices: Sequence[Notice]) -> None:
    """
    Invalidate the rows of some notices, in one round trip.

    If the cache does not answer, the invalidation is retried as soon as it does.
    """
    connection = appwrite_connection(alias)
    # Bulk calls report at most 100 rows, and bulk operations of a transaction none.
    others = bool(getattr(model, "appwrite_foreign_bulk_writes", True))
    connection.cache.outdate(table, _pks(notices), source=notices[0].source, others=others)


def announce(alias: str, table: str, model: type[models.Model], notices: Sequence[Notice]) -> None:
    """Send ``rows_changed`` once for each run of notices of one kind."""
    connection = appwrite_connection(alias)
    for run in _runs(notices):
        try:
            connection.cache.send_rows_changed(
                table, _pks(run), operation=run[0].operation, sender=model, source=run[0].source
            )
        except Exception:
            logger.exception("A receiver of rows_changed failed for %s", table)


@dataclass(slots=True)
class _Window:
    """The notices of a table collected since ``rows_changed`` was last sent for it."""

    notices: list[Notice]
    timer: threading.Timer


class Incoming:
    """The notices that this process has received but not passed on, in ``incoming``."""

    def __init__(self) -> None:
        self._flushes_at_exit = False
        self.after_fork()

    def after_fork(self) -> None:
        """Reset: the parent passes on what it received, and its timers do not exist here."""
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str], _Window] = {}

    def tell(self, alias: str, table: str, notice: Notice, *, coalesce_s: float) -> None:
        """
        Send ``rows_changed`` now, or together with other notices within ``coalesce_s`` seconds.

        Invalidate the cache first.

        Raises:
            UnknownTable: no model uses this table.
        """
        model = model_of(alias, table)
        if coalesce_s and not self._opens(alias, fold(table), notice, coalesce_s):
            return
        announce(alias, table, model, [notice])

    def _opens(self, alias: str, table: str, notice: Notice, coalesce_s: float) -> bool:
        with self._lock:
            window = self._windows.get((alias, table))
            if window is not None:
                window.notices.append(notice)
                return False
            if not self._flushes_at_exit:
                self._flushes_at_exit = True
                atexit.register(self.flush)
            try:
                self._windows[alias, table] = _Window([], self._timer(alias, table, coalesce_s))
            except RuntimeError:
                return True  # the interpreter is shutting down and starts no threads: send at once
            return True

    def _timer(self, alias: str, table: str, coalesce_s: float) -> threading.Timer:
        timer = threading.Timer(coalesce_s, self._end, (alias, table, coalesce_s))
        timer.daemon = True
        timer.name = "appwrite-incoming"
        timer.start()
        return timer

    def _end(self, alias: str, table: str, coalesce_s: float) -> None:
        with self._lock:
            window = self._windows.get((alias, table))
            if window is None:
                return
            notices = window.notices
            if notices:
                self._windows[alias, table] = _Window([], self._timer(alias, table, coalesce_s))
            else:
                del self._windows[alias, table]
        try:
            if notices:
                announce(alias, table, model_of(alias, table), notices)
        finally:
            connections.close_all()  # no other code closes this thread's connections

    def flush(self) -> None:
        """Pass on all collected notices. Runs when the process ends, too."""
        with self._lock:
            windows, self._windows = self._windows, {}
        for (alias, table), window in windows.items():
            window.timer.cancel()
            if window.notices:
                announce(alias, table, model_of(alias, table), window.notices)


def _pks(notices: Sequence[Notice]) -> tuple[str, ...] | None:
    known = [notice.row_id for notice in notices if notice.row_id is not None]
    return tuple(dict.fromkeys(known)) if len(known) == len(notices) else None


def _runs(notices: Sequence[Notice]) -> list[list[Notice]]:
    runs: list[list[Notice]] = []
    for notice in notices:
        if runs and runs[-1][0][1:] == notice[1:]:
            runs[-1].append(notice)
        else:
            runs.append([notice])
    return runs


incoming = Incoming()
in_each_child(incoming.after_fork)
