"""
Write rows of tables with relationships: links by id, nested rows, and ``onDelete``.

Source: recordings ``rel-*``, ``base-relationships``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from appwrite_local import datetimes, related_reads, relations
from appwrite_local.errors import ApiError, unauthorized
from appwrite_local.permissions import read_permissions
from appwrite_local.relations import MAX_DEPTH, Link, Relations
from appwrite_local.routing import Call
from appwrite_local.row_store import Duplicate
from appwrite_local.schema import Table
from appwrite_local.values import Row
from appwrite_local.wire import php_type
from appwrite_local.writes import Writer, fresh_id

_LIST = "an array of documents or document IDs"
_ONE = "a document ID or a document"


def invalid_value(message: str) -> ApiError:
    return ApiError("relationship_value_invalid", message=message)


def plain_view(table: Table) -> Table:
    """Return a table without relationships that store nothing in it, for a plain ``Writer``."""
    view: Table | None = table.plans.get("plain_view")
    if view is None:
        columns = [column for column in table.all_columns if not column.is_virtual]
        view = table.plans["plain_view"] = replace(table, all_columns=columns, plans={})
    return view


@dataclass(slots=True)
class RelatedWriter:
    """
    Write one table's rows and the rows related to them; otherwise like ``Writer``.

    Args:
        depth: the level of the rows written here. Nested rows are one level deeper, and
            relationships of the last level are omitted.
    """

    call: Call
    table: Table
    depth: int = 1

    @property
    def _relations(self) -> Relations:
        return Relations(self.call)

    @property
    def _plain(self) -> Writer:
        return Writer(
            self.call.session,
            plain_view(self.table),
            self.call.server.engine,
            trusted=self.call.identity.is_key,
        )

    def _links(self, data: Mapping[str, Any]) -> dict[str, Link]:
        return {key: link for key, link in relations.links(self.table).items() if key in data}

    def create(self, row_id: str, data: Mapping[str, Any], permissions: Sequence[str]) -> Row:
        """
        Add a row, after the nested rows in it.

        Raises:
            ApiError: 400 ``row_invalid_structure``, ``relationship_value_invalid``; 401 for a
                nested row that exists and would change.
            Duplicate: the id or a unique index is taken. Rows that were related before stay related
                (recording ``rel-oneToOne-twoway``).
        """
        given = self._links(data)
        _check_shapes(given, data)
        plain = self._without_links(data, given)
        self._plain.check_new(plain)
        if self.depth >= MAX_DEPTH:
            given = {}
        try:
            keys = self._link_new(row_id, given, data, permissions)
            row = self._plain.create(row_id, {**plain, **keys}, permissions)
        except Duplicate as error:
            error.keeps_writes = True
            raise
        self._drop_absent(row, given)
        return self._populated(row)

    def upsert(
        self, row_id: str, data: Mapping[str, Any], permissions: Sequence[str] | None
    ) -> Row | None:
        """Add or change a row. Links are added as for a new row; earlier links stay."""
        given = self._links(data)
        _check_shapes(given, data)
        old = self._relations.store(self.table).get(row_id)
        keys = self._link_new(row_id, given, data, permissions or ())
        row = self._plain.upsert(row_id, {**self._without_links(data, given), **keys}, permissions)
        if row is None:
            # There is nothing to write in the row itself, but maybe in its relationships.
            row = old if given else None
        if row is None:
            return None
        if old is None:
            self._drop_absent(row, given)
        return self._populated(row)

    def update(
        self, row_id: str, old: Row, data: Mapping[str, Any], permissions: Sequence[str] | None
    ) -> Row:
        """
        Change a row.

        A list of related rows replaces the previous one; rows that do not exist are ignored.

        Raises:
            ApiError: 400 ``row_invalid_structure``, ``relationship_value_invalid``.
            Duplicate: a unique index is taken, including that of a one-to-one relationship.
        """
        given = self._links(data) if self.depth < MAX_DEPTH else {}
        _check_shapes(given, data)
        keys: Row = {}
        changed = False
        for key, link in given.items():
            value = data[key]
            if link.is_list:
                if value is None:
                    raise invalid_value(
                        f"Invalid relationship value. Must be either {_LIST}, NULL given."
                    )
                changed |= self._replace_list(old, link, value)
            else:
                keys[key] = self._relink(old, link, value)
        row = self._plain.update(
            row_id, old, {**self._without_links(data, self._links(data)), **keys}, permissions
        )
        if changed and row["$updatedAt"] == old["$updatedAt"]:
            row["$updatedAt"] = datetimes.now_text()
            self._relations.store(self.table).update(
                row["$sequence"], {"$updatedAt": row["$updatedAt"]}
            )
        return self._populated(row)

    def update_many(
        self, rows: Sequence[Row], data: Mapping[str, Any], permissions: Sequence[str] | None
    ) -> list[Row]:
        return self._plain.update_many(rows, data, permissions)

    def delete(self, rows: Sequence[Row]) -> None:
        """
        Delete rows, and apply ``onDelete`` to related rows.

        Raises:
            ApiError: 403 ``row_delete_restricted``.
        """
        _Deletion(self.call).delete(self.table, rows)

    def _without_links(self, data: Mapping[str, Any], given: Mapping[str, Link]) -> Row:
        return {key: value for key, value in data.items() if key not in given}

    def _drop_absent(self, row: Row, given: Mapping[str, Link]) -> None:
        """Drop single relationships that were not sent from the answer; lists are shown empty."""
        for key, link in relations.links(self.table).items():
            if link.holds_key and key not in given:
                row.pop(key, None)

    def _populated(self, row: Row) -> Row:
        for key in self.table.hidden:
            row.pop(key, None)
        related_reads.populate(self.call, self.table, row, self.depth)
        return row

    def _link_new(
        self,
        row_id: str,
        given: Mapping[str, Link],
        data: Mapping[str, Any],
        permissions: Sequence[str],
    ) -> Row:
        """Relate rows to a new row, and return the ids that it stores."""
        keys: Row = {}
        for key, link in given.items():
            value = data[key]
            if link.is_list:
                for item in value or ():
                    related_id = self._nested_new(link, item, permissions)
                    if isinstance(item, dict) or self._exists(link, related_id):
                        self._attach(row_id, link, related_id)
            else:
                keys[key] = None if value is None else self._nested_new(link, value, permissions)
                if link.mirrors and keys[key] is not None and self._exists(link, keys[key]):
                    self._set_key(link, keys[key], link.back, row_id)
        return keys

    def _nested_new(self, link: Link, value: Any, permissions: Sequence[str]) -> str:
        if isinstance(value, str):
            return value
        table = self._other(link)
        row_id = fresh_id(value.get("$id"))
        row = self._relations.store(table).get(row_id)
        if row is None:
            return self._create_nested(table, row_id, value, permissions)
        if any(
            key not in row or row[key] != sent
            for key, sent in value.items()
            if not key.startswith("$")
        ):
            # For every caller: the server checks a permission here that no key has.
            raise unauthorized("Authorization Error")
        return row_id

    def _create_nested(
        self, table: Table, row_id: str, value: Mapping[str, Any], permissions: Sequence[str]
    ) -> str:
        own = read_permissions(value.get("$permissions"))
        RelatedWriter(self.call, table, self.depth + 1).create(
            row_id, value, permissions if own is None else own
        )
        return row_id

    def _relink(self, old: Row, link: Link, value: Any) -> str | None:
        """Change a single relationship, and return the id to store."""
        if value is None:
            if link.mirrors and old.get(link.key) is not None:
                self._set_key(link, old[link.key], link.back, None)
            return None
        related_id = self._nested_changed(old, link, value)
        if related_id is not None and link.mirrors:
            try:
                self._set_key(link, related_id, link.back, old["$id"])
            except Duplicate:
                # Another row still points here. A nested row is changed nevertheless (recording
                # ``rel-oneToOne-twoway``).
                if not isinstance(value, dict):
                    raise
        return related_id

    def _nested_changed(self, old: Row, link: Link, value: Any) -> str | None:
        """Write a nested row, or find the row of an id; return ``None`` if it does not exist."""
        if isinstance(value, str):
            return value if self._exists(link, value) else None
        table = self._other(link)
        row_id = fresh_id(value.get("$id"))
        row = self._relations.store(table).get(row_id)
        if row is None:
            return self._create_nested(table, row_id, value, old["$permissions"])
        own = read_permissions(value.get("$permissions"))
        RelatedWriter(self.call, table, self.depth + 1).update(row_id, row, value, own)
        return row_id

    def _replace_list(self, old: Row, link: Link, items: Sequence[Any]) -> bool:
        wanted = [
            related_id
            for item in items
            if (related_id := self._nested_changed(old, link, item)) is not None
        ]
        before = [
            row["$id"]
            for row in self._relations.related(self.table, link, [old], []).get(old["$id"], [])
        ]
        for related_id in before:
            if related_id not in wanted:
                self._detach(old["$id"], link, related_id)
        for related_id in dict.fromkeys(wanted):
            if related_id not in before:
                self._attach(old["$id"], link, related_id)
        return set(before) != set(wanted)

    def _attach(self, row_id: str, link: Link, related_id: str) -> None:
        if link.kind == "manyToMany":
            own, far = link.ends
            self.call.session.execute(
                f"INSERT INTO {link.pairs} ({own}, {far}) VALUES (?, ?)", (row_id, related_id)
            )
        else:
            self._set_key(link, related_id, link.back, row_id)

    def _detach(self, row_id: str, link: Link, related_id: str) -> None:
        if link.kind == "manyToMany":
            own, far = link.ends
            self.call.session.execute(
                f"DELETE FROM {link.pairs} WHERE {own} = ? AND {far} = ?", (row_id, related_id)
            )
        else:
            self._set_key(link, related_id, link.back, None)

    def _other(self, link: Link) -> Table:
        table = self._relations.related_table(self.table, link)
        if table is None:
            raise ApiError("general_unknown")
        return table

    def _exists(self, link: Link, row_id: str) -> bool:
        return self._relations.store(self._other(link)).get(row_id, []) is not None

    def _set_key(self, link: Link, related_id: str, key: str, value: str | None) -> None:
        store = self._relations.store(self._other(link))
        row = store.get(related_id, [])
        if row is not None:
            store.update(row["$sequence"], {key: value, "$updatedAt": datetimes.now_text()})


def _check_shapes(given: Mapping[str, Link], data: Mapping[str, Any]) -> None:
    for key in given:
        items = data[key] if isinstance(data[key], list) else [data[key]]
        if not all(isinstance(item, str | dict | None) for item in items):
            raise invalid_value(
                "Relationship value must be an object, document ID string, or associative array"
            )
    for key, link in given.items():
        value = data[key]
        if link.is_list and isinstance(value, str | dict):
            kind = "document ID" if isinstance(value, str) else "document"
            raise invalid_value(
                f"Invalid relationship value. Must be either {_LIST}, {kind} given."
            )
        if not link.is_list and isinstance(value, list):
            raise invalid_value(
                f"Invalid relationship value. Must be either {_ONE}, {php_type(value)} given."
            )
        if isinstance(value, list) and None in value:
            raise invalid_value(f"Invalid relationship value. Must be either {_LIST}, NULL given.")


@dataclass(slots=True)
class _Deletion:
    """Delete rows and follow ``onDelete``; a row that is already being deleted is not revisited."""

    call: Call
    _leaving: set[tuple[int, str]] | None = None

    def delete(self, table: Table, rows: Sequence[Row]) -> None:
        leaving = self._leaving = self._leaving or set()
        for row in rows:
            if (table.seq, row["$id"]) in leaving:
                continue
            leaving.add((table.seq, row["$id"]))
            for link in relations.all_links(table):
                _ON_DELETE[link.on_delete](self, table, row, link)
                if link.kind == "manyToMany":
                    self.call.session.execute(
                        f"DELETE FROM {link.pairs} WHERE {link.ends[0]} = ?", (row["$id"],)
                    )
            Relations(self.call).store(table).delete([row["$sequence"]])

    def _related(self, table: Table, row: Row, link: Link) -> list[Row]:
        return Relations(self.call).related(table, link, [row], []).get(row["$id"], [])

    def _pointing(self, table: Table, row: Row, link: Link) -> list[Row]:
        """Find rows of the other side whose key names a row, for links that store no ids."""
        other = Relations(self.call).related_table(table, link)
        column = None if other is None else other.stored.get(link.back)
        if other is None or column is None:
            return []
        return Relations(self.call).store(other).find(f"{column.sql} = ?", (row["$id"],))

    def _unlink(self, table: Table, rows: Sequence[Row], link: Link) -> None:
        other = Relations(self.call).related_table(table, link)
        if other is not None:
            for row in rows:
                Relations(self.call).store(other).update(
                    row["$sequence"], {link.back: None, "$updatedAt": datetimes.now_text()}
                )

    def restrict(self, table: Table, row: Row, link: Link) -> None:
        if link.side == "parent" and link.kind != "manyToOne" and self._related(table, row, link):
            raise ApiError("row_delete_restricted")
        pointing = self._pointing(table, row, link) if link.side == "child" else []
        if link.kind == "manyToOne" and pointing:
            raise ApiError("row_delete_restricted")
        if link.kind == "oneToOne" and not link.two_way:
            self._unlink(table, pointing, link)

    def set_null(self, table: Table, row: Row, link: Link) -> None:
        if link.kind == "oneToOne":
            if link.two_way or link.side == "child":
                self._unlink(table, self._pointing(table, row, link), link)
        elif link.is_list and link.kind != "manyToMany":
            self._unlink(table, self._pointing(table, row, link), link)

    def cascade(self, table: Table, row: Row, link: Link) -> None:
        other = Relations(self.call).related_table(table, link)
        if other is None:
            return
        if link.kind == "manyToMany":
            rows = self._related(table, row, link) if link.side == "parent" else []
        elif link.is_list:
            rows = self._pointing(table, row, link)
        else:
            rows = (
                self._related(table, row, link)
                if link.kind == "oneToOne" and link.holds_key
                else []
            )
        self.delete(
            other, [Relations(self.call).store(other).get(one["$id"]) or one for one in rows]
        )


_ON_DELETE = {
    "restrict": _Deletion.restrict,
    "setNull": _Deletion.set_null,
    "cascade": _Deletion.cascade,
}
