"""Keep the reads per minute of the last hour for a chart, in a few hundred bytes per process."""

import json
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["MINUTES", "History", "Minute"]

#: How many minutes are kept.
MINUTES = 60


class Minute(NamedTuple):
    """
    The reads of one minute, over all tables.

    Attributes:
        number: Unix time in whole minutes.
        hits: reads that the cache answered, also with entries within their ``max_age``.
        passed: reads that bypassed the cache, and stale entries served because Appwrite could not
            be reached.
    """

    number: int
    hits: int = 0
    misses: int = 0
    passed: int = 0

    @property
    def reads(self) -> int:
        return self.hits + self.misses + self.passed


class History:
    """
    The minutes of one process, computed from running totals that are noted now and then.

    Reads counted since the last note belong to the minute of the next one, so frequent notes are
    more exact.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything; the totals restart at zero."""
        self._minutes: dict[int, Minute] = {}
        self._told = Minute(0)

    def note(self, hits: int, misses: int, passed: int, now: float) -> None:
        """Note the totals so far."""
        number = int(now // 60)
        before, self._told = self._told, Minute(0, hits, misses, passed)
        new = Minute(number, hits - before.hits, misses - before.misses, passed - before.passed)
        if new.reads > 0:
            self._minutes[number] = added([*self._minutes.values(), new])[number]
        for old in [minute for minute in self._minutes if minute <= number - MINUTES]:
            del self._minutes[old]

    def to_json(self) -> str:
        """Serialize the minutes for ``from_json``."""
        return json.dumps(list(self._minutes.values()))

    def minutes(self) -> list[Minute]:
        return list(self._minutes.values())


def from_json(text: str) -> list[Minute]:
    """Parse another process's minutes; return none if another version wrote them differently."""
    try:
        return [Minute(*map(int, values)) for values in json.loads(text or "[]")]
    except (TypeError, ValueError):
        return []


def added(minutes: Iterable[Minute]) -> dict[int, Minute]:
    """Add up the minutes of several processes, by number."""
    found: dict[int, Minute] = {}
    for one in minutes:
        other = found.get(one.number, Minute(one.number))
        found[one.number] = Minute(
            one.number, one.hits + other.hits, one.misses + other.misses, one.passed + other.passed
        )
    return found


def last_hour(minutes: Iterable[Minute], now: float) -> list[Minute]:
    """Return the last sixty minutes, oldest first, including those without reads."""
    found = added(minutes)
    end = int(now // 60)
    return [found.get(number, Minute(number)) for number in range(end - MINUTES + 1, end + 1)]
