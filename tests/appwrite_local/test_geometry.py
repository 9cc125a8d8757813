"""How geometries lie to each other."""

import pytest

from appwrite_local import geometry

SQUARE = [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]
HOLED = [*SQUARE, [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]]


@pytest.mark.parametrize(
    ("relation", "one", "other", "expected"),
    [
        (geometry.intersects, [1, 1], [1, 1], True),
        (geometry.intersects, [[0, 0], [2, 2]], [[0, 2], [2, 0]], True),
        (geometry.intersects, [[0, 0], [1, 0]], [[0, 1], [1, 1]], False),
        (geometry.intersects, SQUARE, [1, 1], True),
        (geometry.intersects, HOLED, [1.5, 1.5], False),
        (geometry.contains, SQUARE, [1, 1], True),
        (geometry.contains, SQUARE, [0, 1], False),
        (geometry.contains, SQUARE, [[1, 1], [2, 2]], True),
        (geometry.contains, SQUARE, [[1, 1], [5, 5]], False),
        (geometry.contains, SQUARE, HOLED, True),
        (geometry.contains, HOLED, SQUARE, False),
        (geometry.touches, [1, 1], [1, 1], False),
        (geometry.touches, [0, 1], SQUARE, True),
        (geometry.touches, [[0, 0], [1, 1]], [[1, 1], [2, 0]], True),
        (geometry.touches, SQUARE, [[[4, 0], [6, 0], [6, 4], [4, 0]]], True),
        (geometry.crosses, [[0, 0], [2, 2]], [[0, 2], [2, 0]], True),
        (geometry.crosses, [[-1, 1], [5, 1]], SQUARE, True),
        (geometry.crosses, [[1, 1], [2, 2]], SQUARE, False),
        (geometry.overlaps, SQUARE, [[[2, 2], [6, 2], [6, 6], [2, 2]]], True),
        (geometry.overlaps, SQUARE, SQUARE, False),
        (geometry.overlaps, [[0, 0], [2, 0]], [[1, 0], [3, 0]], True),
        (geometry.equals, [[0, 0], [2, 2]], [[2, 2], [1, 1], [0, 0]], True),
        (geometry.equals, SQUARE, [[[4, 4], [0, 4], [0, 0], [4, 0], [4, 4]]], True),
        (geometry.equals, SQUARE, [1, 1], False),
    ],
)
def test_relations(relation: object, one: object, other: object, expected: bool) -> None:
    assert relation(one, other) is expected  # type: ignore[operator]


def test_distances() -> None:
    assert geometry.distance([0, 0], [[3, -1], [3, 1]]) == 3
    assert geometry.distance(SQUARE, [1, 1]) == 0
    assert geometry.distance_m([13.4050, 52.5200], [2.3522, 48.8566]) == pytest.approx(
        877_000, rel=0.01
    )
