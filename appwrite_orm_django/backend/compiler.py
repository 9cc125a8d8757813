"""
Implement Django's compilers, which make commands here instead of SQL.

Reading: ``as_sql()`` tries pushdown (one paged request), then plans local evaluation. Django's own
``execute_sql`` passes the command to the cursor, so query counting, logging and guards work as
usual. Result rows are final: the cursor has already run the converters, or a cache hit needed none.
So ``get_converters()`` returns nothing here.

Writing: Django expects its compilers in this module. The first write imports ``writes``, which
makes their commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db import router, transaction
from django.db.models import Count
from django.db.models.constants import OnConflict
from django.db.models.expressions import OrderBy, Star
from django.db.models.sql import Query, compiler
from django.db.models.sql.constants import GET_ITERATOR_CHUNK_SIZE, MULTI, SINGLE
from django.db.models.sql.query import RawQuery

from appwrite_orm_django.backend import evaluation
from appwrite_orm_django.backend.commands import (
    Command,
    CountRows,
    Explain,
    GetRow,
    ListRows,
    OneRow,
)
from appwrite_orm_django.backend.execution import locking
from appwrite_orm_django.backend.execution.cached_reads import cached_rows
from appwrite_orm_django.backend.planning import reads, server
from appwrite_orm_django.backend.planning.reads import aggregate
from appwrite_orm_django.backend.planning.where import Scope
from appwrite_orm_django.backend.values import table_id
from appwrite_orm_django.cache.own_writes import fresh_reads
from appwrite_orm_django.cache.timeouts import Choice, chosen

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper
    from appwrite_orm_django.backend.planning.prepared import WholeModel


class SQLCompiler(compiler.SQLCompiler):
    connection: DatabaseWrapper  # type: ignore[assignment]  # only this connection uses it
    elide_empty: bool  # missing in django-stubs
    # Ordering never adds columns to result rows: the cursor returns just the selected columns.
    has_extra_select = False
    # Set by get_select(). A query for whole instances needs little of what Django works out.
    _whole: WholeModel | None = None

    def __new__(cls, query: Any, _connection: Any, using: str | None, *_: Any, **__: Any) -> Any:
        # Generic relations read content types from the database of the object that they relate.
        elsewhere = _home_of_content_types(query, using)
        return query.get_compiler(using=elsewhere) if elsewhere else super().__new__(cls)

    def compile(self, node: Any) -> tuple[str, tuple[()]]:
        """
        Return a placeholder: commands describe expressions, which are never rendered as text.

        Only the statements that define indexes and constraints show them, for logs.
        """
        if not self.query.alias_cols:
            local = self.query.get_compiler(connection=self.connection.local_database)  # type: ignore[arg-type]  # Django's own only
            shown: tuple[str, tuple[()]] = local.compile(node)
            return shown
        if isinstance(node, OrderBy):
            # get_order_by(), called for prefetches of slices, identifies an order by the text
            # before its direction.
            return f"{node.expression!r} {'DESC' if node.descending else 'ASC'}", ()
        return "", ()

    def get_converters(self, expressions: Any) -> dict[int, Any]:
        if isinstance(self.query, RawQuery):
            # The rows of raw SQL come from SQLite unconverted.
            database = self.connection.local_database
            found: dict[int, Any] = database.ops.compiler("SQLCompiler")(
                self.query, database, None
            ).get_converters(expressions)
            return found
        return {}

    def get_select(self, with_col_aliases: bool = False) -> tuple[Any, Any, Any]:
        self._whole = None if with_col_aliases else self.connection.whole_models.of(self.query)
        if self._whole is None:
            result: tuple[Any, Any, Any] = super().get_select(with_col_aliases)
            return result
        return (
            list(self._whole.select),
            {"model": self.query.model, "select_fields": self._whole.positions},
            {},
        )

    def as_sql(
        self, with_limits: bool = True, with_col_aliases: bool = False
    ) -> tuple[Command, tuple[()]]:  # type: ignore[override]  # commands take the place of SQL
        command = self.read_command()
        if (asked := self.query.explain_info) is not None:
            # Rejects formats and options: there are none.
            self.connection.ops.explain_query_prefix(asked.format, **asked.options)
            command = Explain(command)
        return command, ()

    def read_command(self) -> Command:
        """
        Return the command that reads this query's rows.

        Raises:
            EmptyResultSet: no row can match, so there is nothing to ask.
            NotSupportedError: neither the server nor local evaluation can answer the query.
        """
        if self.query.select_for_update or self.connection.transaction is not None:
            locking.check(self.query, self.connection)
        refcounts_before = self.query.alias_refcount.copy()
        try:
            self.setup_query()
            if self.query.is_empty() and self.elide_empty:
                raise EmptyResultSet
            if (
                self.query.high_mark is not None
                and self.query.high_mark == self.query.low_mark
                and self.elide_empty
            ):
                raise EmptyResultSet
            command = self._pushed_down()
            if self.query.select_for_update:
                # Each row to lock has to be identifiable in the result.
                return (
                    command
                    if isinstance(command, (GetRow, ListRows))
                    else evaluation.plan_query(self)
                )
            if command is None or (isinstance(command, OneRow) and len(command.parts) > 1):
                # One request, where the server can do it, is better than several.
                command = server.plan(self) or command
            return command if command is not None else evaluation.plan_query(self)
        finally:
            # As in Django's as_sql(): joins added for ordering and related objects belong to this
            # compilation only.
            self.query.reset_refcounts(refcounts_before)

    def _pushed_down(self) -> Command | None:
        query = self.query
        if (
            query.combinator
            or query.distinct_fields
            or query.group_by is not None
            or query.extra
            or query.extra_tables
            or query.extra_order_by
        ):
            return None
        ordering = self._simple_ordering()
        if ordering is None:
            ordering = self.resolved_ordering()
        alias = query.get_initial_alias()
        if alias is None:
            return None  # no model, no table: Q.check()
        if any(count for other, count in query.alias_refcount.items() if other != alias):
            return None
        table = self.connection.table_ref(table_id(query.alias_map[alias].table_name))
        scope = Scope(alias, self.connection)
        outputs = None if self._whole is None else self._whole.outputs
        select = () if outputs is not None else [expression for expression, _, _ in self.select]
        try:
            command = reads.single_table_read(query, select, ordering, table, scope, outputs)
        except EmptyResultSet:
            if self.elide_empty:
                raise
            return None
        # The reader knows how the log leaves one row; what it makes of several is left to local
        # evaluation.
        return (
            command if isinstance(command, GetRow) or not self.connection.is_dirty(table) else None
        )

    def _simple_ordering(self) -> list[OrderBy] | None:
        query = self.query
        if self._whole is None or query.extra_order_by:
            return None
        names = query.order_by
        if not names and query.default_ordering:
            names = self._whole.model._meta.ordering or ()
        return self._whole.ordering(
            names, reverse=not query.standard_ordering, annotations=query.annotations
        )

    def resolved_ordering(self) -> list[OrderBy]:
        """
        Return the query's ordering with names resolved to columns.

        It includes the default ordering of the model.
        """
        if not (self.query.order_by or self.query.extra_order_by or self.query.default_ordering):
            return []
        return [
            order_by.resolve_expression(self.query, allow_joins=True, reuse=None)
            for order_by, _ in self._order_by_pairs()  # type: ignore[func-returns-value]  # the stubs leave its result out
        ]

    def execute_sql(
        self,
        result_type: str = MULTI,
        chunked_fetch: bool = False,
        chunk_size: int = GET_ITERATOR_CHUNK_SIZE,
    ) -> Any:
        """
        Run the query through the cache.

        Streamed reads and everything that is not a read bypass it.
        """
        if result_type not in (MULTI, SINGLE) or self.query.explain_info is not None:
            return super().execute_sql(result_type, chunked_fetch, chunk_size)  # type: ignore[call-overload]  # the stubs know literals only
        try:
            command = self.read_command()
        except EmptyResultSet:
            return iter([]) if result_type == MULTI else None
        if self.query.select_for_update:
            rows = locking.read(command, self.connection, self.select)
            return [rows] if result_type == MULTI else (rows[0] if rows else None)
        if chunked_fetch:
            self.connection.note_uncached(command)
            return super().execute_sql(result_type, chunked_fetch, chunk_size)

        load = partial(self.connection.load_rows, command)
        rows = cached_rows(
            self.connection, command, load, choice=self.cache_choice, model=self.query.model
        )
        if result_type == SINGLE:
            return rows[0] if rows else None
        return [rows]

    @property
    def cache_choice(self) -> Choice:
        """The options of ``QuerySet.cache()``."""
        # An aggregate over a subquery is a query of its own; the choice was made on the inner
        # query.
        return chosen(getattr(self.query, "inner_query", self.query))

    def explain_query(self) -> Iterator[str]:
        for rows in self.execute_sql():
            for (line,) in rows:
                yield line


def _home_of_content_types(query: Any, using: str | None) -> str | None:
    """
    Return the alias for a query over content types if the routers keep them off ``using``.

    Django's generic relations name the database of the related object in such a query, and
    content types are only where the routers have them.

    Returns:
        The alias; None for queries over other models, and if content types may be on ``using``.
    """
    model = getattr(query, "model", None)
    if model is None or model._meta.model_name != "contenttype" or using is None:
        return None
    if model._meta.app_label != "contenttypes" or router.allow_migrate_model(using, model):
        return None
    home = router.db_for_write(model)
    return None if home == using else home


class SQLAggregateCompiler(SQLCompiler):
    def setup_query(self, with_col_aliases: bool = False) -> None:
        self.select = [
            (expression, ("", ()), alias)
            for alias, expression in self.query.annotation_select.items()
        ]
        self.klass_info = None
        self.annotation_col_map = {
            alias: index for index, alias in enumerate(self.query.annotation_select)
        }
        self.col_count = len(self.select)

    def read_command(self) -> Command:
        self.setup_query()
        return self._sliced_count() or server.plan(self) or evaluation.plan_query(self)

    def _sliced_count(self) -> Command | None:
        """
        Return the command for the ``count()`` of a slice.

        Pages ask for it when they do not need the exact number of many rows.
        """
        inner = self.query.inner_query
        (counted, *others) = map(aggregate, self.query.annotation_select.values())
        is_count = (
            not others
            and counted is not None
            and counted.function is Count
            and not counted.distinct
        )
        if not (inner.is_sliced and is_count and isinstance(counted.source, Star)):
            return None
        try:
            listed = inner.get_compiler(connection=self.connection).read_command()
        except EmptyResultSet:
            return None
        if not isinstance(listed, ListRows):
            return None
        return CountRows(listed.table, listed.condition, listed.offset, listed.limit)


class SQLInsertCompiler(compiler.SQLInsertCompiler, SQLCompiler):
    def as_sql(self) -> list[tuple[Command, tuple[()]]]:  # type: ignore[override]  # commands take the place of SQL
        from appwrite_orm_django.backend.planning import writes

        return [(writes.create_command(self), ())]

    def execute_sql(self, returning_fields: Any = None) -> Any:
        # Since Django 6.1, a bulk_create() of one batch opens no block. One batch for Django may be
        # many requests: of a hundred rows each, or of one row for users and for tables with
        # relationships.
        if len(self.query.objs) > 1:
            with transaction.atomic(using=self.using, savepoint=False):
                return self._run(returning_fields)
        return self._run(returning_fields)

    def _run(self, returning_fields: Any) -> Any:
        if self.query.on_conflict is not OnConflict.UPDATE:
            return super().execute_sql(returning_fields)
        # Django sets the keys of new objects, but not of objects that already have one. Those would
        # keep the key of a row that does not exist.
        key: list[Any] = list(self.query.get_meta().pk_fields)
        rows = super().execute_sql([*(returning_fields or ()), *key])
        for obj, row in zip(self.query.objs, rows, strict=True):
            for field, value in zip(key, row[-len(key) :], strict=True):
                setattr(obj, field.attname, value)
        return [row[: -len(key)] for row in rows]

    def get_converters(self, expressions: Any) -> dict[int, Any]:
        return {}


class SQLDeleteCompiler(compiler.SQLDeleteCompiler, SQLCompiler):
    def execute_sql(self, result_type: str = MULTI, *chunks: Any) -> Any:
        deleted = compiler.SQLCompiler.execute_sql(self, result_type, *chunks)  # type: ignore[call-overload]  # the stubs know literals only
        # None if no row can match, as for an id that Appwrite refuses. Model.delete() adds the
        # numbers up.
        return 0 if deleted is None else deleted

    def as_sql(self) -> tuple[Command, tuple[()]]:  # type: ignore[override]
        from appwrite_orm_django.backend.planning import writes

        return writes.delete_command(self), ()


class SQLUpdateCompiler(compiler.SQLUpdateCompiler, SQLCompiler):
    def as_sql(self) -> tuple[Command | str, tuple[()]]:  # type: ignore[override]
        from appwrite_orm_django.backend.planning import writes

        # For several tables, Django first reads which rows to update.
        with fresh_reads():
            self.pre_sql_setup()
        if not self.query.values:
            return "", ()
        try:
            return writes.update_command(self), ()
        except writes.NullRefused:
            # A database looks at values of the rows that it changes: ``save()`` of a new object
            # with a key first updates no row, and its ``auto_now_add`` is null until then.
            if self._finds_rows():
                raise
            raise EmptyResultSet from None

    def _finds_rows(self) -> bool:
        query = self.query.chain(klass=Query)
        query.clear_ordering(force=True)
        query.select_related = False
        with fresh_reads():
            return query.has_results(self.connection.alias)
