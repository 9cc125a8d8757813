"""
Lock rows for ``select_for_update()``.

Locks are optimistic: no transaction waits, and of two transactions that lock the same row at the
same time, one is rejected at its commit. A locked row has a *lock row* in the table of claims. A
transaction reads the lock row before anything else that it reads after locking, and changes it with
its commit. Transactions that lock the same row are therefore serialized, whether they change the
row or not (``transactions/staging.py``).

``DatabaseFeatures.has_select_for_update`` stays False: Django takes it to mean that other
transactions wait, and its own tests measure that they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError
from django.db.models import sql
from django.db.models.expressions import Col, ColPairs
from django.db.transaction import TransactionManagementError

from appwrite_orm_django.backend.commands import GetRow, ListRows
from appwrite_orm_django.backend.keys import PrimaryKey, primary_key_of
from appwrite_orm_django.backend.values import table_id
from appwrite_orm_django.client.errors import WriteRefused

if TYPE_CHECKING:
    from django.db.models.sql import Query

    from appwrite_orm_django.backend.commands import Command
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.backend.transactions.log import Key

#: The maximum number of reads of a locking query before it finds only rows that are locked.
_ATTEMPTS = 5

_REFUSED = {
    "select_for_update_nowait": "nowait=True: no transaction waits on Appwrite, a conflict shows at the end of the block",
    "select_for_update_skip_locked": "skip_locked=True: the rows that other blocks use cannot be seen on Appwrite",
    "select_for_update_of": "of=(...): the rows of every model that the query selects are locked",
    "select_for_no_key_update": "no_key=True: Appwrite has one kind of lock",
}


def check(query: Query, connection: Connection) -> None:
    """
    Reject the uses of ``select_for_update()`` that cannot be supported.

    Raises:
        TransactionManagementError: the query runs outside a transaction.
        NotSupportedError: the query uses ``nowait``, ``skip_locked``, ``of`` or ``no_key``, or a
            subquery locks rows.
    """
    if not query.select_for_update:
        if connection.transaction is not None and any(
            inner.select_for_update for inner in _queries_in(query)
        ):
            raise NotSupportedError(
                "select_for_update() in a subquery or a combined query would lock nothing.\n"
                "Evaluate that query first, and use the keys of its rows."
            )
        return
    for name, reason in _REFUSED.items():
        if getattr(query, name):
            raise NotSupportedError(f"select_for_update() does not take {reason}.")
    if connection.get_autocommit():
        raise TransactionManagementError(
            "select_for_update cannot be used outside of a transaction."
        )


def _queries_in(query: Query) -> Iterator[Query]:
    """Yield the subqueries of a query and the queries that it combines, at any depth."""
    found: list[Any] = [query.where, *query.annotations.values(), *query.combined_queries]
    while found:
        node = found.pop()
        if isinstance(node, sql.Query):
            yield node
            found += [node.where, *node.annotations.values(), *node.combined_queries]
        elif hasattr(node, "get_source_expressions"):
            found += node.get_source_expressions()


def read(command: Command, connection: Connection, select: Sequence[Any]) -> list[tuple[Any, ...]]:
    """
    Run a read that bypasses the cache, and lock the rows that it finds.

    Locks the rows of every model whose primary key the query selects. If it selects no primary key,
    locks every row that it read.

    Args:
        select: the select list, as in ``SQLCompiler.select``.

    Raises:
        WriteRefused: other clients changed the set of matching rows on every attempt.
    """
    from appwrite_orm_django.backend.transactions.log import key_of

    connection.note_uncached(command)
    transaction = connection.transaction
    if transaction is None:
        return connection.load_rows(command)
    primary_keys = _primary_keys(select)
    locked: set[Key] = set()
    for _ in range(_ATTEMPTS):
        with transaction.locking() as looked_at:
            rows = connection.load_rows(command)
        found = set() if primary_keys else set(looked_at)
        for key, positions in primary_keys:
            table = connection.table_ref(table_id(key.fields[0].model._meta.db_table))
            found.update(
                key_of(
                    table, key.row_id(values if len(values) > 1 else values[0], connection.engine)
                )
                for row in rows
                if None not in (values := tuple(row[position] for position in positions))
            )
        transaction.lock(found)
        # The answer of a join or a subquery may depend on rows that are not locked, and another
        # transaction may change these. It is read again after the lock rows. A list of one table
        # depends on no other rows.
        if found <= locked or (
            isinstance(command, (GetRow, ListRows)) and len(command.tables) == 1
        ):
            return rows
        locked |= found
    raise WriteRefused(
        f"select_for_update() on {command.tables[0].table}: other clients changed which rows "
        f"match, {_ATTEMPTS} times in a row.\nNothing of the block was written; run the block "
        "again."
    )


def _primary_keys(select: Sequence[Any]) -> list[tuple[PrimaryKey, list[int]]]:
    """Return the primary keys among the selected columns, with the positions of their fields."""
    columns = (
        column
        for expression, _, _ in select
        for column in (expression if type(expression) is ColPairs else (expression,))
    )
    positions: dict[str, dict[Any, int]] = {}
    for position, column in enumerate(columns):
        if type(column) is Col:
            positions.setdefault(column.alias, {}).setdefault(column.target, position)
    found = []
    for of_alias in positions.values():
        for model in dict.fromkeys(field.model for field in of_alias if hasattr(field, "model")):
            key = primary_key_of(model)
            if of_alias.keys() >= set(key.fields):
                found.append((key, [of_alias[field] for field in key.fields]))
    return found
