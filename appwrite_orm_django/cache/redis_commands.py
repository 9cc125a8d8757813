"""
Speak to Redis and Valkey through the backends of Django, django-redis and django-valkey.

The backends' own ``get_many`` and ``set_many`` can neither tell which server has answered, nor add
tokens while looking, nor use a cluster. So this module sends the same commands itself, over
connections made with the parameters of the backend's pool (see ``redis_links``); names, serializer
and compressor are the backend's. As a side effect two keys take 14 us of processor time, where
``get_many`` takes 50 and a bare ``GET`` of redis-py 32.

Numbers (tokens and marks) are stored in terms of the server's identity: the same bytes on another
server are another number. An entry is valid under the numbers that were found with it, so after a
restart from a dump, or a promotion, everything is a miss.

This serves the classes whose methods are known to do no more; all others use Django's cache API.
"""

import pickle
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from threading import local
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.core.cache.backends.base import BaseCache

from appwrite_orm_django.cache.protocol import renewed
from appwrite_orm_django.cache.redis_cluster import Topology, is_cluster
from appwrite_orm_django.cache.redis_links import (
    Link,
    Server,
    bulk,
)

_MOST_NAMES = 4096

# The first byte of a pickle, of protocol 2 and above.
_PICKLE = b"\x80"

#: Makes the bytes of a command for a server of this identity.
Build = Callable[[int], bytes]


class RedisBackends:
    """
    Find the commands for each of Django's cache objects.

    Args:
        new_token: returns a new token.
        token_ttl: seconds that a token lives that was added because there was none; None never adds
            one.
        lock_ttl: the longest that any other token may live, in seconds.
        replicas: how many replicas a primary needs; None for one where Sentinel may replace it, and
            else none.
        holds: whether to hold connections beside the pool of redis-py.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        new_token: Callable[[], int] = lambda: 0,
        *,
        token_ttl: float | None = None,
        lock_ttl: float = 0.0,
        replicas: int | None = None,
        holds: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.new_token = new_token
        self.token_ttl = token_ttl
        self.lock_ttl = lock_ttl
        self.replicas = replicas
        self.holds = holds
        self.clock = clock
        self._found = local()
        self._memories: WeakKeyDictionary[Any, dict[tuple[Any, ...], _Memory]] = WeakKeyDictionary()
        self._servers: WeakKeyDictionary[Any, Server] = WeakKeyDictionary()
        self._topologies: WeakKeyDictionary[Any, Topology] = WeakKeyDictionary()

    def of(self, cache: BaseCache) -> "RedisCommands | None":
        """Return the commands for a cache, or None if it is to be used through Django's API."""
        # Django has a cache object per thread, and per request under ASGI.
        found: tuple[Any, RedisCommands | None] | None = getattr(self._found, "pair", None)
        if found is None or found[0] is not cache:
            found = self._found.pair = (cache, self._open(cache))
        return found[1]

    def _open(self, cache: Any) -> "RedisCommands | None":
        adapter = adapter_of(cache)
        if adapter is None:
            return None
        client = adapter.client
        where: Server | Topology
        if is_cluster(client):
            topology = self._topologies.get(client)
            if topology is None:
                topology = self._topologies[client] = Topology(client, self._server)
            where, anchor = topology, client
        else:
            anchor = client.connection_pool
            where = self._server(anchor, closes=adapter.closes_connections)
        memories = self._memories.setdefault(anchor, {})
        memory = memories.setdefault((cache.key_prefix, cache.version, cache.key_func), _Memory())
        return RedisCommands(self, adapter, where, memory)

    def _server(self, pool: Any, *, closes: bool = False, is_of_cluster: bool = False) -> Server:
        server = self._servers.get(pool)
        if server is None:
            library = sys.modules[type(pool).__module__.partition(".")[0]]
            if not hasattr(library, "ConnectionPool"):  # a pool class of the project's own
                library = sys.modules["redis"]
            may_be_replaced = hasattr(pool, "sentinel_manager")
            needed = self.replicas
            server = self._servers[pool] = Server(
                pool,
                library,
                replicas=int(may_be_replaced) if needed is None else needed,
                holds=self.holds and not closes and _may_have_more_connections(pool, library),
                is_of_cluster=is_of_cluster,
                clock=self.clock,
            )
        return server


def _may_have_more_connections(pool: Any, library: Any) -> bool:
    """Return whether connections like the pool's own may be opened beside it."""
    if type(pool).get_connection is not library.ConnectionPool.get_connection:
        return False
    is_bounded = pool.max_connections != library.ConnectionPool().max_connections
    return not is_bounded and getattr(pool, "cache", None) is None


class _Memory:
    """
    The state that all threads share about one Redis and key prefix.

    Attributes:
        names: the full name of each key, encoded for the wire.
        expected: until when each token is expected to be present.
        adds: False once the server has refused to add tokens.
    """

    __slots__ = ("adds", "expected", "names")

    def __init__(self) -> None:
        self.names: dict[str, bytes] = {}
        self.expected: dict[str, float] = {}
        self.adds = True

    def expect(self, tokens: Iterable[str], ends_at: float) -> None:
        if len(self.expected) >= _MOST_NAMES:
            self.expected.clear()
        for key in tokens:
            self.expected[key] = ends_at


class RedisCommands:
    """The commands for one cache object; each raises what the client library raises."""

    __slots__ = ("_adapter", "_memory", "_owner", "_where")

    def __init__(
        self,
        owner: RedisBackends,
        adapter: "Adapter",
        where: Server | Topology,
        memory: _Memory,
    ) -> None:
        self._owner = owner
        self._adapter = adapter
        self._where = where
        self._memory = memory

    @property
    def adds(self) -> bool:
        """Whether ``get_many`` adds absent tokens."""
        return self._owner.token_ttl is not None and self._memory.adds

    def expect(self, tokens: Iterable[str], ends_at: float) -> None:
        """Note that these tokens have just been stored, and live until ``ends_at`` on the clock."""
        if self.adds:
            self._memory.expect(tokens, ends_at)

    def get_many(self, keys: Sequence[str], tokens: int = 0) -> dict[str, Any]:
        """
        Return those of the keys that are present.

        Args:
            tokens: how many keys, from the first on, are those of tokens. If one of them is not
                expected to be present, the same round trip first adds the absent ones, each
                atomically.
        """
        if not tokens or not self.adds:
            return self._look(keys)
        expected, now = self._memory.expected, self._owner.clock()
        for key in keys[:tokens]:
            if expected.get(key, 0.0) <= now:
                return self._add_and_look(keys, tokens, now)
        found = self._look(keys)
        if any(key not in found for key in keys[:tokens]):
            # Evicted, or the cache was cleared or replaced: other tokens may be gone as well.
            expected.clear()
        return found

    def _look(self, keys: Sequence[str]) -> dict[str, Any]:
        if type(self._where) is not Server:
            return self._look_around(keys, 0)
        server, command = self._where, self._mget(keys)
        link = server.take()
        try:
            reply = link.ask(command)
        except BaseException as exc:
            server.drop(link)
            if not isinstance(exc, server.lost) or isinstance(exc, TimeoutError):
                raise
            server.drop_idle()
            replies, identity = _on_one(server, lambda _: command, 1, is_new=True)
            return self._decoded(keys, _sound(replies)[0], identity)
        server.give(link)
        if isinstance(reply, Exception):
            raise reply
        return self._decoded(keys, reply, link.identity)

    def _look_around(self, keys: Sequence[str], tokens: int) -> dict[str, Any]:
        """Look in a cluster: one ``MGET`` for the keys of each tag, all sent before any is read."""
        groups: dict[bytes, list[str]] = {}
        for key in keys:
            groups.setdefault(_tag(self._name(key)), []).append(key)
        commands: list[tuple[bytes, Build, int]] = []
        to_add = set(keys[:tokens])
        for tag, group in groups.items():
            adds = [key for key in group if key in to_add]
            commands.append((tag, partial(self._look_at, adds, group), len(adds) + 1))
        found: dict[str, Any] = {}
        answers = self._topology.run(commands)
        for group, (replies, identity) in zip(groups.values(), answers, strict=True):
            found.update(self._decoded(group, _sound(replies)[-1], identity))
        return found

    def _look_at(self, adds: Sequence[str], keys: Sequence[str], _: int) -> bytes:
        return self._adds(adds) + self._mget(keys)

    def _add_and_look(self, keys: Sequence[str], tokens: int, now: float) -> dict[str, Any]:
        """Add absent tokens, then read them back: another client may have added its own first."""
        ttl = self._owner.token_ttl
        assert ttl is not None  # noqa: S101 - else ``adds`` is False
        # They live at least this long, whichever client added them: added tokens longer than a writer's.
        try:
            if type(self._where) is Server:
                replies, identity = _on_one(
                    self._where,
                    lambda _: self._adds(keys[:tokens]) + self._mget(keys),
                    tokens + 1,
                )
                _sound(replies)
                for key, added in zip(keys, replies[:-1], strict=False):
                    life_s = ttl if added else min(ttl, self._owner.lock_ttl)
                    self._memory.expect((key,), now + life_s)
                return self._decoded(keys, replies[-1], identity)
            found = self._look_around(keys, tokens)
        except self._library.ResponseError as refusal:
            # A user without write permission never gets it; a full server may change.
            self._memory.adds = not isinstance(refusal, self._library.exceptions.NoPermissionError)
            return self._look(keys)
        self._memory.expect(keys[:tokens], now + min(ttl, self._owner.lock_ttl))
        return found

    def add(self, key: str, number: int, timeout: float) -> bool:
        """Store a number if the key is absent, atomically; return whether it was stored."""
        return bool(self.add_many({key: number}, timeout))

    def add_many(self, numbers: Mapping[str, int], timeout: float) -> set[str]:
        """Store each number whose key is absent, atomically; return the keys of those stored."""
        ttl = bulk(b"%d" % (timeout * 1000))
        replies = self._write(
            [(key, partial(self._add, key, number, ttl)) for key, number in numbers.items()]
        )
        return {key for key, reply in zip(numbers, replies, strict=True) if reply is not None}

    def _add(self, key: str, number: int, ttl: bytes, identity: int) -> bytes:
        return b"*6\r\n$3\r\nSET\r\n%b%b$2\r\nNX\r\n$2\r\nPX\r\n%b" % (
            self._name(key),
            bulk(b"%d" % translated(number, identity)),
            ttl,
        )

    def set_many(
        self, items: Mapping[str, int | bytes], timeout: float, *, waits: bool = True
    ) -> None:
        """
        Store numbers and bytes.

        Args:
            waits: wait for the replicas that the server needs.
        """
        ttl = b"%d" % (timeout * 1000)
        commands = [(key, self._set(key, value, ttl)) for key, value in items.items()]
        self._write(commands, waits=waits)

    def set_tokens(
        self, tokens: Mapping[str, int], locks: Mapping[str, int], timeout: float
    ) -> None:
        """Store tokens and locks as ``Bump`` says: what is sent again has other tokens."""
        ttl = b"%d" % (timeout * 1000)
        commands = [(key, self._set_token(key, token, ttl)) for key, token in tokens.items()]
        commands += [(key, self._set(key, value, ttl)) for key, value in locks.items()]
        self._write(commands)

    def _set_token(self, key: str, token: int, ttl: bytes) -> Build:
        sent = iter((token,))
        return lambda identity: self._set(key, next(sent, None) or renewed(token), ttl)(identity)

    def _set(self, key: str, value: int | bytes, ttl: bytes) -> Build:
        name = self._name(key)
        encoded = None if type(value) is int else self._adapter.encode(value)

        def build(identity: int) -> bytes:
            data = b"%d" % translated(value, identity) if encoded is None else encoded  # type: ignore[arg-type]
            return b"*5\r\n$3\r\nSET\r\n%b%b$2\r\nPX\r\n%b" % (name, bulk(data), bulk(ttl))

        return build

    def delete_many(self, keys: Iterable[str]) -> None:
        """Delete these keys."""
        self._write([(key, partial(self._delete, key)) for key in keys])

    def _delete(self, key: str, _: int) -> bytes:
        return b"*2\r\n$3\r\nDEL\r\n" + self._name(key)

    def _write(self, commands: Sequence[tuple[str, Build]], *, waits: bool = True) -> list[Any]:
        """Run commands of one key each; raise the first refusal."""
        if type(self._where) is Server:
            replies, _ = _on_one(
                self._where,
                lambda identity: b"".join(build(identity) for _, build in commands),
                len(commands),
                waits=waits,
            )
            return _sound(replies)
        answers = self._topology.run(
            [(_tag(self._name(key)), build, 1) for key, build in commands],
            writes=True,
            waits=waits,
        )
        return [_sound(replies)[0] for replies, _ in answers]

    @property
    def _topology(self) -> Topology:
        assert isinstance(self._where, Topology)  # noqa: S101
        return self._where

    @property
    def _library(self) -> Any:
        return self._where.library

    def _decoded(self, keys: Sequence[str], values: Sequence[Any], identity: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        adapter = self._adapter
        is_pickled = adapter.is_pickled_only
        for key, value in zip(keys, values, strict=True):
            if value is None:
                continue
            if is_pickled and value[:1] == _PICKLE:
                found[key] = pickle.loads(value)  # noqa: S301 - as the client does
                continue
            # django-valkey would make a float of a negative number.
            try:
                number = int(value)
            except ValueError:
                found[key] = adapter.decode(value)
            else:
                found[key] = number ^ identity if number > 0 else -(-number ^ identity)
        return found

    def _adds(self, keys: Sequence[str]) -> bytes:
        ttl = bulk(b"%d" % ((self._owner.token_ttl or 0) * 1000))
        # Random, so in terms of any identity.
        return b"".join(self._add(key, self._owner.new_token(), ttl, 0) for key in keys)

    def _mget(self, keys: Sequence[str]) -> bytes:
        names = self._memory.names
        parts = [names.get(key) or self._name(key) for key in keys]
        return b"*%d\r\n$4\r\nMGET\r\n%b" % (len(parts) + 1, b"".join(parts))

    def _name(self, key: str) -> bytes:
        names = self._memory.names
        name = names.get(key)
        if name is None:
            if len(names) >= _MOST_NAMES:
                names.clear()
            name = names[key] = bulk(self._adapter.name(key).encode())
        return name


def translated(number: int, identity: int) -> int:
    """
    Translate a number between its stored form and its meaning on a server; its own inverse.

    The sign stays, because a negative token means that a write is in flight.
    """
    return number ^ identity if number > 0 else -(-number ^ identity)


def _sound(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def _tag(name: bytes) -> bytes:
    """Return the part of a key's name that decides on which node of a cluster it is."""
    start = name.find(b"{")
    end = name.find(b"}", start + 1)
    if start < 0 or end <= start + 1:
        return name.split(b"\r\n", 2)[1]
    return name[start + 1 : end]


def _on_one(
    server: Server, build: Build, count: int, *, waits: bool = False, is_new: bool = False
) -> tuple[list[Any], int]:
    """
    Run commands on a server; return their replies, refusals among them, and its identity.

    If a held connection has been closed, or the server has changed, one more is opened: it was
    closed while idle, or the server was restarted.
    """
    while True:
        link: Link | None = None
        try:
            link = server.take(new=is_new)
            replies = link.exchange(build(link.identity), count, waits=waits)
        except BaseException as exc:
            if link is not None:
                server.drop(link)
            if is_new or not isinstance(exc, server.lost) or isinstance(exc, TimeoutError):
                raise
            server.drop_idle()
            is_new = True
            continue
        server.give(link)
        return replies, link.identity


# The backends


class Adapter:
    """
    What is needed of a backend's client.

    Attributes:
        client: the client of redis-py or valkey-py that writes go to.
        name: returns a key's full name.
        encode: returns the stored form of a value.
        decode: the reverse.
        is_pickled_only: whether everything but numbers is stored exactly as pickle writes it.
        closes_connections: whether the backend closes its connections after each request.
    """

    __slots__ = ("client", "closes_connections", "decode", "encode", "is_pickled_only", "name")

    def __init__(
        self,
        client: Any,
        name: Callable[[str], str],
        encode: Callable[[Any], Any],
        decode: Callable[[bytes], Any],
        *,
        is_pickled_only: bool,
        closes_connections: bool = False,
    ) -> None:
        self.client = client
        self.name = name
        self.encode = encode
        self.decode = decode
        self.is_pickled_only = is_pickled_only
        self.closes_connections = closes_connections


_METHODS = ("get", "get_many", "set", "set_many", "add", "delete_many")
#: Modules and names of the backends, and of the clients that they may have.
_BACKENDS = (
    ("django_redis.cache", "RedisCache", (("django_redis.client.default", "DefaultClient"),)),
    ("django_valkey.cache", "ValkeyCache", (("django_valkey.client.default", "DefaultClient"),)),
    (
        "django_valkey.cluster_cache.cache",
        "ClusterValkeyCache",
        (("django_valkey.cluster_cache.client.default", "DefaultClusterClient"),),
    ),
)


def adapter_of(cache: Any) -> Adapter | None:
    """Return what is needed of a backend, or None for one whose methods are not known."""
    native = sys.modules.get("django.core.cache.backends.redis")
    if native is not None and _keeps(cache, native.RedisCache):
        client = cache._cache
        if not _keeps(client, native.RedisCacheClient):
            return None
        serializer = client._serializer
        return Adapter(
            client.get_client(None, write=True),
            cache.make_and_validate_key,
            serializer.dumps,
            serializer.loads,
            is_pickled_only=type(serializer) is native.RedisSerializer,
        )
    for module, name, clients in _BACKENDS:
        loaded = sys.modules.get(module)
        if loaded is None or not _keeps(cache, getattr(loaded, name)):
            continue
        client = cache.client
        known = (getattr(sys.modules.get(where), kind, None) for where, kind in clients)
        if not any(kind is not None and _keeps(client, kind) for kind in known):
            return None
        return Adapter(
            client.get_client(write=True),
            partial(_name_by, client),
            client.encode,
            client.decode,
            is_pickled_only=_is_pickled_only(client),
            closes_connections=_closes_connections(client),
        )
    return None


def _name_by(client: Any, key: str) -> str:
    return str(client.make_key(key))


def _keeps(instance: Any, kind: type) -> bool:
    """Return whether an instance's class has the methods of this class, its own or inherited."""
    return isinstance(instance, kind) and all(
        getattr(type(instance), name, None) is getattr(kind, name, None) for name in _METHODS
    )


def _closes_connections(client: Any) -> bool:
    prefix = type(client).__module__.partition(".")[0].upper()
    return bool(
        client._options.get(
            "CLOSE_CONNECTION", getattr(settings, f"{prefix}_CLOSE_CONNECTION", False)
        )
    )


def _is_pickled_only(client: Any) -> bool:
    serializer, compressor = type(client._serializer), type(client._compressor)
    package = serializer.__module__.partition(".")[0]
    return package in ("django_redis", "django_valkey") and (
        f"{serializer.__module__}.{serializer.__qualname__}",
        f"{compressor.__module__}.{compressor.__qualname__}",
    ) == (
        f"{package}.serializers.pickle.PickleSerializer",
        f"{package}.compressors.identity.IdentityCompressor",
    )
