"""
Control the cache by hand: invalidate after changes made elsewhere, and warm what will be needed.

Everything here takes models, instances and querysets. Those of other databases are ignored, because
this cache holds nothing of theirs; code that serves models of several databases needs no branches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, TypeAlias

from django.db import connections, models, router

from appwrite_orm_django.cache.connections import CachedConnection, cached_connection
from appwrite_orm_django.cache.own_writes import fresh_reads

__all__ = ["batch", "clear", "invalidate", "loaders_of", "refresh", "warm"]

Model: TypeAlias = type[models.Model]
Target: TypeAlias = "Model | models.Model | models.QuerySet[Any] | models.Manager[Any]"


def appwrite_aliases() -> list[str]:
    """Return the aliases of the databases on Appwrite."""
    return [alias for alias in connections if cached_connection(alias) is not None]


def invalidate(*targets: Target, using: str | None = None) -> bool:
    """
    Invalidate everything cached for these targets, in one round trip per database.

    Args:
        targets: a model (everything read from its table); an instance (its row and every list of
            its table, but no other row that was read by its key); a queryset or manager (everything
            read from any table that it reads).
        using: the database alias. By default, the database that each target was read from or would
            be written to.

    Returns:
        False if a cache did not answer. The invalidation is then retried until it does, and this
        process bypasses the cache meanwhile.

    Raises:
        TypeError: a target is none of the above.
    """
    pending: dict[CachedConnection, tuple[list[str], list[tuple[str, str]]]] = {}
    for target in targets:
        connection = cached_connection(using or _alias_of(target))
        if connection is None:
            continue
        tables, rows = pending.setdefault(connection, ([], []))
        if isinstance(target, type):
            tables.append(connection.table_of(target))
        elif isinstance(target, models.Model):
            _add_instance(connection, target, tables, rows)
        else:
            query = (
                target.query if isinstance(target, models.QuerySet) else target.get_queryset().query
            )
            tables.extend(connection.dependencies(query)[0])
    told = [connection.cache.invalidate(*parts) for connection, parts in pending.items()]
    return all(told)


def _alias_of(target: Target) -> str:
    if isinstance(target, type) and issubclass(target, models.Model):
        return router.db_for_write(target)
    if isinstance(target, models.Model):
        return target._state.db or router.db_for_write(type(target), instance=target)
    if isinstance(target, models.QuerySet | models.Manager):
        return target.db
    raise TypeError(f"invalidate() takes models, instances and querysets, got {target!r:.100}.")


def _add_instance(
    connection: CachedConnection,
    instance: models.Model,
    tables: list[str],
    rows: list[tuple[str, str]],
) -> None:
    model = type(instance)
    read, row = connection.dependencies(
        model._base_manager.using(connection.alias).filter(pk=instance.pk).query
    )
    if row is not None:
        rows.append(row)
    else:  # rows in several tables (inheritance), which are read together
        tables.extend(read)


def clear(using: str | None = None) -> bool:
    """
    Invalidate everything cached for one Appwrite database, or for all of them.

    The entries are no longer served, and stay in the cache until they expire. Nothing else in the
    same cache is touched.

    Returns:
        As ``invalidate``.
    """
    chosen = filter(None, map(cached_connection, [using] if using else appwrite_aliases()))
    told = [
        connection.cache.invalidate(
            [connection.table_of(model) for model in connection.cached_models()]
        )
        for connection in chosen
    ]
    return all(told)


@contextmanager
def batch(using: str | None = None) -> Iterator[None]:
    """
    Combine all writes in the block: invalidate each table at its first write and again at the end.

    Use it for loops of many small writes, which would otherwise cost two round trips to the cache
    each. Until the block ends, this thread bypasses the cache for the tables that it has written.
    Blocks may be nested; the outermost counts. This is not a transaction: writes take effect at
    once.

    Args:
        using: the database alias. By default, every Appwrite database.
    """
    with ExitStack() as stack:
        for alias in [using] if using else appwrite_aliases():
            if (connection := cached_connection(alias)) is not None:
                stack.enter_context(connection.cache.batch())
        yield


# Warming


class Loader(NamedTuple):
    """
    One item to warm: a queryset, made anew each time.

    Attributes:
        model: the model that lists it.
        make: returns a queryset, or the result of a query that it has run itself (a count, say).
    """

    model: Model
    make: Callable[[], Any]

    def load(self) -> int:
        """
        Read through the cache; return the number of rows, or 1 if the result is no queryset.

        Invalidated rows are loaded anew, even if a ``max_age`` would allow them.
        """
        with fresh_reads():
            found = self.make()
            return len(found) if isinstance(found, models.QuerySet) else 1


def loaders_of(model: Model) -> list[Loader]:
    """
    Return the items that a model lists as ``appwrite_warm``.

    Raises:
        TypeError: an item is neither a queryset nor callable.
    """
    return [Loader(model, _maker(model, item)) for item in getattr(model, "appwrite_warm", ())]


def _maker(model: Model, item: Any) -> Callable[[], Any]:
    if isinstance(item, models.QuerySet):
        return item.all
    if callable(item):
        make: Callable[[], Any] = item
        return make
    raise TypeError(
        f"{model._meta.label}.appwrite_warm holds {item!r:.100}; it takes querysets, and callables "
        "that return one."
    )


def warm(model: Model) -> int:
    """Load what a model lists to warm and is not cached; return the number of rows."""
    return sum(loader.load() for loader in loaders_of(model))


def refresh(model: Model, using: str | None = None) -> int:
    """Invalidate a model's table and warm what the model lists; return the number of rows."""
    invalidate(model, using=using)
    return warm(model)


def warmed_models(candidates: Iterable[Model]) -> list[Model]:
    """Return the models that list something to warm."""
    return [model for model in candidates if getattr(model, "appwrite_warm", ())]
