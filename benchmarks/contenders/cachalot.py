"""django-cachalot on django-redis."""

from collections.abc import Callable
from typing import Any

from .site import configure, make_table


def prepare(redis_url: str) -> Callable[[int], dict[str, Callable[[], list[Any]]]]:
    configure(redis_url.replace("/0", "/2"), "cachalot", CACHALOT_TIMEOUT=300)
    from benchmarks.shop.models import Product

    make_table(1000)

    def calls(rows: int) -> dict[str, Callable[[], list[Any]]]:
        return {"cachalot": lambda: list(Product.objects.order_by("id")[:rows])}

    return calls
