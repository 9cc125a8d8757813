"""The cache backends that are hammered, as Django's ``CACHES``."""

from typing import Any

from benchmarks.redis_server import RedisServer

CACHES = ("redis", "locmem", "file", "database", "diskcache")
#: Django's own default of 300 entries would be culled all the time.
_ENTRIES = {"MAX_ENTRIES": 10_000}


def caches(name: str, directory: str, redis: RedisServer | None) -> dict[str, Any]:
    """Return ``CACHES`` for one of ``CACHES``; what it keeps in files is in this directory."""
    chosen: dict[str, dict[str, Any]] = {
        "locmem": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "hammer",
            "OPTIONS": _ENTRIES,
        },
        "file": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": f"{directory}/files",
            "OPTIONS": _ENTRIES,
        },
        "database": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "hammer_cache",
            "OPTIONS": _ENTRIES,
        },
        "diskcache": {"BACKEND": "diskcache.DjangoCache", "LOCATION": f"{directory}/disk"},
    }
    if redis is not None:
        options = {"SOCKET_CONNECT_TIMEOUT": 1, "SOCKET_TIMEOUT": 1}
        chosen["redis"] = {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": redis.url,
            "OPTIONS": options,
        }
    return {"default": chosen[name]}
