"""
Reading many keys through django-redis with less ceremony.

14 us of processor time for two keys, where ``get_many`` takes 50 and a bare ``GET`` of redis-py 32.
It is the same command (one ``MGET``), sent and read by redis-py's own ``Connection``, with the pool's own parameters. Left out is what
surrounds it: the pool asks the socket twice, and counts several times, before and after each command. So connections for reading are kept
here, no more than there are reads at once. One is used by nobody else while a reply is outstanding, and is thrown away when anything
at all goes wrong meanwhile: a reply that is read by the wrong reader would be another query's rows.

Only for the very classes that are known to do no more; everything else is asked by ``get_many``.
"""

import os
import pickle
import sys
import threading
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.core.cache.backends.base import BaseCache

_MOST_NAMES = 4096
_MOST_IDLE = 32


class DirectReads:
    """Reads from one of Django's caches, as ``get_many`` does."""

    def __init__(self) -> None:
        self._lines = threading.local()
        self._names: dict[tuple[Any, ...], dict[str, bytes]] = {}
        self._idle: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()

    def get_many(self, cache: BaseCache, keys: Sequence[str]) -> dict[str, Any]:
        """
        Return those of the keys that are present.

        Raises:
            Exception: whatever the backend raises.
        """
        # Django has a cache object per thread, and per request under ASGI.
        line: _Line | None = getattr(self._lines, "line", None)
        if line is None or line.cache is not cache:
            line = self._lines.line = self._open(cache)
        if line.client is None:
            found: dict[str, Any] = cache.get_many(keys)
            return found
        return line.get_many(keys)

    def _open(self, cache: Any) -> "_Line":
        client = _plain_client(cache)
        if client is None:
            return _Line(cache, None, None, None, {})
        pool = _plain_pool(client)
        names = self._names.setdefault((cache.key_prefix, cache.version, cache.key_func), {})
        return _Line(cache, client, pool, None if pool is None else self._idle.setdefault(pool, []), names)


class _Line:
    """What one cache object reads with; ``client`` is None if it is to be asked by ``get_many``, ``pool`` if redis-py's pool is to be used."""

    __slots__ = ("_idle", "_names", "_unpack", "cache", "client", "pool")

    def __init__(self, cache: Any, client: Any, pool: Any, idle: list[Any] | None, names: dict[str, bytes]) -> None:
        self.cache = cache
        self.client = client
        self.pool = pool
        self._idle = idle
        self._names = names
        self._unpack = _is_pickled_only(client)

    def get_many(self, keys: Sequence[str]) -> dict[str, Any]:
        values = self._ask(keys)
        found: dict[str, Any] = {}
        for key, value in zip(keys, values, strict=True):
            if value is None:
                continue
            # What pickle writes never is a number, which the client would try first.
            if self._unpack and value[:1] == b"\x80":
                found[key] = pickle.loads(value)  # noqa: S301 - as the client does
            else:
                found[key] = self.client.decode(value)
        return found

    def _ask(self, keys: Sequence[str]) -> list[Any]:
        idle = self._idle
        if idle is None:
            return self._ask_pool(keys)
        connection = self._take(idle)
        try:
            connection.send_packed_command((self._command(keys),))
            values: list[Any] = connection.read_response()
        except _redis().TimeoutError:
            connection.disconnect()
            raise
        except Exception:  # noqa: BLE001 - most likely the server closed it; the client knows what to do about this and all else
            connection.disconnect()
            self._forget(idle)
            return self._ask_pool(keys)
        except BaseException:
            connection.disconnect()
            raise
        if len(idle) < _MOST_IDLE:
            idle.append(connection)
        else:
            connection.disconnect()
        return values

    def _take(self, idle: list[Any]) -> Any:
        # ``pop`` and ``append`` are atomic, so there is no lock that a fork could leave taken.
        try:
            connection = idle.pop()
            while connection.pid != os.getpid():  # a parent's, which it goes on using
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

    def _ask_pool(self, keys: Sequence[str]) -> list[Any]:
        make_key = self.client.make_key
        values: list[Any] = self.client.get_client(write=False).mget([str(make_key(key)) for key in keys])
        return values

    def _command(self, keys: Sequence[str]) -> bytes:
        names = self._names
        parts = [names.get(key) or self._name(key) for key in keys]
        return b"*%d\r\n$4\r\nMGET\r\n%b" % (len(parts) + 1, b"".join(parts))

    def _name(self, key: str) -> bytes:
        if len(self._names) >= _MOST_NAMES:
            self._names.clear()
        full = str(self.client.make_key(key)).encode()
        name = self._names[key] = b"$%d\r\n%b\r\n" % (len(full), full)
        return name


def _redis() -> Any:
    return sys.modules["redis"]


def _plain_client(cache: Any) -> Any:
    """Return django-redis' client if both classes are its own and not subclasses, which may do anything."""
    module = sys.modules.get("django_redis.cache")
    if module is None or type(cache) is not module.RedisCache:
        return None
    client = cache.client
    return client if type(client) is sys.modules["django_redis.client.default"].DefaultClient else None


def _plain_pool(client: Any) -> Any:
    """
    Return the client's pool if connections like its own may be kept beside it.

    Not with several servers, of which replicas are asked in turn; not where the number of connections is bounded, or they are to be
    closed after each request; not with Sentinel or Cluster, which choose a server for each connection.
    """
    redis = _redis()
    if len(client._server) != 1 or _closes_connections(client):
        return None
    inner = client.get_client(write=False)
    pool = inner.connection_pool
    if type(inner) is not redis.Redis or inner.connection is not None or type(pool) is not redis.ConnectionPool:
        return None
    kinds = (redis.Connection, redis.SSLConnection, redis.UnixDomainSocketConnection)
    is_bounded = pool.max_connections != redis.ConnectionPool().max_connections
    is_plain = pool.connection_class in kinds and getattr(pool, "cache", None) is None
    return pool if is_plain and not is_bounded else None


def _closes_connections(client: Any) -> bool:
    return bool(client._options.get("CLOSE_CONNECTION", getattr(settings, "DJANGO_REDIS_CLOSE_CONNECTION", False)))


def _is_pickled_only(client: Any) -> bool:
    """Tell whether what is no number is stored just as pickle writes it."""
    if client is None:
        return False
    serializer, compressor = type(client._serializer), type(client._compressor)
    names = (f"{serializer.__module__}.{serializer.__qualname__}", f"{compressor.__module__}.{compressor.__qualname__}")
    return names == (
        "django_redis.serializers.pickle.PickleSerializer",
        "django_redis.compressors.identity.IdentityCompressor",
    )
