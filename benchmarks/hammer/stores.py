"""
What can be hammered.

A store is started once, in the main process, and is then sent (pickled) to the processes, each of
which opens a session of its own.
"""

import multiprocessing
import threading
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from benchmarks.hammer.truth import TruthClient, TruthServer


def hammered_rows(count: int = 8) -> tuple[str, ...]:
    """Return the ids of so many rows."""
    return tuple(f"row{number}" for number in range(count))


class Session(Protocol):
    """What a process does with a store."""

    def read(self, row: str | None) -> dict[str, int]:
        """Read through the cache: the versions of this row, or of all; of those that are there."""

    def write(self, row: str) -> int | None:
        """Make a new version of a row and return it, when the write has returned; None if it was refused or its end is unknown."""

    def invalidate(self) -> None:
        """Make everything outdated by hand."""

    def flush(self) -> None:
        """Empty the cache behind the library's back."""

    def hits(self) -> int:
        """Return how many reads of this process the cache has answered."""


@runtime_checkable
class RemovingSession(Session, Protocol):
    """A session that can remove rows as well."""

    def remove(self, row: str) -> bool:
        """Delete a row; True when that has returned."""

    def restore(self, row: str) -> int | None:
        """Make a row again that may be gone, with a version above all earlier ones; return that as ``write`` does."""


class Store(Protocol):
    """A table of rows with versions, and a cache before it."""

    rows: tuple[str, ...]

    def start(self) -> None:
        """Start servers that all processes share."""

    def stop(self) -> None:
        """Stop them."""

    def session(self) -> Session:
        """Open the store in this process."""


@dataclass
class DriverStore:
    """
    The cache of this library, without backend: ``QueryCache`` before a ``TruthServer``.

    Args:
        caches: Django's ``CACHES``.
        settings: the ``CACHE`` dictionary.
        deaf: leave out what a write tells the cache at its end, to see whether the hammer notices.
        database: the settings of Django's default database, for the cache backend that needs one.
    """

    caches: dict[str, Any]
    settings: dict[str, Any]
    rows: tuple[str, ...] = field(default_factory=hammered_rows)
    path: str = ""
    deaf: bool = False
    database: dict[str, Any] = field(default_factory=dict)
    _server: TruthServer | None = field(default=None, repr=False)

    def start(self) -> None:
        self._server = TruthServer()
        self.path = self._server.path
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        # Elsewhere: a process can set up one Django, and this one may start several stores.
        process = multiprocessing.get_context("spawn").Process(target=_make_table, args=(self,))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit("the cache's table could not be made")

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def session(self) -> "DriverSession":
        return DriverSession(self)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_server": None}


class DriverSession:
    """A process's connection to a ``DriverStore``."""

    def __init__(self, store: DriverStore) -> None:
        import django
        from django.conf import settings

        if not settings.configured:
            settings.configure(
                CACHES=store.caches, DATABASES={"default": store.database}, USE_TZ=True
            )
            django.setup()
        from appwrite_orm_django.cache.service import QueryCache
        from appwrite_orm_django.conf import CacheSettings

        self._rows = store.rows
        self._deaf = store.deaf
        self._truth = TruthClient(store.path)
        self._cache = QueryCache.open(
            "hammer", CacheSettings.read("hammer", store.settings), "hammer"
        )

    def read(self, row: str | None) -> dict[str, int]:
        rows = self._rows if row is None else (row,)
        versions = self._cache.read(
            f"read {rows}",
            ("table",),
            lambda: self._truth.ask("read", rows),
            row=None if row is None else ("table", row),
        )
        return dict(zip(rows, versions, strict=True))

    def write(self, row: str) -> int | None:
        from appwrite_orm_django.cache.exceptions import IntentNotStored, InvalidationNotStored

        write = self._cache.write(rows=[("table", row)])
        try:
            if self._deaf:
                return self._truth.ask("write", row)
            with write:
                return self._truth.ask("write", row)
        except (IntentNotStored, InvalidationNotStored):
            return None

    def invalidate(self) -> None:
        self._cache.invalidate(["table"])

    def flush(self) -> None:
        from django.core.cache import cache

        cache.clear()

    def hits(self) -> int:
        return sum(table.hits for table in self._cache.statistics.snapshot().values())


def _make_table(store: DriverStore) -> None:
    store.session()
    from django.core.management import call_command

    call_command("createcachetable", verbosity=0)
