"""
Create, list, change and delete tokens, each of which opens one file to anyone who has it.

Source: recording ``tokens``.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any

from appwrite_local import identifiers
from appwrite_local.buckets import require_bucket
from appwrite_local.datetimes import now_text, parse_datetime
from appwrite_local.errors import ApiError
from appwrite_local.files import BUCKET_ID, FILE_ID, require_file
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.metadata_lists import Listing, select_entries
from appwrite_local.routing import Call, Param, Route
from appwrite_local.validators import QUERIES, Boolean, Nullable, Uid

READ = ("tokens.read",)
WRITE = ("tokens.write",)
_LISTING = Listing("File token", {"expire": "datetime"})
_COLUMNS = "seq, id, file_seq, resource, expire, secret, created, accessed"


@dataclass(frozen=True, slots=True)
class FutureDate:
    def problem(self, value: Any) -> str | None:
        moment = parse_datetime(value) if isinstance(value, str) else None
        if moment is not None and moment > now_text():
            return None
        return "Value must be valid date in the future and between 0000-01-01 00:00:00 and 9999-12-31 00:00:00."


def _token_json(row: tuple[Any, ...]) -> dict[str, Any]:
    _, token_id, _, resource, expire, secret, created, accessed = row
    return {
        "$id": token_id, "$createdAt": created, "resourceId": resource, "resourceType": "files", "expire": expire,
        "secret": secret, "accessedAt": accessed,
    }  # fmt: skip


def _secret(token_id: str, resource: str) -> str:
    """Return a text in the form of a JWT, which only the storage can tell from others."""
    parts = (
        {"typ": "JWT", "alg": "HS256"},
        {"tokenId": token_id, "resourceId": resource, "resourceType": "files", "key": secrets.token_hex(16)},
    )  # fmt: skip
    encoded = [
        base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()) for part in parts
    ]
    return b".".join([*encoded, secrets.token_hex(16).encode()]).decode().replace("=", "")


def opened_file(call: Call, secret: str) -> int | None:
    """Return the number of the file that a secret opens; None for one that is not valid now."""
    row = call.session.one("SELECT file_seq, expire FROM _file_tokens WHERE secret = ?", (secret,))
    if row is None or (row[1] and row[1] <= now_text()):
        return None
    return int(row[0])


def _require(call: Call) -> tuple[Any, ...]:
    row = call.session.one(
        f"SELECT {_COLUMNS} FROM _file_tokens WHERE id = ?", (call.args["tokenId"],)
    )
    if row is None:
        raise ApiError("token_not_found")
    return row


def create_token(call: Call) -> Response:
    bucket = require_bucket(call)
    file = require_file(call, bucket)
    token_id = identifiers.new_id()
    resource = f"{bucket.id}:{file.id}"
    call.session.execute(
        "INSERT INTO _file_tokens (id, file_seq, resource, expire, secret, created, accessed) "
        "VALUES (?, ?, ?, ?, ?, ?, '')",
        (token_id, file.seq, resource, _expire(call), _secret(token_id, resource), now_text()),
    )
    call.args["tokenId"] = token_id
    return json_response(201, _token_json(_require(call)))


def _expire(call: Call) -> str:
    given = call.args["expire"]
    return "" if given is None else parse_datetime(given) or ""


def list_tokens(call: Call) -> Response:
    file = require_file(call, require_bucket(call))
    rows = call.session.all(
        f"SELECT {_COLUMNS} FROM _file_tokens WHERE file_seq = ? ORDER BY seq", (file.seq,)
    )
    entries = [_token_json(row) for row in rows]
    listed = [
        {**entry, "$updatedAt": entry["$createdAt"], "expire": entry["expire"] or None}
        for entry in entries
    ]
    chosen, total = select_entries(
        _LISTING, listed, call.args["queries"], call.args["total"], level=call.server.feature_level
    )
    return json_response(200, {"total": total, "tokens": [entries[index] for index in chosen]})


def get_token(call: Call) -> Response:
    return json_response(200, _token_json(_require(call)))


def update_token(call: Call) -> Response:
    """Set when a token expires; without ``expire`` it never does."""
    _require(call)
    call.session.execute(
        "UPDATE _file_tokens SET expire = ? WHERE id = ?", (_expire(call), call.args["tokenId"])
    )
    return json_response(200, _token_json(_require(call)))


def delete_token(call: Call) -> Response:
    _require(call)
    call.session.execute("DELETE FROM _file_tokens WHERE id = ?", (call.args["tokenId"],))
    return no_content()


_ID = Param("tokenId", Uid())
_EXPIRE = Param("expire", Nullable(FutureDate()), None, nullable=True)
_PATH = "/tokens/buckets/{bucketId}/files/{fileId}"

ROUTES = [
    Route("POST", _PATH, create_token, WRITE, (BUCKET_ID, FILE_ID, _EXPIRE)),
    Route(
        "GET", _PATH, list_tokens, READ,
        (BUCKET_ID, FILE_ID, Param("queries", QUERIES, []), Param("total", Boolean(loose=True), True)), writes=False,
    ),
    Route("GET", "/tokens/{tokenId}", get_token, READ, (_ID,), writes=False),
    Route("PATCH", "/tokens/{tokenId}", update_token, WRITE, (_ID, _EXPIRE)),
    Route("DELETE", "/tokens/{tokenId}", delete_token, WRITE, (_ID,)),
]  # fmt: skip
