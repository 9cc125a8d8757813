"""
What visitors of cached pages notice while Appwrite does not answer.

Eight threads serve 40 pages a second: nine of ten are cached, the tenth asks Appwrite for something
new. The
server of this program answers at once, or hangs, refuses (503), asks for a pause (429), or is gone.
Printed as the table of ``docs/howto/deployment.md``: how long cached pages take, from the moment
that they were asked for, and what becomes of the others. ``python -m benchmarks.hanging``
"""

import argparse
import json
import queue
import random
import socketserver
import threading
import time

SECONDS = 12.0
THREADS = 8
PAGES_A_SECOND = 40.0
SILENT_S = 60.0
MODES = ("answers", "hangs", "503", "429", "gone")


class Server(socketserver.ThreadingTCPServer):
    """An Appwrite without rows, in one of the modes."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mode = "answers"
        self.requests = 0


class _Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        while self.rfile.readline():
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            if self.server.mode == "gone":
                return
            self.server.requests += 1
            if self.server.mode == "hangs":
                time.sleep(SILENT_S)
                return
            status, more = {
                "503": ("503 Service Unavailable", ""),
                "429": ("429 Too Many Requests", "Retry-After: 5\r\n"),
            }.get(self.server.mode, ("200 OK", ""))
            body = json.dumps({"total": 0, "rows": []})
            self.wfile.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _set_up(server.server_address[1])
    print(
        "| Appwrite | cached pages: p50 | p99 | other pages: answered | failed, after at most | requests |"
    )
    print("|---|---|---|---|---|---|")
    for mode in MODES:
        print(_line(server, mode, options.seconds), flush=True)


def _set_up(port: int) -> None:
    import django
    from django.conf import settings

    settings.configure(
        USE_TZ=True,
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
                "OPTIONS": {"MAX_ENTRIES": 100_000},
            }
        },
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
            "appwrite": {
                "ENGINE": "appwrite_orm_django.backend",
                "HOST": f"http://127.0.0.1:{port}/v1",
                "USER": "hanging",
                "PASSWORD": "hanging",
                "NAME": "hanging",
                # The server has no tables by which the engine could be found out.
                "OPTIONS": {"ENGINE": "mariadb"},
            },
        },
        DATABASE_ROUTERS=["appwrite_orm_django.routers.AppwriteRouter"],
        INSTALLED_APPS=["appwrite_orm_django", "benchmarks.shop"],
        LOGGING_CONFIG=None,
    )
    django.setup()
    import logging

    logging.disable(logging.ERROR)


def _line(server: Server, mode: str, seconds: float) -> str:
    from django.db import connections

    from appwrite_orm_django.backend import transport
    from appwrite_orm_django.contrib.deadline import deadline
    from benchmarks.shop.versions import Version

    transport._transports.clear()
    connections["appwrite"].close()
    server.mode = "answers"
    list(Version.objects.filter(number=-1))
    for number in range(20):  # what a process knows of a server that it has used
        list(Version.objects.nocache().filter(number=number))
    server.mode = mode
    server.requests = 0
    if mode == "gone":
        server.shutdown()
        server.server_close()
        time.sleep(0.2)
    asked: queue.Queue[tuple[float, int] | None] = queue.Queue()
    cached: list[float] = []
    others: dict[bool, list[float]] = {True: [], False: []}

    def serve() -> None:
        while (page := asked.get()) is not None:
            since, number = page
            began, answered = time.monotonic(), True
            try:
                with deadline(10):
                    list(Version.objects.filter(number=number))
            except Exception:  # noqa: BLE001 - a page that failed
                answered = False
            if number == -1:
                cached.append(time.monotonic() - since)
            else:
                others[answered].append(time.monotonic() - began)
        connections.close_all()

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    ends_at, numbers = time.monotonic() + seconds, iter(range(10**9))
    throw = random.Random(1)
    while time.monotonic() < ends_at:
        number = -1 if throw.random() < 0.9 else random.getrandbits(30) + next(numbers)
        asked.put((time.monotonic(), number))
        time.sleep(throw.expovariate(PAGES_A_SECOND))
    for _ in threads:
        asked.put(None)
    for thread in threads:
        thread.join(30)
    cached.sort()
    p50, p99 = (cached[int(len(cached) * share)] * 1000 for share in (0.5, 0.99))
    failed = others[False]
    longest = f"{max(failed):.1f} s" if failed else ""
    return (
        f"| {mode} | {p50:.1f} ms | {p99:.1f} ms | {len(others[True])} of "
        f"{len(others[True]) + len(failed)} | {longest} | {server.requests} |"
    )


if __name__ == "__main__":
    main()
