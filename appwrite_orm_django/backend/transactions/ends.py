"""Track whether a block was committed, and whether Django opened it itself."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db.transaction import Atomic

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

Moments = Mapping[str, Any]


class BlockEnd:
    """
    Whether the writes of a block so far were committed.

    After a rollback, also of a savepoint, they never are.

    Attributes:
        committed: whether they were committed.
        written: the moments that the server has set for each committed row, by table and folded row
            id; None if unknown. All ends of one block share this mapping.
    """

    __slots__ = ("committed", "written")

    def __init__(self, written: dict[tuple[Any, str], Moments | None] | None = None) -> None:
        self.committed = False
        self.written: dict[tuple[Any, str], Moments | None] = {} if written is None else written


# Functions of Django that write any number of rows and open ``atomic`` around the writes.
_DJANGOS_OWN = frozenset(
    {
        ("django.db.models.query", "bulk_create"),
        ("django.db.models.query", "bulk_update"),
        ("django.db.models.deletion", "delete"),
        ("django.core.management.commands.loaddata", "handle"),
    }
)


def is_opened_by_django() -> bool:
    """
    Return whether Django itself opens the ``atomic`` that is being entered, around many writes.

    This is decided by the function that enters it. A block opened by any other code must be
    committed as a whole.
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code is not Atomic.__enter__.__code__:
        frame = frame.f_back
    opener = None if frame is None else frame.f_back
    return (
        opener is not None
        and (opener.f_globals.get("__name__"), opener.f_code.co_name) in _DJANGOS_OWN
    )


def uncommitted(connection: BaseDatabaseWrapper) -> BlockEnd | None:
    """Return the end of the open block of a connection; None if nothing waits to be committed."""
    transaction = getattr(connection, "transaction", None)
    if transaction is not None:
        return transaction.log.end if transaction.log else None
    # For other databases it is only known that a block is open.
    return BlockEnd() if connection.in_atomic_block else None
