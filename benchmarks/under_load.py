"""
A list page under load: ``python -m benchmarks.under_load [--quick]``.

gunicorn with 4 threads serves the same page (25 of 1,000 products in a table, with a count) five
ways, the library's with its own paginator; 16 clients ask for it, one way after the other in each
round. *warm* is with the cache full, *cold* without any cache, *writes* with ten writes a second.
Pages per second, and how long half and 99 of 100 pages took.
"""

from __future__ import annotations

import http.client
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from benchmarks.appwrite_server import appwrite_server, free_port, running
from benchmarks.options import parse
from benchmarks.redis_server import RedisServer
from benchmarks.rounds import Figures, Report, Sample, Target, interleave

CLIENTS = 16
WRITES_PER_S = 10
CACHED = ("library", "cachalot", "cacheops")
PACKAGES = (*CACHED, "sqlite")


@contextmanager
def site(package: str, endpoint: str, redis_url: str, *, cache: bool = True) -> Iterator[int]:
    """Serve the page with one package, and give the port."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--workers",
        "1",
        "--threads",
        "4",
        "--bind",
        f"127.0.0.1:{port}",
    ]
    settings = {
        "BENCH_PACKAGE": package,
        "BENCH_ENDPOINT": endpoint,
        "BENCH_REDIS": redis_url,
        "BENCH_CACHE": "1" if cache else "",
    }
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        with running([*command, "benchmarks.page.site:application"], port):
            yield port
    finally:
        os.environ.clear()
        os.environ.update(before)


def load(port: int, seconds: float, *, writes: bool = False) -> Sample:
    """Let 16 clients read the page for so long; ``wall`` is the time of one page at that rate."""
    until = time.monotonic() + seconds
    times: list[float] = []
    threads = [threading.Thread(target=_read, args=(port, until, times)) for _ in range(CLIENTS)]
    if writes:
        threads.append(threading.Thread(target=_write, args=(port, until)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(times) < 2:
        raise SystemExit("no page was answered")
    hundredths = statistics.quantiles(times, n=100)
    return {
        "wall": seconds / len(times),
        "pages_per_s": len(times) / seconds,
        "p50_ms": hundredths[49] * 1000,
        "p99_ms": hundredths[98] * 1000,
    }


def _read(port: int, until: float, times: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while (started := time.monotonic()) < until:
        connection.request("GET", "/")
        answer = connection.getresponse()
        if (body := answer.read()).count(b"<tr>") != 26 or answer.status != 200:
            raise SystemExit(f"not the page: {answer.status} {body[:200]!r}")
        times.append(time.monotonic() - started)
    connection.close()


def _write(port: int, until: float) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while time.monotonic() < until:
        started = time.monotonic()
        connection.request("GET", "/write")
        connection.getresponse().read()
        time.sleep(max(0.0, 1 / WRITES_PER_S - (time.monotonic() - started)))
    connection.close()


def measure(rounds: int, seconds: float) -> list[Figures]:
    found = {task: Figures(task, 1, "pages") for task in ("warm", "cold", "writes")}
    with ExitStack() as stack:
        endpoint = stack.enter_context(appwrite_server(1000))
        redis = stack.enter_context(RedisServer())
        ports = {name: stack.enter_context(site(name, endpoint, redis.url)) for name in PACKAGES}
        cold = stack.enter_context(site("library", endpoint, redis.url, cache=False))
        warm: dict[str, Callable[[], Sample]] = {
            name: partial(load, port, seconds) for name, port in ports.items()
        }
        for port in (*ports.values(), cold):
            load(port, 1)
        interleave(found["warm"], warm, rounds)
        interleave(
            found["cold"],
            {"library": partial(load, cold, seconds), "sqlite": warm["sqlite"]},
            rounds,
        )
        writing = {name: partial(load, port, seconds, writes=True) for name, port in ports.items()}
        interleave(found["writes"], writing, rounds)
    return list(found.values())


def run(quick: bool) -> Report:
    others = tuple(name for name in PACKAGES if name != "library")
    report = Report(
        "under_load",
        "A list page under load",
        f"gunicorn with 4 threads and {CLIENTS} clients; seconds per page at the rate that is reached. *warm*: every cache full; *cold*: the library without its cache, "
        f"against SQLite without one; *writes*: {WRITES_PER_S} writes a second meanwhile.",
        comparisons=tuple(("library", name) for name in others),
        targets=tuple(Target("library", name, 1.0, ("warm",)) for name in others),
    )
    report.figures = measure(2 if quick else 5, 2 if quick else 6)
    report.notes = [
        f"{figures.task}, {name}: {figures.median(name, 'pages_per_s'):,.0f} pages per second, "
        f"p50 {figures.median(name, 'p50_ms'):.0f} ms, p99 {figures.median(name, 'p99_ms'):.0f} ms"
        for figures in report.figures
        for name in figures.samples
    ]
    report.save()
    return report


if __name__ == "__main__":
    parse(__doc__, run)
