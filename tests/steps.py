"""Something else happening between two requests, or a connection that is cut at one of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager

import requests
from django.db import connections
from requests.adapters import BaseAdapter
from urllib3.exceptions import ProtocolError

from appwrite_orm_django.client.transport import Transport


class Steps(BaseAdapter):
    """
    Passes requests on, counts them, and does something before or after the one of a number; numbers begin at 0.

    Attributes:
        lines: the requests so far.
    """

    def __init__(
        self,
        inner: BaseAdapter,
        number: int | None,
        before: Callable[[], None],
        after: Callable[[], None],
    ) -> None:
        super().__init__()
        self.inner = inner
        self.number = number
        self.before, self.after = before, after
        self.lines: list[str] = []

    def send(self, request: requests.PreparedRequest, **kwargs: object) -> requests.Response:
        is_it = len(self.lines) == self.number
        self.lines.append(f"{request.method} {request.url.partition('?')[0].partition('/v1/')[2]}")
        if is_it:
            self.before()
        answer = self.inner.send(request, **kwargs)
        if is_it:
            self.after()
        return answer

    def close(self) -> None:
        self.inner.close()


def nothing() -> None:
    """Do nothing."""


def cut() -> None:
    """Cut the connection."""
    raise requests.ConnectionError(ProtocolError("Connection aborted."))


@contextmanager
def steps(
    number: int | None = None,
    before: Callable[[], None] = nothing,
    after: Callable[[], None] = nothing,
):
    """Count the requests made inside, and do something at the one of this number."""
    made: list[Steps] = []

    def wrap(inner: BaseAdapter) -> BaseAdapter:
        made.append(Steps(inner, number, before, after))
        return made[-1]

    with connections["appwrite"].transport.through(wrap):
        yield made[0]


def other_client() -> Transport:
    """Return a client of the same server that the steps do not count."""
    settings = connections["appwrite"].settings_dict
    return Transport(settings["HOST"], settings["USER"], settings["PASSWORD"])
