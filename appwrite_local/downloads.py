"""
Send the contents of files: ``download`` as an attachment, ``view`` to be shown in a browser.

Source: recordings ``files-download``, ``files-range``, ``files-types``, ``files-compression``.
"""

from __future__ import annotations

import base64
import gzip
import re

from appwrite_local.buckets import MAX_PROCESSED_BYTES, Bucket, require_bucket
from appwrite_local.contents import Contents
from appwrite_local.errors import ApiError, unauthorized
from appwrite_local.file_tokens import opened_file
from appwrite_local.files import (
    BUCKET_ID,
    FILE_ID,
    PATH,
    READ,
    File,
    packed_bytes,
    require_file,
    require_readable,
)
from appwrite_local.messages import Response
from appwrite_local.mime_types import shown_type
from appwrite_local.routing import Call, Param, Route
from appwrite_local.validators import Text

#: The most bytes of a range.
MAX_OPEN_DOWNLOAD = 10 * 1024 * 1024
MAX_OPEN_VIEW = 20_000_000
#: Bytes from which an answer has no Content-Length.
MAX_WHOLE = 2_000_000
#: Bytes from which a text is compressed for a client that accepts it.
MIN_COMPRESSED = 1024

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_COMPRESSIBLE = re.compile(r"text/|application/(?:json|javascript|xml)|image/svg")
TOKEN = Param("token", Text(4096, 0), "")


def require_open(call: Call, bucket: Bucket) -> File:
    """
    Return the file that a request names, if its caller or the token in its URL may read it.

    Raises:
        ApiError: 401 or 404; a token of another file is always 401.
    """
    secret = call.args["token"]
    opened = opened_file(call, secret) if secret else None
    if opened is None:
        return require_readable(call, bucket)
    file = require_file(call, bucket)
    if file.seq != opened:
        raise unauthorized()
    return file


def require_complete(file: File) -> None:
    if not file.signature:
        raise ApiError("storage_file_incomplete", path=f"/storage/uploads/{file.id}")


def stored_bytes(contents: Contents, file: File) -> bytes | None:
    """Return what the server makes of the two contents that it spoils; None for any other."""
    if not file.size and file.compression == "gzip":
        return packed_bytes(b"")
    if file.size == 1 and file.encryption:
        content = contents.read(file.seq, 0, 1).read()
        return base64.b64encode(b"0\0\0"[:2]) if content == b"0" else None
    return None


def _send(call: Call, file: File, content_type: str, most: int) -> Response:
    require_complete(file)
    headers = {
        "Content-Type": content_type,
        "Cache-Control": "private, max-age=3888000",
        "X-Content-Type-Options": "nosniff",
    }
    wanted = call.request.headers.get("range")
    if wanted is not None:
        start, end = _range(wanted, file.sizeOriginal, most)
        headers["Content-Range"] = f"bytes {start}-{end}/{file.sizeOriginal}"
        headers["Accept-Ranges"] = "bytes"
        return _answer(call, file, 206, headers, start, end + 1 - start)
    spoilt = stored_bytes(call.server.contents, file)
    if spoilt is not None:
        return Response(200, spoilt, {**headers, "Content-Length": str(len(spoilt))})
    return _answer(call, file, 200, headers, 0, file.size)


def _range(header: str, size: int, most: int) -> tuple[int, int]:
    found = _RANGE.fullmatch(header)
    if found is None:
        raise ApiError("storage_invalid_range")
    start = int(found[1])
    end = int(found[2]) if found[2] else min(size, start + most) - 1
    if not start < end < size:
        raise ApiError("storage_invalid_range")
    return start, min(end, start + MAX_OPEN_VIEW)


def _answer(
    call: Call, file: File, status: int, headers: dict[str, str], start: int, length: int
) -> Response:
    part = call.server.contents.read(file.seq, start, length)
    accepted = call.request.headers.get("accept-encoding", "")
    packs = (
        status == 200
        and "gzip" in accepted
        and length <= MAX_PROCESSED_BYTES
        and _COMPRESSIBLE.match(headers["Content-Type"])
    )
    if length > MAX_WHOLE and not packs:
        return Response(status, headers=headers, part=part)
    body = part.read()
    if packs and len(body) >= MIN_COMPRESSED:
        body = gzip.compress(body)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(status, body, {**headers, "Content-Length": str(len(body))})


def download_file(call: Call) -> Response:
    file = require_open(call, require_bucket(call))
    answer = _send(call, file, file.mimeType, MAX_OPEN_DOWNLOAD)
    answer.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return answer


def view_file(call: Call) -> Response:
    file = require_open(call, require_bucket(call))
    answer = _send(call, file, shown_type(file.mimeType), MAX_OPEN_VIEW)
    answer.headers |= {
        "Content-Disposition": f'inline; filename="{file.name}"',
        "Content-Security-Policy": "script-src none;",
    }
    return answer


_PARAMS = (BUCKET_ID, FILE_ID, TOKEN)

ROUTES = [
    Route("GET", PATH + "/{fileId}/download", download_file, READ, _PARAMS, writes=False),
    Route("GET", PATH + "/{fileId}/view", view_file, READ, _PARAMS, writes=False),
]
