"""From a description to a database that matches it: read, plan, apply, and look again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from appwrite_orm_django.client.errors import TableNotFound, cut
from appwrite_orm_django.client.transport import Transport

from .apply import Application, Progress
from .definitions import Database, Table
from .errors import NotAvailable
from .from_server import read_database, read_table
from .plan import make_plan
from .records import read_records, recorded
from .steps import Plan

#: Two runs at once, or a table that was read a moment before it changed, leave a little for a second look; more is not settling.
MAX_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """
    What a plan may do.

    Attributes:
        prune: drop columns, indexes and tables that the models do not have.
        renames: ``(table id, new key)`` to the old key.
        all_tables: whether the description has the tables of all models.
    """

    prune: bool = False
    renames: Mapping[tuple[str, str], str] = field(default_factory=dict)
    all_tables: bool = True


def plan_for(transport: Transport, wanted: Database, options: Options | None = None) -> Plan:
    """
    Return what has to be done now.

    One request, one for every 500 columns that are recorded, and two more for each table that seems to differ: what the server says of a
    table as a whole can be half a minute old. One more if a unique index has appeared between the two, which another run makes at this
    moment.
    """
    options = options or Options()
    live = read_database(transport, wanted.id)
    if live is None:
        return _plan(wanted, live, options)
    # After the tables: a column that takes another's key has its record before it is there.
    records = read_records(transport, live) if any(table.id_encoding is not None for table in wanted) else {}
    plan = _plan(wanted, recorded(live, records), options)
    doubtful = plan.tables()
    if not doubtful:
        return plan
    looked_at = replace(live, tables=tuple(_looked_at(transport, live, doubtful)))
    if _unique_indexes(looked_at) - _unique_indexes(live):
        # The mark that says whether such an index is yet to be tried out was made before it, and after the list of tables was read.
        looked_at = _with_new_tables(looked_at, read_database(transport, wanted.id))
    return _plan(wanted, recorded(looked_at, records), options)


def _unique_indexes(database: Database) -> set[tuple[str, str]]:
    return {(table.id, index.key) for table in database for index in table.indexes if index.type == "unique"}


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
    Make the database what is wanted, and return notes about what remains to be done by a person.

    Args:
        plan: one that ``plan_for`` made a moment ago; made here when left out.
        progress: called with each step that is done.
        agree: asked before each plan is carried out; False ends it.
        how: ``deadline_s``, ``fold``, ``clock`` and ``sleep`` of ``Application``.

    Raises:
        NotAvailable, DuplicateRows, UnconvertibleRows, MissingValues, AppwriteError: as from ``Application.run``; the first also when there
            is still something to do after three rounds.
    """
    plan = plan or plan_for(transport, wanted, options)
    notes: list[str] = []
    for _round in range(MAX_ROUNDS):
        if not plan.steps and not plan.unrecorded:
            return notes
        if not agree(plan):
            return [*notes, *(f"Not done: {step.sign} {step}." for step in plan.steps)]
        notes += Application(transport, plan, progress=progress, **how).run().notes
        plan = plan_for(transport, wanted, options)
    if not plan.steps:
        return notes
    remaining = "; ".join(f"{step.sign} {step}" for step in plan.steps)
    raise NotAvailable(
        f"{wanted.id}: after {MAX_ROUNDS} rounds the server still shows a difference: {cut(remaining)}\n"
        "Is somebody else changing the schema? Run appwrite_migrate again."
    )


def _plan(wanted: Database, live: Database | None, options: Options) -> Plan:
    return make_plan(wanted, live, prune=options.prune, renames=options.renames, all_tables=options.all_tables)


def _looked_at(transport: Transport, live: Database, doubtful: set[str]) -> list[Table]:
    tables = []
    for table in live:
        try:
            tables.append(read_table(transport, live.id, table) if table.id in doubtful else table)
        except TableNotFound:  # dropped since the list was read
            continue
    return tables
