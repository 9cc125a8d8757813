"""
Run the server: turn a request into a response, whatever the transport.

``LocalServer.handle`` is the only entry point; ``wsgi``, ``adapter`` and the tests call it.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from appwrite_local import bodies, routes, webhooks
from appwrite_local.engines import ENGINES, EngineName
from appwrite_local.errors import ApiError
from appwrite_local.events import Event
from appwrite_local.faults import (
    ColumnFate,
    Fault,
    Faults,
    answer_after,
    answer_before,
    column_fate,
)
from appwrite_local.keys import authorize, identify
from appwrite_local.messages import Request, Response
from appwrite_local.realtime import Hub
from appwrite_local.routing import Call, Route, Router, read_params
from appwrite_local.state import DEFAULT_KEY, FeatureLevel, ServerState, hash_key
from appwrite_local.storage import Storage

PREFIX = "/v1"

logger = logging.getLogger(__name__)


class LocalServer(ServerState):
    """
    An independent Appwrite server: one project, its databases and its keys.

    It is safe to call from many threads; several servers in one process share nothing.

    Args:
        storage: ``:memory:`` or the path of a file. Several processes may open one file.
        project: the only known project id. ``None``: any id names the same project.
        key: a key with all scopes. ``None``: any key that is not empty has all scopes.
        feature_level: ``1.9`` answers like release 1.9.6; ``2.x`` adds aggregates, joins, distinct
            and ``rows/query``.
        engine: the database whose text semantics apply. Of MongoDB's there are only exact
            comparisons, the width of tables and the form of ``$sequence``.
        column_delay_s: how long a column stays ``processing`` after its creation, and ``deleting``
            after its deletion. With 0 it is available at the next request.
        index_lag: for how many further requests a new index reads ``processing`` if there is no
            delay. A server never builds one at once, and clients that look too early should notice
            (recording ``indexes-errors``).
        faults: faults to simulate, as objects or texts; see ``faults``.
    """

    def __init__(
        self,
        storage: str = ":memory:",
        project: str | None = "demo",
        key: str | None = DEFAULT_KEY,
        feature_level: FeatureLevel = "1.9",
        engine: EngineName = "mariadb",
        column_delay_s: float = 0.0,
        index_lag: int = 1,
        faults: Sequence[Fault | str] = (),
    ) -> None:
        is_new = feature_level == "2.x"
        rules = ENGINES[engine]
        if is_new:
            rules = replace(rules, escapes_backslash=True, float_digits=17)
        super().__init__(
            storage=Storage(storage, rules),
            project=project,
            key_hash=None if key is None else hash_key(key),
            feature_level=feature_level,
            engine=rules,
            column_delay_s=column_delay_s,
            index_lag=index_lag,
            faults=Faults(faults),
        )
        self.realtime = Hub(self)
        self.webhooks = webhooks.Deliverer(self.storage)
        self._router = Router()
        self._router.add(
            route for route in routes.all_routes() if route.since == "1.9" or feature_level == "2.x"
        )

    def __repr__(self) -> str:
        return f"<LocalServer {self.storage.location} feature_level={self.feature_level}>"

    def handle(self, request: Request) -> Response:
        """
        Answer one request, and never raise.

        An unexpected exception is logged and becomes a 500 in the server's own envelope. A response
        may be late or cut off; see ``Response``.
        """
        disturbing = self.faults.take(request, request.path.removeprefix(PREFIX))
        if not disturbing:
            return self._handle(request, ColumnFate())
        answer = answer_before(disturbing)
        if answer is None:
            answer = self._handle(request, column_fate(disturbing))
        return answer_after(disturbing, answer)

    def _handle(self, request: Request, fate: ColumnFate) -> Response:
        found = (
            self._router.match(request.method, request.path.removeprefix(PREFIX))
            if request.path.startswith(PREFIX + "/")
            else None
        )
        if found is None:
            return unknown_route()
        route, path_values = found
        try:
            answer, written, deliveries = self._serve(request, route, path_values, fate)
        except ApiError as error:
            return error.response(route.family)
        except Exception:  # noqa: BLE001 - logged, and answered as the server answers it
            # As text: a handler of log records may show the variables of an exception's frames,
            # which include keys.
            logger.error("%s %s\n%s", request.method, request.path, traceback.format_exc())  # noqa: TRY400
            return ApiError("general_unknown").response(route.family)
        # The writes are stored now, so publish them.
        self.realtime.publish(written)
        self.webhooks.enqueue(deliveries)
        return answer

    def _serve(
        self, request: Request, route: Route, path_values: dict[str, str], fate: ColumnFate
    ) -> tuple[Response, list[Event], list[tuple[webhooks.Webhook, Event]]]:
        with self.storage.session(writes=route.writes) as session:
            sent = bodies.parameters(request)
            self.age_indexes()
            if request.method != "DELETE":
                self.deletions.settle()
            identity = identify(self, session, request, _project_of(request))
            authorize(identity, route.scopes)
            args = read_params(route, path_values, sent)
            call = Call(self, session, identity, route.family, request, args, fate)
            before = self._deleted(call, route)
            try:
                answer = route.handler(call)
            except ApiError as error:
                if not error.keeps_writes:
                    raise
                call.events.clear()
                answer = error.response(route.family)
            else:
                self._note_schema(call, route, answer, before)
            written = call.events.written
            return answer, written, webhooks.deliveries(session, written) if written else []

    def _deleted(self, call: Call, route: Route) -> Response | None:
        """Read an object that a route is about to delete, for its event."""
        if route.method != "DELETE" or not route.writes_schema:
            return None
        found = self._router.match("GET", call.request.path.removeprefix(PREFIX))
        if found is None:
            return None
        try:
            return found[0].handler(call)
        except ApiError:
            return None  # the route reports the error itself

    def _note_schema(
        self, call: Call, route: Route, answer: Response, before: Response | None
    ) -> None:
        if not route.writes_schema or answer.status >= 300:
            return
        inside = route.segments[4:] and route.segments[3] == "{tableId}"
        database_id = call.args["databaseId"]
        table = (
            self.schema.table(call.session, database_id, call.args["tableId"]) if inside else None
        )
        call.events.note_schema(
            route.method, route.segments, database_id, table, json.loads((before or answer).body)
        )

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait for the webhooks of all requests so far; return whether all finished in time."""
        return self.webhooks.flush(timeout_s)

    def close(self) -> None:
        """Stop background threads and close the storage. A server in memory loses its data."""
        self.webhooks.close()
        self.storage.close()


def _project_of(request: Request) -> str:
    project = request.headers.get("x-appwrite-project", "")
    if not project and "project=" in request.query_string:
        project = dict(parse_qsl(request.query_string)).get("project", "")
    return project


def unknown_route() -> Response:
    """Return the page that the server sends for any unknown path."""
    return Response(
        404,
        b"<!DOCTYPE html><html><body><h1>404 Not Found</h1></body></html>",
        {"Content-Type": "text/html; charset=UTF-8"},
    )
