"""
Order the cells of groups, and filter them by ``having``, as the database does.

Groups are few. They are ordered here and not in SQL, because sums may be wider than SQLite's
integers. Source: recordings ``group-by``, ``having``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from appwrite_local import collation
from appwrite_local.datetimes import parse_datetime
from appwrite_local.engines import Engine
from appwrite_local.errors import ApiError
from appwrite_local.queries.parse import Query
from appwrite_local.queries.raw import number_prefix
from appwrite_local.sql_functions import is_pattern


@dataclass(frozen=True, slots=True)
class Cell:
    """
    One value of a group.

    Attributes:
        text: the text that is sent, ``None`` for null.
        key: the value to compare: a number, or the folded text; ``None`` for null.
    """

    text: str | None
    key: Any

    @property
    def is_number(self) -> bool:
        return isinstance(self.key, int | float | Decimal)


Cells = Mapping[str, Cell]

_NEGATIVES = {
    "notEqual": "equal", "notBetween": "between", "notStartsWith": "startsWith", "notEndsWith": "endsWith", "notContains": "contains",
    "isNotNull": "isNull",
}  # fmt: skip


def sorted_groups(
    groups: Sequence[Cells], orders: Sequence[tuple[str, bool]], engine: Engine
) -> list[Cells]:
    """
    Sort groups.

    Args:
        orders: names of cells, and whether each descends. Equal groups keep their order.
    """
    ordered = list(groups)
    for name, descending in reversed(orders):
        nulls_first = descending if engine.nulls_last else not descending
        filled = [group for group in ordered if group[name].key is not None]
        filled.sort(key=lambda group, name=name: group[name].key, reverse=descending)  # type: ignore[misc]
        empty = [group for group in ordered if group[name].key is None]
        ordered = empty + filled if nulls_first else filled + empty
    return ordered


def satisfies(cells: Cells, query: Query, engine: Engine) -> bool:
    """
    Return whether a group meets a condition; an unknown result counts as false.

    Raises:
        ApiError: 500 for a name that is not among the cells, as on the server.
    """
    return _truth(cells, query, engine) is True


def _truth(cells: Cells, query: Query, engine: Engine) -> bool | None:
    if query.method in ("and", "or"):
        return _joined(query.method, [_truth(cells, nested, engine) for nested in query.values])
    cell = cells.get(query.attribute)
    if cell is None:
        raise ApiError("general_unknown")
    if query.method in ("isNull", "isNotNull"):
        return (cell.key is None) is (query.method == "isNull")
    if cell.key is None:
        return None
    negated = query.method in _NEGATIVES
    test = _TESTS.get(_NEGATIVES.get(query.method, query.method))
    if test is None:
        raise ApiError("general_unknown")
    return test(cell, query.values, engine) is not negated


def _joined(word: str, truths: Sequence[bool | None]) -> bool | None:
    decisive = word == "or"
    if decisive in truths:
        return decisive
    return None if None in truths else not decisive


def _operand(cell: Cell, value: Any, engine: Engine) -> Any:
    """Convert a condition's value to the type of the cell's key; numbers take precedence."""
    if isinstance(value, bool):
        value = int(value)
    if cell.is_number:
        return number_prefix(value) if isinstance(value, str) else value
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return parse_datetime(value) or value if _is_moment(cell) else _fold_of(cell, engine)(value)
    raise ApiError("general_unknown")


def _fold_of(cell: Cell, engine: Engine) -> Callable[[str], str]:
    """Ids are folded by MariaDB's rule even where other text is not."""
    return engine.fold if cell.key == engine.fold(cell.text or "") else collation.fold


def _is_moment(cell: Cell) -> bool:
    return (
        cell.text is not None
        and isinstance(cell.key, str)
        and cell.key.endswith("+00:00")
        and cell.key[:10] == cell.text[:10]
    )


def _compared(
    compare: Callable[[Any, Any], bool],
) -> Callable[[Cell, Sequence[Any], Engine], bool]:
    def test(cell: Cell, values: Sequence[Any], engine: Engine) -> bool:
        return any(_compare(compare, cell, value, engine) for value in values)

    return test


def _compare(compare: Callable[[Any, Any], bool], cell: Cell, value: Any, engine: Engine) -> bool:
    operand = _operand(cell, value, engine)
    key = (
        number_prefix(cell.text or "")
        if isinstance(operand, int | float) and not cell.is_number
        else cell.key
    )
    return compare(key, operand)


def _between(cell: Cell, values: Sequence[Any], engine: Engine) -> bool:
    if len(values) != 2:
        raise ApiError("general_unknown")
    return _compare(lambda key, low: bool(key >= low), cell, values[0], engine) and _compare(
        lambda key, high: bool(key <= high), cell, values[1], engine
    )


def _matched(match: Callable[[str, str], bool]) -> Callable[[Cell, Sequence[Any], Engine], bool]:
    def test(cell: Cell, values: Sequence[Any], engine: Engine) -> bool:
        return any(
            match(engine.like_fold(cell.text or ""), engine.like_fold(str(value)))
            for value in values
        )

    return test


def _regex(cell: Cell, values: Sequence[Any], engine: Engine) -> bool:
    if len(values) != 1 or not is_pattern(values[0]):
        raise ApiError("general_unknown")
    return re.search(str(values[0]), cell.text or "", engine.regex_flags) is not None


_TESTS: dict[str, Callable[[Cell, Sequence[Any], Engine], bool]] = {
    "equal": _compared(lambda key, value: bool(key == value)),
    "lessThan": _compared(lambda key, value: bool(key < value)),
    "lessThanEqual": _compared(lambda key, value: bool(key <= value)),
    "greaterThan": _compared(lambda key, value: bool(key > value)),
    "greaterThanEqual": _compared(lambda key, value: bool(key >= value)),
    "between": _between,
    "startsWith": _matched(str.startswith),
    "endsWith": _matched(str.endswith),
    "contains": _matched(str.__contains__),
    "containsAny": _matched(str.__contains__),
    "regex": _regex,
}
