"""
Read many keys through django-redis with less overhead than its ``get_many``.

Two keys take 14 us of processor time, where ``get_many`` takes 50 and a bare ``GET`` of redis-py
32. The command is the same ``MGET``, sent and read by redis-py's own ``Connection`` with the
parameters of the pool. The overhead left out is the pool's: it polls the socket twice, and counts
several times, before and after each command. So this module keeps connections for reading, at most
as many as there are concurrent reads.

Only one read uses a connection while a reply is outstanding, and the connection is closed if
anything goes wrong meanwhile. Otherwise a later read could receive another query's rows.

This serves only the exact classes that are known to work this way; all others use ``get_many``.
``OPTIONS["CACHE"]["DIRECT_REDIS_READS"]`` turns it off.
"""

import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.core.cache.backends.base import BaseCache

_MOST_NAMES = 4096
_MOST_IDLE = 32


class DirectReads:
    """
    Read from one of Django's caches, as ``get_many`` does.

    Args:
        new_token: returns a new token.
        token_ttl: seconds that a token lives that was added because there was none; None never adds
            one.
        lock_ttl: the longest that any other token may live, in seconds.
        is_enabled: False uses ``get_many`` with every backend.
    """

    def __init__(
        self,
        new_token: Callable[[], int] = lambda: 0,
        *,
        token_ttl: float | None = None,
        lock_ttl: float = 0.0,
        is_enabled: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.new_token = new_token
        self.token_ttl = token_ttl
        self.lock_ttl = lock_ttl
        self.is_enabled = is_enabled
        self.clock = clock
        self._lines = threading.local()
        self._memories: WeakKeyDictionary[Any, dict[tuple[Any, ...], _Memory]] = WeakKeyDictionary()
        self._idle: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()

    def get_many(self, cache: BaseCache, keys: Sequence[str], tokens: int = 0) -> dict[str, Any]:
        """
        Return those of the keys that are present.

        Args:
            tokens: how many keys, from the first on, are those of tokens. If the client allows it
                and one of them is not expected to be present, the same round trip first adds the
                absent ones, each atomically.

        Raises:
            Exception: whatever the backend raises.
        """
        line = self._line(cache)
        if line.client is None:
            found: dict[str, Any] = cache.get_many(keys)
            return found
        return line.get_many(keys, tokens)

    def adds(self, cache: BaseCache) -> bool:
        """Return whether ``get_many`` adds absent tokens."""
        return self._line(cache).adds

    def expect(self, cache: BaseCache, tokens: Iterable[str], ends_at: float) -> None:
        """Note that these tokens have just been stored, and live until ``ends_at`` on the clock."""
        line = self._line(cache)
        if line.adds:
            line.memory.expect(tokens, ends_at)

    def _line(self, cache: Any) -> "_Line":
        # Django has a cache object per thread, and per request under ASGI.
        line: _Line | None = getattr(self._lines, "line", None)
        if line is None or line.cache is not cache:
            line = self._lines.line = self._open(cache)
        return line

    def _open(self, cache: Any) -> "_Line":
        client = _plain_client(cache) if self.is_enabled else None
        pool = None if client is None else _plain_pool(client)
        if pool is None:
            return _Line(self, cache, client, None, [], _Memory())
        memories = self._memories.setdefault(pool, {})
        memory = memories.setdefault((cache.key_prefix, cache.version, cache.key_func), _Memory())
        return _Line(self, cache, client, pool, self._idle.setdefault(pool, []), memory)


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


class _Line:
    """
    The connections of one cache object.

    ``client`` is None to use ``get_many``; ``pool`` is None to use the pool of redis-py.
    """

    __slots__ = ("_idle", "_owner", "_unpack", "cache", "client", "memory", "pool")

    def __init__(
        self,
        owner: DirectReads,
        cache: Any,
        client: Any,
        pool: Any,
        idle: list[Any],
        memory: _Memory,
    ) -> None:
        self._owner = owner
        self.cache = cache
        self.client = client
        self.pool = pool
        self._idle = idle
        self.memory = memory
        self._unpack = _is_pickled_only(client)

    @property
    def adds(self) -> bool:
        return self.pool is not None and self._owner.token_ttl is not None and self.memory.adds

    def get_many(self, keys: Sequence[str], tokens: int = 0) -> dict[str, Any]:
        if tokens and self.adds:
            expected, now = self.memory.expected, self._owner.clock()
            for key in keys[:tokens]:
                if expected.get(key, 0.0) <= now:
                    return self._found(keys, self._add_and_ask(keys, tokens, now))
            found = self._found(keys, self._ask(keys))
            if any(key not in found for key in keys[:tokens]):
                # Evicted, or the cache was cleared or replaced: other tokens may be gone as well.
                expected.clear()
            return found
        return self._found(keys, self._ask(keys))

    def _found(self, keys: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in zip(keys, values, strict=True):
            if value is None:
                continue
            # The client tries to read a number first; a pickle never is one.
            if self._unpack and value[:1] == b"\x80":
                found[key] = pickle.loads(value)  # noqa: S301 - as the client does
            else:
                found[key] = self.client.decode(value)
        return found

    def _ask(self, keys: Sequence[str]) -> Sequence[Any]:
        replies = None if self.pool is None else self._exchange(self._mget(keys), 1)
        values: Sequence[Any] = self._ask_pool(keys) if replies is None else replies[0]
        return values

    def _add_and_ask(self, keys: Sequence[str], tokens: int, now: float) -> Sequence[Any]:
        """Add absent tokens, then read them back: another client may have added its own first."""
        names, ttl = self.memory.names, self._owner.token_ttl
        assert ttl is not None  # noqa: S101 - else ``adds`` is False
        parts = [
            b"*6\r\n$3\r\nSET\r\n%b%b$2\r\nNX\r\n$2\r\nPX\r\n%b"
            % (
                names.get(key) or self._name(key),
                _bulk(b"%d" % self._owner.new_token()),
                _bulk(b"%d" % (ttl * 1000)),
            )
            for key in keys[:tokens]
        ]
        try:
            replies = self._exchange(b"".join((*parts, self._mget(keys))), tokens + 1)
        except _redis().ResponseError as refusal:
            # A user without write permission never gets it; a full server or a replica may change.
            self.memory.adds = not isinstance(refusal, _redis().exceptions.NoPermissionError)
            replies = None
        if replies is None:
            return self._ask_pool(keys)
        for key, added in zip(keys, replies[:-1], strict=False):
            self.memory.expect((key,), now + (ttl if added else min(ttl, self._owner.lock_ttl)))
        values: Sequence[Any] = replies[-1]
        return values

    def _exchange(self, commands: bytes, count: int) -> list[Any] | None:
        """
        Send commands over a connection that no other read uses meanwhile.

        Returns:
            Their replies, or None if the connection was lost.

        Raises:
            ResponseError: the server refused one of the commands.
            TimeoutError: no answer in time.
        """
        idle = self._idle
        connection = self._take(idle)
        try:
            connection.send_packed_command((commands,))
            replies = [connection.read_response() for _ in range(count)]
        except (_redis().ConnectionError, OSError):
            # It was closed while idle, or the server was restarted and is empty. The pool of
            # redis-py reconnects, or raises.
            connection.disconnect()
            self._forget(idle)
            self.memory.expected.clear()
            return None
        except BaseException:
            connection.disconnect()
            raise
        if len(idle) < _MOST_IDLE:
            idle.append(connection)
        else:
            connection.disconnect()
        return replies

    def _take(self, idle: list[Any]) -> Any:
        # ``pop`` and ``append`` are atomic, so no lock could be held across a fork.
        try:
            connection = idle.pop()
            while connection.pid != os.getpid():  # the parent's, which still uses it
                connection = idle.pop()
        except IndexError:
            return self.pool.connection_class(**self.pool.connection_kwargs)
        return connection

    def _forget(self, idle: list[Any]) -> None:
        while True:
            try:
                idle.pop().disconnect()
            except IndexError:
                return

    def _ask_pool(self, keys: Sequence[str]) -> Sequence[Any]:
        make_key = self.client.make_key
        values: list[Any] = self.client.get_client(write=False).mget(
            [str(make_key(key)) for key in keys]
        )
        return values

    def _mget(self, keys: Sequence[str]) -> bytes:
        names = self.memory.names
        parts = [names.get(key) or self._name(key) for key in keys]
        return b"*%d\r\n$4\r\nMGET\r\n%b" % (len(parts) + 1, b"".join(parts))

    def _name(self, key: str) -> bytes:
        names = self.memory.names
        if len(names) >= _MOST_NAMES:
            names.clear()
        name = names[key] = _bulk(str(self.client.make_key(key)).encode())
        return name


def _bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


def _redis() -> Any:
    return sys.modules["redis"]


def _plain_client(cache: Any) -> Any:
    """Return django-redis' client, unless it or the cache is a subclass, which may do anything."""
    module = sys.modules.get("django_redis.cache")
    if module is None or type(cache) is not module.RedisCache:
        return None
    client = cache.client
    return (
        client if type(client) is sys.modules["django_redis.client.default"].DefaultClient else None
    )


def _plain_pool(client: Any) -> Any:
    """
    Return the client's pool if further connections like its own may be opened beside it.

    This excludes several servers (reads rotate over the replicas), a bounded number of connections,
    connections that close after each request, and Sentinel and Cluster, which choose a server for
    each connection.
    """
    redis = _redis()
    if len(client._server) != 1 or _closes_connections(client):
        return None
    inner = client.get_client(write=False)
    pool = inner.connection_pool
    if (
        type(inner) is not redis.Redis
        or inner.connection is not None
        or type(pool) is not redis.ConnectionPool
    ):
        return None
    kinds = (redis.Connection, redis.SSLConnection, redis.UnixDomainSocketConnection)
    is_bounded = pool.max_connections != redis.ConnectionPool().max_connections
    is_plain = pool.connection_class in kinds and getattr(pool, "cache", None) is None
    return pool if is_plain and not is_bounded else None


def _closes_connections(client: Any) -> bool:
    return bool(
        client._options.get(
            "CLOSE_CONNECTION", getattr(settings, "DJANGO_REDIS_CLOSE_CONNECTION", False)
        )
    )


def _is_pickled_only(client: Any) -> bool:
    """Return whether the client stores everything but numbers exactly as pickle writes it."""
    if client is None:
        return False
    serializer, compressor = type(client._serializer), type(client._compressor)
    names = (
        f"{serializer.__module__}.{serializer.__qualname__}",
        f"{compressor.__module__}.{compressor.__qualname__}",
    )
    return names == (
        "django_redis.serializers.pickle.PickleSerializer",
        "django_redis.compressors.identity.IdentityCompressor",
    )
