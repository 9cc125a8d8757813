"""
Everything that can go wrong between us and Appwrite, as one of Django's database exceptions.

    AppwriteError
      ConnectionFailed, RequestTimeout, NotAppwrite, ServerError, RateLimited       OperationalError
      Unauthorized (MissingScope, InvalidUserToken), ProjectNotFound, DatabaseNotFound                OperationalError
      WriteRefused (TransactionConflict, RowConflict), WriteUnknown, WriteBroken    OperationalError
      TransactionClosed, TransactionLimitExceeded                                   OperationalError
      TableNotFound, ColumnNotFound, IndexNotFound, AlreadyExists                   ProgrammingError
      InvalidQuery, InvalidRequest, InvalidSchema (ColumnNotAvailable)              ProgrammingError
      UniqueViolation (RowAlreadyExists), DeleteRestricted                          IntegrityError
      InvalidStructure, InvalidId, InvalidValue, LimitExceeded                      DataError
      FeatureUnsupported                                                            NotSupportedError
      RowNotFound, NotFound                                                         DatabaseError

A write that fails ends in one of three ways, and each is a class: ``WriteRefused`` (nothing was written: run it again),
``WriteUnknown`` (it may have been written: look before you run it again), ``WriteBroken`` (a part was written: running it again writes
that part twice).

A class is chosen by Appwrite's ``type`` and else by the status, never by the message. Appwrite's types are listed in its
``app/config/errors.php``; which of them come when was taken from the recordings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import utils

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_SHOWN = 100
MAX_KEPT_RESPONSE = 2000


class AppwriteError(Exception):
    """
    Base of all errors of this library that come from a request.

    Attributes:
        type: Appwrite's error type, for example ``row_not_found``; None when the answer was not Appwrite's, or there was none.
        code: HTTP status of the last answer; None when there was none.
        message: Appwrite's own message, whole; "" when there was none.
        table: table id, where the request named one.
        column: column key, where the request or the message named one.
        row_id: row id, where the request named one.
        request: method and path, for example ``PATCH /tablesdb/shop/tables/product/rows/1``. Never a header, a parameter or a body.
        response_text: the answer's body, cut at 2,000 characters.
        ambiguous: True when the server may have applied the write, or a part of it, although it is reported as failed.
    """

    #: What to do, as the second line of the text; ``{settings}`` stands for ``DATABASES["<alias>"]``.
    hint: ClassVar[str] = ""

    def __init__(
        self,
        text: str = "",
        *,
        type: str | None = None,
        code: int | None = None,
        message: str = "",
        table: str | None = None,
        column: str | None = None,
        row_id: str | None = None,
        request: str | None = None,
        response_text: str = "",
        ambiguous: bool = False,
    ) -> None:
        super().__init__(text)
        self.type = type
        self.code = code
        self.message = message
        self.table = table
        self.column = column
        self.row_id = row_id
        self.request = request
        self.response_text = response_text[:MAX_KEPT_RESPONSE]
        self.ambiguous = ambiguous

    @classmethod
    def caused_by(cls, error: Exception, text: str, **more: Any) -> Self:
        """Return an error of this class that knows of the request what another one knows; to be raised ``from`` that one."""
        names = ("type", "code", "message", "table", "column", "row_id", "request", "response_text")
        known = {name: getattr(error, name) for name in names if hasattr(error, name)}
        hint = f"\n{cls.hint}" if cls.hint else ""
        return cls(f"{text}{hint}", **{**known, **more})

    def __reduce__(self) -> tuple[Any, ...]:
        # BaseException pickles only its positional arguments; ours are keywords, and the attributes are all there is to restore.
        return type(self), self.args, self.__dict__.copy()


class ConnectionFailed(AppwriteError, utils.OperationalError):
    """No connection, or one that broke before the answer was complete."""

    hint = 'Is the server of {settings}["HOST"] running, and can it be reached from here?'


class RequestTimeout(AppwriteError, utils.OperationalError):
    """No answer within the timeout, or the server's own limit of 15 s for a query (408 ``database_timeout``)."""

    hint = (
        'Narrow the query, or raise the timeouts in {settings}["OPTIONS"]. '
        'If no request is ever answered: are https or http, host and port in {settings}["HOST"] right?'
    )


class NotAppwrite(AppwriteError, utils.OperationalError):
    """Something answered, but not Appwrite's API: a proxy, a web page, another server, or a path without ``/v1``."""

    hint = '{settings}["HOST"] must be the API endpoint of an Appwrite server and end in /v1.'


class ServerError(AppwriteError, utils.OperationalError):
    """A status of 500 or above. Appwrite answers some invalid requests so, too: the message says "Server Error" either way."""


class RateLimited(AppwriteError, utils.OperationalError):
    """429, still after the retries."""


class Unauthorized(AppwriteError, utils.OperationalError):
    """The server refuses the key, the token, or what its holder wants to do."""

    hint = (
        'Check {settings}["PASSWORD"], the API key, that it belongs to the project in {settings}["USER"], '
        'and that {settings}["HOST"] is the endpoint of that project: Appwrite Cloud has one for each region.'
    )
    user_hint: ClassVar[str] = (
        "The request was made as a user, without the API key: the permissions of table and row decide."
    )


class MissingScope(Unauthorized):
    """The API key lacks a scope; ``message`` names the scopes that would do."""

    hint = (
        'Give the API key in {settings}["PASSWORD"] one of these scopes in the Appwrite console. A site needs rows.read and rows.write; '
        "appwrite_migrate needs read and write of databases, tables, columns, indexes and rows."
    )


class InvalidUserToken(Unauthorized):
    """A user's JWT or session is invalid or has expired. Nothing was done, and the API key was not used instead."""

    hint = "The user has to sign in again, or to ask Appwrite for a new JWT."


class ProjectNotFound(AppwriteError, utils.OperationalError):
    """No project of this id, or none was given."""

    hint = 'Check {settings}["USER"], the project id, and {settings}["HOST"]: Appwrite Cloud has an endpoint for each region.'


class DatabaseNotFound(AppwriteError, utils.OperationalError):
    """404 ``database_not_found``; also for bulk writes of a user without a key."""

    hint = 'Check {settings}["NAME"], or create the database: manage.py appwrite_migrate.'


class WriteRefused(AppwriteError, utils.OperationalError):
    """
    Nothing was written, and nothing will be: run the whole block again, with what it reads.

    Raised at the end of an ``atomic`` block that lost a race, or whose connection failed before the commit was sent; and by a write
    outside of one that lost too many races. ``ambiguous`` is False. ``appwrite_orm_django.transactions.retry_on_conflict`` retries it.
    """

    hint = "Run the whole atomic block again."


class WriteUnknown(AppwriteError, utils.OperationalError):
    """
    The connection ended before the answer to a write, and the server could not be asked: it may have been written, or still will be.

    ``ambiguous`` is True. Running it again may write it twice. Read the rows again first, or make the write such that twice is once.
    """

    hint = "Read the rows again before running it again."


class WriteBroken(AppwriteError, utils.OperationalError):
    """
    A write of several requests was stopped after some of them: a part is written, the rest is not.

    ``ambiguous`` is True, and ``__cause__`` is what stopped it. Writes that are not one block can end so, and blocks that give moments
    to rows (docs/explanation/transactions.md#limits-and-differences); the text says how far it came. Running it again writes the first part twice.

    Attributes:
        written: how many rows or changes were written; of the request that failed none is counted.
    """

    hint = "Do not just run it again: what was written would be written twice."

    def __init__(self, text: str = "", *, written: int = 0, **kwargs: Any) -> None:
        super().__init__(text, **kwargs)
        self.written = written


class TransactionConflict(WriteRefused):
    """A commit met a row that another client changed or made in the meantime; nothing was applied. Run the whole block again."""

    hint = "Nothing was applied. Run the whole atomic block again."


class TransactionClosed(AppwriteError, utils.OperationalError):
    """The transaction is gone: committed, rolled back, failed, or expired."""


class TransactionLimitExceeded(AppwriteError, utils.OperationalError):
    """More operations than the server takes in one transaction (100 on a self-hosted server)."""

    hint = "Write in several atomic blocks, or with bulk_create, which counts as one operation per 100 rows."


class RowConflict(WriteRefused):
    """The row is newer than ``unmodified_since``; nothing was changed."""


class TableNotFound(AppwriteError, utils.ProgrammingError):
    """404 ``table_not_found``; also for a disabled table when no API key is used."""

    hint = "Run manage.py appwrite_migrate."


class ColumnNotFound(AppwriteError, utils.ProgrammingError):
    """404 ``column_not_found``; increments answer it for a missing row, too."""

    hint = "Run manage.py appwrite_migrate."


class IndexNotFound(AppwriteError, utils.ProgrammingError):
    """404 ``column_index_not_found``."""

    hint = "Run manage.py appwrite_migrate."


class AlreadyExists(AppwriteError, utils.ProgrammingError):
    """A database, table, column, index or webhook of this id is there already."""


class InvalidQuery(AppwriteError, utils.ProgrammingError):
    """The server does not understand a query; a column that is still ``processing`` counts as unknown."""


class InvalidRequest(AppwriteError, utils.ProgrammingError):
    """The server does not accept the request for another reason."""


class InvalidSchema(AppwriteError, utils.ProgrammingError):
    """A column or an index cannot be what was asked for."""


class ColumnNotAvailable(InvalidSchema):
    """The column is still ``processing``, or failed."""


class UniqueViolation(AppwriteError, utils.IntegrityError):
    """
    Another row has the same values in a unique index, or the same id.

    The server does not say which index; it is asked for the row that is in the way, once, and what it answers is said here. Where that
    cannot be found out (the row is gone by then, or the user may not read it), the attributes are empty and the text is the server's.

    Attributes:
        columns: keys of the columns of the index; ``("$id",)`` for the row's id.
        row_id: id of the row that was refused.
        existing_id: id of the row that has these values; None also where it is another one of the rows that were refused together.
    """

    def __init__(
        self, text: str = "", *, columns: tuple[str, ...] = (), existing_id: str | None = None, **attributes: Any
    ) -> None:
        super().__init__(text, **attributes)
        self.columns = columns
        self.existing_id = existing_id


class RowAlreadyExists(UniqueViolation):
    """Another row has the same id, compared without case. On 1.9 this is also how a unique index reports."""

    hint = "Unless the id was chosen: another row has the same values in a unique index, which Appwrite 1.9 reports in these words."


class DeleteRestricted(AppwriteError, utils.IntegrityError):
    """A relationship column with ``restrict`` still has rows on its other side."""


class InvalidStructure(AppwriteError, utils.DataError):
    """A value does not fit its column, a required one is missing, or the table has no such column."""


class InvalidValue(AppwriteError, utils.DataError):
    """A value cannot be sent at all: NaN, an infinity, half a surrogate pair, or text that the server would run as an operator."""


class InvalidId(AppwriteError, utils.DataError):
    """A value cannot be an id: at most 36 of ``A-Z a-z 0-9 . _ -``, the first alphanumeric."""

    @classmethod
    def of(cls, value: object) -> InvalidId:
        """Return the error for a value."""
        return cls(
            f"{shown(value)} cannot be an Appwrite id.\n"
            "An id has 1 to 36 characters of A-Z a-z 0-9 . _ - and starts with a letter or a digit."
        )


class LimitExceeded(AppwriteError, utils.DataError):
    """A table would become too wide, or an increment would pass its bound."""


class FeatureUnsupported(AppwriteError, utils.NotSupportedError):
    """This server, or the database under it, cannot do it."""


class RowNotFound(AppwriteError, utils.DatabaseError):
    """404 ``row_not_found``; also for a row that the caller may not read."""


class NotFound(AppwriteError, utils.DatabaseError):
    """Something else that is not there, for example a webhook."""


#: By Appwrite's type. ``document_``, ``attribute_``, ``collection_`` and ``index_`` are the legacy names of the same errors, which commits
#: and increments answer on the TablesDB routes, too.
BY_TYPE: Mapping[str, type[AppwriteError]] = {
    "column_already_exists": AlreadyExists,
    "column_default_unsupported": InvalidSchema,
    "column_format_unsupported": InvalidSchema,
    "column_index_already_exists": AlreadyExists,
    "column_index_dependency": InvalidSchema,
    "column_index_invalid": InvalidSchema,
    "column_index_limit_exceeded": InvalidSchema,
    "column_index_not_found": IndexNotFound,
    "column_invalid_resize": InvalidSchema,
    "column_limit_exceeded": LimitExceeded,
    "column_not_available": ColumnNotAvailable,
    "column_not_found": ColumnNotFound,
    "column_type_invalid": InvalidSchema,
    "column_type_not_supported": FeatureUnsupported,
    "column_unknown": ColumnNotFound,
    "column_value_invalid": InvalidSchema,
    "database_already_exists": AlreadyExists,
    "database_not_found": DatabaseNotFound,
    "database_query_order_null": InvalidQuery,
    "database_timeout": RequestTimeout,
    "general_access_forbidden": Unauthorized,
    "general_argument_invalid": InvalidRequest,
    "general_bad_request": InvalidRequest,
    "general_cursor_not_found": InvalidQuery,
    "general_feature_unsupported": FeatureUnsupported,
    "general_not_implemented": FeatureUnsupported,
    "general_query_invalid": InvalidQuery,
    "general_rate_limit_exceeded": RateLimited,
    "general_route_not_found": NotAppwrite,
    "general_unauthorized_scope": MissingScope,
    "index_invalid": InvalidSchema,
    "project_id_missing": ProjectNotFound,
    "project_not_found": ProjectNotFound,
    "relationship_value_invalid": InvalidStructure,
    "row_already_exists": RowAlreadyExists,
    "row_delete_restricted": DeleteRestricted,
    "row_invalid_structure": InvalidStructure,
    "row_missing_data": InvalidRequest,
    "row_missing_payload": InvalidRequest,
    "row_not_found": RowNotFound,
    "row_unique_constraint_violation": UniqueViolation,
    "row_update_conflict": RowConflict,
    "table_already_exists": AlreadyExists,
    "table_limit_exceeded": LimitExceeded,
    "table_not_found": TableNotFound,
    "transaction_conflict": TransactionConflict,
    "transaction_expired": TransactionClosed,
    "transaction_failed": TransactionConflict,
    "transaction_limit_exceeded": TransactionLimitExceeded,
    "transaction_not_found": TransactionClosed,
    "transaction_not_ready": TransactionClosed,
    "user_jwt_and_cookie_set": InvalidUserToken,
    "user_jwt_invalid": InvalidUserToken,
    "user_session_not_found": InvalidUserToken,
    "webhook_already_exists": AlreadyExists,
    "webhook_not_found": NotFound,
}

_LEGACY_PREFIXES = {"document_": "row_", "attribute_": "column_", "collection_": "table_", "index_": "column_index_"}

_BY_STATUS: Mapping[int, type[AppwriteError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    405: FeatureUnsupported,
    408: RequestTimeout,
    429: RateLimited,
}


def class_for(appwrite_type: str | None, status: int) -> type[AppwriteError]:
    """Return the class of an error that Appwrite reports by ``type`` and HTTP status."""
    if appwrite_type:
        name = appwrite_type.lower()
        if name in BY_TYPE:
            return BY_TYPE[name]
        for legacy, current in _LEGACY_PREFIXES.items():
            if name.startswith(legacy) and (known := BY_TYPE.get(current + name[len(legacy) :])):
                return known
    return ServerError if status >= 500 else _BY_STATUS.get(status, InvalidRequest)


def shown(value: object) -> str:
    """Return a value's ``repr``, cut at 100 characters."""
    return cut(repr(value))


def cut(text: str) -> str:
    """
    Return a text on one line, cut at 100 characters.

    >>> cut("x" * 101) == "x" * 97 + "..."
    True
    """
    line = " ".join(text.split())
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 3] + "..."
