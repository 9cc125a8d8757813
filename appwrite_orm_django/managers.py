"""The manager and queryset of Appwrite models: Django's own, and what Django has no word for."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from asgiref.sync import sync_to_async
from django.db import IntegrityError, connections, models
from django.db.models.deletion import Collector

from appwrite_orm_django.backend.aliases import is_appwrite
from appwrite_orm_django.backend.execution import retries
from appwrite_orm_django.backend.transactions.ends import BlockEnd, uncommitted
from appwrite_orm_django.backend.values import hold
from appwrite_orm_django.cache import control
from appwrite_orm_django.cache.connections import cached_connection
from appwrite_orm_django.cache.timeouts import choose, chosen, inherited
from appwrite_orm_django.client.errors import WriteRefused
from appwrite_orm_django.orm.hydration import InstanceQuerySet, ModelT, RowT

if TYPE_CHECKING:
    import datetime

    from django.db.models.expressions import Combinable
    from typing_extensions import Self

    from appwrite_orm_django.orm.hydration import Prepared

__all__ = ["AppwriteManager", "AppwriteQuerySet"]


class AppwriteQuerySet(InstanceQuerySet[ModelT, RowT]):
    """
    A queryset over rows in Appwrite.

    The methods about the cache do nothing on a database that is not on Appwrite: there nothing is cached, ``is_cached()`` and
    ``is_updated()`` are False, and querysets are just read.
    """

    if TYPE_CHECKING:
        # These change the type of a row, for which django-stubs name Django's queryset.
        def values(self, *fields: str | Combinable, **expressions: Any) -> AppwriteQuerySet[ModelT, dict[str, Any]]: ...
        def values_list(
            self, *fields: str | Combinable, flat: bool = False, named: bool = False
        ) -> AppwriteQuerySet[ModelT, Any]: ...
        def dates(
            self, field_name: str, kind: Literal["year", "month", "week", "day"], order: Literal["ASC", "DESC"] = "ASC"
        ) -> AppwriteQuerySet[ModelT, datetime.date]: ...
        def datetimes(
            self,
            field_name: str,
            kind: Literal["year", "month", "week", "day", "hour", "minute", "second"],
            order: Literal["ASC", "DESC"] = "ASC",
            tzinfo: datetime.tzinfo | None = None,
        ) -> AppwriteQuerySet[ModelT, datetime.datetime]: ...

    def bulk_create(
        self,
        objs: Iterable[ModelT],  # type: ignore[misc]  # covariant, as django-stubs' own
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[ModelT]:
        # Outside a block each batch of 100 rows is one request, atomic by itself. Inside one all are committed together. Users can make
        # rows only one by one: for them it is always a block. Updating conflicts makes a block for each batch in any case.
        self._for_write = True
        # Django asks for it again with each object, and the routers with it.
        self._db = self.db
        connection = connections[self.db]
        as_user = is_appwrite(connection) and connection.identity is not None
        if update_conflicts:
            objs = list(objs)
            self._forget_what_was_read(objs, update_fields or ())
        noting = connection.noting_commits() if is_appwrite(connection) else nullcontext()
        direct = nullcontext() if as_user and not update_conflicts else self._direct_outside_a_block()
        with noting as end, direct:
            made = super().bulk_create(
                objs, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
            )
        if not ignore_conflicts:
            # Of rows that were there already only what the server keeps is known.
            known = [field for field in self.model._meta.concrete_fields if not update_conflicts or field.db_returning]
            self._remember(made, {field.attname for field in known}, end if end and end.written else None)
        return made

    def bulk_update(
        self,
        objs: Iterable[ModelT],  # type: ignore[misc]  # covariant, as django-stubs' own
        fields: Iterable[str],
        batch_size: int | None = None,
    ) -> int:
        objs, fields = tuple(objs), list(fields)
        self._forget_what_was_read(objs, fields)
        changed = super().bulk_update(objs, fields, batch_size)
        if is_appwrite(connections[self.db]):
            written: list[Any] = [self.model._meta.get_field(name) for name in fields]
            for obj in objs:
                hold(obj, written)
        self._remember(objs, self._attnames(fields))
        return changed

    bulk_update.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates

    def update_or_create(
        self,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[ModelT, bool]:
        """
        Do as Django's, and try again if somebody else was faster: nobody can be made to wait for the row, so one of two is refused.

        Inside ``atomic`` there is one attempt, and the block is refused at its end. Callables among the values may be called again.
        """
        self._for_write = True
        connection = connections[self.db]
        alone = not is_appwrite(connection) or connection.in_atomic_block
        was_taken = False
        for attempt in itertools.count(1):
            try:
                return super().update_or_create(defaults, create_defaults, **kwargs)
            except WriteRefused:
                if alone or attempt == retries.MAX_ATTEMPTS:
                    raise
            except IntegrityError:
                # As get_or_create() does: somebody has made the object, or it is another value that is taken.
                if alone or was_taken or not self.nocache().filter(**kwargs).exists():
                    raise
                was_taken = True
            retries.pause(attempt)
        raise AssertionError  # never reached: the last attempt raises

    async def aupdate_or_create(
        self,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[ModelT, bool]:
        def make() -> tuple[ModelT, bool]:
            made, is_new = self.update_or_create(defaults, create_defaults, **kwargs)
            # Its block is committed: what is asked for when it is looked at cannot be asked for in an event loop.
            getattr(made, "updated_at", None)
            return made, is_new

        return await sync_to_async(make)()

    aupdate_or_create.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates
    update_or_create.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates

    def _forget_what_was_read(self, objs: Sequence[Any], names: Collection[str]) -> None:
        """Let ``save()`` of these objects send the fields that are written now past it, also if they get back the values that were read."""
        attnames = self._attnames(names)
        for obj in objs if hasattr(self.model, "_forget") else ():
            obj._forget(attnames)

    def _remember(self, objs: Sequence[Any], attnames: Collection[str], end: BlockEnd | None = None) -> None:
        """Let ``save()`` of these objects send what is assigned from now on; ``end`` is that of a block that has ended already."""
        end = end or uncommitted(connections[self.db])
        for obj in objs if hasattr(self.model, "_remember") else ():
            obj._remember(attnames, self.db, end)

    def _attnames(self, names: Collection[str]) -> set[str]:
        return {field.attname for field in self.model._meta.concrete_fields if {field.name, field.attname} & set(names)}

    def delete(self) -> tuple[int, dict[str, int]]:
        # Without cascades this is one request; Django would put a block around it all the same.
        rows: Any = self
        if self._result_cache is None and not self.query.is_sliced and Collector(self.db, rows).can_fast_delete(rows):
            with self._direct_outside_a_block():
                return super().delete()
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _direct_outside_a_block(self) -> AbstractContextManager[None]:
        self._for_write = True
        connection = connections[self.db]
        if not is_appwrite(connection) or connection.in_atomic_block:
            return nullcontext()
        return connection.direct_writes()

    # The cache of this queryset

    def cache(self, timeout: float | None = None) -> Self:
        """
        Return a queryset whose result is kept for ``timeout`` seconds, instead of as long as model and settings say.

        An entry keeps the timeout it was stored with: a queryset that finds one does not change it. What ``prefetch_related`` reads
        along with the rows is kept likewise, where its queryset (of a ``Prefetch``) does not say otherwise.

        Args:
            timeout: seconds; 0 for not at all; None for what model and settings say.

        Raises:
            ValueError: a negative number.
        """
        if timeout is not None and not timeout >= 0:
            raise ValueError(f"A cache timeout is a number of seconds of at least 0, not {timeout!r}.")
        clone: Self = self._chain()  # type: ignore[attr-defined]  # a private name
        choose(clone.query, timeout)
        return clone

    def nocache(self) -> Self:
        """Return a queryset that neither reads from the cache nor stores into it."""
        return self.cache(timeout=0)

    def _prefetch_related_objects(self) -> None:
        with inherited(chosen(self.query)):
            super()._prefetch_related_objects()  # type: ignore[misc]  # a private name

    def _iterator(self, *args: Any) -> Iterator[Any]:
        # Django prefetches here a chunk at a time, whenever the next row is asked for.
        rows, choice, end = super()._iterator(*args), chosen(self.query), object()  # type: ignore[misc]
        while True:
            with inherited(choice):
                row = next(rows, end)
            if row is end:
                return
            yield row

    def is_cached(self) -> bool:
        """
        Say whether the rows of this queryset would come from the cache, at the cost of one call to it and no request.

        About the rows only: ``count()``, ``exists()`` and what ``prefetch_related`` adds are entries of their own.

        Raises:
            NotSupportedError: as reading it would.
        """
        connection = cached_connection(self.db)
        return connection is not None and bool(connection.is_cached(self.query))

    def warm(self) -> int:
        """Read the rows into the cache if they are not there, related ones to prefetch included; return their number."""
        return len(self.all())

    def refresh(self) -> int:
        """Invalidate every table that this queryset reads, and read it anew; return the number of rows."""
        control.invalidate(self)
        return self.warm()

    # The cache of the model's table

    def is_updated(self) -> bool:
        """Say whether anything read from the model's own table since its last write is cached; one call to the cache."""
        connection = cached_connection(self.db)
        return connection is not None and bool(connection.cache.is_updated([connection.table_of(self.model)]))

    def set_updated(self, updated: bool) -> bool:
        """
        Call the cache of the model's own table outdated (False), or fresh (True).

        False outdates everything read from the table. True loads nothing, and brings back nothing that a write has outdated.

        Returns:
            True if it is so now; False if the cache does not answer (an invalidation is then made up for as soon as it does).
        """
        connection = cached_connection(self.db)
        if connection is None:
            return not updated
        return bool(connection.cache.set_updated([connection.table_of(self.model)], updated))

    refresh.alters_data = True  # type: ignore[attr-defined]
    set_updated.alters_data = True  # type: ignore[attr-defined]

    async def ais_cached(self) -> bool:
        return await sync_to_async(self.is_cached)()

    async def awarm(self) -> int:
        return await sync_to_async(self.warm)()

    async def arefresh(self) -> int:
        return await sync_to_async(self.refresh)()

    async def ais_updated(self) -> bool:
        return await sync_to_async(self.is_updated)()

    async def aset_updated(self, updated: bool) -> bool:
        return await sync_to_async(self.set_updated)(updated)

    arefresh.alters_data = True  # type: ignore[attr-defined]
    aset_updated.alters_data = True  # type: ignore[attr-defined]


if TYPE_CHECKING:

    class _FromQuerySet(models.Manager[ModelT]):
        """What ``from_queryset`` below makes: django-stubs know that only with their plugin, and not as a base class."""

        def get_queryset(self) -> AppwriteQuerySet[ModelT]: ...
        def cache(self, timeout: float | None = None) -> AppwriteQuerySet[ModelT]: ...
        def nocache(self) -> AppwriteQuerySet[ModelT]: ...
        def prepared(self) -> Prepared[ModelT]: ...
        def is_cached(self) -> bool: ...
        def is_updated(self) -> bool: ...
        def set_updated(self, updated: bool) -> bool: ...
        async def ais_cached(self) -> bool: ...
        async def ais_updated(self) -> bool: ...
        async def aset_updated(self, updated: bool) -> bool: ...

        # Those of Django's methods that return a queryset.
        def all(self) -> AppwriteQuerySet[ModelT]: ...
        def none(self) -> AppwriteQuerySet[ModelT]: ...
        def filter(self, *args: Any, **kwargs: Any) -> AppwriteQuerySet[ModelT]: ...
        def exclude(self, *args: Any, **kwargs: Any) -> AppwriteQuerySet[ModelT]: ...
        def complex_filter(self, filter_obj: Any) -> AppwriteQuerySet[ModelT]: ...
        def annotate(self, *args: Any, **kwargs: Any) -> AppwriteQuerySet[ModelT]: ...
        def alias(self, *args: Any, **kwargs: Any) -> AppwriteQuerySet[ModelT]: ...
        def order_by(self, *field_names: str | Combinable) -> AppwriteQuerySet[ModelT]: ...
        def reverse(self) -> AppwriteQuerySet[ModelT]: ...
        def distinct(self, *field_names: str) -> AppwriteQuerySet[ModelT]: ...
        def using(self, alias: str | None) -> AppwriteQuerySet[ModelT]: ...
        def only(self, *fields: str) -> AppwriteQuerySet[ModelT]: ...
        def defer(self, *fields: str | None) -> AppwriteQuerySet[ModelT]: ...
        def select_related(self, *fields: str | None) -> AppwriteQuerySet[ModelT]: ...
        def prefetch_related(
            self, *lookups: str | models.Prefetch[Any, Any, Any] | None
        ) -> AppwriteQuerySet[ModelT]: ...
        def select_for_update(
            self, nowait: bool = ..., skip_locked: bool = ..., of: Sequence[str] = ..., no_key: bool = ...
        ) -> AppwriteQuerySet[ModelT]: ...
        def union(self, *other_qs: models.QuerySet[models.Model, Any], all: bool = ...) -> AppwriteQuerySet[ModelT]: ...
        def intersection(self, *other_qs: models.QuerySet[models.Model, Any]) -> AppwriteQuerySet[ModelT]: ...
        def difference(self, *other_qs: models.QuerySet[models.Model, Any]) -> AppwriteQuerySet[ModelT]: ...
        def values(self, *fields: str | Combinable, **expressions: Any) -> AppwriteQuerySet[ModelT, dict[str, Any]]: ...
        def values_list(
            self, *fields: str | Combinable, flat: bool = ..., named: bool = ...
        ) -> AppwriteQuerySet[ModelT, Any]: ...
        def dates(
            self, field_name: str, kind: Literal["year", "month", "week", "day"], order: Literal["ASC", "DESC"] = ...
        ) -> AppwriteQuerySet[ModelT, datetime.date]: ...
        def datetimes(
            self,
            field_name: str,
            kind: Literal["year", "month", "week", "day", "hour", "minute", "second"],
            order: Literal["ASC", "DESC"] = ...,
            tzinfo: datetime.tzinfo | None = ...,
        ) -> AppwriteQuerySet[ModelT, datetime.datetime]: ...

else:
    _FromQuerySet = models.Manager.from_queryset(AppwriteQuerySet)


class AppwriteManager(_FromQuerySet[ModelT]):
    """
    The default manager of ``AppwriteModel``.

    ``warm()`` and ``refresh()`` of the model's own manager read what the model lists as ``appwrite_warm``; those of a related manager
    (``author.books``), and of the manager of a model that lists nothing, read its rows, as a queryset's do.
    """

    use_in_migrations = False

    def warm(self) -> int:
        """Read what the model lists to warm, or else all of its rows, where not cached yet; return the number of rows."""
        if self._stands_for_the_list():
            return control.warm(self.model)
        return self.get_queryset().warm()

    def refresh(self) -> int:
        """Invalidate the model's table and read anew what the model lists to warm, or else all of its rows; return their number."""
        if self._stands_for_the_list():
            return control.refresh(self.model, using=self.db)
        return self.get_queryset().refresh()

    async def awarm(self) -> int:
        return await sync_to_async(self.warm)()

    async def arefresh(self) -> int:
        return await sync_to_async(self.refresh)()

    refresh.alters_data = True  # type: ignore[attr-defined]
    arefresh.alters_data = True  # type: ignore[attr-defined]

    def _stands_for_the_list(self) -> bool:
        # Django gives related managers the instance that they belong to.
        return not hasattr(self, "instance") and bool(getattr(self.model, "appwrite_warm", ()))
