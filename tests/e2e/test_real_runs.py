"""A run of the suite on a server that it does not start itself: what it says at the end, and that it leaves nothing behind."""

import datetime
import os
import signal
import subprocess
import sys
import threading

import pytest

from appwrite_local import datetimes
from appwrite_local.server import LocalServer
from appwrite_local.wsgi import running_http_server
from appwrite_orm_django.client import databases
from appwrite_orm_django.client.transport import Transport
from tests import real
from tests.e2e.processes import ROOT
from tests.real import run

PROJECT, KEY = "shelf", "key-of-the-stand-in"


class WatchedServer(LocalServer):
    """Tells when a database of a run has come, and when one of a test that runs in the main process has."""

    def __init__(self, **options):
        super().__init__(**options)
        self.has_begun = threading.Event()
        self.test_has_begun = threading.Event()

    def handle(self, request):
        answer = super().handle(request)
        if (
            request.method == "POST"
            and request.path.endswith("/tables")
            and b"library_" in request.body
        ):
            self.has_begun.set()
            if "_main-" in request.path:
                self.test_has_begun.set()
        return answer


@pytest.fixture
def server(request):
    level = getattr(request, "param", "1.9")
    server = WatchedServer(project=PROJECT, key=KEY, feature_level=level, column_delay_s=0.01)
    yield server
    server.close()


@pytest.fixture
def endpoint(server):
    with running_http_server(server) as endpoint:
        yield endpoint


@pytest.fixture
def transport(endpoint):
    transport = Transport(endpoint, PROJECT, KEY)
    yield transport
    transport.close()


def start(endpoint, *arguments, **given):
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("APPWRITE_", "PYTEST_"))
    }
    where = {
        "APPWRITE_TEST_ENDPOINT": endpoint,
        "APPWRITE_TEST_PROJECT": PROJECT,
        "APPWRITE_TEST_KEY": KEY,
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**kept, **where, **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ids(transport):
    return {database["$id"] for database in databases.list_databases(transport)}


@pytest.mark.parametrize("server", ["1.9", "2.x"], indirect=True)
def test_a_run_says_what_became_of_each_test_and_leaves_nothing(
    endpoint, transport, server, tmp_path, monkeypatch
):
    long_ago = datetime.datetime.now(datetime.timezone.utc) - 2 * run.LEFTOVER_AGE
    with monkeypatch.context() as patch:
        patch.setattr(datetimes, "now", lambda: long_ago)
        for name in (
            f"{real.PREFIX}old",
            f"{real.PREFIX}old_gw0",
            f"{real.PREFIX}busy_gw0",
            "shop",
        ):
            databases.create_database(transport, name, name)
    databases.create_database(transport, f"{real.PREFIX}busy", "busy")
    report = tmp_path / "report.txt"
    arguments = ("-n", "1", "tests/backend/test_introspection.py", "tests/testing/test_testing.py")
    process = start(endpoint, *arguments, APPWRITE_TEST_REPORT=str(report))
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    lines = [line.split() for line in report.read_text().splitlines()]
    assert f"on Appwrite {server.feature_level} (mariadb) at {endpoint}" in report.read_text()
    (counts,) = (line for line in lines if line[:1] == ["all"])
    passed, asked, failed, errors, left_out = map(int, counts[1:])
    assert passed >= asked > 0
    assert (failed, errors, left_out) == (0, 0, 2)
    assert ["2", "disturbs", "the", "local", "server", "(faults)", "(tests/testing", "2)"] in lines
    # Another run may still be at work in the databases of the third name.
    assert ids(transport) == {"shop", f"{real.PREFIX}busy", f"{real.PREFIX}busy_gw0"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_nothing(endpoint, transport, server, number):
    process = start(endpoint, "-n", "1", "tests/backend/test_writes.py")
    try:
        assert server.has_begun.wait(300)
        assert any(name.startswith(f"{real.PREFIX}") and "_gw0" in name for name in ids(transport))
        process.send_signal(number)
        out, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode != 0
    assert ids(transport) == set(), out


def test_ctrl_c_in_a_command_that_a_test_calls_ends_the_run(endpoint, transport, server):
    process = start(endpoint, "-n", "0", "tests/schema/test_command.py")
    try:
        assert server.test_has_begun.wait(300)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == pytest.ExitCode.INTERRUPTED, out
    assert ids(transport) == set(), out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"APPWRITE_TEST_KEY": ""}, "APPWRITE_TEST_KEY is empty"),
        ({"APPWRITE_TEST_ENDPOINT": ""}, "APPWRITE_TEST_ENDPOINT is empty"),
        ({"APPWRITE_TEST_ENDPOINT": "appwrite.example.org"}, "APPWRITE_TEST_ENDPOINT"),
        ({"APPWRITE_TEST_OPTIONS": "mariadb"}, "APPWRITE_TEST_OPTIONS is no JSON"),
        ({"APPWRITE_TEST_OPTIONS": "[]"}, "APPWRITE_TEST_OPTIONS must be a JSON object"),
        ({"APPWRITE_TEST_OPTIONS": '{"ENGINE": "?"}'}, '["OPTIONS"]["ENGINE"] must be'),
        ({"APPWRITE_TEST_TIME_LIMIT_S": "soon"}, "APPWRITE_TEST_TIME_LIMIT_S"),
    ],
    ids=str,
)
def test_variables_that_say_nothing_of_use_are_told_of_in_one_line(given, said):
    process = start("http://127.0.0.1:9/v1", "tests/backend/test_introspection.py", **given)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in out
    assert len(out.strip().splitlines()) == 1, out


def test_a_key_that_may_not_is_told_of_in_one_message(endpoint, transport, server):
    process = start(endpoint, "tests/backend/test_introspection.py", APPWRITE_TEST_KEY="another")
    out, _ = process.communicate(timeout=300)
    assert process.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"{endpoint} cannot be used for tests." in out
    assert "Traceback" not in out


def test_what_waits_for_ever_fails():
    with (
        pytest.raises(pytest.fail.Exception, match=r"the test took longer than 0\.05 s"),
        run.limited("the test", 0.05),
    ):
        threading.Event().wait()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
