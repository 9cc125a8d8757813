"""Users, guests and keys of the local server, as far as rows are concerned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from appwrite_local import users

from .api import Api, query


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.close()


def user(api: Api, user_id: str, **options: Any) -> Api:
    made = api.made("/local/users", {"userId": user_id, **options})
    return api.acting_as({"X-Appwrite-Session": made["session"]})


def names(api: Api, rows: str) -> list[str]:
    return [row["$id"] for row in api.get(rows, queries=[query("orderAsc", "$id")])[1]["rows"]]


def test_users_own_what_they_make_under_row_security(api: Api) -> None:
    rows = api.make_table(
        columns={"n": "integer"}, permissions=['create("users")'], rowSecurity=True
    )
    ann, bob = user(api, "ann"), user(api, "bob")
    made = ann.made(rows, {"rowId": "r", "data": {"n": 1}})
    assert made["$permissions"] == ['read("user:ann")', 'update("user:ann")', 'delete("user:ann")']
    assert (names(ann, rows), names(bob, rows), names(api, rows)) == (["r"], [], ["r"])
    assert bob.get(f"{rows}/r")[0] == 404
    assert bob.patch(f"{rows}/r", {"data": {"n": 2}})[1]["type"] == "user_unauthorized"
    assert ann.patch(f"{rows}/r", {"data": {"n": 2}})[1]["n"] == 2
    assert ann.delete(f"{rows}/r")[0] == 204


@pytest.mark.parametrize(
    "role",
    [
        "any",
        "users",
        "users/verified",
        "user:ann",
        "user:ann/verified",
        "team:red",
        "team:red/owner",
        "label:vip",
    ],
)
def test_every_role_of_a_user_opens_a_table(api: Api, role: str) -> None:
    rows = api.make_table(columns={"n": "integer"}, permissions=[f'read("{role}")'])
    api.made(rows, {"rowId": "r", "data": {"n": 1}})
    ann = user(api, "ann", verified=True, labels=["vip"], teams={"red": ["owner"]})
    assert names(ann, rows) == ["r"]


@pytest.mark.parametrize(
    "role",
    [
        "guests",
        "users/unverified",
        "user:bob",
        "user:ann/unverified",
        "team:blue",
        "team:red/guest",
        "label:staff",
    ],
)
def test_no_other_role_does(api: Api, role: str) -> None:
    rows = api.make_table(columns={"n": "integer"}, permissions=[f'read("{role}")'])
    ann = user(api, "ann", verified=True, labels=["vip"], teams={"red": ["owner"]})
    assert ann.get(rows)[1]["type"] == "user_unauthorized"


def test_users_grant_only_roles_they_have(api: Api) -> None:
    rows = api.make_table(
        columns={"n": "integer"}, permissions=['create("users")'], rowSecurity=True
    )
    ann = user(api, "ann", teams=["red"])
    body = {"rowId": "r", "data": {"n": 1}, "permissions": ['read("team:red")']}
    assert ann.post(rows, body)[0] == 201
    status, answer = ann.post(rows, {**body, "rowId": "s", "permissions": ['read("user:bob")']})
    assert (status, answer["type"]) == (401, "user_unauthorized")
    assert names(user(api, "bob", teams=["red"]), rows) == ["r"]


def test_tokens_sessions_and_cookies_say_who_one_is(api: Api) -> None:
    rows = api.make_table(columns={"n": "integer"}, permissions=['read("users")'])
    made = api.made("/local/users", {"userId": "ann"})
    for headers in (
        {"X-Appwrite-JWT": made["jwt"]},
        {"X-Appwrite-Session": made["session"]},
        {"Cookie": f"a_session_demo={made['session']}"},
    ):
        assert api.acting_as(headers).get(rows)[0] == 200
    assert api.acting_as({}).get(rows, jwt=made["jwt"])[0] == 200
    both = {"X-Appwrite-JWT": made["jwt"], "X-Appwrite-Session": made["session"]}
    assert api.acting_as(both).get(rows)[1]["type"] == "user_jwt_and_cookie_set"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("nonsense", "Invalid token: Incomplete segments"),
        ("a.b", "Invalid token: Incomplete segments"),
        ("a.b.c", "JSON failed: Syntax error"),
        ("e30.e30.c", "Invalid token: Missing header algo"),
        ("W10.e30.c", "Invalid token: Missing header algo"),
        ("eyJhbGciOiJub25lIn0.e30.c", "Invalid token: Unsupported header algo"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.c", "Invalid token: Signature failed"),
        ("eyJhbGciOiJIUzI1NiJ9.!.c.d", "Invalid token: Signature failed"),
        ("forged", "Invalid token: Signature failed"),
        ("expired", "Invalid token: Expired"),
    ],
)
def test_tokens_that_do_not_hold(api: Api, token: str, reason: str) -> None:
    rows = api.make_table(columns={"n": "integer"}, permissions=['read("users")'])
    jwt = api.made("/local/users", {"userId": "ann"})["jwt"]
    if token == "forged":
        jwt = jwt[:-2] + ("aa" if not jwt.endswith("aa") else "bb")
    elif token == "expired":
        with api.server.storage.session(writes=False) as session:
            jwt = users.make_jwt(users._find(session, "id", "ann"), -1)
    else:
        jwt = token
    status, answer = api.acting_as({"X-Appwrite-JWT": jwt}).get(rows)
    assert (status, answer["type"]) == (401, "user_jwt_invalid")
    assert answer["message"] == f"Failed to verify JWT. {reason}"


def test_an_unknown_session_is_a_guest_and_a_deleted_user_too(api: Api) -> None:
    rows = api.make_table(columns={"n": "integer"}, permissions=['read("users")'])
    ann = user(api, "ann")
    assert ann.get(rows)[0] == 200
    assert api.delete("/local/users/ann")[0] == 204
    assert ann.get(rows)[0] == 401
    assert api.acting_as({"X-Appwrite-Session": "nonsense"}).get(rows)[0] == 401


def test_users_see_their_own_transactions_alone(api: Api) -> None:
    api.make_table(columns={"n": "integer"})
    ann, bob = user(api, "ann"), user(api, "bob")
    transaction = ann.made("/tablesdb/transactions", {})["$id"]
    statuses = [one.get(f"/tablesdb/transactions/{transaction}")[0] for one in (ann, bob, api)]
    assert statuses == [200, 404, 200]
    assert [one.get("/tablesdb/transactions")[1]["total"] for one in (ann, bob, api)] == [1, 0, 1]


def test_only_the_full_key_makes_users(api: Api) -> None:
    limited = api.made(
        "/project/keys", {"keyId": "unique()", "name": "k", "scopes": ["rows.read"]}
    )["secret"]
    for headers in ({}, {"X-Appwrite-Key": limited}):
        assert (
            api.acting_as(headers).post("/local/users", {})[1]["type"]
            == "general_unauthorized_scope"
        )


def test_keys_expire(api: Api) -> None:
    rows = api.make_table(columns={"n": "integer"})
    for expire, status in (
        ("2020-01-01T00:00:00.000+00:00", 401),
        ("2999-01-01T00:00:00.000+00:00", 200),
        (None, 200),
    ):
        body = {"keyId": "unique()", "name": "k", "scopes": ["rows.read"], "expire": expire}
        secret = api.made("/project/keys", body)["secret"]
        assert api.acting_as({"X-Appwrite-Key": secret}).get(rows)[0] == status
