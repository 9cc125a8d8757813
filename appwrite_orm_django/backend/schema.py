"""
Implement Django's schema editor, for ``migrate`` and test databases.

Each operation applies the difference between the models before and after it, as far as the table
lacks it. So an operation can run again after its migration was interrupted. ``appwrite_migrate``
does the same for all tables at once, from the current models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeAlias

from django.db import NotSupportedError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Field, Model
from django.db.models import Index as ModelIndex

from appwrite_orm_django.backend.commands import literal
from appwrite_orm_django.backend.messages import ends_in_its_message
from appwrite_orm_django.backend.table_changes import TableChanges
from appwrite_orm_django.backend.values import column_key, table_id
from appwrite_orm_django.schema.altered_models import (
    belongs_to_its_model,
    model_with,
    model_without,
    with_target,
)
from appwrite_orm_django.schema.definitions import RowIds
from appwrite_orm_django.schema.from_models import (
    keys_with_columns,
    missing_keys,
    without_keys,
)
from appwrite_orm_django.schema.keys import is_row_id, keys_to
from appwrite_orm_django.schema.moved_keys import refuse_keys_unlike_ids
from appwrite_orm_django.schema.names import (
    fill_table,
    replaced_key,
    replacement_key,
)
from appwrite_orm_django.schema.recorded_fields import under_name
from appwrite_orm_django.schema.unique import depends_on_more_than_the_row, hidden_columns

AnyField: TypeAlias = "Field[Any, Any]"


class DatabaseSchemaEditor(BaseDatabaseSchemaEditor):
    def __init__(self, connection: Any, collect_sql: bool = False, atomic: bool = True) -> None:
        super().__init__(connection, collect_sql, atomic)
        self._tables = TableChanges(connection, self.collected_sql if collect_sql else None)

    def __enter__(self) -> Any:
        if self.connection.identity is not None:
            raise NotSupportedError(
                "Schema changes need the API key, but a user is in force here: run them outside of "
                "appwrite_user()."
            )
        editor = super().__enter__()
        self.connection.open_editors += 1
        return editor

    def __exit__(self, *raised: Any) -> None:
        self.connection.open_editors -= 1
        super().__exit__(*raised)

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
        self._tables.make(self._tables.described(model), self._tables.live(model._meta.db_table))
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
        self._tables.drop(table)
        self._tables.forget(table)

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
        live = self._tables.live(
            old_db_table, lambda: replace(self._tables.described(model), id=old)
        )
        if live is None:
            return
        if self._tables.has_rows(old):
            raise NotSupportedError(
                f"Appwrite cannot change the id of a table: {old_db_table} has rows and cannot "
                f"become {new_db_table}.\n"
                f'Keep the old id with Meta.db_table = "{old_db_table}"'
                f"{_way_to_keep_id(model, old_db_table)}"
            )
        self._tables.make(
            under_name(self._tables.with_encodings(live), new_db_table),
            self._tables.live(new_db_table),
        )
        self._tables.drop(old)
        self._tables.forget(old, replaced_by=new)

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
        live, after = self._tables.live(model._meta.db_table), self._tables.described(model)
        there = {} if live is None else missing_keys(model, live, after)
        if not there:
            return []
        self._tables.change(without_keys(after, there), after)
        return list(there)

    # Fields

    @ends_in_its_message
    def add_field(self, model: type[Model], field: AnyField) -> None:
        if field.many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.create_model(field.remote_field.through)
            return
        before, after = model_without(model, field), model_with(model, field)
        if field.primary_key and not (is_row_id(before._meta.pk) and is_row_id(after._meta.pk)):
            self._refuse_other_key(before, after)
        self._change_model(before, after)

    @ends_in_its_message
    def remove_field(self, model: type[Model], field: AnyField) -> None:
        if field.many_to_many:
            if field.remote_field.through._meta.auto_created:
                self.delete_model(field.remote_field.through)
            return
        if not field.column:
            return
        if is_row_id(field):
            return
        after = model_without(model, field)
        if field.primary_key:
            self._refuse_other_key(model, after)
        self._remove_column(model, column_key(field))
        if field.primary_key:
            self._change_model(model, after)  # the record of how its ids are encoded

    def _remove_column(self, model: type[Model], key: str) -> None:
        live = self._tables.live(model._meta.db_table, lambda: self._tables.described(model))
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
        live = self._tables.with_encodings(live)
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
        self._tables.apply(*self._tables.plan(kept, replace(live, indexes=over), prune=True))
        self._tables.drop(fill_table(live.id, key))

    @ends_in_its_message
    def alter_field(
        self,
        model: type[Model],
        old_field: AnyField,
        new_field: AnyField,
        strict: bool = False,
    ) -> None:
        if old_field.many_to_many or new_field.many_to_many:
            self._alter_relation(model, old_field, new_field, strict)
            return
        before = model_with(model, old_field, [new_field])
        after = model_with(model, new_field, [old_field])
        old, new = before._meta.get_field(old_field.name), after._meta.get_field(new_field.name)
        if old.column is None and new.column is None:
            return
        if old.primary_key != new.primary_key:
            self._refuse_other_key(before, after)
        loses_column = is_row_id(new) and not is_row_id(old)
        table = self._tables.described(after)
        if loses_column and (live := self._tables.live(model._meta.db_table)) is not None:
            key = self._tables.with_encodings(live).column(column_key(old))
            if key is not None and table.id_encoding is not None and not self.collect_sql:
                ref, ids = self.connection.table_ref(live.id), RowIds(table.id_encoding).column
                refuse_keys_unlike_ids(self.connection.transport, ref, key, ids)
        renames = {}
        if not (is_row_id(old) or is_row_id(new)) and column_key(old) != column_key(new):
            renames = {(table.id, column_key(new)): column_key(old)}
        self._tables.change(self._tables.described(before), table, renames)
        if loses_column:  # last, because the change may be refused
            self._remove_column(before, column_key(old))
        self._change_keys_to(before, old, after, new)

    def _refuse_other_key(self, before: type[Model], after: type[Model]) -> None:
        """
        Check that a table whose primary key becomes another field has no rows.

        Raises:
            NotSupportedError: it has rows, whose ids are the old keys or derived from them.
        """
        old, new = before._meta.pk, after._meta.pk
        table = table_id(before._meta.db_table)
        if self._tables.live(table) is not None and self._tables.has_rows(table):
            raise NotSupportedError(
                f"{before._meta.db_table}: {new.name} cannot become the primary key instead of "
                f"{old.name}, because the table has rows. Appwrite cannot change the id of a row, "
                "and the ids are the old keys or derived from them.\n"
                "Way out: create a new model, copy the rows into it, and delete the old one."
            )

    def _alter_relation(
        self,
        model: type[Model],
        old_field: AnyField,
        new_field: AnyField,
        strict: bool,
    ) -> None:
        through = [getattr(field.remote_field, "through", None) for field in (old_field, new_field)]
        made = [one is not None and bool(one._meta.auto_created) for one in through]
        if all(made):
            self._alter_many_to_many(model, old_field, new_field, strict)
        elif None in through or any(made):
            raise ValueError(
                f"Cannot alter field {old_field} into {new_field} - they are not compatible types "
                "(you cannot alter to or from M2M fields, or add or remove through= on M2M fields)"
            )

    @ends_in_its_message
    def _alter_many_to_many(
        self,
        model: type[Model],
        old_field: AnyField,
        new_field: AnyField,
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
        before, after = self._tables.described(old), self._tables.described(new)
        renames = {
            (after.id, key): old_key for old_key, key in zip(*ends, strict=True) if key != old_key
        }
        self._tables.change(before, after, renames)

    def _change_keys_to(
        self, before: type[Model], old: AnyField, after: type[Model], new: AnyField
    ) -> None:
        """
        Convert the foreign keys to a field, or to a changed primary key, to its storage.

        So are the keys to these keys: a child's link to its parent is the target of other keys.
        """
        pairs = {old.name: (old, new)}
        if old.primary_key != new.primary_key:
            pairs |= {"pk": (before._meta.pk, after._meta.pk)}
        for was, field in pairs.values():
            if belongs_to_its_model(field):
                known = {(key.model._meta.label_lower, key.name): key for key in keys_to(was)}
                for key in keys_to(field):
                    other = known.get((key.model._meta.label_lower, key.name))
                    if other is not None:
                        self._change_model(other.model, key.model)
                        self._change_keys_to(other.model, other, key.model, key)
                continue
            for key in keys_to(was) if belongs_to_its_model(was) else ():
                changed = with_target(key.model, key, after, field)
                self._change_model(key.model, changed)
                self._change_keys_to(key.model, key, changed, changed._meta.get_field(key.name))

    def _change_model(self, before: type[Model], after: type[Model]) -> None:
        self._tables.change(self._tables.described(before), self._tables.described(after))

    # Indexes and constraints

    @ends_in_its_message
    def alter_unique_together(
        self, model: type[Model], old_unique_together: Any, new_unique_together: Any
    ) -> None:
        self._tables.change(
            self._tables.described(model, unique_together=old_unique_together),
            self._tables.described(model, unique_together=new_unique_together),
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

        self._tables.change(
            self._tables.described(model, indexes=indexes(old_index_together)),
            self._tables.described(model, indexes=indexes(new_index_together)),
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
        if getattr(new, "contains_expressions", False):
            self._refuse_expressions(model, new)
        names = {one.name for one in (old, new) if one is not None}
        others = [one for one in getattr(model._meta, option) if one.name not in names]
        before, after = (
            self._tables.described(model, **{option: [*others, *([] if one is None else [one])]})
            for one in (old, new)
        )
        self._tables.change(before, after, by_name=True, adds=new is not None)

    def _refuse_expressions(self, model: type[Model], new: Any) -> None:
        """
        Check the expressions of an index or a constraint, as other backends do.

        An index with expressions is left out, but a mistake in it is an error all the same.

        Raises:
            FieldError: they name a field that does not exist.
            NotSupportedError: their value does not depend on the row alone.
            ValueError: orders or collations are within an expression.
        """
        with suppress(NotSupportedError):  # what SQLite cannot say either
            new.create_sql(model, self)
        for expression in new.expressions:
            if (name := depends_on_more_than_the_row(expression)) is not None:
                raise NotSupportedError(
                    f"{model._meta.label}: {new.name} uses {name}, whose value does not depend on "
                    "the row alone."
                )

    @ends_in_its_message
    def execute(self, sql: Any, params: Any = ()) -> None:
        """
        Run SQL of a migration, as a cursor does.

        Raises:
            NotSupportedError: it is not SQL that reads, writes rows or drops a table.
            TransactionManagementError: a block is open.
        """
        super().execute(sql, params)

    def quote_value(self, value: Any) -> str:
        return literal(value)


def _sets(together: Iterable[Iterable[str]]) -> set[tuple[str, ...]]:
    return {tuple(names) for names in together}


def _way_to_keep_id(model: type[Model], db_table: str) -> str:
    if model._meta.auto_created:
        return ", or db_table on the many-to-many field."
    return (
        ".\nIf the migration renames the model, this comes first: put "
        f'migrations.AlterModelTable("old_name", "{db_table}") before RenameModel, '
        "where makemigrations writes it after."
    )
