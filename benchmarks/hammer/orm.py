"""The whole library, hammered: models on Redis and on a local server over HTTP."""

import multiprocessing
import random
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.hammer.services import sqlite
from benchmarks.hammer.stores import hammered_rows


@dataclass
class OrmStore:
    """
    Models of this library before ``manage.py appwrite_server``.

    Args:
        caches: Django's ``CACHES``.
        settings: the ``CACHE`` dictionary of the database.
        deaf: write through an alias that tells the cache nothing, to see whether the hammer
            notices.
        database: the settings of Django's default database, for the cache backend that needs one.
        by_value: whether the table of ``benchmarks.hot_tables`` is cached by value.
        hammers_values: whether it is that table that is hammered (``values``).
    """

    caches: dict[str, Any]
    settings: dict[str, Any]
    rows: tuple[str, ...] = field(default_factory=hammered_rows)
    port: int = 0
    deaf: bool = False
    database: dict[str, Any] = field(default_factory=lambda: sqlite(":memory:"))
    by_value: bool = False
    hammers_values: bool = False
    _server: Any = field(default=None, repr=False)

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [
            sys.executable,
            "manage.py",
            "appwrite_server",
            "--addrport",
            f"127.0.0.1:{self.port}",
        ]
        command += ["--project", "hammer", "--key", "hammer", "--realtime-port", "0"]
        self._server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                break
        else:
            raise SystemExit("the local server does not answer")
        # Elsewhere: a process can set up one Django, and the one that starts stores may start
        # several.
        process = multiprocessing.get_context("spawn").Process(target=_make_rows, args=(self,))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit("the rows could not be made")

    def stop(self) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait(20)

    def session(self) -> "OrmSession":
        if self.hammers_values:
            from benchmarks.hammer.values import ValuesSession

            return ValuesSession(self)
        return OrmSession(self)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_server": None}


class OrmSession:
    """A process's Django on an ``OrmStore``."""

    def __init__(self, store: OrmStore) -> None:
        import django
        from django.conf import settings

        appwrite = {
            "ENGINE": "appwrite_orm_django.backend",
            "HOST": f"http://127.0.0.1:{store.port}/v1",
            "USER": "hammer",
            "PASSWORD": "hammer",
            "NAME": "hammer",
        }
        if not settings.configured:
            settings.configure(
                USE_TZ=True,
                CACHES=store.caches,
                DATABASES={
                    "default": store.database,
                    "appwrite": {**appwrite, "OPTIONS": {"CACHE": store.settings}},
                    "deaf": {**appwrite, "OPTIONS": {"CACHE": {"ENABLED": False}}},
                },
                DATABASE_ROUTERS=["appwrite_orm_django.routers.AppwriteRouter"],
                INSTALLED_APPS=["appwrite_orm_django", "benchmarks.shop"],
            )
            django.setup()
        from benchmarks.shop.versions import Hot, Version

        if store.by_value:
            Hot.appwrite_cache_by = ["category"]
        self._model: Any = Version
        self._using = "deaf" if store.deaf else "appwrite"
        prepared = Version.objects.prepared()
        self._ways = (
            lambda: {one.pk: one.number for one in Version.objects.all()},
            lambda: {one.pk: one.number for one in prepared},
            lambda: dict(Version.objects.values_list("pk", "number")),
            lambda: {
                one.pk: one.number
                for one in Version.objects.filter(number__gte=0).order_by("-number")
            },
        )

    def make_rows(self, rows: tuple[str, ...]) -> None:
        from django.core.management import call_command

        from appwrite_orm_django.cache.exceptions import IntentNotStored

        call_command("createcachetable", verbosity=0)
        for _ in range(20):
            try:
                call_command("appwrite_migrate", database="appwrite", verbosity=0)
                self._model.objects.bulk_create(self.new_rows(rows))
            except IntentNotStored:  # a primary that is not used yet
                time.sleep(1)
            else:
                return
        raise SystemExit("the cache takes no writes")

    def new_rows(self, rows: tuple[str, ...]) -> list[Any]:
        return [self._model(pk=row) for row in rows]

    def read(self, row: str | None) -> dict[str, int]:
        if row is None:
            return random.choice(self._ways)()
        try:
            return {row: self._model.objects.get(pk=row).number}
        except self._model.DoesNotExist:
            return {}

    def write(self, row: str) -> int | None:
        from django.db import connections
        from django.db.models import F

        updated = self._unless_refused(
            lambda: self._rows.filter(pk=row).update(number=F("number") + 1)
        )
        # The server's answer to the increment holds what it came to, also when others increment at
        # the same time.
        written: Any = connections[self._using]
        return int(written.last_written_row["number"]) if updated else None

    def remove(self, row: str) -> bool:
        return self._unless_refused(lambda: self._rows.filter(pk=row).delete()) is not None

    def restore(self, row: str) -> int | None:
        from django.db import IntegrityError

        # Higher than anything that increments have come to since the last time: those take longer
        # than a microsecond each.
        version = time.time_ns() // 1000
        try:
            made = self._unless_refused(lambda: self._rows.create(pk=row, number=version))
        except IntegrityError:  # it was never removed, or a process that is gone has restored it
            made = (
                self._unless_refused(lambda: self._rows.filter(pk=row).update(number=version))
                or None
            )
        return None if made is None else version

    @property
    def _rows(self) -> Any:
        return self._model.objects.using(self._using)

    def _unless_refused(self, write: Any) -> Any:
        from appwrite_orm_django.cache.exceptions import IntentNotStored, InvalidationNotStored

        try:
            return write()
        except (IntentNotStored, InvalidationNotStored):
            return None

    def invalidate(self) -> None:
        from appwrite_orm_django.cache import clear

        random.choice((clear, lambda: self._model.objects.set_updated(False)))()

    def flush(self) -> None:
        from django.core.cache import cache

        cache.clear()

    def hits(self) -> int:
        from django.db import connections

        connection: Any = connections[self._using]
        return sum(table.hits for table in connection.cache.statistics.snapshot().values())


def _make_rows(store: OrmStore) -> None:
    store.session().make_rows(store.rows)
