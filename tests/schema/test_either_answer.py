"""Descriptions of tables and indexes that servers write in different ways: nothing is planned for any of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from appwrite_local.messages import Request, Response, json_response
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from appwrite_orm_django.schema.errors import NotAvailable
from appwrite_orm_django.schema.from_models import models_of, read_models
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.model_source import model_source
from tests.doctor.deviations import DeviatingServer, Handle, body_of

from .conftest import connect, migrate, plan_for

Described = dict[str, Any]
pytestmark = pytest.mark.local_only("answers otherwise than a server does")


def _without(name: str) -> Callable[[Described], Described]:
    return lambda index: {key: value for key, value in index.items() if key != name}


def _lengths(value: Callable[[Described], Any]) -> Callable[[Described], Described]:
    return lambda index: index if any(index["lengths"]) else {**index, "lengths": value(index)}


INDEXES: dict[str, Callable[[Described], Described]] = {
    "no lengths": _lengths(lambda index: []),
    "null for lengths": _lengths(lambda index: None),
    "nulls for lengths": _lengths(lambda index: [None] * len(index["columns"])),
    "one length for all": _lengths(lambda index: [0]),
    "lengths missing": lambda index: index if any(index["lengths"]) else _without("lengths")(index),
    "no orders": lambda index: {
        **index,
        "orders": index["orders"] if "DESC" in index["orders"] else [],
    },
    "null for orders": lambda index: {
        **index,
        "orders": index["orders"] if "DESC" in index["orders"] else None,
    },
    "all orders": lambda index: {
        **index,
        "orders": index["orders"] or ["ASC"] * len(index["columns"]),
    },
    "small orders": lambda index: {
        **index,
        "orders": [order and order.lower() for order in index["orders"]],
    },
    "capitals": lambda index: {**index, "key": index["key"].upper()},
    "small letters": lambda index: {**index, "key": index["key"].lower()},
    "no error": _without("error"),
}


def _reversed(body: Described) -> Described:
    return {
        **body,
        **{key: body[key][::-1] for key in ("columns", "indexes", "tables") if key in body},
    }


def server(
    change: Callable[[Described], Described] | None, level: str, *, backwards: bool = False
) -> DeviatingServer:
    def described(body: Any) -> Any:
        if isinstance(body, list):
            return [described(item) for item in body]
        if not isinstance(body, dict):
            return body
        if change and "orders" in body and "key" in body:
            return change(body)
        body = {key: described(value) for key, value in body.items()}
        # Of an index the order of its columns counts.
        return _reversed(body) if backwards and "orders" not in body else body

    def deviation(request: Request, handle: Handle) -> Response:
        answer = handle(request)
        return json_response(answer.status, described(body_of(answer))) if answer.body else answer

    return DeviatingServer(deviation, feature_level=level)


def nothing_is_planned(transport: Transport, wanted: Database) -> None:
    migrate(transport, wanted)
    assert [str(step) for step in plan_for(transport, wanted).steps] == []
    assert migrate(transport, wanted) == []


@pytest.mark.parametrize("name", INDEXES)
def test_indexes(level: str, name: str) -> None:
    nothing_is_planned(
        connect(server(INDEXES[name], level)), read_models("library", models_of("appwrite"))
    )


def test_columns_tables_and_indexes_in_another_order(level: str) -> None:
    nothing_is_planned(
        connect(server(None, level, backwards=True)), read_models("library", models_of("appwrite"))
    )


def test_rows_of_columns_in_another_order_are_described_alike(level: str) -> None:
    """The order in which ``inspectdb`` writes fields is the server's, and all that there is to see of it."""
    wanted = Database(
        "d",
        (
            Table(
                "t", "T", (Column("a", "varchar", 5), Column("b", "integer"), Column("c", "text"))
            ),
        ),
    )
    sources = []
    for backwards in (False, True):
        transport = connect(server(None, level, backwards=backwards))
        migrate(transport, wanted)
        found = read_database(transport, "d")
        assert found is not None
        sources.append(sorted(model_source(found)))
    assert sources[0] == sources[1]


TEXT = Column("a", "varchar", 50)


@pytest.mark.parametrize("length", [0, None, 50, 60])
def test_a_length_of_the_whole_column_is_none(level: str, length: int | None) -> None:
    wanted = Database(
        "d", (Table("t", "T", (TEXT, Column("n", "integer")), (Index("i", "unique", ("a", "n")),)),)
    )
    nothing_is_planned(connect(server(_lengths(lambda index: [length, 0]), level)), wanted)


def test_a_length_that_is_short_is_not_taken_for_none(level: str) -> None:
    wanted = Database("d", (Table("t", "T", (TEXT,), (Index("i", "unique", ("a",)),)),))
    transport = connect(server(_lengths(lambda index: [49]), level))
    with pytest.raises(
        NotAvailable, match=r"- index t.i unique \(a\(49\)\); \+ index t.i unique \(a\)"
    ):
        migrate(transport, wanted)


@pytest.mark.parametrize("name", sorted(INDEXES.keys() - {"capitals", "small letters"}))
def test_a_column_under_an_index_changes(level: str, name: str) -> None:
    """The index goes first and comes again, however the server shows it."""
    index = Index("Some_Key", "unique", ("a", "n"))
    transport = connect(server(INDEXES[name], level))
    for size, type_ in ((50, "integer"), (90, "integer"), (90, "bigint"), (90, "integer")):
        columns = (Column("a", "varchar", size), Column("n", type_))
        nothing_is_planned(transport, Database("d", (Table("t", "T", columns, (index,)),)))
    nothing_is_planned(
        transport, Database("d", (Table("t", "T", columns, (Index("other", "key", ("n",)),)),))
    )
