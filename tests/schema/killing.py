"""
A server that ends its caller at any of its requests that write.

A run that ends at a read leaves the server as one that ends at the next write: nothing else of it remains.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from appwrite_local.messages import Request, Response
from appwrite_local.server import LocalServer
from tests import real
from tests.real.names import Killed, RealServer
from tests.schema.conftest import InlineServer

__all__ = ["Killed", "a_killable_server", "killable"]


def killable(cls: type[LocalServer]) -> type[LocalServer]:
    class Killable(cls):  # type: ignore[valid-type,misc]
        """
        Ends its caller at one of its writes: before it was received, or after it was carried out and before the answer came.

        Attributes:
            served: how many writes came.
            dies_at: the number of the write that is the last one; None for none.
        """

        served = 0
        dies_at: int | None = None
        after = False

        def handle(self, request: Request) -> Response:
            writes = request.method != "GET"
            self.served += writes
            if self.dies_at is not None and self.served >= self.dies_at:
                if writes and self.served == self.dies_at and self.after:
                    super().handle(request)
                raise Killed
            return super().handle(request)

    return Killable


def a_killable_server(level: str | None = None, engine: str | None = None) -> Any:
    """Return an empty server, of a feature level, that ends its caller; a real one knows nothing of it."""
    if not real.server():
        options = {"engine": engine or settings.ENGINE}
        if level is not None:
            options["feature_level"] = level
        return killable(InlineServer if level == "2.x" else LocalServer)(index_lag=0, **options)
    if level not in (None, real.level()):
        pytest.skip(f"another kind of server ({level})")
    return RealServer()
