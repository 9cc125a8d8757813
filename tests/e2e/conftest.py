"""The demo's pages in this process."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest
from django.conf import settings
from django.core.management.color import no_style
from django.db import connections
from django.test import Client, override_settings

from testproject.world import loading


def _demo_urls() -> override_settings:
    templates = deepcopy(settings.TEMPLATES)
    templates[0]["OPTIONS"]["context_processors"].append("testproject.demo.middleware.appwrite_requests")
    middleware = ["testproject.demo.middleware.AppwriteRequestsMiddleware", *settings.MIDDLEWARE]
    return override_settings(ROOT_URLCONF="testproject.urls", MIDDLEWARE=middleware, TEMPLATES=templates)


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
