"""
Transactions: ``atomic`` on Appwrite.

The log of a block is kept here, on the client, until its end; then it is staged and committed on the server in one go (``commit``).
Reads in between see the log over the committed rows (``log``, ``overlay``). So a savepoint is a mark in a list, a rollback costs
nothing, and a block costs the same few requests however much it writes. Tested in ``tests/unit/test_transaction_log.py`` and
``tests/backend/test_transactions.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper
    from appwrite_orm_django.backend.transactions.transaction import Transaction

__all__ = ["BlockEnd", "begin", "uncommitted"]


class BlockEnd:
    """Whether what a block has written so far was committed. After a rollback, also one to a savepoint, it never is."""

    __slots__ = ("committed",)

    def __init__(self) -> None:
        self.committed = False


def begin(connection: DatabaseWrapper) -> Transaction:
    """Return the state of a new block. What blocks need is imported by the first one."""
    from appwrite_orm_django.backend.transactions.transaction import Transaction

    return Transaction(connection)


def uncommitted(connection: Any) -> BlockEnd | None:
    """Return the end on which depends what is read and written on a connection now; None if nothing waits to be committed."""
    transaction = getattr(connection, "transaction", None)
    if transaction is not None:
        return transaction.log.end if transaction.log else None
    # Of other databases nothing is known but that there is a block.
    return BlockEnd() if connection.in_atomic_block else None
