"""Serve files through Django, for servers that browsers cannot reach."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timezone
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousFileOperation
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from appwrite_orm_django.client.errors import FeatureUnsupported, FileRefused, InvalidRequest
from appwrite_orm_django.conf import appwrite_aliases
from appwrite_orm_django.files.addresses import PREVIEW_OPTIONS, is_signed
from appwrite_orm_django.files.buckets import storages_of

PIECE_BYTES = 256 * 1024
#: Seconds for which browsers keep what they were shown: a file never changes, but may be deleted.
MAX_AGE_S = 3600
# Types that a browser shows without running anything in them, as at Appwrite.
_SHOWN = re.compile(r"image/(?!svg)|video/|audio/|application/pdf")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
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
    signature = request.GET.get("signature", "")
    if not settings.is_public and not is_signed(
        alias, bucket, name, signature, settings.url_timeout
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
    return _with_headers(storage, HttpResponse(picture, content_type=content_type))


def _file(request: HttpRequest, storage: Any, name: str, *, download: bool) -> HttpResponseBase:
    file = storage.open(name)
    etag = f'"{file.known["signature"]}"'
    modified = storage.created(file.known).astimezone(timezone.utc).timestamp()
    response: Any = StreamingHttpResponse(content_type=_shown_type(file, download=download))
    start, stop = 0, file.size
    if found := _RANGE.fullmatch(request.headers.get("range", "")):
        start = int(found[1])
        stop = min(int(found[2]) + 1, file.size) if found[2] else file.size
        if start >= stop:
            response = HttpResponse(status=416)
            response["Content-Range"] = f"bytes */{file.size}"
            return _with_headers(storage, response)
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    if request.method == "GET":
        response.streaming_content = _pieces(file, start, stop)
    response["Content-Length"] = str(stop - start)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    if disposition := content_disposition_header(download, name.rpartition("/")[2]):
        response["Content-Disposition"] = disposition
    _with_headers(storage, response)
    answer: HttpResponseBase | None = get_conditional_response(
        request, etag, int(modified), response
    )
    return response if answer is None else answer


def _shown_type(file: Any, *, download: bool) -> str:
    mime_type = str(file.known["mimeType"])
    return mime_type if download or _SHOWN.match(mime_type) else "text/plain"


def _pieces(file: Any, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    while start < stop:
        piece = file.read(min(PIECE_BYTES, stop - start))
        if not piece:
            return
        start += len(piece)
        yield piece


def _with_headers(storage: Any, response: HttpResponseBase) -> HttpResponseBase:
    visibility = "public" if storage.settings.is_public else "private"
    response["Cache-Control"] = f"{visibility}, max-age={MAX_AGE_S}"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "script-src 'none'"
    return response
