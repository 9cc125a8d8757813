"""Describe the tables of a query, and their columns, for SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import Any

from django.apps import apps
from django.db import NotSupportedError
from django.db.models import Field, Model
from django.db.models.expressions import Col
from django.db.models.sql import Query

from appwrite_orm_django.backend.values import ROW_ID
from appwrite_orm_django.schema.names import unquoted

#: The value in SQLite of a column that an ``INSERT`` leaves out. No column of ours holds it.
LEFT_OUT = b"\0appwrite: left out"

# The declaration of the column by which SQLite numbers rows.
NUMBERED = " PRIMARY KEY"


def quoted(name: str) -> str:
    """Return the quoted name of a table or a column, which may have any characters."""
    return '"' + unquoted(name).replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class LocalColumn:
    """
    A column in SQLite.

    Attributes:
        key: the key of the column on the server.
        declaration: the type of the column.
        collation: the collation for comparisons; None to compare bytes.
        stored: converts a wire value that is not null to the value in SQLite; None if they are the
            same.
        is_key: whether tables are joined by the column.
        is_rowid: whether SQLite numbers the rows by the column.
        is_row_id: whether the column holds row ids that are text.
    """

    name: str
    key: str
    declaration: str
    collation: str | None
    stored: Callable[[Any], Any] | None
    is_key: bool = False
    is_rowid: bool = False
    is_row_id: bool = False

    def values(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return the values in SQLite of this column of wire rows."""
        values = list(map(itemgetter(self.key), rows))
        if (stored := self.stored) is None:
            return values
        return [None if value is None else stored(value) for value in values]


@dataclass(frozen=True, eq=False)
class LocalTable:
    """A table in SQLite, equal only to itself. ``definition`` describes its conversions."""

    name: str
    columns: tuple[LocalColumn, ...]
    definition: str = ""

    @cached_property
    def row_id_column(self) -> LocalColumn:
        """
        The column with the row's ``$id``; the one called ``$id`` if there are two.

        If row ids are derived from other columns, it is not among those of the table.
        """
        own = (column for column in reversed(self.columns) if column.key == ROW_ID)
        return next(own, LocalColumn(ROW_ID, ROW_ID, "varchar(36)", None, None))

    @property
    def has_row_id(self) -> bool:
        """Whether one of its columns has the row's ``$id``."""
        return self.row_id_column in self.columns

    @cached_property
    def with_row_id(self) -> LocalTable:
        """The same table with a further column for the row's id, called ``$id``."""
        row_id = self.row_id_column
        if self.has_row_id and row_id.name == ROW_ID:
            return self
        declaration = row_id.declaration.removesuffix(NUMBERED)
        more = replace(row_id, name=ROW_ID, declaration=declaration, is_key=False, is_rowid=False)
        return LocalTable(self.name, (*self.columns, more))

    @cached_property
    def noting_what_is_left_out(self) -> LocalTable:
        """The same table, where a column that an ``INSERT`` leaves out becomes ``LEFT_OUT``."""
        default = f" DEFAULT x'{LEFT_OUT.hex()}'"
        columns = tuple(
            replace(
                column,
                declaration=column.declaration.removesuffix(NUMBERED) + default,
                is_rowid=False,
            )
            for column in self.columns
        )
        return LocalTable(self.name, columns)

    def create_sql(self, *, collated: bool = False) -> str:
        """
        Return the statement that creates the table.

        Args:
            collated: whether row ids also have the server's collation, which costs a call of Python
                for each comparison.
        """
        columns = ", ".join(_declared(column, collated=collated) for column in self.columns)
        return f"CREATE TABLE {quoted(self.name)} ({columns})"

    def drop_sql(self) -> str:
        return f"DROP TABLE {quoted(self.name)}"

    def collate_sql(self) -> tuple[str, ...]:
        """Return the statements that give row ids the server's collation, and keep the rows."""
        name, before = quoted(self.name), quoted("appwrite before")
        return (
            f"ALTER TABLE {name} RENAME TO {before}",
            self.create_sql(collated=True),
            f"INSERT INTO {name} SELECT * FROM {before}",
            f"DROP TABLE {before}",
        )

    def index_sql(self, column: LocalColumn) -> str:
        """Return the statement that creates an index of one column."""
        name = quoted(f"{self.name} by {column.name}")
        return f"CREATE INDEX {name} ON {quoted(self.name)} ({quoted(column.name)})"

    def insert_sql(self, columns: Sequence[LocalColumn], rows: int) -> str:
        """Return the statement that inserts this many rows; all other columns are NULL."""
        names = ", ".join(quoted(column.name) for column in columns)
        row = f"({', '.join('?' * len(columns))})"
        return f"INSERT INTO {quoted(self.name)} ({names}) VALUES {', '.join([row] * rows)}"


def _declared(column: LocalColumn, *, collated: bool) -> str:
    declaration = f"{quoted(column.name)} {column.declaration}"
    if column.collation is None or (column.is_row_id and not collated):
        return declaration
    return f"{declaration} COLLATE {column.collation}"


def refuse_names_that_sqlite_confuses(
    model: type[Model], fields: Sequence[Field[Any, Any]]
) -> None:
    """
    Reject a table if SQLite cannot distinguish its columns, as the check ``appwrite.E006`` does.

    Raises:
        NotSupportedError: the names of two columns differ only by case.
    """
    seen: dict[str, Field[Any, Any]] = {}
    for field in fields:
        other = seen.setdefault(unquoted(field.column).lower(), field)  # type: ignore[arg-type]  # the stubs allow None, which no concrete field has
        if other is not field:
            raise NotSupportedError(
                f"{model._meta.db_table}: the columns {other.column} and {field.column} differ "
                "only by case, which SQLite, in which this query is evaluated, ignores.\n"
                f"Set db_column on one of {other} and {field}; a primary key may have any "
                "db_column."
            )


def active_aliases(query: Query) -> list[str]:
    """Return the aliases in the query's FROM clause, the base table first."""
    return [alias for alias in query.alias_map if query.alias_refcount.get(alias)]


def model_of(query: Query, alias: str) -> type[Model]:
    """
    Return the model of an alias.

    Raises:
        NotSupportedError: no model describes the table.
    """
    join = query.alias_map[alias]
    candidates: list[type[Model]] = []
    if join.join_type is None:
        candidates.append(query.model)  # type: ignore[arg-type]  # the stubs allow None, which no concrete field has
    else:
        field = join.join_field
        candidates.extend(
            m for m in (getattr(field, "related_model", None), getattr(field, "model", None)) if m
        )
    for candidate in candidates:
        for model in (candidate, *candidate._meta.all_parents):
            if model._meta.db_table == join.table_name:
                return model._meta.concrete_model or model
    # Django cuts the first tables off the subquery of an exclude(), which keeps its model.
    for column in _columns_in(query.where):
        described: type[Model] = column.target.model
        if column.alias == alias and described._meta.db_table == join.table_name:
            return described._meta.concrete_model or described
    return model_of_table(join.table_name)


def _columns_in(expression: Any) -> Iterator[Col]:
    if isinstance(expression, Col):
        yield expression
    elif hasattr(expression, "get_source_expressions"):
        for source in expression.get_source_expressions():
            yield from _columns_in(source)


def models_by_table() -> dict[str, type[Model]]:
    """Return a model for each table."""
    found: dict[str, type[Model]] = {}
    for model in apps.get_models(include_auto_created=True):
        found.setdefault(model._meta.db_table, model._meta.concrete_model or model)
    return found


def model_of_table(db_table: str) -> type[Model]:
    """
    Return a model of this table.

    Raises:
        NotSupportedError: no model describes the table.
    """
    if (model := models_by_table().get(db_table)) is not None:
        return model
    raise NotSupportedError(
        f"{db_table}: no model describes this table, so its rows cannot be fetched for local "
        "evaluation."
    )


def field_of_column(model: type[Model], column: str) -> Field[Any, Any]:
    """Return the field of a column of a model's own table, by the name of the column."""
    return next(
        (field for field in model._meta.local_concrete_fields if field.column == column),
        model._meta.pk,
    )
