"""Objects among parameters: given as such, as lists (PHP knows no difference), or as the JSON text of either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appwrite_local.errors import ApiError
from appwrite_local.wire import decode_json


def read_object(value: Any) -> dict[str, Any]:
    """
    Read an object. A list's keys are its positions.

    Raises:
        ApiError: 500 for the JSON of anything else, on which the server itself fails.
    """
    if isinstance(value, str):
        value = decode_json(value)
    if isinstance(value, list):
        return {str(position): item for position, item in enumerate(value)}
    if not isinstance(value, Mapping):
        raise ApiError("general_unknown")
    return dict(value)


def read_objects(values: Any) -> list[dict[str, Any]]:
    """Read a list of objects; an object of objects counts as one."""
    return [read_object(value) for value in (values.values() if isinstance(values, Mapping) else values)]
