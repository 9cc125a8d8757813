"""Authenticate callers: the project, its API keys and their scopes, and guests."""

from __future__ import annotations

import json
import secrets

from appwrite_local import identifiers, users
from appwrite_local.datetimes import now_text, parse_datetime
from appwrite_local.errors import ApiError, unauthorized
from appwrite_local.messages import Request, Response, json_response, no_content
from appwrite_local.permissions import Identity
from appwrite_local.routing import Call, Param, Route
from appwrite_local.state import ServerState
from appwrite_local.storage import Session
from appwrite_local.validators import CustomId, Nullable, Text, Uid, list_of

GUEST_SCOPES = frozenset(
    {"public", "rows.read", "rows.write", "documents.read", "documents.write", "files.read", "files.write"}
)  # fmt: skip
_FILE_SCOPES = frozenset({"files.read", "files.write"})
USER_SCOPES = GUEST_SCOPES | {"account"}


def identify(server: ServerState, session: Session, request: Request, project: str) -> Identity:
    """
    Return the caller of a request.

    Raises:
        ApiError: as in recording ``auth-errors``: no project for a key (403), unknown project
            (404), unknown key (401).
    """
    headers = request.headers
    secret = headers.get("x-appwrite-key")
    if secret is not None and not project:
        raise ApiError("project_id_missing")
    if project and not server.knows_project(project):
        raise ApiError("project_not_found")
    if secret is not None:
        return _identify_key(server, session, project, secret)
    user = users.identify_user(session, request, project) if project else None
    if user is not None:
        return Identity(project, False, USER_SCOPES, user.roles, user.label, user.id)
    return Identity(project, False, GUEST_SCOPES, ("any", "guests"), "User (role: guests)")


def _identify_key(server: ServerState, session: Session, project: str, secret: str) -> Identity:
    label = f"app.{project}@service.local (role: applications)"
    row = session.one("SELECT scopes, expire FROM _keys WHERE secret = ?", (secret,))
    if row is not None:
        if row[1] and (parse_datetime(row[1]) or "") < now_text():
            raise ApiError("project_key_expired")
        return Identity(project, True, frozenset(json.loads(row[0])), (), label)
    if server.accepts_key(secret):
        return Identity(project, True, None, (), label)
    raise unauthorized()


def authorize(identity: Identity, scopes: tuple[str, ...]) -> None:
    """
    Reject a caller who lacks all of a route's scopes, or who names no project where one is needed.

    Raises:
        ApiError: 401.
    """
    if not identity.has_one_of(scopes):
        listed = json.dumps(list(scopes), separators=(",", ":"))
        raise ApiError(
            "general_unauthorized_scope", message=f"{identity.label} missing scopes ({listed})"
        )
    if not identity.project and "public" not in scopes and _FILE_SCOPES.isdisjoint(scopes):
        raise ApiError("general_access_forbidden")


def create_key(call: Call) -> Response:
    args = call.args
    key_id = identifiers.chosen(args["keyId"])
    secret = f"standard_{secrets.token_hex(128)}"
    now = now_text()
    call.session.execute(
        "INSERT INTO _keys VALUES (?, ?, ?, ?, ?, ?, ?)",
        (key_id, args["name"], json.dumps(list(args["scopes"])), secret, args["expire"], now, now),
    )
    return json_response(
        201, _key_json(key_id, now, now, args["name"], args["expire"], list(args["scopes"]), secret)
    )


def _key_json(
    key_id: str,
    created: str,
    updated: str,
    name: str,
    expire: str | None,
    scopes: list[str],
    secret: str,
) -> dict[str, object]:
    return {
        "$id": key_id, "$createdAt": created, "$updatedAt": updated, "name": name, "expire": expire or "", "scopes": scopes,
        "secret": secret, "accessedAt": "", "sdks": [],
    }  # fmt: skip


def list_keys(call: Call) -> Response:
    rows = call.session.all(
        "SELECT id, created, updated, name, expire, scopes, secret FROM _keys ORDER BY created"
    )
    keys = [
        _key_json(key_id, created, updated, name, expire, json.loads(scopes), secret)
        for key_id, created, updated, name, expire, scopes, secret in rows
    ]
    return json_response(200, {"total": len(keys), "keys": keys})


def delete_key(call: Call) -> Response:
    if not call.session.execute("DELETE FROM _keys WHERE id = ?", (call.args["keyId"],)).rowcount:
        raise ApiError("key_not_found")
    return no_content()


ROUTES = [
    Route(
        "POST", "/project/keys", create_key, ("keys.write",),
        (Param("keyId", CustomId()), Param("name", Text(128)), Param("scopes", list_of(Text(64), None)), Param("expire", Nullable(Text(64)), None, nullable=True)),
    ),
    Route("GET", "/project/keys", list_keys, ("keys.read",), writes=False),
    Route("DELETE", "/project/keys/{keyId}", delete_key, ("keys.write",), (Param("keyId", Uid()),)),
]  # fmt: skip
