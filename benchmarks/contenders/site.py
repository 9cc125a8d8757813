"""A Django site in memory with the model of ``records`` on SQLite."""

import tempfile
from pathlib import Path
from typing import Any

import django
from django.conf import settings


def configure(
    redis_url: str,
    *apps: str,
    more_databases: dict[str, dict[str, Any]] | None = None,
    **values: Any,
) -> None:
    """Set Django up with these apps, one SQLite file and django-redis as the default cache."""
    settings.configure(
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(Path(tempfile.mkdtemp(prefix="appwrite-bench-")) / "rows.sqlite3"),
            },
            **(more_databases or {}),
        },
        CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis_url}},
        INSTALLED_APPS=[*apps, "benchmarks.shop"],
        **values,
    )
    django.setup()


def make_table(rows: int) -> None:
    """Make the model's table and fill it."""
    from django.db import connection

    from benchmarks.shop.models import Product

    from .records import records

    with connection.schema_editor() as editor:
        editor.create_model(Product)
    Product.objects.bulk_create(Product(**record) for record in records(rows))
