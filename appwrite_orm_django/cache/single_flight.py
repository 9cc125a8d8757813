"""Loads under way in this process: N readers that miss the same entry under the same tokens share one load."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeAlias

from appwrite_orm_django.cache.protocol import Loaded

Key: TypeAlias = tuple[str, tuple[int, ...]]
Flight: TypeAlias = Future[Loaded | None]

_KEPT_S = 1.0
_KEPT = 64
_KEPT_BYTES = 256 * 1024


class Flights:
    """
    Loads by entry and tokens.

    A load that is over is kept for a moment: a reader that looked into the cache just before the entry was stored, and here just after,
    would load again. Its tokens say that it may use the result, just as they would if it had come from the cache.

    Attributes:
        stored: how many loads have ended and been stored; for a reader to note before it looks into the cache.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: dict[Key, Flight] = {}
        self._over: OrderedDict[Key, tuple[float, float, Loaded]] = OrderedDict()
        self.stored = 0

    def after_fork(self) -> None:
        """Forget the parent's loads: nobody here will end them."""
        self._lock = threading.Lock()
        self._under_way.clear()
        self._over.clear()

    def join(self, key: Key, stored: int) -> tuple[Flight | None, Loaded | None]:
        """
        Return a load to wait for, or the result of one not yet stored when ``stored`` was noted, or (None, None).

        In the last case the caller loads, and has to call ``land``, and ``end`` when the result is stored.
        """
        with self._lock:
            flight = self._under_way.get(key)
            if flight is not None:
                return flight, None
            over = self._over.get(key)
            if over is not None and over[1] > stored and over[0] > self._clock():
                return None, over[2]
            self._under_way[key] = Future()
            return None, None

    def land(self, key: Key, loaded: Loaded | None) -> None:
        """End a load; None if it failed, whereupon each of those waiting loads by itself."""
        with self._lock:
            flight = self._under_way.pop(key, None)
            if loaded is not None and loaded.body is not None and len(loaded.body) <= _KEPT_BYTES:
                self._over[key] = (self._clock() + _KEPT_S, math.inf, loaded._replace(value=None))
            while self._over and (len(self._over) > _KEPT or next(iter(self._over.values()))[0] <= self._clock()):
                self._over.popitem(last=False)
        if flight is not None and not flight.done():
            flight.set_result(loaded)

    def end(self, key: Key) -> None:
        """Say that the result of a load is stored, or never will be: who looks into the cache from now on has no need of it here."""
        with self._lock:
            self.stored += 1
            over = self._over.get(key)
            if over is not None:
                self._over[key] = (over[0], self.stored, over[2])
