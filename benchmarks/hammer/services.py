"""
The caches that are hammered: each starts its servers, and has troubles of its own.

A service is used by the main process alone. What other processes need is in ``caches`` and
``database``, Django's ``CACHES`` and the settings of its default database.
"""

import contextlib
import importlib
import importlib.util
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.hammer.network import Network, enter
from benchmarks.redis_server import RedisServer, free_port, wait_for_port

#: Django's own default of 300 entries would be culled all the time.
_ENTRIES = {"MAX_ENTRIES": 10_000}
_TIMEOUTS = {"SOCKET_CONNECT_TIMEOUT": 1, "SOCKET_TIMEOUT": 1}
#: Readers and writers of an SQLite file do not wait for each other.
_JOURNAL = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"


class Service:
    """A cache: what it needs, how it is started, and what may happen to it."""

    name: ClassVar[str]
    programs: ClassVar[tuple[str, ...]] = ()
    modules: ClassVar[tuple[str, ...]] = ()
    #: Readers and writers have to be threads of one process.
    threads: ClassVar[bool] = False
    #: The stores that can be hammered before it.
    stores: ClassVar[tuple[str, ...]] = ("orm", "driver")
    #: Further keys of the cache's settings.
    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="appwrite-hammer-")

    @classmethod
    def missing(cls) -> list[str]:
        """Return what is not installed."""
        programs = [program for program in cls.programs if find_program(program) is None]
        return programs + [name for name in cls.modules if importlib.util.find_spec(name) is None]

    def start(self) -> None:
        return

    def stop(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def place(self, number: int) -> str:
        """Return the network namespace of a reader; empty if it has none of its own."""
        return ""

    @property
    def caches(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def database(self) -> dict[str, Any]:
        return sqlite(":memory:")

    @property
    def faults(self) -> dict[str, Callable[[], None]]:
        """What may happen to it; each returns when the cache could be used again."""
        return {}


def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """
    Wait until a condition holds; an exception means that it does not yet.

    Raises:
        SystemExit: it never did; the text is ``what``.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception):
            if condition():
                return
        time.sleep(0.1)
    raise SystemExit(what)


def find_program(name: str) -> str | None:
    found = shutil.which(name)
    if found is None:
        for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")):
            found = str(path)
    return found


def sqlite(path: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": _JOURNAL},
    }


class Redis(Service):
    """One Redis without persistence, through django-redis."""

    name = "redis"
    programs = ("redis-server",)
    modules = ("django_redis",)
    backend = "django_redis.cache.RedisCache"
    options: ClassVar[dict[str, Any]] = _TIMEOUTS
    program = "redis-server"

    def start(self) -> None:
        self.server = RedisServer(program=self.program)
        self.server.start()

    def stop(self) -> None:
        self.server.close()
        super().stop()

    @property
    def caches(self) -> dict[str, Any]:
        url = self.server.url
        if self.backend.startswith("django_valkey"):
            url = url.replace("redis:", "valkey:")
        return {"default": {"BACKEND": self.backend, "LOCATION": url, "OPTIONS": self.options}}

    @property
    def faults(self) -> dict[str, Callable[[], None]]:
        return {"restart": self.restart}

    def restart(self) -> None:
        self.server.kill()
        time.sleep(random.uniform(0, 0.3))
        self.server.start()


class DjangoRedis(Redis):
    """The same through Django's own backend."""

    name = "django"
    modules = ("redis",)
    backend = "django.core.cache.backends.redis.RedisCache"
    options: ClassVar[dict[str, Any]] = {"socket_timeout": 1, "socket_connect_timeout": 1}


class DjangoValkey(Redis):
    """The same through django-valkey."""

    name = "django-valkey"
    modules = ("django_valkey",)
    backend = "django_valkey.cache.ValkeyCache"


class Valkey(DjangoValkey):
    """One Valkey, through django-valkey."""

    name = "valkey"
    program = "valkey-server"
    programs = ("valkey-server",)


class RedisFromDump(Redis):
    """One Redis that is killed after its last dump, and comes back older."""

    name = "dump"

    @property
    def faults(self) -> dict[str, Callable[[], None]]:
        return {"older": self.come_back_older}

    def come_back_older(self) -> None:
        import redis

        with redis.Redis.from_url(self.server.url) as client:
            client.save()
        time.sleep(random.uniform(0.1, 1.0))  # writes that the dump does not have
        self.restart()


class Sentinel(Service):
    """A primary, a replica and three Sentinels: failovers of a living primary, and kills."""

    name = "sentinel"
    programs = ("redis-server", "redis-sentinel")
    modules = ("django_redis",)
    replicas: ClassVar[int] = 1
    host: ClassVar[str] = "127.0.0.1"

    def start(self) -> None:
        self.servers = self._make_servers()
        for server in self.servers:
            server.start()
        first, *others = self.servers
        for server in others:
            self._client(server.port, server.host).execute_command(
                "REPLICAOF", first.host, str(first.port)
            )
        self.sentinels = [free_port() for _ in range(3)]
        self._processes = [self._start_sentinel(port, first) for port in self.sentinels]
        for port in self.sentinels:
            wait_for_port(port, "redis-sentinel", host=self.host)
        self._until(self._is_whole)

    def _make_servers(self) -> list[RedisServer]:
        """Make the primary and its replicas, in this order."""
        return [RedisServer() for _ in range(1 + self.replicas)]

    def _start_sentinel(self, port: int, primary: RedisServer) -> "subprocess.Popen[bytes]":
        path = Path(self.directory, f"sentinel-{port}.conf")
        path.write_text(
            f"port {port}\nbind {self.host}\nprotected-mode no\ndir {self.directory}\n"
            f"sentinel monitor shop {primary.host} {primary.port} 2\n"
            "sentinel down-after-milliseconds shop 1000\n"
            "sentinel failover-timeout shop 6000\n"
        )
        return subprocess.Popen(["redis-sentinel", str(path)], stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        for server in self.servers:
            server.close()
        super().stop()

    @property
    def caches(self) -> dict[str, Any]:
        return {
            "default": {
                "BACKEND": "django_redis.cache.RedisCache",
                "LOCATION": "redis://shop/0",
                "OPTIONS": {
                    **_TIMEOUTS,
                    "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
                    "SENTINELS": [(self.host, port) for port in self.sentinels],
                    "SENTINEL_KWARGS": {"socket_timeout": 1},
                },
            }
        }

    @property
    def faults(self) -> dict[str, Callable[[], None]]:
        return {"failover": self.fail_over, "kill primary": self.kill_primary}

    def fail_over(self) -> None:
        """Replace a living primary."""
        self._fail_over()
        self._go_on()

    def _fail_over(self) -> None:
        before = self._primary()
        with contextlib.suppress(Exception):
            self._sentinel(0).execute_command("SENTINEL", "FAILOVER", "shop")
        self._until(lambda: self._primary() is not before and self._is_whole())

    def kill_primary(self) -> None:
        server = self._primary()
        server.kill()
        self._until(lambda: self._primary() is not server)
        time.sleep(random.uniform(0, 1))
        server.start()
        self._until(self._is_whole)
        self._go_on()

    def _go_on(self) -> None:
        time.sleep(random.uniform(6, 9))  # let the new primary be used again

    def _sentinel(self, number: int) -> Any:
        return self._client(self.sentinels[number], self.host)

    def _client(self, port: int, host: str) -> Any:
        import redis

        return redis.Redis(host=host, port=port, socket_timeout=2, socket_connect_timeout=2)

    def _primary(self) -> RedisServer:
        """Return what the first Sentinel takes for the primary."""
        address: Any = self._sentinel(0).execute_command(
            "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shop"
        )
        return next(server for server in self.servers if server.port == int(address[1]))

    def _is_whole(self) -> bool:
        """Return whether the primary has its replicas and each Sentinel knows all."""
        primary = self._primary()
        facts = self._client(primary.port, primary.host).info("replication")
        known = [
            self._sentinel(number).execute_command("SENTINEL", kind, "shop")
            for number in range(len(self.sentinels))
            for kind in ("SENTINELS", "REPLICAS")
        ]
        return (
            facts["role"] == "master"
            and facts["connected_slaves"] == self.replicas
            and all(facts[f"slave{n}"]["state"] == "online" for n in range(self.replicas))
            and [len(others) for others in known] == [2, self.replicas] * 3
        )

    def _until(self, condition: Callable[[], bool]) -> None:
        until(condition, "the Sentinels do not agree")


class Partition(Sentinel):
    """
    The primary on one machine, with readers; two replicas, the Sentinels, writers and more readers
    on another. The cable between them is pulled.
    """

    name = "partition"
    programs = (*Sentinel.programs, "ip")
    stores = ("driver",)
    replicas = 2
    host = "10.77.0.2"
    #: How many of the replicas are on the machine of the primary.
    on_the_left: ClassVar[int] = 0

    @classmethod
    def missing(cls) -> list[str]:
        return super().missing() or ["network namespaces"] * (not Network.is_possible())

    def start(self) -> None:
        self.network = Network()
        self.network.start()
        # This process, the Sentinels and all that is not sent elsewhere is on the right.
        enter(self.network.right)
        super().start()

    def stop(self) -> None:
        super().stop()
        self.network.close()

    def _make_servers(self) -> list[RedisServer]:
        lefts = 1 + self.on_the_left
        return [
            self._on(self.network.left if number < lefts else self.network.right, number)
            for number in range(1 + self.replicas)
        ]

    def _on(self, side: str, number: int) -> RedisServer:
        # The first is promoted before others, so that it can be made the primary again.
        priority = ["--replica-priority", str(1 if number == 0 else 100)]
        address = self.network.addresses[side]
        return RedisServer(priority, host=address, within=self.network.within(side))

    def place(self, number: int) -> str:
        """Return the namespace of a reader: every second is on the left."""
        return self.network.left if number % 2 else self.network.right

    @property
    def faults(self) -> dict[str, Callable[[], None]]:
        return {"cut": self.cut}

    def cut(self) -> None:
        """Pull the cable; the Sentinels promote a replica; put it back after a while."""
        first = self.servers[0]
        if self._primary() is not first:
            self._fail_over()
            self._go_on()
        self.network.cut()
        try:
            self._until(lambda: self._primary() is not first)
            time.sleep(
                random.uniform(6, 12)
            )  # of which the new primary is not used for the first 5
        finally:
            self.network.mend()
        self._until(self._is_whole)
        self._go_on()


class PartitionBesideAReplica(Partition):
    """The same, but a replica stays with the old primary; both replicas are needed."""

    name = "partition-replica"
    on_the_left = 1
    settings: ClassVar[dict[str, Any]] = {"REPLICAS": 2}


class Cluster(Service):
    """Three primaries with a replica each: kills, failovers, and the slot in use moved about."""

    name = "cluster"
    programs = ("redis-server", "redis-cli")
    modules = ("django_redis",)

    def start(self) -> None:
        self.servers = [
            RedisServer(["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"])
            for _ in range(6)
        ]
        for server in self.servers:
            server.start()
        nodes = [f"127.0.0.1:{server.port}" for server in self.servers]
        create = ["redis-cli", "--cluster", "create", *nodes, "--cluster-replicas", "1"]
        subprocess.run([*create, "--cluster-yes"], check=True, stdout=subprocess.DEVNULL)
        self._until(self._is_whole)

    def stop(self) -> None:
        for server in self.servers:
            server.close()
        super().stop()

    @property
    def caches(self) -> dict[str, Any]:
        return {
            "default": {
                "BACKEND": "django_redis.cache.RedisCache",
                "LOCATION": f"redis://127.0.0.1:{self.servers[0].port}",
                "OPTIONS": {
                    **_TIMEOUTS,
                    "CONNECTION_FACTORY": "appwrite_orm_django.cache.redis_cluster.ClusterConnectionFactory",
                },
            }
        }

    @property
    def faults(self) -> dict[str, Callable[[], None]]:
        return {
            "kill node": self.kill_primary,
            "failover": self.fail_over,
            "move slot": self.move_slot,
        }

    def kill_primary(self) -> None:
        """Kill the primary of the slot in use; its replica takes over; it comes back."""
        port = self._owner(self._slot())
        (server,) = (server for server in self.servers if server.port == port)
        server.kill()
        time.sleep(random.uniform(0, 8))
        server.start()
        self._until(self._is_whole)

    def fail_over(self) -> None:
        """Let a replica of the slot in use take over from its living primary."""
        slot = self._slot()
        owner = self._owner(slot)
        mine = self._client(owner).execute_command("CLUSTER", "MYID").decode()
        replica = next(
            server.port
            for server in self.servers
            if self._facts(server.port).get("myself", ("", ""))[1] == mine
        )

        def is_done() -> bool:
            if self._owner(slot) != replica:
                # Redis gives up a failover that takes long, and says nothing.
                self._client(replica).execute_command("CLUSTER", "FAILOVER")
                time.sleep(2)
            return self._owner(slot) == replica and self._is_whole()

        self._until(is_done)

    def move_slot(self) -> None:
        """Move the slot in use to another primary, key by key."""
        slot = self._slot()
        owner = self._owner(slot)
        source = self._client(owner)
        target_port = random.choice([port for port in self._primaries() if port != owner])
        target = self._client(target_port)
        source_id = source.execute_command("CLUSTER", "MYID").decode()
        target_id = target.execute_command("CLUSTER", "MYID").decode()
        target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        while keys := source.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1):
            source.execute_command(
                "MIGRATE", "127.0.0.1", target_port, "", 0, 1000, "REPLACE", "KEYS", *keys
            )
            time.sleep(random.uniform(0, 0.05))
        for port in (target_port, owner, *self._primaries()):
            with contextlib.suppress(Exception):
                self._client(port).execute_command("CLUSTER", "SETSLOT", slot, "NODE", target_id)
        self._until(self._is_whole)

    def _client(self, port: int) -> Any:
        import redis

        return redis.Redis(port=port, socket_timeout=2, socket_connect_timeout=2)

    def _facts(self, port: int) -> dict[str, tuple[str, str]]:
        """Return what a node says of the others: role and primary, by port; its own as myself."""
        found = {}
        for line in self._client(port).execute_command("CLUSTER", "NODES").decode().splitlines():
            _, address, flags, primary, *_ = line.split()
            role = "failed" if "fail" in flags else "master" if "master" in flags else "slave"
            name = "myself" if "myself" in flags else address.split("@")[0].split(":")[1]
            found[name] = (role, primary)
        return found

    def _primaries(self) -> list[int]:
        return [
            server.port
            for server in self.servers
            if self._facts(server.port).get("myself", ("", ""))[0] == "master"
        ]

    def _slot(self) -> int:
        """Return the slot of the hammered table's keys."""
        for port in self._primaries():
            for key in self._client(port).scan_iter("*appwrite*:v", count=1000):
                return int(self._client(port).execute_command("CLUSTER", "KEYSLOT", key))
        return 0

    def _owner(self, slot: int) -> int:
        slots: Any = self._client(self._primaries()[0]).execute_command("CLUSTER", "SLOTS")
        return next(int(part[2][1]) for part in slots if part[0] <= slot <= part[1])

    def _is_whole(self) -> bool:
        for server in self.servers:
            info = self._client(server.port).execute_command("CLUSTER", "INFO")
            roles = [role for role, _ in self._facts(server.port).values()]
            if b"cluster_state:ok" not in info or sorted(roles) != ["master"] * 3 + ["slave"] * 3:
                return False
            replication = self._client(server.port).info("replication")
            if replication["role"] == "slave" and replication["master_link_status"] != "up":
                return False
        return True

    def _until(self, condition: Callable[[], bool]) -> None:
        try:
            until(condition, "the cluster is not whole")
        except SystemExit as exc:
            raise SystemExit(f"{exc}:\n{self._views()}") from None

    def _views(self) -> str:
        """Return what each node says of all."""
        found = []
        for server in self.servers:
            try:
                text = self._client(server.port).execute_command("CLUSTER", "NODES").decode()
            except Exception as exc:  # noqa: BLE001 - it is part of the picture
                text = repr(exc)
            found.append(f"{server.port}:\n{text}")
        return "\n".join(found)


class ValkeyCluster(Cluster):
    """The same cluster through django-valkey's own backend for clusters."""

    name = "django-valkey-cluster"
    modules = ("django_valkey", "redis")

    @property
    def caches(self) -> dict[str, Any]:
        return {
            "default": {
                "BACKEND": "django_valkey.cluster_cache.cache.ClusterValkeyCache",
                "LOCATION": f"valkey://127.0.0.1:{self.servers[0].port}",
                "OPTIONS": {
                    "BASE_CLIENT_KWARGS": {"socket_timeout": 1, "socket_connect_timeout": 1}
                },
            }
        }


class Memcached(Service):
    """One memcached, through pymemcache."""

    name = "memcached"
    programs = ("memcached",)
    modules = ("pymemcache",)

    def start(self) -> None:
        self.port = free_port()
        self._start()

    def _start(self) -> None:
        command = ["memcached", "-p", str(self.port), "-l", "127.0.0.1", "-u", "nobody"]
        self._process = subprocess.Popen(command)
        wait_for_port(self.port, "memcached")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        super().stop()

    @property
    def caches(self) -> dict[str, Any]:
        return {
            "default": {
                "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
                "LOCATION": f"127.0.0.1:{self.port}",
                "OPTIONS": {"connect_timeout": 1, "timeout": 1},
            }
        }

    @property
    def faults(self) -> dict[str, Callable[[], None]]:
        return {"restart": self.restart}

    def restart(self) -> None:
        self._process.kill()
        self._process.wait()
        time.sleep(random.uniform(0, 0.3))
        self._start()


class File(Service):
    """Files in a directory."""

    name = "file"

    @property
    def caches(self) -> dict[str, Any]:
        backend = "django.core.cache.backends.filebased.FileBasedCache"
        location = f"{self.directory}/files"
        return {"default": {"BACKEND": backend, "LOCATION": location, "OPTIONS": _ENTRIES}}


class Database(Service):
    """A table of an SQLite database."""

    name = "database"

    @property
    def caches(self) -> dict[str, Any]:
        backend = "django.core.cache.backends.db.DatabaseCache"
        return {"default": {"BACKEND": backend, "LOCATION": "hammer_cache", "OPTIONS": _ENTRIES}}

    @property
    def database(self) -> dict[str, Any]:
        return sqlite(f"{self.directory}/cache.sqlite3")


class Postgres(Database):
    """A table of a PostgreSQL database."""

    name = "postgresql"
    programs = ("initdb", "postgres")
    modules = ("psycopg",)

    def start(self) -> None:
        self.port = free_port()
        shutil.chown(self.directory, "postgres")
        data = f"{self.directory}/data"
        self._run(find_program("initdb") or "", "-D", data, "-A", "trust", "-U", "hammer").wait()
        self._process = self._run(
            find_program("postgres") or "", "-D", data, "-p", str(self.port), "-k", self.directory
        )
        wait_for_port(self.port, "postgres")

    def _run(self, *command: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            ["runuser", "-u", "postgres", "--", *command],
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        super().stop()

    @property
    def database(self) -> dict[str, Any]:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "USER": "hammer",
            "NAME": "postgres",
        }


class DiskCache(Service):
    """Files and SQLite, by diskcache."""

    name = "diskcache"
    modules = ("diskcache",)

    @property
    def caches(self) -> dict[str, Any]:
        location = f"{self.directory}/disk"
        return {"default": {"BACKEND": "diskcache.DjangoCache", "LOCATION": location}}


class LocMem(Service):
    """The memory of one process, with threads."""

    name = "locmem"
    threads = True

    @property
    def caches(self) -> dict[str, Any]:
        backend = "django.core.cache.backends.locmem.LocMemCache"
        return {"default": {"BACKEND": backend, "LOCATION": "hammer", "OPTIONS": _ENTRIES}}


class Given(Service):
    """``CACHES`` of a settings module, or a Redis at a URL; it is not started, nor harmed."""

    name = "given"

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where

    @property
    def caches(self) -> dict[str, Any]:
        if "://" in self._where:
            backend = "django_redis.cache.RedisCache"
            return {"default": {"BACKEND": backend, "LOCATION": self._where, "OPTIONS": _TIMEOUTS}}
        found: dict[str, Any] = importlib.import_module(self._where).CACHES
        return found

    @property
    def database(self) -> dict[str, Any]:
        if "://" in self._where:
            return super().database
        databases = getattr(importlib.import_module(self._where), "DATABASES", {})
        found: dict[str, Any] = databases.get("default") or super().database
        return found


SERVICES: dict[str, type[Service]] = {
    kind.name: kind
    for kind in (
        Redis,
        DjangoRedis,
        DjangoValkey,
        Valkey,
        RedisFromDump,
        Sentinel,
        Partition,
        PartitionBesideAReplica,
        Cluster,
        ValkeyCluster,
        Memcached,
        File,
        Database,
        Postgres,
        DiskCache,
        LocMem,
    )
}
