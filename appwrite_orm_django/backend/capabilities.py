"""
What the server behind an alias can do beyond lists of one table: aggregates, groups, joins, ``rows/query``.

The version number does not tell (a development build of the 2.x line says 1.9.6 as well, recordings of the preview), so the server is
asked: once in a process for each project, when a query first could make use of the answer. ``OPTIONS["FEATURE_LEVEL"]`` spares that.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from appwrite_orm_django.client import local_endpoint, queries, rows
from appwrite_orm_django.client.errors import AppwriteError, InvalidQuery
from appwrite_orm_django.client.queries import Query

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.client.references import TableRef
    from appwrite_orm_django.client.transport import Transport

Level = Literal["1.9", "2.x"]
LEVELS: tuple[Level, ...] = ("1.9", "2.x")

# A name that no column has: keys are no longer than 36 characters.
_ALIAS = "appwrite_orm_django_counts_rows_here_"
# Endpoint and project -> what the server has answered.
_known: dict[tuple[str, str], Level] = {}
# ... and when it was asked last, in seconds of the monotonic clock.
_asked_at: dict[tuple[str, str], float] = {}
# How long a server that gave no answer is left in peace.
_ASK_AGAIN_S = 60.0


def feature_level(connection: Connection, table: TableRef) -> Level:
    """
    Return the level of the server: "2.x" if it aggregates, groups and joins, else "1.9".

    Args:
        table: one that is going to be read anyway; whether the server aggregates is asked of it.
    """
    if (pinned := connection.options.feature_level) is not None:
        return pinned
    project = connection.project
    if local_endpoint.is_local(project[0]):
        return "2.x" if local_endpoint.feature_level(project[0]) == "2.x" else "1.9"
    if project not in _known:
        # Meanwhile: what every server can do is right everywhere.
        if _asked_at.get(project, -_ASK_AGAIN_S) + _ASK_AGAIN_S > time.monotonic():
            return "1.9"
        _asked_at[project] = time.monotonic()
        level = probe(connection.transport, table)
        if level is None:
            return "1.9"
        _known[project] = level
    return _known[project]


def probe(transport: Transport, table: TableRef) -> Level | None:
    """Ask a server to count rows by an aggregate; None if it gives no answer to that (it can not be reached, there is no such table)."""
    try:
        answer = rows.list_rows(transport, table, [Query("count", "*", (_ALIAS,)), queries.limit(1)])
    except InvalidQuery:
        return "1.9"
    except AppwriteError:
        return None
    return "2.x" if answer["rows"] and _ALIAS in answer["rows"][0] else "1.9"


def forget() -> None:
    """Ask again: for tests, and after an upgrade of the server."""
    _known.clear()
    _asked_at.clear()
