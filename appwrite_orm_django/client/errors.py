"""
Errors of requests to Appwrite, each of them one of Django's database exceptions.

Django's exception is on the right::

    AppwriteError
      ConnectionFailed, RequestTimeout, NotAppwrite, ServerError, RateLimited    OperationalError
      Unauthorized (MissingScope, InvalidUserToken)                              OperationalError
      ProjectNotFound, DatabaseNotFound                                          OperationalError
      WriteRefused (TransactionConflict, RowConflict), WriteUnknown, WriteBroken OperationalError
      TransactionClosed, TransactionLimitExceeded                                OperationalError
      BucketNotFound                                                             OperationalError
      TableNotFound, ColumnNotFound, IndexNotFound, AlreadyExists                ProgrammingError
      InvalidQuery, InvalidRequest, InvalidSchema (ColumnNotAvailable)           ProgrammingError
      UniqueViolation (RowAlreadyExists), DeleteRestricted, FileExists           IntegrityError
      InvalidStructure, InvalidId, InvalidValue, LimitExceeded, FileRefused      DataError
      FeatureUnsupported                                                         NotSupportedError
      RowNotFound, FileNotFound, NotFound                                        DatabaseError

A write fails in one of three ways, each with a class of its own: ``WriteRefused`` (nothing was
written: run it again), ``WriteUnknown`` (it may have been written: look before you run it again),
and ``WriteBroken`` (part of it was written: running it again would write that part twice).

Appwrite's ``type`` selects the class, or else the status; the message never does. Appwrite lists
its types in ``app/config/errors.php``, and the recordings show when each one occurs.
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
    Base class of all errors that a request raises.

    Attributes:
        type: Appwrite's error type, for example ``row_not_found``; None if the answer was not
            Appwrite's, or there was none.
        code: HTTP status of the last answer; None if there was none.
        message: Appwrite's complete message; "" if there was none.
        table: table id, if the request named one.
        column: column key, if the request or the message named one.
        row_id: row id, if the request named one.
        request: method and path, for example ``PATCH /tablesdb/shop/tables/product/rows/1``. Never
            includes a header, a parameter or a body.
        response_text: body of the answer, cut at 2,000 characters.
        ambiguous: True if the server may have applied all or part of the write despite the error.
    """

    #: The way out, as the second line of the text; ``{settings}`` stands for
    #: ``DATABASES["<alias>"]``.
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
        """Return an error with the request details of ``error``; raise it ``from`` that."""
        names = ("type", "code", "message", "table", "column", "row_id", "request", "response_text")
        known = {name: getattr(error, name) for name in names if hasattr(error, name)}
        hint = f"\n{cls.hint}" if cls.hint else ""
        return cls(f"{text}{hint}", **{**known, **more})

    def __reduce__(self) -> tuple[Any, ...]:
        # BaseException pickles positional arguments only. Ours are keywords, so restore the
        # attributes.
        return type(self), self.args, self.__dict__.copy()


class ConnectionFailed(AppwriteError, utils.OperationalError):
    """No connection was made, or it broke before the answer was complete."""

    hint = 'Check that the server in {settings}["HOST"] is running and can be reached from here.'


class RequestTimeout(AppwriteError, utils.OperationalError):
    """
    No answer came within the timeout.

    Also raised if a query exceeds the server's own limit of 15 s (408 ``database_timeout``).
    """

    hint = (
        'Narrow the query, or raise the timeouts in {settings}["OPTIONS"]. If no request is ever '
        'answered, check https or http, the host and the port in {settings}["HOST"].'
    )


class NotAppwrite(AppwriteError, utils.OperationalError):
    """
    The answer did not come from Appwrite's API.

    It came from a proxy, a web page, another server, or a path without ``/v1``.
    """

    hint = '{settings}["HOST"] must be the API endpoint of an Appwrite server and end in /v1.'


class ServerError(AppwriteError, utils.OperationalError):
    """
    The server answered with a status of 500 or above.

    Appwrite also answers some invalid requests with it; the message is "Server Error" either way.
    """


class RateLimited(AppwriteError, utils.OperationalError):
    """The server answered 429, and still did after the retries."""


class Unauthorized(AppwriteError, utils.OperationalError):
    """The server rejected the key or the token, or does not permit the request."""

    hint = (
        'Check the API key in {settings}["PASSWORD"], that it belongs to the project in '
        '{settings}["USER"], and that {settings}["HOST"] is the endpoint of that project: '
        "Appwrite Cloud has one for each region."
    )
    user_hint: ClassVar[str] = (
        "The request was made as a user, without the API key: the permissions of the table and the "
        "row apply."
    )


class MissingScope(Unauthorized):
    """The API key lacks a scope; ``message`` names the scopes that suffice."""

    hint = (
        'Give the API key in {settings}["PASSWORD"] one of these scopes in the Appwrite console. '
        "A site needs rows.read and rows.write, and files.read and files.write if it stores files; "
        "migrate and appwrite_migrate need read and write of databases, tables, columns, indexes "
        "and rows, and of buckets if it stores files."
    )


class InvalidUserToken(Unauthorized):
    """
    A user's JWT or session is invalid or has expired.

    Nothing was done, and the API key was not used instead.
    """

    hint = "The user must sign in again or request a new JWT from Appwrite."


class ProjectNotFound(AppwriteError, utils.OperationalError):
    """The project does not exist, or the request named none."""

    hint = (
        'Check the project id in {settings}["USER"], and {settings}["HOST"]: '
        "Appwrite Cloud has an endpoint for each region."
    )


class DatabaseNotFound(AppwriteError, utils.OperationalError):
    """
    The database does not exist (404 ``database_not_found``).

    This is also the answer to a user's bulk write without an API key.
    """

    hint = (
        'Check {settings}["NAME"]. manage.py migrate creates the database if the routers send models '
        "to it."
    )


class WriteRefused(AppwriteError, utils.OperationalError):
    """
    Nothing was written, and nothing will be: run the whole block again, including its reads.

    An ``atomic`` block raises it at its end if it lost a race, or if the connection failed before
    the commit was sent. A write outside a block raises it after losing too many races.
    ``ambiguous`` is False. ``appwrite_orm_django.transactions.retry_on_conflict`` retries it.
    """

    hint = "Run the whole atomic block again."


class WriteUnknown(AppwriteError, utils.OperationalError):
    """
    The connection ended before the answer to a write, and the server could not be asked.

    The write may have been applied, or may still be; ``ambiguous`` is True. Running it again may
    write it twice, so read the rows again first, or make the write idempotent.
    """

    hint = "Read the rows again before running it again."


class WriteBroken(AppwriteError, utils.OperationalError):
    """
    A write of several requests stopped partway: part of it is written, the rest is not.

    ``ambiguous`` is True, and ``__cause__`` is the error that stopped it. This can happen to writes
    outside a block, and to blocks that set the timestamps of rows
    (docs/explanation/transactions.md#limits-and-differences). The text says how far the write came.
    Running it again writes the first part twice.

    Attributes:
        written: number of rows or changes written; those of the failed request are not counted.
    """

    hint = "Do not simply run it again: the part that was written would be written twice."

    def __init__(self, text: str = "", *, written: int = 0, **kwargs: Any) -> None:
        super().__init__(text, **kwargs)
        self.written = written


class TransactionConflict(WriteRefused):
    """
    A commit met a row that another client had changed or created meanwhile.

    Nothing was applied. Run the whole block again.
    """

    hint = "Nothing was applied. Run the whole atomic block again."


class TransactionClosed(AppwriteError, utils.OperationalError):
    """The transaction no longer exists: it was committed, rolled back, failed, or expired."""


class TransactionLimitExceeded(AppwriteError, utils.OperationalError):
    """
    A transaction has more operations than the server accepts.

    A self-hosted server accepts 100.
    """

    hint = "Write in several atomic blocks, or with bulk_create, which counts as one operation per 100 rows."


class RowConflict(WriteRefused):
    """The row was changed after ``unmodified_since``; nothing was written."""


#: What to do about a missing column or index.
MISSING_PART = (
    "Run manage.py makemigrations and manage.py migrate, or manage.py appwrite_migrate if another "
    "client has changed the table."
)


class TableNotFound(AppwriteError, utils.ProgrammingError):
    """
    The table does not exist (404 ``table_not_found``).

    This is also the answer for a disabled table if no API key is sent.
    """

    hint = (
        "Run manage.py makemigrations and manage.py migrate, or manage.py appwrite_migrate if the "
        "table was deleted. If these find no changes, DATABASE_ROUTERS keeps the model in another "
        "database: query it there."
    )


class ColumnNotFound(AppwriteError, utils.ProgrammingError):
    """
    The column does not exist (404 ``column_not_found``).

    This is also the answer to incrementing a column of a missing row.
    """

    hint = MISSING_PART


class IndexNotFound(AppwriteError, utils.ProgrammingError):
    """The index does not exist (404 ``column_index_not_found``)."""

    hint = MISSING_PART


class BucketNotFound(AppwriteError, utils.OperationalError):
    """
    The bucket does not exist (404 ``storage_bucket_not_found``).

    This is also the answer for a disabled bucket if no API key is sent.
    """

    hint = (
        "Run manage.py appwrite_migrate, which creates the buckets that STORAGES and models name."
    )


class AlreadyExists(AppwriteError, utils.ProgrammingError):
    """A database, table, column, index, bucket or webhook with this id already exists."""


class InvalidQuery(AppwriteError, utils.ProgrammingError):
    """
    The server does not understand a query.

    A column that is still ``processing`` counts as unknown.
    """


class InvalidRequest(AppwriteError, utils.ProgrammingError):
    """The server rejected the request for another reason."""


class InvalidSchema(AppwriteError, utils.ProgrammingError):
    """The server rejected the definition of a column or an index."""


class ColumnNotAvailable(InvalidSchema):
    """The column is still ``processing``, or failed."""


class UniqueViolation(AppwriteError, utils.IntegrityError):
    """
    Another row has the same values in a unique index, or the same id.

    The server does not say which index, so it is asked once for the conflicting row. The text and
    the attributes hold its answer. If there is none, because the row is gone or the user may not
    read it, the attributes are empty and the text is the server's.

    Attributes:
        columns: keys of the columns of the index; ``("$id",)`` for the row's id.
        row_id: id of the row that was rejected.
        existing_id: id of the row that has these values; None also if it is another of the rejected
            rows.
        constraint: the name of a ``UniqueConstraint`` with a condition, with expressions or with
            ``nulls_distinct=False``. ``columns`` are those of its fields, or those on which its
            expressions depend.
    """

    def __init__(
        self,
        text: str = "",
        *,
        columns: tuple[str, ...] = (),
        existing_id: str | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(text, **attributes)
        self.columns = columns
        self.existing_id = existing_id
        self.constraint: str | None = None


class RowAlreadyExists(UniqueViolation):
    """
    Another row has the same id, compared without case.

    Appwrite 1.9 also reports a violated unique index this way.
    """

    hint = (
        "If the id was generated, another row has the same values in a unique index: "
        "Appwrite 1.9 reports both in the same words."
    )


class FileExists(AppwriteError, utils.IntegrityError):
    """Another file of the bucket has the same id (409 ``storage_file_already_exists``)."""


class DeleteRestricted(AppwriteError, utils.IntegrityError):
    """A relationship column with ``restrict`` still has rows on its other side."""


class InvalidStructure(AppwriteError, utils.DataError):
    """
    The server rejected the values of a row.

    A value does not fit its column, a required value is missing, or a column does not exist.
    """


class InvalidValue(AppwriteError, utils.DataError):
    """
    A value cannot be sent.

    It is NaN, an infinity, text with a lone surrogate, or text that the server would run as an
    operator.
    """


class InvalidId(AppwriteError, utils.DataError):
    """
    A value is not a valid id.

    An id has at most 36 of ``A-Z a-z 0-9 . _ -``, the first alphanumeric.
    """

    @classmethod
    def of(cls, value: object) -> InvalidId:
        """Return the error for a value."""
        return cls(
            f"{shown(value)} cannot be an Appwrite id.\n"
            "An id has 1 to 36 characters of A-Z a-z 0-9 . _ - and starts with a letter or a digit."
        )


class LimitExceeded(AppwriteError, utils.DataError):
    """A table would become too wide, or an increment would exceed its bound."""


class FileRefused(AppwriteError, utils.DataError):
    """The bucket does not allow a file: its size, its extension, or its name."""


class FeatureUnsupported(AppwriteError, utils.NotSupportedError):
    """This server, or the database under it, does not support the request."""


class RowNotFound(AppwriteError, utils.DatabaseError):
    """The row does not exist (404 ``row_not_found``), or the caller may not read it."""


class NotFound(AppwriteError, utils.DatabaseError):
    """Something else does not exist, for example a webhook."""


class FileNotFound(AppwriteError, utils.DatabaseError):
    """
    The file does not exist (404 ``storage_file_not_found``), or the user may not read it.

    ``AppwriteStorage`` raises Python's ``FileNotFoundError`` instead.
    """


#: By Appwrite's type. ``document_``, ``attribute_``, ``collection_`` and ``index_`` start the
#: legacy names of the same errors, which the TablesDB routes still answer for commits and
#: increments.
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
    "storage_bucket_already_exists": AlreadyExists,
    "storage_bucket_not_found": BucketNotFound,
    "storage_file_already_exists": FileExists,
    "storage_file_not_found": FileNotFound,
    "storage_file_type_unsupported": FileRefused,
    "storage_invalid_file": FileRefused,
    "storage_invalid_file_size": FileRefused,
    "storage_preview_unavailable": FeatureUnsupported,
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

_LEGACY_PREFIXES = {
    "document_": "row_",
    "attribute_": "column_",
    "collection_": "table_",
    "index_": "column_index_",
}

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
