"""
Manage realtime connections, their subscriptions and their messages, without sockets.

``realtime_server`` adds the sockets. Guests and users receive rows that they may read; API keys are
not accepted, and nothing is sent again after a lost connection. Source: Appwrite's realtime server
(``app/realtime.php``) and its documentation.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from appwrite_local import identifiers
from appwrite_local.datetimes import now_text
from appwrite_local.errors import ApiError
from appwrite_local.events import Event
from appwrite_local.keys import identify
from appwrite_local.messages import Request
from appwrite_local.permissions import Identity
from appwrite_local.queries import parse
from appwrite_local.staged_state import matches
from appwrite_local.state import ServerState

MAX_WAITING = 1_000
POLICY_VIOLATION = 1008
_COMPARISONS = frozenset(
    {
        "equal",
        "notEqual",
        "lessThan",
        "lessThanEqual",
        "greaterThan",
        "greaterThanEqual",
        "isNull",
        "isNotNull",
    }
)

logger = logging.getLogger(__name__)


class Refused(Exception):
    """The client's request is refused, and the connection is closed."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Channels, and the conditions that a row's payload must meet."""

    id: str
    channels: frozenset[str]
    queries: tuple[parse.Query, ...] = ()

    def wants(self, event: Event, channels: frozenset[str]) -> bool:
        return not self.channels.isdisjoint(channels) and all(
            _holds(query, event.payload) for query in self.queries
        )


def _holds(query: parse.Query, payload: Mapping[str, Any]) -> bool:
    if query.method == "and":
        return all(_holds(nested, payload) for nested in query.values)
    if query.method == "or":
        return any(_holds(nested, payload) for nested in query.values)
    return query.method == "select" or matches(payload, [query])


def read_queries(texts: Sequence[str]) -> tuple[parse.Query, ...]:
    """
    Parse the conditions of a subscription.

    Raises:
        Refused: conditions that cannot be parsed, and methods that realtime does not support.
    """
    try:
        queries = parse.parse_queries(texts)
    except ApiError as error:
        raise Refused(str(error.values.get("message", "Invalid query"))) from error
    for query in queries:
        _check(query)
    return tuple(queries)


def _check(query: parse.Query) -> None:
    if query.method in ("and", "or"):
        for nested in query.values:
            _check(nested)
    elif query.method == "select":
        if query.values != ["*"]:
            raise Refused("Only select(*) is allowed in realtime queries")
    elif query.method not in _COMPARISONS:
        raise Refused(f"Query method not supported in realtime: {query.method}")
    elif not query.values and query.method not in ("isNull", "isNotNull"):
        raise Refused(f"Query method needs a value: {query.method}")


@dataclass(slots=True)
class Connection:
    """
    One client.

    Attributes:
        outbox: texts to send, ``None`` last. A client that does not read loses messages that do not
            fit.
    """

    identity: Identity
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    outbox: queue.Queue[str | None] = field(default_factory=lambda: queue.Queue(MAX_WAITING))

    def send(self, kind: str, data: Any = None) -> None:
        message = {"type": kind} if data is None else {"type": kind, "data": data}
        try:
            self.outbox.put_nowait(json.dumps(message, separators=(",", ":"), ensure_ascii=False))
        except queue.Full:
            logger.warning("A realtime client does not read; it missed the event %s", kind)

    def subscribe(
        self, channels: Sequence[str], queries: Sequence[str] = (), subscription_id: str = ""
    ) -> Subscription:
        made = Subscription(
            subscription_id or identifiers.new_id(), frozenset(channels), read_queries(queries)
        )
        self.subscriptions = {**self.subscriptions, made.id: made}
        return made

    def unsubscribe(self, subscription_id: str) -> bool:
        found = subscription_id in self.subscriptions
        self.subscriptions = {
            key: value for key, value in self.subscriptions.items() if key != subscription_id
        }
        return found

    @property
    def channels(self) -> list[str]:
        return sorted({channel for one in self.subscriptions.values() for channel in one.channels})

    def tell(self, event: Event, channels: Sequence[str]) -> None:
        """Send an event if a subscription matches it and the client may read the row."""
        if event.readers.isdisjoint(self.identity.roles):
            return
        known = frozenset(channels)
        wanted = [one.id for one in self.subscriptions.values() if one.wants(event, known)]
        if wanted:
            self.send(
                "event",
                {
                    "events": event.realtime_names,
                    "channels": list(channels),
                    "timestamp": now_text(),
                    "payload": dict(event.payload),
                    "subscriptions": wanted,
                },
            )


class Hub:
    """The connections of one server in one process."""

    def __init__(self, server: ServerState) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._connections: tuple[Connection, ...] = ()

    def __len__(self) -> int:
        return len(self._connections)

    def __bool__(self) -> bool:
        return True

    def publish(self, events: Sequence[Event]) -> None:
        """
        Send each event to the connections that it concerns.

        This only puts texts into queues, so slow clients do not delay it.
        """
        connections = self._connections
        if not connections:
            return
        for event in events:
            channels = event.channels
            for connection in connections:
                connection.tell(event, channels)

    def open(self, query_string: str, headers: Mapping[str, str]) -> Connection:
        """
        Open a connection for a client of ``/v1/realtime?project=...&channels[]=...``.

        Raises:
            Refused: no project, no channel, or an invalid token.
        """
        pairs = parse_qsl(query_string, keep_blank_values=True)
        project = headers.get("x-appwrite-project") or dict(pairs).get("project", "")
        if not project or not self._server.knows_project(project):
            raise Refused("Missing or unknown project ID")
        channels = [
            value for name, value in pairs if name == "channels" or name.startswith("channels[")
        ]
        if not channels:
            raise Refused("Missing channels")
        queries = [
            value for name, value in pairs if name == "queries" or name.startswith("queries[")
        ]
        connection = Connection(self._identify(query_string, headers, project))
        first = connection.subscribe(channels, queries)
        with self._lock:
            self._connections = (*self._connections, connection)
        connection.send(
            "connected",
            {
                "channels": connection.channels,
                "subscriptions": {"0": first.id},
                "user": _user(connection.identity),
            },
        )
        return connection

    def close(self, connection: Connection) -> None:
        with self._lock:
            self._connections = tuple(
                known for known in self._connections if known is not connection
            )
        try:
            connection.outbox.put_nowait(None)
        except queue.Full:
            connection.outbox.get_nowait()
            connection.outbox.put_nowait(None)

    def _identify(self, query_string: str, headers: Mapping[str, str], project: str) -> Identity:
        without_key = {name: value for name, value in headers.items() if name != "x-appwrite-key"}
        request = Request("GET", "/v1/realtime", query_string, without_key)
        try:
            with self._server.storage.session(writes=False) as session:
                return identify(self._server, session, request, project)
        except ApiError as error:
            raise Refused(
                "The current user is not authorized to perform the requested action."
            ) from error

    def receive(self, connection: Connection, text: str | bytes) -> None:
        """
        Handle a client's ``ping``, ``authentication``, ``subscribe`` or ``unsubscribe``.

        Raises:
            Refused: any other message.
        """
        try:
            message = json.loads(text)
            kind, data = message["type"], message.get("data")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused("Message format is not valid.") from error
        if kind == "ping":
            connection.send("pong")
        elif kind == "authentication":
            self._authenticate(connection, data)
        elif kind == "subscribe":
            self._subscribe(connection, data)
        elif kind == "unsubscribe":
            self._unsubscribe(connection, data)
        else:
            raise Refused("Message type is not valid.")

    def _authenticate(self, connection: Connection, data: Any) -> None:
        secret = data.get("session") if isinstance(data, dict) else None
        if not isinstance(secret, str):
            raise Refused("Payload is not valid.")
        identity = self._identify("", {"x-appwrite-session": secret}, connection.identity.project)
        if not identity.user_id:
            raise Refused("Session is not valid.")
        connection.identity = identity
        connection.send(
            "response", {"to": "authentication", "success": True, "user": _user(identity)}
        )

    def _subscribe(self, connection: Connection, data: Any) -> None:
        made = []
        for item in _items(data):
            channels, queries, wanted = (
                item.get("channels", []),
                item.get("queries", []),
                item.get("subscriptionId", ""),
            )
            if (
                not channels
                or not _are_texts(channels)
                or not _are_texts(queries)
                or not isinstance(wanted, str)
            ):
                raise Refused("Payload is not valid.")
            one = connection.subscribe(channels, queries, wanted)
            made.append(
                {"subscriptionId": one.id, "channels": sorted(one.channels), "queries": queries}
            )
        connection.send("response", {"to": "subscribe", "success": True, "subscriptions": made})

    def _unsubscribe(self, connection: Connection, data: Any) -> None:
        gone = []
        for item in _items(data):
            wanted = str(item.get("subscriptionId", ""))
            gone.append({"subscriptionId": wanted, "removed": connection.unsubscribe(wanted)})
        connection.send("response", {"to": "unsubscribe", "success": True, "subscriptions": gone})


def _items(data: Any) -> list[dict[str, Any]]:
    items = data if isinstance(data, list) else [data]
    if not all(isinstance(item, dict) for item in items):
        raise Refused("Payload is not valid.")
    return items


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _user(identity: Identity) -> dict[str, str] | None:
    return {"$id": identity.user_id} if identity.user_id else None
