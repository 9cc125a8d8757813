"""What cannot be beaten by caching rows: Redis GET, ``pickle.loads``, ``Model.from_db`` per row."""

import pickle
from collections.abc import Callable
from typing import Any

from .records import COLUMNS, records
from .site import configure


def prepare(redis_url: str) -> Callable[[int], dict[str, Callable[[], list[Any]]]]:
    configure(redis_url)
    import redis

    from benchmarks.shop.models import Product

    client = redis.Redis.from_url(redis_url)

    def calls(rows: int) -> dict[str, Callable[[], list[Any]]]:
        key = f"floor:{rows}"
        client.set(key, pickle.dumps([tuple(record.values()) for record in records(rows)], 5))

        def call() -> list[Any]:
            return [
                Product.from_db("default", COLUMNS, row) for row in pickle.loads(client.get(key))
            ]

        return {"floor": call}

    return calls
