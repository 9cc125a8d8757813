"""
Django's schema editor, for ``migrate`` and test databases.

Every operation compares the table with what the model says afterwards and applies the difference; ``appwrite_migrate`` does
the same for all tables at once, from the models as they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Field, Model

from appwrite_orm_django import collation
from appwrite_orm_django.backend.columns import column_key, table_id
from appwrite_orm_django.backend.refusals import refuse_sql
from appwrite_orm_django.client import rows, tables
from appwrite_orm_django.client.errors import DatabaseNotFound, TableNotFound
from appwrite_orm_django.client.queries import limit
from appwrite_orm_django.schema.apply import Application
from appwrite_orm_django.schema.definitions import Database
from appwrite_orm_django.schema.from_models import table_for
from appwrite_orm_django.schema.from_server import read_table_json
from appwrite_orm_django.schema.names import trial_table
from appwrite_orm_django.schema.plan import make_plan
from appwrite_orm_django.schema.steps import CreateDatabase, CreateTable, Plan

if TYPE_CHECKING:
    from appwrite_orm_django.schema.definitions import Table


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
        self._bring_up_to_date(target, renames=renames)

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
            self._apply(CreateTable(new, replace(live, id=new, name=new)))
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
        self, model: type[Model], *, renames: dict[tuple[str, str], str] | None = None, prune_indexes: bool = False
    ) -> None:
        wanted, _ = table_for(model)
        live = self._live_table(model._meta.db_table)
        if live is None:
            self._apply(CreateDatabase("", self.connection.database_id), CreateTable(wanted.id, wanted))
            return
        if prune_indexes:
            # Only indexes go: a column that another field of the state still needs may be missing from this model.
            wanted = replace(wanted, columns=(*wanted.columns, *(c for c in live.columns if not wanted.column(c.key))))
        self._make(live, wanted, prune=prune_indexes, renames=renames)

    def _make(
        self,
        live: Table,
        wanted: Table,
        *,
        prune: bool = False,
        renames: dict[tuple[str, str], str] | None = None,
    ) -> None:
        database = self.connection.database_id
        there = Database(database, (live, *self._untried(live)))
        plan = make_plan(Database(database, (wanted,)), there, prune=prune, renames=renames, all_tables=False)
        self._apply(*plan.steps)

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

    def _apply(self, *steps: Any) -> None:
        fold = collation.fold if self.connection.text_semantics == "mariadb" else str
        Application(self.connection.transport, Plan(self.connection.database_id, tuple(steps)), fold=fold).run()

    def _drop(self, db_table: str) -> None:
        try:
            tables.delete_table(self.connection.transport, self.connection.table_ref(table_id(db_table)))
        except (TableNotFound, DatabaseNotFound):
            return
