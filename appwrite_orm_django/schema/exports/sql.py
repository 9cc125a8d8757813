"""Export a schema as SQL statements for PostgreSQL, MySQL or SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.db.backends.utils import names_digest

from appwrite_orm_django.schema.definitions import Column, Database, Index, Table, Value
from appwrite_orm_django.schema.names import KEY_INDEX

from .relations import Relation

_MAX_NAME = 63
_TEXTS = frozenset({"longtext", "mediumtext", "text", "string"})


@dataclass(frozen=True)
class _Dialect:
    """
    The differences between databases.

    Attributes:
        quote: the character around names.
        types: the SQL type by column type. Missing types become a varchar of the column's size, or
            of the size in ``_SIZES``, or else ``text``.
        text: the type of texts without a maximum length.
        array: the type of lists, points, lines and polygons.
        moment: the type of datetimes.
        prefix: returns the expression that indexes the start of a column, from the quoted column
            and the length.
        inline_keys: whether foreign keys are part of ``CREATE TABLE``.
    """

    quote: str
    types: dict[str, str]
    text: str
    array: str
    moment: str
    prefix: Callable[[str, int], str]
    inline_keys: bool = False


_SIZES = {"email": 254, "enum": 255, "ip": 39, "url": 2000}

_DIALECTS = {
    "postgresql": _Dialect(
        '"',
        {"bigint": "bigint", "boolean": "boolean", "double": "double precision", "integer": "bigint"},
        "text",
        "jsonb",
        "timestamp(3) with time zone",
        lambda column, length: f"left({column}, {length})",
    ),
    "mysql": _Dialect(
        "`",
        {"bigint": "bigint", "boolean": "boolean", "double": "double", "integer": "bigint", "text": "text", "mediumtext": "mediumtext"},
        "longtext",
        "json",
        "datetime(3)",
        lambda column, length: f"{column}({length})",
    ),
    "sqlite": _Dialect(
        '"',
        {"bigint": "bigint", "boolean": "bool", "double": "real", "integer": "integer"},
        "text",
        "text",
        "datetime",
        lambda column, length: f"substr({column}, 1, {length})",
        inline_keys=True,
    ),
}  # fmt: skip
DIALECTS = tuple(_DIALECTS)


def ddl(database: Database, relations: Sequence[Relation] = (), dialect: str = "postgresql") -> str:
    """
    Return SQL statements that create the same tables, in an order that works.

    Row ids and the server's dates keep their names (``$id``, ``$createdAt``, ``$updatedAt``). Lists
    and geometries become JSON. Permissions are left out.

    Args:
        database: the schema.
        relations: the foreign keys.
        dialect: ``postgresql``, ``mysql`` or ``sqlite``.
    """
    writer = _Writer(_DIALECTS[dialect], dialect, database, relations)
    return "\n\n".join(writer.statements()) + "\n"


class _Writer:
    def __init__(
        self, dialect: _Dialect, name: str, database: Database, relations: Sequence[Relation]
    ) -> None:
        self._dialect, self._name = dialect, name
        self._database = database
        self._relations = [
            one for one in relations if database.table(one.table) and database.table(one.target)
        ]

    def statements(self) -> Iterator[str]:
        for table in self._database:
            yield self._table(table)
            for index in table.indexes:
                yield self._index(table, index)
        if not self._dialect.inline_keys:
            for one in self._relations:
                name = self._quoted(_shortened(f"{one.table}_{one.column.lstrip('$')}_fk"))
                yield f"ALTER TABLE {self._quoted(one.table)} ADD CONSTRAINT {name} {self._foreign_key(one)};"

    def _table(self, table: Table) -> str:
        moment = self._dialect.moment
        parts = [
            f"{self._quoted('$id')} varchar(36) NOT NULL PRIMARY KEY",
            f"{self._quoted('$createdAt')} {moment} NOT NULL",
            f"{self._quoted('$updatedAt')} {moment} NOT NULL",
            *(
                self._column(column)
                for column in table.columns
                if column.related is None or column.related.holds_one
            ),
        ]
        if self._dialect.inline_keys:
            parts += [self._foreign_key(one) for one in self._relations if one.table == table.id]
        body = ",\n".join(f"    {part}" for part in parts)
        return f"CREATE TABLE {self._quoted(table.id)} (\n{body}\n);"

    def _column(self, column: Column) -> str:
        name = self._quoted(column.key)
        if column.related is not None:
            # The server stores the id of the other row, with a unique index for a one-to-one
            # relationship.
            return f"{name} varchar(36){' UNIQUE' if column.related.kind == 'oneToOne' else ''}"
        text = f"{name} {self._type(column)}"
        if column.required:
            text += " NOT NULL"
        if column.default is not None:
            default = _literal(column.default)
            # MySQL accepts a default for a text only as an expression.
            text += f" DEFAULT ({default})" if column.type in _TEXTS else f" DEFAULT {default}"
        if column.array:
            return text
        conditions = [f"{name} >= {column.min}"] if column.min is not None else []
        conditions += [f"{name} <= {column.max}"] if column.max is not None else []
        if column.elements:
            conditions.append(f"{name} IN ({', '.join(map(_literal, column.elements))})")
        return f"{text} CHECK ({' AND '.join(conditions)})" if conditions else text

    def _type(self, column: Column) -> str:
        dialect = self._dialect
        if column.array or column.type in {"point", "linestring", "polygon"}:
            return dialect.array
        if column.type == "datetime":
            return dialect.moment
        if column.type in dialect.types:
            return dialect.types[column.type]
        size = column.size if column.type == "varchar" else _SIZES.get(column.type)
        return f"varchar({size})" if size else dialect.text

    def _index(self, table: Table, index: Index) -> str:
        name = self._quoted(_shortened(f"{table.id}_{index.key}"))
        on = self._quoted(table.id)
        if index.type == "fulltext":
            return self._full_text(name, on, index)
        if index.type == "spatial":
            return f"-- The spatial index {index.key} of {table.id} has no equivalent over JSON."
        parts = []
        for position, key in enumerate(index.columns):
            part = self._quoted(key)
            if index.lengths and index.lengths[position]:
                part = self._dialect.prefix(part, index.lengths[position])
            descending = bool(index.orders) and index.orders[position] == "DESC"
            parts.append(f"{part} DESC" if descending else part)
        # A foreign key refers to columns that are unique.
        is_key = index.key == KEY_INDEX and not index.lengths
        unique = "UNIQUE " if index.type == "unique" or is_key else ""
        return f"CREATE {unique}INDEX {name} ON {on} ({', '.join(parts)});"

    def _full_text(self, name: str, on: str, index: Index) -> str:
        columns = [self._quoted(key) for key in index.columns]
        if self._name == "mysql":
            return f"CREATE FULLTEXT INDEX {name} ON {on} ({', '.join(columns)});"
        if self._name == "postgresql":
            joined = " || ' ' || ".join(f"coalesce({column}, '')" for column in columns)
            return f"CREATE INDEX {name} ON {on} USING gin (to_tsvector('simple', {joined}));"
        return f"-- The full-text index {index.key} would be an FTS5 table in SQLite."

    def _foreign_key(self, one: Relation) -> str:
        target = f"{self._quoted(one.target)} ({self._quoted(one.target_column)})"
        return f"FOREIGN KEY ({self._quoted(one.column)}) REFERENCES {target}"

    def _quoted(self, name: str) -> str:
        return f"{self._dialect.quote}{name}{self._dialect.quote}"


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def _shortened(name: str) -> str:
    return (
        name
        if len(name) <= _MAX_NAME
        else f"{name[: _MAX_NAME - 9]}_{names_digest(name, length=8)}"
    )
