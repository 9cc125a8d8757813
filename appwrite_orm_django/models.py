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
from django.db import DataError, IntegrityError, NotSupportedError, ProgrammingError, connections, models, router
from django.db.models.base import ModelBase
from django.db.models.query_utils import DeferredAttribute

from appwrite_orm_django.backend.aliases import appwrite_connection, is_appwrite
from appwrite_orm_django.backend.transactions.ends import BlockEnd, uncommitted
from appwrite_orm_django.backend.transactions.log import key_of
from appwrite_orm_django.backend.values import OutOfRange, codec_for, hold, table_id
from appwrite_orm_django.client.errors import AppwriteError
from appwrite_orm_django.client.queries import InvalidText
from appwrite_orm_django.fields import CreatedAtField, RowIdField, UpdatedAtField
from appwrite_orm_django.managers import AppwriteManager
from appwrite_orm_django.orm.hydration import NOTHING_KNOWN, READING, instance_from, remembers_loaded

if TYPE_CHECKING:
    from typing_extensions import Self

    from appwrite_orm_django.backend.base import DatabaseWrapper

    _Model = TypeVar("_Model", bound=models.Model)

    class _ModelBase(ModelBase):
        # As django-stubs do for Django's own: an attribute with a type would make an error of every other manager of that name.
        def __getattr__(cls: type[_Model], name: Literal["objects"]) -> AppwriteManager[_Model]: ...  # type: ignore[misc]

else:
    _ModelBase = ModelBase

__all__ = ["AppwriteModel"]

# Only of these, which can not change without being assigned, can be told that a value is the one that was read.
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
# From Django 6.1 on a deferred field may be read for many instances at once.
_FETCHING = getattr(getattr(DeferredAttribute, "fetch_many", None), "__code__", None)


class AppwriteModel(models.Model, metaclass=_ModelBase):
    """
    A model whose rows live in an Appwrite table.

    It has ``id`` (the row's ``$id``, made by us when the object is made), ``created_at`` and ``updated_at`` (the server's own,
    in milliseconds). Everything else is an ordinary Django model.

    Class attributes:
        appwrite_permissions: permissions of the table, such as ``('read("any")',)``; callers with an API key need none.
        appwrite_row_security: True lets each row's own permissions count as well (see ``PermissionsField``).
        appwrite_database: alias of the database, where there are several on Appwrite; else the router's choice.
        appwrite_cache_timeout: seconds that what is read from this table is cached, 0 for not at all; else as the settings say.
        appwrite_foreign_bulk_writes: False if no other client writes rows of this table in bulk. Webhooks and realtime then outdate
            what was read by key of the rows they name only, and not of every row (see docs/howto/webhooks.md).
        appwrite_warm: what ``objects.warm()`` and ``manage.py appwrite_cache warm`` read ahead: querysets, or callables without
            arguments that return one (or run one: ``lambda: Product.objects.count()``).

    Saving an object that was read or saved before sends the fields that were assigned since, also those that got back the value that
    they had, and no others. Values that can change without being assigned (JSON, arrays, files) are always sent. See
    docs/explanation/queries.md#writing.
    """

    appwrite_permissions: ClassVar[Sequence[str]] = ()
    appwrite_row_security: ClassVar[bool] = False
    appwrite_database: ClassVar[str | None] = None
    appwrite_cache_timeout: ClassVar[float | None] = None
    appwrite_foreign_bulk_writes: ClassVar[bool] = True
    appwrite_warm: ClassVar[Sequence[models.QuerySet[Any] | Callable[[], Any]]] = ()

    # Read as a str. Any lets a model have a primary key of another type, called id as well.
    id = cast("models.Field[Any, str | Any]", RowIdField(editable=False))
    created_at = CreatedAtField()
    updated_at = UpdatedAtField()

    if not TYPE_CHECKING:
        objects = AppwriteManager()

    class Meta:
        abstract = True

    # Type checkers go by Django's signatures: with a __setattr__ of ours they would allow every name to be assigned.
    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            held = self.__dict__
            if "_loaded" not in held:
                # New: there is nothing to compare with, so all of it is sent.
                super().__setattr__(name, value)
                return
            assigned = held.get("_assigned", _NO_NAMES)
            super().__setattr__(name, value)
            # No frame is kept: it would keep alive what is on the stack.
            caller = currentframe().f_back.f_code
            if caller is _FETCHING:
                self._remember((name,), self._state.db, _end(self._state.db))
            elif caller not in READING:
                held["_assigned"] = held.get("_assigned", _NO_NAMES) | {name}
            elif "_assigned" in held:
                # By a descriptor, on the way.
                held["_assigned"] = assigned

        def save(self, *args: Any, **kwargs: Any) -> None:
            # Where fields are deferred Django itself names the others. What the caller names is sent, whether it was assigned or not.
            named = args[3] if len(args) > 3 else kwargs.get("update_fields")
            outer = self.__dict__.get("_names_fields")
            self.__dict__["_names_fields"] = named is not None
            try:
                super().save(*args, **kwargs)
            finally:
                self.__dict__["_names_fields"] = outer

        save.alters_data = True

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        found: list[checks.CheckMessage] = super().check(**kwargs)
        # Here, and not beside the other checks: those are registered by the app that is missing.
        if not apps.is_installed("appwrite_orm_django"):
            found.append(
                checks.Error(
                    '"appwrite_orm_django" is not in INSTALLED_APPS: its commands, checks and lookups are missing.',
                    hint="Add it. See docs/reference/checks.md#appwrite-e014",
                    obj=cls,
                    id="appwrite.E014",
                )
            )
        return found

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any) -> Self:
        # Django 6.1 hands over a fetch mode.
        instance: Self | None = instance_from(cls, db, values, field_names, **kwargs)
        if instance is None:
            instance = super().from_db(db, field_names, values, **kwargs)
        instance.__dict__["_loaded"] = (field_names, values, db, _end(db))
        return instance

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """
        Validate the fields, and whether their columns can hold the values: integers of a range, moments from the year 1000 on, and so on.

        Django's own validators know the ranges of the ``default`` database only, and SQLite has none.
        """
        errors: dict[str, Any] = {}
        assigned = self._assigned_names()
        try:
            super().clean_fields(exclude=exclude)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        finally:
            # Django assigns each value anew. What cleaning has changed is found by comparing.
            self.__dict__["_assigned"] = assigned
        connection = connections[self._state.db or router.db_for_write(type(self), instance=self)]
        skipped = {*(exclude or ()), *errors}
        for field in self._meta.concrete_fields:
            value = getattr(self, field.attname)
            if value is None or field.name in skipped or hasattr(value, "resolve_expression"):
                continue
            try:
                if isinstance(field, models.IntegerField) and isinstance(value, int) and not field.primary_key:
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
        """Return the names of the attributes that were assigned since the object was read or written."""
        names: frozenset[str] = self.__dict__.get("_assigned", _NO_NAMES)
        return names

    def _known(self, using: str | None) -> dict[str, Any]:
        """Return attribute name to value as last read from or written to this object's row, as far as that is certain."""
        names, values, alias, end = self.__dict__.get("_loaded", NOTHING_KNOWN)
        if alias is None or alias != using:
            return {}
        if end is not None and not end.committed and end is not _end(alias):
            return {}
        known = dict(zip(names, values, strict=False))
        # Of another row nothing is known. None: a parent's row is written before the object has the key.
        return known if known.get(self._meta.pk.attname) in (None, self.pk) else {}

    def _remember(self, attnames: Collection[str], using: str | None, end: BlockEnd | None) -> None:
        """Take the current values of these attributes for those of the row, if what ends with ``end`` is committed."""
        known = self._known(using)
        known.update((name, self.__dict__[name]) for name in attnames if name in self.__dict__)
        known[self._meta.pk.attname] = self.pk
        self.__dict__["_loaded"] = (tuple(known), tuple(known.values()), using, end)
        assigned = self._assigned_names().difference(attnames)
        if end is not None:
            # A creation is sent only if it was assigned, whatever is known: again, if it is rolled back.
            assigned |= self._assigned_names().intersection(self._creations())
        self.__dict__["_assigned"] = assigned

    def _forget(self, attnames: Collection[str] | None = None) -> None:
        """Take these attributes, or all, for unknown on the server: whatever they hold, the next ``save()`` sends them."""
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
        super().refresh_from_db(using=using, fields=names, from_queryset=from_queryset)
        self.__dict__["_assigned"] = assigned
        self._remember(_attnames(self._meta.concrete_fields, names), self._state.db, _end(self._state.db))

    def _save_table(
        self,
        raw: bool = False,
        cls: type[models.Model] | None = None,
        force_insert: bool = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Collection[str] | None = None,
    ) -> bool:
        # Called once for each table: a model with parents has several.
        assigned = self._assigned_names()
        self.__dict__["_is_raw"] = raw
        try:
            updated = super()._save_table(raw, cls, force_insert, force_update, using, update_fields)  # type: ignore[misc]  # a private name
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
        # Without what Django itself has assigned on the way.
        self.__dict__["_assigned"] = assigned
        self._remember(saved, using, _end(using))
        return bool(updated)

    def _do_update(  # type: ignore[override]  # what else it is given differs between the versions of Django
        self, base_qs: Any, using: str, pk_val: Any, values: Any, update_fields: Any, *args: Any
    ) -> Any:
        connection: Any = connections[using]
        connection.last_written_row = None
        # Django takes them for fields like auto_now ones, and update_or_create() adds them to what it updates: a $updatedAt that is
        # sent would hide the change from all who look for the row's version.
        untouched = self._own_moments()
        sent = [value for value in values if value[0].attname not in untouched]
        if sent and (update_fields is None or self.__dict__.get("_names_fields") is False):
            sent, update_fields = self._without_known(sent, using), None
        updated = super()._do_update(base_qs, using, pk_val, sent, update_fields, *args)  # type: ignore[misc]
        row = getattr(connection, "last_written_row", None)
        if updated and row is not None and "$updatedAt" in row:
            self._take_updated_at(row["$updatedAt"])
        return updated

    def _without_known(self, values: Iterable[tuple[Any, Any, Any]], using: str) -> list[tuple[Any, Any, Any]]:
        """Leave out what the row is known to hold, unless it was assigned."""
        is_of_database = self._state.db == using and not self._state.adding
        known = self._known(using) if is_of_database else {}
        assigned = self._assigned_names()
        return [
            (field, model, value)
            for field, model, value in values
            if field.attname in assigned or field.attname not in known or not _is_unchanged(value, known[field.attname])
        ]

    def _own_moments(self) -> set[str]:
        """
        Return the names of those of the server's moments that a save leaves alone.

        All but those of a fixture, a creation that was assigned, and a change that was assigned and is named in ``update_fields``.
        """
        moments = self._moments().keys()
        if self.__dict__.get("_is_raw"):
            return {name for name in moments if self.__dict__.get(name) is None}
        creations = self._creations()
        if "_loaded" not in self.__dict__:
            return {name for name in moments if name not in creations or self.__dict__.get(name) is None}
        kept = self._assigned_names() if self.__dict__.get("_names_fields") else self._assigned_names() & creations
        return moments - kept

    def _moments(self) -> dict[str, models.Field[Any, Any]]:
        fields = self._meta.concrete_fields
        return {field.attname: field for field in fields if isinstance(field, (CreatedAtField, UpdatedAtField))}

    def _creations(self) -> set[str]:
        return {field.attname for field in self._meta.concrete_fields if isinstance(field, CreatedAtField)}

    def _do_insert(self, manager: Any, using: Any, *args: Any) -> Any:
        # Of a row whose block was rolled back the object holds estimates, which are no moments that were given.
        end = self.__dict__.get("_loaded", NOTHING_KNOWN)[3]
        if end is not None and not end.committed:
            for name in self._moments().keys() - self._assigned_names():
                self.__dict__[name] = None
        return super()._do_insert(manager, using, *args)  # type: ignore[misc]  # a private name

    def _settle_moments(self) -> None:
        """Take the moments that the server has given to this object's row, if it was written in a block that was committed since."""
        names, values, alias, end = self.__dict__["_loaded"]
        if end is None or not end.written or alias is None or self.pk is None:
            return
        connection = appwrite_connection(alias)
        fields = {name: field for name, field in self._moments().items() if name in self.__dict__}
        if not fields:
            return
        model = next(iter(fields.values())).model
        key = key_of(connection.table_ref(table_id(model._meta.db_table)), codec_for(model._meta.pk).encode(self.pk))
        if key not in end.written:
            return
        row = end.written[key]
        if row is None:
            found = type(self)._base_manager.using(alias).filter(pk=self.pk).values_list(*fields).first()
            current = dict(zip(fields, found, strict=True)) if found else {}
        else:
            current = {name: codec_for(field).decode(row[field.column]) for name, field in fields.items()}
        known = dict(zip(names, values, strict=False))
        for name in current.keys() - self._assigned_names():
            self.__dict__[name] = known[name] = current[name]
        # Asked once. What came after a savepoint that was rolled back stays unknown.
        settled = None if end.committed else BlockEnd()
        self.__dict__["_loaded"] = (tuple(known), tuple(known.values()), alias, settled)

    def _take_updated_at(self, wire: str) -> None:
        for field in self._meta.concrete_fields:
            if isinstance(field, UpdatedAtField):
                setattr(self, field.attname, codec_for(field).decode(wire))


remembers_loaded(AppwriteModel)
# No manager is looked for on an abstract class, but by the mypy plugin of django-stubs: it would declare ``objects`` here, and any
# other manager of that name would be an error.
AppwriteModel._meta.managers_map = {}


def _end(alias: str | None) -> BlockEnd | None:
    return None if alias is None else uncommitted(connections[alias])


def _is_refused(error: BaseException) -> bool:
    """Return whether a write that ended with this error has certainly changed nothing."""
    if isinstance(error, AppwriteError):
        return not error.ambiguous
    # A value that is no number is found out before anything is sent.
    return isinstance(error, (DataError, IntegrityError, NotSupportedError, ProgrammingError, TypeError, ValueError))


def _is_unchanged(value: Any, loaded: Any) -> bool:
    """Say whether a value is certainly the one that was read; values of different kinds may be equal and yet be stored differently."""
    if value is None or loaded is None:
        return value is loaded
    if not isinstance(value, _IMMUTABLE) or value != loaded:
        return False
    if isinstance(value, datetime.datetime) or isinstance(loaded, datetime.datetime):
        # Two moments of the hour that the clocks repeat are equal to Python if their zone is the same.
        return getattr(value, "fold", None) == getattr(loaded, "fold", None)
    # In JSON 1, 1.0 and true are three values.
    return isinstance(value, str) or type(value) is type(loaded)


def _check_that_it_can_be_held(field: models.Field[Any, Any], value: Any, connection: DatabaseWrapper) -> None:
    try:
        codec_for(field).encode(field.get_db_prep_value(value, connection))
    except (OutOfRange, InvalidText) as error:
        raise ValidationError(f"{str(error)[:1].upper()}{str(error)[1:]}.", code="invalid") from error
    except (TypeError, ValueError):
        return  # of another type, which saving it says


def _attnames(fields: Iterable[models.Field[Any, Any]], names: Collection[str] | None) -> list[str]:
    """Return the attribute names of those of the fields that ``names`` has by name or attribute name; of all for None."""
    return [field.attname for field in fields if names is None or field.name in names or field.attname in names]
