"""
Follow relationships: know which side of each type stores ids, and find related rows.

A side that stores ids is a column like any other. The sides of a many-to-many relationship store
none; a separate table holds their pairs. The far side of a one-way relationship exists too, but no
list of columns shows it (``Column.is_hidden``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from appwrite_local.permissions import Identity, allows
from appwrite_local.queries import sql
from appwrite_local.routing import Call
from appwrite_local.row_store import RowStore
from appwrite_local.schema import Column, Table
from appwrite_local.storage import Session
from appwrite_local.values import Row

MAX_DEPTH = 3
"""How many levels of rows one request writes or reads, including the first (``rel-nested``)."""

_CHUNK = 500


def holds_key(kind: str, side: str, *, two_way: bool) -> bool:
    if kind == "oneToOne":
        return side == "parent" or two_way
    return (kind, side) in (("oneToMany", "child"), ("manyToOne", "parent"))


@dataclass(frozen=True, slots=True)
class Link:
    """
    One side of a relationship, seen from its own table.

    Attributes:
        table_id: the related table.
        back: the key of the other side, hidden or not.
        pairs: the table of a many-to-many relationship's pairs.
    """

    column: Column
    kind: str
    side: str
    two_way: bool
    table_id: str
    back: str
    on_delete: str

    @property
    def key(self) -> str:
        return self.column.key

    @property
    def holds_key(self) -> bool:
        return not self.column.is_virtual

    @property
    def is_list(self) -> bool:
        return self.kind == "manyToMany" or (self.kind, self.side) in (
            ("oneToMany", "parent"),
            ("manyToOne", "child"),
        )

    @property
    def mirrors(self) -> bool:
        """Whether both sides store the other's id."""
        return self.kind == "oneToOne" and self.two_way

    @property
    def pairs(self) -> str:
        return f"pairs_{int(self.column.options['relation'])}"

    @property
    def ends(self) -> tuple[str, str]:
        """The columns of ``pairs`` for this side and for the other one."""
        return ("parent", "child") if self.side == "parent" else ("child", "parent")


def link_of(column: Column) -> Link:
    options = column.options
    return Link(
        column, options["relationType"], options["side"], options["twoWay"], options["relatedTable"], options["twoWayKey"], options["onDelete"]
    )  # fmt: skip


def links(table: Table) -> dict[str, Link]:
    """Return a table's visible relationships, by key."""
    return {
        key: link_of(column)
        for key, column in table.columns.items()
        if column.type == "relationship"
    }


def all_links(table: Table) -> Iterator[Link]:
    yield from links(table).values()
    for column in table.hidden.values():
        yield link_of(column)


def are_in(table: Table) -> bool:
    return bool(table.hidden) or any(
        column.type == "relationship" for column in table.columns.values()
    )


def create_pairs(session: Session, link: Link) -> None:
    session.execute(
        f"CREATE TABLE {link.pairs} (_id INTEGER PRIMARY KEY, parent TEXT NOT NULL, child TEXT NOT "
        "NULL)"
    )
    for end in ("parent", "child"):
        session.execute(f"CREATE INDEX {link.pairs}_{end} ON {link.pairs} ({end})")


def drop_pairs(session: Session, link: Link) -> None:
    session.execute(f"DROP TABLE IF EXISTS {link.pairs}")


@dataclass(frozen=True, slots=True)
class Relations:
    """Follow relationships for one request."""

    call: Call

    @property
    def session(self) -> Session:
        return self.call.session

    def related_table(self, table: Table, link: Link) -> Table | None:
        return self.call.server.schema.table(self.session, table.database.id, link.table_id)

    def store(self, table: Table) -> RowStore:
        return RowStore(self.session, table, self.call.server.engine)

    def related(
        self, table: Table, link: Link, rows: Sequence[Row], select: Sequence[str] | None = None
    ) -> dict[str, list[Row]]:
        """
        Find the rows related to some rows, as far as the caller may read them.

        Args:
            select: keys to read of the related rows, ``None`` for all.

        Returns:
            The related rows by the ids of ``rows``; rows without any are omitted.
        """
        other = self.related_table(table, link)
        if other is None or not rows:
            return {}
        if link.holds_key:
            wanted = {row["$id"]: [row[link.key]] for row in rows if row.get(link.key) is not None}
        elif link.kind == "manyToMany":
            wanted = self._paired(link, [row["$id"] for row in rows])
        else:
            return self._by_back_key(other, link, [row["$id"] for row in rows], select)
        ids = {related_id for related_ids in wanted.values() for related_id in related_ids}
        found = {row["$id"]: row for row in self._find(other, "_uid", sorted(ids), select)}
        return {
            row_id: related
            for row_id, related_ids in wanted.items()
            if (related := [found[related_id] for related_id in related_ids if related_id in found])
        }

    def _paired(self, link: Link, ids: Sequence[str]) -> dict[str, list[str]]:
        own, far = link.ends
        wanted: dict[str, list[str]] = {}
        for chunk in _chunks(ids):
            statement = f"SELECT {own}, {far} FROM {link.pairs} WHERE {own} IN ({_marks(chunk)}) ORDER BY _id"
            for row_id, related_id in self.session.all(statement, list(chunk)):
                wanted.setdefault(row_id, []).append(related_id)
        return wanted

    def _by_back_key(
        self, other: Table, link: Link, ids: Sequence[str], select: Sequence[str] | None
    ) -> dict[str, list[Row]]:
        column = other.stored.get(link.back)
        if column is None:
            return {}
        keys = None if select is None else [*select, link.back]
        grouped: dict[str, list[Row]] = {}
        for row in self._find(other, column.sql, ids, keys):
            grouped.setdefault(row[link.back], []).append(row)
        return grouped

    def _find(
        self, table: Table, expression: str, values: Sequence[str], select: Sequence[str] | None
    ) -> list[Row]:
        rows: list[Row] = []
        readable = readable_rows(table, self.call.identity)
        for chunk in _chunks(values):
            where = sql.all_of(
                [sql.Condition(f"{expression} IN ({_marks(chunk)})", list(chunk)), readable]
            )
            rows += self.store(table).find(where.sql, where.params, select=select)
        return rows


def readable_rows(table: Table, identity: Identity) -> sql.Condition:
    """Return the condition that hides rows which neither table nor row permissions let be read."""
    if allows(table.permissions, "read", identity):
        return sql.Condition("1")
    if not table.row_security:
        return sql.Condition("0")
    return sql.Condition(
        f"EXISTS (SELECT 1 FROM json_each(_permissions) WHERE value IN ({_marks(identity.roles)}))",
        [f'read("{role}")' for role in identity.roles],
    )


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
