"""Waiting for columns and indexes, which the server makes and deletes in its own time."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from .definitions import Column, Index
from .errors import NotAvailable

T = TypeVar("T", Column, Index)

#: The first look comes soon: a column takes 0.04 to 0.15 s on an idle server.
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


class Waiter:
    """
    Polls until things are as they should be, with growing pauses.

    Args:
        deadline_s: how long to wait for everything that one call names.
        clock: seconds, monotonic; injected by tests, as ``sleep`` is.
    """

    def __init__(
        self,
        deadline_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._deadline_s = deadline_s
        self._clock = clock
        self._sleep = sleep

    def until_available(self, wanted: Iterable[tuple[str, str]], read: Callable[[str], Sequence[T]], noun: str) -> None:
        """
        Wait until columns or indexes can be used.

        Args:
            wanted: table ids and keys.
            read: gives the columns, or the indexes, of a table.
            noun: what they are called in a message.

        Raises:
            NotAvailable: one has failed, or not all are there in time.
        """

        def open_of(table: str, keys: set[str]) -> set[str]:
            found = {item.key.lower(): item for item in read(table)}
            _refuse_failed(table, [found[key.lower()] for key in keys if key.lower() in found], noun)
            return {key for key in keys if key.lower() not in found or found[key.lower()].status != "available"}

        self._poll(wanted, open_of, noun, "available")

    def until_available_or_gone(
        self, wanted: Iterable[tuple[str, str]], read: Callable[[str], Sequence[T]], noun: str
    ) -> set[tuple[str, str]]:
        """
        Wait as ``until_available``, and return those that another client has dropped meanwhile: they would be waited for in vain.

        Raises:
            NotAvailable: one has failed, or is neither available nor gone in time.
        """
        gone: set[tuple[str, str]] = set()

        def open_of(table: str, keys: set[str]) -> set[str]:
            found = {item.key.lower(): item for item in read(table)}
            there = {key for key in keys if key.lower() in found}
            gone.update((table, key) for key in keys - there)
            _refuse_failed(table, [found[key.lower()] for key in there], noun)
            return {key for key in there if found[key.lower()].status != "available"}

        self._poll(wanted, open_of, noun, "available")
        return gone

    def until_gone(
        self,
        unwanted: Iterable[tuple[str, str]],
        read: Callable[[str], Sequence[T]],
        noun: str,
        stays: Callable[[T], bool] = lambda _item: False,
    ) -> list[tuple[str, T]]:
        """
        Wait until none of these is there any more.

        Args:
            stays: whether the server has given up deleting one. Such are not waited for, but returned, with their tables.
        """
        staying: list[tuple[str, T]] = []

        def open_of(table: str, keys: set[str]) -> set[str]:
            found = {item.key.lower(): item for item in read(table)}
            there = {key for key in keys if key.lower() in found}
            given_up = {key for key in there if stays(found[key.lower()])}
            staying.extend((table, found[key.lower()]) for key in sorted(given_up))
            return there - given_up

        self._poll(unwanted, open_of, noun, "gone")
        return staying

    def those_gone(
        self, items: Iterable[tuple[str, str]], read: Callable[[str], Sequence[T]], noun: str
    ) -> set[tuple[str, str]]:
        """Wait until none of these is being deleted, and return those that have gone."""
        gone: set[tuple[str, str]] = set()

        def open_of(table: str, keys: set[str]) -> set[str]:
            found = {item.key.lower(): item for item in read(table)}
            gone.update((table, key) for key in keys if key.lower() not in found)
            return {key for key in keys if key.lower() in found and found[key.lower()].status == "deleting"}

        self._poll(items, open_of, noun, "gone")
        return gone

    def _poll(
        self, items: Iterable[tuple[str, str]], open_of: Callable[[str, set[str]], set[str]], noun: str, state: str
    ) -> None:
        waiting: dict[str, set[str]] = defaultdict(set)
        for table, key in items:
            waiting[table].add(key)
        deadline = self._clock() + self._deadline_s
        pause_s = FIRST_PAUSE_S
        while True:
            waiting = {table: left for table, keys in waiting.items() if (left := open_of(table, keys))}
            if not waiting:
                return
            if self._clock() >= deadline:
                named = ", ".join(f"{table}.{key}" for table, keys in sorted(waiting.items()) for key in sorted(keys))
                raise NotAvailable(
                    f"{noun} {named}: not {state} after {self._deadline_s:.0f} s. Is Appwrite's worker for databases running?\n"
                    "Run appwrite_migrate again to go on."
                )
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _refuse_failed(table: str, items: Iterable[Column | Index], noun: str) -> None:
    for item in items:
        if item.status in {"failed", "stuck"}:
            reason = f": {item.error}" if item.error else ""
            raise NotAvailable(
                f"{noun} {table}.{item.key} is {item.status}{reason}.\nRun appwrite_migrate again to drop and make it anew."
            )
