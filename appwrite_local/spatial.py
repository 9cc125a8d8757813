"""
Validate and convert points, lines and polygons.

Source: recordings ``row-point``, ``row-line``, ``row-polygon``, ``query-point``.
"""

from __future__ import annotations

import re
from typing import Any

from appwrite_local.validators import is_number
from appwrite_local.wire import wire_number

_WKT = re.compile(r"\s*(POINT|LINESTRING|POLYGON)\s*\(.*\)\s*", re.IGNORECASE | re.DOTALL)


def problem(kind: str, value: Any) -> str | None:
    """Return the rule that a value breaks, as worded after the attribute's name."""
    reason = _reason(kind, value)
    return None if reason is None else f"Value must be a valid {kind}: {reason}"


def _reason(kind: str, value: Any) -> str | None:
    if isinstance(value, str):
        return None if _parse_wkt(kind, value) is not None else ""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return "Spatial value must be array or WKT string"
    return {"point": _point_reason, "linestring": _line_reason, "polygon": _polygon_reason}[kind](
        value
    )


def _point_reason(value: list[Any]) -> str | None:
    if len(value) != 2:
        return "Point must be an array of two numeric values [x, y]"
    if not all(is_number(item) for item in value):
        return "Point coordinates must be numeric values"
    return _coordinates_reason(value)


def _coordinates_reason(point: list[Any]) -> str | None:
    x, y = point
    if not -180 <= x <= 180:
        return f"Longitude (x) must be between -180 and 180, got {_php_number(x)}"
    if not -90 <= y <= 90:
        return f"Latitude (y) must be between -90 and 90, got {_php_number(y)}"
    return None


def _php_number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(is_number(item) for item in value)


def _line_reason(value: list[Any]) -> str | None:
    if len(value) < 2:
        return "LineString must contain at least two points"
    for position, point in enumerate(value):
        if not _is_pair(point):
            return "Each point in LineString must be an array of two values [x, y]"
        reason = _coordinates_reason(point)
        if reason is not None:
            return f"Invalid coordinates at point #{position}: {reason}"
    return None


def _polygon_reason(value: list[Any]) -> str | None:
    if not value:
        return "Polygon must contain at least one ring"
    rings = [value] if _is_pair(value[0]) else value
    for number, ring in enumerate(rings):
        if not isinstance(ring, list) or len(ring) < 4:
            return f"Ring #{number} must contain at least 4 points to form a closed polygon"
        for position, point in enumerate(ring):
            if not _is_pair(point):
                return f"Each point in Ring #{number} must be an array of two values [x, y]"
            reason = _coordinates_reason(point)
            if reason is not None:
                return f"Invalid coordinates at point #{position} in ring #{number}: {reason}"
        if ring[0] != ring[-1]:
            return f"Ring #{number} must be closed (first point must equal last point)"
    return None


def shown(value: Any) -> Any:
    """Return a geometry with its whole numbers as integers."""
    if isinstance(value, list):
        return [shown(item) for item in value]
    return wire_number(value) if isinstance(value, float) else value


def normalize(kind: str, value: Any) -> Any:
    """Turn a checked geometry into nested lists of numbers."""
    if isinstance(value, str):
        value = _parse_wkt(kind, value)
    if isinstance(value, dict):
        value = list(value.values())
    if kind == "polygon" and _is_pair(value[0]):
        return [value]
    return value


def _parse_wkt(kind: str, text: str) -> Any:
    match = _WKT.fullmatch(text)
    if match is None or match[1].lower() != kind:
        return None
    try:
        rings = [
            [_pair(point) for point in ring.split(",")]
            for ring in re.findall(r"\(([^()]*)\)", text)
        ]
    except ValueError:
        return None
    if not rings:
        return None
    if kind == "point":
        return rings[0][0] if len(rings[0]) == 1 else None
    return rings[0] if kind == "linestring" else rings


def _pair(text: str) -> list[float]:
    x, y = text.split()
    return [float(x), float(y)]
