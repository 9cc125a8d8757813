"""Model fields for Appwrite's column types that Django has no fields for."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence, Set
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, overload

from django.core import checks, exceptions
from django.db import DataError, connections, models
from django.utils.translation import gettext_lazy as _

from appwrite_orm_django.backend import row_ids
from appwrite_orm_django.backend.aliases import is_appwrite
from appwrite_orm_django.backend.values import (
    BooleanCodec,
    Codec,
    DateTimeCodec,
    FloatCodec,
    IntegerCodec,
    OutOfRange,
    codec_for,
)
from appwrite_orm_django.client.queries import InvalidText
from appwrite_orm_django.documentation import address
from appwrite_orm_django.orm.hydration import MomentAttribute

if TYPE_CHECKING:
    import datetime
    from typing import Protocol

    from django.db.models.expressions import Combinable
    from typing_extensions import TypeVar

    from appwrite_orm_django.backend.base import DatabaseWrapper
    from appwrite_orm_django.schema.columns import Column

    # The types that can be assigned to a field and read from it. In django-stubs every field has
    # these two parameters.
    _Set = TypeVar("_Set", contravariant=True, default=Any)
    _Get = TypeVar("_Get", covariant=True, default=Any)
    _Item = TypeVar("_Item", covariant=True)
    _To = TypeVar("_To", bound=models.Model)

    class _FieldOf(Protocol[_Item]):
        """A field whose values have this type in django-stubs."""

        @property
        def _pyi_private_get_type(self) -> _Item: ...

    _Field = models.Field
    _CharField = models.CharField
    _Texts = list[str] | tuple[str, ...] | Set[str] | Combinable
    # An object whose id is None gets one when it is saved. A nullable key that refers to it can
    # also be None.
    _SetId = TypeVar("_SetId", contravariant=True, default=str | Combinable | None)
    _GetId = TypeVar("_GetId", covariant=True, default=str)
    _MomentBase = models.DateTimeField[str | datetime.date | Combinable | None, datetime.datetime]
else:
    from typing import TypeVar

    _Set, _Get, _SetId, _GetId = map(TypeVar, ("_Set", "_Get", "_SetId", "_GetId"))

    # Django makes only its foreign keys subscriptable.
    class _Field(models.Field):
        def __class_getitem__(cls, parameters: Any) -> Any:
            return cls

    class _CharField(models.CharField):
        def __class_getitem__(cls, parameters: Any) -> Any:
            return cls

    _Texts, _MomentBase = Any, models.DateTimeField

__all__ = [
    "ArrayField",
    "CreatedAtField",
    "EnumField",
    "OneToOneRelationshipField",
    "PermissionsField",
    "RelationshipField",
    "RowIdField",
    "UpdatedAtField",
]


class RowIdField(_CharField[_SetId, _GetId]):
    """
    The row's ``$id``: a string of at most 36 characters (A-Z, a-z, 0-9, ``.``, ``-`` and ``_``).

    A new object gets an id at once, unless you pass one: 24 hexadecimal characters that begin with
    the time. Appwrite compares ids without case: ``abc`` and ``ABC`` are the same row.
    """

    description = _("Appwrite row id")
    #: Marks a key that has no column (``schema.keys``).
    appwrite_row_id = True
    #: Whether the field is left out of a subclass that declares a primary key of its own.
    yields: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 36)
        kwargs.setdefault("default", row_ids.new_row_id)
        kwargs.setdefault("primary_key", True)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if kwargs.get("max_length") == 36:
            del kwargs["max_length"]
        if kwargs.get("default") is row_ids.new_row_id:
            del kwargs["default"]
        kwargs.pop("primary_key", None)
        return name, path, args, kwargs

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        # Django adds a class's own fields before it copies those of its abstract bases.
        if self.yields and cls._meta.pk is not None:
            setattr(cls, name, None)  # as "id = None" in the class does
            return
        super().contribute_to_class(cls, name, private_only)

    def validate(self, value: Any, model_instance: Any) -> None:
        super().validate(value, model_instance)
        try:
            row_ids.check_text(value)
        except row_ids.InvalidRowId as error:
            raise exceptions.ValidationError(str(error), code="invalid_row_id") from error


class _SystemDateTimeField(_MomentBase):
    """
    A timestamp that the server keeps.

    Only imports should write it: with an API key it can be set when the row is created.
    """

    system_column: str
    descriptor_class = MomentAttribute
    # The response to a create contains it, so new objects need no second request.
    db_returning = True
    # The server fills it for existing rows too. With this, makemigrations does not ask for a default
    # when a model gets the field.
    empty_strings_allowed = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["db_column"] = self.system_column
        kwargs.setdefault("editable", False)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)

    def get_default(self) -> Any:
        return super().get_default() if self.has_default() else None

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for key in ("db_column", "editable", "blank"):
            kwargs.pop(key, None)
        return name, path, args, kwargs


class CreatedAtField(_SystemDateTimeField):
    """The row's ``$createdAt``, with millisecond precision."""

    system_column = "$createdAt"


class UpdatedAtField(_SystemDateTimeField):
    """The row's ``$updatedAt``, with millisecond precision."""

    system_column = "$updatedAt"


class _ListCodec(Codec):
    """Encode an array as JSON, each element with the codec of its type."""

    orders = False
    is_text = False
    compares = False

    def __init__(self, element: Codec) -> None:
        self.element = element
        self.shortens = isinstance(element, DateTimeCodec)
        # Text and integers are read exactly as they were written.
        self._is_plain = type(element) in (Codec, IntegerCodec)

    def encode(self, value: Any) -> list[Any]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise OutOfRange(f"an array takes a list, got {type(value).__name__}")
        return [self._encoded(number, item) for number, item in enumerate(value, 1)]

    def _encoded(self, number: int, item: Any) -> Any:
        if item is not None:
            try:
                return self.element.encode_within(item)
            except OutOfRange as error:
                raise OutOfRange(f"item {number}: {error}", error.side) from None
        if type(self.element) in _WITHOUT_NULL:
            # Appwrite stores null as 0 or false (recordings ``row-float``, ``row-integer``).
            raise OutOfRange(
                f"item {number} is None, which Appwrite would store as zero. Leave it out"
            )
        return None

    def held(self, value: Any) -> Any:
        if not self.shortens or not isinstance(value, (list, tuple)):
            return value
        held = [self.element.held(item) for item in value]
        if all(map(operator.is_, held, value)):
            return value
        return tuple(held) if isinstance(value, tuple) else held

    def decode(self, wire: Any) -> list[Any]:
        return [None if item is None else self.element.decode(item) for item in wire]

    def stored(self, wire: Any) -> str:
        # Write elements as constants are written: Appwrite returns 1 for 1.0.
        return json.dumps(
            wire if self._is_plain else self.encode(self.decode(wire)), ensure_ascii=False
        )


_WITHOUT_NULL = (BooleanCodec, FloatCodec, IntegerCodec)


class _ListField(_Field[_Set, _Get]):
    """The base class of array and permission fields: a list of values of ``base_field``."""

    empty_strings_allowed = False
    base_field: models.Field[Any, Any]

    def set_attributes_from_name(self, name: str) -> None:
        super().set_attributes_from_name(name)
        self.base_field.set_attributes_from_name(name)

    def get_internal_type(self) -> str:
        return "TextField"

    def appwrite_codec(self) -> Codec:
        return _ListCodec(codec_for(self.base_field))

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        if (
            value is None
            or isinstance(value, str)
            or not isinstance(value, (list, tuple, set, frozenset))
        ):
            return value
        return [self.base_field.get_prep_value(item) for item in value]

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if not prepared:
            value = self.get_prep_value(value)
        if not isinstance(value, (list, tuple)):
            return value
        if is_appwrite(connection):
            return self._prepared(value, connection)
        # SQLite, which runs local evaluation, and other databases get the JSON that Appwrite holds.
        items = self._prepared(value, _appwrite_connection(connection.alias) or connection)
        try:
            return json.dumps(self.appwrite_codec().encode(items), ensure_ascii=False)
        except OutOfRange as error:
            raise DataError(f"{self}: {error}.") from error

    def _prepared(self, items: Sequence[Any], connection: Any) -> list[Any]:
        """Prepare elements for Appwrite's codecs; adapters of other databases would return text."""
        return [
            None
            if item is None
            else self.base_field.get_db_prep_value(item, connection, prepared=True)
            for item in items
        ]

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        # Appwrite returns a list, local evaluation its JSON.
        if isinstance(value, str):
            value = self.appwrite_codec().decode(json.loads(value))
        convert = getattr(self.base_field, "from_db_value", None)
        if convert is None or value is None:
            return value
        return [None if item is None else convert(item, expression, connection) for item in value]

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                value = [part.strip() for part in value.split(",") if part.strip()]
        if value is None:
            return None
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise exceptions.ValidationError(_("Enter a list of values."), code="invalid_list")
        from appwrite_orm_django.orm.array_forms import read_element

        return [
            self._item(number, read_element, self.base_field, item)
            for number, item in enumerate(value, 1)
        ]

    def _item(self, number: int, check: Callable[..., Any], *args: Any) -> Any:
        try:
            return check(*args)
        except exceptions.ValidationError as error:
            raise exceptions.ValidationError(
                _("Item %(number)s: %(messages)s"),
                code="item_invalid",
                params={"number": number, "messages": " ".join(error.messages)},
            ) from error

    def validate(self, value: Any, model_instance: Any) -> None:
        super().validate(value, model_instance)
        for number, item in enumerate(value or (), 1):
            self._item(number, self.base_field.clean, item, model_instance)
        connection = _appwrite_connection("")
        if not value or connection is None:
            return
        try:
            self.appwrite_codec().encode(self._prepared(self.get_prep_value(value), connection))
        except (OutOfRange, InvalidText) as error:
            raise exceptions.ValidationError(
                f"{str(error)[:1].upper()}{str(error)[1:]}.", code="invalid"
            ) from error

    def formfield(self, **kwargs: Any) -> Any:
        from appwrite_orm_django.orm.array_forms import ArrayFormField

        return super().formfield(
            **{"form_class": ArrayFormField, "base_field": self.base_field, **kwargs}
        )

    def value_to_string(self, obj: Any) -> str:
        values: Any = self.value_from_object(obj)
        return json.dumps([self._serialized(item) for item in values or ()])

    def _serialized(self, item: Any) -> Any:
        prepared = None if item is None else self.base_field.get_prep_value(item)
        if prepared is None or isinstance(prepared, (str, int, float, dict, list)):
            return prepared
        return self.base_field.value_to_string(SimpleNamespace(**{self.base_field.attname: item}))


def _appwrite_connection(alias: str) -> DatabaseWrapper | None:
    """
    Return a connection to Appwrite, or None if there is none.

    Prefer the connection of ``alias``, which the database of local evaluation shares.
    """
    known = (connections[name] for name in (alias, *connections) if name in connections)
    return next((connection for connection in known if is_appwrite(connection)), None)


class ArrayField(_ListField[_Set, _Get]):
    """
    An Appwrite array column: a list of values of one type.

    For example, ``ArrayField(models.CharField(max_length=50))``. The lookups are ``contains`` (has
    all of these elements) and ``overlap`` (has any of them); both compare exactly and with case.
    Appwrite does not distinguish null from an empty list: both are read as ``[]``.
    """

    description = _("Array of %(base_field)s")

    @overload
    def __init__(
        self: ArrayField[list[_Item] | tuple[_Item, ...] | Set[_Item] | Combinable, list[_Item]],
        base_field: _FieldOf[_Item],
        *,
        null: Literal[False] = False,
        **kwargs: Any,
    ) -> None: ...
    @overload
    def __init__(
        self: ArrayField[
            list[_Item] | tuple[_Item, ...] | Set[_Item] | Combinable | None, list[_Item] | None
        ],
        base_field: _FieldOf[_Item],
        *,
        null: Literal[True],
        **kwargs: Any,
    ) -> None: ...
    @overload
    def __init__(self, base_field: models.Field[Any, Any], **kwargs: Any) -> None: ...
    def __init__(self, base_field: Any, **kwargs: Any) -> None:
        self.base_field = base_field
        kwargs.setdefault("default", list)
        kwargs.setdefault("blank", True)
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, [self.base_field.clone(), *args], kwargs

    def appwrite_column(self, key: str) -> Column:
        from appwrite_orm_django.schema.columns import column_for

        base = self.base_field.clone()
        base.set_attributes_from_name(self.name)
        base.model = self.model
        element = column_for(base)
        if element is None:
            raise ValueError(f"{self}: Appwrite has no column type for {base.__class__.__name__}.")
        return element.as_array(key, required=False)

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        errors = super().check(**kwargs)
        if self.base_field.remote_field or isinstance(self.base_field, _ListField):
            errors.append(
                checks.Error(
                    "The elements of an array can be neither relations nor arrays.",
                    hint=f"Use a separate model or a JSONField. See {address('reference/checks', 'appwrite-e010')}",
                    obj=self,
                    id="appwrite.E010",
                )
            )
        return errors


class EnumField(_CharField[_Set, _Get]):
    """
    A text field over an Appwrite enum column.

    Its ``choices`` become the elements of the column; the server rejects any other value.
    """

    description = _("Appwrite enum")

    @overload
    def __init__(
        self: EnumField[str | Combinable, str],
        *args: Any,
        null: Literal[False] = False,
        **kwargs: Any,
    ) -> None: ...
    @overload
    def __init__(
        self: EnumField[str | Combinable | None, str | None],
        *args: Any,
        null: Literal[True],
        **kwargs: Any,
    ) -> None: ...
    @overload
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 255)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if kwargs.get("max_length") == 255:
            del kwargs["max_length"]
        return name, path, args, kwargs

    @property
    def elements(self) -> tuple[str, ...]:
        """The values of the choices, in order."""
        return tuple(str(value) for value, _label in self.flatchoices)

    def appwrite_column(self, key: str) -> Column:
        from appwrite_orm_django.schema.columns import Column
        from appwrite_orm_django.schema.defaults import with_defaults

        return with_defaults(self, Column.enum(key, self.elements, required=not self.null))

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        errors = super().check(**kwargs)
        if not self.elements:
            errors.append(
                checks.Error(
                    "EnumField needs choices, which become the elements.",
                    hint=f"Give it choices, or use a CharField. See {address('reference/checks', 'appwrite-e011')}",
                    obj=self,
                    id="appwrite.E011",
                )
            )
        return errors


class PermissionsField(_ListField[_Texts, list[str]]):
    """
    The row's ``$permissions``: a list such as ``['read("any")', 'update("user:5f3e")']``.

    They apply only if the table has row security (``appwrite_row_security = True`` on the model),
    and only to clients without an API key. Appwrite cannot filter by them.
    """

    description = _("Appwrite row permissions")

    def __init__(self, **kwargs: Any) -> None:
        self.base_field = models.CharField(max_length=255)
        kwargs["db_column"] = "$permissions"
        kwargs.setdefault("default", list)
        kwargs.setdefault("blank", True)
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_column", None)
        return name, path, args, kwargs

    def get_lookup(self, lookup_name: str) -> Any:
        raise exceptions.FieldError("Appwrite cannot filter rows by their permissions.")


# Django's collector implements these itself; the column's rule serves other clients of the table.
_ON_DELETE: dict[Any, str] = {models.CASCADE: "cascade", models.SET_NULL: "setNull"}


class _Relationship(models.ForeignKey[_Set, _Get]):
    #: Marks a relationship column for ``column_key``: the server treats such columns differently.
    appwrite_relationship = True
    relation_type: str

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        # Appwrite cannot require a relationship, and it indexes the column itself.
        kwargs.setdefault("null", True)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("db_index", False)
        super().__init__(to, on_delete, **kwargs)

    def get_attname_column(self) -> tuple[str, str]:  # type: ignore[override]  # as in django-stubs
        attname, _column = super().get_attname_column()
        # The column's key is that of the relationship, without the suffix "_id".
        return attname, self.db_column or self.name

    def appwrite_column(self, key: str) -> Column:
        from appwrite_orm_django.schema.columns import Column
        from appwrite_orm_django.schema.definitions import Relation
        from appwrite_orm_django.schema.errors import UnsupportedModel
        from appwrite_orm_django.schema.keys import has_derived_ids
        from appwrite_orm_django.schema.names import column_key, table_id

        if has_derived_ids(self.remote_field.model):
            raise UnsupportedModel(
                f"{self}: a relationship holds row ids, and the primary key of "
                f"{self.remote_field.model._meta.label} is not the row's id.\n"
                'Way out: give the field of that key db_column="$id", or use a ForeignKey.'
            )
        other = self.remote_field.model._meta.db_table
        # The key must be unique among the relationships between the same two tables.
        far_key = column_key(f"{self.model._meta.db_table}_{key}")
        on_delete = _ON_DELETE.get(self.remote_field.on_delete, "restrict")
        relation = Relation(
            table_id(other), self.relation_type, two_way_key=far_key, on_delete=on_delete
        )
        return Column(key, "relationship", related=relation)

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        errors = super().check(**kwargs)
        if not self.null:
            errors.append(
                checks.Error(
                    "Appwrite cannot require a relationship, so the field must allow NULL.",
                    hint=f"Remove null=False; use blank=False to require a value in forms. See {address('reference/checks', 'appwrite-e012')}",
                    obj=self,
                    id="appwrite.E012",
                )
            )
        if self.remote_field.model is self.model:
            errors.append(
                checks.Error(
                    "Appwrite cannot relate a table to itself.",
                    hint=f"Use a ForeignKey. See {address('reference/checks', 'appwrite-e013')}",
                    obj=self,
                    id="appwrite.E013",
                )
            )
        return errors


class RelationshipField(_Relationship[_Set, _Get]):
    """
    A ``ForeignKey`` over the relationship column that holds the other row's id.

    This is the side on which a many-to-one relationship was created, and the far side of a two-way
    one-to-many relationship. Reading, filtering, ordering, joins, prefetches and writing work as
    with a ``ForeignKey``. Appwrite rejects bulk calls on tables with relationship columns, so
    updates and deletions of many rows are sent one at a time. Prefer a ``ForeignKey`` for new
    tables.
    """

    description = _("Appwrite relationship (many-to-one)")
    relation_type = "manyToOne"

    # If the model is given by name, the plugin of django-stubs replaces Any with its class.
    @overload
    def __init__(
        self: RelationshipField[_To | Combinable | None, _To | None],
        to: type[_To],
        on_delete: Callable[..., None],
        **kwargs: Any,
    ) -> None: ...
    @overload
    def __init__(
        self: RelationshipField[Any | Combinable | None, Any | None],
        to: str,
        on_delete: Callable[..., None],
        **kwargs: Any,
    ) -> None: ...
    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        super().__init__(to, on_delete, **kwargs)


class OneToOneRelationshipField(_Relationship[_Set, _Get], models.OneToOneField[_Set, _Get]):
    """
    A ``OneToOneField`` over an Appwrite one-to-one relationship column.

    The server keeps the column's unique index. See ``RelationshipField``.
    """

    description = _("Appwrite relationship (one-to-one)")
    relation_type = "oneToOne"

    # If the model is given by name, the plugin of django-stubs replaces Any with its class.
    @overload
    def __init__(
        self: OneToOneRelationshipField[_To | Combinable | None, _To | None],
        to: type[_To],
        on_delete: Callable[..., None],
        **kwargs: Any,
    ) -> None: ...
    @overload
    def __init__(
        self: OneToOneRelationshipField[Any | Combinable | None, Any | None],
        to: str,
        on_delete: Callable[..., None],
        **kwargs: Any,
    ) -> None: ...
    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        super().__init__(to, on_delete, **kwargs)
