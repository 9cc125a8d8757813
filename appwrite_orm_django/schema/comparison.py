"""Compare existing columns with wanted ones."""

from __future__ import annotations

from .definitions import TEXT_TYPES, Column
from .limits import characters_of


def same_storage(live: Column, wanted: Column) -> bool:
    """
    Return whether a column can become another by changes in place.

    A text column of a wider type than wanted is sufficient. The old ``string`` type is stored as a
    ``varchar`` or as a text.
    """
    if live.related is not None and wanted.related is not None:
        return live.related.holds_one and live.related.table.lower() == wanted.related.table.lower()
    if live.array != wanted.array or (wanted.encrypt and not live.encrypt):
        return False
    if live.type == wanted.type:
        # An integer column created with bounds of 32 bits keeps four bytes (recording
        # columns-update-narrow).
        return True
    if live.type == "string":
        return wanted.type == "varchar" or (
            wanted.type in TEXT_TYPES and (live.size or 0) >= (characters_of(wanted) or 0)
        )
    if live.type in TEXT_TYPES and wanted.type in TEXT_TYPES:
        return TEXT_TYPES.index(live.type) >= TEXT_TYPES.index(wanted.type)
    return False


def same_rules(live: Column, wanted: Column) -> bool:
    if live.related is not None:
        return True  # the other properties of a relationship belong to the console
    size = live.size == wanted.size or wanted.size is None
    elements = set(live.elements) == set(wanted.elements)
    bounds = _bounds(live) == _bounds(wanted)
    return (
        size
        and elements
        and bounds
        and live.required == wanted.required
        and live.default == wanted.default
    )


def _bounds(column: Column) -> tuple[float, float]:
    low = column.min if column.min is not None else float("-inf")
    high = column.max if column.max is not None else float("inf")
    return low, high


def narrows(before: Column, after: Column) -> bool:
    if after.size is not None and before.size is not None and after.size < before.size:
        return True
    if set(before.elements) - set(after.elements):
        return True
    return _bounds(before)[0] < _bounds(after)[0] or _bounds(before)[1] > _bounds(after)[1]
