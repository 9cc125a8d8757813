"""Lay out the reads of the last hour as SVG bars, without a library, script or inline style."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from appwrite_orm_django.cache.history import Minute

__all__ = ["Bar", "Chart", "chart"]

WIDTH, HEIGHT = 720, 120
_GAP = 2


@dataclass(frozen=True)
class Bar:
    """A rectangle. ``kind`` is its CSS class: hits, misses or passed."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """
    The data that the template draws.

    Attributes:
        top: reads per minute at full height.
        shown: the minutes with any reads, latest first, for the table of figures.
    """

    bars: Sequence[Bar]
    top: int
    shown: Sequence[Minute]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def half(self) -> float:
        return self.height / 2


def chart(minutes: Sequence[Minute]) -> Chart:
    """Return the chart of some minutes, given oldest first."""
    top = _round_up(max((minute.reads for minute in minutes), default=0))
    shown = [minute for minute in reversed(minutes) if minute.reads]
    return Chart(list(_bars(minutes, top)), top, shown)


def _bars(minutes: Sequence[Minute], top: int) -> Iterator[Bar]:
    step = WIDTH / max(1, len(minutes))
    for index, minute in enumerate(minutes):
        bottom = float(HEIGHT)
        for kind in ("hits", "misses", "passed"):
            count = getattr(minute, kind)
            if not count:
                continue
            # Keep a single read among thousands visible.
            height = max(HEIGHT * count / top, 1.5)
            bottom -= height
            yield Bar(
                kind,
                round(index * step + _GAP / 2, 2),
                round(bottom, 2),
                round(step - _GAP, 2),
                round(height, 2),
            )


def _round_up(count: int) -> int:
    """Return the next of 10, 20, 50, 100, 200, 500 ..."""
    unit = 10
    while True:
        for factor in (1, 2, 5):
            if count <= unit * factor:
                return unit * factor
        unit *= 10
