"""
Write the Python source of models for an existing database.

``appwrite_migrate`` finds nothing to do for these models. A column gets the recorded field, or the
simplest one that has the same column and the recorded encoding (``records``). If there is none, the
column gets a field of ``appwrite_orm_django.orm.inspected`` that states the difference.

A column is a foreign key if a model has recorded it as one, and the other table still has the key
whose values it holds.

A relationship becomes a field on the side that holds the other row's id. A many-to-many
relationship becomes a ``ManyToManyRelationship`` on each side that has the column. Columns that no
field maps (the other sides of one-to-many relationships, points, lines, polygons) and indexes over
them become comments, since the planner leaves both alone.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.backends.utils import names_digest

from .columns import MAX_URL, MAX_VARCHAR, described_column
from .comparison import same_storage
from .conversion import meaning
from .definitions import INT32, TEXT_TYPES, Column, Database, Encoding, Index, Relation, Table
from .encodings import as_recorded, hidden, plain
from .errors import SchemaTooLarge
from .limits import index_lengths
from .names import (
    KEY_INDEX,
    MAX_LENGTH,
    MAX_SCALED_DIGITS,
    MIGRATIONS_TABLE,
    OWN_TABLES,
    column_key,
    is_hidden,
)
from .recorded_fields import (
    UNIQUE_NULLS,
    column_name,
    covered,
    db_table_of,
    holds_values_of,
    in_order,
    is_key,
    referred,
    row_ids,
)

_NUMBERS = (
    "PositiveSmallIntegerField",
    "SmallIntegerField",
    "PositiveBigIntegerField",
    "BigIntegerField",
)
#: Fields that are recorded and have the column of one of the above.
_OTHER_NUMBERS = ("IntegerField", "PositiveIntegerField")
_AUTOMATIC = ("AutoField", "BigAutoField", "SmallAutoField")
_TO_ONE = ("ForeignKey", "OneToOneField")
_SIMPLE = {
    "boolean": "BooleanField",
    "datetime": "DateTimeField",
    "double": "FloatField",
    "email": "EmailField",
    "ip": "GenericIPAddressField",
    "longtext": "TextField",
    "mediumtext": "TextField",
    "text": "TextField",
}
#: Types whose default a field can state as ``db_default``; others state it in ``stored``.
_WITH_DB_DEFAULT = frozenset(
    {"bigint", "boolean", "double", "email", "integer", "url", "varchar", *TEXT_TYPES}
)
#: Fields of encodings that a column's type does not determine.
_ENCODED = {
    "binary": "BinaryField",
    "date": "DateField",
    "duration": "DurationField",
    "json": "JSONField",
    "time": "TimeField",
    "uuid": "UUIDField",
}
#: Fields of primary keys that are not texts.
_KEYS = {**_ENCODED, "datetime": "DateTimeField", "float": "FloatField", "integer": "BigAutoField"}
_SYSTEM_FIELDS = {"$id": "id", "$createdAt": "created_at", "$updatedAt": "updated_at"}
_MAX_INDEX_NAME = 30
_OUR_FIELDS = frozenset(
    {
        "ArrayField",
        "EnumField",
        "OneToOneRelationshipField",
        "PermissionsField",
        "RelationshipField",
        "RowIdField",
    }
)
_MANY = "ManyToManyRelationship"
_TAKEN = frozenset(
    {
        *dir(models.Model),
        "id",
        "row_id",
        "created_at",
        "updated_at",
        "permissions",
        "objects",
        "pk",
        "DoesNotExist",
    }
    | {
        "MultipleObjectsReturned",
        "appwrite_permissions",
        "appwrite_row_security",
        "appwrite_database",
    }
)


def model_source(database: Database) -> Iterator[str]:
    """
    Yield the lines of a ``models.py`` without the library's tables and ``django_migrations``.

    Foreign keys to tables that are not in ``database`` are plain columns.
    """
    tables = [
        table
        for table in database
        if not table.id.startswith(OWN_TABLES) and table.id != MIGRATIONS_TABLE
    ]
    names = _Names()
    tables.sort(key=lambda table: table.id)
    model_names = {table.id: names.of_model(table) for table in tables}
    others = {table.id.lower(): table for table in tables}
    made: dict[str, _Body] = {}
    for table in tables:
        made[table.id] = _Body(table, names, model_names, others, made)
    bodies = [(table, model_names[table.id], made[table.id]) for table in tables]
    uses = {word for _table, _name, body in bodies for word in body.uses}
    yield "# Written by inspectdb from an Appwrite database. You can rename models and fields: db_table and db_column keep the server's names."
    yield "# Appwrite does not enforce foreign keys, and on_delete is not recorded: set it to the behavior that you want."
    yield "# A column that holds ids of another table, and that no model has recorded as a foreign key, is a CharField here. You can make it a ForeignKey with the same db_column."
    yield "from django.db import models"
    yield ""
    if "stored" in uses:
        yield "from appwrite_orm_django.orm import inspected"
    if ours := sorted(uses & _OUR_FIELDS):
        yield f"from appwrite_orm_django.fields import {', '.join(ours)}"
    if "AppwriteIndex" in uses:
        yield "from appwrite_orm_django.indexes import AppwriteIndex"
    yield "from appwrite_orm_django.models import AppwriteModel"
    if _MANY in uses:
        yield f"from appwrite_orm_django.orm.relationships import {_MANY}"
    for table, name, body in bodies:
        yield ""
        yield ""
        yield f"class {name}(AppwriteModel):"
        yield from body.lines(table)


@dataclass
class _Names:
    """Names that must be unique in the whole module."""

    models: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)
    #: In lower case, with the id of the table that has the reverse side.
    reverse: set[tuple[str, str]] = field(default_factory=set)

    def of_model(self, table: Table) -> str:
        words = re.findall(r"[A-Za-z0-9]+", db_table_of(table))
        name = "".join(word[0].upper() + word[1:] for word in words)
        if name[0].isdigit() or keyword.iskeyword(name) or name == "AppwriteModel":
            name = f"Table{name}"
        return _new(name, self.models)

    def of_reverse(self, other: Table, model: str, name: str, *, many: bool) -> str | None:
        """Return the ``related_name`` of a foreign key; None for Django's own."""
        own = {part for column in other.columns for part in _attributes(column.key)}
        for related, accessor in (
            (None, f"{model.lower()}_set" if many else model.lower()),
            (f"{model.lower()}_{name}_set", f"{model.lower()}_{name}_set"),
        ):
            taken = {accessor, model.lower() if related is None else accessor}
            if not taken & (own | _TAKEN) and not any(
                (other.id, one) in self.reverse for one in taken
            ):
                self.reverse |= {(other.id, one) for one in taken}
                return related
        return "+"

    def of_index(self, table: Table, index: Index) -> str:
        name = re.sub(r"\W", "_", index.key).lstrip("_0123456789") or "index"
        if len(name) > _MAX_INDEX_NAME or name in self.indexes:
            name = f"{name[: _MAX_INDEX_NAME - 9]}_{names_digest(table.id, index.key, length=8)}"
        self.indexes.add(name)
        return name


@dataclass(frozen=True)
class _Call:
    """The source of a field: its class and arguments."""

    name: str
    options: Mapping[str, Any]
    first: _Call | str | None = None

    def __str__(self) -> str:
        arguments = [str(self.first)] if self.first else []
        arguments += [f"{name}={value!r}" for name, value in self.options.items()]
        prefix = (
            "inspected."
            if "stored" in self.options
            else ""
            if self.name in _OUR_FIELDS | {_MANY}
            else "models."
        )
        return f"{prefix}{self.name}({', '.join(arguments)})"

    def uses(self) -> set[str]:
        own = {"stored"} if "stored" in self.options else {self.name}
        return own | (self.first.uses() if isinstance(self.first, _Call) else set())


@dataclass(frozen=True)
class _FieldOf:
    """The name of the field of a column, which is known when all models have been made."""

    bodies: Mapping[str, _Body]
    table: str
    key: str

    def __repr__(self) -> str:
        return repr(self.bodies[self.table].name_of(self.key))


class _Body:
    def __init__(
        self,
        table: Table,
        names: _Names,
        model_names: Mapping[str, str],
        tables: Mapping[str, Table],
        bodies: Mapping[str, _Body],
    ) -> None:
        self._table = table
        self._names = names
        self._models = model_names
        self._tables = tables
        self._bodies = bodies
        self._targets: dict[str, str] = {}
        self.uses: set[str] = {"PermissionsField"} if table.row_security else set()
        self._fields: dict[str, str] = dict(_SYSTEM_FIELDS)
        # Django would treat two fields named "id" as the same column.
        self._has_id = table.column("id") is not None
        # Declaring another primary key leaves out the ``id`` of ``AppwriteModel``.
        self._has_own_key = table.index(KEY_INDEX) is not None
        taken = set(_TAKEN)
        self._comments: list[str] = []
        self._calls: list[tuple[str, _Call]] = []
        self._meta: list[tuple[str, str]] = []
        self._key = _key_call(table.id_encoding)
        if not self._has_own_key and self._add_named_key(table, taken):
            self._has_own_key = True
        if self._has_id and not self._has_own_key:
            self.uses |= set() if self._key else {"RowIdField"}
            self._fields["$id"] = "row_id"
        for column in in_order(table.columns):
            if not is_hidden(column.key):
                self._add_column(column, taken)
        for index in table.indexes:
            if any(map(is_hidden, index.columns)):
                self._add_hidden(table, index)
            else:
                self._add_index(table, index, names)
        self._settle_foreign_keys()

    def name_of(self, key: str) -> str:
        """Return the name of the field of a column."""
        return self._fields[key]

    def lines(self, table: Table) -> Iterator[str]:
        if table.permissions:
            yield f"    appwrite_permissions = {tuple(sorted(table.permissions))!r}"
        if table.row_security:
            yield "    appwrite_row_security = True"
            yield "    permissions = PermissionsField()"
        if self._has_id and not self._has_own_key:
            yield "    id = None"
            key = _Call("RowIdField", {"editable": False}) if self._key is None else self._key
            yield f"    row_id = {replace(key, options={'db_column': '$id', **key.options})}"
        elif self._key is not None and not self._has_own_key:
            yield f"    id = {self._key}"
        for name, call in self._calls:
            yield f"    {name} = {call}"
        for comment in self._comments:
            yield f"    # {comment}"
        yield ""
        yield "    class Meta:"
        yield f"        db_table = {db_table_of(table)!r}"
        for option in ("constraints", "indexes"):
            if parts := [text for kind, text in self._meta if kind == option]:
                yield f"        {option} = ["
                yield from (f"            {part}," for part in parts)
                yield "        ]"

    def _add_named_key(self, table: Table, taken: set[str]) -> bool:
        """Add the primary key that is the row's id, if it is recorded under a name but ``id``."""
        name = table.key_field.column if table.key_field else ""
        if name in {"", "id", "$id"} or table.column(name) is not None:
            return False
        call = self._foreign_key(row_ids(table)) or self._key
        if call is None:
            return False
        self._add_field(row_ids(table), name, _as_key(call), taken)
        return True

    def _foreign_key(self, column: Column) -> _Call | None:
        """Return the foreign key that a column is recorded as, or None if it cannot be one."""
        if column.field is None or column.field.to is None:
            return None
        other = self._tables.get(column.field.to[0].lower())
        found = None if other is None else referred(other, column.field.to[1])
        if other is None or found is None or not holds_values_of(column, found):
            return None
        options: dict[str, Any] = {}
        if not is_key(other, found.key):
            options["to_field"] = _FieldOf(self._bodies, other.id, found.key)
        if not column.required:
            options |= {"null": True, "blank": True}
        model = "self" if other.id == self._table.id else self._models[other.id]
        return _Call("ForeignKey", options, f"{model!r}, models.PROTECT")

    def _settle_foreign_keys(self) -> None:
        """Set what depends on the indexes of a foreign key, and the name of its reverse side."""
        settled = []
        for name, call in self._calls:
            options = dict(call.options)
            class_name = call.name
            if class_name in _TO_ONE:
                if options.pop("unique", False):
                    class_name = "OneToOneField"
                elif not options.pop("db_index", False) and class_name == "ForeignKey":
                    options["db_index"] = False
                other, model = self._tables[self._targets[name]], self._models[self._table.id]
                related = self._names.of_reverse(
                    other, model, name, many=class_name == "ForeignKey"
                )
                if related is not None:
                    options["related_name"] = related
            settled.append((name, replace(call, name=class_name, options=options)))
        self._calls = settled

    def _add_field(self, column: Column, in_django: str, call: _Call, taken: set[str]) -> None:
        """
        Add the field of a column.

        Args:
            in_django: the name of the column in Django, which the server may not allow.
        """
        if call.name in _TO_ONE and column.field is not None and column.field.to is not None:
            name = _field_name(re.sub(r"(?i)(?<=.)_id$", "", in_django), taken)
            attribute = _new(f"{name}_id", taken)
            self._targets[name] = column.field.to[0].lower()
        else:
            name = attribute = _field_name(in_django, taken)
        if in_django != attribute:
            call = replace(call, options={**call.options, "db_column": in_django})
        self._fields[column.key] = name
        self._calls.append((name, call))
        self.uses |= call.uses()

    def _add_relationship(self, column: Column, relation: Relation, taken: set[str]) -> None:
        """Add a field if this side holds the id of at most one row, as Django's fields do."""
        model = self._models.get(relation.table)
        if model is not None and relation.kind == "manyToMany":
            self._add_many(column, model, taken)
            return
        far = relation.kind == "oneToOne" and relation.side == "child"
        if model is None or not relation.holds_one or far:
            self._comments.append(
                f"{column.key}: {column}, "
                + (
                    "which no field maps."
                    if relation.kind == "manyToMany"
                    else "whose field is in the other model."
                )
            )
            return
        name = _field_name(column.key, taken)
        _new(f"{name}_id", taken)
        options: dict[str, Any] = {"db_column": column.key} if name != column.key else {}
        # The far side's key in Appwrite is the related name in Django.
        options["related_name"] = (
            _field_name(relation.two_way_key, set(_TAKEN)) if relation.two_way else "+"
        )
        on_delete = {"cascade": "CASCADE", "setNull": "SET_NULL"}.get(relation.on_delete, "PROTECT")
        field_class = (
            "OneToOneRelationshipField" if relation.kind == "oneToOne" else "RelationshipField"
        )
        call = _Call(field_class, options, f"{model!r}, models.{on_delete}")
        self._calls.append((name, call))
        self.uses.add(field_class)

    def _add_many(self, column: Column, model: str, taken: set[str]) -> None:
        name = _field_name(column.key, taken)
        options = {"db_column": column.key} if name != column.key else {}
        self._calls.append((name, _Call(_MANY, options, repr(model))))
        self.uses.add(_MANY)

    def _add_column(self, column: Column, taken: set[str]) -> None:
        if column.related is not None:
            self._add_relationship(column, column.related, taken)
            return
        call = (
            None
            if column_key(column.key) != column.key
            else self._foreign_key(column) or call_for(column)
        )
        if call is None:
            self._comments.append(f"{column.key}: {column}, which no field maps.")
            return
        self._add_field(column, column_name(column), call, taken)

    def _add_hidden(self, table: Table, index: Index) -> None:
        """Add the unique constraint that a hidden column enforces."""
        keys, column = covered(table, index), table.column(index.columns[0])
        field = None if column is None else column.field
        if field is None or not set(keys or ("",)) <= set(self._fields):
            self._comments.append(
                f"{index.columns[0]} enforces the unique constraint {index.key}, which has to be "
                "declared here as well."
            )
            return
        names = [self._fields[key] for key in keys or ()]
        if field.column == f"{'_'.join(keys or ())}_uniq" and len(names) == 1:
            self._set_option(names[0], "unique")
            return
        nulls = ", nulls_distinct=False" if field.type == UNIQUE_NULLS else ""
        options = f"fields={names!r}, name={field.column!r}{nulls}"
        self._meta.append(("constraints", f"models.UniqueConstraint({options})"))

    def _add_index(self, table: Table, index: Index, names: _Names) -> None:
        arrays = {column.key for column in table.columns if column.array}
        if (
            index.status != "available"
            or not set(index.columns) <= set(self._fields) - arrays
            or index.type == "spatial"
        ):
            self._comments.append(f"The index {index.key} {index} is left to the server.")
            return
        if index.key == KEY_INDEX:
            self._set_key(index)
            return
        if len(index.columns) == 1 and not index.orders and self._as_option(table, index):
            return
        descending = [order == "DESC" for order in index.orders] or [False] * len(index.columns)
        fields = [
            f"{'-' * down}{self._fields[key]}"
            for key, down in zip(index.columns, descending, strict=True)
        ]
        options = f"fields={fields!r}, name={names.of_index(table, index)!r}"
        fits = _fitting_lengths(table, index) == index.lengths
        if index.type == "unique" and fits and not index.orders:
            self._meta.append(("constraints", f"models.UniqueConstraint({options})"))
        elif index.type == "key" and fits:
            self._meta.append(("indexes", f"models.Index({options})"))
        else:
            self.uses.add("AppwriteIndex")
            options += f", type={index.type!r}" if index.type != "key" else ""
            options += f", lengths={list(index.lengths)!r}" if index.lengths else ""
            self._meta.append(("indexes", f"AppwriteIndex({options})"))

    def _set_key(self, index: Index) -> None:
        """Make the fields of an index the primary key, from which row ids are derived."""
        names = [self._fields[key] for key in index.columns]
        if len(names) > 1:
            self._calls.append(("pk", _Call("CompositePrimaryKey", {}, repr(names)[1:-1])))
            return
        self._calls = [
            (name, _as_key(call) if name == names[0] else call) for name, call in self._calls
        ]

    def _as_option(self, table: Table, index: Index) -> bool:
        """Make an index an option of its field and return True, if the field has such an option."""
        option = {"unique": "unique", "key": "db_index"}.get(index.type)
        name = self._fields[index.columns[0]]
        known = name in dict(self._calls)
        if option is None or not known or index.lengths or _fitting_lengths(table, index):
            return False
        self._set_option(name, option)
        return True

    def _set_option(self, name: str, option: str) -> None:
        self._calls = [
            (one, replace(call, options={**call.options, option: True}) if one == name else call)
            for one, call in self._calls
        ]


def _as_key(call: _Call) -> _Call:
    name = "OneToOneField" if call.name == "ForeignKey" else call.name
    return replace(call, name=name, options={**call.options, "primary_key": True})


def _attributes(key: str) -> set[str]:
    """Return the names that the field of a column takes, or may take."""
    name = _field_name(key, set())
    return {name, name.removesuffix("_id")}


def _fitting_lengths(table: Table, index: Index) -> tuple[int, ...] | None:
    """Return the lengths that the index would get by default; None if it would be too long."""
    try:
        return index_lengths(table.id, index, {column.key: column for column in table.columns})
    except SchemaTooLarge:
        return None


def call_for(column: Column) -> _Call | None:
    """Return the field for a column, or None if no field maps it."""
    if column.array:
        encoding = None if column.encoding is None else replace(column.encoding, array=False)
        element = call_for(
            replace(column, array=False, required=True, default=None, encoding=encoding)
        )
        if element is None:
            return None
        return _Call(
            "ArrayField", {"stored": {"required": True}} if column.required else {}, element
        )
    encoded = _encoded_call(column)
    found = encoded or _plain_call(column)
    if found is None:
        return None
    name, options = found
    if column.default is not None and encoded:
        options["db_default"] = (
            json.loads(str(column.default)) if name == "JSONField" else _literal(column)
        )
    elif column.default is not None and column.type in _WITH_DB_DEFAULT:
        options["db_default"] = column.default
    elif not column.required:
        options |= {"null": True, "blank": True}
    if encoded:
        return _Call(name, options)
    told = _column_of(name, options, column.key)
    different = {
        attribute: getattr(column, attribute)
        for attribute in ("type", "size", "required", "default", "min", "max", "encrypt")
        if getattr(column, attribute) != getattr(told, attribute)
    }
    if column.type == "string" and same_storage(column, told) and told.size == column.size:
        different.pop("type", None)
    if hidden(column):
        # No field here reads this encoding, for example ids of another table. The value is read
        # unchanged.
        different["encoding"] = as_recorded(column.encoding or plain(column))
    return _Call(name, {**options, "stored": different} if different else options)


def introspected(column: Column) -> tuple[str | None, dict[str, Any]]:
    """Return the class of Django's for a column, or None if there is none, and its arguments."""
    key = None
    if column.key == "$id" and column.encoding is not None:
        key = _key_call(column.encoding)
    call = key or (None if column.array else call_for(column))
    if call is None:
        return None, {}
    if call.name == "EnumField":
        return "CharField", {"max_length": max(map(len, column.elements))}
    return call.name, dict(call.options)


def _literal(column: Column) -> str:
    """Return the default of an encoded column as text that its field can parse."""
    found = meaning(column.default, column)
    return str(timedelta(microseconds=int(found)) if hidden(column) == "duration" else found)


def _key_call(encoding: Encoding | None) -> _Call | None:
    """Return the field of the primary key, or None for the plain text key of ``AppwriteModel``."""
    if encoding is None or encoding.kind == "text":
        return None
    if "decimal" in encoding.kind:
        digits = MAX_SCALED_DIGITS if encoding.kind == "decimal" else MAX_LENGTH
        return _Call(
            "DecimalField",
            {"primary_key": True, "max_digits": digits, "decimal_places": encoding.places},
        )
    name = _KEYS.get(encoding.kind)
    recorded = encoding.field.type if encoding.field else ""
    if encoding.kind == "integer" and recorded in (*_AUTOMATIC, *_NUMBERS, *_OTHER_NUMBERS):
        name = str(recorded)
    return None if name is None else _Call(name, {"primary_key": True})


def _encoded_call(column: Column) -> tuple[str, dict[str, Any]] | None:
    """Return the field for a column whose encoding its type does not determine, or None."""
    encoding = column.encoding
    if encoding is None or encoding.row_id or not hidden(column):
        return None
    if encoding.kind == "decimal":
        bounds = [
            len(str(abs(int(bound)))) for bound in (column.min, column.max) if bound is not None
        ]
        digits = max(bounds) if len(bounds) == 2 else MAX_SCALED_DIGITS
        return "DecimalField", {"max_digits": digits, "decimal_places": encoding.places}
    if encoding.kind == "long decimal":
        return "DecimalField", {
            "max_digits": (column.size or 0) - 3,
            "decimal_places": encoding.places,
        }
    name = _ENCODED.get(encoding.kind)
    return None if name is None else (name, {})


def _plain_call(column: Column) -> tuple[str, dict[str, Any]] | None:
    field = column.field
    if column.type in TEXT_TYPES and field is not None and field.type == "CharField":
        return "CharField", {} if field.max_length is None else {"max_length": field.max_length}
    if column.type in {"varchar", "string"}:
        size = column.size or 0
        return ("CharField", {"max_length": size}) if size <= MAX_VARCHAR else ("TextField", {})
    if column.type == "enum":
        return "EnumField", {"choices": [(element, element) for element in column.elements]}
    if column.type == "url":
        return "URLField", {"max_length": MAX_URL}
    if column.type in {"integer", "bigint"}:
        return _number_class(column), {}
    simple = _SIMPLE.get(column.type)
    return (simple, {}) if simple else None


def _number_class(column: Column) -> str:
    recorded = column.field.type if column.field else ""
    others = [name for name in _OTHER_NUMBERS if name == recorded]
    for name in (*others, *_NUMBERS):
        told = _column_of(name, {}, column.key)
        if (told.type, told.min, told.max) == (column.type, column.min, column.max):
            return name
    bounds = (column.min, column.max)
    small = all(bound is not None and INT32[0] <= bound <= INT32[1] for bound in bounds)
    return "IntegerField" if small else "BigIntegerField"


def _column_of(name: str, options: Mapping[str, Any], key: str) -> Column:
    """Return the column for a field of a class with these options."""
    if name == "EnumField":
        elements = [value for value, _label in options["choices"]]
        return Column.enum(key, elements, required=not options.get("null", False))
    made: models.Field[Any, Any] = getattr(models, name)(**options)
    made.set_attributes_from_name(key)
    return described_column(made, key)


def _field_name(key: str, taken: set[str]) -> str:
    name = re.sub(r"_+", "_", re.sub(r"\W", "_", key.lower())).strip("_") or "field"
    if name[0].isdigit():
        name = f"number_{name}"
    if name in taken or keyword.iskeyword(name):
        name = f"{name}_field"
    return _new(name, taken)


def _new(name: str, taken: set[str]) -> str:
    """Return the name, with a number appended if it is taken, and add it to the taken names."""
    number, found = 2, name
    while found in taken:
        found, number = f"{name}{number}", number + 1
    taken.add(found)
    return found
