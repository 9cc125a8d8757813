"""
Run the server: turn a request into a response, whatever the transport.

``LocalServer.handle`` is the only entry point; ``wsgi``, ``adapter`` and the tests call it.
"""

from __future__ import annotations

import functools
import json
import logging
import traceback
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from appwrite_local import bodies, routes, webhooks
from appwrite_local.contents import contents_of
from appwrite_local.engines import ENGINES, EngineName, check_level
from appwrite_local.errors import ApiError
from appwrite_local.events import Event
from appwrite_local.faults import (
    Fate,
    Fault,
    Faults,
    answer_after,
    answer_before,
    fate_of,
)
from appwrite_local.keys import authorize, identify
from appwrite_local.messages import Request, Response
from appwrite_local.realtime import Hub
from appwrite_local.routing import Call, Route, Router, read_params
from appwrite_local.state import (
    DEFAULT_KEY,
    MAX_FILE_BYTES,
    FeatureLevel,
    ServerState,
    hash_key,
)
from appwrite_local.storage import Storage

PREFIX = "/v1"
#: Bytes. A proxy in front of the server answers larger bodies with a bare 413.
MAX_BODY_BYTES = 12 * 1024 * 1024

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
        engine: the database below the server; see ``engines``.
        column_delay_s: how long a column stays ``processing`` after its creation, and ``deleting``
            after its deletion. With 0 it is available at the next request.
        index_lag: for how many further requests a new index reads ``processing`` if there is no
            delay. A server never builds one at once, and clients that look too early should notice
            (recording ``indexes-errors``).
        faults: faults to simulate, as objects or texts; see ``faults``.
        max_file_bytes: the largest file that a bucket may allow. The contents of files lie in the
            directory ``<storage>.files``, or in memory.

    Raises:
        ValueError: the behaviour of this feature level on this engine is not known.
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
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        is_new = feature_level == "2.x"
        check_level(engine, feature_level)
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
            max_file_bytes=max_file_bytes,
            contents=contents_of(storage),
        )
        self.realtime = Hub(self)
        self.webhooks = webhooks.Deliverer(self.storage)
        self._router = _router(engine, feature_level)

    def __repr__(self) -> str:
        return f"<LocalServer {self.storage.location} feature_level={self.feature_level}>"

    def handle(self, request: Request) -> Response:
        """
        Answer one request, and never raise.

        An unexpected exception is logged and becomes a 500 in the server's own envelope. A response
        may be late or cut off; see ``Response``.
        """
        if len(request.body) > MAX_BODY_BYTES:
            return Response(413)
        path = request.path.removeprefix(PREFIX)
        disturbing = self.faults.take(request, path)
        if not disturbing:
            return self._handle(request, Fate())
        answer = answer_before(disturbing, path)
        if answer is None:
            answer = self._handle(request, fate_of(disturbing))
        return answer_after(disturbing, answer)

    def _handle(self, request: Request, fate: Fate) -> Response:
        if request.method == "HEAD":
            answer = self._handle(replace(request, method="GET"), fate)
            answer.drop_body()
            return answer
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
        self, request: Request, route: Route, path_values: dict[str, str], fate: Fate
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
            # Realtime tells of rows only, so changes of a schema are for webhooks.
            told = route.writes_schema and webhooks.any_enabled(session)
            before = self._deleted(call, route) if told else None
            try:
                answer = route.handler(call)
            except ApiError as error:
                if not error.keeps_writes:
                    raise
                call.events.clear()
                answer = error.response(route.family)
            else:
                if told and answer.status < 300:
                    self._note_schema(call, route, answer, before)
            written = call.events.written
            return answer, written, webhooks.deliveries(session, written) if written else []

    def _deleted(self, call: Call, route: Route) -> Response | None:
        """Read an object that a route is about to delete, for its event."""
        if route.method != "DELETE":
            return None
        # By the route, not by the path: a database may be called "transactions".
        reader = self._router.reader_of(route)
        if reader is None:
            return None
        try:
            return reader.handler(call)
        except ApiError:
            return None  # the route reports the error itself

    def _note_schema(
        self, call: Call, route: Route, answer: Response, before: Response | None
    ) -> None:
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


@functools.cache
def _router(engine: EngineName, feature_level: FeatureLevel) -> Router:
    """Return the router of all servers of a kind, which takes ten times as long as the rest of one."""
    router = Router()
    router.add(
        route.for_engine(ENGINES[engine])
        for route in routes.all_routes()
        if route.since == "1.9" or feature_level == "2.x"
    )
    return router


def _project_of(request: Request) -> str:
    """Return the project id; that in the URL of a GET takes precedence over the header."""
    project = request.headers.get("x-appwrite-project", "")
    if "project=" in request.query_string and (request.method == "GET" or not project):
        project = dict(parse_qsl(request.query_string)).get("project", project)
    return project


def unknown_route() -> Response:
    """Return the page that the server sends for any unknown path."""
    return Response(
        404,
        b"<!DOCTYPE html><html><body><h1>404 Not Found</h1></body></html>",
        {"Content-Type": "text/html; charset=UTF-8"},
    )
