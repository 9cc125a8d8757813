"""Row operators: texts that are run instead of stored (recordings ``operators-*``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .schema import Table
from .values import Row


def split(values: Mapping[str, Any]) -> tuple[Row, dict[str, Any]]:
    """Part values into those to store and operators to run."""
    return dict(values), {}


def apply(table: Table, applied: Mapping[str, Any], row: Mapping[str, Any]) -> Row:
    """Run operators on a row and give the new values."""
    return {}


def apply_to_nothing(table: Table, applied: Mapping[str, Any]) -> Row:
    """Run operators on a row that is not there yet."""
    return {}
