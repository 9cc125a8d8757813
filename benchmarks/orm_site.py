"""A Django site with the models of ``benchmarks.shop`` in Appwrite, the cache off unless asked for."""

from __future__ import annotations

from typing import Any

from benchmarks.appwrite_server import KEY, PROJECT


def configure(
    endpoint: str,
    *,
    cache: bool = False,
    apps: tuple[str, ...] = ("benchmarks.shop",),
    **options: Any,
) -> None:
    import django
    from django.conf import settings

    appwrite = {
        "ENGINE": "appwrite_orm_django.backend",
        "HOST": endpoint,
        "USER": PROJECT,
        "PASSWORD": KEY,
        "NAME": "shop",
        "OPTIONS": {"CACHE": {"ENABLED": cache}, **options},
    }
    settings.configure(
        USE_TZ=True,
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
            "appwrite": appwrite,
        },
        DATABASE_ROUTERS=["appwrite_orm_django.routers.AppwriteRouter"],
        INSTALLED_APPS=["appwrite_orm_django", *apps],
    )
    django.setup()
    if "benchmarks.shop" in apps:
        import benchmarks.shop.items  # noqa: F401 - before anything asks which models there are
