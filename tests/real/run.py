"""What pytest does besides when the suite runs on a real server: databases that go at the end, time limits, a table."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import real

#: A run that is going on says so more often than this.
LEFTOVER_AGE = timedelta(hours=1)
_SIGN_OF_LIFE_S = 600.0
_LOCAL_ROUTES = "/v1/local/"


class RealRun:
    """In the process that starts the run: makes a database that stands for it, and deletes all of the run and of runs that were killed."""

    def __init__(self, server: real.Server) -> None:
        # Not before Django is set up.
        from django.core.exceptions import ImproperlyConfigured
        from django.db import connections

        from appwrite_orm_django.client.transport import Transport

        try:
            self._transport = Transport(server.endpoint, server.project, server.key)
            _ = connections["appwrite"].options
        except ImproperlyConfigured as error:
            raise pytest.UsageError(
                f"APPWRITE_TEST_ENDPOINT, ..._KEY or ..._OPTIONS: {error}"
            ) from error
        self._server = server
        self._seen_at = time.monotonic()
        self._table = Table()

    def begin(self) -> None:
        """
        Delete leftovers, and find out the feature level.

        Raises:
            pytest.UsageError: the server cannot be used; says why.
        """
        from appwrite_orm_django.backend import capabilities
        from appwrite_orm_django.client import databases, tables
        from appwrite_orm_django.client.errors import AppwriteError
        from appwrite_orm_django.client.references import TableRef

        # SIGTERM, and a terminal that is closed, end a run as Ctrl-C does: its databases are deleted.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        ready = False
        try:
            made = databases.create_database(self._transport, real.run_id(), "A run of the tests")
            self._delete_leftovers(_moment(made["$createdAt"]))
            table = TableRef(real.run_id(), "level")
            tables.create_table(self._transport, table, "Level")
            pinned = self._server.options.get("FEATURE_LEVEL")
            real.set_level(pinned or capabilities.probe(self._transport, table) or "1.9")
            ready = True
        except AppwriteError as error:
            raise pytest.UsageError(
                f"{self._server.endpoint} cannot be used for tests.\n{error}"
            ) from error
        finally:
            if not ready:
                with suppress(AppwriteError):
                    self._delete(self._databases(real.run_id()))

    def _delete_leftovers(self, now: datetime) -> None:
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for database in self._databases(real.PREFIX):
            found[database["$id"].partition("_")[0]].append(database)
        for of_run in found.values():
            if now - max(_moment(database["$updatedAt"]) for database in of_run) > LEFTOVER_AGE:
                self._delete(of_run)

    def _databases(self, prefix: str) -> list[dict[str, Any]]:
        from appwrite_orm_django.client import databases

        return [
            one
            for one in databases.list_databases(self._transport)
            if one["$id"].startswith(prefix)
        ]

    def _delete(self, found: list[dict[str, Any]]) -> None:
        from appwrite_orm_django.client import databases
        from appwrite_orm_django.client.errors import DatabaseNotFound

        for database in found:
            with suppress(DatabaseNotFound):
                databases.delete_database(self._transport, database["$id"])

    def pytest_report_header(self) -> str:
        return f"on Appwrite {real.level()} ({self._server.text}) at {self._server.endpoint}, in databases {real.run_id()}*"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._table.add(report)
        if time.monotonic() - self._seen_at > _SIGN_OF_LIFE_S:
            from appwrite_orm_django.client import databases

            self._seen_at = time.monotonic()
            databases.update_database(
                self._transport, real.run_id(), name=f"Alive at {time.time():.0f}", enabled=True
            )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        text = self._table.text()
        terminalreporter.section("on the real server")
        terminalreporter.write_line(text)
        if path := os.environ.get("APPWRITE_TEST_REPORT"):
            Path(path).write_text(f"{self.pytest_report_header()}\n\n{text}\n", encoding="utf-8")

    def pytest_unconfigure(self) -> None:
        """Delete what the run has made; its workers have ended."""
        self._delete(self._databases(real.run_id()))
        self._transport.close()


class RealTests:
    """In every process that runs tests: leaves out what needs the local server, limits the time, counts requests."""

    def __init__(self, server: real.Server) -> None:
        self._requests = _Requests(server)
        self._limit_s = server.time_limit_s
        logger = logging.getLogger("urllib3.connectionpool")
        logger.setLevel(logging.DEBUG)
        logger.addFilter(self._requests)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if mark := item.get_closest_marker("local_only"):
                item.add_marker(pytest.mark.skip(reason=mark.args[0]))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        self._requests.clear()
        with limited("setting up", self._limit_s):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        with limited("the test", self._limit_s):
            result = yield
        item.user_properties.append(("requests", self._requests.count))
        if self._requests.local:
            pytest.fail(
                f"No real server has {self._requests.local[0]}; leave the test out, or mend it."
            )
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        with limited("tearing down", self._limit_s):
            return (yield)


@contextmanager
def limited(what: str, limit_s: float) -> Iterator[None]:
    """Fail if the block takes longer. Anything that the main thread waits for is interrupted."""

    def stop(*_: object) -> None:
        pytest.fail(f"{what} took longer than {limit_s:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    # Again and again, in case what is interrupted goes on waiting.
    signal.setitimer(signal.ITIMER_REAL, limit_s, 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Requests(logging.Filter):
    """The requests that went to a server, of all transports: urllib3 logs each. No test's log is fuller for it."""

    def __init__(self, server: real.Server) -> None:
        super().__init__()
        self._host = urlsplit(server.endpoint).netloc
        self.clear()

    def clear(self) -> None:
        self.count = 0
        self.local: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and len(record.args) == 8:
            _scheme, host, port, method, url, _protocol, _status, _length = record.args
            if self._host in (host, f"{host}:{port}"):
                self.count += 1
                if _LOCAL_ROUTES in str(url):
                    self.local.append(f"{method} {url}")
        return record.levelno > logging.DEBUG


class Table:
    """What became of each test, by folder; and why some were left out."""

    def __init__(self) -> None:
        self._outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self._left_out: dict[str, Counter[str]] = defaultdict(Counter)
        self._failures: list[str] = []

    def add(self, report: pytest.TestReport) -> None:
        folder = report.nodeid.rpartition("::")[0].partition("::")[0].rpartition("/")[0]
        if report.skipped:
            self._outcomes[folder]["left out"] += 1
            self._left_out[_reason(report)][folder] += 1
        elif report.failed:
            self._outcomes[folder]["failed" if report.when == "call" else "errors"] += 1
            self._failures.append(f"{report.nodeid} ({report.when}): {_last_line(report)}")
        elif report.when == "call":
            self._outcomes[folder]["passed"] += 1
            if dict(report.user_properties).get("requests"):
                self._outcomes[folder]["asked it"] += 1

    def text(self) -> str:
        columns = ("passed", "asked it", "failed", "errors", "left out")
        width = max([len("left out, because"), *map(len, self._outcomes)])
        lines = [f"{'':{width}}" + "".join(f"{column:>10}" for column in columns)]
        total: Counter[str] = sum(self._outcomes.values(), Counter())
        for folder, counts in [*sorted(self._outcomes.items()), ("all", total)]:
            lines.append(
                f"{folder:{width}}" + "".join(f"{counts[column]:>10}" for column in columns)
            )
        lines += [
            "",
            "Asked it: of the passed, those that made a request in their set-up or themselves.",
            "",
            "Left out:",
        ]
        for reason, folders in sorted(self._left_out.items(), key=lambda one: -one[1].total()):
            where = ", ".join(f"{folder} {number}" for folder, number in sorted(folders.items()))
            lines.append(f"{folders.total():>6}  {reason} ({where})")
        if self._failures:
            lines += ["", "Failed:", *sorted(self._failures)]
        return "\n".join(lines)


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def _last_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    return next(iter(text.strip().splitlines()), "")[:200]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
