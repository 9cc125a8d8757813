"""The base class of models whose rows live in Appwrite."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from inspect import currentframe
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, cast

from django.apps import apps
from django.core import checks
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import (
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    connections,
    models,
    router,
)
from django.db.models.base import ModelBase
from django.db.models.fields.files import FieldFile
from django.db.models.query_utils import DeferredAttribute

from appwrite_orm_django.backend.aliases import appwrite_connection, is_appwrite
from appwrite_orm_django.backend.keys import primary_key_of, refuse_negative_key
from appwrite_orm_django.backend.transactions.ends import BlockEnd, uncommitted
from appwrite_orm_django.backend.transactions.log import key_of
from appwrite_orm_django.backend.values import OutOfRange, codec_for, hold, table_id
from appwrite_orm_django.cache.own_writes import fresh_reads
from appwrite_orm_django.client.errors import AppwriteError
from appwrite_orm_django.client.queries import InvalidText
from appwrite_orm_django.documentation import address
from appwrite_orm_django.fields import CreatedAtField, RowIdField, UpdatedAtField
from appwrite_orm_django.managers import AppwriteManager
from appwrite_orm_django.orm.hydration import (
    NOTHING_KNOWN,
    READING,
    instance_from,
    remembers_loaded,
)

if TYPE_CHECKING:
    from typing_extensions import Self

    from appwrite_orm_django.backend.base import DatabaseWrapper

    _Model = TypeVar("_Model", bound=models.Model)

    class _ModelBase(ModelBase):
        # Same as in django-stubs: a typed attribute would make every other manager called
        # ``objects`` a type error.
        def __getattr__(cls: type[_Model], name: Literal["objects"]) -> AppwriteManager[_Model]: ...  # type: ignore[misc]

else:
    _ModelBase = ModelBase

__all__ = ["AppwriteModel"]

# Values of these types cannot change in place, so comparing shows whether a value is still the one
# that was read.
_IMMUTABLE = (
    str,
    int,
    float,
    bytes,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    type(None),
)
_NO_NAMES: frozenset[str] = frozenset()
# Django 6.1 and later can load a deferred field for many instances at once.
_FETCHING = getattr(getattr(DeferredAttribute, "fetch_many", None), "__code__", None)


class AppwriteModel(models.Model, metaclass=_ModelBase):
    """
    A model whose rows live in an Appwrite table.

    It adds three fields: ``id`` (the row's ``$id``, generated when the object is created),
    ``created_at`` and ``updated_at`` (kept by the server, in milliseconds). Otherwise it is an
    ordinary Django model. A model that declares another primary key has no ``id``.

    Class attributes:
        appwrite_permissions: permissions of the table, such as ``('read("any")',)``. Clients with
            an API key need none.
        appwrite_row_security: if True, each row's own permissions count as well (see
            ``PermissionsField``).
        appwrite_database: alias of the database, if there are several on Appwrite. Defaults to the
            router's choice.
        appwrite_cache_timeout: seconds for which reads of this table are cached; 0 disables the
            cache. Defaults to the settings.
        appwrite_cache_max_age: seconds for which a read may be served rows of this table that a write
            has invalidated since; see ``QuerySet.cache()``. Never by default.
        appwrite_foreign_bulk_writes: set it to False if no other client writes rows of this table
            in bulk. Webhooks and realtime then invalidate only the rows they name, instead of every
            row that was read by key (see docs/howto/webhooks.md).
        appwrite_delete_files: if True, the files of a row are deleted after the commit that deletes
            the row or gives it another file (see docs/howto/files.md).
        appwrite_warm: the queries that ``objects.warm()`` and ``manage.py appwrite_cache warm``
            load: querysets, or callables without arguments that return a queryset or run a query
            (``lambda: Product.objects.count()``).

    Saving an object that was read or saved before sends only the fields that were assigned since,
    even if their values are the same as before. Values that can change in place (JSON, arrays) are
    always sent; a file is sent if its name has changed. See docs/explanation/queries.md#writing.
    """

    appwrite_permissions: ClassVar[Sequence[str]] = ()
    appwrite_row_security: ClassVar[bool] = False
    appwrite_database: ClassVar[str | None] = None
    appwrite_cache_timeout: ClassVar[float | None] = None
    appwrite_cache_max_age: ClassVar[float | None] = None
    appwrite_foreign_bulk_writes: ClassVar[bool] = True
    appwrite_delete_files: ClassVar[bool] = False
    appwrite_warm: ClassVar[Sequence[models.QuerySet[Any] | Callable[[], Any]]] = ()

    # Reading gives a str. Any allows models to declare an ``id`` of another type.
    id = cast("models.Field[Any, str | Any]", RowIdField(editable=False))
    created_at = CreatedAtField()
    updated_at = UpdatedAtField()

    if not TYPE_CHECKING:
        objects = AppwriteManager()

    class Meta:
        abstract = True

    # Type checkers use Django's signatures here: with our ``__setattr__`` they would allow
    # assigning to any name.
    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            held = self.__dict__
            if "_loaded" not in held:
                # A new object: there is nothing to compare with, so all fields are sent.
                super().__setattr__(name, value)
                return
            assigned = held.get("_assigned", _NO_NAMES)
            super().__setattr__(name, value)
            # Django assigns annotations and known related objects while it reads rows, and only the
            # caller tells these assignments from the user's: a model with one of Django's own
            # managers is read by Django's iterables, which call nothing of ours between assigning
            # and yielding. Keep the code object, not the frame, which would keep its locals alive.
            caller = currentframe().f_back.f_code
            if caller is _FETCHING:
                self._remember((name,), self._state.db, _end(self._state.db))
            elif caller not in READING:
                held["_assigned"] = held.get("_assigned", _NO_NAMES) | {name}
            elif "_assigned" in held:
                # Undo what a related object's descriptor noted while it set the foreign key.
                held["_assigned"] = assigned

        # Django's reads for saving, deleting and validating decide the writes, so they must not be
        # stale: with a ``max_age``, ``delete()`` would miss rows that refer to this one.

        @fresh_reads()
        def save(self, *args: Any, **kwargs: Any) -> None:
            # Fields that the caller names are sent, assigned or not. Remember whether it named any,
            # because Django fills in ``update_fields`` itself if fields are deferred.
            named = args[3] if len(args) > 3 else kwargs.get("update_fields")
            outer = self.__dict__.get("_names_fields")
            self.__dict__["_names_fields"] = named is not None
            try:
                super().save(*args, **kwargs)
            finally:
                self.__dict__["_names_fields"] = outer

        save.alters_data = True

        @fresh_reads()
        def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
            return super().delete(*args, **kwargs)

        delete.alters_data = True

        @fresh_reads()
        def full_clean(self, *args: Any, **kwargs: Any) -> None:
            super().full_clean(*args, **kwargs)

        @fresh_reads()
        def validate_unique(self, *args: Any, **kwargs: Any) -> None:
            super().validate_unique(*args, **kwargs)

        @fresh_reads()
        def validate_constraints(self, *args: Any, **kwargs: Any) -> None:
            super().validate_constraints(*args, **kwargs)

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        found: list[checks.CheckMessage] = super().check(**kwargs)
        # The other checks are registered by the app itself, which this check finds missing.
        if not apps.is_installed("appwrite_orm_django"):
            found.append(
                checks.Error(
                    '"appwrite_orm_django" is not in INSTALLED_APPS: its commands, checks and '
                    "lookups are missing.",
                    hint=f"Add it. See {address('reference/checks', 'appwrite-e014')}",
                    obj=cls,
                    id="appwrite.E014",
                )
            )
        return found

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any
    ) -> Self:
        # Django 6.1 passes a fetch mode in ``kwargs``.
        instance: Self | None = instance_from(cls, db, values, field_names, **kwargs)
        if instance is None:
            instance = super().from_db(db, field_names, values, **kwargs)
        instance.__dict__["_loaded"] = (field_names, values, db, _end(db))
        return instance

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """
        Validate the fields, and that their columns can hold the values.

        Columns limit, for example, the range of integers and the years of datetimes (1000 to 9999).
        Django's own validators know only the ranges of the ``default`` database, and SQLite has
        none.
        """
        errors: dict[str, Any] = {}
        assigned = self._assigned_names()
        try:
            super().clean_fields(exclude=exclude)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        finally:
            # Django assigns every cleaned value. Comparing finds those that cleaning changed.
            self.__dict__["_assigned"] = assigned
        connection = connections[self._state.db or router.db_for_write(type(self), instance=self)]
        skipped = {*(exclude or ()), *errors}
        for field in self._meta.concrete_fields:
            value = getattr(self, field.attname)
            if value is None or field.name in skipped or hasattr(value, "resolve_expression"):
                continue
            try:
                if (
                    isinstance(field, models.IntegerField)
                    and isinstance(value, int)
                    and not field.primary_key
                ):
                    low, high = connection.ops.integer_field_range(field.get_internal_type())
                    MinValueValidator(low)(value)
                    MaxValueValidator(high)(value)
                if is_appwrite(connection):
                    _check_that_it_can_be_held(field, value, connection)
            except ValidationError as error:
                errors[field.name] = error.error_list
        if errors:
            raise ValidationError(errors)

    def _assigned_names(self) -> frozenset[str]:
        """Return the names of the attributes assigned since the object was read or written."""
        names: frozenset[str] = self.__dict__.get("_assigned", _NO_NAMES)
        return names

    def _known(self, using: str | None) -> dict[str, Any]:
        """Return the values of this object's row, by attribute name, as far as they are certain."""
        names, values, alias, end = self.__dict__.get("_loaded", NOTHING_KNOWN)
        if alias is None or alias != using:
            return {}
        if end is not None and not end.committed and end is not _end(alias):
            return {}
        known = dict(zip(names, values, strict=False))
        # With another primary key this is another row. The key can be None, because a parent's row
        # is written before the object has its key.
        return (
            known
            if all(
                known.get(field.attname) in (None, self.__dict__.get(field.attname))
                for field in self._meta.pk_fields
            )
            else {}
        )

    def _remember(self, attnames: Collection[str], using: str | None, end: BlockEnd | None) -> None:
        """Record these attributes' current values as the row's, if ``end``'s block commits."""
        known = self._known(using)
        known.update(
            (name, _kept(self.__dict__[name])) for name in attnames if name in self.__dict__
        )
        for field in self._meta.pk_fields:
            known[field.attname] = self.__dict__.get(field.attname)
        self.__dict__["_loaded"] = (tuple(known), tuple(known.values()), using, end)
        assigned = self._assigned_names().difference(attnames)
        if end is not None:
            # ``created_at`` is sent only if it was assigned. Keep the note in case of a rollback.
            assigned |= self._assigned_names().intersection(self._creations())
        self.__dict__["_assigned"] = assigned

    def _forget(self, attnames: Collection[str] | None = None) -> None:
        """Forget the row's values of these or all attributes, so that ``save()`` sends them."""
        if "_loaded" in self.__dict__:
            names, values, *others = self.__dict__["_loaded"]
            known = dict(zip(names, values, strict=False))
            for name in names if attnames is None else attnames:
                known.pop(name, None)
            self.__dict__["_loaded"] = (tuple(known), tuple(known.values()), *others)

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: models.QuerySet[Self] | None = None,
    ) -> None:
        names = None if fields is None else list(fields)
        assigned = self._assigned_names()
        with fresh_reads():
            super().refresh_from_db(using=using, fields=names, from_queryset=from_queryset)
        self.__dict__["_assigned"] = assigned
        self._remember(
            _attnames(self._meta.concrete_fields, names), self._state.db, _end(self._state.db)
        )

    def _save_table(
        self,
        raw: bool = False,
        cls: type[models.Model] | None = None,
        force_insert: bool = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Collection[str] | None = None,
    ) -> bool:
        # Django calls this once for each table: a model with parents has several.
        assigned = self._assigned_names()
        self.__dict__["_is_raw"] = raw
        try:
            updated = super()._save_table(  # type: ignore[misc]  # a private name
                raw, cls, force_insert, force_update, using, update_fields
            )
        except BaseException as error:
            if not _is_refused(error):
                self._forget()
            raise
        finally:
            del self.__dict__["_is_raw"]
        fields = (cls or self)._meta.local_concrete_fields
        saved = _attnames(fields, update_fields)
        if using is not None and is_appwrite(connections[using]):
            hold(self, (field for field in fields if field.attname in saved))
        # Drop the assignments that Django itself made meanwhile.
        self.__dict__["_assigned"] = assigned
        self._remember(saved, using, _end(using))
        return bool(updated)

    def _do_update(  # type: ignore[override]  # further arguments differ between Django versions
        self, base_qs: Any, using: str, pk_val: Any, values: Any, update_fields: Any, *args: Any
    ) -> Any:
        connection: Any = connections[using]
        connection.last_written_row = None
        # Django treats these fields like ``auto_now`` ones, and ``update_or_create()`` adds them to
        # its updates. Sending a $updatedAt would hide the change from clients that compare it.
        untouched = self._own_moments()
        sent = [value for value in values if value[0].attname not in untouched]
        if sent and (update_fields is None or self.__dict__.get("_names_fields") is False):
            sent, update_fields = self._without_known(sent, using), None
        updated = super()._do_update(base_qs, using, pk_val, sent, update_fields, *args)  # type: ignore[misc]
        row = getattr(connection, "last_written_row", None)
        if updated and row is not None and "$updatedAt" in row:
            self._take_updated_at(row["$updatedAt"])
        return updated

    def _without_known(
        self, values: Iterable[tuple[Any, Any, Any]], using: str
    ) -> list[tuple[Any, Any, Any]]:
        """Leave out values that the row is known to hold, unless they were assigned."""
        is_of_database = self._state.db == using and not self._state.adding
        known = self._known(using) if is_of_database else {}
        assigned = self._assigned_names()
        return [
            (field, model, value)
            for field, model, value in values
            if field.attname in assigned
            or field.attname not in known
            or not _is_unchanged(value, known[field.attname])
        ]

    def _own_moments(self) -> set[str]:
        """
        Return the names of the server's timestamps that a save does not send.

        A save sends them only from a fixture, if ``created_at`` was assigned, or if ``updated_at``
        was assigned and is named in ``update_fields``.
        """
        moments = self._moments().keys()
        if self.__dict__.get("_is_raw"):
            return {name for name in moments if self.__dict__.get(name) is None}
        creations = self._creations()
        if "_loaded" not in self.__dict__:
            return {
                name for name in moments if name not in creations or self.__dict__.get(name) is None
            }
        kept = (
            self._assigned_names()
            if self.__dict__.get("_names_fields")
            else self._assigned_names() & creations
        )
        return moments - kept

    def _moments(self) -> dict[str, models.Field[Any, Any]]:
        fields = self._meta.concrete_fields
        return {
            field.attname: field
            for field in fields
            if isinstance(field, (CreatedAtField, UpdatedAtField))
        }

    def _creations(self) -> set[str]:
        return {
            field.attname
            for field in self._meta.concrete_fields
            if isinstance(field, CreatedAtField)
        }

    def _do_insert(self, manager: Any, using: Any, *args: Any) -> Any:
        # After a rollback the object holds estimates, which the user did not set.
        end = self.__dict__.get("_loaded", NOTHING_KNOWN)[3]
        if end is not None and not end.committed:
            for name in self._moments().keys() - self._assigned_names():
                self.__dict__[name] = None
        return super()._do_insert(manager, using, *args)  # type: ignore[misc]  # a private name

    def _settle_moments(self) -> None:
        """Load the server's timestamps if the block that wrote this object's row has committed."""
        names, values, alias, end = self.__dict__["_loaded"]
        if end is None or not end.written or alias is None or self.pk is None:
            return
        connection = appwrite_connection(alias)
        fields = {name: field for name, field in self._moments().items() if name in self.__dict__}
        if not fields:
            return
        model = next(iter(fields.values())).model
        key = key_of(
            connection.table_ref(table_id(model._meta.db_table)),
            primary_key_of(model).row_id(self.pk, connection.engine),
        )
        if key not in end.written:
            return
        row = end.written[key]
        if row is None:
            found = (
                type(self)
                ._base_manager.using(alias)
                .filter(pk=self.pk)
                .values_list(*fields)
                .first()
            )
            current = dict(zip(fields, found, strict=True)) if found else {}
        else:
            current = {
                name: codec_for(field).decode(row[field.column]) for name, field in fields.items()
            }
        known = dict(zip(names, values, strict=False))
        for name in current.keys() - self._assigned_names():
            self.__dict__[name] = known[name] = current[name]
        # Load them only once. Writes after a savepoint that was rolled back stay unknown.
        settled = None if end.committed else BlockEnd()
        self.__dict__["_loaded"] = (tuple(known), tuple(known.values()), alias, settled)

    def _take_updated_at(self, wire: str) -> None:
        for field in self._meta.concrete_fields:
            if isinstance(field, UpdatedAtField):
                setattr(self, field.attname, codec_for(field).decode(wire))


remembers_loaded(AppwriteModel)
# Only the mypy plugin of django-stubs looks for managers on an abstract class. It would declare
# ``objects`` here and reject every other manager of that name.
AppwriteModel._meta.managers_map = {}


def _end(alias: str | None) -> BlockEnd | None:
    return None if alias is None else uncommitted(connections[alias])


def _is_refused(error: BaseException) -> bool:
    """Return whether a write that raised this error has certainly changed nothing."""
    if isinstance(error, AppwriteError):
        return not error.ambiguous
    # Values of a wrong type are rejected before anything is sent.
    return isinstance(
        error,
        (DataError, IntegrityError, NotSupportedError, ProgrammingError, TypeError, ValueError),
    )


def _kept(value: Any) -> Any:
    """Return a value as ``_is_unchanged`` compares it: a file by its name, which can change."""
    return value.name if isinstance(value, FieldFile) else value


def _is_unchanged(value: Any, loaded: Any) -> bool:
    """
    Return whether a value is certainly the one that was read.

    Values of different types may be equal and yet be stored differently.
    """
    if isinstance(value, FieldFile):
        # A row names no file by NULL or by an empty text.
        return (value.name or "") == (loaded or "")
    if value is None or loaded is None:
        return value is loaded
    if not isinstance(value, _IMMUTABLE) or value != loaded:
        return False
    if isinstance(value, datetime.datetime) or isinstance(loaded, datetime.datetime):
        # Python ignores ``fold`` when it compares two datetimes of the same time zone.
        return getattr(value, "fold", None) == getattr(loaded, "fold", None)
    # JSON distinguishes 1, 1.0 and true.
    return isinstance(value, str) or type(value) is type(loaded)


def _check_that_it_can_be_held(
    field: models.Field[Any, Any], value: Any, connection: DatabaseWrapper
) -> None:
    try:
        prepared = field.get_db_prep_value(value, connection)
        refuse_negative_key(field, prepared, connection)
        codec_for(field).encode(prepared)
    except (OutOfRange, InvalidText, NotSupportedError) as error:
        raise ValidationError(
            f"{str(error)[:1].upper()}{str(error)[1:]}.", code="invalid"
        ) from error
    except (TypeError, ValueError):
        return  # a wrong type, which save() reports


def _attnames(fields: Iterable[models.Field[Any, Any]], names: Collection[str] | None) -> list[str]:
    """
    Return the attribute names of the fields in ``names``, or of all fields for None.

    ``names`` may hold names and attribute names.
    """
    return [
        field.attname
        for field in fields
        if names is None or field.name in names or field.attname in names
    ]


cast("RowIdField[str, str]", AppwriteModel._meta.get_field("id")).yields = True
