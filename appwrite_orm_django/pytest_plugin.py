"""Fixtures for pytest; loaded by its entry point, so that they are there without an import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest


@pytest.fixture
def appwrite_requests() -> Iterator[Any]:
    """Collect the requests that the test makes to Appwrite: a list of records, with ``lines``, ``take()`` and ``check(number)``."""
    from appwrite_orm_django.testing.requests import captured_requests

    with captured_requests() as log:
        yield log


@pytest.fixture
def assert_appwrite_requests() -> Callable[..., AbstractContextManager[Any]]:
    """Check how many requests a block makes to Appwrite: ``with`` the fixture called with the number."""
    from appwrite_orm_django.testing.requests import captured_requests

    @contextmanager
    def check(expected: int, using: str | None = None) -> Iterator[Any]:
        with captured_requests(using) as log:
            yield log
        log.check(expected)

    return check


@pytest.fixture
def appwrite_faults() -> Callable[..., AbstractContextManager[Any]]:
    """Make the local server misbehave for the length of a block: ``with`` the fixture called with the faults."""
    from appwrite_orm_django.testing.faults import appwrite_faults as disturb

    return disturb
