"""
Lists of values, hammered: rows move between categories, come and go, and are written in every way.

A row's number decides in which category it is, or whether it is there at all. Each row is written
by one process only, which notes each number before it writes it. So what a read has seen of a row
must be explained by a number between the last one that had returned before the read, and the last
one that had begun after it.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.hammer.network import enter
from benchmarks.hammer.orm import OrmSession, OrmStore
from benchmarks.hammer.running import Board

CATEGORIES = ("a", "b", "c")
# How many numbers a row stays in a category for, and how often it is not there.
_STAYS_FOR = 3
_GONE_EVERY = 11


def category_of(row: int, number: int) -> str | None:
    """Return the category of a row after so many writes, None if it is deleted then."""
    if number % _GONE_EVERY == _GONE_EVERY - 1:
        return None
    return CATEGORIES[(row + number // _STAYS_FOR) % len(CATEGORIES)]


class ValuesSession(OrmSession):
    """A process's Django on rows that are cached by value."""

    def __init__(self, store: OrmStore) -> None:
        super().__init__(store)
        from benchmarks.shop.versions import Hot

        self._model: Any = Hot
        prepared = {one: Hot.objects.filter(category=one).prepared() for one in CATEGORIES}
        self._lists: tuple[Callable[[str], Iterable[Any]], ...] = (
            lambda one: Hot.objects.filter(category=one),
            lambda one: prepared[one],
            lambda one: Hot.objects.filter(category=one, number__gte=0).order_by("-number"),
            lambda one: Hot.objects.filter(category__in=[one]).order_by("pk"),
        )
        self._ways = (
            self._save,
            self._update,
            self._in_a_block,
            self._in_a_block,
            self._blindly_in_a_block,
            self._with_a_savepoint,
            self._with_another,
            self._in_bulk,
        )

    def new_rows(self, rows: tuple[str, ...]) -> list[Any]:
        return [
            self._model(pk=row, number=0, category=category_of(position, 0))
            for position, row in enumerate(rows)
        ]

    def list_of(self, category: str) -> dict[str, int]:
        return {one.pk: one.number for one in random.choice(self._lists)(category)}

    # Writing

    def make(self, row: str, number: int, category: str | None, other: str) -> bool:
        """
        Give a row this number and category, whatever it was before.

        Args:
            other: a row that may be written as well, but not changed.

        Returns:
            Whether the write has returned.
        """
        if category is None:
            return self._unless_refused(lambda: self._delete(row)) is not None
        way = random.choice(self._ways)
        return self._unless_refused(lambda: self._made(way, row, number, category, other)) is True

    def _made(self, way: Any, row: str, number: int, category: str, other: str) -> bool:
        if way(row, number, category, other):
            return True
        self._rows.create(pk=row, number=number, category=category)
        return True

    def _delete(self, row: str) -> bool:
        if random.random() < 0.5:
            self._rows.filter(pk=row).delete()
            return True
        with self._atomic():
            for one in self._rows.filter(pk=row):
                one.delete()
        return True

    def _atomic(self) -> Any:
        from django.db import transaction

        return transaction.atomic(using=self._using)

    def _save(self, row: str, number: int, category: str, _: str) -> bool:
        for one in self._rows.nocache().filter(pk=row):
            one.number, one.category = number, category
            one.save()
            return True
        return False

    def _update(self, row: str, number: int, category: str, _: str) -> bool:
        return bool(self._rows.filter(pk=row).update(number=number, category=category))

    def _in_a_block(self, row: str, number: int, category: str, _: str) -> bool:
        with self._atomic():
            for one in self._rows.filter(pk=row):
                one.number, one.category = number, category
                one.save()
                return True
        return False

    def _blindly_in_a_block(self, row: str, number: int, category: str, _: str) -> bool:
        with self._atomic():
            return bool(self._rows.filter(pk=row).update(number=number, category=category))

    def _with_a_savepoint(self, row: str, number: int, category: str, _: str) -> bool:
        from django.db import transaction

        with self._atomic():
            made = self._rows.filter(pk=row).update(number=number, category=category)
            before = transaction.savepoint(using=self._using)
            self._rows.filter(pk=row).update(number=-1, category=random.choice(CATEGORIES))
            transaction.savepoint_rollback(before, using=self._using)
        return bool(made)

    def _with_another(self, row: str, number: int, category: str, other: str) -> bool:
        with self._atomic():
            for one in self._rows.filter(pk=other):
                one.save()
            return bool(self._rows.filter(pk=row).update(number=number, category=category))

    def _in_bulk(self, row: str, number: int, category: str, _: str) -> bool:
        found = list(self._rows.nocache().filter(pk=row))
        for one in found:
            one.number, one.category = number, category
        self._rows.bulk_update(found, ["number", "category"])
        return bool(found)

    def count(self, row: str) -> bool:
        """Add one to the number of a row that stays in its category; return as ``make`` does."""
        from django.db.models import F

        return bool(
            self._unless_refused(lambda: self._rows.filter(pk=row).update(number=F("number") + 1))
        )


def read_values_on(store: OrmStore, board: Board, number: int, tell: bool, place: str) -> None:
    """Read until it is over: each list must be explained by what was written."""
    if place:
        enter(place)
    session = ValuesSession(store)
    throw = random.Random(number)
    while not board.over.value:
        category = throw.choice(CATEGORIES)
        least = [board.least(position) for position in range(len(store.rows))]
        try:
            seen = session.list_of(category)
        except Exception as exc:  # noqa: BLE001 - as in ``read_on``
            board.errors[number] += 1
            print(f"reader {number}: {exc!r}", file=sys.stderr)
            continue
        begun = board.begun[:]
        board.reads[number] += 1
        if board.reads[number] % 20 == 0:
            board.hits[number] = session.hits()
        wrong = [
            f"{name} is {seen.get(name)} in {category}, had returned as {least[position]}, begun as "
            f"{begun[position]}"
            for position, name in enumerate(store.rows)
            if not _explains(position, category, seen.get(name), least[position], begun[position])
        ]
        board.old[number] += len(wrong)
        board.old_reads[number] += bool(wrong)
        if tell and wrong:
            print(f"reader {number}: " + "; ".join(wrong), file=sys.stderr)


def _explains(row: int, category: str, seen: int | None, least: int, begun: int) -> bool:
    if seen is None:
        return any(category_of(row, one) != category for one in range(least, begun + 1))
    return least <= seen <= begun and category_of(row, seen) == category


def write_values_on(store: OrmStore, board: Board, number: int, pause_s: float) -> None:
    """Write until it is over, or killed."""
    session = ValuesSession(store)
    throw = random.Random()
    own = range(number, len(store.rows), len(board.returned))
    if any(board.begun[position] != board.least(position) for position in own):
        time.sleep(1)  # until nothing that the process before this one had sent is under way
    while not board.over.value:
        position = throw.choice(own)
        try:
            version = _write(session, store, board, position, throw.choice(own))
        except Exception as exc:  # noqa: BLE001 - as in ``write_on``
            board.failed[number] += 1
            print(f"writer {number}: {exc!r}", file=sys.stderr)
        else:
            board.refused[number] += version is None
            if version is not None:
                board.returned[number][position] = version
                board.writes[number] += 1
                board.removals[number] += category_of(position, version) is None
        time.sleep(throw.uniform(0, 2 * pause_s))


def _write(
    session: ValuesSession, store: OrmStore, board: Board, position: int, other: int
) -> int | None:
    before, row = board.begun[position], store.rows[position]
    version = before + 1
    category = category_of(position, version)
    stays = category is not None and category_of(position, before) == category
    board.begun[position] = version
    # An increment needs to know that the row has the number before.
    if stays and board.least(position) == before and random.random() < 0.5:
        return version if session.count(row) else None
    return version if session.make(row, version, category, store.rows[other]) else None
