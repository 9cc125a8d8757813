"""Fixtures for pytest, loaded by the package's entry point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest


@pytest.fixture
def appwrite_requests() -> Iterator[Any]:
    """Collect the requests that the test makes to Appwrite, in a ``RequestLog``."""
    from appwrite_orm_django.testing.requests import captured_requests

    with captured_requests() as log:
        yield log


@pytest.fixture
def assert_appwrite_requests() -> Callable[..., AbstractContextManager[Any]]:
    """Return a context manager that checks the number of requests to Appwrite within its block."""
    from appwrite_orm_django.testing.requests import captured_requests

    @contextmanager
    def check(expected: int, using: str | None = None) -> Iterator[Any]:
        with captured_requests(using) as log:
            yield log
        log.check(expected)

    return check


@pytest.fixture
def appwrite_faults() -> Callable[..., AbstractContextManager[Any]]:
    """Return a context manager that makes the local server misbehave within its block."""
    from appwrite_orm_django.testing.faults import appwrite_faults as disturb

    return disturb
