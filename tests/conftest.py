"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections

from appwrite_orm_django.client.transport import RequestRecord


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
