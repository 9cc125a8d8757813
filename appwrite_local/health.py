"""Health routes: what a client asks before anything else."""

from appwrite_local.errors import REPORTED_VERSION
from appwrite_local.messages import Response, json_response
from appwrite_local.routing import Call, Route


def get_version(_: Call) -> Response:
    return json_response(200, {"version": REPORTED_VERSION})


def get_health(_: Call) -> Response:
    return json_response(200, {"name": "http", "ping": 0, "status": "pass"})


ROUTES = [
    Route("GET", "/health", get_health, ("health.read",), writes=False),
    Route("GET", "/health/version", get_version, ("public",), writes=False),
]
