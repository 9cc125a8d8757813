"""
Other clients' writes, as webhooks and realtime tell of them: the cache is invalidated, and ``rows_changed`` is sent.

Invalidated is at once, with each notice: whoever has been answered may rely on it, and a process that is killed takes no news with it.
The signal is another matter, for handlers have work to do. The first notice of a table is sent at once; what follows within
``COALESCE_S`` seconds is collected and sent together at the end of that time. Nothing is dropped.
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
    """One row that was written, as somebody tells it; ``row_id`` None for any row."""

    row_id: str | None
    operation: str
    source: Source


class UnknownTable(LookupError):
    """No model has its rows in this table."""


def tables_of(alias: str) -> dict[str, type[models.Model]]:
    """Return the tables of a database that have models, each with its model."""
    connection = appwrite_connection(alias)
    found: dict[str, type[models.Model]] = {}
    for model in connection.cached_models():
        found.setdefault(connection.table_of(model), model)
    return found


def model_of(alias: str, table: str) -> type[models.Model]:
    """
    Return the model whose rows are in a table.

    Raises:
        UnknownTable: there is none.
    """
    for name, model in tables_of(alias).items():
        if fold(name) == fold(table):
            return model
    raise UnknownTable(table)


def outdate(alias: str, table: str, model: type[models.Model], notices: Sequence[Notice]) -> None:
    """Invalidate, in one round trip; what the cache cannot be told now it is told as soon as it answers."""
    connection = appwrite_connection(alias)
    # Bulk calls tell of 100 rows at most, and bulk operations of a transaction of none.
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
    """A table that ``rows_changed`` has just been sent for, and what was told of since."""

    notices: list[Notice]
    timer: threading.Timer


class Incoming:
    """What a process has been told and has not passed on yet; there is one, ``incoming``."""

    def __init__(self) -> None:
        self._flushes_at_exit = False
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: the parent passes on what it was told, and its timers are not here."""
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str], _Window] = {}

    def tell(self, alias: str, table: str, notice: Notice, *, coalesce_s: float) -> None:
        """
        Send ``rows_changed`` now, or together with others within ``coalesce_s`` seconds. The cache has to be told before.

        Raises:
            UnknownTable: no model has its rows in this table.
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
                return True  # the interpreter ends, and starts no threads: there is no time to collect anything
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
            connections.close_all()  # this thread's own, which nobody else will close

    def flush(self) -> None:
        """Pass on everything that is still being collected; the end of a process does so too."""
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
