"""
System checks of the query cache: report settings that make it useless, slow or silently stale.

They read settings and classes only, and contact neither a cache nor a server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.cache.backends.db import BaseDatabaseCache, DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.memcached import BaseMemcachedCache
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, models, router
from django.utils.module_loading import import_string

from appwrite_orm_django.backend import by_value
from appwrite_orm_django.cache.control import loaders_of
from appwrite_orm_django.cache.keys import LONGEST_KEY
from appwrite_orm_django.checks.messages import error, warning
from appwrite_orm_django.conf import CacheSettings, appwrite_aliases

# What memcached allows.
_MEMCACHED_KEY = 250
# Django's own default for caches that count their entries.
_DEFAULT_MAX_ENTRIES = 300


def check_settings(app_configs: Sequence[AppConfig] | None = None, **_: Any) -> list[CheckMessage]:
    """Check ``CACHES`` and each database's ``OPTIONS["CACHE"]``."""
    messages: list[CheckMessage] = []
    for alias, options in _cache_options().items():
        try:
            read = CacheSettings.read(alias, options)
        except ImproperlyConfigured as exc:
            messages.append(error(30, str(exc), "Correct the setting."))
            continue
        if read.enabled and read.alias not in settings.CACHES:
            messages.append(
                error(
                    30,
                    f'DATABASES["{alias}"]["OPTIONS"]["CACHE"]["ALIAS"] is {read.alias!r}, which '
                    "is not in CACHES.",
                    f"Name one of {', '.join(sorted(settings.CACHES))}.",
                )
            )
    for name in _caches_in_use():
        messages += _cache_messages(name)
    for alias, options in _cache_options().items():
        messages += _memcached_messages(alias, options)
    return messages


def check_models(app_configs: Sequence[AppConfig] | None = None, **_: Any) -> list[CheckMessage]:
    """Check ``appwrite_cache_timeout``, ``_max_age`` and ``appwrite_warm`` of every model."""
    configs = apps.get_app_configs() if app_configs is None else app_configs
    return [
        message
        for config in configs
        for model in config.get_models()
        for message in _model_messages(model)
    ]


def check_deployment(
    app_configs: Sequence[AppConfig] | None = None, **_: Any
) -> list[CheckMessage]:
    """Check for settings that are safe in development only, under ``manage.py check --deploy``."""
    private = [name for name in _caches_in_use() if _is(name, LocMemCache)]
    return [*map(_is_private, private), *(found for name in private for found in _is_small(name))]


def _is_private(name: str) -> CheckMessage:
    return warning(
        33,
        f'CACHES["{name}"] is local to each process: a write invalidates the cache of its own '
        "process only.",
        "Other worker processes serve stale rows until the timeout. Use a shared cache, such "
        "as Redis.",
    )


def _is_small(name: str) -> Iterator[CheckMessage]:
    config = settings.CACHES[name]
    options = config.get("OPTIONS", {})
    entries = options.get("MAX_ENTRIES", config.get("MAX_ENTRIES", _DEFAULT_MAX_ENTRIES))
    if int(entries) <= _DEFAULT_MAX_ENTRIES:
        yield warning(
            34,
            f'CACHES["{name}"] keeps {entries} entries. A single page can need dozens, and a full '
            "cache drops a third of its entries at random.",
            'Set OPTIONS["MAX_ENTRIES"] to 10000 or more. OPTIONS["CACHE"]["MAX_BYTES"] of the '
            "database limits the bytes.",
        )


# The settings


def _cache_options() -> dict[str, dict[str, Any]]:
    return {
        alias: settings.DATABASES[alias].get("OPTIONS", {}).get("CACHE", {})
        for alias in appwrite_aliases()
    }


def _caches_in_use() -> list[str]:
    used = {
        options.get("ALIAS", CacheSettings().alias)
        for options in _cache_options().values()
        if options.get("ENABLED", CacheSettings().enabled)
    }
    return sorted(used & set(settings.CACHES))


def _is(name: str, backend: type) -> bool:
    try:
        found = import_string(settings.CACHES[name]["BACKEND"])
    except (ImportError, KeyError):  # Django reports this itself
        return False
    return isinstance(found, type) and issubclass(found, backend)


def _cache_messages(name: str) -> Iterator[CheckMessage]:
    config = settings.CACHES[name]
    options = config.get("OPTIONS", {})
    backend = str(config.get("BACKEND", ""))
    is_django_redis = backend.startswith("django_redis.")
    where = f'CACHES["{name}"]'
    if is_django_redis and options.get(
        "IGNORE_EXCEPTIONS", getattr(settings, "DJANGO_REDIS_IGNORE_EXCEPTIONS", False)
    ):
        yield warning(
            30,
            f"{where} ignores exceptions, which hides that an invalidation was lost.",
            "Each invalidation has to be read back, and may have to be repeated. Turn "
            "IGNORE_EXCEPTIONS off: this library tolerates a cache that fails.",
        )
    if _reads_from_replicas(backend, config):
        yield warning(
            31,
            f"{where} reads from replicas, which lag behind: stale rows can be served for a moment "
            "after a write.",
            "Use the primary alone as LOCATION (with Sentinel: the default client, and "
            "?is_master=1).",
        )
    if str(options.get("CLIENT_CLASS", "")).endswith(("HerdClient", "ShardClient")):
        yield warning(
            36,
            f"{where} uses a client that cannot tell which Redis has answered: if one is restarted "
            "from a dump, or a replica is promoted, stale rows are served until they expire. "
            "HerdClient also keeps tokens a minute longer.",
            "Use the default client, which this library protects in the same way; or turn "
            "persistence and replication of this Redis off.",
        )
    if "json" in str(options.get("SERIALIZER", "")).lower():
        yield warning(
            37,
            f"{where} serializes to JSON, which cannot hold rows: nothing is cached.",
            "Use another serializer, such as the default, in a cache of its own "
            '(OPTIONS["CACHE"]["ALIAS"]).',
        )
    if _is(name, DummyCache):
        yield warning(
            32,
            f"{where} stores nothing: every read goes to Appwrite.",
            'Use another cache, or set OPTIONS["CACHE"]["ENABLED"] to False to skip it.',
        )
    if _is(name, DatabaseCache) and _shares_a_database(config):
        yield warning(
            35,
            f"{where} is a table of a database with transactions of its own: inside one, an "
            "invalidation reaches other processes only when it commits, and never if it is rolled "
            "back.",
            "Route the cache to a database alias of its own, which may name the same database.",
        )


def _shares_a_database(config: dict[str, Any]) -> bool:
    table = BaseDatabaseCache(config.get("LOCATION", ""), {})
    alias = router.db_for_write(table.cache_model_class)  # type: ignore[attr-defined]  # Django's, which django-stubs leave out
    return alias == DEFAULT_DB_ALIAS or bool(
        settings.DATABASES.get(alias, {}).get("ATOMIC_REQUESTS")
    )


def _memcached_messages(alias: str, options: dict[str, Any]) -> Iterator[CheckMessage]:
    name = options.get("ALIAS", CacheSettings().alias)
    if name not in _caches_in_use() or not _is(name, BaseMemcachedCache):
        return
    config = settings.CACHES[name]
    location = config.get("LOCATION", "")
    servers = re.split("[;,]", location) if isinstance(location, str) else list(location)
    if len(servers) > 1 and not options.get("SEVERAL_MEMCACHED"):
        yield error(
            33,
            f'CACHES["{name}"] is {len(servers)} memcached servers. If one of them is ejected and '
            "comes back, its tokens are older, and stale rows are served until they expire.",
            "Use one server, or Redis; or set "
            f'DATABASES["{alias}"]["OPTIONS"]["CACHE"]["SEVERAL_MEMCACHED"] to True to accept that.',
        )
    prefix = str(options.get("KEY_PREFIX", CacheSettings().key_prefix))
    django_prefix = f"{config.get('KEY_PREFIX', '')}:{config.get('VERSION', 1)}:"
    longest = len(django_prefix) + LONGEST_KEY + len(prefix)
    if config.get("KEY_FUNCTION") is None and longest > _MEMCACHED_KEY:
        yield error(
            34,
            f'Keys in CACHES["{name}"] may be {longest} characters long; memcached allows '
            f"{_MEMCACHED_KEY}.",
            f"Shorten its KEY_PREFIX by {longest - _MEMCACHED_KEY} characters.",
        )


def _reads_from_replicas(backend: str, config: dict[str, Any]) -> bool:
    if "redis" not in backend.lower() and "valkey" not in backend.lower():
        return False
    client = str(config.get("OPTIONS", {}).get("CLIENT_CLASS", ""))
    if client.rpartition(".")[2] in ("", "DefaultClient"):
        return False  # this library reads from the primary itself
    location = config.get("LOCATION", "")
    servers = re.split("[;,]", location) if isinstance(location, str) else list(location)
    # Shards divide the keys among servers, so each key lives on one server.
    return len(servers) > 1 and not client.endswith("ShardClient")


def _by_value_messages(model: type[models.Model]) -> Iterator[CheckMessage]:
    names = getattr(model, by_value.ATTRIBUTE, None)
    if names is None or by_value.is_inherited(model):
        return
    label = f"{model._meta.label}.{by_value.ATTRIBUTE}"
    if not isinstance(names, list | tuple):
        yield error(35, f"{label} is {names!r}.", "Set a list of names of fields.", model)
        return
    if len(names) > by_value.MOST_COLUMNS:
        yield error(
            35,
            f"{label} names {len(names)} columns.",
            f"Name at most {by_value.MOST_COLUMNS}: every write changes a token for each of them.",
            model,
        )
        return
    for name in names:
        if reason := by_value.refusal(model, name):
            yield error(
                35,
                f"{label} names {name!r}, but {reason}.",
                "Name fields whose values queries ask for, such as foreign keys, texts, integers, "
                "decimals, dates and booleans.",
                model,
            )


def _model_messages(model: type[models.Model]) -> Iterator[CheckMessage]:
    for name in ("appwrite_cache_timeout", "appwrite_cache_max_age"):
        seconds = getattr(model, name, None)
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if seconds is not None and not (is_number and 0 <= seconds < float("inf")):
            yield error(
                31,
                f"{model._meta.label}.{name} is {seconds!r}.",
                "Set a number of seconds of at least 0, or None to use the settings.",
                model,
            )
    yield from _by_value_messages(model)
    try:
        loaders_of(model)
    except TypeError as exc:
        yield error(
            32,
            str(exc),
            "Write a callable without arguments: lambda: Product.objects.all().",
            model,
        )
