"""
Manage users of the local server, as far as rows need them.

A user has an id, labels and teams, and authenticates with a session or a JWT. There is no sign-up:
``POST /v1/local/users``, which only this server has and only its full key may use, makes a user and
returns a session secret and a JWT. Both are accepted where Appwrite accepts them:
``X-Appwrite-Session`` or the session cookie, ``X-Appwrite-JWT`` or ``?jwt=``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from appwrite_local import identifiers
from appwrite_local.datetimes import now_text
from appwrite_local.errors import ApiError, invalid_argument
from appwrite_local.faults import SCOPES
from appwrite_local.messages import Request, Response, json_response, no_content
from appwrite_local.routing import Call, Param, Route
from appwrite_local.storage import Session
from appwrite_local.validators import Anything, Boolean, CustomId, IntegerRange, Text, Uid, list_of

JWT_TTL_S = 900
_ALGORITHMS = frozenset({"HS256", "HS384", "HS512", "RS256", "RS384", "RS512"})


@dataclass(frozen=True, slots=True)
class User:
    """
    A user.

    Attributes:
        teams: the roles in each team, by the team's id.
        session: the secret of the user's one session.
    """

    id: str
    name: str
    email: str
    verified: bool
    labels: list[str]
    teams: dict[str, list[str]]
    session: str = field(repr=False)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that permissions are compared with (Appwrite: ``User::getRoles``)."""
        status = "verified" if self.verified else "unverified"
        teams = [
            role
            for team, names in self.teams.items()
            for role in (f"team:{team}", *(f"team:{team}/{name}" for name in names))
        ]
        labels = [f"label:{label}" for label in self.labels]
        return (
            "any",
            "users",
            f"user:{self.id}",
            f"user:{self.id}/{status}",
            f"users/{status}",
            *teams,
            *labels,
        )

    @property
    def label(self) -> str:
        return f"{self.email or 'User'} (role: users)"


def _find(session: Session, where: str, value: str) -> User | None:
    row = session.one(
        f"SELECT id, name, email, verified, labels, teams, session FROM _users WHERE {where} = ?",
        (value,),
    )
    if row is None:
        return None
    user_id, name, email, verified, labels, teams, secret = row
    return User(user_id, name, email, bool(verified), json.loads(labels), json.loads(teams), secret)


def identify_user(session: Session, request: Request, project: str) -> User | None:
    """
    Return the user who sent a request, ``None`` for guests.

    Raises:
        ApiError: 401 ``user_jwt_invalid``; 403 ``user_jwt_and_cookie_set``.
    """
    token, secret = _sent_jwt(request), _sent_session(request, project)
    if token and secret:
        raise ApiError("user_jwt_and_cookie_set")
    if token:
        return _by_jwt(session, token)
    # An unknown session is not an error; its bearer is a guest.
    return _find(session, "session", secret) if secret else None


def _sent_jwt(request: Request) -> str:
    token = request.headers.get("x-appwrite-jwt", "")
    if not token and "jwt=" in request.query_string:
        token = dict(parse_qsl(request.query_string)).get("jwt", "")
    return token


def _sent_session(request: Request, project: str) -> str:
    secret = request.headers.get("x-appwrite-session", "")
    if secret or "cookie" not in request.headers:
        return secret
    cookie: SimpleCookie = SimpleCookie()
    try:
        cookie.load(request.headers["cookie"])
    except CookieError:
        return ""
    found = cookie.get(f"a_session_{project}")
    return "" if found is None else found.value


def make_jwt(user: User, ttl_s: int = JWT_TTL_S) -> str:
    """
    Make a token that is valid for ``ttl_s`` seconds.

    The session's secret signs it, and it ends with the session.
    """
    head = _encode({"typ": "JWT", "alg": "HS256"})
    body = _encode({"userId": user.id, "exp": int(time.time()) + ttl_s})
    return f"{head}.{body}.{_signature(user, f'{head}.{body}')}"


def _encode(value: Mapping[str, Any]) -> str:
    return (
        base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode())
        .rstrip(b"=")
        .decode()
    )


def _signature(user: User, text: str) -> str:
    digest = hmac.new(user.session.encode(), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _by_jwt(session: Session, token: str) -> User:
    """
    Find the bearer of a token.

    Errors use the texts and the order of the server's library, adhocore/jwt.
    """
    parts = token.split(".", 2)
    if len(parts) < 3:
        raise _bad_jwt("Invalid token: Incomplete segments")
    head = _decoded(parts[0])
    if not isinstance(head, dict) or not head.get("alg"):
        raise _bad_jwt("Invalid token: Missing header algo")
    if head["alg"] not in _ALGORITHMS:
        raise _bad_jwt("Invalid token: Unsupported header algo")
    try:
        payload = _decoded(parts[1])
        user_id, expires = str(payload["userId"]), float(payload["exp"])
    except (ApiError, ValueError, KeyError, TypeError) as error:
        # The server checks the signature first; here the payload tells whose secret to use.
        raise _bad_jwt("Invalid token: Signature failed") from error
    user = _find(session, "id", user_id)
    if user is None or not hmac.compare_digest(
        _signature(user, f"{parts[0]}.{parts[1]}").encode(), parts[2].encode()
    ):
        raise _bad_jwt("Invalid token: Signature failed")
    if expires <= time.time():
        raise _bad_jwt("Invalid token: Expired")
    return user


def _decoded(part: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError) as error:
        raise _bad_jwt("JSON failed: Syntax error") from error


def _bad_jwt(reason: str) -> ApiError:
    return ApiError("user_jwt_invalid", reason=reason)


def user_json(user: User, ttl_s: int = JWT_TTL_S) -> dict[str, Any]:
    return {
        "$id": user.id, "name": user.name, "email": user.email, "emailVerification": user.verified, "labels": user.labels,
        "teams": user.teams, "session": user.session, "jwt": make_jwt(user, ttl_s),
    }  # fmt: skip


def create_account(call: Call) -> Response:
    """Create a user by the server's own route; the password is not kept."""
    user_id = identifiers.chosen(call.args["userId"])
    if _find(call.session, "id", user_id) is not None:
        raise ApiError("user_already_exists")
    call.args |= {
        "userId": user_id,
        "verified": False,
        "labels": [],
        "teams": [],
        "jwtDuration": JWT_TTL_S,
    }
    return create_user(call)


def create_jwt(call: Call) -> Response:
    user = _require(call)
    return json_response(201, {"jwt": make_jwt(user, int(call.args["duration"]))})


def get_account(call: Call) -> Response:
    """Return the caller. Only users get here: keys and guests lack the scope ``account``."""
    user = _find(call.session, "id", call.identity.user_id)
    if user is None:
        raise ApiError(
            "general_unauthorized_scope",
            message=f'{call.identity.label} missing scopes (["account"])',
        )
    return json_response(
        200,
        {
            "$id": user.id, "name": user.name, "email": user.email, "emailVerification": user.verified, "phoneVerification": False,
            "labels": user.labels, "status": True,
        },
    )  # fmt: skip


def create_user(call: Call) -> Response:
    """Make a user, or change the one of this id, who keeps the session."""
    args = call.args
    user_id = identifiers.new_id() if args["userId"] == "unique()" else args["userId"]
    known = _find(call.session, "id", user_id)
    secret = secrets.token_hex(32) if known is None else known.session
    user = User(
        user_id,
        args["name"],
        args["email"],
        args["verified"],
        list(args["labels"]),
        _teams(args["teams"]),
        secret,
    )
    call.session.execute(
        "INSERT OR REPLACE INTO _users (id, name, email, verified, labels, teams, session, "
        "created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            user.id,
            user.name,
            user.email,
            user.verified,
            json.dumps(user.labels),
            json.dumps(user.teams),
            secret,
            now_text(),
        ),
    )
    return json_response(201, user_json(user, int(args["jwtDuration"])))


def _teams(value: Any) -> dict[str, list[str]]:
    given = (
        {team: [] for team in value}
        if isinstance(value, list) and all(isinstance(team, str) for team in value)
        else value
    )
    if not isinstance(given, dict) or not all(
        identifiers.is_valid(team)
        and isinstance(roles, list)
        and all(isinstance(role, str) for role in roles)
        for team, roles in given.items()
    ):
        raise invalid_argument(
            "Invalid `teams` param: Value must be a list of team ids, or an object of team ids and "
            "their lists of roles"
        )
    return given


def get_user(call: Call) -> Response:
    return json_response(200, user_json(_require(call)))


def delete_user(call: Call) -> Response:
    call.session.execute("DELETE FROM _users WHERE id = ?", (_require(call).id,))
    return no_content()


def _require(call: Call) -> User:
    user = _find(call.session, "id", call.args["userId"])
    if user is None:
        raise ApiError("user_not_found")
    return user


_ID = Param("userId", Uid())

ROUTES = [
    Route(
        "POST", "/local/users", create_user, SCOPES,
        (
            Param("userId", CustomId(), "unique()"), Param("name", Text(128, 0), ""), Param("email", Text(320, 0), ""),
            Param("verified", Boolean(), False), Param("labels", list_of(Text(36), None), []), Param("teams", Anything(), []),
            Param("jwtDuration", IntegerRange(1, 3600), JWT_TTL_S),
        ),
    ),
    Route("GET", "/local/users/{userId}", get_user, SCOPES, (_ID,), writes=False),
    Route(
        "POST", "/users", create_account, ("users.write",),
        (
            Param("userId", CustomId()), Param("email", Text(320), "", nullable=True), Param("phone", Text(16), None, nullable=True),
            Param("password", Text(256), "", nullable=True), Param("name", Text(128, 0), ""),
        ),
    ),
    Route(
        "POST", "/users/{userId}/jwts", create_jwt, ("users.write",),
        (_ID, Param("sessionId", Text(64), "", nullable=True), Param("duration", IntegerRange(0, 3600), JWT_TTL_S)),
    ),
    Route("DELETE", "/users/{userId}", delete_user, ("users.write",), (_ID,)),
    Route("GET", "/account", get_account, ("account",), writes=False),
    Route("DELETE", "/local/users/{userId}", delete_user, SCOPES, (_ID,)),
]  # fmt: skip
