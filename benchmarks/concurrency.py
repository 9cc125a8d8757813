"""
Nothing is lost when many write at once: ``python -m benchmarks.concurrency``.

Two runs against ``manage.py appwrite_server``, exit status 1 if a sum is wrong:

- threads add one to the same row with ``F()``; every increment must be there;
- processes move money between accounts in ``atomic`` blocks, and run a block again that was
  refused, over connections that are cut at random, before a request arrives or before its answer
  does; each account must have what the transfers come to, each made once. Those whose end is
  unknown are counted, and not run again.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from benchmarks.appwrite_server import free_port, running

ACCOUNTS = tuple(f"account-{number}" for number in range(10))
START = 1_000
COUNTER = "counter"
#: Refusals and cuts of one transfer after which something else must be wrong.
MAX_TRIES = 500


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--increments", type=int, default=200, help="of each thread")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--transfers", type=int, default=50, help="of each process")
    parser.add_argument(
        "--cut", type=float, default=0.02, help="share of requests whose connection is cut"
    )
    given = parser.parse_args()
    with server() as port:
        set_up(port)
        make_rows()
        right = increments(given.threads, given.increments)
        with cutting_proxy(port, given.cut) as (proxy, cuts):
            moved = money(proxy, given.processes, given.transfers)
        found = dict(model().objects.filter(pk__in=ACCOUNTS).values_list("pk", "number"))
        total, expected = sum(found.values()), START * len(ACCOUNTS)
        wrong = sum(
            found[account] != START + change
            for account, change in zip(ACCOUNTS, moved.changes, strict=True)
        )
        print(
            f"money: {moved.done} transfers, {moved.refused} refused, {moved.unknown} unknown, {cuts[0]} connections cut, "
            f"{total} of {expected} left, {wrong} accounts wrong"
        )
        return 0 if right and total == expected and wrong <= 2 * moved.unknown else 1


class Moved(NamedTuple):
    """What the processes have done: transfers, refusals, transfers of unknown end, and the change of each account."""

    done: int
    refused: int
    unknown: int
    changes: list[int]


def increments(threads: int, each: int) -> bool:
    from django.db import connections
    from django.db.models import F

    def add() -> None:
        for _ in range(each):
            model().objects.filter(pk=COUNTER).update(number=F("number") + 1)
        connections["appwrite"].close()

    started = time.monotonic()
    adding = [threading.Thread(target=add) for _ in range(threads)]
    for thread in adding:
        thread.start()
    for thread in adding:
        thread.join()
    found = model().objects.get(pk=COUNTER).number
    print(
        f"increments: {found} of {threads * each} by {threads} threads in {time.monotonic() - started:.1f} s"
    )
    return bool(found == threads * each)


def money(port: int, processes: int, each: int) -> Moved:
    """Let processes move money; return what they have done."""
    context = multiprocessing.get_context("spawn")
    counts, changes = context.Array("i", 3), context.Array("i", len(ACCOUNTS))
    workers = [
        context.Process(target=move, args=(port, each, seed, counts, changes))
        for seed in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a process gave up")
    return Moved(*counts, changes=list(changes))


def move(port: int, transfers: int, seed: int, counts: Any, changes: Any) -> None:
    """A process: so many transfers, each of them run again until it is committed, or nobody knows."""
    set_up(port)
    from django.db import transaction

    from appwrite_orm_django.client.errors import ConnectionFailed
    from appwrite_orm_django.transactions import WriteUnknown, retry_on_conflict

    logging.disable()  # of each cut connection

    choice = random.Random(seed)
    calls = 0

    @retry_on_conflict(attempts=MAX_TRIES)
    @transaction.atomic(using="appwrite")
    def transfer(source: str, target: str, amount: int) -> int:
        nonlocal calls
        calls += 1
        one, other = (model().objects.get(pk=pk) for pk in (source, target))
        amount = min(amount, one.number)
        one.number -= amount
        other.number += amount
        one.save()
        other.save()
        return amount

    made = unknown = 0
    while made + unknown < transfers:
        source, target = choice.sample(ACCOUNTS, 2)
        try:
            amount = transfer(source, target, choice.randint(1, 20))
        except WriteUnknown:
            unknown += 1
        except ConnectionFailed:
            continue  # of a read, each of whose retries was cut: nothing was written
        else:
            made += 1
            with changes.get_lock():
                changes[ACCOUNTS.index(source)] -= amount
                changes[ACCOUNTS.index(target)] += amount
    with counts.get_lock():
        for place, count in enumerate((made, calls - made - unknown, unknown)):
            counts[place] += count


@contextmanager
def server() -> Iterator[int]:
    """Run an empty local server, and give its port."""
    port = free_port()
    command = [sys.executable, "manage.py", "appwrite_server", "--addrport", f"127.0.0.1:{port}"]
    with running([*command, "--project", "bank", "--key", "bank", "--realtime-port", "0"], port):
        yield port


@contextmanager
def cutting_proxy(port: int, share: float) -> Iterator[tuple[int, list[int]]]:
    """Forward connections to ``port``, and cut some; give the proxy's port, and a list that holds how many were cut."""
    cuts = [0]
    choice = random.Random(1)
    listener = socket.create_server(("127.0.0.1", 0))

    def forward(source: socket.socket, sink: socket.socket) -> None:
        # A cut on the way there is a request that may never arrive, one on the way back an answer
        # that never does.
        try:
            while data := source.recv(65536):
                if choice.random() < share / 2:
                    cuts[0] += 1
                    break
                sink.sendall(data)
        except OSError:
            pass  # the other direction was cut
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", port))
            for pair in ((client, upstream), (upstream, client)):
                threading.Thread(target=forward, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], cuts
    finally:
        listener.close()


def set_up(port: int) -> None:
    import django
    from django.conf import settings

    settings.configure(
        USE_TZ=True,
        CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
            "appwrite": {
                "ENGINE": "appwrite_orm_django.backend",
                "HOST": f"http://127.0.0.1:{port}/v1",
                "USER": "bank",
                "PASSWORD": "bank",
                "NAME": "bank",
                "OPTIONS": {"CACHE": {"ENABLED": False}},
            },
        },
        DATABASE_ROUTERS=["appwrite_orm_django.routers.AppwriteRouter"],
        INSTALLED_APPS=["appwrite_orm_django", "benchmarks.shop"],
    )
    django.setup()
    model()  # before anything asks which models there are


def model() -> Any:
    from benchmarks.shop.versions import Version

    return Version


def make_rows() -> None:
    from django.core.management import call_command

    call_command("appwrite_migrate", database="appwrite", verbosity=0)
    rows = [model()(pk=account, number=START) for account in ACCOUNTS]
    model().objects.bulk_create([*rows, model()(pk=COUNTER)])


if __name__ == "__main__":
    sys.exit(main())
