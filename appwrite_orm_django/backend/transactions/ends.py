"""Ends of blocks: whether one was committed, and whether Django opened it by itself."""

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
    Whether what a block has written so far was committed. After a rollback, also one to a savepoint, it never is.

    Attributes:
        written: the rows that the block has committed, by table and folded row id: what is known of the moments that the server has
            given them, else None. All ends of one block share it.
    """

    __slots__ = ("committed", "written")

    def __init__(self, written: dict[tuple[Any, str], Moments | None] | None = None) -> None:
        self.committed = False
        self.written: dict[tuple[Any, str], Moments | None] = {} if written is None else written


# Functions of Django that write any number of rows and open ``atomic`` around it by themselves.
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
    Return whether the ``atomic`` that is being entered is one that Django opens by itself around many writes.

    Told by the function that enters it: a block that anybody else has opened, this one's caller included, is a promise to commit as a whole.
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code is not Atomic.__enter__.__code__:
        frame = frame.f_back
    opener = None if frame is None else frame.f_back
    return opener is not None and (opener.f_globals.get("__name__"), opener.f_code.co_name) in _DJANGOS_OWN


def uncommitted(connection: BaseDatabaseWrapper) -> BlockEnd | None:
    """Return the end on which depends what is read and written on a connection now; None if nothing waits to be committed."""
    transaction = getattr(connection, "transaction", None)
    if transaction is not None:
        return transaction.log.end if transaction.log else None
    # Of other databases nothing is known but that there is a block.
    return BlockEnd() if connection.in_atomic_block else None
