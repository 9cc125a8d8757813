"""Stream downloads of a list as CSV or JSON while its rows are read."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextvars import Context, copy_context
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.http import HttpRequest, StreamingHttpResponse

from appwrite_orm_django.contrib.views.columns import BoundColumn

__all__ = ["FORMATS", "stream"]

Rows = Iterable[models.Model]
Columns = Sequence[BoundColumn]

# Spreadsheets take a cell that starts with these for a formula, full-width forms included
# (OWASP, "CSV Injection").
_FORMULA_STARTS = tuple(
    "=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)


def stream(
    request: HttpRequest, kind: str, columns: Columns, rows: Rows, name: str
) -> StreamingHttpResponse:
    """
    Return a response that streams a download.

    Args:
        kind: a key of ``FORMATS``.
        rows: the rows, read while the response is sent.
        name: name of the file, without its extension.
    """
    content_type, write = FORMATS[kind]
    parts = _within(copy_context(), write(columns, rows))
    # Under ASGI, Django consumes a synchronous iterator before it sends anything.
    content: Any = _asynchronous(parts) if isinstance(request, ASGIRequest) else parts
    response = StreamingHttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


def _within(context: Context, parts: Iterator[str]) -> Iterator[str]:
    """
    Yield the parts of a download, reading the rows in the view's context.

    The view has returned by then. If it ran inside ``appwrite_user()``, that block has ended, and
    the rows would otherwise be read with the API key.
    """
    while (part := context.run(next, parts, None)) is not None:
        yield part


async def _asynchronous(parts: Iterator[str]) -> AsyncIterator[str]:
    take = sync_to_async(lambda: next(parts, None))
    while (part := await take()) is not None:
        yield part


class _Echo:
    """A file for ``csv`` that returns what is written to it."""

    def write(self, text: str) -> str:
        return text


def _csv(columns: Columns, rows: Rows) -> Iterator[str]:
    writer: Any = csv.writer(_Echo())
    yield writer.writerow([harmless(column.label) for column in columns])
    for row in rows:
        yield writer.writerow([harmless(_plain(column.value(row))) for column in columns])


def _json(columns: Columns, rows: Rows) -> Iterator[str]:
    encode = DjangoJSONEncoder(ensure_ascii=False).encode
    yield "["
    separator = "\n"
    for row in rows:
        yield separator + encode({column.name: _plain(column.value(row)) for column in columns})
        separator = ",\n"
    yield "\n]\n"


def _plain(value: Any) -> Any:
    if isinstance(value, models.Model):
        return str(value)
    try:
        json.dumps(value, cls=DjangoJSONEncoder)
    except TypeError:
        return str(value)
    return value


def harmless(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would run as a formula, but not numbers."""
    if isinstance(value, str) and (
        value.lstrip().startswith(_FORMULA_STARTS) or value[:1] in ("\t", "\r", "\n")
    ):
        return f"'{value}"
    return value


#: Maps a file extension to the content type and the function that writes the format.
FORMATS: dict[str, tuple[str, Callable[[Columns, Rows], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "json": ("application/json", _json),
}
