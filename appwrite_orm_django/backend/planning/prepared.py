"""Reads that this connection has compiled before."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from weakref import WeakKeyDictionary

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db.models.expressions import Col, OrderBy
from django.db.models.sql import Query
from django.db.models.sql.where import WhereNode
from django.utils import timezone

from appwrite_orm_django.backend import instrumentation
from appwrite_orm_django.backend.commands import GetRow, ListRows, Outputs
from appwrite_orm_django.backend.execution.cached_reads import cache_text, only_row
from appwrite_orm_django.backend.planning import reads
from appwrite_orm_django.cache.timeouts import chosen, inherited

if TYPE_CHECKING:
    from django.db.models import Field, Model

    from appwrite_orm_django.backend.connection import Compiler, Connection
    from appwrite_orm_django.cache.protocol import ReadPlan
    from appwrite_orm_django.cache.service import QueryCache


Select = list[tuple[Any, tuple[str, tuple[()]], None]]


class WholeModel:
    """
    The columns of a model of one table, under the alias that is the table's name.

    Attributes:
        select: as ``SQLCompiler.select``.
        outputs: of its columns; None if one of them can not be read with a single-table command.
    """

    def __init__(self, model: type[Model], connection: Connection) -> None:
        self.model = model
        self.alias = model._meta.db_table
        columns: list[Any] = [field.get_col(self.alias) for field in model._meta.concrete_fields]
        self.select: Select = [(column, ("", ()), None) for column in columns]
        self.positions = list(range(len(columns)))
        outputs = [reads.output_for(column, self.alias, connection) for column in columns]
        self.outputs = None if None in outputs else Outputs(output for output in outputs if output is not None)
        # Fields that an ordering by name means as such: relations may mean the ordering of another model.
        self._orderable: dict[str, Field[Any, Any]] = {
            field.name: field for field in model._meta.concrete_fields if not field.is_relation
        }
        if not model._meta.pk.is_relation and model._meta.pk.concrete:
            self._orderable.setdefault("pk", model._meta.pk)

    def ordering(self, names: Any, *, reverse: bool, annotations: Any) -> list[OrderBy] | None:
        """Resolve names such as ``"-title"``; None if one of them is anything but a plain field of this model."""
        resolved: list[OrderBy] = []
        for name in names:
            if not isinstance(name, str):
                return None
            descending = name.startswith("-")
            bare = name[1:] if descending else name
            field = self._orderable.get(bare)
            if field is None or bare in annotations:
                return None
            column: Col = field.get_col(self.alias)
            resolved.append(OrderBy(column, descending=descending is not reverse))
        return resolved


def _has_one_table(model: type[Model]) -> bool:
    return not model._meta.proxy and all(
        field.model._meta.concrete_model is model for field in model._meta.concrete_fields
    )


_MOST_SHAPES = 1024

# What a query may hold and still be known by its shape: parts of the shape, ...
_SHAPE = {
    "model",
    "order_by",
    "default_ordering",
    "standard_ordering",
    "low_mark",
    "high_mark",
    "appwrite_cache_timeout",
}
# ... what ``_shape`` looks at, ...
_CHECKED = {
    "alias_refcount", "where", "annotations", "extra", "_filtered_relations", "external_aliases", "default_cols", "select", "select_related",
    "deferred_loading", "distinct", "distinct_fields", "select_for_update", "combinator", "combined_queries", "group_by", "extra_tables",
    "extra_order_by", "explain_info", "values_select", "selected", "annotation_select_mask", "extra_select_mask",
}  # fmt: skip
# ... and names of tables, columns and marks that mean nothing for a single table without conditions.
_IDLE = {"alias_map", "alias_cols", "table_map", "used_aliases", "filter_is_sticky", "base_table", "_annotation_select_cache", "_extra_select_cache"}  # fmt: skip
_KNOWN = frozenset(_SHAPE | _CHECKED | _IDLE)


class KnownRead(NamedTuple):
    """A compiled read; good only for the cache (that is: connection and database) and the settings of time that it was compiled for."""

    cache: QueryCache
    use_tz: bool
    zone: object
    command: ListRows | GetRow
    text: str
    tables: tuple[str]
    row: tuple[str, str] | None
    timeout: float | None
    plan: ReadPlan


class KnownReads:
    """What one connection has compiled: reads, and the columns of models."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._by_shape: dict[Hashable, KnownRead | None] = {}
        self._by_owner: WeakKeyDictionary[Any, KnownRead] = WeakKeyDictionary()
        self._whole_models: dict[type[Model], WholeModel | None] = {}

    def whole_model(self, query: Query) -> WholeModel | None:
        """Return what a query that selects all fields of its model, and nothing else, has in common with others; None for other queries."""
        if (
            not query.default_cols
            or query.select_related
            or query.deferred_loading != (frozenset(), True)
            or query.annotations
            or query.extra
            or query.combinator
            or getattr(query, "selected", None) is not None
            or query.model is None
        ):
            return None
        known = self._whole_models
        try:
            found = known[query.model]
        except KeyError:
            made = WholeModel(query.model, self._connection) if _has_one_table(query.model) else None
            found = known[query.model] = made
        return found if found is not None and query.get_initial_alias() == found.alias else None

    def of_owner(self, owner: Any, query: Callable[[], Query]) -> KnownRead | None:
        """Return the read that ``query()`` stands for, compiled once for this owner; None if it cannot be kept."""
        if self._connection.transaction is not None:
            return None
        known = self._by_owner.get(owner)
        if known is None or not self._is_good(known):
            with inherited(None):  # whoever asks first does not choose for all others
                known = self._compile(query())
            if known is not None:
                self._by_owner[owner] = known
        return known

    def of_shape(self, query: Query) -> KnownRead | None:
        """Return the read that a query without conditions stands for, compiled when the first of its like was asked; None for others."""
        if self._connection.transaction is not None or (shape := _shape(query)) is None:
            return None
        known = self._by_shape.get(shape, self)
        if known is self or (known is not None and not self._is_good(known)):  # type: ignore[arg-type]
            if len(self._by_shape) >= _MOST_SHAPES:
                self._by_shape.clear()
            known = self._by_shape[shape] = self._compile(query.chain())
        return cast("KnownRead | None", known)

    def rows(self, known: KnownRead) -> list[tuple[Any, ...]]:
        """Return the rows of a read that was known a moment ago, from the cache where it is fresh."""
        load = partial(self._connection.load_rows, known.command)
        identity = self._connection.cache_identity
        # The plan that was kept is the API key's: its entry is nobody else's.
        plan = None if identity else known.plan
        watcher = instrumentation.current()
        with nullcontext() if watcher is None else watcher.reading(self._connection.alias, known.command):
            return known.cache.read(
                known.text, known.tables, load, row=known.row, identity=identity, timeout=known.timeout, plan=plan
            )

    def _is_good(self, known: KnownRead) -> bool:
        return (
            known.cache is self._connection.cache
            and known.use_tz is settings.USE_TZ
            and (known.zone is None or known.zone == timezone.get_current_timezone())
        )

    def _compile(self, query: Query) -> KnownRead | None:
        """
        Compile a query.

        Returns:
            None unless it is a single read of one table: what else it may depend on (subqueries, the SQL that local evaluation runs) is
            looked at whenever it is compiled.
        """
        # Years are compared with bounds in the current time zone, so what was compiled in another one is another question.
        zone = timezone.get_current_timezone() if query.where.children else None
        compiler = cast("Compiler", query.get_compiler(connection=self._connection))
        if query.select_for_update:
            return None
        try:
            command = compiler.read_command()
        except EmptyResultSet:
            return None
        if not isinstance(command, (ListRows, GetRow)) or len(command.tables) != 1 or command.is_volatile:
            return None
        cache, text, row = (
            self._connection.cache,
            cache_text(cast("type[Model]", query.model), command),
            only_row(command),
        )
        tables = (command.table.table,)
        plan = cache.core.keys.plan(text, tables, row)
        return KnownRead(cache, settings.USE_TZ, zone, command, text, tables, row, compiler.cache_timeout, plan)


def _shape(query: Query) -> Hashable | None:
    """Return what tells a query apart from others that read whole instances of one model, without conditions; None for others."""
    held = query.__dict__
    if type(query) is not Query or not held.keys() <= _KNOWN:
        return None
    where = query.where
    if type(where) is not WhereNode or where.children or where.negated or len(query.alias_refcount) > 1:
        return None
    if (
        query.annotations
        or query.extra
        or query._filtered_relations  # type: ignore[attr-defined]
        or query.external_aliases
        or not query.default_cols
        or query.select
        or query.select_related
        or query.deferred_loading != (frozenset(), True)
        or query.distinct
        or query.distinct_fields
        or query.select_for_update
        or query.combinator
        or query.combined_queries
        or query.group_by is not None
        or query.extra_tables
        or query.extra_order_by
        or query.explain_info is not None
        or query.values_select
        or getattr(query, "selected", None) is not None
        or query.annotation_select_mask is not None
        or query.extra_select_mask is not None
    ):
        return None
    model = query.model
    names = query.order_by or (tuple(model._meta.ordering or ()) if query.default_ordering else ())  # type: ignore[union-attr]
    for name in names:
        if type(name) is not str:
            return None
    low, high = query.low_mark, query.high_mark
    return model, names, query.standard_ordering, low, high, chosen(query)
