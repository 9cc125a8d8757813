"""Serve files through Django, for servers that browsers cannot reach."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied, SuspiciousFileOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe
from django.views.decorators.http import require_safe

from appwrite_orm_django.client.errors import FeatureUnsupported, FileRefused, InvalidRequest
from appwrite_orm_django.conf import appwrite_aliases
from appwrite_orm_django.files.addresses import PREVIEW_OPTIONS, is_signed
from appwrite_orm_django.files.buckets import storages_of

PIECE_BYTES = 256 * 1024
#: Seconds for which browsers keep a file that no other can replace, though it may be deleted.
MAX_AGE_S = 3600
# Types that a browser shows without running anything in them, as at Appwrite.
_SHOWN = re.compile(r"image/(?!svg)|video/|audio/|application/pdf")
# One range of bytes; its numbers are those of files.
_RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII | re.IGNORECASE)
UNSATISFIABLE = (0, 0)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SIGNATURES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


@require_safe
def serve_file(
    request: HttpRequest, alias: str, bucket: str, kind: str, name: str
) -> HttpResponseBase:
    """
    Send a file, or a preview of it.

    It is read as the user in force, or with the API key. A bucket that not everyone may read needs
    the signature that ``url()`` adds.
    """
    storage = _storage(alias, bucket)
    settings = storage.settings
    if not settings.is_public and not is_signed(
        alias, bucket, name, request.GET, settings.url_timeout
    ):
        raise PermissionDenied("The signature of the address is missing, wrong or too old.")
    try:
        if kind == "preview":
            return _preview(request, storage, name)
        if kind in ("view", "download"):
            return _file(request, storage, name, download=kind == "download")
    except (FileNotFoundError, SuspiciousFileOperation) as error:
        raise Http404(f"There is no file {name}.") from error
    raise Http404(f"There is no {kind} of a file.")


def _storage(alias: str, bucket: str) -> Any:
    if alias in appwrite_aliases():
        for storage in storages_of(alias):
            if storage.settings.bucket == bucket and storage.urls == "django":
                return storage
    raise Http404(f"No storage serves the bucket {bucket} through Django.")


def _preview(request: HttpRequest, storage: Any, name: str) -> HttpResponseBase:
    options = {
        option: request.GET[sent] for option, sent in PREVIEW_OPTIONS.items() if sent in request.GET
    }
    try:
        picture = storage.preview(name, **options)
    except (FileRefused, FeatureUnsupported, InvalidRequest) as error:
        return HttpResponseBadRequest(str(error).partition("\n")[0], content_type="text/plain")
    content_type = next(
        (known for signature, known in _SIGNATURES if picture.startswith(signature)),
        "application/octet-stream",
    )
    response = HttpResponse(picture, content_type=content_type)
    response["ETag"] = f'"{hashlib.md5(picture, usedforsecurity=False).hexdigest()}"'
    _set_headers(storage, response)
    return _conditional(request, response)


def _file(request: HttpRequest, storage: Any, name: str, *, download: bool) -> HttpResponseBase:
    file = storage.open(name)
    response = StreamingHttpResponse(content_type=_shown_type(file, download=download))
    response["Content-Length"] = str(file.size)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = f'"{file.known["signature"]}"'
    response["Last-Modified"] = http_date(storage.created(file.known).timestamp())
    if disposition := _disposition(file.known["name"], download=download):
        response["Content-Disposition"] = disposition
    _set_headers(storage, response)
    # Preconditions are evaluated before the range (RFC 9110, section 13.2.2).
    answer = _conditional(request, response)
    if answer is not response or request.method != "GET":
        return answer
    start, stop = 0, file.size
    if asked := _range(request, response["ETag"], file.size):
        if asked == UNSATISFIABLE:
            return _unsatisfiable(storage, file.size)
        start, stop = asked
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
        response["Content-Length"] = str(stop - start)
        # Keeps ``GZipMiddleware`` from compressing a part, which nobody could put together.
        response["Content-Encoding"] = "identity"
    is_async = isinstance(request, ASGIRequest)
    pieces = _async_pieces(file, start, stop) if is_async else _pieces(file, start, stop)
    response.streaming_content = pieces
    return response


def _range(request: HttpRequest, etag: str, size: int) -> tuple[int, int] | None:
    """
    Return where the asked part of a file begins and ends, or ``UNSATISFIABLE``.

    None stands for the whole file. A server may always send that, and does for several ranges, for
    what it does not understand, and unless ``If-Range`` has the ETag. A date there proves nothing:
    two files of one name can be saved within a second.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = asked.groups()
    if first:
        if last and int(last) < int(first):
            return None
        start, stop = int(first), min(int(last) + 1, size) if last else size
        return (start, stop) if start < size else UNSATISFIABLE
    if not last:
        return None
    if int(last) == 0:
        return UNSATISFIABLE
    return (max(size - int(last), 0), size) if size else None


def _unsatisfiable(storage: Any, size: int) -> HttpResponse:
    response = HttpResponse(status=416)
    response["Content-Range"] = f"bytes */{size}"
    _set_headers(storage, response)
    return response


def _conditional(request: HttpRequest, response: Any) -> HttpResponseBase:
    """Return the response, or a 304 or 412 if the request's conditions ask for one."""
    modified = parse_http_date_safe(response.get("Last-Modified", ""))
    answer: HttpResponseBase | None = get_conditional_response(
        request, response["ETag"], modified, response
    )
    return response if answer is None else answer


def _disposition(name: str, *, download: bool) -> str | None:
    """Return the ``Content-Disposition`` for the last part of a name."""
    last = name.rpartition("/")[2]
    if _CONTROL.search(last):  # not even allowed within quotes
        return f"{'attachment' if download else 'inline'}; filename*=utf-8''{quote(last, safe='')}"
    header: str | None = content_disposition_header(download, last)
    return header


def _shown_type(file: Any, *, download: bool) -> str:
    mime_type = str(file.known["mimeType"])
    return mime_type if download or _SHOWN.match(mime_type) else "text/plain"


def _pieces(file: Any, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    while start < stop:
        piece = _piece(file, stop - start)
        start += len(piece)
        yield piece


async def _async_pieces(file: Any, start: int, stop: int) -> AsyncIterator[bytes]:
    """Yield what ``_pieces`` does. Under ASGI, Django collects the whole of a plain iterator."""
    file.seek(start)
    while start < stop:
        piece = await sync_to_async(_piece)(file, stop - start)
        start += len(piece)
        yield piece


def _piece(file: Any, most: int) -> bytes:
    piece: bytes = file.read(min(PIECE_BYTES, most))
    return piece


def _set_headers(storage: Any, response: HttpResponseBase) -> None:
    visibility = "public" if storage.settings.is_public else "private"
    how_long = f"max-age={MAX_AGE_S}" if storage.settings.unique_names else "no-cache"
    response["Cache-Control"] = f"{visibility}, {how_long}"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "script-src 'none'"
