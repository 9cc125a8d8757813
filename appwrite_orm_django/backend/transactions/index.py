"""Find the rows of a log that a condition may match, without looking at each of them."""

from __future__ import annotations

import datetime
import enum
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from appwrite_orm_django.backend.commands import Condition, ValuesOf
from appwrite_orm_django.backend.values import ROW_ID
from appwrite_orm_django.client.queries import Query
from appwrite_orm_django.engines import Engine

# One moment can be written in several ways.
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_WITH_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:")


class Held(enum.Enum):
    """A value of a column that is not the one in the row."""

    UNKNOWN = "unknown"
    NO_ROW = "no row"


# Takes a folded row id and a column.
ValueOf = Callable[[str, str], Any]


class Index:
    """
    The rows of one table that a log has touched, by the values that they have in columns.

    A column is indexed when a condition first names it. What is found is a superset: values that
    the server may take as equal share a key, and a row whose value is unknown is always found.
    """

    def __init__(self) -> None:
        #: The folded ids of rows in the order in which they were changed; a row may recur.
        self.changed: list[str] = []
        self._columns: dict[str, _Column] = {}

    def matching(
        self, condition: Condition, value_of: ValueOf, engine: Engine
    ) -> Iterable[str] | None:
        """Return the folded ids of rows that a condition may match, None if it may be any row."""

        def of_column(column: str, values: Sequence[Any]) -> list[str] | None:
            if column == ROW_ID:
                return [str(value).lower() for value in values]
            keys = {_key(value, engine) for value in values}
            # No row holds the other columns of the server under these names.
            if column.startswith("$") or "." in column or Held.UNKNOWN in keys:
                return None
            known = self._columns.get(column)
            if known is None:
                known = self._columns[column] = _Column(column)
            known.update(self.changed, value_of, engine)
            return known.find(keys)

        def of_query(query: Query) -> list[str] | None:
            if query.column is not None:
                if query.method == "equal":
                    return of_column(query.column, query.values)
                return of_column(query.column, [None]) if query.method == "isNull" else None
            parts = [part for part in query.values if isinstance(part, Query)]
            if query.method not in ("and", "or") or len(parts) != len(query.values):
                return None
            if query.method == "and":
                return _fewest(map(of_query, parts))
            every: list[str] = []
            for part in parts:
                if (found := of_query(part)) is None:
                    return None
                every += found
            return every

        of_memberships = (
            of_column(membership.column, membership.values)
            for membership in condition.memberships
            if not isinstance(membership.values, ValuesOf)
        )
        return _fewest((*map(of_query, condition.queries), *of_memberships))


class _Column:
    """The rows by the values of one column."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._seen = 0
        self._ids: dict[Any, dict[str, None]] = {}
        self._keys: dict[str, Any] = {}

    def update(self, changed: Sequence[str], value_of: ValueOf, engine: Engine) -> None:
        """Look at the rows that were changed since the last time."""
        for row_id in dict.fromkeys(changed[self._seen :]):
            value = value_of(row_id, self._name)
            key = value if isinstance(value, Held) else _key(value, engine)
            before = self._keys.get(row_id, Held.NO_ROW)
            if before is not Held.NO_ROW:
                del self._ids[before][row_id]
            self._keys[row_id] = key
            if key is not Held.NO_ROW:
                self._ids.setdefault(key, {})[row_id] = None
        self._seen = len(changed)

    def find(self, keys: Iterable[Any]) -> list[str]:
        return [row_id for key in (*keys, Held.UNKNOWN) for row_id in self._ids.get(key, ())]


def _fewest(found: Iterable[list[str] | None]) -> list[str] | None:
    return min((ids for ids in found if ids is not None), key=len, default=None)


def _key(value: Any, engine: Engine) -> Any:
    """Return a key that is the same for all wire values that the server may take as equal."""
    if isinstance(value, str):
        text = engine.equality_key(value)
        return _instant(text) if _DATE.match(text) else text
    if isinstance(value, (int, float)):
        return float(value)
    return None if value is None else Held.UNKNOWN


def _instant(text: str) -> datetime.datetime | str | Held:
    try:
        # Keys of text may end in the blanks that do not count.
        moment = datetime.datetime.fromisoformat(text.rstrip(" \2"))
    except ValueError:
        return Held.UNKNOWN if _WITH_TIME.match(text) else text
    return moment.replace(tzinfo=moment.tzinfo or datetime.timezone.utc)
