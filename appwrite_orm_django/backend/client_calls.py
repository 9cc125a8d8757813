"""
Tell the cache about writes that user code makes with ``connection.transport``, bypassing the ORM.

Writes are recognized by their paths: rows of a table, in the routes of TablesDB and in the older
ones (collections, documents); changes to a table that change its rows; and commits of transactions.
Any client may have filled a transaction, so its commit may change any table. Requests of the
backend itself are already announced and are not announced again.

Changes that a write causes in *other* tables on the server (relationship columns that cascade)
cannot be seen here: call ``appwrite_orm_django.cache.invalidate`` for them.
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
    Describe what a call changes.

    Attributes:
        database: id of the Appwrite database; None for any table of any database.
        table: id of the table.
        row_id: the row; None for any row.
        operation: as in ``rows_changed``.
    """

    database: str | None
    table: str = ""
    row_id: str | None = None
    operation: str = "change"


def raw_write(method: str, path: str, params: Mapping[str, Any]) -> RawWrite | None:
    """
    Return what a call changes, or None if it changes nothing.

    A write that is staged in a transaction changes nothing before the commit.
    """
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
        # New columns and indexes leave the rows unchanged.
        return (
            RawWrite(database, table)
            if method == "DELETE" or (method != "POST" and found["part"])
            else None
        )
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
    """Mark the requests of this thread as already announced."""
    before = getattr(_own, "writing", False)
    _own.writing = True
    try:
        yield
    finally:
        _own.writing = before


class TellingTransport(Transport):
    """
    Announce the writes made through this transport, except those inside ``own_write``.

    It keeps all announcements alive while requests are in flight.

    Args:
        announce: returns a context manager that surrounds the request.
        watch: checks answers until it knows the engine under the server.
    """

    def __init__(
        self, *args: Any, announce: Announce, watch: EngineWatch | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._announce = announce
        self.watch = watch

    def unwatched(self) -> Self:
        """
        Return a transport that does not check the engine under the server.

        For tools that examine a server whose engine differs from the settings.
        """
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.watch = None
        return other

    def call(
        self,
        method: str,
        path: str = "",
        headers: Any = None,
        params: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        headers = without_secrets_in_clear(headers)
        watch = self.watch
        if watch is not None and watch.problem:
            raise ImproperlyConfigured(watch.problem)
        write = (
            None
            if getattr(_own, "writing", False)
            else raw_write(method.upper(), path, params or {})
        )
        with nullcontext() if write is None else self._announce(write):
            answer = super().call(method, path, headers, params, *args, **kwargs)
        if watch is not None and not watch.settled:
            watch.look(answer)
        return answer

    @property
    def loses_races(self) -> bool:
        return self.watch is not None and self.watch.loses_races

    def about_to_send(self, request: Request) -> None:
        # This covers every write, however many requests and attempts it takes.
        if request.writes:
            keep_alive()
