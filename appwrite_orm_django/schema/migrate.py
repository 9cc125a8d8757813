"""Make a database match a description: read it, plan, apply, and compare again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from appwrite_orm_django.client.errors import TableNotFound, cut
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.engines import MARIADB, Engine

from .apply import Application, Progress
from .definitions import Database, Table
from .errors import NotAvailable
from .from_server import read_database, read_table
from .plan import make_plan
from .records import read_records, recorded
from .steps import Plan

#: Concurrent runs, or a table that changed after it was read, can leave steps for a second round. A
#: difference after three rounds is not temporary.
MAX_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """
    The options of a plan.

    Attributes:
        prune: whether to drop columns, indexes and tables that the models do not have.
        renames: maps ``(table id, new key)`` to the old key.
        all_tables: whether the description has the tables of all models.
        verify_unique: whether to check the values of all hidden columns.
        engine: the rules of the engine under the server.
    """

    prune: bool = False
    renames: Mapping[tuple[str, str], str] = field(default_factory=dict)
    all_tables: bool = True
    verify_unique: bool = False
    engine: Engine = MARIADB


def plan_for(transport: Transport, wanted: Database, options: Options | None = None) -> Plan:
    """
    Return the plan that makes the database match the description.

    This makes one request for every 500 tables, one for every 500 recorded columns, and two for
    each table that seems to differ, because the list of tables can be half a minute old. It makes
    one more if another run has created a unique index in between.
    """
    options = options or Options()
    live = read_database(transport, wanted.id)
    if live is None:
        return _plan(wanted, live, options)
    # The records are read after the tables, because a record is written before its column changes.
    records = (
        read_records(transport, live)
        if any(table.id_encoding is not None for table in wanted)
        else {}
    )
    plan = _plan(wanted, recorded(live, records), options)
    doubtful = plan.tables()
    if not doubtful:
        return plan
    looked_at = replace(live, tables=tuple(_looked_at(transport, live, doubtful)))
    if _unique_indexes(looked_at) - _unique_indexes(live):
        # The mark of such an index was created before the index, but after the list of tables was
        # read.
        looked_at = _with_new_tables(looked_at, read_database(transport, wanted.id))
    return _plan(wanted, recorded(looked_at, records), options)


def _unique_indexes(database: Database) -> set[tuple[str, str]]:
    return {
        (table.id, index.key)
        for table in database
        for index in table.indexes
        if index.type == "unique"
    }


def _with_new_tables(database: Database, later: Database | None) -> Database:
    new = [table for table in later or () if database.table(table.id) is None]
    return replace(database, tables=(*database.tables, *new))


def migrate(
    transport: Transport,
    wanted: Database,
    options: Options | None = None,
    *,
    plan: Plan | None = None,
    progress: Progress = lambda _step: None,
    agree: Callable[[Plan], bool] = lambda _plan: True,
    **how: Any,
) -> list[str]:
    """
    Make the database match the description, and return notes for the user about the rest.

    Args:
        transport: the transport to the server.
        wanted: the database that the models describe.
        options: the options of the plan.
        plan: a plan that ``plan_for`` has just returned; computed by default.
        progress: called with each finished step.
        agree: called with each plan before it is carried out; False ends the migration.
        how: ``refuse_outside``, ``deadline_s``, ``hidden``, ``clock`` and ``sleep`` of
            ``Application``.

    Raises:
        NotAvailable: as in ``Application.run``, or a difference remains after three rounds.
        DuplicateRows, UnconvertibleRows, MissingValues, AppwriteError: as in ``Application.run``.
    """
    options = options or Options()
    plan = plan or plan_for(transport, wanted, options)
    notes: list[str] = []
    for _round in range(MAX_ROUNDS):
        if not plan.steps and not plan.unrecorded:
            return notes
        if not agree(plan):
            return [*notes, *(f"Not done: {step.sign} {step}." for step in plan.steps)]
        run = Application(transport, plan, engine=options.engine, progress=progress, **how)
        notes += run.run().notes
        options = replace(options, verify_unique=False)  # this run has
        plan = plan_for(transport, wanted, options)
    if not plan.steps:
        return notes
    remaining = "; ".join(f"{step.sign} {step}" for step in plan.steps)
    raise NotAvailable(
        f"{wanted.id}: after {MAX_ROUNDS} rounds the server still shows a difference: "
        f"{cut(remaining)}\n"
        "Is another client changing the schema? Run the migration again."
    )


def _plan(wanted: Database, live: Database | None, options: Options) -> Plan:
    return make_plan(
        wanted,
        live,
        prune=options.prune,
        renames=options.renames,
        all_tables=options.all_tables,
        verify_unique=options.verify_unique,
        engine=options.engine,
    )


def _looked_at(transport: Transport, live: Database, doubtful: set[str]) -> list[Table]:
    tables = []
    for table in live:
        try:
            tables.append(read_table(transport, live.id, table) if table.id in doubtful else table)
        except TableNotFound:  # dropped since the list was read
            continue
    return tables
