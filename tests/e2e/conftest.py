"""The demo's pages in this process."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.core.management.color import no_style
from django.db import connections
from django.test import Client, override_settings

from benchmarks.redis_server import RedisServer
from testproject.world import loading
from tests.e2e.browsing import chromium, emulate, path_of, quiet
from tests.e2e.processes import environment, running

DEMO = ["demo", "--addrport", "127.0.0.1:0", "--rows", "300"]
ADDRESS = r"Site +(\S+)/\n(?:.*\n)+?Login"


def _demo_urls() -> override_settings:
    templates = deepcopy(settings.TEMPLATES)
    templates[0]["OPTIONS"]["context_processors"].append(
        "testproject.demo.middleware.appwrite_requests"
    )
    middleware = ["testproject.demo.middleware.AppwriteRequestsMiddleware", *settings.MIDDLEWARE]
    return override_settings(
        ROOT_URLCONF="testproject.urls", MIDDLEWARE=middleware, TEMPLATES=templates
    )


@pytest.fixture
def demo_urls() -> Iterator[None]:
    """The demo's pages instead of those of the other tests."""
    with _demo_urls():
        yield


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> Iterator[None]:
    """The demo's pages over the whole catalogue, for tests that only look at it."""
    with django_db_blocker.unblock(), _demo_urls():
        loading.load()
        try:
            yield
        finally:
            operations = connections["appwrite"].ops
            tables = [model._meta.db_table for model in loading.MODELS]
            operations.execute_sql_flush(operations.sql_flush(no_style(), tables))


@pytest.fixture
def visitor(world) -> Client:
    """Somebody who looks at the pages."""
    return Client()


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[str]:
    """The demo in a process of its own, with everything in its memory; its address."""
    env = environment(tmp_path_factory.mktemp("var"), APPWRITE_ENDPOINT="local:")
    with running(*DEMO, env=env, address=ADDRESS) as url:
        yield url


@dataclass(frozen=True)
class SharedSite:
    """
    The demo as one of several processes.

    Attributes:
        env: runs another process on the same Appwrite and the same cache.
        endpoint: of the local Appwrite, for those who write to it past the site.
    """

    url: str
    env: dict[str, str]
    endpoint: str


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory) -> Iterator[SharedSite]:
    path_of("redis-server", "redis-server")
    var = tmp_path_factory.mktemp("shared")
    server = running(
        "appwrite_server", "--addrport", "127.0.0.1:0", "--project", "atlas", "--key", "atlas-key", "--realtime-port", "0",
        env=environment(var), address=r"Endpoint (\S+),",
    )  # fmt: skip
    with RedisServer() as redis, server as endpoint:
        env = environment(
            var,
            APPWRITE_ENDPOINT=endpoint,
            APPWRITE_PROJECT_ID="atlas",
            APPWRITE_API_KEY="atlas-key",
            REDIS_URL=redis.url,
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        env |= {
            "APPWRITE_WEBHOOK_URL": f"http://{address}/appwrite/webhook/",
            "APPWRITE_WEBHOOK_SECRET": "a secret of the tests",
        }
        with running(
            "demo", "--addrport", address, "--rows", "300", env=env, address=ADDRESS
        ) as url:
            yield SharedSite(url, env, endpoint)


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def browser(one_browser) -> Any:
    """Headless Chromium as it is when it has just been started."""
    one_browser.get("about:blank")
    one_browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    emulate(one_browser)
    quiet(one_browser)
    return one_browser
