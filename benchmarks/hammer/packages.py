"""Other packages, hammered: models on SQLite, cached in Redis by django-cacheops or django-cachalot."""

import multiprocessing
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.hammer.stores import hammered_rows


@dataclass
class PackageStore:
    """
    A table on SQLite before one of the packages. For one writer: versions are counted by reading
    past the cache, then saving.

    Args:
        package: "cacheops" or "cachalot".
        redis_url: ends in the number of the Redis database.
    """

    package: str
    redis_url: str
    rows: tuple[str, ...] = field(default_factory=hammered_rows)
    path: str = field(
        default_factory=lambda: str(
            Path(tempfile.mkdtemp(prefix="appwrite-hammer-")) / "rows.sqlite3"
        )
    )

    def start(self) -> None:
        # Elsewhere: a process can set up one Django, and the one that starts stores may start
        # several.
        process = multiprocessing.get_context("spawn").Process(target=_make_rows, args=(self,))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit("the rows could not be made")

    def stop(self) -> None:
        return

    def session(self) -> "PackageSession":
        return PackageSession(self)


class PackageSession:
    """A process's Django on a ``PackageStore``."""

    def __init__(self, store: PackageStore) -> None:
        import django
        from django.conf import settings

        if not settings.configured:
            settings.configure(
                USE_TZ=True,
                CACHES={
                    "default": {
                        "BACKEND": "django_redis.cache.RedisCache",
                        "LOCATION": store.redis_url,
                    }
                },
                DATABASES={
                    "default": {
                        "ENGINE": "django.db.backends.sqlite3",
                        "NAME": store.path,
                        "OPTIONS": {"timeout": 20, "init_command": "PRAGMA journal_mode=WAL"},
                    }
                },
                CACHEOPS_REDIS=store.redis_url,
                CACHEOPS={"*.*": {"ops": "all", "timeout": 300}},
                CACHALOT_TIMEOUT=300,
                INSTALLED_APPS=[store.package, "benchmarks.shop"],
            )
            django.setup()
        from benchmarks.shop.models import PlainVersion

        self._model = PlainVersion

    def make_rows(self, rows: tuple[str, ...]) -> None:
        from django.db import connection

        with connection.schema_editor() as editor:
            editor.create_model(self._model)
        self._model.objects.bulk_create(self._model(pk=row) for row in rows)

    def read(self, row: str | None) -> dict[str, int]:
        found = self._model.objects.all() if row is None else self._model.objects.filter(pk=row)
        return {one.pk: one.number for one in found}

    def write(self, row: str) -> int | None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT number FROM shop_plainversion WHERE id = %s", [row])
            (number,) = cursor.fetchone()
        self._model(pk=row, number=number + 1).save(force_update=True)
        return int(number) + 1

    def invalidate(self) -> None:
        self.flush()

    def flush(self) -> None:
        from django.core.cache import cache

        cache.clear()

    def hits(self) -> int:
        return 0


def _make_rows(store: PackageStore) -> None:
    store.session().make_rows(store.rows)
