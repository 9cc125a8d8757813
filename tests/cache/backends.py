"""Cache backends that count, fail or lie on demand."""

import threading
from collections.abc import Callable

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache

ROUND_TRIPS = (
    "get_many",
    "set_many",
    "set",
    "add",
    "get",
    "delete",
    "delete_many",
    "touch",
    "incr",
)


class Script:
    """What the backend is to do; one for all connections, as a server would be."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fault: Callable[[str], Exception | None] = lambda name: None
        self.silent = False
        self.effect = False
        self.inside = threading.local()


SCRIPT = Script()


class ScriptedCache(LocMemCache):
    """Counts round trips as a networked cache would have them, and fails as ``SCRIPT`` says."""

    @property
    def _ignore_exceptions(self) -> bool:
        return SCRIPT.silent


def _scripted(name: str):
    original = getattr(LocMemCache, name)

    def call(self, *args, **kwargs):
        if getattr(SCRIPT.inside, "on", False):
            return original(self, *args, **kwargs)
        SCRIPT.calls.append(name)
        fault = SCRIPT.fault(name)
        SCRIPT.inside.on = True
        try:
            if fault is None:
                return original(self, *args, **kwargs)
            if SCRIPT.effect:
                original(self, *args, **kwargs)
        finally:
            SCRIPT.inside.on = False
        if SCRIPT.silent:
            return {} if name == "get_many" else None
        raise fault

    return call


for _name in ROUND_TRIPS:
    setattr(ScriptedCache, _name, _scripted(_name))


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


class TimedCache(LocMemCache):
    """Forgets keys by ``clock``, of which there is one for all connections."""

    clock = Clock()

    def get_backend_timeout(self, timeout=DEFAULT_TIMEOUT):
        seconds = self.default_timeout if timeout == DEFAULT_TIMEOUT else timeout
        return None if seconds is None else self.clock() + seconds

    def _has_expired(self, key):
        ends_at = self._expire_info.get(key, -1)
        return ends_at is not None and ends_at <= self.clock()
