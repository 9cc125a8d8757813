"""
Change tables on the server from one description to another, for the schema editor.

Only the parts in which two descriptions differ are compared with the server. So an operation can
run again after its migration was interrupted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from django.db.models import Model
from django.db.transaction import TransactionManagementError

from appwrite_orm_django.backend.changing import SchemaChange, announced
from appwrite_orm_django.backend.connection import Connection
from appwrite_orm_django.backend.defaults import fill_of
from appwrite_orm_django.backend.execution.hidden_columns import HiddenValues
from appwrite_orm_django.backend.values import SYSTEM_COLUMNS, table_id
from appwrite_orm_django.client import rows, tables
from appwrite_orm_django.client.errors import DatabaseNotFound, TableNotFound
from appwrite_orm_django.client.queries import limit
from appwrite_orm_django.schema.apply import Application
from appwrite_orm_django.schema.comparison import same_storage
from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from appwrite_orm_django.schema.errors import NotAvailable
from appwrite_orm_django.schema.from_models import table_for
from appwrite_orm_django.schema.from_server import read_table_json
from appwrite_orm_django.schema.migrate import MAX_ROUNDS
from appwrite_orm_django.schema.names import KEY_INDEX, OWN_TABLES, fill_table, trial_table
from appwrite_orm_django.schema.plan import make_plan
from appwrite_orm_django.schema.records import (
    forget_table,
    move_references,
    read_records_of,
    with_encodings,
    write_changed_fields,
)
from appwrite_orm_django.schema.steps import (
    CreateColumn,
    CreateDatabase,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropIndex,
    DropTable,
    FillColumn,
    NoLongerWritten,
    Plan,
    ReplaceColumn,
    Step,
)
from appwrite_orm_django.schema.unique import no_longer_described

logger = logging.getLogger("django.db.backends.schema")


class TableChanges:
    """
    Read, create, change and drop the tables of a connection's database.

    Args:
        connection: the connection.
        collected: a list to add the statements to instead of carrying them out, for ``sqlmigrate``.
            The server is not asked then; each table is as the models before a change describe it.
    """

    def __init__(self, connection: Connection, collected: list[str] | None = None) -> None:
        self._connection = connection
        self._collected = collected
        self._made: dict[str, Table | None] = {}

    def described(self, model: type[Model], **other: Any) -> Table:
        return table_for(
            model,
            partial(fill_of, connection=self._connection),
            self._connection.engine,
            **other,
        )[0]

    def change(self, before: Table, after: Table, *args: Any, **options: Any) -> None:
        """Change the server's table, and record the fields of columns that stay as they are."""
        self._change(before, after, *args, **options)
        if self._collected is None:
            write_changed_fields(
                self._connection.transport, self._connection.database_id, before, after
            )

    def _change(
        self,
        before: Table,
        after: Table,
        renames: Mapping[tuple[str, str], str] | None = None,
        *,
        by_name: bool = False,
        adds: bool = True,
    ) -> None:
        """
        Change the server's table from one description to another.

        Parts in which the descriptions agree are not compared with the server. A table that does
        not exist is created. A table that is ahead, because an interrupted migration runs again,
        stays ahead.

        Args:
            renames: maps ``(table id, new key)`` to the old key of a column.
            by_name: whether the same index under another name counts as another index.
            adds: whether the operation adds something. An operation that adds nothing may still
                restore an index that was redundant while the removed one existed, but not over
                columns that later operations have changed.
        """
        live = self.live(after.id, lambda: before)
        if live is None:
            self.create(after)
            return
        renames = renames or {}
        new_keys = {old: new for (_table, new), old in renames.items()}
        columns = tuple(
            column for column in after.columns if not _is_same(before.column(column.key), column)
        )
        was = [(index, _renamed(index, new_keys)) for index in before.indexes]
        gone = _gone(live, was, after.indexes, by_name=by_name)
        # Do not create an index over a column that is ahead, whose type a later migration or
        # appwrite_migrate has changed.
        fits = _may_be if adds else _is_as_described
        there = {new_keys.get(column.key, column.key): column for column in live.columns}
        there = {key: column for key, column in there.items() if fits(column, after.column(key))}
        there |= {column.key: column for column in columns}
        concerned = _concerned(
            live, [renamed for _index, renamed in was], after, columns, by_name=by_name
        )
        if not self._connection.engine.alters_indexed_tables and (
            renames or any(before.column(column.key) for column in columns)
        ):
            # All are dropped and created anew; an interrupted run may have dropped some.
            concerned = after.indexes
        wanted = replace(
            after,
            id=live.id,
            columns=(*columns, *_kept_keys(before, after, columns)),
            indexes=tuple(
                index
                for index in concerned
                if {key for key in index.columns if key not in SYSTEM_COLUMNS}.issubset(there)
            ),
            permissions=frozenset(),
            row_security=False,
            id_encoding=None if before.id_encoding == after.id_encoding else after.id_encoding,
        )
        for _round in range(MAX_ROUNDS):
            if columns or wanted.id_encoding:
                live = self.with_encodings(live, before)
            unwritten = no_longer_described(live, before, after)
            steps = self._steps(live, wanted, renames, gone, unwritten)
            if not steps:
                return
            self.apply(*steps)
            if self._collected is not None:
                self._made[after.id] = after
                return
            # Further differences of a replaced or filled column show once this is done.
            if not any(isinstance(step, (ReplaceColumn, FillColumn)) for step in steps):
                return
            live = self.live(after.id) or live
        raise NotAvailable(
            f"{after.id}: after {MAX_ROUNDS} rounds the server still shows a difference: "
            f"{'; '.join(map(str, steps))}.\n"
            "Is another client changing the schema? Run migrate again."
        )

    def _steps(
        self,
        live: Table,
        wanted: Table,
        renames: Mapping[tuple[str, str], str],
        gone: frozenset[str],
        unwritten: Sequence[Column] = (),
    ) -> list[Step]:
        dropped: list[Step] = [
            DropIndex(live.id, index) for index in live.indexes if index.key in gone
        ]
        dropped += [DropColumn(live.id, column) for column in unwritten]
        kept = replace(
            live,
            columns=tuple(column for column in live.columns if column not in unwritten),
            indexes=tuple(index for index in live.indexes if index.key not in gone),
        )
        steps = self.plan(wanted, kept, *self._marks(kept, wanted), renames=renames)
        # Hidden columns of other constraints are not part of the description.
        return [*dropped, *(step for step in steps if not isinstance(step, NoLongerWritten))]

    def plan(self, wanted: Table, *live: Table, **options: Any) -> tuple[Step, ...]:
        return make_plan(
            self._database(wanted),
            self._database(*live),
            all_tables=False,
            engine=self._connection.engine,
            **options,
        ).steps

    def _marks(self, live: Table, wanted: Table) -> list[Table]:
        """Return the marks left by a run that was killed (see ``schema.apply``)."""
        there = [
            index.key
            for index in live.indexes
            if index.type == "unique" and _is_one_of(index, wanted.indexes)
        ]
        ids = [trial_table(live.id, key) for key in there]
        ids += [
            fill_table(live.id, column.key)
            for column in wanted.columns
            if live.column(column.key) is not None
        ]
        return [mark for mark in map(self.live, ids) if mark is not None]

    # The server

    def _database(self, *of: Table) -> Database:
        return Database(self._connection.database_id, of)

    def live(
        self, db_table: str, described: Callable[[], Table | None] = lambda: None
    ) -> Table | None:
        """
        Return a table of the server, or None.

        Args:
            db_table: the name or the id of the table.
            described: returns the table as models describe it, for when statements are collected.
        """
        id_ = table_id(db_table)
        if self._collected is not None:
            return self._made[id_] if id_ in self._made else described()
        try:
            return read_table_json(
                tables.get_table(self._connection.transport, self._connection.table_ref(id_))
            )
        except (TableNotFound, DatabaseNotFound):
            return None

    def has_rows(self, table: str) -> bool:
        if self._collected is not None:
            return False
        ref = self._connection.table_ref(table)
        return bool(rows.list_rows(self._connection.transport, ref, [limit(1)])["rows"])

    def make(self, wanted: Table, live: Table | None) -> None:
        """Create a table, or finish creating it after an interrupted operation."""
        if live is None:
            self.create(wanted)
        elif not self.has_rows(live.id):
            # After an interrupted operation the table has no rows. A table with rows is in the
            # state that later operations or appwrite_migrate left.
            missing = self.plan(wanted, live)
            self.apply(*(step for step in missing if isinstance(step, (CreateColumn, CreateIndex))))

    def create(self, table: Table) -> None:
        self._made[table.id] = table
        create = CreateTable(table.id, table)

        def carry_out() -> None:
            try:
                self._carry_out((create,))
            except DatabaseNotFound:
                self._carry_out((CreateDatabase("", self._connection.database_id), create))

        self._run((create,), carry_out)

    def with_encodings(self, live: Table, before: Table | None = None) -> Table:
        """
        Return a table with the encodings of its columns: as recorded, else as described.

        The record takes precedence over a migration. An earlier run of the migration, or
        appwrite_migrate, may have changed the column already.
        """
        if self._collected is not None:
            return live
        known = with_encodings(
            live, read_records_of(self._connection.transport, self._connection.database_id, live.id)
        )
        if before is None:
            return known
        columns = [_assumed(column, before.column(column.key)) for column in known.columns]
        return replace(
            known, columns=tuple(columns), id_encoding=known.id_encoding or before.id_encoding
        )

    def apply(self, *steps: Step) -> None:
        """
        Carry out steps.

        Raises:
            TransactionManagementError: the open block has changed rows of one of the tables.
        """
        if not steps:
            return
        if self._collected is None:
            self._refuse_within_block(_tables_of(steps))
        self._run(steps, lambda: self._carry_out(steps))

    def _carry_out(self, steps: tuple[Step, ...]) -> None:
        plan = Plan(self._connection.database_id, steps)
        with announced(self._connection, steps):
            Application(
                self._connection.transport,
                plan,
                engine=self._connection.engine,
                hidden=HiddenValues(self._connection),
                refuse_outside=True,
            ).run()

    def drop(self, table: str) -> None:
        steps = (DropTable(table, Table(table)),)
        if table.startswith(OWN_TABLES):
            self._carry_out_drop(steps)
        else:
            self._run(steps, lambda: self._carry_out_drop(steps))
            self._made[table] = None

    def _carry_out_drop(self, steps: tuple[DropTable, ...]) -> None:
        if self._collected is not None:
            return
        with announced(self._connection, steps):
            for step in steps:
                with suppress(TableNotFound, DatabaseNotFound):
                    tables.delete_table(
                        self._connection.transport, self._connection.table_ref(step.table)
                    )

    def _run(self, steps: Sequence[Step], carry_out: Callable[[], object]) -> None:
        """Carry out steps as one query of the connection, or only collect their statements."""
        statements = [step.statement for step in steps]
        for statement in statements:
            logger.debug(
                "%s; (params %r)", statement, None, extra={"params": None, "sql": statement}
            )
        if self._collected is not None:
            self._collected += [f"{statement};" for statement in statements]
            return
        refs = tuple(map(self._connection.table_ref, _tables_of(steps)))
        with self._connection.cursor() as cursor:
            cursor.execute(SchemaChange("; ".join(statements), refs, carry_out))

    def _refuse_within_block(self, changed: Iterable[str]) -> None:
        for table in changed:
            if self._connection.is_dirty(self._connection.table_ref(table)):
                raise TransactionManagementError(
                    f"{table}: the open block has changed rows of the table, which a change "
                    "of the schema does not see, and its end cannot undo that change.\n"
                    "Change the schema before or after the block."
                )

    def forget(self, table: str, replaced_by: str = "") -> None:
        """
        Delete the records of how a dropped table's columns were encoded.

        An earlier run may have dropped the table. The records of foreign keys to it name the table
        that has replaced it, if there is one.
        """
        if self._collected is not None:
            return
        transport, database = self._connection.transport, self._connection.database_id
        forget_table(transport, database, table)
        if replaced_by:
            move_references(transport, database, table, replaced_by)
        if (counted := self._connection.counted_keys) is not None:
            counted.forget(self._connection.database_id, table)


def _kept_keys(before: Table, after: Table, changed: Iterable[Column]) -> Iterator[Column]:
    """Yield the columns of a primary key that stay when the key becomes another one."""
    was, becomes = before.index(KEY_INDEX), after.index(KEY_INDEX)
    if was is None or (becomes is not None and was.columns == becomes.columns):
        return
    known = {column.key for column in changed}
    yield from (
        column for column in after.columns if column.key in was.columns and column.key not in known
    )


def _tables_of(steps: Iterable[Step]) -> list[str]:
    return list(dict.fromkeys(step.table for step in steps if step.table))


def _gone(
    live: Table, was: Iterable[tuple[Index, Index]], then: Iterable[Index], *, by_name: bool
) -> frozenset[str]:
    """
    Return the keys of the server's indexes that are no longer described.

    Args:
        was: the indexes described before, each with the old names of columns and with the new ones.
        then: the indexes described afterwards.
    """
    asked_for = list(then)
    definitions = {index.definition for index in asked_for}
    keys: set[str] = set()
    for index, renamed in was:
        if renamed.definition not in definitions:
            keys |= {
                one.key
                for one in live.indexes
                if one.definition in {index.definition, renamed.definition}
            }
        elif by_name and not any(
            (one.key, one.definition) == (index.key, index.definition) for one in asked_for
        ):
            keys |= {
                one.key
                for one in live.indexes
                if (one.key, one.definition) == (index.key, index.definition)
            }
    return frozenset(keys)


def _is_as_described(live: Column, wanted: Column | None) -> bool:
    return wanted is not None and same_storage(live, wanted) and wanted.size in {None, live.size}


def _concerned(
    live: Table, was: Iterable[Index], after: Table, columns: Iterable[Column], *, by_name: bool
) -> tuple[Index, ...]:
    """
    Return the indexes that the change affects.

    These are new, or over changed columns, or on the server under the name of a new index.
    """
    old = {(index.key, index.definition) if by_name else index.definition for index in was}
    new = {
        index.key
        for index in after.indexes
        if ((index.key, index.definition) if by_name else index.definition) not in old
    }
    displaced = {index.definition for index in live.indexes if index.key in new}
    changed = {column.key for column in columns}
    return tuple(
        index
        for index in after.indexes
        if index.key in new or index.definition in displaced or changed & set(index.columns)
    )


def _renamed(index: Index, new_keys: Mapping[str, str]) -> Index:
    return replace(index, columns=tuple(new_keys.get(key, key) for key in index.columns))


def _is_one_of(index: Index, others: Iterable[Index]) -> bool:
    return any(index.definition == other.definition or index.key == other.key for other in others)


def _is_same(before: Column | None, after: Column) -> bool:
    return before is not None and before == after and before.encoding == after.encoding


def _may_be(live: Column, described: Column | None) -> bool:
    return described is None or same_storage(live, described)


def _assumed(live: Column, before: Column | None) -> Column:
    if live.encoding is not None or before is None or not same_storage(live, before):
        return live
    return replace(live, encoding=before.encoding)
