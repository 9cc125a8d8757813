"""
Servers that are other than the library assumes, one for each assumption.

A deviation stands between the transport and a local server: it may change a request, its answer, or answer by itself.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from appwrite_local.events import Event
from appwrite_local.messages import Request, Response, json_response
from appwrite_local.server import LocalServer

Handle = Callable[[Request], Response]
Deviation = Callable[[Request, Handle], Response]


class DeviatingServer(LocalServer):
    """A local server whose requests pass through a deviation."""

    def __init__(self, deviation: Deviation | None = None, **arguments: Any) -> None:
        super().__init__(index_lag=0, **arguments)
        self.deviation = deviation

    def handle(self, request: Request) -> Response:
        if self.deviation is None:
            return super().handle(request)
        return self.deviation(request, super().handle)


# Reading and changing what passes


def body_of(message: Request | Response) -> Any:
    return json.loads(message.body) if message.body else {}


def with_body(request: Request, body: Any) -> Request:
    return replace(request, body=json.dumps(body).encode())


def queries_of(request: Request) -> list[dict[str, Any]]:
    if request.method == "GET":
        return [
            json.loads(value)
            for name, value in parse_qsl(request.query_string)
            if name.startswith("queries")
        ]
    return [json.loads(text) for text in body_of(request).get("queries", [])]


def with_queries(request: Request, queries: list[dict[str, Any]]) -> Request:
    texts = [json.dumps(query) for query in queries]
    if request.method != "GET":
        return with_body(request, {**body_of(request), "queries": texts})
    others = [pair for pair in parse_qsl(request.query_string) if not pair[0].startswith("queries")]
    return replace(
        request,
        query_string=urlencode(
            [*others, *((f"queries[{n}]", text) for n, text in enumerate(texts))]
        ),
    )


def is_rows(request: Request, *methods: str) -> bool:
    return request.method in methods and request.path.endswith("/rows")


def is_row(request: Request, *methods: str) -> bool:
    return request.method in methods and re.search(r"/rows/[^/]+$", request.path) is not None


def is_commit(request: Request) -> bool:
    return (
        request.method == "PATCH"
        and "/transactions/" in request.path
        and "commit" in body_of(request)
    )


def refusal(status: int, type_: str) -> Response:
    return json_response(
        status, {"message": type_, "code": status, "type": type_, "version": "1.9.6"}
    )


def changed_queries(change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Deviation:
    """Change, or for None drop, each query of a list request."""

    def deviation(request: Request, handle: Handle) -> Response:
        if "/rows" not in request.path:
            return handle(request)
        changed = [new for query in queries_of(request) if (new := change(query)) is not None]
        return handle(with_queries(request, changed) if changed != queries_of(request) else request)

    return deviation


def changed_rows(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Deviation:
    """Change every row that is answered."""

    def deviation(request: Request, handle: Handle) -> Response:
        answer = handle(request)
        body = body_of(answer)
        if isinstance(body, dict) and "rows" in body:
            return json_response(
                answer.status, {**body, "rows": [change(row) for row in body["rows"]]}
            )
        return json_response(answer.status, change(body)) if "$tableId" in body else answer

    return deviation


def refused(
    which: Callable[[Request], bool], status: int = 400, type_: str = "general_bad_request"
) -> Deviation:
    return lambda request, handle: refusal(status, type_) if which(request) else handle(request)


def taken_for_accepted(request: Request, handle: Handle) -> Response:
    """Answer a conflict as if there were none."""
    answer = handle(request)
    if answer.status != 409:
        return answer
    if is_commit(request):
        return json_response(200, {"$id": "t", "status": "committed", "operations": 1})
    fields = {"$id": "x", "$createdAt": "", "$updatedAt": "", "$sequence": "1"}
    row_id = body_of(request).get("rowId", request.path.rpartition("/")[2])
    if request.method == "POST":  # a row that takes the value away from nobody
        again = with_body(request, {"rowId": uuid.uuid4().hex, "data": {"text": "accepted"}})
        return json_response(201, {**body_of(handle(again))})
    return json_response(200, {**fields, "$id": row_id})


def _second_null_refused() -> Deviation:
    made = 0

    def deviation(request: Request, handle: Handle) -> Response:
        nonlocal made
        made += is_rows(request, "POST")
        return (
            refusal(409, "row_already_exists")
            if made > 1 and is_rows(request, "POST")
            else handle(request)
        )

    return deviation


def _increments_twice(request: Request, handle: Handle) -> Response:
    if request.path.endswith("/increment"):
        handle(request)
    return handle(request)


def _without_created_at(request: Request, handle: Handle) -> Response:
    if is_rows(request, "POST"):
        body = body_of(request)
        body.get("data", {}).pop("$createdAt", None)
        request = with_body(request, body)
    return handle(request)


def _bulk_update_in_part(request: Request, handle: Handle) -> Response:
    if is_rows(request, "PATCH"):
        first = body_of(handle(replace(request, method="GET", query_string="", body=b"")))["rows"][
            0
        ]["$id"]
        handle(
            replace(
                request,
                path=f"{request.path}/{first}",
                body=json.dumps({"data": body_of(request)["data"]}).encode(),
            )
        )
    return handle(request)


def _index_over_duplicates() -> Deviation:
    duplicates = False

    def deviation(request: Request, handle: Handle) -> Response:
        nonlocal duplicates
        duplicates |= is_rows(request, "PATCH")
        refuses = duplicates and is_rows(request, "POST")
        return refusal(409, "row_already_exists") if refuses else handle(request)

    return deviation


def _bulk_create_in_part(request: Request, handle: Handle) -> Response:
    answer = handle(request)
    if answer.status == 409 and is_rows(request, "POST"):
        first = dict(body_of(request)["rows"][0])
        handle(with_body(request, {"rowId": first.pop("$id"), "data": first}))
    return answer


def _bulk_bounded(method: str) -> Deviation:
    bound = {"method": "limit", "values": [100]}

    def deviation(request: Request, handle: Handle) -> Response:
        if is_rows(request, method) and (
            method == "DELETE" or "number" in body_of(request).get("data", {})
        ):
            request = with_queries(request, [*queries_of(request), bound])
        return handle(request)

    return deviation


def _commits_in_part() -> Deviation:
    staged: list[tuple[Request, dict[str, Any]]] = []

    def deviation(request: Request, handle: Handle) -> Response:
        if request.path.endswith("/operations"):
            staged.extend((request, operation) for operation in body_of(request)["operations"])
        answer = handle(request)
        if is_commit(request) and answer.status == 409:
            sent, operation = staged[0]
            path = f"/v1/tablesdb/{operation['databaseId']}/tables/{operation['tableId']}/rows"
            body = {"rowId": operation["rowId"], "data": operation["data"]}
            handle(with_body(replace(sent, method="POST", path=path), body))
        return answer

    return deviation


def _operations_refused(request: Request, handle: Handle) -> Response:
    many = request.path.endswith("/operations") and len(body_of(request)["operations"]) > 50
    return refusal(400, "transaction_limit_exceeded") if many else handle(request)


def _bulk_operations_counted(request: Request, handle: Handle) -> Response:
    answer = handle(request)
    if request.path.endswith("/operations"):
        return json_response(answer.status, {**body_of(answer), "operations": 3})
    return answer


def _rollback_commits(request: Request, handle: Handle) -> Response:
    if request.method == "PATCH" and "rollback" in body_of(request):
        request = with_body(request, {"commit": True})
    return handle(request)


def _default_backfilled(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "added": row["added"] or "d"} if "added" in row else row


def _moments_lost_on_rename(request: Request, handle: Handle) -> Response:
    renames = (
        request.method == "PATCH"
        and "/columns/datetime/" in request.path
        and "newKey" in body_of(request)
    )
    return refusal(500, "general_unknown") if renames else handle(request)


def _index_left_behind() -> Deviation:
    ghost = False

    def deviation(request: Request, handle: Handle) -> Response:
        nonlocal ghost
        if request.method == "DELETE" and request.path.endswith("/columns/dropped"):
            ghost = True
        if request.method == "DELETE" and request.path.endswith("/indexes/dropped_index"):
            ghost = False
            return Response(204)
        answer = handle(request)
        if ghost and request.method == "GET" and request.path.endswith("/indexes"):
            body = body_of(answer)
            left = {
                **body["indexes"][0],
                "key": "dropped_index",
                "columns": ["dropped"],
                "type": "key",
            }
            return json_response(
                200, {"total": body["total"] + 1, "indexes": [*body["indexes"], left]}
            )
        return answer

    return deviation


def _as_a_guest_with_a_key(request: Request, handle: Handle) -> Response:
    return handle(replace(request, headers={**request.headers, "x-appwrite-key": "secret"}))


def _no_width(request: Request, handle: Handle) -> Response:
    answer = handle(request)
    if request.method == "GET" and re.search(r"/tables/[^/]+$", request.path):
        return json_response(answer.status, {**body_of(answer), "bytesMax": 0})
    return answer


def _all_pages_are_first(query: dict[str, Any]) -> dict[str, Any] | None:
    return None if query["method"] == "cursorAfter" else query


def _limits_are_25(query: dict[str, Any]) -> dict[str, Any]:
    return {**query, "values": [min(25, *query["values"])]} if query["method"] == "limit" else query


def _negations_match_null(query: dict[str, Any]) -> dict[str, Any]:
    if query["method"] != "notEqual":
        return query
    return {
        "method": "or",
        "values": [query, {"method": "isNull", "attribute": query["attribute"]}],
    }


def _swapped(before: str, after: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda query: {**query, "method": after} if query["method"] == before else query


def _wildcard(query: dict[str, Any]) -> dict[str, Any] | None:
    return None if query["method"] == "contains" and query["values"] == ["%"] else query


def _nothing_for(
    method: str, column: str, value: Any
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda query: (
        {**query, "values": [value]}
        if (query["method"], query.get("attribute")) == (method, column)
        else query
    )


def _elements_without_case(query: dict[str, Any]) -> dict[str, Any]:
    return {**query, "values": ["Zola"]} if query["method"] == "contains" else query


def _fewer_digits(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "real": float(f"{row['real']:.7g}")} if row.get("real") else row


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "moment": row["moment"].replace(".789", ".790")} if row.get("moment") else row


def _total(request: Request, handle: Handle) -> Response:
    answer = handle(request)
    body = body_of(answer)
    return (
        json_response(answer.status, {**body, "total": min(body["total"], 50)})
        if "rows" in body
        else answer
    )


def _more_queries_than(count: int) -> Callable[[Request], bool]:
    return lambda request: is_rows(request, "GET") and len(queries_of(request)) > count


def _a_query_longer_than(length: int) -> Callable[[Request], bool]:
    return lambda request: (
        is_rows(request, "GET")
        and any(len(json.dumps(query)) > length for query in queries_of(request))
    )


def _more_values_than(count: int) -> Callable[[Request], bool]:
    return lambda request: (
        is_rows(request, "GET")
        and any(len(query.get("values", ())) > count for query in queries_of(request))
    )


def changed_webhook(**changes: Any) -> Deviation:
    """Change what is answered of a webhook."""

    def deviation(request: Request, handle: Handle) -> Response:
        answer = handle(request)
        is_webhook = request.method == "GET" and "/webhooks/" in request.path
        return (
            json_response(answer.status, {**body_of(answer), **changes}) if is_webhook else answer
        )

    return deviation


# Realtime: what its server tells instead of an event


class Nameless(Event):
    """An event whose names say nothing of a row."""

    @property
    def realtime_names(self) -> list[str]:
        return ["databases.*.tables.*"]


def nameless(event: Event) -> Event:
    return Nameless(**{field.name: getattr(event, field.name) for field in fields(Event)})


def without(key: str) -> Callable[[Event], Event]:
    return lambda event: replace(
        event, payload={name: event.payload[name] for name in event.payload if name != key}
    )


def is_committed(event: Event) -> bool:
    return "$databaseId" not in event.payload


Told = Callable[[Event], "Event | None"]

#: Assumption to what is told instead of the event of a row outside, and inside, of a transaction; None for nothing.
TOLD: dict[str, tuple[Told, Told]] = {
    "realtime.names": (nameless, lambda event: event),
    "realtime.payload": (without("$databaseId"), lambda event: event),
    "realtime.commit_names": (lambda event: event, nameless),
    "realtime.commit_payload": (lambda event: event, lambda _: None),
}


#: Assumption to the deviation that breaks it, or to arguments of the server.
DEVIATIONS: dict[str, Deviation | dict[str, Any]] = {
    "server.engine": _no_width,
    "server.level": {"feature_level": "2.x"},
    "server.guests": _as_a_guest_with_a_key,
    "text.case": {"engine": "postgresql"},
    "text.accents": {"engine": "postgresql"},
    "text.blanks": {"engine": "postgresql"},
    "text.order": changed_queries(_swapped("orderAsc", "orderDesc")),
    "text.contains": changed_queries(_nothing_for("contains", "text", "nowhere")),
    "text.prefix": changed_queries(_swapped("startsWith", "contains")),
    "text.wildcards": changed_queries(_wildcard),
    "text.stored": changed_rows(lambda row: {**row, "text": (row.get("text") or "").strip()}),
    "ids.clash": taken_for_accepted,
    "ids.lookup": {"engine": "postgresql"},
    "ids.sequence": changed_rows(lambda row: {**row, "$sequence": "0190-uuid"}),
    "nulls.order": {"engine": "postgresql"},
    "nulls.negation": changed_queries(_negations_match_null),
    "nulls.patterns": {"engine": "mongodb"},
    "nulls.unique": _second_null_refused(),
    "numbers.integers": changed_rows(
        lambda row: {**row, "number": int(float(row.get("number") or 0))}
    ),
    "numbers.float_digits": changed_rows(_fewer_digits),
    "numbers.float_filter": changed_queries(_nothing_for("equal", "real", 1.5)),
    "numbers.increment": _increments_twice,
    "numbers.increment_null": {"engine": "mongodb"},
    "moments.precision": changed_rows(_rounded),
    "moments.range": refused(
        lambda request: b"9999-" in request.body, 400, "row_invalid_structure"
    ),
    "moments.created_at": _without_created_at,
    "moments.updated_at": changed_rows(
        lambda row: {**row, "$updatedAt": "2026-01-01T00:00:00.000+00:00"}
    ),
    "unique.create": taken_for_accepted,
    "unique.case": {"engine": "postgresql"},
    "unique.integers": {"engine": "mongodb"},
    "unique.mixed": taken_for_accepted,
    "unique.update": taken_for_accepted,
    "unique.bulk_update": _bulk_update_in_part,
    "unique.duplicates": _index_over_duplicates(),
    "bulk.create": refused(
        lambda request: is_rows(request, "POST") and len(body_of(request).get("rows", ())) > 50
    ),
    "bulk.atomic": _bulk_create_in_part,
    "bulk.update": _bulk_bounded("PATCH"),
    "bulk.delete": _bulk_bounded("DELETE"),
    "pages.size": changed_queries(_limits_are_25),
    "pages.cursor": changed_queries(_all_pages_are_first),
    "pages.total": _total,
    "limits.values": refused(_more_values_than(100), 400, "general_query_invalid"),
    "limits.query": refused(_a_query_longer_than(2048), 400, "general_query_invalid"),
    "limits.queries": refused(_more_queries_than(50), 400, "general_query_invalid"),
    "limits.url": lambda request, handle: (
        Response(414) if len(request.query_string) > 8192 else handle(request)
    ),
    "blocks.updates": taken_for_accepted,
    "blocks.creates": taken_for_accepted,
    "blocks.outside": taken_for_accepted,
    "blocks.atomic": _commits_in_part(),
    "blocks.size": _operations_refused,
    "blocks.bulk": _bulk_operations_counted,
    "blocks.created_at": refused(is_commit, 500, "general_unknown"),
    "blocks.rollback": _rollback_commits,
    "columns.new": changed_rows(_default_backfilled),
    "columns.rename": {"engine": "mongodb"},
    "columns.rename_datetime": _moments_lost_on_rename,
    "columns.identical": {"engine": "mongodb"},
    "columns.indexed": _index_left_behind(),
    "arrays.contains": changed_queries(_elements_without_case),
    "arrays.empty": changed_rows(lambda row: {**row, "words": None}),
    "webhook.state": changed_webhook(enabled=False, attempts=10, logs="HTTP 500"),
    "webhook.address": changed_webhook(url="https://elsewhere.example/"),
    "webhook.events": changed_webhook(events=[]),
    "webhook.failures": changed_webhook(attempts=3, logs="HTTP 500\nnot found"),
}
