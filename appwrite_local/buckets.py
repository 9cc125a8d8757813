"""Create, list, change and delete buckets of the storage (recordings ``buckets-*``)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from appwrite_local import fulltext, identifiers
from appwrite_local.datetimes import now_text
from appwrite_local.errors import ApiError, invalid_argument
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.metadata_lists import Listing, select_entries
from appwrite_local.permissions import TABLE_ACTIONS, Permissions, expand
from appwrite_local.routing import Call, Param, Route
from appwrite_local.state import MAX_FILE_BYTES
from appwrite_local.storage import Session
from appwrite_local.validators import (
    QUERIES,
    Anything,
    Boolean,
    CustomId,
    IntegerRange,
    Nullable,
    OneOf,
    Text,
    Uid,
    list_of,
    truthy,
)

READ = ("buckets.read",)
WRITE = ("buckets.write",)
COMPRESSIONS = ("none", "gzip", "zstd")
SEARCH = Text(256)
#: The server neither compresses nor encrypts files larger than this, in bytes.
MAX_PROCESSED_BYTES = 20_000_000

_LISTING = Listing(
    "Bucket",
    {
        "enabled": "boolean", "name": "text", "fileSecurity": "boolean", "maximumFileSize": "integer", "encryption": "boolean",
        "antivirus": "boolean", "transformations": "boolean",
    },
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bucket:
    """
    A bucket.

    Attributes:
        maximumFileSize: bytes.
        allowedFileExtensions: as sent; compared with lower-cased extensions.
    """

    seq: int
    id: str
    created: str
    updated: str
    name: str = ""
    permissions: list[str] = field(default_factory=list)
    fileSecurity: bool = False
    enabled: bool = True
    maximumFileSize: int = MAX_FILE_BYTES
    allowedFileExtensions: list[str] = field(default_factory=list)
    compression: str = "none"
    encryption: bool = True
    antivirus: bool = True
    transformations: bool = True

    @property
    def options(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name not in _ROW}


_ROW = ("seq", "id", "created", "updated")
_OPTIONS = tuple(item.name for item in fields(Bucket) if item.name not in _ROW)
_FLAGS = ("fileSecurity", "enabled", "encryption", "antivirus", "transformations")
# The size that is left out.
_LIMIT = object()


def _bucket(row: tuple[Any, ...]) -> Bucket:
    seq, bucket_id, definition, created, updated = row
    return Bucket(seq, bucket_id, created, updated, **json.loads(definition))


def find_bucket(session: Session, bucket_id: str) -> Bucket | None:
    row = session.one("SELECT * FROM _buckets WHERE id = ?", (bucket_id,))
    return None if row is None else _bucket(row)


def require_bucket(call: Call) -> Bucket:
    """
    Return the bucket that a request names.

    Raises:
        ApiError: 404, also for a disabled bucket without a key, and without a project.
    """
    bucket = find_bucket(call.session, call.args["bucketId"])
    if bucket is None or not (bucket.enabled or call.identity.is_key) or not call.identity.project:
        raise ApiError("storage_bucket_not_found")
    return bucket


def bucket_json(session: Session, bucket: Bucket) -> dict[str, Any]:
    size = session.scalar(
        "SELECT SUM(definition ->> 'sizeOriginal') FROM _files WHERE bucket_seq = ?", (bucket.seq,)
    )
    shown = {
        "$permissions" if name == "permissions" else name: value
        for name, value in bucket.options.items()
    }
    return {
        "$id": bucket.id, "$createdAt": bucket.created, "$updatedAt": bucket.updated, **shown, "totalSize": size or 0,
    }  # fmt: skip


def _options(call: Call, current: Bucket | None = None) -> dict[str, Any]:
    """
    Return the options of a request; a null is the current value, or the default.

    Raises:
        ApiError: 400 for a size beyond the server's limit.
    """
    limit = call.server.max_file_bytes
    kept = current or Bucket(0, "", "", "", maximumFileSize=limit)
    options = {
        name: getattr(kept, name) if call.args[name] is None else call.args[name]
        for name in _OPTIONS
    }
    size = limit if options["maximumFileSize"] is _LIMIT else options["maximumFileSize"]
    if (problem := IntegerRange(1, limit).problem(size)) is not None:
        raise invalid_argument(f"Invalid `maximumFileSize` param: {problem}")
    extensions = options["allowedFileExtensions"]
    return {
        **options,
        **{name: truthy(options[name]) for name in _FLAGS},
        "permissions": expand(options["permissions"], TABLE_ACTIONS),
        "maximumFileSize": int(size),
        "allowedFileExtensions": list(
            extensions.values() if isinstance(extensions, dict) else extensions
        ),
    }


def create_bucket(call: Call) -> Response:
    bucket_id = identifiers.chosen(call.args["bucketId"])
    if find_bucket(call.session, bucket_id) is not None:
        raise ApiError("storage_bucket_already_exists")
    now = now_text()
    options = _options(call)
    seq = call.session.insert(
        "INSERT INTO _buckets (id, definition, created, updated) VALUES (?, ?, ?, ?)",
        (bucket_id, json.dumps(options), now, now),
    )
    return json_response(
        201, bucket_json(call.session, Bucket(seq, bucket_id, now, now, **options))
    )


def list_buckets(call: Call) -> Response:
    search = call.args["search"]
    rows = call.session.all("SELECT * FROM _buckets ORDER BY seq")
    entries = [
        bucket_json(call.session, bucket)
        for bucket in map(_bucket, rows)
        if not search or fulltext.matches(f"{bucket.id} {bucket.name}", search)
    ]
    chosen, total = select_entries(
        _LISTING, entries, call.args["queries"], call.args["total"], level=call.server.feature_level
    )
    return json_response(200, {"total": total, "buckets": [entries[index] for index in chosen]})


def get_bucket(call: Call) -> Response:
    return json_response(200, bucket_json(call.session, require_bucket(call)))


def update_bucket(call: Call) -> Response:
    """Set every option: those left out fall back to their defaults, except permissions."""
    bucket = require_bucket(call)
    changed = replace(bucket, updated=now_text(), **_options(call, bucket))
    call.session.execute(
        "UPDATE _buckets SET definition = ?, updated = ? WHERE seq = ?",
        (json.dumps(changed.options), changed.updated, bucket.seq),
    )
    return json_response(200, bucket_json(call.session, changed))


def delete_bucket(call: Call) -> Response:
    bucket = require_bucket(call)
    for (seq,) in call.session.all("SELECT seq FROM _files WHERE bucket_seq = ?", (bucket.seq,)):
        forget_file(call, seq)
    call.session.execute("DELETE FROM _buckets WHERE seq = ?", (bucket.seq,))
    return no_content()


def forget_file(call: Call, seq: int) -> None:
    """Delete a file with its tokens; its content goes once that is stored."""
    for table, column in (
        ("_files", "seq"),
        ("_file_tokens", "file_seq"),
        ("_previews", "file_seq"),
    ):
        call.session.execute(f"DELETE FROM {table} WHERE {column} = ?", (seq,))
    call.session.after_commit.append(lambda: call.server.contents.delete(seq))


_ID = Param("bucketId", Uid())
_LOOSE = Boolean(loose=True)
_PERMISSIONS = Param("permissions", Nullable(Permissions(TABLE_ACTIONS)), None, nullable=True)


def _params(*, keeps_size: bool) -> tuple[Param, ...]:
    return (
        Param("name", Text(128)), _PERMISSIONS, Param("fileSecurity", _LOOSE, False), Param("enabled", _LOOSE, True),
        # The handler checks it, since the limit is the server's own.
        Param("maximumFileSize", Anything(), _LIMIT, nullable=keeps_size),
        Param("allowedFileExtensions", list_of(Text(64), None), []),
        Param("compression", OneOf(COMPRESSIONS), "none", nullable=True), Param("encryption", _LOOSE, True, nullable=True),
        Param("antivirus", _LOOSE, True), Param("transformations", _LOOSE, True),
    )  # fmt: skip


ROUTES = [
    Route("POST", "/storage/buckets", create_bucket, WRITE, (Param("bucketId", CustomId()), *_params(keeps_size=False))),
    Route(
        "GET", "/storage/buckets", list_buckets, READ,
        (Param("queries", QUERIES, []), Param("search", SEARCH, ""), Param("total", _LOOSE, True)), writes=False,
    ),
    Route("GET", "/storage/buckets/{bucketId}", get_bucket, READ, (_ID,), writes=False),
    Route("PUT", "/storage/buckets/{bucketId}", update_bucket, WRITE, (_ID, *_params(keeps_size=True))),
    Route("DELETE", "/storage/buckets/{bucketId}", delete_bucket, WRITE, (_ID,)),
]  # fmt: skip
