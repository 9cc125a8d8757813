"""Run the generators of the protocol: operate on the store, call the load, and wait."""

import logging
import random
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import TimeoutError as WaitTimeout
from contextvars import ContextVar
from typing import Any, NamedTuple

from appwrite_orm_django.cache.single_flight import Flight

from . import entries
from .core import Core
from .operations import (
    Bump,
    Claim,
    Drop,
    Fill,
    GetMany,
    Join,
    Lease,
    Load,
    Loaded,
    LoadFailed,
    Mint,
    Operation,
    Pause,
    Release,
)

logger = logging.getLogger("appwrite_orm_django.cache")

# A load that itself reads through the cache must not wait for another thread's load, which may be
# waiting for this one.
_loading: ContextVar[bool] = ContextVar("appwrite_cache_loading", default=False)


def is_loading() -> bool:
    """Return whether this thread or task is loading an entry: what it reads will be part of it."""
    return _loading.get()


class Look(NamedTuple):
    """A first look into the cache, with the state of this process as noted just before it."""

    found: dict[str, Any] | None
    minted: int
    stored: int


def look(core: Core, keys: Sequence[str], tokens: int) -> Look:
    """
    Look into the cache.

    Most reads are hits, and a hit needs no more than this, so no generator is started for it.
    """
    minted, stored = core.store.mint_sequence, core.flights.stored
    return Look(core.store.get_many(keys, tokens), minted, stored)


def drive(
    core: Core,
    program: Generator[Operation, Any, Any],
    load: Callable[[], Any] | None = None,
    first: Look | None = None,
) -> Any:
    """
    Run a generator to its end and return its result; raise only what ``load`` raises.

    Args:
        load: reads from Appwrite; required if the generator may yield ``Load``.
        first: a look that answers the first operation.
    """
    run = _Run(core, first)
    answer: Any = None
    failure: Exception | None = None
    try:
        while True:
            try:
                if answer is LoadFailed:
                    operation = program.throw(LoadFailed())
                else:
                    operation = program.send(answer)
            except StopIteration as stop:
                return stop.value
            except LoadFailed:
                assert failure is not None  # noqa: S101
                try:
                    raise failure from None
                finally:
                    failure = None  # no cycle of error, traceback and frame: see Transport.call
            if type(operation) is GetMany:
                answer = run.first_look() if run.has_looked else run.get_many(operation)
            elif type(operation) is Load:
                assert load is not None  # noqa: S101 - only a read loads
                try:
                    answer = run.load(operation, load)
                except Exception as exc:  # noqa: BLE001 - raised above
                    run.end()  # those who wait load by themselves
                    failure, answer = exc, LoadFailed
            elif type(operation) is Join:
                flight, answer = run.join(operation)
                if flight is not None:
                    try:
                        answer = run.joined(flight.result(timeout=core.protocol.lock_ttl))
                    except WaitTimeout:
                        answer = None
            elif type(operation) is Pause:
                pause = run.pause_s(operation)
                if pause is not None:
                    time.sleep(pause)
                answer = pause is not None
            else:
                answer = run.write(operation)
    finally:
        run.end()


class _Run:
    """One run of a generator."""

    __slots__ = ("_core", "_flight", "_landed", "_look", "has_looked")

    def __init__(self, core: Core, first: Look | None) -> None:
        self._core = core
        self._flight: tuple[str, tuple[int, ...]] | None = None
        self._landed = False
        self._look = first
        self.has_looked = first is not None

    def first_look(self) -> dict[str, Any] | None:
        assert self._look is not None  # noqa: S101
        self.has_looked = False
        return self._look.found

    def get_many(self, operation: GetMany) -> dict[str, Any] | None:
        self._look = look(self._core, operation.keys, operation.tokens)
        return self._look.found

    def write(self, operation: Operation) -> bool | set[str] | None:
        store = self._core.store
        if isinstance(operation, Fill):
            return store.fill(operation.items, operation.timeout)
        if isinstance(operation, Bump):
            return store.bump(operation)
        if isinstance(operation, Claim):
            return store.claim(operation.locks, operation.life_s)
        if isinstance(operation, Mint):
            return store.mint(operation, self._look.minted if self._look else 0)
        if isinstance(operation, Release):
            store.release(operation.key)
            return True
        if isinstance(operation, Drop):
            store.drop(operation.keys)
            return True
        assert isinstance(operation, Lease)  # noqa: S101
        return store.lease(operation.key, operation.life_s)

    def pause_s(self, operation: Pause) -> float | None:
        """
        Return the seconds to wait for the process that loads: 10 ms, doubling to 0.2 s.

        Each pause varies by half at random. None if the limit has passed.
        """
        pause = min(0.01 * 2.0**operation.attempt, 0.2)
        waited = sum(min(0.01 * 2.0**attempt, 0.2) for attempt in range(operation.attempt))
        if waited >= operation.limit_s:
            return None
        return pause * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load

    def join(self, operation: Join) -> tuple[Flight | None, Loaded | None]:
        """Return a load to wait for, or a finished one; if there is neither, this run loads."""
        if _loading.get():
            return None, None
        # Noted first: an exception that comes in between, as from a signal's handler, must not leave
        # a load that nobody ends.
        self._flight = key = (operation.entry, operation.tokens)
        flight, loaded = self._core.flights.join(key, self._look.stored if self._look else 0)
        if flight is not None or loaded is not None:
            self._flight = None
        return flight, self.joined(loaded)

    def joined(self, loaded: Loaded | None) -> Loaded | None:
        return loaded if loaded is not None and loaded.body is not None else None

    def load(self, operation: Load, load: Callable[[], Any]) -> Loaded:
        started = time.perf_counter()
        was_loading = _loading.get()
        try:
            _loading.set(True)
            value = load()
        finally:
            _loading.set(was_loading)
        return self._loaded(operation, value, time.perf_counter() - started)

    def _loaded(self, operation: Load, value: Any, seconds: float) -> Loaded:
        loaded = Loaded(
            value, self._body(value) if operation.sealed else None, seconds, time.time()
        )
        if self._flight is not None:
            self._core.flights.land(self._flight, loaded)
            self._landed = True
        return loaded

    def _body(self, value: Any) -> bytes | None:
        try:
            return entries.encode(value, compress_above=self._core.settings.compress_above)
        except Exception as exc:  # noqa: BLE001 - pickling may raise anything
            logger.warning("a result cannot be cached: %r", exc)
            return None

    def end(self) -> None:
        """Release the readers that wait for a load that failed; each then loads by itself."""
        if self._flight is not None:
            flight, self._flight = self._flight, None
            if not self._landed:
                self._core.flights.land(flight, None)
            self._core.flights.end(flight)
