"""
Django's schema editor, for ``migrate`` and test databases.

Every operation compares the table with what the model says afterwards and applies the difference; ``appwrite_migrate`` does
the same for all tables at once, from the models as they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Field, Model

from appwrite_orm_django import collation
from appwrite_orm_django.backend.changing import announced
from appwrite_orm_django.backend.columns import column_key, table_id
from appwrite_orm_django.backend.refusals import refuse_sql
from appwrite_orm_django.client import rows, tables
from appwrite_orm_django.client.errors import DatabaseNotFound, TableNotFound
from appwrite_orm_django.client.queries import limit
from appwrite_orm_django.schema.apply import Application
from appwrite_orm_django.schema.columns import column_for
from appwrite_orm_django.schema.comparison import same_storage
from appwrite_orm_django.schema.definitions import Database, Table
from appwrite_orm_django.schema.encodings import encoding_of
from appwrite_orm_django.schema.from_models import table_for
from appwrite_orm_django.schema.from_server import read_table_json
from appwrite_orm_django.schema.names import trial_table
from appwrite_orm_django.schema.plan import make_plan
from appwrite_orm_django.schema.records import ROW_ID, forget_table, read_records_of, with_encodings
from appwrite_orm_django.schema.steps import CreateDatabase, CreateTable, DropTable, Plan, ReplaceColumn

if TYPE_CHECKING:
    from appwrite_orm_django.schema.records import Record


class DatabaseSchemaEditor(BaseDatabaseSchemaEditor):
    def __enter__(self) -> Any:
        if self.connection.identity is not None:
            raise NotSupportedError(
                "Schemas are changed with the API key, and a user is in force here (appwrite_user)."
            )
        return super().__enter__()

    def create_model(self, model: type[Model]) -> None:
        table, _ = table_for(model)
        self._apply(CreateDatabase("", self.connection.database_id), CreateTable(table.id, table))
        for field in model._meta.local_many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.create_model(field.remote_field.through)

    def delete_model(self, model: type[Model]) -> None:
        for field in model._meta.local_many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.delete_model(field.remote_field.through)
        self._drop(model._meta.db_table)

    def add_field(self, model: type[Model], field: Field[Any, Any]) -> None:
        if field.many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.create_model(field.remote_field.through)
            return
        self._bring_up_to_date(getattr(field, "model", model))

    def remove_field(self, model: type[Model], field: Field[Any, Any]) -> None:
        if field.many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.delete_model(field.remote_field.through)
            return
        if not field.column:
            return
        key = column_key(field)
        live = self._live_table(model._meta.db_table)
        if live is not None and (column := live.column(key)) is not None:
            live = self._with_encodings(live)
            column = live.column(key) or column
            wanted = [one for one in live.columns if one is not column]
            kept = [index for index in live.indexes if key not in index.columns]
            self._make(live, replace(live, columns=tuple(wanted), indexes=tuple(kept)), prune=True)

    def alter_field(
        self, model: type[Model], old_field: Field[Any, Any], new_field: Field[Any, Any], strict: bool = False
    ) -> None:
        if old_field.many_to_many and new_field.many_to_many:
            return
        if old_field.primary_key != new_field.primary_key:
            raise NotSupportedError(
                f"{model._meta.db_table}: the primary key is the row's $id and can not become another field."
            )
        target = getattr(new_field, "model", model)
        renames = {}
        if not new_field.primary_key and column_key(old_field) != column_key(new_field):
            renames = {(table_id(target._meta.db_table), column_key(new_field)): column_key(old_field)}
        self._bring_up_to_date(target, renames=renames, altered=(old_field, new_field))
        if encoding_of(old_field) != encoding_of(new_field):
            before = {(key.model._meta.label_lower, key.name): key for key in _keys_to(old_field)}
            for key in _keys_to(new_field):
                old = before.get((key.model._meta.label_lower, key.name), key)
                self._bring_up_to_date(key.model, altered=(old, key))

    def alter_db_table(self, model: type[Model], old_db_table: str, new_db_table: str) -> None:
        """
        Make an empty table anew under its other id.

        Raises:
            NotSupportedError: it has rows. Appwrite can not change the id of a table, and copies of rows would be other rows to its clients.
        """
        old, new = table_id(old_db_table), table_id(new_db_table)
        if old == new:
            return
        live = self._live_table(old_db_table)
        if live is None:
            return
        if rows.list_rows(self.connection.transport, self.connection.table_ref(old), [limit(1)])["rows"]:
            raise NotSupportedError(
                f"Appwrite can not change the id of a table, and {old_db_table}, which is to be {new_db_table}, has rows.\n"
                f'Keep the old one with Meta.db_table = "{old_db_table}".'
            )
        if self._live_table(new_db_table) is None:
            self._apply(CreateTable(new, replace(self._with_encodings(live), id=new, name=new)))
        self._drop(old_db_table)

    def alter_unique_together(self, model: type[Model], old_unique_together: Any, new_unique_together: Any) -> None:
        self._bring_up_to_date(model, prune_indexes=True)

    def alter_index_together(self, model: type[Model], old_index_together: Any, new_index_together: Any) -> None:
        self._bring_up_to_date(model, prune_indexes=True)

    def add_index(self, model: type[Model], index: Any) -> None:
        self._bring_up_to_date(model)

    def remove_index(self, model: type[Model], index: Any) -> None:
        self._bring_up_to_date(model, prune_indexes=True)

    def rename_index(self, model: type[Model], old_index: Any, new_index: Any) -> None:
        self._bring_up_to_date(model, prune_indexes=True)

    def add_constraint(self, model: type[Model], constraint: Any) -> None:
        self._bring_up_to_date(model)

    def remove_constraint(self, model: type[Model], constraint: Any) -> None:
        self._bring_up_to_date(model, prune_indexes=True)

    def execute(self, sql: Any, params: Any = ()) -> None:
        raise refuse_sql(sql)

    def _bring_up_to_date(
        self,
        model: type[Model],
        *,
        renames: dict[tuple[str, str], str] | None = None,
        prune_indexes: bool = False,
        altered: tuple[Field[Any, Any], Field[Any, Any]] | None = None,
    ) -> None:
        wanted, _ = table_for(model)
        live = self._live_table(model._meta.db_table)
        if live is None:
            self._apply(CreateDatabase("", self.connection.database_id), CreateTable(wanted.id, wanted))
            return
        live, wanted = self._encoded(live, wanted, altered)
        if prune_indexes:
            # Only indexes go: a column that another field of the state still needs may be missing from this model.
            wanted = replace(wanted, columns=(*wanted.columns, *(c for c in live.columns if not wanted.column(c.key))))
        if self._make(live, wanted, prune=prune_indexes, renames=renames):
            self._bring_up_to_date(model, prune_indexes=prune_indexes, altered=altered)

    def _make(
        self,
        live: Table,
        wanted: Table,
        *,
        prune: bool = False,
        renames: dict[tuple[str, str], str] | None = None,
    ) -> bool:
        """Bring a table to a description, and return whether there may be more to do."""
        database = self.connection.database_id
        there = Database(database, (live, *self._untried(live)))
        plan = make_plan(Database(database, (wanted,)), there, prune=prune, renames=renames, all_tables=False)
        self._apply(*plan.steps, unrecorded=plan.unrecorded)
        return any(isinstance(step, ReplaceColumn) for step in plan.steps)

    def _encoded(
        self, live: Table, wanted: Table, altered: tuple[Field[Any, Any], Field[Any, Any]] | None
    ) -> tuple[Table, Table]:
        """
        Return a table as it is and as it is to be, with the encodings of its columns.

        Only a field that is altered is read otherwise afterwards: the state of one migration says nothing of what a later one, or
        appwrite_migrate, has made of the other columns. What is not recorded of that field is what it was before the migration.
        """
        live = self._with_encodings(live)
        keys = ["", ""] if altered is None else [ROW_ID if one.primary_key else column_key(one) for one in altered]
        if altered is not None and (before := column_for(altered[0])) is not None:
            live = replace(
                live,
                columns=tuple(
                    replace(column, encoding=before.encoding)
                    if column.key == keys[0] and column.encoding is None and same_storage(column, before)
                    else column
                    for column in live.columns
                ),
            )
        elif altered is not None and altered[0].primary_key:
            live = replace(live, id_encoding=live.id_encoding or encoding_of(altered[0]))
        known = {column.key: column for column in live.columns if column.encoding is not None}
        columns = [
            replace(column, encoding=known[column.key].encoding)
            if column.key in known and column.key != keys[1] and same_storage(known[column.key], column)
            else column
            for column in wanted.columns
        ]
        id_encoding = wanted.id_encoding if keys[1] == ROW_ID else live.id_encoding or wanted.id_encoding
        return live, replace(wanted, columns=tuple(columns), id_encoding=id_encoding)

    def _with_encodings(self, live: Table) -> Table:
        return with_encodings(live, read_records_of(self.connection.transport, self.connection.database_id, live.id))

    def _live_table(self, db_table: str) -> Table | None:
        ref = self.connection.table_ref(table_id(db_table))
        try:
            return read_table_json(tables.get_table(self.connection.transport, ref))
        except (TableNotFound, DatabaseNotFound):
            return None

    def _untried(self, live: Table) -> list[Table]:
        """Return the marks of unique indexes that a run which was killed has not tried out (see ``schema.apply.indexes``)."""
        unique = [index for index in live.indexes if index.type == "unique"]
        marks = (self._live_table(trial_table(live.id, index.key)) for index in unique)
        return [mark for mark in marks if mark is not None]

    def _apply(self, *steps: Any, unrecorded: tuple[Record, ...] = ()) -> None:
        fold = collation.fold if self.connection.text_semantics == "mariadb" else str
        plan = Plan(self.connection.database_id, steps, unrecorded=unrecorded)
        with announced(self.connection, steps):
            Application(self.connection.transport, plan, fold=fold).run()

    def _drop(self, db_table: str) -> None:
        """Drop a table, also one that a run which was killed has dropped without its records."""
        id_ = table_id(db_table)
        with announced(self.connection, [DropTable(id_, Table(id_))]):
            with contextlib.suppress(TableNotFound, DatabaseNotFound):
                tables.delete_table(self.connection.transport, self.connection.table_ref(id_))
            forget_table(self.connection.transport, self.connection.database_id, id_)


def _keys_to(field: Field[Any, Any]) -> Iterator[Field[Any, Any]]:
    """Yield the foreign keys that hold values of a field, those of many-to-many tables among them."""
    for relation in field.model._meta.get_fields(include_hidden=True):
        key = relation.field if relation.auto_created and not relation.concrete else None
        if key is not None and key.concrete and not key.many_to_many and field in key.foreign_related_fields:
            yield key
