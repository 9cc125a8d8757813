"""
Every fault against every operation, through the transport and the local server in this process.

Whatever happens, no write is done twice, none is reported as done that is not, and none as undone (``ambiguous`` false) that is. Each
cell says besides what exactly the caller sees.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from appwrite_local import registry
from appwrite_local.faults import Fault
from appwrite_local.server import LocalServer
from appwrite_orm_django.client import databases, errors, rows, tables, transactions
from appwrite_orm_django.client.queries import equal
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.retries import Backoff
from appwrite_orm_django.client.transport import Transport

TABLE = TableRef("d", "t")
READ_TIMEOUT_S = 0.05
COLUMNS = [{"key": "n", "type": "integer"}, {"key": "s", "type": "string", "size": 20}]


@dataclass(frozen=True)
class Trouble:
    """
    A fault, and what is known of it.

    Attributes:
        error: what is raised when the fault does not pass.
        lands: whether the request took effect.
        doubt: whether the caller cannot know that.
        again: which operations are repeated: ``all``, the ``safe`` ones, or ``none``.
    """

    fault: dict[str, Any]
    error: type[errors.AppwriteError]
    lands: bool = False
    doubt: bool = True
    again: str = "safe"


TROUBLES = {
    "cut-before": Trouble({"kind": "cut"}, errors.ConnectionFailed),
    "cut-after": Trouble({"kind": "cut", "applied": True}, errors.ConnectionFailed, lands=True),
    "too-late": Trouble({"kind": "latency", "seconds": 9.0}, errors.RequestTimeout, lands=True),
    "rate-limit": Trouble(
        {"kind": "rate-limit", "seconds": 2.0}, errors.RateLimited, doubt=False, again="all"
    ),
    "long-rate-limit": Trouble(
        {"kind": "rate-limit", "seconds": 600.0}, errors.RateLimited, doubt=False, again="none"
    ),
    "500": Trouble({"kind": "error", "status": 500}, errors.ServerError, again="none"),
    "500-after": Trouble(
        {"kind": "error", "status": 500, "applied": True},
        errors.ServerError,
        lands=True,
        again="none",
    ),
    "502": Trouble({"kind": "error", "status": 502}, errors.ServerError),
    "503": Trouble({"kind": "error", "status": 503}, errors.ServerError),
    "503-after": Trouble(
        {"kind": "error", "status": 503, "applied": True}, errors.ServerError, lands=True
    ),
    "504-after": Trouble(
        {"kind": "error", "status": 504, "applied": True}, errors.ServerError, lands=True
    ),
    "expired-key": Trouble({"kind": "expired-key"}, errors.Unauthorized, doubt=False, again="none"),
}


@dataclass
class World:
    """A server with a table of three rows, and a transport to it that never sleeps."""

    server: LocalServer
    transport: Transport
    pauses: list[float]
    transaction: str = ""

    def state(self) -> dict[str, int | None]:
        return {row["$id"]: row["n"] for row in rows.list_rows(self.transport, TABLE)["rows"]}


BEFORE = {"a": 1, "b": 2, "c": 3}


@pytest.fixture
def world() -> Iterator[World]:
    location = f"local:#matrix-{uuid.uuid4().hex}"
    pauses: list[float] = []
    transport = Transport(
        location,
        "demo",
        "secret",
        read_timeout_s=READ_TIMEOUT_S,
        backoff=Backoff(sleep=pauses.append),
        retries=3,
    )
    databases.create_database(transport, "d", "D")
    tables.create_table(transport, TABLE, "T", columns=COLUMNS)
    rows.create_rows(
        transport, TABLE, [{"$id": key, "n": n, "s": "old"} for key, n in BEFORE.items()]
    )
    yield World(registry.local_server(location), transport, pauses)
    transport.close()
    registry.forget(location)


@dataclass(frozen=True)
class Operation:
    """
    One thing a caller does.

    Attributes:
        run: does it; what it gives back is compared with ``answer``.
        after: the rows once it is done.
        doubled: the rows if it had been done twice, where that shows.
        safe: whether the transport may repeat it.
        prepare: what comes before it, undisturbed.
    """

    run: Callable[[World], Any]
    after: dict[str, int | None]
    answer: Callable[[Any], bool] = lambda _: True
    doubled: dict[str, int | None] | None = None
    safe: bool = False
    prepare: Callable[[World], None] = lambda _: None


def begin(world: World) -> None:
    world.transaction = transactions.create_transaction(world.transport)["$id"]


def stage(world: World) -> None:
    begin(world)
    rows.increment_column(world.transport, TABLE, "a", "n", 5, transaction_id=world.transaction)


def stage_and_commit(world: World) -> None:
    """Stage under trouble, and commit without: only then does a staging show."""
    try:
        rows.increment_column(world.transport, TABLE, "a", "n", 5, transaction_id=world.transaction)
    finally:
        world.server.faults.clear()
        transactions.commit(world.transport, world.transaction)


def stage_operations(world: World) -> None:
    operation = {"databaseId": "d", "tableId": "t", "rowId": "a", "action": "increment"}
    try:
        transactions.create_operations(
            world.transport, world.transaction, [{**operation, "data": {"column": "n", "value": 5}}]
        )
    finally:
        world.server.faults.clear()
        transactions.commit(world.transport, world.transaction)


def first(key: str, value: Any) -> Callable[[Any], bool]:
    return lambda row: row[key] == value


INCREMENTED = {**BEFORE, "a": 6}
DOUBLED = {**BEFORE, "a": 11}

OPERATIONS = {
    "get": Operation(lambda w: rows.get_row(w.transport, TABLE, "a"), BEFORE, first("n", 1), safe=True),
    "list": Operation(lambda w: rows.list_rows(w.transport, TABLE), BEFORE, lambda page: len(page["rows"]) == 3, safe=True),
    "create": Operation(
        lambda w: rows.create_row(w.transport, TABLE, "new", {"n": 9, "s": "x"}), {**BEFORE, "new": 9}, first("$id", "new"), safe=True
    ),
    "bulk-create": Operation(
        lambda w: rows.create_rows(w.transport, TABLE, [{"$id": f"k{n}", "n": n} for n in range(3)]),
        {**BEFORE, "k0": 0, "k1": 1, "k2": 2}, lambda made: [row["$id"] for row in made] == ["k0", "k1", "k2"], safe=True,
    ),
    "update": Operation(lambda w: rows.update_row(w.transport, TABLE, "a", {"n": 7}), {**BEFORE, "a": 7}, first("n", 7)),
    "update-by-operator": Operation(
        lambda w: rows.update_row(w.transport, TABLE, "a", {"n": '{"method":"increment","values":[5]}'}), INCREMENTED, doubled=DOUBLED
    ),
    "bulk-update": Operation(
        lambda w: rows.update_rows(w.transport, TABLE, {"n": 7}, [equal("n", 1, 2)]), {"a": 7, "b": 7, "c": 3}, lambda n: n == 2
    ),
    "upsert": Operation(lambda w: rows.upsert_row(w.transport, TABLE, "u", {"n": 4}), {**BEFORE, "u": 4}, first("n", 4)),
    "delete": Operation(lambda w: rows.delete_row(w.transport, TABLE, "a"), {"b": 2, "c": 3}, safe=True),
    "bulk-delete": Operation(lambda w: rows.delete_rows(w.transport, TABLE, [equal("n", 1, 2)]), {"c": 3}, lambda n: n == 2),
    "increment": Operation(
        lambda w: rows.increment_column(w.transport, TABLE, "a", "n", 5), INCREMENTED, first("n", 6), doubled=DOUBLED
    ),
    "begin": Operation(lambda w: transactions.create_transaction(w.transport), BEFORE, first("status", "pending"), safe=True),
    "stage": Operation(stage_and_commit, INCREMENTED, doubled=DOUBLED, prepare=begin),
    "stage-operations": Operation(stage_operations, INCREMENTED, doubled=DOUBLED, prepare=begin),
    "commit": Operation(
        lambda w: transactions.commit(w.transport, w.transaction), INCREMENTED, first("status", "committed"), doubled=DOUBLED, prepare=stage
    ),
    "rollback": Operation(lambda w: transactions.rollback(w.transport, w.transaction), BEFORE, prepare=stage),
}  # fmt: skip
READS = {"get", "list"}


def outcome(
    world: World, operation: Operation, fault: Fault
) -> tuple[Any, errors.AppwriteError | None]:
    operation.prepare(world)
    try:
        with world.server.faults.active(fault):
            return operation.run(world), None
    except errors.AppwriteError as error:
        return None, error


def check_promises(
    world: World, operation: Operation, error: errors.AppwriteError | None, *, reads: bool
) -> None:
    """Check what holds for every cell, whatever it is."""
    state = world.state()
    assert state != operation.doubled, "done twice"
    assert state in (BEFORE, operation.after)
    if error is None:
        assert state == operation.after, "reported as done, and is not"
    elif not error.ambiguous and operation.after != BEFORE:
        assert state == BEFORE, "reported as not done, and is"
    if error is not None:
        assert not (reads and error.ambiguous), "a read is never in doubt"


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("trouble_name", TROUBLES)
def test_a_fault_that_passes(world: World, trouble_name: str, name: str) -> None:
    """Once only: what may be repeated succeeds, all else fails with the right exception and the truth about doubt."""
    operation, trouble = OPERATIONS[name], TROUBLES[trouble_name]
    answer, error = outcome(world, operation, Fault(**trouble.fault, times=1))
    check_promises(world, operation, error, reads=name in READS)
    # A commit without an answer is looked into: done is done.
    looked_into = name == "commit" and trouble.lands
    if trouble.again == "all" or (trouble.again == "safe" and operation.safe) or looked_into:
        assert error is None
        assert operation.answer(answer)
    else:
        assert type(error) is trouble.error
        assert error.ambiguous is (trouble.doubt and name not in READS)
        assert (world.state() == operation.after) is (trouble.lands or operation.after == BEFORE)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("trouble_name", TROUBLES)
def test_a_fault_that_stays(world: World, trouble_name: str, name: str) -> None:
    """For ever: the transport gives up after its retries, with the right exception, and nothing is done twice."""
    operation, trouble = OPERATIONS[name], TROUBLES[trouble_name]
    fault = Fault(**trouble.fault)
    _, error = outcome(world, operation, fault)
    world.server.faults.clear()
    check_promises(world, operation, error, reads=name in READS)
    assert isinstance(error, trouble.error)
    assert error.ambiguous is (trouble.doubt and name not in READS)
    repeated = trouble.again == "all" or (trouble.again == "safe" and operation.safe)
    most = {"too-late": 2}.get(trouble_name, 4) if repeated else 1
    if name == "commit" and trouble.doubt:
        # Looking at the state is a read, and repeated as one.
        most += {"too-late": 2, "500": 1, "500-after": 1}.get(trouble_name, 4)
    assert world.server.faults.hits[fault.id] <= most
    assert sum(world.pauses) < 60
