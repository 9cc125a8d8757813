"""This library's cache alone, without queryset and compiler: from a command's bytes to tuples, and to instances with ``from_db``."""

from collections.abc import Callable
from typing import Any

from .records import COLUMNS, records
from .site import configure


def prepare(redis_url: str) -> Callable[[int], dict[str, Callable[[], list[Any]]]]:
    configure(redis_url)
    from appwrite_orm_django.cache.service import QueryCache
    from appwrite_orm_django.conf import CacheSettings
    from benchmarks.shop.models import Product

    cache = QueryCache.open("default", CacheSettings(), "benchmark")

    def calls(rows: int) -> dict[str, Callable[[], list[Any]]]:
        stored = [tuple(record.values()) for record in records(rows)]
        command = f"list product limit {rows} ".encode() + b"x" * 200

        def tuples() -> list[Any]:
            return cache.read(command, ("product",), lambda: stored)

        def instances() -> list[Any]:
            return [Product.from_db("default", COLUMNS, row) for row in tuples()]

        return {"driver, tuples": tuples, "driver, from_db": instances}

    return calls
