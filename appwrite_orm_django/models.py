"""The base class of models whose rows live in Appwrite."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import connections, models

from appwrite_orm_django.backend.values import codec_for, cut_to_milliseconds
from appwrite_orm_django.fields import CreatedAtField, RowIdField, UpdatedAtField
from appwrite_orm_django.managers import AppwriteManager

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["AppwriteModel"]

# Values that can change without being assigned: never taken for unchanged.
_MUTABLE = (list, dict, set, bytearray)


class AppwriteModel(models.Model):
    """
    A model whose rows live in an Appwrite table.

    It has ``id`` (the row's ``$id``, made by us when the object is made), ``created_at`` and ``updated_at`` (the server's own,
    in milliseconds). Everything else is an ordinary Django model.

    Class attributes:
        appwrite_permissions: permissions of the table, such as ``('read("any")',)``; callers with an API key need none.
        appwrite_row_security: True lets each row's own permissions count as well (see ``PermissionsField``).
        appwrite_database: alias of the database, where there are several on Appwrite; else the router's choice.

    Saving an object that was read sends the fields that were changed since, and no others.
    """

    appwrite_permissions: ClassVar[Sequence[str]] = ()
    appwrite_row_security: ClassVar[bool] = False
    appwrite_database: ClassVar[str | None] = None

    id = RowIdField(editable=False)
    created_at = CreatedAtField()
    updated_at = UpdatedAtField()

    objects = AppwriteManager()

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any) -> Self:
        # Django 6.1 hands over a fetch mode.
        instance = super().from_db(db, field_names, values, **kwargs)
        instance.__dict__["_loaded"] = (field_names, values)
        return instance

    def _loaded_values(self) -> dict[str, Any]:
        """Return attribute name to value as last read or written."""
        names, values = self.__dict__.get("_loaded", ((), ()))
        return dict(zip(names, values, strict=False))

    def _remember(self, names: Iterable[str] | None = None) -> None:
        """Take the current values of these attributes (all that are loaded, if left out) for those of the server."""
        known = self._loaded_values()
        for field in self._meta.concrete_fields:
            if field.attname in self.__dict__ and (names is None or field.attname in names or field.name in names):
                known[field.attname] = self.__dict__[field.attname]
        self.__dict__["_loaded"] = (tuple(known), tuple(known.values()))

    def refresh_from_db(self, using: str | None = None, fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        names = None if fields is None else list(fields)
        super().refresh_from_db(using=using, fields=names, **kwargs)
        self._remember(names)

    def _save_table(self, *args: Any, **kwargs: Any) -> bool:
        updated = super()._save_table(*args, **kwargs)  # type: ignore[misc]  # a private name, see docs/explanation
        if not kwargs.get("raw", args[0] if args else False):
            self._cut_to_milliseconds()
        self._remember()
        return bool(updated)

    def _do_update(self, base_qs: Any, using: str, pk_val: Any, values: Any, update_fields: Any, *args: Any) -> Any:
        connection = connections[using]
        connection.last_written_row = None  # type: ignore[attr-defined]  # our DatabaseWrapper's
        changed = values if update_fields else self._changed(values)
        updated = super()._do_update(base_qs, using, pk_val, changed, update_fields, *args)  # type: ignore[misc]
        row = getattr(connection, "last_written_row", None)
        if updated and row is not None and "$updatedAt" in row:
            self._take_updated_at(row["$updatedAt"])
        return updated

    def _changed(self, values: Iterable[tuple[Any, Any, Any]]) -> list[tuple[Any, Any, Any]]:
        loaded = self._loaded_values()
        return [
            (field, model, value)
            for field, model, value in values
            if field.attname not in loaded
            or hasattr(value, "resolve_expression")
            or isinstance(value, _MUTABLE)
            or value != loaded[field.attname]
        ]

    def _take_updated_at(self, wire: str) -> None:
        for field in self._meta.concrete_fields:
            if isinstance(field, UpdatedAtField):
                setattr(self, field.attname, codec_for(field).decode(wire))

    def _cut_to_milliseconds(self) -> None:
        """Make datetimes equal to what the server holds."""
        for field in self._meta.concrete_fields:
            value = self.__dict__.get(field.attname)
            if (held := cut_to_milliseconds(value)) is not value:
                setattr(self, field.attname, held)
