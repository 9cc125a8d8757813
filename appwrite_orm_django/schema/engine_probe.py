"""Find out the engine under Appwrite from the answers to a few harmless requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import DatabaseNotFound, TableNotFound, Unauthorized
from appwrite_orm_django.client.queries import Query, check_limits, equal, limit, select
from appwrite_orm_django.client.references import TableRef, path_segment
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.engines import MARIADB, MONGODB, POSTGRESQL, Engine
from appwrite_orm_django.engines.evidence import evidence_in

from .own_tables import ENCODINGS
from .records import SERVER

_TABLES = _FINDINGS = 25


class NothingToAsk(Exception):
    """The database has no table whose name or rows could show the engine."""


def engine_of(transport: Transport, database: str) -> Engine:
    """
    Return the engine under a database, with one to four requests.

    MariaDB finds text by another case. MongoDB numbers its rows by UUIDs. The text to look for is
    in a row of the table of records that migrations write, or else the name of any table.

    Args:
        transport: for the API key, with the scope ``rows.read`` or ``tables.read``.

    Raises:
        NothingToAsk: there are no tables yet.
        Unauthorized: the key may read neither, or is unknown.
    """
    try:
        found = _by_records(transport, database)
    except Unauthorized:
        found = None
    return found or _by_names(transport, database)


def _by_records(transport: Transport, database: str) -> Engine | None:
    for text in (SERVER.upper(), SERVER):
        queries = [equal("table_id", text), select(["key", "encoding"]), limit(_FINDINGS)]
        try:
            page = rows.list_rows(transport, TableRef(database, ENCODINGS.id), queries)
        except (TableNotFound, DatabaseNotFound):
            return None
        if page["rows"]:
            found = {row["key"]: row["encoding"] for row in page["rows"]}
            engine = _engine(page, finds_other_case=lambda: text != SERVER)  # noqa: B023 - called at once
            return engine.in_order(found.get("order", ""))
    return None


def _by_names(transport: Transport, database: str) -> Engine:
    page = _tables(transport, database, [limit(_TABLES)])
    named = [table["name"] for table in page["tables"] if table["name"].swapcase() != table["name"]]
    if not named:
        raise NothingToAsk

    def finds_other_case() -> bool:
        queries = [equal("name", named[0].swapcase()), limit(1)]
        return bool(_tables(transport, database, queries)["tables"])

    return _engine(page, finds_other_case=finds_other_case)


def _tables(transport: Transport, database: str, queries: list[Query]) -> dict[str, Any]:
    path = f"/tablesdb/{path_segment(database)}/tables"
    try:
        answer: dict[str, Any] = transport.call(
            "GET", path, params={"queries": check_limits(queries)}
        )
    except DatabaseNotFound:
        raise NothingToAsk from None
    return answer


def _engine(answer: dict[str, Any], *, finds_other_case: Callable[[], bool]) -> Engine:
    evidence = evidence_in(answer)
    if evidence is not None and evidence.engine == "MongoDB":
        return MONGODB
    return MARIADB if finds_other_case() else POSTGRESQL
