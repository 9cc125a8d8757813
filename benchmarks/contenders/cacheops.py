"""django-cacheops, caching everything for five minutes."""

from collections.abc import Callable
from typing import Any

from .site import configure, make_table


def prepare(redis_url: str) -> Callable[[int], dict[str, Callable[[], list[Any]]]]:
    configure(
        redis_url,
        "cacheops",
        CACHEOPS_REDIS=redis_url.replace("/0", "/1"),
        CACHEOPS={"*.*": {"ops": "all", "timeout": 300}},
    )
    from benchmarks.shop.models import Product

    make_table(1000)

    def calls(rows: int) -> dict[str, Callable[[], list[Any]]]:
        return {"cacheops": lambda: list(Product.objects.order_by("id")[:rows])}

    return calls
