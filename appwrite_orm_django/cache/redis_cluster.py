"""
Use a Redis Cluster: find the node of each key, and follow keys that move.

For django-redis, whose own factories know no clusters, ``ClusterConnectionFactory`` makes the client
of redis-py; django-valkey has a backend for clusters. Keys are tagged by table (see ``keys``), so
that tables spread over the nodes, and a read of one table is one ``MGET`` on one node. A read of
several tables is one for each, sent at once.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from appwrite_orm_django.cache.redis_links import (
    Link,
    NotPrimary,
    Server,
    ServerChanged,
)

_MOST_TRIES = 5
_PAUSE_S = 0.02
_ASKING = b"*1\r\n$6\r\nASKING\r\n"

Command = tuple[bytes, Callable[[int], bytes], int]
Answer = tuple[list[Any], int]


class SlotMoving(Exception):
    """Keys are moving between nodes, so that several cannot be read at once. No fault."""


def is_cluster(client: Any) -> bool:
    """Return whether a client of redis-py or valkey-py is one for clusters."""
    return hasattr(client, "nodes_manager")


class Topology:
    """
    The nodes of a cluster.

    Args:
        client: ``RedisCluster`` or ``ValkeyCluster``.
        server: returns the ``Server`` of a node's pool.
    """

    def __init__(self, client: Any, server: Callable[..., Server]) -> None:
        self._client = client
        self._server = server
        self._nodes: dict[bytes, Any] = {}

    @property
    def library(self) -> Any:
        return self._server(self._any_pool(), is_of_cluster=True).library

    def _any_pool(self) -> Any:
        return self._pool(self._client.get_default_node())

    def _pool(self, node: Any) -> Any:
        client = self._client
        open_node = getattr(client, "get_redis_connection", None) or client.get_valkey_connection
        return open_node(node).connection_pool

    def _of(self, tag: bytes) -> Server:
        """Return the server of the keys with this tag."""
        node = self._nodes.get(tag)
        if node is None:
            if len(self._nodes) >= 4096:
                self._nodes.clear()
            node = self._nodes[tag] = self._client.get_node_from_key(tag)
        return self._server(self._pool(node), is_of_cluster=True)

    def run(
        self, commands: Sequence[Command], *, writes: bool = False, waits: bool = False
    ) -> list[Answer]:
        """
        Run commands, each on the node of its tag.

        Args:
            commands: a tag, what makes the bytes for a server of some identity, and how many
                commands these bytes are. All are sent before any reply is read.
            writes: each is a write of one key.
            waits: wait for the replicas that the servers need.

        Returns:
            For each its replies, refusals among them, and the identity of its server.

        Raises:
            SlotMoving: several keys were asked for whose slot is being moved.
            Exception: what the client library raises.
        """
        answers: dict[int, Answer] = {}
        pending = list(range(len(commands)))
        was_lost = False
        for attempt in range(_MOST_TRIES):
            try:
                self._round(commands, pending, answers, waits=waits)
            except Exception as exc:
                if was_lost or not self._is_lost(exc):
                    raise
                was_lost = True
                self._refresh()
                continue
            for one in pending:
                if self._asks(answers[one]):
                    if not writes:
                        raise SlotMoving  # several keys, of which some may have been moved
                    answers[one] = self._ask(commands[one], answers[one], waits=waits)
            pending = [one for one in pending if self._is_redirected(answers[one])]
            if not pending:
                return [answers[one] for one in range(len(commands))]
            self._refresh()
            time.sleep(_PAUSE_S * attempt)
        raise SlotMoving

    def _round(
        self,
        commands: Sequence[Command],
        which: Sequence[int],
        answers: dict[int, Answer],
        *,
        waits: bool,
    ) -> None:
        by_server: dict[Server, list[int]] = {}
        for one in which:
            by_server.setdefault(self._of(commands[one][0]), []).append(one)
        links: list[tuple[Server, Link, list[int]]] = []
        read = 0
        try:
            for server, ones in by_server.items():
                link = server.take()
                links.append((server, link, ones))
                link.send(b"".join(commands[one][1](link.identity) for one in ones), waits=waits)
            for _, link, ones in links:
                replies = link.receive(sum(commands[one][2] for one in ones), waits=waits)
                for one in ones:
                    count = commands[one][2]
                    answers[one] = (replies[:count], link.identity)
                    replies = replies[count:]
                read += 1
        except BaseException:
            for server, link, _ in links[read:]:
                server.drop(link)
                server.drop_idle()
            raise
        finally:
            for server, link, _ in links[:read]:
                server.give(link)

    def _ask(self, command: Command, answer: Answer, *, waits: bool) -> Answer:
        """Run a write of one key on the node that its slot is being moved to."""
        (error,) = answer[0]
        node = self._client.nodes_manager.get_node(host=error.host, port=error.port)
        if node is None:
            return answer
        server = self._server(self._pool(node), is_of_cluster=True)
        link = server.take()
        try:
            replies = link.exchange(_ASKING + command[1](link.identity), 2, waits=waits)
        except BaseException:
            server.drop(link)
            raise
        server.give(link)
        return replies[1:], link.identity

    @property
    def _errors(self) -> Any:
        return self.library.exceptions

    def _is_redirected(self, answer: Answer) -> bool:
        errors = self._errors
        # A MovedError is an AskError.
        kinds = (errors.AskError, errors.TryAgainError, errors.ReadOnlyError)
        return any(isinstance(reply, kinds) for reply in answer[0])

    def _asks(self, answer: Answer) -> bool:
        errors = self._errors
        if any(isinstance(reply, errors.TryAgainError) for reply in answer[0]):
            raise SlotMoving
        return any(type(reply) is errors.AskError for reply in answer[0])

    def _is_lost(self, exc: Exception) -> bool:
        errors = self._errors
        kinds = (errors.ConnectionError, errors.SlotNotCoveredError, ServerChanged, NotPrimary)
        return isinstance(exc, kinds) or (
            isinstance(exc, OSError) and not isinstance(exc, TimeoutError)
        )

    def _refresh(self) -> None:
        """Ask the cluster anew which node has which keys."""
        self._client.nodes_manager.initialize()
        self._nodes.clear()


def cluster_connection_factory() -> type:
    """Return the factory for django-redis, which is imported only where it is used."""
    from django_redis.pool import ConnectionFactory
    from redis.cluster import RedisCluster

    class ClusterConnectionFactory(ConnectionFactory):
        """Connect django-redis to a cluster; the location is the URL of any of its nodes."""

        _clients: ClassVar[dict[str, Any]] = {}
        _lock: ClassVar[Any] = threading.Lock()

        def connect(self, url: str) -> Any:
            params = self.make_connection_params(url)
            with self._lock:
                client = self._clients.get(url)
                if client is None:
                    params.pop("parser_class")
                    client = self._clients[url] = RedisCluster.from_url(
                        **params, **self.pool_cls_kwargs, **self.redis_client_cls_kwargs
                    )
            return client

        def disconnect(self, connection: Any) -> None:
            connection.disconnect_connection_pools()

    return ClusterConnectionFactory


def __getattr__(name: str) -> Any:
    if name == "ClusterConnectionFactory":
        factory = globals()[name] = cluster_connection_factory()
        return factory
    raise AttributeError(name)
