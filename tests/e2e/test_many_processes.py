"""Two web workers with two threads each, a background worker and other clients: one Appwrite, one Redis, one truth."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from benchmarks.appwrite_server import free_port
from benchmarks.redis_server import RedisServer
from tests.e2e.browsing import path_of
from tests.e2e.farm.processes import (
    KEY,
    PROJECT,
    SECRET,
    Gunicorn,
    Relay,
    Worker,
    gunicorn,
    relaying,
    worker,
)
from tests.e2e.farm.seeing import open_files
from tests.e2e.processes import environment, manage, running

pytestmark = pytest.mark.redis

ROWS = "world_script/rows"
_names = itertools.count()


@dataclass(frozen=True)
class Farm:
    """What the processes share, and how to be another client."""

    env: dict[str, str]
    endpoint: str
    relay: Relay

    def call(self, method: str, path: str, body: dict[str, Any]) -> None:
        address = f"{self.endpoint}/tablesdb/world/tables/{path}"
        headers = {"X-Appwrite-Project": PROJECT, "X-Appwrite-Key": KEY}
        answer = requests.request(method, address, json=body, headers=headers, timeout=60)
        assert answer.ok, answer.text

    def create(self) -> str:
        """Make a row as another client does, and return its id."""
        number = next(_names)
        pk = f"Q{number:03}"
        data = {"alpha_4": pk, "name": f"Script {number}", "numeric": f"{number:03}"}
        self.call("POST", ROWS, {"rowId": pk, "data": data})
        return pk

    def rename(self, pk: str) -> str:
        """Give a row a name that none has had, as another client does, and return the name."""
        name = f"Script {next(_names)}"
        self.call("PATCH", f"{ROWS}/{pk}", {"data": {"name": name}})
        return name


@pytest.fixture(scope="module")
def farm(tmp_path_factory) -> Iterator[Farm]:
    path_of("redis-server", "redis-server")
    var = tmp_path_factory.mktemp("farm")
    realtime_port = str(free_port())
    serve = ["appwrite_server", "--addrport", "127.0.0.1:0", "--project", PROJECT, "--key", KEY]
    with (
        RedisServer() as redis,
        running(
            *serve,
            "--realtime-port",
            realtime_port,
            env=environment(var),
            address=r"Endpoint (\S+),",
        ) as endpoint,
        relaying() as (relay, url),
    ):
        env = environment(
            var,
            APPWRITE_ENDPOINT=endpoint,
            APPWRITE_PROJECT_ID=PROJECT,
            APPWRITE_API_KEY=KEY,
            APPWRITE_WEBHOOK_URL=f"{url}/appwrite/webhook/",
            APPWRITE_WEBHOOK_SECRET=SECRET,
            REDIS_URL=redis.url,
            FARM_REALTIME=f"ws://127.0.0.1:{realtime_port}/v1/realtime",
            DJANGO_SETTINGS_MODULE="tests.e2e.farm.settings",
        )
        for command in (["appwrite_migrate", "--noinput"], ["appwrite_webhook", "create"]):
            done = manage(*command, env=env)
            assert done.returncode == 0, done.stderr
        farm = Farm(env, endpoint, relay)
        # The listener is a guest, who hears of what anybody may read.
        farm.call("PUT", "world_script", {"name": "world_script", "permissions": ['read("any")']})
        yield farm


@pytest.fixture(scope="module")
def shared_worker(farm) -> Iterator[Worker]:
    with worker(farm.env) as one:
        yield one


@pytest.fixture(scope="module")
def shared_gunicorn(farm) -> Iterator[Gunicorn]:
    with gunicorn(farm.env) as site:
        yield site


@pytest.fixture
def site(farm, shared_gunicorn) -> Gunicorn:
    farm.relay.target = shared_gunicorn.url
    return shared_gunicorn


@pytest.fixture(autouse=True)
def nothing_happens_on_answers(farm) -> Iterator[None]:
    yield
    farm.relay.answered = lambda body, status: None


@pytest.fixture
def listener(farm) -> Iterator[None]:
    with running(
        "appwrite_listen", "--health", "0.1", env=farm.env, address=r"listening for (\d+)"
    ):
        yield


@contextmanager
def reading(site: Gunicorn, pk: str) -> Iterator[None]:
    """Let somebody always be just reading, so that late fills have their chance."""
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            site.get(f"see/{pk}")

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def names(found: dict[str, object]) -> tuple[object, object]:
    return found["by_key"], found["listed"]


@pytest.mark.parametrize("besides", ["webhooks alone", "a listener besides"])
def test_what_a_webhook_was_answered_for_is_seen_by_every_process(
    request, farm, site, shared_worker, besides
):
    pk = farm.create()
    if besides == "a listener besides":
        request.getfixturevalue("listener")
    pids = set()
    with reading(site, pk):
        for _ in range(25):
            name = farm.rename(pk)
            farm.relay.wait_for(name)
            found = [site.get(f"see/{pk}") for _ in range(4)] + [shared_worker.ask("seen", pk)]
            assert [names(one) for one in found] == [(name, name)] * 5
            pids |= {one["pid"] for one in found}
        while (
            len(pids) < 3
        ):  # two web processes and a worker; which process answers is the system's choice
            one = site.get(f"see/{pk}")
            assert names(one) == (name, name)
            pids.add(one["pid"])
    assert set(farm.relay.statuses) == {204}


def test_each_process_sees_the_writes_of_the_others_at_once(farm, site, shared_worker):
    pk = farm.create()
    writers = set()
    for number in range(20):
        name = f"Script {next(_names)}"
        wrote = (
            site.get(f"write/{pk}/{name}") if number % 2 else shared_worker.ask("write", pk, name)
        )
        writers.add(wrote["pid"])
        found = [site.get(f"see/{pk}") for _ in range(4)] + [shared_worker.ask("seen", pk)]
        assert [names(one) for one in found] == [(name, name)] * 5
    assert len(writers) >= 2


def test_nothing_that_was_answered_for_dies_with_the_process(farm, shared_worker):
    pk = farm.create()
    # One process that collects for long, so that the second delivery is among what it has not passed on yet.
    with gunicorn({**farm.env, "FARM_COALESCE_S": "60"}, "--workers", "1") as site:
        farm.relay.target = site.url
        first = farm.rename(pk)
        farm.relay.wait_for(first)
        assert names(shared_worker.ask("seen", pk)) == (first, first)

        def kill(body: dict[str, object], status: int) -> None:
            assert status == 204
            if body["name"] != first:
                site.kill()

        farm.relay.answered = kill
        second = farm.rename(pk)
        farm.relay.wait_for(second)
    assert names(shared_worker.ask("seen", pk)) == (second, second)


def test_workers_that_were_forked_from_one_that_had_worked_keep_apart(farm, shared_worker):
    """``--preload``: HTTP and Redis connections, caches and threads were there before the fork."""
    pk = farm.create()
    with gunicorn(
        {**farm.env, "FARM_ROW": pk}, "--preload", application="tests.e2e.farm.preloaded"
    ) as preloaded:
        farm.relay.target = preloaded.url
        rows = [farm.create() for _ in range(4)]
        for pk in rows:
            farm.relay.wait_for(f"Script {int(pk[1:])}")
        wrong, pids = [], set()

        def look(pk: str) -> None:
            for _ in range(30):
                found = preloaded.get(f"see/{pk}")
                pids.add(found["pid"])
                if names(found) != (f"Script {int(pk[1:])}",) * 2:
                    wrong.append((pk, found))

        threads = [threading.Thread(target=look, args=(pk,)) for pk in rows]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        while len(pids) < 2:  # which process answers is the system's choice
            look(rows[0])
        assert wrong == []
        for number in range(10):
            wrote = preloaded.get(f"write/{rows[0]}/Name {number}")
            assert wrote["pid"] in pids
            found = [preloaded.get(f"see/{rows[0]}") for _ in range(4)] + [
                shared_worker.ask("seen", rows[0])
            ]
            assert [names(one) for one in found] == [(f"Name {number}",) * 2] * 5


def test_a_thousand_requests_leave_nothing_open(farm, site):
    pk = farm.create()

    def ask(requests: int) -> set[int]:
        found: list[int] = []
        threads = [
            threading.Thread(
                target=lambda: found.extend(
                    site.get(f"see/{pk}")["pid"] for _ in range(requests // 4)
                )
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return set(found)

    before = {pid: open_files(pid) for pid in ask(100)}
    ask(1000)
    after = {pid: open_files(pid) for pid in before}
    # A connection to Appwrite and one to Redis for each of two threads, which may not all have been busy at once before.
    assert all(after[pid] <= before[pid] + 4 for pid in before), (before, after)


def test_threads_that_come_and_go_leave_nothing_open(farm, site, shared_worker):
    pk = farm.create()
    found = shared_worker.ask("seen_in_threads", pk, 50)
    assert found["after"][0] <= found["before"][0] + 8, found
    assert found["after"][1] <= found["before"][1] + 1, found


def test_a_download_is_finished_before_the_server_stops(farm, shared_worker):
    """Its rows come page by page, the next one asked for ahead; the server is told to stop in the middle."""
    shared_worker.ask("fill_languages", 450)
    with (
        gunicorn(farm.env) as site,
        requests.get(f"{site.url}/languages/?export=csv", stream=True, timeout=60) as answer,
    ):
        chunks = answer.iter_content(2000)
        first = next(chunks)
        site.stop()
        text = first + b"".join(chunks)
    assert text.count(b"\n") == 451
