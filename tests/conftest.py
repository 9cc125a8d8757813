"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.management import create_permissions
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections
from django.db.models.signals import post_migrate
from django.test.utils import setup_databases, teardown_databases
from hypothesis import HealthCheck, is_hypothesis_test, seed, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from appwrite_orm_django.backend.capabilities import feature_level
from appwrite_orm_django.client.transport import RequestRecord, Transport
from tests import real
from tests.fixtures import (  # noqa: F401
    appwrite,
    connect,
    each_level,
    everything,
    kind,
    servers_of_each_kind,
    shelves,
    shelves_of_each_kind,
)
from tests.flushing import filled_tables_only
from tests.real.names import RealServer
from tests.real.run import RealRun, RealTests

# How long an example takes says more about the machine than about the code. By default the same examples come each time; the long targets
# of the Makefile draw new ones. Both say whether, since Hypothesis has a default of its own wherever ``CI`` is set.
settings.register_profile(
    "fixed", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
# Hypothesis makes five of six examples out of parts of an earlier one, unless another provider than its own makes the choices: with this
# name for its own, each example of the long targets is drawn anew.
AVAILABLE_PROVIDERS["each_anew"] = HypothesisProvider
settings.register_profile(
    "drawn",
    backend="each_anew",
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fixed")

#: Of the order of the tests, and of ``random`` in each of them, unless ``--randomly-seed`` says another one. It is printed above the run.
SEED = 20260101


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "randomly_seed", None) == "default":
        config.option.randomly_seed = SEED
    if (server := real.server()) is None:
        return
    config.pluginmanager.register(RealTests(server))
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        run = RealRun(server)
        run.begin()
        config.pluginmanager.register(run)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the tests of what the engine of this run does not have."""
    server = real.server()
    engine = server.text if server else django_settings.ENGINE
    for item in items:
        mark = item.get_closest_marker("engine")
        if mark is not None and engine not in mark.args:
            item.add_marker(pytest.mark.skip(reason=f"{engine}: {mark.kwargs['reason']}"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Draw other examples for each parameter of a test: from one seed, servers of all kinds would be asked the same."""
    drawn = item.config.getoption("--hypothesis-seed")
    test = getattr(item, "function", None)
    if drawn is not None and is_hypothesis_test(test):
        seed(f"{drawn} {item.nodeid}")(test)


@pytest.fixture
def appwrite_faults(appwrite_faults):
    """Disturb the local server; a real one does not let itself be disturbed."""
    if real.server():
        pytest.skip("disturbs the local server (faults)")
    return appwrite_faults


@pytest.fixture
def local_user(appwrite) -> Callable[..., dict[str, Any]]:
    """Make a user of the local server, and return its JWT and session; accounts are none of a database's business."""
    if real.server():
        pytest.skip("needs users of the local server")
    return lambda user_id, **options: appwrite.transport.call(
        "POST", "/local/users", params={"userId": user_id, **options}
    )


class RequestLog(list[RequestRecord]):
    """The requests made to Appwrite, in order."""

    @property
    def lines(self) -> list[str]:
        return [f"{record.method} {record.path} {record.status}" for record in self]

    def take(self) -> list[str]:
        """Return the lines so far and begin anew."""
        lines = self.lines
        self.clear()
        return lines


@pytest.fixture
def requests() -> Iterator[RequestLog]:
    """Collect the requests made to Appwrite on the alias ``appwrite``."""
    log = RequestLog()
    transport = connections["appwrite"].transport
    transport.add_listener(log.append)
    yield log
    transport.remove_listener(log.append)


@pytest.fixture(autouse=True)
def _no_database_is_left() -> Iterator[None]:
    yield
    RealServer.delete_all()


@pytest.fixture
def behind_alias(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Transport]]:
    """Put the server of a transport behind the aliases on Appwrite, until the test is over."""
    wrapper = type(connections["appwrite"])
    put: list[Transport] = []

    def put_behind(transport: Transport, database_id: str = "library") -> Transport:
        monkeypatch.setattr(wrapper, "transport", transport)
        monkeypatch.setattr(wrapper, "database_id", database_id)
        put.append(transport)
        return transport

    yield put_behind
    for transport in put:
        transport.close()


# Of Django's apps: what they write after every migration, and so after every test that commits.
_AFTER_MIGRATE = (
    (create_contenttypes, None),
    (create_permissions, "django.contrib.auth.management.create_permissions"),
)


def _forget_content_types(**_: Any) -> None:
    ContentType.objects.clear_cache()


@pytest.fixture(scope="session", autouse=True)
def _no_permissions() -> Iterator[None]:
    """Leave out content types and permissions, which took half of the time that it takes to empty the tables after a test."""
    for receiver, uid in _AFTER_MIGRATE:
        post_migrate.disconnect(receiver, dispatch_uid=uid)
    post_migrate.connect(_forget_content_types)
    yield
    post_migrate.disconnect(_forget_content_types)
    for receiver, uid in _AFTER_MIGRATE:
        post_migrate.connect(receiver, dispatch_uid=uid)


@pytest.fixture(scope="session", autouse=True)
def _only_filled_tables_are_flushed() -> Iterator[None]:
    with filled_tables_only():
        yield


@pytest.fixture
def permissions() -> Iterator[None]:
    """Write content types and permissions as ``migrate`` does: at once, and in each migration of the test."""
    for receiver, uid in _AFTER_MIGRATE:
        post_migrate.connect(receiver, dispatch_uid=uid)
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    yield
    for receiver, uid in _AFTER_MIGRATE:
        post_migrate.disconnect(receiver, dispatch_uid=uid)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment, django_db_blocker, django_db_modify_db_settings, _no_permissions
) -> Iterator[None]:
    """
    Make the test databases of all aliases.

    pytest-django makes those that marks name; data that is loaded once for a module (tests/fixtures.py) needs them without
    a mark, which would empty them after each test.
    """
    with django_db_blocker.unblock():
        settings = setup_databases(verbosity=0, interactive=False)
        if real.server():
            # Asked once in each process; no test is to find this request among its own.
            connection = connections["appwrite"]
            feature_level(connection, connection.table_ref("library_author"))
    yield
    with django_db_blocker.unblock():
        teardown_databases(settings, verbosity=0)
