"""
The server itself: a request in, a response out, whoever carries them.

``LocalServer.handle`` is all there is to it; ``wsgi``, ``adapter`` and the tests call it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import parse_qsl

from appwrite_local import bodies, events, routes, webhooks
from appwrite_local import faults as faults_
from appwrite_local.errors import REPORTED_VERSION, ApiError
from appwrite_local.families import TABLES_DB, Family
from appwrite_local.indexes import Deletions
from appwrite_local.keys import authorize, identify
from appwrite_local.list_cache import ListCache
from appwrite_local.messages import Request, Response, json_response
from appwrite_local.realtime import Hub
from appwrite_local.routing import Call, FeatureLevel, Route, Router, read_params
from appwrite_local.schema import SchemaCache
from appwrite_local.storage import Storage
from appwrite_local.text_rules import RULES

Engine = Literal["mariadb", "postgresql", "mongodb"]

PREFIX = "/v1"
#: The key unless another one is given. Everybody knows it.
DEFAULT_KEY = "secret"

logger = logging.getLogger(__name__)


class LocalServer:
    """
    An Appwrite of its own: one project, its databases and its keys.

    Safe to call from many threads; several servers in one process share nothing.

    Args:
        storage: ``:memory:`` or the path of a file. Several processes may open one file.
        project: the only project id that is known. ``None``: any id is taken for the same project.
        key: a key with all scopes. ``None``: any key that is not empty has all scopes.
        feature_level: ``1.9`` answers as the release 1.9.6 does; ``2.x`` adds aggregates, joins, distinct and ``rows/query``.
        engine: whose text semantics to follow. Of MongoDB's there are exact comparisons, the width of tables and the form of ``$sequence`` only.
        column_delay_s: how long a column stays ``processing`` after it was created, and ``deleting`` after it was deleted. With 0 it is
            available at the next request.
        index_lag: for how many further requests a new index reads ``processing`` when there is no delay. Building one is never over at
            once on a server, and clients that look too early should find that out (recording ``indexes-errors``).
        faults: what is to go wrong, as objects or texts; see ``faults``.
    """

    def __init__(
        self,
        storage: str = ":memory:",
        project: str | None = "demo",
        key: str | None = DEFAULT_KEY,
        feature_level: FeatureLevel = "1.9",
        engine: Engine = "mariadb",
        column_delay_s: float = 0.0,
        index_lag: int = 1,
        faults: Sequence[faults_.Fault | str] = (),
    ) -> None:
        is_new = feature_level == "2.x"
        self.rules = replace(RULES[engine], escapes_backslash=is_new, float_digits=17 if is_new else 14)
        self.storage = Storage(storage, self.rules)
        self.project = project
        self.feature_level = feature_level
        self.engine = engine
        self.column_delay_s = column_delay_s
        self.index_lag = index_lag
        self.young_indexes: dict[int, int] = {}
        self.deletions = Deletions()
        self.lists = ListCache()
        self.schema = SchemaCache()
        self.faults = faults_.Faults(faults)
        self.realtime = Hub(self)
        self.webhooks = webhooks.Deliverer(self.storage)
        self.memory: dict[str, str] = {}
        # A hash of it: a key is not to be found in what this process shows of its objects.
        self._key = None if key is None else _hashed(key)
        self._router = Router()
        self._router.add(route for route in routes.all_routes() if route.since == "1.9" or feature_level == "2.x")

    def __repr__(self) -> str:
        return f"<LocalServer {self.storage.location} feature_level={self.feature_level}>"

    @property
    def key_is_known(self) -> bool:
        """Whether anybody knows a key that is accepted: any one is, the default one, or an empty one."""
        return self._key is None or self._key in (_hashed(DEFAULT_KEY), _hashed(""))

    def knows_project(self, project: str) -> bool:
        return self.project is None or project == self.project

    def accepts_key(self, secret: str) -> bool:
        if self._key is None:
            return bool(secret)
        return hmac.compare_digest(_hashed(secret), self._key)

    def casts_sequences(self, request: Request) -> bool:
        """Tell whether a caller speaks an older response format, in which ``$sequence`` is a number (recording ``response-format``)."""
        wanted = request.headers.get("x-appwrite-response-format")
        return wanted is not None and _version(wanted) < (1, 9)

    def handle(self, request: Request) -> Response:
        """
        Answer one request. Never raises: what nobody foresaw is a logged 500 in the server's own envelope.

        An answer may be meant to come late, or not at all: see ``Response``.
        """
        disturbing = self.faults.take(request, request.path.removeprefix(PREFIX))
        if not disturbing:
            return self._handle(request, faults_.ColumnFate())
        answer = faults_.before(disturbing)
        if answer is None:
            answer = self._handle(request, faults_.column_fate(disturbing))
        return faults_.after(disturbing, answer)

    def _handle(self, request: Request, fate: faults_.ColumnFate) -> Response:
        found = (
            self._router.match(request.method, request.path.removeprefix(PREFIX))
            if request.path.startswith(PREFIX + "/")
            else None
        )
        if found is None:
            return unknown_route()
        route, path_values = found
        try:
            answer, call = self._serve(request, route, path_values, fate)
        except ApiError as error:
            return error_response(error, route.family)
        except Exception:  # noqa: BLE001 - logged, and answered as the server answers it
            # As text: what handles log records may show the variables of an exception's frames, and keys are among them.
            logger.error("%s %s\n%s", request.method, request.path, traceback.format_exc())  # noqa: TRY400
            return error_response(ApiError("general_unknown"), route.family)
        self._tell(call)
        return answer

    def _serve(
        self, request: Request, route: Route, path_values: dict[str, str], fate: faults_.ColumnFate
    ) -> tuple[Response, Call]:
        with self.storage.session(writes=route.writes) as session:
            sent = bodies.parameters(request)
            self._age_indexes()
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
                answer = error_response(error, route.family)
            else:
                self._note_schema(call, route, answer, before)
            if call.events:
                call.deliveries = webhooks.deliveries(session, call.events)
            return answer, call

    def _deleted(self, call: Call, route: Route) -> Response | None:
        """Read what a route is about to delete, for its event."""
        if route.method != "DELETE" or not events.is_of_schema(route):
            return None
        found = self._router.match("GET", call.request.path.removeprefix(PREFIX))
        if found is None:
            return None
        try:
            return found[0].handler(call)
        except ApiError:
            return None  # which the route will say itself

    def _note_schema(self, call: Call, route: Route, answer: Response, before: Response | None) -> None:
        if not events.is_of_schema(route) or answer.status >= 300:
            return
        inside = route.segments[4:] and route.segments[3] == "{tableId}"
        table = self.schema.table(call.session, call.args["databaseId"], call.args["tableId"]) if inside else None
        events.note_schema(call, route, table, answer, before)

    def _tell(self, call: Call) -> None:
        """Tell who listens of what was written, now that it is stored."""
        self.realtime.publish(call.events)
        self.webhooks.enqueue(call.deliveries)

    def _age_indexes(self) -> None:
        for index_seq, requests_left in list(self.young_indexes.items()):
            if requests_left:
                self.young_indexes[index_seq] = requests_left - 1
            else:
                self.young_indexes.pop(index_seq, None)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait for the webhooks of all requests so far, and tell whether they were delivered, or failed, in time."""
        return self.webhooks.flush(timeout_s)

    def refusal(self, error: ApiError, family: Family) -> Response:
        """Answer a refusal without undoing what its handler wrote, as raising it would."""
        return error_response(error, family)

    def close(self) -> None:
        """Stop what runs in the background and let go of the storage. A server in memory forgets everything."""
        self.webhooks.close()
        self.storage.close()


def _hashed(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


def _project_of(request: Request) -> str:
    project = request.headers.get("x-appwrite-project", "")
    if not project and "project=" in request.query_string:
        project = dict(parse_qsl(request.query_string)).get("project", "")
    return project


def error_response(error: ApiError, family: Family = TABLES_DB) -> Response:
    return json_response(
        error.status, error.envelope(family, REPORTED_VERSION), {"Cache-Control": "no-cache, no-store, must-revalidate"}
    )


def unknown_route() -> Response:
    """Answer as the server answers what it does not know: a page, whatever was asked for."""
    return Response(
        404,
        b"<!DOCTYPE html><html><body><h1>404 Not Found</h1></body></html>",
        {"Content-Type": "text/html; charset=UTF-8"},
    )
