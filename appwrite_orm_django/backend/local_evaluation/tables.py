"""Which tables and columns a query touches, and how rows of Appwrite become rows of the private SQLite database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import NotSupportedError
from django.db.models import Field, Model
from django.db.models.sql import Query

from appwrite_orm_django.backend.columns import column_key
from appwrite_orm_django.backend.local_evaluation import decimals
from appwrite_orm_django.backend.local_evaluation.sqlite import TEXT_COLLATION, LocalDatabase
from appwrite_orm_django.backend.values import ScaledDecimalCodec, codec_for


@dataclass(frozen=True, slots=True)
class LocalColumn:
    name: str
    key: str
    declaration: str
    stored: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class LocalTable:
    """A table as SQLite is to see it."""

    name: str
    columns: tuple[LocalColumn, ...]

    def create_sql(self) -> str:
        columns = ", ".join(f"{_quoted(column.name)} {column.declaration}" for column in self.columns)
        return f"CREATE TABLE {_quoted(self.name)} ({columns})"

    def insert_sql(self) -> str:
        # The same row may be fetched for two aliases of the table.
        return f"INSERT OR REPLACE INTO {_quoted(self.name)} VALUES ({', '.join('?' * len(self.columns))})"

    def stored_rows(self, rows: Iterable[Mapping[str, Any]], keys: frozenset[str]) -> Iterator[tuple[Any, ...]]:
        """Write wire rows as SQLite would hold them; columns that were not asked for are NULL, nobody looks at them."""
        readers = [(column.key if column.key in keys else None, column.stored) for column in self.columns]
        for row in rows:
            yield tuple(
                None if key is None or (value := row[key]) is None else stored(value) for key, stored in readers
            )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def local_table(model: type[Model], database: LocalDatabase) -> LocalTable:
    """Describe a model's own table (not its parents')."""
    return LocalTable(
        model._meta.db_table,
        tuple(_column(field, database) for field in model._meta.local_concrete_fields if field.column),
    )


def _column(field: Field[Any, Any], database: LocalDatabase) -> LocalColumn:
    codec = codec_for(field)
    declaration = str(field.db_type(connection=database) or "")
    if field.primary_key:
        declaration = f"{field.rel_db_type(connection=database) or declaration} PRIMARY KEY"
    if isinstance(codec, ScaledDecimalCodec) and codec.max_digits > decimals.EXACT_DIGITS:
        # Kept as text: as a number SQLite would round it.
        declaration = f"text COLLATE {decimals.COLLATION}"
    elif codec.is_text:
        declaration += f" COLLATE {TEXT_COLLATION}"
    return LocalColumn(field.column, column_key(field), declaration, codec.stored)


def active_aliases(query: Query) -> list[str]:
    """Return the aliases that the query's FROM clause names, the base table first."""
    return [alias for alias in query.alias_map if query.alias_refcount.get(alias)]


def model_of(query: Query, alias: str) -> type[Model]:
    """
    Return the model whose rows an alias stands for.

    Raises:
        NotSupportedError: a table that no model describes.
    """
    join = query.alias_map[alias]
    candidates: list[type[Model]] = []
    if join.join_type is None:
        candidates.append(query.model)
    else:
        field = join.join_field
        candidates.extend(m for m in (getattr(field, "related_model", None), getattr(field, "model", None)) if m)
    for candidate in candidates:
        for model in (candidate, *candidate._meta.all_parents):
            if model._meta.db_table == join.table_name:
                return model._meta.concrete_model or model
    return model_of_table(join.table_name)


def models_by_table() -> dict[str, type[Model]]:
    """Return for each table a model whose rows are in it."""
    found: dict[str, type[Model]] = {}
    for model in apps.get_models(include_auto_created=True):
        found.setdefault(model._meta.db_table, model._meta.concrete_model or model)
    return found


def model_of_table(db_table: str) -> type[Model]:
    """
    Return a model whose rows are in this table.

    Raises:
        NotSupportedError: there is none.
    """
    if (model := models_by_table().get(db_table)) is not None:
        return model
    raise NotSupportedError(
        f"{db_table}: no model describes this table, so its rows can not be fetched for local evaluation."
    )


def field_of_column(model: type[Model], column: str) -> Field[Any, Any]:
    """Return the field behind a column of a model's own table; joins name it by the database's column name."""
    return next((field for field in model._meta.local_concrete_fields if field.column == column), model._meta.pk)
