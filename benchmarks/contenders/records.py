"""The rows that all contenders read: the same six columns, the same values."""

import datetime
import random
from typing import Any

COLUMNS = ("id", "name", "stock", "active", "created_at", "updated_at")


def records(count: int) -> list[dict[str, Any]]:
    """Make rows; the same ones every time."""
    throw = random.Random(7)
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    moment = lambda: start + datetime.timedelta(milliseconds=throw.randrange(10**10))  # noqa: E731
    return [
        {
            "id": f"{throw.getrandbits(80):020x}",
            "name": f"Product number {number}",
            "stock": throw.randrange(10**6),
            "active": throw.random() < 0.5,
            "created_at": moment(),
            "updated_at": moment(),
        }
        for number in range(count)
    ]
