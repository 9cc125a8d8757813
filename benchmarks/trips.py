"""
Count the files of the library that one call enters: ``python -m benchmarks.trips``.

A reader who follows a call has to open each of these files, and to change files at each crossing.
Both are counted with ``sys.setprofile`` over the functions of the package, the local Appwrite left
out, on the second call of each kind: the first also imports. The counts are the same on every
machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.orm_site import configure

PACKAGE = Path(__file__).parents[1] / "appwrite_orm_django"


class Trip:
    """The files that a call entered, in order, each counted again when another file came in between."""

    def __init__(self) -> None:
        self.visits: list[str] = []

    @property
    def files(self) -> set[str]:
        return set(self.visits)

    @property
    def crossings(self) -> int:
        return max(0, len(self.visits) - 1)

    def record(self, call: Callable[[], Any]) -> Trip:
        sys.setprofile(self._enter)
        try:
            call()
        finally:
            sys.setprofile(None)
        return self

    def _enter(self, frame: FrameType, event: str, _argument: object) -> None:
        if event not in {"call", "return"}:
            return
        # On a return the reader is back in the caller's file.
        current = frame if event == "call" else frame.f_back
        name = current.f_code.co_filename if current is not None else ""
        with suppress(ValueError):
            path = Path(name).relative_to(PACKAGE)
            if not self.visits or self.visits[-1] != str(path):
                self.visits.append(str(path))


def measure() -> dict[str, Trip]:
    """Return the trips by the name of the call, against a local Appwrite in memory."""
    configure("local:", cache=True)
    from django.core.management import call_command
    from django.db import connections, transaction

    from benchmarks.shop.items import Item

    call_command("appwrite_migrate", verbosity=0)
    first, second = (
        Item.objects.create(name=name, stock=1, active=True) for name in ("first", "second")
    )

    def change_both() -> None:
        with transaction.atomic(using="appwrite"):
            for item in (first, second):
                read = Item.objects.get(pk=item.pk)
                read.stock += 1
                read.save()

    def save() -> None:
        first.stock += 1
        first.save()

    def add_column() -> None:
        from django.db import models

        field = models.IntegerField(default=0)
        name = f"added_{add_column.times}"
        add_column.times += 1
        field.set_attributes_from_name(name)
        field.model = Item
        with connections["appwrite"].schema_editor() as editor:
            editor.add_field(Item, field)

    add_column.times = 0
    calls: dict[str, Callable[[], Any]] = {
        "filter(), cache off": lambda: list(Item.objects.nocache().filter(stock__gt=0)),
        "filter(), a cached hit": lambda: list(Item.objects.filter(stock__gt=0)),
        "save()": save,
        "atomic(), two rows changed": change_both,
        "migrate, one column added": add_column,
    }
    trips = {}
    for name, call in calls.items():
        call()
        trips[name] = Trip().record(call)
    return trips


def main() -> None:
    """Print the counts, and with ``--files`` the files."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--files", action="store_true", help="List the files of each call.")
    arguments = parser.parse_args()
    print("| call | files | crossings |\n|---|---|---|")
    trips = measure()
    for name, trip in trips.items():
        print(f"| {name} | {len(trip.files)} | {trip.crossings} |")
    if arguments.files:
        for name, trip in trips.items():
            print(
                f"\n{name}\n"
                + "\n".join(f"  {file} ({trip.visits.count(file)})" for file in sorted(trip.files))
            )


if __name__ == "__main__":
    main()
