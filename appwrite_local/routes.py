"""
List all routes.

This module also has the handlers that concern the server itself: its health and its faults.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from appwrite_local import (
    buckets,
    bulk,
    columns,
    databases,
    downloads,
    file_tokens,
    files,
    increments,
    indexes,
    keys,
    previews,
    rows,
    tables,
    transactions,
    users,
    webhooks,
)
from appwrite_local.errors import REPORTED_VERSION, ApiError, invalid_argument
from appwrite_local.faults import SCOPES, Fault
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.routing import Call, Param, Route
from appwrite_local.validators import Anything, Uid


def get_version(_: Call) -> Response:
    return json_response(200, {"version": REPORTED_VERSION})


def get_health(_: Call) -> Response:
    return json_response(200, {"name": "http", "ping": 0, "status": "pass"})


def fault_json(fault: Fault, hits: int) -> dict[str, Any]:
    return {
        "$id": fault.id,
        **{name: value for name, value in asdict(fault).items() if name != "id"},
        "hits": hits,
    }


def list_faults(call: Call) -> Response:
    known = call.server.faults
    shown = [fault_json(fault, known.hits.get(fault.id, 0)) for fault in known.listed()]
    return json_response(200, {"total": len(shown), "faults": shown})


def create_fault(call: Call) -> Response:
    names = {item.name for item in fields(Fault)} - {"id"}
    given = {
        name: value for name, value in call.args.items() if name in names and value is not None
    }
    try:
        fault = Fault(**given)
        fault.matches("GET", "/")
    except (TypeError, ValueError, AttributeError) as error:
        raise invalid_argument(f"Invalid fault: {error}") from error
    call.server.faults.add(fault)
    return json_response(201, fault_json(fault, 0))


def delete_faults(call: Call) -> Response:
    call.server.faults.clear()
    return no_content()


def delete_fault(call: Call) -> Response:
    if not call.server.faults.remove(call.args["faultId"]):
        raise ApiError("fault_not_found", id=call.args["faultId"])
    return no_content()


_PATH = "/local/faults"
_OPTIONS = tuple(
    Param(name, Anything(), None, nullable=True)
    for name in ("method", "path", "times", "seconds", "status", "applied")
)

ROUTES = [
    Route("GET", "/health", get_health, ("health.read",), writes=False),
    Route("GET", "/health/version", get_version, ("public",), writes=False),
    Route("GET", _PATH, list_faults, SCOPES, writes=False),
    Route("POST", _PATH, create_fault, SCOPES, (Param("kind", Anything()), *_OPTIONS), writes=False),
    Route("DELETE", _PATH, delete_faults, SCOPES, writes=False),
    Route("DELETE", _PATH + "/{faultId}", delete_fault, SCOPES, (Param("faultId", Uid()),), writes=False),
]  # fmt: skip


def all_routes() -> Iterator[Route]:
    """Yield all routes; those under ``/tablesdb`` also in the legacy family's spelling."""
    for module in (databases, tables, columns, indexes, rows, bulk, increments, transactions):
        for route in module.ROUTES:
            yield route
            yield route.in_legacy_words()
    for module in (keys, webhooks, users, buckets, files, downloads, previews, file_tokens):
        yield from module.ROUTES
    yield from ROUTES
