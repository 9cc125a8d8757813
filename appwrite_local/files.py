"""
Upload, list, change and delete files.

Source: recordings ``files-*``, ``chunked-*``, ``users``, ``guests``.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from appwrite_local import fulltext, identifiers
from appwrite_local.buckets import (
    MAX_PROCESSED_BYTES,
    SEARCH,
    Bucket,
    forget_file,
    require_bucket,
)
from appwrite_local.datetimes import format_datetime, now_text
from appwrite_local.errors import ApiError, unauthorized
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.metadata_lists import Listing, select_entries
from appwrite_local.mime_types import guess_type
from appwrite_local.multipart import Upload
from appwrite_local.permissions import (
    ROW_ACTIONS,
    TABLE_ACTIONS,
    Identity,
    Permissions,
    allows,
    default_permissions,
    denied,
    expand,
    require_grantable,
)
from appwrite_local.routing import Call, Param, Route
from appwrite_local.storage import Session
from appwrite_local.validators import (
    Anything,
    Boolean,
    CustomId,
    ListOf,
    Nullable,
    Text,
    Uid,
)

READ = ("files.read",)
WRITE = ("files.write",)
#: Bytes of each chunk but the last: the number of a chunk follows from where it begins.
CHUNK_BYTES = 5 * 1024 * 1024

_LISTING = Listing(
    "File",
    {
        "name": "text", "signature": "text", "mimeType": "text", "sizeOriginal": "integer", "chunksTotal": "integer",
        "chunksUploaded": "integer",
    },
)  # fmt: skip
# Longer lists than for rows pass.
FILE_QUERIES = ListOf(Text(4096), Text(4096).problem(None) or "", 5000)
_CONTENT_RANGE = re.compile(r"[^\s]+ (\d+)-(\d+)/(\d+)")


@dataclass(slots=True)
class File:
    """
    A file.

    Attributes:
        first_name: the name at the upload, which ``search`` goes by.
        chunks: numbers of the chunks that have arrived, from 0.
        size: bytes of the content that has arrived; ``sizeOriginal`` is what the client announced.
    """

    seq: int
    id: str
    created: str
    updated: str
    name: str = ""
    first_name: str = ""
    permissions: list[str] = field(default_factory=list)
    signature: str = ""
    mimeType: str = ""
    sizeOriginal: int = 0
    sizeActual: int = 0
    chunksTotal: int = 1
    chunks: list[int] = field(default_factory=list)
    encryption: bool = False
    compression: str = ""
    size: int = 0

    @property
    def is_complete(self) -> bool:
        return len(self.chunks) >= self.chunksTotal

    @property
    def definition(self) -> str:
        values = asdict(self)
        return json.dumps({name: values[name] for name in values if name not in _ROW})


_ROW = ("seq", "id", "created", "updated")


def extension_of(name: str) -> str:
    """Return what follows the last dot of a name's last part, as PHP's ``pathinfo`` does."""
    _, dot, extension = name.rstrip("/").rpartition("/")[2].rpartition(".")
    return extension if dot else ""


def _file(row: tuple[Any, ...]) -> File:
    seq, file_id, definition, created, updated = row
    return File(seq, file_id, created, updated, **json.loads(definition))


def find_file(session: Session, bucket: Bucket, file_id: str) -> File | None:
    row = session.one(
        "SELECT seq, id, definition, created, updated FROM _files WHERE bucket_seq = ? AND id = ?",
        (bucket.seq, file_id),
    )
    return None if row is None else _file(row)


def require_file(call: Call, bucket: Bucket) -> File:
    """
    Return the file that a request names, without checking who may read it.

    Raises:
        ApiError: 404.
    """
    file = find_file(call.session, bucket, call.args["fileId"])
    if file is None:
        raise ApiError("storage_file_not_found")
    return file


def store(call: Call, file: File) -> None:
    file.updated = now_text()
    call.session.execute(
        "UPDATE _files SET definition = ?, updated = ? WHERE seq = ?",
        (file.definition, file.updated, file.seq),
    )


def file_json(bucket: Bucket, file: File) -> dict[str, Any]:
    return {
        "$id": file.id, "bucketId": bucket.id, "$createdAt": file.created, "$updatedAt": file.updated,
        "$permissions": file.permissions, "name": file.name, "signature": file.signature, "mimeType": file.mimeType,
        "sizeOriginal": file.sizeOriginal, "sizeActual": file.sizeActual, "chunksTotal": file.chunksTotal,
        "chunksUploaded": len(file.chunks), "encryption": file.encryption, "compression": file.compression,
    }  # fmt: skip


def may(bucket: Bucket, file: File, action: str, identity: Identity) -> bool:
    """Return whether the bucket or, under file security, the file permits a caller's action."""
    return allows(bucket.permissions, action, identity) or (
        bucket.fileSecurity and allows(file.permissions, action, identity)
    )


def require_bucket_action(bucket: Bucket, action: str, identity: Identity) -> None:
    """
    Reject a caller to whom no file of the bucket can permit an action.

    Raises:
        ApiError: 401.
    """
    if not bucket.fileSecurity and not allows(bucket.permissions, action, identity):
        raise denied(bucket.permissions, action, identity)


def create_file(call: Call) -> Response:
    """Take a whole file or one chunk of it."""
    bucket = require_bucket(call)
    if not allows(bucket.permissions, "create", call.identity):
        raise denied(bucket.permissions, "create", call.identity)
    permissions = _permissions(call)
    upload = call.args["file"]
    if isinstance(upload, list):  # file[]
        raise ApiError("storage_invalid_file_size")
    if not isinstance(upload, Upload):
        raise ApiError("storage_file_empty")
    placed = _content_range(call.request.headers.get("content-range", ""))
    start, total = placed or (0, len(upload.content))
    file_id = _file_id(call, chunked=placed is not None)
    _check(bucket, upload, total)
    number = start // CHUNK_BYTES
    file = find_file(call.session, bucket, file_id)
    if file is None:
        chunks = 1 if placed is None else math.ceil(total / CHUNK_BYTES)
        file = _new_file(call, bucket, file_id, upload, total, chunks, permissions)
        if not chunks:
            return json_response(200, file_json(bucket, file))
    elif file.is_complete:
        if placed is None:
            raise ApiError("storage_file_already_exists")
        return json_response(200, file_json(bucket, file))
    if number not in file.chunks:
        if extension_of(upload.name) != extension_of(file.first_name):
            raise ApiError("general_unknown")  # its chunks would be looked for in another place
        call.server.contents.write_chunk(file.seq, number, upload.content)
        file.chunks.append(number)
        if file.is_complete:
            _complete(call, bucket, file, permissions)
        store(call, file)
    return json_response(201, file_json(bucket, file))


def _permissions(call: Call) -> list[str]:
    given = call.args["permissions"]
    if given is None:
        return default_permissions(call.identity)
    permissions = expand(given)
    require_grantable(permissions, call.identity)
    return permissions


def _content_range(header: str) -> tuple[int, int] | None:
    """Return where a chunk begins and the size of the whole file; None for a whole file."""
    if not header:
        return None
    found = _CONTENT_RANGE.fullmatch(header)
    if found is None:
        raise ApiError("storage_invalid_content_range")
    start, end, total = (int(digits) for digits in found.groups())
    if not start <= end <= total:
        raise ApiError("storage_invalid_content_range")
    return start, total


def _file_id(call: Call, *, chunked: bool) -> str:
    header = call.request.headers.get("x-appwrite-id", "") if chunked else ""
    if header and not identifiers.is_valid(header):
        raise ApiError("storage_invalid_appwrite_id")
    return header or identifiers.chosen(call.args["fileId"])


def _check(bucket: Bucket, upload: Upload, total: int) -> None:
    allowed = bucket.allowedFileExtensions
    if allowed and extension_of(upload.name).lower() not in allowed:
        raise ApiError("storage_file_type_unsupported", message="File extension not allowed")
    if total > bucket.maximumFileSize:
        raise ApiError("storage_invalid_file_size")
    if not upload.name:
        raise ApiError("storage_invalid_file")


def _new_file(
    call: Call,
    bucket: Bucket,
    file_id: str,
    upload: Upload,
    total: int,
    chunks: int,
    permissions: list[str],
) -> File:
    now = _next_moment(call, bucket)
    file = File(
        0, file_id, now, now, upload.name, upload.name, permissions, sizeOriginal=total, chunksTotal=chunks
    )  # fmt: skip
    file.seq = call.session.insert(
        "INSERT INTO _files (bucket_seq, id, definition, created, updated) VALUES (?, ?, ?, ?, ?)",
        (bucket.seq, file_id, file.definition, now, now),
    )
    return file


def _next_moment(call: Call, bucket: Bucket) -> str:
    """Return the current time, or just after the last file: an upload takes a server that long."""
    last = call.session.scalar(
        "SELECT created FROM _files WHERE bucket_seq = ? ORDER BY seq DESC LIMIT 1", (bucket.seq,)
    )
    moment = now_text()
    if last is not None and last >= moment:
        moment = format_datetime(datetime.fromisoformat(last) + timedelta(milliseconds=1))
    return moment


def _complete(call: Call, bucket: Bucket, file: File, permissions: list[str]) -> None:
    contents = call.server.contents
    joined = contents.join(file.seq, sorted(file.chunks))
    call.session.after_commit.append(lambda: contents.drop_chunks(file.seq))
    file.permissions = permissions
    file.signature = joined.signature
    file.mimeType = guess_type(joined.head, joined.size)
    file.size = joined.size
    processed = joined.size <= MAX_PROCESSED_BYTES
    file.encryption = bucket.encryption and processed
    file.compression = bucket.compression if processed else "none"
    packed = joined.size
    if file.compression == "gzip":
        packed = len(packed_bytes(contents.read(file.seq, 0, joined.size).read()))
    # What is encrypted is kept as base64.
    file.sizeActual = 4 * math.ceil(packed / 3) if file.encryption else packed


def packed_bytes(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(content) + packer.flush()


def list_files(call: Call) -> Response:
    bucket = require_bucket(call)
    require_bucket_action(bucket, "read", call.identity)
    search = call.args["search"]
    rows = call.session.all(
        "SELECT seq, id, definition, created, updated FROM _files WHERE bucket_seq = ? ORDER BY seq",
        (bucket.seq,),
    )
    entries = [
        {**file_json(bucket, file), "$sequence": file.seq}
        for file in map(_file, rows)
        if may(bucket, file, "read", call.identity)
        and (search is None or fulltext.matches(f"{file.id} {file.first_name}", search))
    ]
    chosen, total = select_entries(
        _LISTING, entries, call.args["queries"], call.args["total"], level=call.server.feature_level
    )
    for entry in entries:
        del entry["$sequence"]
    return json_response(200, {"total": total, "files": [entries[index] for index in chosen]})


def get_file(call: Call) -> Response:
    bucket = require_bucket(call)
    return json_response(200, file_json(bucket, require_readable(call, bucket)))


def require_readable(call: Call, bucket: Bucket) -> File:
    """
    Return the file that a request names, if its caller may read it.

    Raises:
        ApiError: 401 without file security, 404 with it.
    """
    require_bucket_action(bucket, "read", call.identity)
    file = require_file(call, bucket)
    if not may(bucket, file, "read", call.identity):
        raise ApiError("storage_file_not_found")
    return file


def update_file(call: Call) -> Response:
    """Rename a file or set its permissions; what is left out, or null, is kept."""
    bucket = require_bucket(call)
    require_bucket_action(bucket, "update", call.identity)
    file = require_file(call, bucket)
    if not may(bucket, file, "update", call.identity):
        raise unauthorized()
    if call.args["permissions"] is not None:
        permissions = expand(call.args["permissions"])
        require_grantable(permissions, call.identity)
        file.permissions = permissions
    if call.args["name"] is not None:
        file.name = call.args["name"]
    store(call, file)
    return json_response(200, file_json(bucket, file))


def delete_file(call: Call) -> Response:
    bucket = require_bucket(call)
    require_bucket_action(bucket, "delete", call.identity)
    file = require_file(call, bucket)
    if not may(bucket, file, "delete", call.identity):
        raise denied(file.permissions, "delete", call.identity)
    forget_file(call, file.seq)
    return no_content()


BUCKET_ID = Param("bucketId", Uid())
FILE_ID = Param("fileId", Uid())
PATH = "/storage/buckets/{bucketId}/files"

ROUTES = [
    Route(
        "POST", PATH, create_file, WRITE,
        (
            BUCKET_ID, Param("fileId", CustomId()), Param("file", Anything(), None, nullable=True),
            Param("permissions", Nullable(Permissions(ROW_ACTIONS)), None, nullable=True),
        ),
    ),
    Route(
        "GET", PATH, list_files, READ,
        (BUCKET_ID, Param("queries", FILE_QUERIES, []), Param("search", SEARCH, None), Param("total", Boolean(loose=True), True)),
        writes=False,
    ),
    Route("GET", PATH + "/{fileId}", get_file, READ, (BUCKET_ID, FILE_ID), writes=False),
    Route(
        "PUT", PATH + "/{fileId}", update_file, WRITE,
        (
            BUCKET_ID, FILE_ID, Param("name", Text(128), None, nullable=True),
            Param("permissions", Nullable(Permissions(TABLE_ACTIONS)), None, nullable=True),
        ),
    ),
    Route("DELETE", PATH + "/{fileId}", delete_file, WRITE, (BUCKET_ID, FILE_ID)),
]  # fmt: skip
