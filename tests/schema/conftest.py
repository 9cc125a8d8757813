"""A local server of each feature level, and a transport to it that counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from appwrite_orm_django.client.transport import RequestRecord, Transport
from appwrite_orm_django.local.adapter import LocalAdapter
from appwrite_orm_django.local.server import LocalServer

ENDPOINT = "http://local.invalid/v1"


@dataclass
class Counter:
    """The requests made since the last reset."""

    records: list[RequestRecord]

    def __len__(self) -> int:
        return len(self.records)

    def writes(self) -> list[str]:
        return [f"{record.method} {record.path}" for record in self.records if record.method != "GET"]

    def reset(self) -> None:
        self.records.clear()


def connect(server: LocalServer) -> Transport:
    transport = Transport(ENDPOINT, "demo", "secret")
    transport._pool.session.mount("http://", LocalAdapter(server))
    return transport


@pytest.fixture(params=["1.9", "2.x"])
def level(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def make_server(level: str) -> Callable[..., LocalServer]:
    return lambda **options: LocalServer(feature_level=level, **options)


@pytest.fixture
def transport(make_server: Callable[..., LocalServer]) -> Iterator[Transport]:
    transport = connect(make_server())
    yield transport
    transport.close()


@pytest.fixture
def requests_made(transport: Transport) -> Counter:
    counter = Counter([])
    transport.add_listener(counter.records.append)
    return counter
