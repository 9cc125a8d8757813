"""Health routes: what a client asks before anything else."""

from .messages import Response, json_response
from .routing import Call, Route


def get_version(call: Call) -> Response:
    from .server import REPORTED_VERSION

    return json_response(200, {"version": REPORTED_VERSION})


ROUTES = [Route("GET", "/health/version", get_version, ("public",), writes=False)]
