"""This library as it is used: from a queryset to a list of instances, on django-redis; and with the queryset prepared."""

from collections.abc import Callable
from typing import Any

from .records import records
from .site import configure


def prepare(redis_url: str) -> Callable[[int], dict[str, Callable[[], list[Any]]]]:
    configure(
        redis_url.replace("/0", "/3"),
        "appwrite_orm_django",
        # In this process and without a socket: a hit asks it nothing, however it is reached.
        more_databases={
            "appwrite": {
                "ENGINE": "appwrite_orm_django.backend",
                "HOST": "local:",
                "USER": "bench",
                "PASSWORD": "bench",
                "NAME": "shop",
            }
        },
        DATABASE_ROUTERS=["appwrite_orm_django.routers.AppwriteRouter"],
    )
    from django.core.management import call_command

    from benchmarks.shop.items import Item

    call_command("appwrite_migrate", verbosity=0)
    columns = ("id", "name", "stock", "active")
    Item.objects.bulk_create(
        Item(**{name: record[name] for name in columns}) for record in records(1000)
    )

    def calls(rows: int) -> dict[str, Callable[[], list[Any]]]:
        return {
            "appwrite": lambda: list(Item.objects.order_by("id")[:rows]),
            "appwrite, prepared": Item.objects.order_by("id")[:rows].prepared(),
        }

    return calls
