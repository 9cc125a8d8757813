"""
Writes that user code makes with ``connection.transport``, past the ORM: the cache is told of them too.

Recognised by their paths: rows of a table, in TablesDB's words and in those of the older routes (collections, documents), changes of
a table that change its rows, and commits of transactions, which may have been filled by anybody and so change any table. What the backend itself sends has been
announced already and is not told again. What a write does to *other* tables on the server (relationship columns that cascade) cannot
be seen here: say so with ``appwrite_orm_django.cache.invalidate``.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured

from appwrite_orm_django.cache.writes import keep_alive
from appwrite_orm_django.client.answers import Request
from appwrite_orm_django.client.transport import Transport, without_secrets_in_clear

if TYPE_CHECKING:
    from typing_extensions import Self

    from appwrite_orm_django.backend.engine_watch import EngineWatch

_TABLE = re.compile(
    r"/(?:tablesdb|databases)/(?P<database>[^/]+)/(?:tables|collections)/(?P<table>[^/]+)"
    r"(?P<rows>/(?:rows|documents)(?:/(?P<row>[^/]+)(?P<column>/[^/]+/(?:in|de)crement)?)?)?(?P<part>/.+)?"
)
_TRANSACTION = re.compile(r"/(?:tablesdb|databases)/transactions/[^/]+")
_OPERATIONS = {"POST": "create", "PATCH": "update", "PUT": "change", "DELETE": "delete"}


class RawWrite(NamedTuple):
    """
    What a call changes.

    Attributes:
        database: id of the Appwrite database; None for any table of any database.
        table: id of the table.
        row_id: the row; None for any row.
        operation: as ``rows_changed`` has it.
    """

    database: str | None
    table: str = ""
    row_id: str | None = None
    operation: str = "change"


def raw_write(method: str, path: str, params: Mapping[str, Any]) -> RawWrite | None:
    """Return what a call changes; None for nothing (what is staged in a transaction changes nothing before its commit)."""
    if method not in _OPERATIONS or params.get("transactionId"):
        return None
    if method == "POST" and path.endswith(("/rows/query", "/documents/query")):
        return None  # a list with long filters
    if _TRANSACTION.fullmatch(path):
        return RawWrite(None) if method == "PATCH" and params.get("commit") else None
    found = _TABLE.fullmatch(path)
    if found is None:
        return None
    database, table = unquote(found["database"]), unquote(found["table"])
    if not found["rows"]:
        # New columns and indexes leave the rows as they are.
        return RawWrite(database, table) if method == "DELETE" or (method != "POST" and found["part"]) else None
    row_id = unquote(found["row"]) if found["row"] else None
    if row_id is None and method == "POST" and "rows" not in params and "documents" not in params:
        named = params.get("rowId", params.get("documentId"))
        row_id = named if isinstance(named, str) and named != "unique()" else None
    operation = "update" if found["column"] else _OPERATIONS[method]
    return RawWrite(database, table, row_id, operation)


Announce = Callable[[RawWrite], AbstractContextManager[Any]]

_own = threading.local()


@contextmanager
def own_write() -> Iterator[None]:
    """Say that what this thread sends within has been announced already."""
    before = getattr(_own, "writing", False)
    _own.writing = True
    try:
        yield
    finally:
        _own.writing = before


class TellingTransport(Transport):
    """
    A transport that announces the writes made through it, but for those within ``own_write``, and keeps all of them announced.

    Args:
        announce: returns a context manager that surrounds the request.
        watch: looks at answers until it knows the engine under the server.
    """

    def __init__(self, *args: Any, announce: Announce, watch: EngineWatch | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._announce = announce
        self._watch = watch

    def unwatched(self) -> Self:
        """Return a transport that also talks to a server whose engine is not the one in the settings, for those who examine it."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._watch = None
        return other

    def call(
        self, method: str, path: str = "", headers: Any = None, params: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        headers = without_secrets_in_clear(headers)
        watch = self._watch
        if watch is not None and watch.problem:
            raise ImproperlyConfigured(watch.problem)
        write = None if getattr(_own, "writing", False) else raw_write(method.upper(), path, params or {})
        with nullcontext() if write is None else self._announce(write):
            answer = super().call(method, path, headers, params, *args, **kwargs)
        if watch is not None and not watch.settled:
            watch.look(answer)
        return answer

    def about_to_send(self, request: Request) -> None:
        # Whoever writes, by whichever road, and however many requests and attempts it takes.
        if request.writes:
            keep_alive()
