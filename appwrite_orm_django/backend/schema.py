"""
Implement Django's schema editor, for ``migrate`` and test databases.

Each operation applies the difference between the models before and after it, as far as the table
lacks it. So an operation can run again after its migration was interrupted. ``appwrite_migrate``
does the same for all tables at once, from the current models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.db import NotSupportedError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Field, Model
from django.db.models import Index as ModelIndex

from appwrite_orm_django.backend.changing import announced
from appwrite_orm_django.backend.defaults import fill_of
from appwrite_orm_django.backend.execution.hidden_columns import HiddenValues
from appwrite_orm_django.backend.messages import ends_in_its_message
from appwrite_orm_django.backend.values import SYSTEM_COLUMNS, column_key, table_id
from appwrite_orm_django.client import rows, tables
from appwrite_orm_django.client.errors import DatabaseNotFound, TableNotFound
from appwrite_orm_django.client.queries import limit
from appwrite_orm_django.schema.apply import Application
from appwrite_orm_django.schema.comparison import same_storage
from appwrite_orm_django.schema.definitions import Column, Database, Index, RowIds, Table
from appwrite_orm_django.schema.errors import NotAvailable
from appwrite_orm_django.schema.from_models import (
    keys_with_columns,
    missing_keys,
    table_for,
    without_keys,
)
from appwrite_orm_django.schema.from_server import read_table_json
from appwrite_orm_django.schema.keys import is_row_id, keys_to
from appwrite_orm_django.schema.migrate import MAX_ROUNDS
from appwrite_orm_django.schema.moved_keys import refuse_keys_unlike_ids
from appwrite_orm_django.schema.names import (
    fill_table,
    replaced_key,
    replacement_key,
    trial_table,
)
from appwrite_orm_django.schema.plan import make_plan
from appwrite_orm_django.schema.recorded_fields import under_name
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
from appwrite_orm_django.schema.unique import hidden_columns, no_longer_described


class DatabaseSchemaEditor(BaseDatabaseSchemaEditor):
    def __enter__(self) -> Any:
        if self.connection.identity is not None:
            raise NotSupportedError(
                "Schema changes need the API key, but a user is in force here: run them outside of "
                "appwrite_user()."
            )
        return super().__enter__()

    # Tables

    @ends_in_its_message
    def create_model(self, model: type[Model]) -> None:
        """
        Create a table, or complete an existing one that is empty.

        A table with rows is not changed.

        Raises:
            NotSupportedError: the table belongs to another model.
        """
        self._refuse_table_of_another(model)
        self._make(self._table(model), self._live_table(model._meta.db_table))
        for field in model._meta.local_many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.create_model(field.remote_field.through)

    def _refuse_table_of_another(self, model: type[Model]) -> None:
        """Reject a second model for one table, whose deletion would delete the rows of both."""
        wanted = table_id(model._meta.db_table)
        for other in model._meta.apps.get_models():
            options = other._meta
            # Compared first: most tables are others, and a migration asks for each of them.
            if table_id(options.db_table) == wanted and not (
                options.label == model._meta.label
                or options.proxy
                or not options.managed
                or options.swapped
            ):
                raise NotSupportedError(
                    f"{model._meta.label} cannot use the table {wanted}, which belongs to "
                    f"{options.label}.\n"
                    "Way out: if the model was renamed, use migrations.RenameModel instead of "
                    "CreateModel and DeleteModel."
                )

    @ends_in_its_message
    def delete_model(self, model: type[Model]) -> None:
        for field in model._meta.local_many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.delete_model(field.remote_field.through)
        table = table_id(model._meta.db_table)
        self._drop(table)
        self._forget(table)

    @ends_in_its_message
    def alter_db_table(self, model: type[Model], old_db_table: str, new_db_table: str) -> None:
        """
        Recreate an empty table under its new id.

        Raises:
            NotSupportedError: the table has rows. Appwrite cannot change the id of a table, and
                other clients would take copies of rows for new rows.
        """
        old, new = table_id(old_db_table), table_id(new_db_table)
        if old == new:
            return
        live = self._live_table(old_db_table)
        if live is None:
            return
        if self._has_rows(old):
            raise NotSupportedError(
                f"Appwrite cannot change the id of a table: {old_db_table} has rows and cannot "
                f"become {new_db_table}.\n"
                f'Keep the old id with Meta.db_table = "{old_db_table}"'
                f"{', or db_table on the many-to-many field' if model._meta.auto_created else ''}."
            )
        self._make(
            under_name(self._with_encodings(live), new_db_table), self._live_table(new_db_table)
        )
        self._drop(old)
        self._forget(old)
        move_references(self.connection.transport, self.connection.database_id, old, new)

    @ends_in_its_message
    def add_key_columns(self, model: type[Model]) -> list[str]:
        """
        Give a table from before text keys had columns the column of its key, filled from the ids.

        Foreign keys to such keys become as long as these. No other column is added or changed.

        Returns:
            The keys of the columns that were added or changed.
        """
        if not keys_with_columns(model):
            return []
        live, after = self._live_table(model._meta.db_table), self._table(model)
        there = {} if live is None else missing_keys(model, live, after)
        if not there:
            return []
        self._change(without_keys(after, there), after)
        return list(there)

    # Fields

    @ends_in_its_message
    def add_field(self, model: type[Model], field: Field[Any, Any]) -> None:
        if field.many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.create_model(field.remote_field.through)
            return
        self._change(self._table(model), self._table(getattr(field, "model", model)))

    @ends_in_its_message
    def remove_field(self, model: type[Model], field: Field[Any, Any]) -> None:
        if field.many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.delete_model(field.remote_field.through)
            return
        if not field.column:
            return
        key = column_key(field)
        live = self._live_table(model._meta.db_table)
        # Including the columns that an interrupted change of it has left.
        keys = {one.lower() for one in (key, replacement_key(key), replaced_key(key))}
        # The constraints over it end with it.
        keys |= {
            one.key.lower()
            for one in hidden_columns(model, self.connection.engine)
            if key in one.reads
        }
        if live is None or not any(column.key.lower() in keys for column in live.columns):
            return
        live = self._with_encodings(live)
        kept = replace(
            live,
            columns=tuple(one for one in live.columns if one.key.lower() not in keys),
            indexes=(),
        )
        # Also indexes over further columns. The server would keep these indexes without this
        # column.
        over = tuple(
            index for index in live.indexes if keys & {one.lower() for one in index.columns}
        )
        self._apply(*self._plan(kept, replace(live, indexes=over), prune=True))
        self._drop(fill_table(live.id, key))

    @ends_in_its_message
    def alter_field(
        self,
        model: type[Model],
        old_field: Field[Any, Any],
        new_field: Field[Any, Any],
        strict: bool = False,
    ) -> None:
        if old_field.many_to_many or new_field.many_to_many:
            self._alter_relation(model, old_field, new_field, strict)
            return
        if old_field.primary_key != new_field.primary_key:
            raise NotSupportedError(
                f"{model._meta.db_table}: the primary key is the row's $id and cannot become "
                "another field."
            )
        loses_column = is_row_id(new_field) and not is_row_id(old_field)
        before = self._table(getattr(old_field, "model", model))
        after = self._table(getattr(new_field, "model", model))
        if loses_column and (live := self._live_table(model._meta.db_table)) is not None:
            key = self._with_encodings(live).column(column_key(old_field))
            if key is not None and after.id_encoding is not None:
                ref, ids = self.connection.table_ref(live.id), RowIds(after.id_encoding).column
                refuse_keys_unlike_ids(self.connection.transport, ref, key, ids)
        renames = {}
        if not (is_row_id(old_field) or is_row_id(new_field)) and (
            column_key(old_field) != column_key(new_field)
        ):
            renames = {(after.id, column_key(new_field)): column_key(old_field)}
        self._change(before, after, renames)
        if loses_column:  # last, because the change may be refused
            self.remove_field(model, old_field)
        if hasattr(new_field, "model"):
            self._change_what_refers_to(old_field, new_field)

    def _alter_relation(
        self,
        model: type[Model],
        old_field: Field[Any, Any],
        new_field: Field[Any, Any],
        strict: bool,
    ) -> None:
        made = [
            field.many_to_many and bool(field.remote_field.through._meta.auto_created)
            for field in (old_field, new_field)
        ]
        if all(made):
            self._alter_many_to_many(model, old_field, new_field, strict)
        elif not (old_field.many_to_many and new_field.many_to_many) or any(made):
            raise ValueError(
                f"Cannot alter field {old_field} into {new_field} - they are not compatible types "
                "(you cannot alter to or from M2M fields, or add or remove through= on M2M fields)"
            )

    @ends_in_its_message
    def _alter_many_to_many(
        self,
        model: type[Model],
        old_field: Field[Any, Any],
        new_field: Field[Any, Any],
        strict: bool,
    ) -> None:
        """
        Move the table of a many-to-many field.

        Both of its columns are renamed where they are named after models.
        """
        old, new = old_field.remote_field.through, new_field.remote_field.through
        self.alter_db_table(old, old._meta.db_table, new._meta.db_table)
        ends = [
            [
                column_key(through._meta.get_field(name))
                for name in (one.m2m_field_name(), one.m2m_reverse_field_name())
            ]
            for one, through in ((old_field, old), (new_field, new))
        ]
        before, after = self._table(old), self._table(new)
        renames = {
            (after.id, key): old_key for old_key, key in zip(*ends, strict=True) if key != old_key
        }
        self._change(before, after, renames)

    def _change_what_refers_to(
        self, old_field: Field[Any, Any], new_field: Field[Any, Any]
    ) -> None:
        """Convert foreign keys to this field to its type and encoding."""
        old = {(key.model._meta.label_lower, key.name): key for key in keys_to(old_field)}
        for key in keys_to(new_field):
            was = old.get((key.model._meta.label_lower, key.name))
            if was is not None:
                self._change(self._table(was.model), self._table(key.model))

    # Indexes and constraints

    @ends_in_its_message
    def alter_unique_together(
        self, model: type[Model], old_unique_together: Any, new_unique_together: Any
    ) -> None:
        self._change(
            self._table(model, unique_together=old_unique_together),
            self._table(model, unique_together=new_unique_together),
            by_name=True,
            adds=not _sets(old_unique_together) >= _sets(new_unique_together),
        )

    @ends_in_its_message
    def alter_index_together(
        self, model: type[Model], old_index_together: Any, new_index_together: Any
    ) -> None:
        def indexes(together: Iterable[Sequence[str]]) -> list[ModelIndex]:
            made = [
                ModelIndex(fields=list(names), name=f"{'_'.join(names)}_idx") for names in together
            ]
            return [*model._meta.indexes, *made]

        self._change(
            self._table(model, indexes=indexes(old_index_together)),
            self._table(model, indexes=indexes(new_index_together)),
            by_name=True,
            adds=not _sets(old_index_together) >= _sets(new_index_together),
        )

    @ends_in_its_message
    def add_index(self, model: type[Model], index: Any) -> None:
        self._exchange(model, "indexes", None, index)

    @ends_in_its_message
    def remove_index(self, model: type[Model], index: Any) -> None:
        self._exchange(model, "indexes", index, None)

    @ends_in_its_message
    def rename_index(self, model: type[Model], old_index: Any, new_index: Any) -> None:
        """
        Drop an index and create it again under its new name.

        Appwrite cannot rename an index, and rejects two indexes over the same columns.
        """
        self._exchange(model, "indexes", old_index, new_index)

    @ends_in_its_message
    def add_constraint(self, model: type[Model], constraint: Any) -> None:
        self._exchange(model, "constraints", None, constraint)

    @ends_in_its_message
    def remove_constraint(self, model: type[Model], constraint: Any) -> None:
        self._exchange(model, "constraints", constraint, None)

    def _exchange(self, model: type[Model], option: str, old: Any, new: Any) -> None:
        """
        Remove an index or constraint from a model, add one, or both.

        The model may or may not contain it already.
        """
        names = {one.name for one in (old, new) if one is not None}
        others = [one for one in getattr(model._meta, option) if one.name not in names]
        before, after = (
            self._table(model, **{option: [*others, *([] if one is None else [one])]})
            for one in (old, new)
        )
        self._change(before, after, by_name=True, adds=new is not None)

    @ends_in_its_message
    def execute(self, sql: Any, params: Any = ()) -> None:
        """
        Run SQL of a migration, as a cursor does.

        Raises:
            NotSupportedError: it is not SQL that reads, writes rows or drops a table.
        """
        with self.connection.cursor() as cursor:
            cursor.execute(str(sql), params)

    # Changing tables

    def _table(self, model: type[Model], **other: Any) -> Table:
        return table_for(
            model,
            partial(fill_of, connection=self.connection),
            self.connection.engine,
            **other,
        )[0]

    def _change(self, before: Table, after: Table, *args: Any, **options: Any) -> None:
        """Change the server's table, and record the fields of columns that stay as they are."""
        self._change_columns(before, after, *args, **options)
        write_changed_fields(self.connection.transport, self.connection.database_id, before, after)

    def _change_columns(
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
        live = self._live_table(after.id)
        if live is None:
            self._create(after)
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
        if not self.connection.engine.alters_indexed_tables and (
            renames or any(before.column(column.key) for column in columns)
        ):
            # All are dropped and created anew; an interrupted run may have dropped some.
            concerned = after.indexes
        wanted = replace(
            after,
            id=live.id,
            columns=columns,
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
                live = self._with_encodings(live, before)
            unwritten = no_longer_described(live, before, after)
            steps = self._steps(live, wanted, renames, gone, unwritten)
            if not steps:
                return
            self._apply(*steps)
            # Further differences of a replaced or filled column show once this is done.
            if not any(isinstance(step, (ReplaceColumn, FillColumn)) for step in steps):
                return
            live = self._live_table(after.id) or live
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
        steps = self._plan(wanted, kept, *self._marks(kept, wanted), renames=renames)
        # Hidden columns of other constraints are not part of the description.
        return [*dropped, *(step for step in steps if not isinstance(step, NoLongerWritten))]

    def _plan(self, wanted: Table, *live: Table, **options: Any) -> tuple[Step, ...]:
        return make_plan(
            self._database(wanted),
            self._database(*live),
            all_tables=False,
            engine=self.connection.engine,
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
        return [mark for mark in map(self._live_table, ids) if mark is not None]

    # The server

    def _database(self, *of: Table) -> Database:
        return Database(self.connection.database_id, of)

    def _live_table(self, db_table: str) -> Table | None:
        ref = self.connection.table_ref(table_id(db_table))
        try:
            return read_table_json(tables.get_table(self.connection.transport, ref))
        except (TableNotFound, DatabaseNotFound):
            return None

    def _has_rows(self, table: str) -> bool:
        ref = self.connection.table_ref(table)
        return bool(rows.list_rows(self.connection.transport, ref, [limit(1)])["rows"])

    def _make(self, wanted: Table, live: Table | None) -> None:
        """Create a table, or finish creating it after an interrupted operation."""
        if live is None:
            self._create(wanted)
        elif not self._has_rows(live.id):
            # After an interrupted operation the table has no rows. A table with rows is in the
            # state that later operations or appwrite_migrate left.
            missing = self._plan(wanted, live)
            self._apply(
                *(step for step in missing if isinstance(step, (CreateColumn, CreateIndex)))
            )

    def _create(self, table: Table) -> None:
        create = CreateTable(table.id, table)
        try:
            self._apply(create)
        except DatabaseNotFound:
            self._apply(CreateDatabase("", self.connection.database_id), create)

    def _with_encodings(self, live: Table, before: Table | None = None) -> Table:
        """
        Return a table with the encodings of its columns: as recorded, else as described.

        The record takes precedence over a migration. An earlier run of the migration, or
        appwrite_migrate, may have changed the column already.
        """
        known = with_encodings(
            live, read_records_of(self.connection.transport, self.connection.database_id, live.id)
        )
        if before is None:
            return known
        columns = [_assumed(column, before.column(column.key)) for column in known.columns]
        return replace(
            known, columns=tuple(columns), id_encoding=known.id_encoding or before.id_encoding
        )

    def _apply(self, *steps: Step) -> None:
        plan = Plan(self.connection.database_id, steps)
        with announced(self.connection, steps):
            Application(
                self.connection.transport,
                plan,
                engine=self.connection.engine,
                hidden=HiddenValues(self.connection),
                refuse_outside=True,
            ).run()

    def _drop(self, table: str) -> None:
        with announced(self.connection, [DropTable(table, Table(table))]):
            try:
                tables.delete_table(self.connection.transport, self.connection.table_ref(table))
            except (TableNotFound, DatabaseNotFound):
                return

    def _forget(self, table: str) -> None:
        """
        Delete the records of how a dropped table's columns were encoded.

        An earlier run may have dropped the table.
        """
        forget_table(self.connection.transport, self.connection.database_id, table)
        if (counted := self.connection.counted_keys) is not None:
            counted.forget(self.connection.database_id, table)


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


def _sets(together: Iterable[Iterable[str]]) -> set[tuple[str, ...]]:
    return {tuple(names) for names in together}


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
