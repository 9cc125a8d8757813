"""
Write rows; no other module does.

Single routes, bulk routes and commits of transactions all end here, inside a session that the
caller opened, so that several changes can succeed or fail together. The routes have checked the
shape of arguments; the checks that depend on the table and on the rows are here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appwrite_local import datetimes, identifiers, operators
from appwrite_local.collation import fold
from appwrite_local.engines import Engine
from appwrite_local.errors import ApiError, invalid_structure
from appwrite_local.row_store import Duplicate, RowStore
from appwrite_local.schema import Table
from appwrite_local.storage import Session
from appwrite_local.values import (
    Row,
    check_part,
    check_required,
    check_unknown,
    check_values,
    check_whole,
    normalize,
    shown,
    with_defaults,
)

# Keys of rows that a client may send and the server never stores.
_IGNORED = ("$id", "$sequence", "$databaseId", "$tableId", "$collectionId", "$permissions")
#: The times that a key may set.
DATES = ("$createdAt", "$updatedAt")


@dataclass(slots=True)
class Writer:
    """
    Write one table's rows.

    Args:
        now: the time of every change made here; all rows of one call have the same time.
        trusted: whether the caller may set ``$createdAt`` and ``$updatedAt``, as keys may.
    """

    session: Session
    table: Table
    engine: Engine
    trusted: bool = True
    now: str = field(default_factory=datetimes.now_text)

    @property
    def store(self) -> RowStore:
        return RowStore(self.session, self.table, self.engine)

    def check_new(self, data: Mapping[str, Any]) -> None:
        """
        Reject a row whose values ``create`` would reject.

        Raises:
            ApiError: 400 ``row_invalid_structure``.
        """
        values, _ = self._split(data)
        check_whole(self.table, with_defaults(self.table, values))

    def create(self, row_id: str, data: Mapping[str, Any], permissions: Sequence[str]) -> Row:
        """
        Add a row.

        Raises:
            ApiError: 400 ``row_invalid_structure``.
            Duplicate: the id or a unique index is taken.
        """
        values, dates = self._split(data)
        values = with_defaults(self.table, values)
        check_whole(self.table, values)
        row = self._new_row(row_id, values, dates, permissions)
        row["$sequence"] = self.store.insert(row)
        return self._as_sent(row)

    def update(
        self, row_id: str, old: Row, data: Mapping[str, Any], permissions: Sequence[str] | None
    ) -> Row:
        """
        Change a row.

        Any update fills null columns that have a default, and changes the spelling of the id to the
        one in the request (recordings ``rows-defaults``, ``rows-update``).

        Raises:
            ApiError: 400 ``row_invalid_structure``.
            Duplicate: a unique index is taken.
        """
        values, dates = self._split(data)
        given, applied = operators.split(values)
        check_unknown(self.table, values)
        current = {key: old[key] for key in self.table.columns}
        merged = with_defaults(self.table, {**current, **given})
        self._check(merged, applied, current)
        new = self._normalized(merged)
        new.update(operators.apply(self.table, applied, current))
        changed = {key: value for key, value in new.items() if not _same(value, current[key])}
        row = {**old, **new, "$id": row_id}
        if permissions is not None and list(permissions) != old["$permissions"]:
            changed["$permissions"] = row["$permissions"] = list(permissions)
        changed.update(dates)
        row.update(dates)
        if changed:
            row["$updatedAt"] = changed["$updatedAt"] = dates.get("$updatedAt", self.now)
            if row_id != old["$id"]:
                changed["$id"] = row_id
            self.store.update(old["$sequence"], changed)
        return self._as_sent(row)

    def upsert(
        self, row_id: str, data: Mapping[str, Any], permissions: Sequence[str] | None
    ) -> Row | None:
        """
        Add or change a row, as the server's ``INSERT ... ON DUPLICATE KEY UPDATE`` does.

        A row is "old" only under exactly this id. A new one that meets another row (an id in other
        case, a unique index) overwrites that row's values and answers as if it had been added, with
        an empty ``$sequence`` (recordings ``rows-upsert``, ``rows-upsert-unique``).

        Returns:
            The row, or ``None`` if there was nothing to do: a new row of falsy values, or an
            unchanged old one.

        Raises:
            ApiError: 400 ``row_invalid_structure``.
            Duplicate: the changed row clashes with another one.
        """
        old = self.store.get(row_id)
        if old is not None and old["$id"] != row_id:
            old = None
        values, dates = self._split(data)
        check_unknown(self.table, values)
        if self._is_nothing_new(old, values, permissions):
            return None
        return (
            self._insert_or_overwrite(row_id, values, dates, permissions)
            if old is None
            else self._overwrite_own(old, values, dates, permissions)
        )

    def _is_nothing_new(
        self, old: Row | None, values: Row, permissions: Sequence[str] | None
    ) -> bool:
        if old is None:
            return not permissions and all(not value and value != "0" for value in values.values())
        if permissions is not None and list(permissions) != old["$permissions"]:
            return False
        return set(values) == set(self.table.columns) and all(
            old[key] == value for key, value in values.items()
        )

    def _overwrite_own(
        self, old: Row, values: Row, dates: Row, permissions: Sequence[str] | None
    ) -> Row:
        given, applied = operators.split(values)
        sent = {
            key: value for key, value in with_defaults(self.table, given).items() if key in given
        }
        self._check_required_sent(values)
        current = {key: old[key] for key in self.table.columns}
        self._check({**current, **sent}, applied, current)
        changed = self._normalized(sent)
        changed.update(operators.apply(self.table, applied, old))
        changed["$updatedAt"] = dates.get("$updatedAt", self.now)
        if permissions is not None:
            changed["$permissions"] = list(permissions)
        self.store.update(old["$sequence"], changed)
        # The creation time is answered as sent, and not stored.
        return self._as_sent({**old, **changed, **dates})

    def _check(self, merged: Row, applied: Mapping[str, operators.Operator], current: Row) -> None:
        """Check a whole row, column by column: its values, and its operators if there are any."""
        check_required(self.table, {**merged, **dict.fromkeys(applied, "")})
        for key, column in self.table.columns.items():
            if key in applied:
                operators.check(column, applied[key], current[key])
            elif key in merged:
                check_values(self.table, {key: merged[key]})

    def _check_required_sent(self, values: Row) -> None:
        for column in self.table.columns.values():
            if column.required and values.get(column.key) is None:
                raise invalid_structure(f'Missing required attribute "{column.key}"')

    def _insert_or_overwrite(
        self, row_id: str, values: Row, dates: Row, permissions: Sequence[str] | None
    ) -> Row:
        given, applied = operators.split(values)
        filled = with_defaults(
            self.table, {**given, **operators.apply_to_nothing(self.table, applied)}
        )
        check_whole(self.table, filled)
        row = self._new_row(row_id, filled, dates, permissions or ())
        clash = self.store.find_clash(row)
        if (
            clash is not None
            and not self.engine.upsert_overwrites
            and fold(clash["$id"]) != fold(row_id)
        ):
            raise Duplicate(of_id=False)
        if clash is None:
            row["$sequence"] = self.store.insert(row)
            return self._as_sent(row)
        written = [key for key in filled if key in self.table.columns]
        self.store.update(
            clash["$sequence"],
            {
                **{key: row[key] for key in written},
                "$updatedAt": row["$updatedAt"],
                "$permissions": row["$permissions"],
            },
        )
        row["$sequence"] = ""
        return self._as_sent(row)

    def update_many(
        self, rows: Sequence[Row], data: Mapping[str, Any], permissions: Sequence[str] | None
    ) -> list[Row]:
        """
        Write the same values to many rows.

        The answer shows the default for any null of a column with a default, which stays null in
        storage (recording ``rows-defaults``).

        Raises:
            ApiError: 400 ``row_invalid_structure``; 500 ``general_unknown`` if a unique index is
                violated.
        """
        values, dates = self._split(data)
        given, applied = operators.split(values)
        check_unknown(self.table, values)
        filled = {
            key: value for key, value in with_defaults(self.table, given).items() if key in given
        }
        check_part(self.table, filled)
        new = self._normalized(filled)
        kept = {key: (None if given[key] is None else value) for key, value in new.items()}
        now = dates.get("$updatedAt", self.now)
        extra: Row = {**dates, "$updatedAt": now}
        if permissions is not None:
            extra["$permissions"] = list(permissions)
        changed_rows = []
        for row in rows:
            computed = operators.apply(self.table, applied, row, known_row=False)
            try:
                self.store.update(row["$sequence"], {**kept, **computed, **extra})
            except Duplicate as error:
                raise ApiError("general_unknown") from error
            changed_rows.append(
                self._as_sent({**with_defaults(self.table, {**row, **new, **computed}), **extra})
            )
        return changed_rows

    def delete(self, rows: Sequence[Row]) -> None:
        self.store.delete([row["$sequence"] for row in rows])

    def _split(self, data: Mapping[str, Any]) -> tuple[Row, Row]:
        """Split the request into values of columns, and dates that a trusted caller may set."""
        values = {
            key: value for key, value in data.items() if key not in _IGNORED and key not in DATES
        }
        dates: Row = {}
        for key in DATES:
            value = data.get(key)
            if value is None or not self.trusted:
                continue
            text = datetimes.parse_datetime(value) if isinstance(value, str) else None
            if text is None:
                raise invalid_structure(f'Attribute "{key}" has invalid type. {datetimes.RULE}')
            dates[key] = text
        return values, dates

    def _normalized(self, values: Mapping[str, Any]) -> Row:
        return {key: normalize(self.table.columns[key], value) for key, value in values.items()}

    def _as_sent(self, row: Row) -> Row:
        return {
            key: shown(self.table.columns[key], value) if key in self.table.columns else value
            for key, value in row.items()
        }

    def _new_row(self, row_id: str, values: Row, dates: Row, permissions: Sequence[str]) -> Row:
        row: Row = {
            column.key: normalize(column, values.get(column.key))
            for column in self.table.columns.values()
        }
        row.update(
            {
                "$id": row_id, "$createdAt": dates.get("$createdAt", self.now), "$updatedAt": dates.get("$updatedAt", self.now),
                "$permissions": list(permissions), "$sequence": "", "$databaseId": self.table.database.id, "$tableId": self.table.id,
            }
        )  # fmt: skip
        return row


def _same(new: Any, old: Any) -> bool:
    return (new == old and isinstance(new, bool) == isinstance(old, bool)) or (
        new is None and old == []
    )


def fresh_id(row_id: Any) -> str:
    """Return the id of a new row: the requested one, or a new one."""
    return identifiers.new_id() if row_id is None else identifiers.chosen(row_id)
