"""Small helpers."""

import base64
from collections.abc import Callable
from typing import Any
from unittest import mock


def get_basic_auth_header(user: str, password: str) -> dict[str, str]:
    coded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"HTTP_AUTHORIZATION": f"Basic {coded}"}


def spy_on(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls another one, and keeps its calls in ``spy``, a mock."""

    def call(*args: Any, **kwargs: Any) -> Any:
        call.spy(*args, **kwargs)
        return method(*args, **kwargs)

    call.spy = mock.MagicMock()
    return call
