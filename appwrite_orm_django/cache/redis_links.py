"""
Keep connections to Redis or Valkey that know which server is at the other end.

A server that is restarted from a dump, or a replica that is promoted, may hold older tokens and
entries: a write that has returned would be undone for every reader. Each connection therefore has
an *identity*, made from the server's run id (new at each start) and its replication id (new at each
promotion). ``redis_commands`` stores tokens in terms of it, so what was cached on one server is
absent on any other.

The identity is read once per connection, and confirmed at least once a second by an ``INFO`` that
follows the commands of some read or write in the same round trip. Replication ids never repeat, so
an identity that is the same after a command was the same before it.

Where a primary may be replaced while it still answers (Sentinel), a confirmation is also a *lease*.
A server counts only while so many replicas acknowledge its writes, and a new primary counts only
after it has held that role for ``SETTLE_S``. By then every lease of its predecessor is over: a
replica leaves its primary the moment it is promoted, and a primary cut off from its replicas
notices within ``_MOST_LAG_S`` + 1 seconds. No clocks of different machines are compared.

Only one command uses a connection while a reply is outstanding, and the connection is closed if
anything goes wrong meanwhile. Otherwise a later read could receive another query's rows.
"""

import inspect
import logging
import os
import threading
import time
from collections.abc import Callable
from hashlib import blake2b
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary, finalize, proxy

from django.core.exceptions import ImproperlyConfigured

logger = logging.getLogger("appwrite_orm_django.cache")

#: Seconds for which a confirmation counts; half of it later, the next command asks for another.
CONFIRM_S = 1.0
#: Seconds that a new primary is not used: longer than ``_MOST_LAG_S`` + 1 + ``CONFIRM_S``.
SETTLE_S = 5.0
_MOST_LAG_S = 2
# Milliseconds to wait for the replicas' acknowledgement of a write.
_WAIT_MS = 500
_MOST_IDLE = 32
_POOL_PATIENCE_S = 2.0
_BIRTH_MS = 1 << 41

_INFO_SERVER = b"*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"
_INFO = b"*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n"


def _socket_of(connection: Any) -> Any:
    """Return the socket of a connection of redis-py, which has no public name for it."""
    return getattr(connection, "_sock", None)


class Unsettled(Exception):
    """The server may not be used yet, or any more: it is new, or lacks replicas."""


class NotPrimary(Exception):
    """The server is a replica."""


class ServerChanged(Exception):
    """The server has another identity than the connection knew."""


class PoolExhausted(Exception):
    """All connections of a bounded pool are in use. This is no fault of the server."""


class NotAClusterClient(ImproperlyConfigured):
    """A client for a single server speaks to a node of a cluster."""


def pack(*parts: bytes) -> bytes:
    """Return a command as it is sent."""
    return b"*%d\r\n%b" % (len(parts), b"".join(map(bulk, parts)))


def bulk(data: bytes) -> bytes:
    """Return one argument of a command as it is sent."""
    return b"$%d\r\n%b\r\n" % (len(data), data)


class Link:
    """
    A connection in use, or held for the next command.

    Attributes:
        identity: 62 bits that differ between servers; 0 if the server does not tell.
    """

    __slots__ = (
        "_asked_at",
        "_confirmed_at",
        "_due_at",
        "_run_id",
        "_server",
        "_socket",
        "_usable_at",
        "connection",
        "identity",
    )

    def __init__(self, server: "Server", connection: Any) -> None:
        # Not in a circle, so that the connections of a server end with it.
        self._server: Server = proxy(server)
        self.connection = connection
        self._socket: Any = None
        self._run_id = ""
        self.identity = 0
        self._confirmed_at = float("inf")
        self._asked_at: float | None = None
        self._usable_at = float("-inf")
        # Until then ``ask`` need not look further.
        self._due_at = float("inf")

    @property
    def is_same(self) -> bool:
        """Whether the connection has not been closed and opened again meanwhile."""
        return self._socket is not None and _socket_of(self.connection) is self._socket

    def open(self) -> None:
        """
        Connect, and ask who the server is.

        Raises:
            Exception: the server cannot be used.
        """
        connection, server = self.connection, self._server
        connection.connect()
        asked_at = server.clock()
        connection.send_packed_command((_INFO_SERVER, _INFO))
        self._socket = _socket_of(connection)
        about, replication = self._reply(), self._reply()
        if isinstance(about, Exception) or isinstance(replication, Exception):
            if server.replicas:
                raise about if isinstance(about, Exception) else replication
            server.warn_of_unknown_identity()
            return
        facts = _facts(about)
        if facts.get("redis_mode") == "cluster" and not server.is_of_cluster:
            raise NotAClusterClient(
                "The cache is one node of a Redis Cluster, and answers only for its share of the "
                "keys. Use a client for clusters: with django-redis OPTIONS "
                '{"CONNECTION_FACTORY": '
                '"appwrite_orm_django.cache.redis_cluster.ClusterConnectionFactory"}, or '
                "django_valkey.cluster_cache.cache.ClusterValkeyCache."
            )
        self._run_id = facts.get("run_id", "")
        identity = self._identified(replication)
        if not identity:
            if server.replicas:
                raise Unsettled("the server does not say who it is")
            server.warn_of_unknown_identity()
            return
        if server.replicas:
            self._usable_at = self._born_at(identity) + SETTLE_S
            self._due_at = 0.0
        self.identity = identity
        self._note_confirmation(asked_at)

    def _note_confirmation(self, asked_at: float) -> None:
        self._confirmed_at = asked_at
        self._asked_at = None
        if self._server.clock() >= self._usable_at:
            self._due_at = asked_at + CONFIRM_S / 2

    def _born_at(self, identity: int) -> float:
        """Return when this primary was first seen in its role, by its own clock, in local time."""
        key = b"appwrite:primary:%x" % identity
        self.connection.send_packed_command(
            (
                pack(b"SET", key, b"1", b"NX", b"PX", b"%d" % _BIRTH_MS),
                pack(b"PTTL", key),
            )
        )
        replies = [self._reply(), self._reply()]
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        age_s = (_BIRTH_MS - int(replies[1])) / 1000
        return self._server.clock() - max(0.0, age_s)

    def ask(self, command: bytes) -> Any:
        """Send one command and return its reply: ``exchange``, but quicker, for reads."""
        server = self._server
        if server.clock() >= self._due_at:
            return self.exchange(command, 1)[0]
        connection = self.connection
        connection.send_packed_command((command,))
        if _socket_of(connection) is not self._socket:
            raise ServerChanged("the connection was opened again")
        reply = connection.read_response()
        if server.clock() >= self._confirmed_at + CONFIRM_S:
            self._confirm_now()
        return reply

    def exchange(self, commands: bytes, count: int, *, waits: bool = False) -> list[Any]:
        """
        Send commands and return their replies; a refused command's reply is its exception.

        Args:
            count: the number of commands.
            waits: wait until the replicas have the writes among them, where that matters.

        Raises:
            Unsettled: the server may not be used.
            ServerChanged: open another connection and try again.
            Exception: the connection failed.
        """
        self.send(commands, waits=waits)
        return self.receive(count, waits=waits)

    def send(self, commands: bytes, *, waits: bool = False) -> None:
        server = self._server
        now = server.clock()
        if now < self._usable_at:
            raise Unsettled(f"a new primary, not used until it has been one for {SETTLE_S:g} s")
        if waits and server.replicas:
            commands += pack(b"WAIT", b"%d" % server.replicas, b"%d" % _WAIT_MS)
        if now - self._confirmed_at >= CONFIRM_S / 2:
            self._asked_at = now
            commands += _INFO
        self.connection.send_packed_command((commands,))

    def receive(self, count: int, *, waits: bool = False) -> list[Any]:
        if not self.is_same:
            raise ServerChanged("the connection was opened again")
        server = self._server
        replies = [self._reply() for _ in range(count)]
        acknowledged = self._reply() if waits and server.replicas else None
        if self._asked_at is not None:
            self._confirm(self._reply(), self._asked_at)
        elif server.clock() >= self._confirmed_at + CONFIRM_S:
            self._confirm_now()
        if acknowledged is not None and (
            isinstance(acknowledged, Exception) or acknowledged < server.replicas
        ):
            raise Unsettled(f"{acknowledged} of {server.replicas} replicas have the write")
        return replies

    def _confirm_now(self) -> None:
        """Ask in a round trip of its own: the last answer took too long."""
        asked_at = self._server.clock()
        self.connection.send_packed_command((_INFO,))
        self._confirm(self._reply(), asked_at)

    def _confirm(self, replication: Any, asked_at: float) -> None:
        if isinstance(replication, Exception):
            raise replication
        if self._identified(replication) != self.identity:
            raise ServerChanged("the server has another role or history")
        self._note_confirmation(asked_at)

    def _identified(self, replication: Any) -> int:
        """Return the identity; raise unless the server is a primary with enough replicas."""
        facts = _facts(replication)
        if facts.get("role", "master") != "master":
            raise NotPrimary("the server is a replica")
        needed = self._server.replicas
        if needed and (there := sum(map(_is_good, facts.items()))) < needed:
            raise Unsettled(f"{there} of {needed} replicas acknowledge the primary's writes")
        history = facts.get("master_replid", "")
        if not self._run_id or not history:
            return 0
        state = blake2b(f"{self._run_id} {history}".encode(), digest_size=8)
        return int.from_bytes(state.digest(), "big") >> 2

    def _reply(self) -> Any:
        try:
            return self.connection.read_response()
        except self._server.library.ResponseError as refusal:
            return refusal


def _facts(info: Any) -> dict[str, str]:
    text = info.decode() if isinstance(info, bytes) else str(info)
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


def _is_good(fact: tuple[str, str]) -> bool:
    name, value = fact
    if not name.startswith("slave") or not name[5:].isdigit():
        return False
    about = dict(part.split("=", 1) for part in value.split(",") if "=" in part)
    return about.get("state") == "online" and int(about.get("lag", _MOST_LAG_S + 1)) <= _MOST_LAG_S


def _close(links: list[Link]) -> None:
    while links:
        links.pop().connection.disconnect()


class Server:
    """
    The connections of one pool of redis-py or valkey-py.

    The pool's own overhead (it polls the socket twice, and counts several times, before and after
    each command) is more than that of a command. So connections are held beside the pool where that
    is allowed, at most as many as there are concurrent commands.

    Args:
        pool: opens connections.
        library: the module ``redis`` or ``valkey``.
        replicas: how many replicas a primary needs; 0 for a server that nothing replaces.
        holds: whether connections may be held beside the pool.
        is_of_cluster: whether the server is a node of a cluster.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        pool: Any,
        library: ModuleType,
        *,
        replicas: int = 0,
        holds: bool = True,
        is_of_cluster: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pool = pool
        self.library: Any = library
        self.replicas = replicas
        self.holds = holds
        self.is_of_cluster = is_of_cluster
        self.clock = clock
        self.idle: list[Link] = []
        finalize(self, _close, self.idle)
        self._links: WeakKeyDictionary[Any, Link] = WeakKeyDictionary()
        self._warned = False
        self._size = min(getattr(pool, "max_connections", None) or 1 << 20, 1 << 20)
        self._queue = (os.getpid(), threading.Semaphore(self._size))
        #: What the loss of a connection raises, or what is to be treated as that.
        self.lost = (self.library.ConnectionError, ServerChanged, NotPrimary, OSError)
        arguments = inspect.signature(pool.get_connection).parameters
        self._is_command_named = (
            "command_name" in arguments
            and arguments["command_name"].default is inspect.Parameter.empty
        )

    def take(self, *, new: bool = False) -> Link:
        """
        Return a link that nothing else uses until it is given back.

        Args:
            new: do not use a connection that is held.
        """
        if not self.holds:
            return self._take_from_pool()
        # ``pop`` and ``append`` are atomic, so no lock could be held across a fork.
        try:
            while not new:
                link = self.idle.pop()
                if link.connection.pid == os.getpid():  # else the parent's, which still uses it
                    return link
        except IndexError:
            pass
        link = Link(self, self.pool.connection_class(**self.pool.connection_kwargs))
        self._open(link)
        return link

    def _take_from_pool(self) -> Link:
        if not self._places().acquire(timeout=_POOL_PATIENCE_S):
            raise PoolExhausted("no connection of the pool is free")
        try:
            connection = self._pooled_connection()
        except BaseException:
            self._places().release()
            raise
        link = self._links.get(connection)
        if link is not None:
            link.connection = connection
        if link is None or not link.is_same:
            link = Link(self, connection)
            self._open(link)
            self._links[connection] = link
        return link

    def _give_to_pool(self, link: Link) -> None:
        # A link that held its connection would keep it, and the connection keeps the link.
        connection, link.connection = link.connection, None
        self.pool.release(connection)
        self._places().release()

    def _places(self) -> threading.Semaphore:
        """Return what makes threads queue for the connections of a bounded pool."""
        pid, places = self._queue
        if pid != os.getpid():  # threads of the parent may have held some
            places = threading.Semaphore(self._size)
            self._queue = (os.getpid(), places)
        return places

    def _pooled_connection(self) -> Any:
        gives_up_at = time.monotonic() + _POOL_PATIENCE_S
        arguments = ("INFO",) if self._is_command_named else ()
        while True:
            try:
                return self.pool.get_connection(*arguments)
            except self.library.ConnectionError as exc:
                text = str(exc)
                if "Too many connections" not in text and "No connection available" not in text:
                    raise
                if time.monotonic() >= gives_up_at:
                    raise PoolExhausted(text) from exc
            time.sleep(0.005)

    def _open(self, link: Link) -> None:
        try:
            link.open()
        except BaseException:
            self.drop(link)
            raise

    def give(self, link: Link) -> None:
        """Take back a link whose replies have all been read."""
        if not self.holds:
            self._give_to_pool(link)
        elif len(self.idle) < _MOST_IDLE:
            self.idle.append(link)
        else:
            link.connection.disconnect()

    def drop(self, link: Link) -> None:
        """Close a link that cannot be used any more."""
        link.connection.disconnect()
        if not self.holds:
            self._give_to_pool(link)

    def drop_idle(self) -> None:
        """Close all links that are held: they were opened before something happened."""
        if not self.holds and type(self.pool).get_connection is (
            self.library.ConnectionPool.get_connection
        ):
            self.pool.disconnect(inuse_connections=False)
        while True:
            try:
                link = self.idle.pop()
            except IndexError:
                return
            if link.connection.pid == os.getpid():
                link.connection.disconnect()

    def warn_of_unknown_identity(self) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "The cache does not say who it is (INFO is refused, or lacks run_id or "
                "master_replid). If it is restarted from a dump, or a replica is promoted, rows from "
                "before the last writes may be served until they expire. Allow INFO."
            )
