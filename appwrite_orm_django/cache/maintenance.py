"""
Inspect and refresh a cache, and verify it against Appwrite.

Everything here returns plain data; ``manage.py appwrite_cache`` parses, calls and prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models

from appwrite_orm_django.cache.connections import CachedConnection, cached_connection
from appwrite_orm_django.cache.control import invalidate, loaders_of
from appwrite_orm_django.cache.own_writes import fresh_reads
from appwrite_orm_django.cache.statistics import Counters
from appwrite_orm_django.cache.timeouts import Choice, choose

__all__ = [
    "Difference",
    "TableState",
    "Verification",
    "refreshed",
    "states",
    "totals",
    "verified",
    "warmed",
]

Model = type[models.Model]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TableState:
    """
    The cache of one model's table.

    Attributes:
        updated: whether anything read since the last write is cached.
        timeout_s: how long its entries live.
        warm: how many of the items that the model lists to warm are cached, and how many it lists.
    """

    model: str
    table: str
    updated: bool
    timeout_s: float
    warm: tuple[int, int]


def states(alias: str, chosen: Iterable[Model]) -> Iterator[TableState]:
    """Yield the state of each model's table, asking only the cache."""
    connection = _connection(alias)
    for model in chosen:
        table = connection.table_of(model)
        listed = _listed(connection, model)
        cached = sum(
            connection.is_cached(item.query)
            if isinstance(item, models.QuerySet)
            else item is not _NOT_CACHED
            for item in listed
        )
        yield TableState(
            model._meta.label,
            table,
            connection.cache.is_updated([table]),
            connection.cache.settings.timeout_for((table,)),
            (cached, len(listed)),
        )


def totals(alias: str, chosen: Iterable[Model]) -> dict[str, Counters]:
    """Return the counters of each model's table that was read, added up over all processes."""
    connection = _connection(alias)
    counted = connection.cache.statistics.total()
    by_table = {connection.table_of(model): model._meta.label for model in chosen}
    return {
        by_table[table]: counters
        for table, counters in sorted(counted.items())
        if table in by_table
    }


def warmed(chosen: Iterable[Model]) -> Iterator[tuple[Model, int]]:
    """Load what each model lists to warm and is not cached; yield model and rows for each item."""
    for model in chosen:
        for loader in loaders_of(model):
            yield model, loader.load()


def refreshed(alias: str, chosen: Sequence[Model]) -> Iterator[tuple[Model, int]]:
    """
    Invalidate the tables of the models and load what they list to warm; yield as ``warmed`` does.

    All tables are invalidated before anything is loaded. Lists may read each other's tables, and a
    later invalidation would make them stale again.
    """
    invalidate(*chosen, using=alias)
    yield from warmed(chosen)


# Checking


@dataclass(frozen=True, slots=True)
class Difference:
    """A cached result that differs from Appwrite's; both texts are cut to 200 characters."""

    model: str
    query: str
    cached: str
    fresh: str


@dataclass(frozen=True, slots=True)
class Verification:
    """
    The outcome for one model.

    Attributes:
        checked: cached results that were compared.
        absent: results that were to be compared but are not cached.
        unknown: items of the model's list that are no querysets and cannot be looked up.
    """

    model: str
    checked: int
    absent: int
    unknown: int
    differences: tuple[Difference, ...]


def verified(alias: str, chosen: Iterable[Model], *, sample: int = 20) -> Iterator[Verification]:
    """
    Compare cached results with Appwrite's, model by model.

    Django's cache API cannot list the contents of a cache, so this looks where readers look: at the
    querysets that models list to warm, at ``all()``, and at single rows by key, for ``sample`` rows
    of each table.

    A write between the two reads is not a difference. A result that differs is read from the cache
    once more, and counts only if it is still cached and unchanged. Invalidated rows do not count as
    cached, even if a ``max_age`` allows them.
    """
    for model in chosen:
        items = _listed(_connection(alias), model)
        querysets = [item for item in items if isinstance(item, models.QuerySet)]
        listed = len(querysets)
        manager = model._default_manager.using(alias)
        querysets += [manager.all(), *(_by_key(manager, pk) for pk in _keys(manager, sample))]
        found = [_compare(model, alias, queryset) for queryset in querysets]
        yield Verification(
            model._meta.label,
            sum(one is not None for one in found),
            sum(one is None for one in found),
            len(items) - listed,
            tuple(one for one in found if isinstance(one, Difference)),
        )


def _compare(model: Model, alias: str, queryset: models.QuerySet[Any]) -> Difference | bool | None:
    """Return the difference, True if there is none, None if the queryset is not cached."""
    connection = _connection(alias)
    if not connection.is_cached(queryset.query):
        return None
    with fresh_reads():
        cached = _rows(queryset)
    fresh = _rows(_uncached(queryset))
    if cached == fresh:
        return True
    with fresh_reads():
        if not connection.is_cached(queryset.query) or _rows(queryset) != cached:
            return None
    return Difference(
        model._meta.label, str(queryset.query)[:200], *_first_difference(cached, fresh)
    )


def _rows(queryset: models.QuerySet[Any]) -> list[Any]:
    # Instances are equal when their keys are equal; compare the values that were read into them.
    return [
        {name: value for name, value in vars(row).items() if not name.startswith("_")}
        if isinstance(row, models.Model)
        else row
        for row in queryset.all()
    ]


def _first_difference(cached: list[Any], fresh: list[Any]) -> tuple[str, str]:
    for number in range(max(len(cached), len(fresh))):
        one, other = (
            rows[number] if number < len(rows) else "no such row" for rows in (cached, fresh)
        )
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            names = [name for name in one if name == "id" or one[name] != other.get(name)]
            one, other = ({name: row.get(name) for name in names} for row in (one, other))
        return str(one)[:200], str(other)[:200]
    return "", ""


def _keys(manager: Any, sample: int) -> list[Any]:
    return (
        list(_uncached(manager.order_by("pk").values_list("pk", flat=True)[:sample]))
        if sample
        else []
    )


def _by_key(manager: Any, pk: Any) -> models.QuerySet[Any]:
    """Return the queryset that ``get(pk=...)`` reads."""
    found: models.QuerySet[Any] = manager.filter(pk=pk).order_by()[:_GET_LIMIT]
    return found


# The limit that ``get()`` puts on its query.
_GET_LIMIT = 21


def _uncached(queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
    # ``nocache()`` exists only on this library's querysets.
    clone: models.QuerySet[Any] = queryset.all()
    choose(clone.query, Choice(timeout=0))
    return clone


class _AskedAppwrite(Exception):
    """Stops a query that the cache does not answer."""


def _refuse(*_: Any) -> None:
    raise _AskedAppwrite


_NOT_CACHED = object()


def _listed(connection: CachedConnection, model: Model) -> list[Any]:
    """
    Return the result of each item that a model lists to warm.

    For an item that runs its own query, this is the cached result, or _NOT_CACHED.
    """
    found = []
    for loader in loaders_of(model):
        try:
            # The wrapper runs before any request is made, so looking loads nothing.
            with connection.execute_wrapper(_refuse), fresh_reads():
                found.append(loader.make())
        except _AskedAppwrite:
            found.append(_NOT_CACHED)
    return found


def _connection(alias: str) -> CachedConnection:
    connection = cached_connection(alias)
    if connection is None:
        raise ValueError(f'DATABASES["{alias}"] is not on Appwrite.')
    return connection
