import itertools
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
from django.core.cache import caches

from appwrite_orm_django.cache.service import QueryCache
from appwrite_orm_django.conf import CacheSettings

from . import backends

_numbers = itertools.count()


@pytest.fixture
def script(settings):
    """The scripted cache as the default one; what it is to do."""
    backends.SCRIPT.__init__()
    settings.CACHES = {
        "default": {
            "BACKEND": "tests.cache.backends.ScriptedCache",
            "LOCATION": f"scripted-{next(_numbers)}",
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    }
    return backends.SCRIPT


@pytest.fixture
def cache_options():
    """What ``open_cache`` puts into ``OPTIONS["CACHE"]`` where a test says nothing else."""
    return {"STATISTICS_INTERVAL": 0}


@pytest.fixture(params=[True, False], ids=["direct", "get_many"])
def both_redis_reads(request, cache_options):
    """Redis is read directly, and then as any other backend."""
    cache_options["DIRECT_REDIS_READS"] = request.param


@pytest.fixture
def open_cache(cache_options):
    """Make caches of one Appwrite database, as several connections of a process would."""
    namespace = f"tests-{next(_numbers)}"

    def make(*, is_definite=lambda exc: False, **values):
        values = cache_options | values
        return QueryCache.open(
            "appwrite", CacheSettings.read("appwrite", values), namespace, is_definite=is_definite
        )

    return make


class Redis:
    """A private redis-server without persistence."""

    def __init__(self, directory):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._directory = directory
        self._process = None

    def start(self):
        self._process = subprocess.Popen(
            [
                "redis-server",
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ],
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"redis-server does not answer on port {self.port}")

    def freeze(self):
        """Stop answering without losing anything."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    if shutil.which("redis-server") is None:
        if os.environ.get("CI"):
            pytest.fail(
                "redis-server is not installed, and continuous integration must not skip these tests"
            )
        pytest.skip("redis-server is not installed")
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_redis(redis_server, settings, tmp_path):
    """A redis-server to be stopped and started, as the default cache; ``own_redis.options`` are the client's."""
    server = Redis(tmp_path)
    server.options = {"SOCKET_CONNECT_TIMEOUT": 0.2, "SOCKET_TIMEOUT": 0.2}
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": server.url,
            "OPTIONS": server.options,
        }
    }
    server.start()
    yield server
    caches["default"].client.disconnect()
    server.stop()


@pytest.fixture
def redis_cache(redis_server, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": redis_server.url,
            "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 2, "SOCKET_TIMEOUT": 2},
        }
    }
    yield redis_server
    caches["default"].client.disconnect()
