"""The manager and queryset of Appwrite models, with methods for the cache."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
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
from appwrite_orm_django.cache.own_writes import fresh_reads
from appwrite_orm_django.cache.timeouts import Choice, choose, chosen, inherited
from appwrite_orm_django.client.errors import AppwriteError, WriteRefused
from appwrite_orm_django.orm.hydration import InstanceQuerySet, ModelT, RowT
from appwrite_orm_django.orm.uploads import noted_uploads

if TYPE_CHECKING:
    import datetime

    from django.db.models.expressions import Combinable
    from typing_extensions import Self

    from appwrite_orm_django.orm.hydration import Prepared

__all__ = ["AppwriteManager", "AppwriteQuerySet"]


def _delete_unnamed(made: models.Model, uploads: Mapping[str, Callable[[], None]]) -> None:
    """Delete files that refused attempts to write an object have uploaded, unless it names them."""
    fields = [field for field in made._meta.concrete_fields if isinstance(field, models.FileField)]
    named = {str(made.__dict__.get(field.attname) or "") for field in fields} if uploads else set()
    for name in uploads.keys() - named:
        with suppress(AppwriteError):
            uploads[name]()


class AppwriteQuerySet(InstanceQuerySet[ModelT, RowT]):
    """
    A queryset over rows in Appwrite.

    On databases other than Appwrite nothing is cached: ``is_cached()`` and ``is_updated()`` return
    False, and the other cache methods only read the rows or do nothing.
    """

    if TYPE_CHECKING:
        # These methods change the row type. In django-stubs they return Django's queryset.
        def values(
            self, *fields: str | Combinable, **expressions: Any
        ) -> AppwriteQuerySet[ModelT, dict[str, Any]]: ...
        def values_list(
            self, *fields: str | Combinable, flat: bool = False, named: bool = False
        ) -> AppwriteQuerySet[ModelT, Any]: ...
        def dates(
            self,
            field_name: str,
            kind: Literal["year", "month", "week", "day"],
            order: Literal["ASC", "DESC"] = "ASC",
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
        # Outside a transaction each batch of 100 rows is one atomic request; inside, all batches
        # commit together. End users can create rows only one by one, so for them this is always a
        # transaction. With ``update_conflicts`` each batch is a transaction in any case.
        self._for_write = True
        # Django looks this up for each object, and asks the routers each time.
        self._db = self.db
        connection = connections[self.db]
        as_user = is_appwrite(connection) and connection.identity is not None
        if update_conflicts:
            objs = list(objs)
            self._forget_what_was_read(objs, update_fields or ())
        noting = connection.noting_commits() if is_appwrite(connection) else nullcontext()
        direct = (
            nullcontext() if as_user and not update_conflicts else self._direct_outside_a_block()
        )
        with noting as end, direct:
            made = super().bulk_create(
                objs, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
            )
        if not ignore_conflicts:
            # Of rows that existed before, only the values that the server returned are known.
            known = [
                field
                for field in self.model._meta.concrete_fields
                if not update_conflicts or field.db_returning
            ]
            self._remember(
                made, {field.attname for field in known}, end if end and end.written else None
            )
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
        Update or create an object as Django does, and retry after losing a race.

        Appwrite has no row locks, so one of two concurrent writes of a row is rejected. Inside
        ``atomic`` there is only one attempt, and the block is rejected at its end. Callables among
        the values are called again on each attempt, and files are uploaded again; those of refused
        attempts are deleted from ``AppwriteStorage``.
        """
        self._for_write = True
        connection = connections[self.db]
        alone = not is_appwrite(connection) or connection.in_atomic_block
        was_taken = False
        refused: dict[str, Callable[[], None]] = {}
        for attempt in itertools.count(1):
            uploads: dict[str, Callable[[], None]] = {}
            try:
                with noted_uploads(uploads):
                    made, is_new = super().update_or_create(defaults, create_defaults, **kwargs)
            except WriteRefused:
                if alone or attempt == retries.MAX_ATTEMPTS:
                    raise
            except IntegrityError:
                # As in get_or_create(): either another client created the object, or the error is
                # about another unique value.
                if alone or was_taken or not self.nocache().filter(**kwargs).exists():
                    raise
                was_taken = True
            else:
                _delete_unnamed(made, refused)
                return made, is_new
            refused |= uploads
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
            # The first access to this attribute after the commit may send a request, which is not
            # allowed in an event loop.
            getattr(made, "updated_at", None)
            return made, is_new

        return await sync_to_async(make)()

    aupdate_or_create.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates
    update_or_create.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates

    def _forget_what_was_read(self, objs: Sequence[Any], names: Collection[str]) -> None:
        """
        Make ``save()`` of these objects send these fields, whatever their values.

        A bulk write is about to change the columns, so the values that were read are stale.
        """
        attnames = self._attnames(names)
        for obj in objs if hasattr(self.model, "_forget") else ():
            obj._forget(attnames)

    def _remember(
        self, objs: Sequence[Any], attnames: Collection[str], end: BlockEnd | None = None
    ) -> None:
        """
        Make ``save()`` of these objects send only fields that are assigned from now on.

        Pass ``end`` if the block of this write has ended already.
        """
        end = end or uncommitted(connections[self.db])
        for obj in objs if hasattr(self.model, "_remember") else ():
            obj._remember(attnames, self.db, end)

    def _attnames(self, names: Collection[str]) -> set[str]:
        return {
            field.attname
            for field in self.model._meta.concrete_fields
            if {field.name, field.attname} & set(names)
        }

    # Django's reads here decide its writes, so they must not be stale.

    @fresh_reads()
    def get_or_create(
        self, defaults: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> tuple[ModelT, bool]:
        return super().get_or_create(defaults, **kwargs)

    @fresh_reads()
    def delete(self) -> tuple[int, dict[str, int]]:
        # Without cascades this is one request, around which Django would still open a transaction.
        rows: Any = self
        if (
            self._result_cache is None
            and not self.query.is_sliced
            and Collector(self.db, rows).can_fast_delete(rows)
        ):
            with self._direct_outside_a_block():
                return super().delete()
        return super().delete()

    get_or_create.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates
    delete.alters_data = True  # type: ignore[attr-defined]  # Django's mark for templates
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _direct_outside_a_block(self) -> AbstractContextManager[None]:
        self._for_write = True
        connection = connections[self.db]
        if not is_appwrite(connection) or connection.in_atomic_block:
            return nullcontext()
        return connection.direct_writes()

    # Methods for the cache of this queryset

    def cache(self, timeout: float | None = None, *, max_age: float | None = None) -> Self:
        """
        Return a queryset whose result is cached for ``timeout`` seconds.

        A cached entry keeps the timeout that it was stored with. Rows that ``prefetch_related()``
        reads are cached in the same way, unless the queryset of a ``Prefetch`` sets its own. Each
        call replaces the one before it.

        With ``max_age``, a result that a write has invalidated may still be served until so many
        seconds after its load began; one reader reloads it before that. It is never served inside
        ``atomic``, after a write of the same thread, task or request, nor to a visitor who has
        written, where ``AppwriteOwnWritesMiddleware`` is installed. See docs/howto/caching.md.

        Args:
            timeout: seconds; 0 disables the cache; None uses the timeout of the model or settings.
            max_age: seconds; 0 serves nothing that was invalidated; None uses the ``max_age`` of
                the model or settings, which is 0 unless set.

        Raises:
            ValueError: a number is negative.
        """
        for name, seconds in (("timeout", timeout), ("max_age", max_age)):
            if seconds is not None and not seconds >= 0:
                raise ValueError(
                    f"The {name} of a cache must be at least 0 seconds, got {seconds!r}."
                )
        clone: Self = self._chain()  # type: ignore[attr-defined]  # a private name
        choose(clone.query, Choice(timeout, max_age))
        return clone

    def nocache(self) -> Self:
        """Return a queryset that neither reads from the cache nor stores into it."""
        return self.cache(timeout=0)

    def _prefetch_related_objects(self) -> None:
        with inherited(chosen(self.query)):
            super()._prefetch_related_objects()  # type: ignore[misc]  # a private name

    def _iterator(self, *args: Any) -> Iterator[Any]:
        # Django prefetches one chunk at a time here, during the call for the next row.
        rows, choice, end = super()._iterator(*args), chosen(self.query), object()  # type: ignore[misc]
        while True:
            with inherited(choice), fresh_reads():
                row = next(rows, end)
            if row is end:
                return
            yield row

    def is_cached(self) -> bool:
        """
        Return whether the rows of this queryset would come from the cache.

        This takes one call to the cache and no request. Invalidated rows do not count, even if a
        ``max_age`` allows reads to be served them. It covers the rows only: ``count()``,
        ``exists()`` and the rows that ``prefetch_related()`` adds are separate entries.

        Raises:
            NotSupportedError: the queryset cannot be evaluated.
        """
        connection = cached_connection(self.db)
        return connection is not None and bool(connection.is_cached(self.query))

    def warm(self) -> int:
        """
        Read the rows and those they prefetch into the cache, unless they are there and fresh.

        Return the number of rows.
        """
        with fresh_reads():
            return len(self.all())

    def refresh(self) -> int:
        """Invalidate every table that this queryset reads, read it, and return its number of rows."""
        control.invalidate(self)
        return self.warm()

    # Methods for the cache of the model's table

    def is_updated(self) -> bool:
        """
        Return whether the cache holds anything read from the model's table since its last write.

        This takes one call to the cache.
        """
        connection = cached_connection(self.db)
        return connection is not None and bool(
            connection.cache.is_updated([connection.table_of(self.model)])
        )

    def set_updated(self, updated: bool) -> bool:
        """
        Mark the cache of the model's table as fresh (True) or stale (False).

        False invalidates everything read from the table. True loads nothing, and it does not
        restore entries that a write has invalidated.

        Returns:
            True on success; False if the cache does not respond. An invalidation is then repeated
                as soon as the cache is back.
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
        """
        The type of the class that ``from_queryset()`` below returns.

        Without their plugin django-stubs do not know it, and even with it not as a base class.
        """

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

        # Django's methods that return a queryset.
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
            self,
            nowait: bool = ...,
            skip_locked: bool = ...,
            of: Sequence[str] = ...,
            no_key: bool = ...,
        ) -> AppwriteQuerySet[ModelT]: ...
        def union(
            self, *other_qs: models.QuerySet[models.Model, Any], all: bool = ...
        ) -> AppwriteQuerySet[ModelT]: ...
        def intersection(
            self, *other_qs: models.QuerySet[models.Model, Any]
        ) -> AppwriteQuerySet[ModelT]: ...
        def difference(
            self, *other_qs: models.QuerySet[models.Model, Any]
        ) -> AppwriteQuerySet[ModelT]: ...
        def values(
            self, *fields: str | Combinable, **expressions: Any
        ) -> AppwriteQuerySet[ModelT, dict[str, Any]]: ...
        def values_list(
            self, *fields: str | Combinable, flat: bool = ..., named: bool = ...
        ) -> AppwriteQuerySet[ModelT, Any]: ...
        def dates(
            self,
            field_name: str,
            kind: Literal["year", "month", "week", "day"],
            order: Literal["ASC", "DESC"] = ...,
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

    ``warm()`` and ``refresh()`` read the queries that the model lists in ``appwrite_warm``. On a
    related manager (``author.books``), or if the model lists none, they read the manager's rows, as
    the methods of a queryset do.
    """

    use_in_migrations = False

    def warm(self) -> int:
        """
        Load the queries in ``appwrite_warm``, or else all rows, into the cache.

        Queries that are cached already are not sent. Return the number of rows.
        """
        if self._stands_for_the_list():
            return control.warm(self.model)
        return self.get_queryset().warm()

    def refresh(self) -> int:
        """
        Invalidate the model's table, and load the queries in ``appwrite_warm``, or else all rows.

        Return the number of rows.
        """
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
        # Only related managers have an instance.
        return not hasattr(self, "instance") and bool(getattr(self.model, "appwrite_warm", ()))
