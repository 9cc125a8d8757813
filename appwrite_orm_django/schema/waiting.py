"""Wait for columns and indexes, which the server creates and deletes asynchronously."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from appwrite_orm_django.client.errors import ColumnNotAvailable

from .definitions import Column, Index
from .errors import NotAvailable

T = TypeVar("T", Column, Index)
R = TypeVar("R")

#: The first pause is short, because a column takes 0.04 to 0.15 s on an idle server.
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


class Waiter:
    """
    Poll columns and indexes, with growing pauses, until they reach a state.

    Args:
        deadline_s: the time limit in seconds for all objects of a call.
        clock: returns monotonic seconds; tests replace it.
        sleep: waits for a number of seconds; tests replace it.
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

    def until_available(
        self, wanted: Iterable[tuple[str, str]], read: Callable[[str], Sequence[T]], noun: str
    ) -> None:
        """
        Wait until columns or indexes are available.

        Args:
            wanted: pairs of a table id and a key.
            read: returns the columns, or the indexes, of a table.
            noun: the word for the objects in an error message.

        Raises:
            NotAvailable: an object has failed, or is not available in time.
        """

        def open_of(table: str, keys: set[str]) -> set[str]:
            found = {item.key.lower(): item for item in read(table)}
            _refuse_failed(
                table, [found[key.lower()] for key in keys if key.lower() in found], noun
            )
            return {
                key
                for key in keys
                if key.lower() not in found or found[key.lower()].status != "available"
            }

        self._poll(wanted, open_of, noun, "available")

    def until_available_or_gone(
        self, wanted: Iterable[tuple[str, str]], read: Callable[[str], Sequence[T]], noun: str
    ) -> set[tuple[str, str]]:
        """
        Wait until columns or indexes are available, and return those that were dropped meanwhile.

        Raises:
            NotAvailable: an object has failed, or is neither available nor gone in time.
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
        is_another: Callable[[str, T], bool] = lambda _table, _item: False,
    ) -> list[tuple[str, T]]:
        """
        Wait until none of the columns or indexes exists.

        Args:
            stays: returns whether the server has given up the deletion of an object. Such objects
                are returned with their tables instead.
            is_another: returns whether an object of a table has replaced the one that is to go.
        """
        staying: list[tuple[str, T]] = []

        def open_of(table: str, keys: set[str]) -> set[str]:
            found = {item.key.lower(): item for item in read(table)}
            there = {
                key
                for key in keys
                if key.lower() in found and not is_another(table, found[key.lower()])
            }
            given_up = {key for key in there if stays(found[key.lower()])}
            staying.extend((table, found[key.lower()]) for key in sorted(given_up))
            return there - given_up

        self._poll(unwanted, open_of, noun, "gone")
        return staying

    def those_gone(
        self, items: Iterable[tuple[str, str]], read: Callable[[str], Sequence[T]], noun: str
    ) -> set[tuple[str, str]]:
        """Wait until no column or index is being deleted, and return those that are gone."""
        gone: set[tuple[str, str]] = set()

        def open_of(table: str, keys: set[str]) -> set[str]:
            found = {item.key.lower(): item for item in read(table)}
            gone.update((table, key) for key in keys if key.lower() not in found)
            return {
                key
                for key in keys
                if key.lower() in found and found[key.lower()].status == "deleting"
            }

        self._poll(items, open_of, noun, "gone")
        return gone

    def until_known(self, act: Callable[[], R]) -> R:
        """
        Do what needs columns that are available, until the server knows that they are.

        A column reads "available" while the server's cache of its table, which every other request
        relies on, is still behind, for several requests on a busy machine.

        Raises:
            ColumnNotAvailable: the server still does not know it in time.
        """
        deadline = self._clock() + self._deadline_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return act()
            except ColumnNotAvailable:
                if self._clock() >= deadline:
                    raise
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _poll(
        self,
        items: Iterable[tuple[str, str]],
        open_of: Callable[[str, set[str]], set[str]],
        noun: str,
        state: str,
    ) -> None:
        waiting: dict[str, set[str]] = defaultdict(set)
        for table, key in items:
            waiting[table].add(key)
        deadline = self._clock() + self._deadline_s
        pause_s = FIRST_PAUSE_S
        while True:
            waiting = {
                table: left for table, keys in waiting.items() if (left := open_of(table, keys))
            }
            if not waiting:
                return
            if self._clock() >= deadline:
                named = ", ".join(
                    f"{table}.{key}"
                    for table, keys in sorted(waiting.items())
                    for key in sorted(keys)
                )
                raise NotAvailable(
                    f"{noun} {named}: not {state} after {self._deadline_s:.0f} s. Is Appwrite's "
                    "worker for databases running?\n"
                    "Run the migration again to continue."
                )
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _refuse_failed(table: str, items: Iterable[Column | Index], noun: str) -> None:
    for item in items:
        if item.status in {"failed", "stuck"}:
            reason = f": {item.error}" if item.error else ""
            raise NotAvailable(
                f"{noun} {table}.{item.key} is {item.status}{reason}.\nRun the migration again "
                "to drop and recreate it."
            )
