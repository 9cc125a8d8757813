"""
Compute how two geometries relate in the plane, for spatial queries.

A geometry is a row's value: a point ``[x, y]``, a line of points, or a polygon of closed rings (the
first is the outline, the others are holes). Lines are cut where they meet the other geometry, and
each piece is located by its midpoint.

Source: recording ``query-point``; the names are those of the OpenGIS predicates that the server's
database computes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

EARTH_RADIUS_M = 6_370_986
_CLOSE = 1e-9

Point = Sequence[float]
Geometry = Any


def kind_of(geometry: Geometry) -> str:
    """Return a geometry's kind, from its nesting."""
    if geometry and isinstance(geometry[0], int | float):
        return "point"
    if geometry and geometry[0] and isinstance(geometry[0][0], int | float):
        return "linestring"
    return "polygon"


def is_geometry(value: Any) -> bool:
    """Return whether a query's value is a point, a line or a polygon."""
    if not isinstance(value, list) or not value:
        return False
    if all(isinstance(item, int | float) and not isinstance(item, bool) for item in value):
        return len(value) == 2
    return all(isinstance(item, list) and is_geometry(item) for item in value)


def _lines(geometry: Geometry) -> list[list[Point]]:
    kind = kind_of(geometry)
    return [] if kind == "point" else [geometry] if kind == "linestring" else geometry


def _segments(geometry: Geometry) -> Iterator[tuple[Point, Point]]:
    for line in _lines(geometry):
        yield from pairwise(line)


def _same_point(a: Point, b: Point) -> bool:
    return abs(a[0] - b[0]) < _CLOSE and abs(a[1] - b[1]) < _CLOSE


def _on_segment(point: Point, a: Point, b: Point) -> bool:
    return _to_segment(point, a, b) < _CLOSE


def _to_segment(point: Point, a: Point, b: Point) -> float:
    x, y = _foot(point, a, b)
    return math.hypot(point[0] - x, point[1] - y)


def _foot(point: Point, a: Point, b: Point) -> Point:
    """Return the point of a segment that is nearest to a point."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    t = (
        0.0
        if not length
        else max(0.0, min(1.0, ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length))
    )
    return (a[0] + t * dx, a[1] + t * dy)


def _place(point: Point, geometry: Geometry) -> str:
    """
    Return whether a point lies ``in``, on the ``edge`` of, or ``out`` of a geometry.

    A line's edge is its two ends.
    """
    kind = kind_of(geometry)
    if kind == "point":
        return "in" if _same_point(point, geometry) else "out"
    on_line = any(_on_segment(point, a, b) for a, b in _segments(geometry))
    if kind == "linestring":
        closed = _same_point(geometry[0], geometry[-1])
        at_end = not closed and (
            _same_point(point, geometry[0]) or _same_point(point, geometry[-1])
        )
        return "edge" if at_end else "in" if on_line else "out"
    if on_line:
        return "edge"
    crossings = sum(_ray_crosses(point, a, b) for a, b in _segments(geometry))
    return "in" if crossings % 2 else "out"


def _ray_crosses(point: Point, a: Point, b: Point) -> bool:
    if (a[1] > point[1]) == (b[1] > point[1]):
        return False
    return bool(point[0] < (b[0] - a[0]) * (point[1] - a[1]) / (b[1] - a[1]) + a[0])


def _cuts(a: Point, b: Point, other: Geometry) -> list[float]:
    """Return where a segment meets another geometry's lines, as fractions of its length."""
    found = {0.0, 1.0}
    dx, dy = b[0] - a[0], b[1] - a[1]
    for c, d in _segments(other):
        ex, ey = d[0] - c[0], d[1] - c[1]
        cross = dx * ey - dy * ex
        if abs(cross) > _CLOSE * _CLOSE:
            t = ((c[0] - a[0]) * ey - (c[1] - a[1]) * ex) / cross
            u = ((c[0] - a[0]) * dy - (c[1] - a[1]) * dx) / cross
            if -_CLOSE <= t <= 1 + _CLOSE and -_CLOSE <= u <= 1 + _CLOSE:
                found.add(max(0.0, min(1.0, t)))
            continue
        for point in (c, d):
            if _on_segment(point, a, b) and (length := dx * dx + dy * dy):
                found.add(((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length)
    return sorted(found)


def _pieces(geometry: Geometry, other: Geometry) -> Iterator[Point]:
    """Return the midpoints of a geometry's lines, cut where they meet the other geometry."""
    for a, b in _segments(geometry):
        cuts = _cuts(a, b, other)
        for start, end in pairwise(cuts):
            if end - start > _CLOSE:
                middle = (start + end) / 2
                yield (a[0] + middle * (b[0] - a[0]), a[1] + middle * (b[1] - a[1]))


def _vertices(geometry: Geometry) -> list[Point]:
    return (
        [geometry]
        if kind_of(geometry) == "point"
        else [point for line in _lines(geometry) for point in line]
    )


def intersects(a: Geometry, b: Geometry) -> bool:
    if any(_place(point, b) != "out" for point in _vertices(a)) or any(
        _place(point, a) != "out" for point in _vertices(b)
    ):
        return True
    return any(len(_cuts(p, q, b)) > 2 for p, q in _segments(a))


def _interiors_meet(a: Geometry, b: Geometry) -> bool:
    if kind_of(a) == "point" or kind_of(b) == "point":
        point, other = (a, b) if kind_of(a) == "point" else (b, a)
        return _place(point, other) == "in"
    if kind_of(a) == "polygon" and kind_of(b) == "polygon":
        return (
            any(_place(middle, b) == "in" for middle in _pieces(a, b))
            or any(_place(middle, a) == "in" for middle in _pieces(b, a))
            or equals(a, b)
        )
    if kind_of(a) == "linestring" and kind_of(b) == "linestring":
        if any(_place(middle, b) == "in" for middle in _pieces(a, b)):
            return True
        return any(
            _place(point, a) == "in" and _place(point, b) == "in" for point in _meeting_points(a, b)
        )
    line, area = (a, b) if kind_of(a) == "linestring" else (b, a)
    return any(_place(middle, area) == "in" for middle in _pieces(line, area))


def _meeting_points(a: Geometry, b: Geometry) -> Iterator[Point]:
    for p, q in _segments(a):
        for t in _cuts(p, q, b):
            yield (p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1]))


def touches(a: Geometry, b: Geometry) -> bool:
    """Return whether geometries meet only at their edges. Two points have no edges."""
    if kind_of(a) == kind_of(b) == "point":
        return False
    return intersects(a, b) and not _interiors_meet(a, b)


def crosses(a: Geometry, b: Geometry) -> bool:
    """Return whether a line runs through an area, or two lines through each other."""
    kinds = (kind_of(a), kind_of(b))
    if kinds == ("linestring", "linestring"):
        return _interiors_meet(a, b) and all(_place(middle, b) == "out" for middle in _pieces(a, b))
    if kinds == ("linestring", "polygon"):
        places = {_place(middle, b) for middle in _pieces(a, b)}
        return "in" in places and "out" in places
    return False


def overlaps(a: Geometry, b: Geometry) -> bool:
    """Return whether two lines or two areas share a part, and each has a part of its own."""
    if kind_of(a) != kind_of(b) or kind_of(a) == "point" or not _interiors_meet(a, b):
        return False
    if kind_of(a) == "linestring" and all(_place(middle, b) == "out" for middle in _pieces(a, b)):
        return False
    return not contains(a, b) and not contains(b, a)


def contains(a: Geometry, b: Geometry) -> bool:
    """Return whether no part of ``b`` is outside ``a``, and some part is inside it."""
    if kind_of(b) == "point":
        return _place(b, a) == "in"
    if kind_of(a) == "point" or any(_place(point, a) == "out" for point in _vertices(b)):
        return False
    places = {_place(middle, a) for middle in _pieces(b, a)}
    if "out" in places or (kind_of(a) == "linestring" and kind_of(b) == "polygon"):
        return False
    if kind_of(b) == "polygon":
        # A hole or a bay of the outer geometry would leave a part of the inner one outside.
        return not any(_place(middle, b) == "in" for middle in _pieces(a, b))
    return "in" in places


def covers(a: Geometry, b: Geometry) -> bool:
    """Return whether no part of ``b`` is outside ``a``, even if all of it is on the border."""
    if kind_of(b) == "point":
        return _place(b, a) != "out"
    return contains(a, b) or (
        kind_of(a) != "point"
        and kind_of(b) == "linestring"
        and all(_place(point, a) != "out" for point in (*_vertices(b), *_pieces(b, a)))
    )


def equals(a: Geometry, b: Geometry) -> bool:
    """Return whether geometries are the same set of points, in any direction from any point."""
    if kind_of(a) != kind_of(b):
        return False
    if kind_of(a) == "point":
        return _same_point(a, b)
    if any(_place(point, b) == "out" for point in _vertices(a)) or any(
        _place(point, a) == "out" for point in _vertices(b)
    ):
        return False
    on = {"in", "edge"} if kind_of(a) == "linestring" else {"edge"}
    return all(_place(middle, b) in on for middle in _pieces(a, b)) and all(
        _place(middle, a) in on for middle in _pieces(b, a)
    )


def distance(a: Geometry, b: Geometry) -> float:
    """Return the shortest distance, in the unit of the coordinates."""
    if intersects(a, b):
        return 0.0
    pairs = [(point, other) for one, other in ((a, b), (b, a)) for point in _vertices(one)]
    return min(_to_geometry(point, other) for point, other in pairs)


def _to_geometry(point: Point, other: Geometry) -> float:
    if kind_of(other) == "point":
        return math.hypot(point[0] - other[0], point[1] - other[1])
    return min(_to_segment(point, a, b) for a, b in _segments(other))


def distance_m(a: Geometry, b: Geometry) -> float:
    """
    Return the shortest distance on the globe, in metres.

    The points that are nearest in the plane count as the nearest.
    """
    if kind_of(a) == kind_of(b) == "point":
        return _on_globe(a, b)
    if intersects(a, b):
        return 0.0
    pairs = [(point, other) for one, other in ((a, b), (b, a)) for point in _vertices(one)]
    return min(_on_globe(point, _nearest(point, other)) for point, other in pairs)


def _nearest(point: Point, other: Geometry) -> Point:
    if kind_of(other) == "point":
        return other  # type: ignore[no-any-return]
    feet = [_foot(point, a, b) for a, b in _segments(other)]
    return min(feet, key=lambda foot: math.hypot(point[0] - foot[0], point[1] - foot[1]))


def _on_globe(a: Point, b: Point) -> float:
    (x1, y1), (x2, y2) = ((math.radians(value) for value in point) for point in (a, b))
    haversine = (
        math.sin((y2 - y1) / 2) ** 2 + math.cos(y1) * math.cos(y2) * math.sin((x2 - x1) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(haversine)))


_RELATIONS: dict[str, Callable[[Geometry, Geometry], bool]] = {
    "equal": equals, "contains": contains, "covers": covers, "crosses": crosses, "intersects": intersects, "overlaps": overlaps, "touches": touches,
}  # fmt: skip
_DISTANCES: dict[str, Callable[[float, float], bool]] = {
    "distanceEqual": lambda found, wanted: found == wanted,
    "distanceNotEqual": lambda found, wanted: found != wanted,
    "distanceGreaterThan": lambda found, wanted: found > wanted,
    "distanceLessThan": lambda found, wanted: found < wanted,
}


def relates(stored: str | None, relation: str, value: str) -> bool | None:
    """Return whether a stored geometry relates so to a query's, both as JSON; null never does."""
    return None if stored is None else _RELATIONS[relation](json.loads(stored), json.loads(value))


def is_distant(stored: str | None, method: str, value: str) -> bool | None:
    """
    Compare the distance of a stored geometry from a query's.

    The query's value is ``[geometry, distance, in metres?]``; both are JSON.
    """
    if stored is None:
        return None
    geometry, wanted, in_metres = json.loads(value)
    found = (distance_m if in_metres else distance)(json.loads(stored), geometry)
    return _DISTANCES[method](found, wanted)
