"""
Receive other clients' writes over a realtime connection to Appwrite.

``manage.py appwrite_listen`` runs it. Writes made while there is no connection are not reported
later, so each new connection invalidates everything.
"""

from __future__ import annotations

import json
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core.exceptions import ImproperlyConfigured

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.changes.dispatch import Notice, announce, incoming, outdate, tables_of
from appwrite_orm_django.changes.event_names import read_event
from appwrite_orm_django.client.secret import without_frames

if TYPE_CHECKING:
    from appwrite_orm_django.conf import RealtimeSettings

__all__ = ["Health", "Listener", "Refused", "hearing"]

logger = logging.getLogger("appwrite_orm_django.realtime")

# At DEBUG the WebSocket library logs outgoing headers and incoming rows.
_wire_logger = logging.getLogger("appwrite_orm_django.realtime.wire")
_wire_logger.setLevel(logging.INFO)

#: A message contains a row with all its columns.
MAX_MESSAGE_BYTES = 32 * 1024 * 1024
#: With more tables, listen to all rows of the project: channels are part of a URL, which must not
#: be too long.
MAX_CHANNELS = 50
_CONNECT_S = 10.0
# Seconds until stop() takes effect while no message arrives.
_LOOK_UP_S = 0.2


class Refused(Exception):
    """Appwrite rejects the connection or the session, or the connection fails."""


@dataclass(slots=True)
class Health:
    """
    The state of a listener.

    Attributes:
        connected_at: Unix time of the connection; None while there is none.
        connections: number of connections so far.
        events: number of events received.
        last_event_at: Unix time; None before the first.
        problem: why it is not connected, or was not before.
    """

    connected_at: float | None = None
    connections: int = 0
    events: int = 0
    last_event_at: float | None = None
    problem: str = ""

    def __str__(self) -> str:
        now = time.time()
        state = f"not connected: {self.problem or 'connecting'}"
        if self.connected_at is not None:
            state = f"listening for {now - self.connected_at:.0f} s"
        last = (
            "" if self.last_event_at is None else f", the last {now - self.last_event_at:.0f} s ago"
        )
        return f"{state}; {self.events} events{last}; connection number {self.connections}"


class Listener:
    """
    Listen to the rows of the models of one database until stopped.

    Args:
        alias: the database.
        pause: waits between two attempts to connect; injected by tests.

    Raises:
        ImproperlyConfigured: the package ``websockets`` is missing, or there is nothing to listen
            to.
    """

    def __init__(self, alias: str, *, pause: Callable[[float], object] | None = None) -> None:
        connection = appwrite_connection(alias)
        self.alias = alias
        self.health = Health()
        self.settings = connection.options.realtime
        self._verify = connection.options.verify
        self._database = connection.database_id
        self._tables = tables_of(alias)
        if not self._tables:
            raise ImproperlyConfigured(
                f'No model uses the database "{alias}": there is nothing to listen to.'
            )
        self._address = self._with_channels(
            self.settings.address(connection.settings_dict["HOST"]),
            connection.settings_dict["USER"],
        )
        self._stopping = threading.Event()
        self._pause = pause or self._stopping.wait
        _client()

    def stop(self) -> None:
        """End ``run`` soon; safe to call from a signal handler or another thread."""
        self._stopping.set()

    def run(self) -> None:
        """Listen until ``stop`` is called, reconnecting whenever the connection ends."""
        failures = 0
        while not self._stopping.is_set():
            heard_before = self.health.connections
            try:
                self._listen()
            except Exception as error:  # noqa: BLE001 - a job that runs for weeks must survive any network error
                self.health.problem = _described(error)
                logger.warning("Realtime of %s: %s", self.alias, self.health.problem)
            finally:
                self.health.connected_at = None
            if self._stopping.is_set():
                break
            failures = 1 if self.health.connections > heard_before else failures + 1
            self._pause(self._delay_s(failures))
        incoming.flush()

    def _delay_s(self, failures: int) -> float:
        # Add jitter, so that clients do not all reconnect in the same second after an outage.
        longest: float = self.settings.longest_pause_s
        return min(longest, 0.5 * 2.0 ** min(failures - 1, 16)) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load

    def _listen(self) -> None:
        with _connected(self._address, self.settings, self._verify) as socket:
            # Invalidate after subscribing: later writes are reported, and this covers earlier ones.
            self._invalidate_everything()
            self.health.connections += 1
            self.health.connected_at = time.time()
            logger.info("Realtime of %s: listening to %d tables", self.alias, len(self._tables))
            self._hear(socket)

    def _hear(self, socket: Any) -> None:
        heard_at, pinged = time.monotonic(), False
        while not self._stopping.is_set():
            try:
                message = _message(socket.recv(timeout=min(_LOOK_UP_S, self.settings.ping_s)))
            except TimeoutError:
                silence_s = time.monotonic() - heard_at
                if silence_s > 2 * self.settings.ping_s:
                    raise Refused(f"nothing received for {silence_s:.0f} s") from None
                if silence_s > self.settings.ping_s and not pinged:
                    socket.send('{"type":"ping"}')
                    pinged = True
                continue
            heard_at, pinged = time.monotonic(), False
            if (event := _event(message)) is not None:
                self._take(event)

    def _take(self, data: Mapping[str, Any]) -> None:
        self.health.events += 1
        self.health.last_event_at = time.time()
        written = read_event(
            data.get("events") or (), data.get("payload"), self._database, self._tables
        )
        if written.problem:
            level = logging.WARNING if written.tables else logging.DEBUG
            logger.log(
                level,
                "Realtime of %s, an event for %d tables: %s",
                self.alias,
                len(written.tables),
                written.problem,
            )
        notice = Notice(written.row_id, written.operation, "realtime")
        for table in written.tables:
            outdate(self.alias, table, self._tables[table], [notice])
        for table in written.tables:
            incoming.tell(self.alias, table, notice, coalesce_s=self.settings.coalesce_s)

    def _invalidate_everything(self) -> None:
        anything = [Notice(None, "change", "realtime")]
        for table, model in self._tables.items():
            outdate(self.alias, table, model, anything)
        for table, model in self._tables.items():
            announce(self.alias, table, model, anything)

    def _with_channels(self, address: str, project: str) -> str:
        channels = [f"databases.{self._database}.tables.{table}.rows" for table in self._tables]
        return _with_channels(
            address, project, ["rows"] if len(channels) > MAX_CHANNELS else channels
        )


@contextmanager
def hearing(
    alias: str, channels: Sequence[str]
) -> Iterator[Callable[[float], Mapping[str, Any] | None]]:
    """
    Listen to channels with the configured session, and yield a function that returns events.

    The function waits the given number of seconds for the next event, and returns None if there was
    none.

    Raises:
        Refused: there is no connection, or it ends. The text says why and contains no secret.
    """
    connection = appwrite_connection(alias)
    settings = connection.options.realtime

    def hear(timeout_s: float) -> Mapping[str, Any] | None:
        until = time.monotonic() + timeout_s
        while (left_s := until - time.monotonic()) > 0:
            try:
                with _refusing():
                    event = _event(_message(socket.recv(timeout=left_s)))
            except TimeoutError:
                return None
            if event is not None:
                return event
        return None

    with ExitStack() as stack:
        try:
            with _refusing():
                address = settings.address(connection.settings_dict["HOST"])
                address = _with_channels(address, connection.settings_dict["USER"], channels)
                socket = stack.enter_context(
                    _connected(address, settings, connection.options.verify)
                )
        except TimeoutError:
            raise Refused(f"no connection within {_CONNECT_S:g} s") from None
        yield hear


@contextmanager
def _refusing() -> Iterator[None]:
    """Raise connection errors as ``Refused``; let timeouts through."""
    try:
        yield
    except (TimeoutError, Refused):
        raise
    except _connection_errors() as error:
        raise Refused(_described(error)) from None


@contextmanager
def _connected(address: str, settings: RealtimeSettings, verify: bool | str) -> Iterator[Any]:
    """Connect, and yield the socket once the server has accepted the channels."""
    with without_frames(_open, address, settings, verify) as socket:
        _greet(_message(socket.recv(timeout=_CONNECT_S)), settings)
        yield socket


def _open(address: str, settings: RealtimeSettings, verify: bool | str) -> Any:
    """Connect. Call it within ``without_frames``: it sends the secret."""
    secret = settings.session_secret
    return _client()(
        address,
        additional_headers={"X-Appwrite-Session": secret.reveal()} if secret else {},
        open_timeout=_CONNECT_S,
        # A dead peer does not answer a close, and stop() must not wait for it.
        close_timeout=1,
        max_size=MAX_MESSAGE_BYTES,
        # Appwrite has its own ping, inside messages.
        ssl=_ssl_context(address, verify),
        logger=_wire_logger,
    )


def _greet(hello: Mapping[str, Any], settings: RealtimeSettings) -> None:
    data = hello.get("data") or {}
    if hello.get("type") != "connected":
        raise Refused(f"Appwrite refuses: {data.get('message', hello.get('type'))}")
    if settings.session_secret and not data.get("user"):
        raise Refused(
            'the session in OPTIONS["REALTIME"]["SESSION_SECRET"] is invalid, and a guest receives '
            "fewer events"
        )


def _event(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the data of an event; None for any other message."""
    if message.get("type") == "error":
        raise Refused(f"Appwrite reports: {(message.get('data') or {}).get('message')}")
    return message.get("data") or {} if message.get("type") == "event" else None


def _with_channels(address: str, project: str, channels: Sequence[str]) -> str:
    pairs = [("project", project), *(("channels[]", channel) for channel in channels)]
    return f"{address}?{urlencode(pairs)}"


def _connection_errors() -> tuple[type[Exception], ...]:
    ours = (ImproperlyConfigured, OSError, EOFError, ValueError)
    try:
        from websockets.exceptions import WebSocketException
    except ImportError:
        return ours
    return (*ours, WebSocketException)


def _client() -> Callable[..., Any]:
    try:
        from websockets.sync.client import connect
    except ImportError as error:
        raise ImproperlyConfigured(
            "Realtime needs the package websockets: pip install appwrite-orm-django[realtime]."
        ) from error
    return connect


def _message(text: str | bytes) -> dict[str, Any]:
    message = json.loads(text)
    if not isinstance(message, dict):
        raise Refused("the server sent a message that is not a JSON object")
    return message


def _ssl_context(address: str, verify: bool | str) -> ssl.SSLContext | None:
    if not address.startswith("wss:"):
        return None
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _described(error: Exception) -> str:
    # Drop the URL's query: it names the project, and logs have other readers.
    text = str(error) or type(error).__name__
    return text.partition("?")[0][:200]
