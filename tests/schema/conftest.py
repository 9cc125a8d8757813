"""A server of each feature level, and a transport to it that counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.conf import settings

from appwrite_local.adapter import LocalAdapter
from appwrite_local.messages import Request, Response
from appwrite_local.server import LocalServer
from appwrite_orm_django.client.transport import RequestRecord, Transport
from appwrite_orm_django.engines import ENGINES, Engine
from appwrite_orm_django.schema import dry_run
from appwrite_orm_django.schema import migrate as schema_migrate
from appwrite_orm_django.schema import plan as schema_plan
from appwrite_orm_django.schema.definitions import Database
from appwrite_orm_django.schema.dry_run import Write
from appwrite_orm_django.schema.steps import Plan
from appwrite_orm_django.schema.wire import INLINE_OLD
from tests import real
from tests.kinds import KINDS
from tests.real.names import RealServer

#: The rules of the servers in these tests.
ENGINE = ENGINES[server.text if (server := real.server()) else settings.ENGINE]
ENDPOINT = "http://local.invalid/v1"


@dataclass
class Counter:
    """The requests made since the last reset."""

    records: list[RequestRecord]

    def __len__(self) -> int:
        return len(self.records)

    def writes(self) -> list[str]:
        return [
            f"{record.method} {record.path}" for record in self.records if record.method != "GET"
        ]

    def reset(self) -> None:
        self.records.clear()


class InlineServer(LocalServer):
    """Takes text inline, as the 2.x line does (recording base-inline): by its own routes, behind the caller's back."""

    def handle(self, request: Request) -> Response:
        if request.method != "POST" or not request.path.endswith("/tables"):
            return super().handle(request)
        body = json.loads(request.body)
        late = [column for column in body.get("columns", ()) if column["type"] not in INLINE_OLD]
        body["columns"] = [column for column in body.get("columns", ()) if column not in late]
        keys = {column["key"] for column in late}
        late_indexes = [
            index for index in body.get("indexes", ()) if keys & set(index["attributes"])
        ]
        body["indexes"] = [index for index in body.get("indexes", ()) if index not in late_indexes]
        answer = self._post(request, "", body)
        if answer.status == 201:
            for column in late:
                self._post(request, f"/{body['tableId']}/columns/{column.pop('type')}", column)
            for index in late_indexes:
                self._post(
                    request,
                    f"/{body['tableId']}/indexes",
                    {**index, "columns": index.pop("attributes")},
                )
        return answer

    def _post(self, request: Request, path: str, body: dict[str, object]) -> Response:
        return super().handle(
            replace(request, path=request.path + path, body=json.dumps(body).encode())
        )


def a_server(**options: Any) -> Any:
    """Return an empty server: a local one, or the real one as if it were empty."""
    if real.server():
        return RealServer()
    return LocalServer(**{"index_lag": 0, "engine": settings.ENGINE, **options})


OPERATORS_ARE_KEPT = pytest.mark.engine(
    "mariadb", "postgresql", reason="an update destroys text that looks like an operator"
)


@dataclass(frozen=True, slots=True)
class Options(schema_migrate.Options):
    engine: Engine = ENGINE


def make_plan(wanted: Database, live: Database | None, **options: Any) -> Plan:
    return schema_plan.make_plan(wanted, live, **{"engine": ENGINE, **options})


def plan_for(transport: Transport, wanted: Database, options: Options | None = None) -> Plan:
    return schema_migrate.plan_for(transport, wanted, options or Options())


def migrate(
    transport: Transport,
    wanted: Database,
    options: Options | None = None,
    **how: Any,
) -> list[str]:
    return schema_migrate.migrate(transport, wanted, options or Options(), **how)


def requests_of(transport: Transport, plan: Plan, *hidden: Any, **how: Any) -> list[Write]:
    return dry_run.requests_of(transport, plan, *hidden, **{"engine": ENGINE, **how})


def connect(server: LocalServer | RealServer) -> Transport:
    if isinstance(server, RealServer):
        return server.connect()
    transport = Transport(ENDPOINT, "demo", "secret")
    transport._pool.session.mount("http://", LocalAdapter(server))
    return transport


#: The feature level of this run. Few tests of schemas meet one, so the other has a run of its own (make test-engines).
LEVELS = tuple(
    level
    for level in ("1.9", "2.x")
    if real.server() or (level == settings.LEVEL and (level, ENGINE.name) in KINDS)
)


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    if real.server() and request.param != real.level():
        pytest.skip(f"another kind of server ({request.param})")
    return request.param


@pytest.fixture
def make_server(level: str) -> Callable[..., Any]:
    """Return what makes servers; how slow a real one is, and what goes wrong there, cannot be chosen."""
    if real.server():
        return _make_real_server
    cls, options = (InlineServer, {"feature_level": "2.x"}) if level == "2.x" else (LocalServer, {})
    return lambda **further: cls(
        **{"index_lag": 0, "engine": settings.ENGINE, **options, **further}
    )


def _make_real_server(
    faults: Any = (), column_delay_s: float = 0, index_lag: int = 0
) -> RealServer:
    if faults:
        pytest.skip("disturbs the local server (faults)")
    if column_delay_s > 1:
        pytest.skip("makes the local server too slow")
    return RealServer()


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
