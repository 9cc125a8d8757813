"""
Find out whether the server of an alias aggregates, groups, joins and has ``rows/query``.

The version number does not tell: a development build of the 2.x line reports 1.9.6 as well
(recordings of the preview). So each process asks the server once per project, when a query could
first use the answer. ``OPTIONS["FEATURE_LEVEL"]`` avoids the request.
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

# No column has this name: keys have at most 36 characters.
_ALIAS = "appwrite_orm_django_counts_rows_here_"
# Endpoint and project -> the level that the server reported.
_known: dict[tuple[str, str], Level] = {}
# Endpoint and project -> when the server was last asked, in seconds of the monotonic clock.
_asked_at: dict[tuple[str, str], float] = {}
# Delay before asking again a server that gave no answer.
_ASK_AGAIN_S = 60.0


def feature_level(connection: Connection, table: TableRef) -> Level:
    """
    Return the level of the server: "2.x" if it aggregates, groups and joins, else "1.9".

    Args:
        table: a table that is about to be read anyway; the probe counts its rows.
    """
    if (pinned := connection.options.feature_level) is not None:
        return pinned
    project = connection.project
    if local_endpoint.is_local(project[0]):
        return "2.x" if local_endpoint.feature_level(project[0]) == "2.x" else "1.9"
    if project not in _known:
        # Until the level is known, use the features that every server has.
        if _asked_at.get(project, -_ASK_AGAIN_S) + _ASK_AGAIN_S > time.monotonic():
            return "1.9"
        _asked_at[project] = time.monotonic()
        level = probe(connection.transport, table)
        if level is None:
            return "1.9"
        _known[project] = level
    return _known[project]


def probe(transport: Transport, table: TableRef) -> Level | None:
    """
    Ask a server to count rows by an aggregate, and return its level.

    None if it does not answer, because it is unreachable or the table does not exist.
    """
    try:
        answer = rows.list_rows(
            transport, table, [Query("count", "*", (_ALIAS,)), queries.limit(1)]
        )
    except InvalidQuery:
        return "1.9"
    except AppwriteError:
        return None
    return "2.x" if answer["rows"] and _ALIAS in answer["rows"][0] else "1.9"


def forget() -> None:
    """Ask every server again: for tests, and after an upgrade of a server."""
    _known.clear()
    _asked_at.clear()
