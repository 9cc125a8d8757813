"""Read and set many-to-many relationship columns, which hold no ids and so cannot be fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from django.db import IntegrityError, NotSupportedError, connections, models, router

from appwrite_orm_django.backend.aliases import is_appwrite
from appwrite_orm_django.backend.keys import primary_key_of
from appwrite_orm_django.backend.values import ROW_ID, codec_for, table_id
from appwrite_orm_django.cache import invalidate
from appwrite_orm_django.client import rows
from appwrite_orm_django.client.queries import select
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.schema.names import column_key

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper

__all__ = ["ManyToManyRelationship", "RelatedRows"]

Model = type[models.Model]
_To = TypeVar("_To", bound=models.Model)


class ManyToManyRelationship(Generic[_To]):
    """
    An Appwrite many-to-many relationship column, on either of its two tables.

    This is an attribute of the model, not a field: forms, the admin, filters and
    ``prefetch_related()`` ignore it, and ``appwrite_migrate`` leaves the column alone. On an
    instance it is a ``RelatedRows``. Use a ``ManyToManyField`` for your own tables.

    Args:
        to: the model of the other table, or its name: ``"app.Model"``, or ``"Model"`` in the same
            app.
        db_column: key of the column. Defaults to the name of the attribute.
    """

    def __init__(self, to: str | type[_To], *, db_column: str | None = None) -> None:
        self._to = to
        self._db_column = db_column

    def __set_name__(self, owner: Model, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: Model) -> ManyToManyRelationship[_To]: ...
    @overload
    def __get__(self, instance: models.Model, owner: Model) -> RelatedRows[_To]: ...
    def __get__(
        self, instance: models.Model | None, owner: Model
    ) -> ManyToManyRelationship[_To] | RelatedRows[_To]:
        if instance is None:
            return self
        if instance.pk is None or instance._state.adding:
            raise ValueError(f"{instance!r} needs to be saved before {self._name} can be used.")
        return RelatedRows(instance, self._model(owner), column_key(self._db_column or self._name))

    def __set__(self, instance: models.Model, value: object) -> None:
        raise TypeError(f"{self._name} cannot be assigned: use {self._name}.set().")

    def _model(self, owner: Model) -> type[_To]:
        if not isinstance(self._to, str):
            return self._to
        label = self._to if "." in self._to else f"{owner._meta.app_label}.{self._to}"
        found: Any = owner._meta.apps.get_model(label)
        return found  # type: ignore[no-any-return]


class RelatedRows(Generic[_To]):
    """
    The rows that one row is related to.

    They are never cached. Appwrite returns related rows only if a query selects them by name
    (recording ``rel-manyToMany``), and changing the list from the other side need not change a
    row's ``$updatedAt``, so no cache could tell when its copy is stale.
    """

    def __init__(self, instance: models.Model, model: type[_To], key: str) -> None:
        if primary_key_of(model).is_derived:
            raise NotSupportedError(
                f"{instance._meta.label}.{key}: a relationship holds row ids, and the primary key of "
                f"{model._meta.label} is not the row's id.\n"
                'Give the field of the key db_column="$id".'
            )
        self._instance = instance
        self._key = key
        self.model = model

    def ids(self) -> list[Any]:
        """Return the primary keys of the related rows, in the server's order; one request."""
        connection = self._connection(router.db_for_read)
        row = rows.get_row(
            connection.transport,
            self._table(connection),
            self._row_id(connection),
            [select([f"{self._key}.*"])],
        )
        return [self._decoded(related) for related in row[self._key]]

    def all(self) -> models.QuerySet[_To]:
        """
        Return a queryset of the rows that are related now.

        This sends one request for the ids; the queryset sends its own.
        """
        connection = self._connection(router.db_for_read)
        listed: models.QuerySet[_To] = self.model._default_manager.using(connection.alias).filter(
            pk__in=self.ids()
        )
        return listed

    def set(self, related: Iterable[Any]) -> None:
        """
        Replace the related rows with these objects or primary keys, in one immediate request.

        To add one row, set ``[*ids(), row]``. Rows that other clients add between the two requests
        are lost, because Appwrite accepts only whole lists.

        Raises:
            NotSupportedError: called inside ``atomic``. The list would be visible before the block
                ends and remain if it failed.
            IntegrityError: some rows do not exist. Appwrite ignores these silently; the other rows
                are related now.
        """
        connection = self._connection(router.db_for_write)
        table = self._table(connection)
        if connection.in_atomic_block:
            raise NotSupportedError(
                f"{table.table}.{self._key} cannot be set inside atomic: set it before or after."
            )
        encode = codec_for(self.model._meta.pk).encode
        wanted = list(dict.fromkeys(encode(getattr(one, "pk", one)) for one in related))
        try:
            answer = rows.update_row(
                connection.transport, table, self._row_id(connection), {self._key: wanted}
            )
        finally:
            # The transport invalidates only this table, but the write changes the other one too.
            invalidate(self.model, using=connection.alias)
        there = {row[ROW_ID].lower() for row in answer[self._key]}
        if missing := [row_id for row_id in wanted if row_id.lower() not in there]:
            raise IntegrityError(
                f"{table.table}.{self._key}: no rows with the ids {', '.join(missing[:10])}; the "
                f"others were related to {self._row_id(connection)}."
            )

    set.alters_data = True  # type: ignore[attr-defined]

    def _connection(self, choose: Any) -> DatabaseWrapper:
        alias = self._instance._state.db or choose(type(self._instance), instance=self._instance)
        connection = connections[alias]
        if not is_appwrite(connection):
            raise NotSupportedError(
                f'{type(self._instance).__name__} rows in database "{alias}" are not on Appwrite.'
            )
        return connection

    def _table(self, connection: DatabaseWrapper) -> TableRef:
        return connection.table_ref(table_id(self._instance._meta.db_table))

    def _row_id(self, connection: DatabaseWrapper) -> str:
        key = primary_key_of(type(self._instance))
        return key.row_id(self._instance.pk, connection.engine)

    def _decoded(self, row: dict[str, Any]) -> Any:
        return codec_for(self.model._meta.pk).decode(row[ROW_ID])
