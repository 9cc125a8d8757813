"""Let concurrent readers in one process share a load of the same entry under the same tokens."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeAlias

from appwrite_orm_django.cache.operations import Loaded

Key: TypeAlias = tuple[str, tuple[int, ...]]
Flight: TypeAlias = Future[Loaded | None]

_KEPT_S = 1.0
_KEPT = 64
_KEPT_BYTES = 256 * 1024


class Flights:
    """
    Loads in flight, by entry and tokens.

    A finished load is kept for a moment. A reader may have looked into the cache just before the
    entry was stored, and arrive here just after; it would load again. Equal tokens allow it to use
    the result, as if it had come from the cache.

    Attributes:
        stored: how many loads have ended and been stored; readers note it before they look into the
            cache.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: dict[Key, Flight] = {}
        self._over: OrderedDict[Key, tuple[float, float, Loaded]] = OrderedDict()
        self.stored = 0

    def after_fork(self) -> None:
        """Forget the parent's loads, which no thread of this process will end."""
        self._lock = threading.Lock()
        self._under_way.clear()
        self._over.clear()

    def join(self, key: Key, stored: int) -> tuple[Flight | None, Loaded | None]:
        """
        Return a load to wait for, a finished load, or (None, None).

        A finished load is returned only if it was not yet stored when ``stored`` was noted. On
        (None, None) the caller must load, call ``land``, and call ``end`` once the result is
        stored.
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
        """End a load. None means that it failed; then each waiting reader loads by itself."""
        with self._lock:
            flight = self._under_way.pop(key, None)
            if loaded is not None and loaded.body is not None and len(loaded.body) <= _KEPT_BYTES:
                self._over[key] = (self._clock() + _KEPT_S, math.inf, loaded._replace(value=None))
            while self._over and (
                len(self._over) > _KEPT or next(iter(self._over.values()))[0] <= self._clock()
            ):
                self._over.popitem(last=False)
        if flight is not None and not flight.done():
            flight.set_result(loaded)

    def end(self, key: Key) -> None:
        """Note that a load is stored, or never will be; later readers do not need it here."""
        with self._lock:
            self.stored += 1
            over = self._over.get(key)
            if over is not None:
                self._over[key] = (over[0], self.stored, over[2])
