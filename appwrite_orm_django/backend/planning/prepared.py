"""
Keep compiled reads of a connection for reuse.

``WholeModel`` holds the common parts of all reads of whole instances of a model: its columns,
outputs and simple orderings. Django works these out for each query (80 us for six columns, twice
the other costs of a cached hit). ``PreparedReads`` keeps the compiled form of ``prepared()``
querysets.

A query inside ``atomic`` is always compiled anew: its answer depends on what the block has written,
and the block depends on the rows that it has read.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from weakref import WeakKeyDictionary

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db.models.expressions import Col, OrderBy
from django.db.models.sql import Query
from django.utils import timezone

from appwrite_orm_django.backend import instrumentation
from appwrite_orm_django.backend.by_value import pinned
from appwrite_orm_django.backend.commands import GetRow, ListRows, Outputs
from appwrite_orm_django.backend.execution.cached_reads import cache_text, only_row
from appwrite_orm_django.backend.planning import reads
from appwrite_orm_django.cache.timeouts import Choice, inherited

if TYPE_CHECKING:
    from django.db.models import Field, Model

    from appwrite_orm_django.backend.connection import Compiler, Connection
    from appwrite_orm_django.cache.protocol import ReadPlan
    from appwrite_orm_django.cache.service import Pinned, QueryCache


Select = list[tuple[Any, tuple[str, tuple[()]], None]]


class WholeModel:
    """
    The columns of a model of one table, with the table's name as alias.

    Attributes:
        select: as ``SQLCompiler.select``.
        outputs: the outputs of its columns; None if a single-table command cannot read one of them.
    """

    def __init__(self, model: type[Model], connection: Connection) -> None:
        self.model = model
        self.alias = model._meta.db_table
        columns: list[Any] = [field.get_col(self.alias) for field in model._meta.concrete_fields]
        self.select: Select = [(column, ("", ()), None) for column in columns]
        self.positions = list(range(len(columns)))
        outputs = [reads.output_for(column, self.alias, connection) for column in columns]
        self.outputs = (
            None if None in outputs else Outputs(output for output in outputs if output is not None)
        )
        # Fields that a name in an ordering refers to directly; a relation may refer to the ordering
        # of another model.
        self._orderable: dict[str, Field[Any, Any]] = {
            field.name: field for field in model._meta.concrete_fields if not field.is_relation
        }
        if not model._meta.pk.is_relation and model._meta.pk.concrete:
            self._orderable.setdefault("pk", model._meta.pk)

    def ordering(self, names: Any, *, reverse: bool, annotations: Any) -> list[OrderBy] | None:
        """
        Resolve names such as ``"-title"``.

        None if a name is anything but a plain field of this model.
        """
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


class WholeModels:
    """Hold the whole models that one connection has read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[type[Model], WholeModel | None] = {}

    def of(self, query: Query) -> WholeModel | None:
        """
        Return the ``WholeModel`` of a query that selects all fields of its model and nothing else.

        None for other queries.
        """
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
        try:
            found = self._known[query.model]
        except KeyError:
            made = (
                WholeModel(query.model, self._connection) if _has_one_table(query.model) else None
            )
            found = self._known[query.model] = made
        return found if found is not None and query.get_initial_alias() == found.alias else None


def _has_one_table(model: type[Model]) -> bool:
    return not model._meta.proxy and all(
        field.model._meta.concrete_model is model for field in model._meta.concrete_fields
    )


class PreparedRead(NamedTuple):
    """
    A compiled read.

    It is valid only for the cache (that is, the connection and database) and the time settings that
    it was compiled for.
    """

    cache: QueryCache
    use_tz: bool
    zone: object
    command: ListRows | GetRow
    text: str
    tables: tuple[str]
    row: tuple[str, str] | None
    choice: Choice
    pinned: Pinned | None
    plan: ReadPlan


class PreparedReads:
    """Hold the prepared querysets that one connection has compiled."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._by_owner: WeakKeyDictionary[Any, PreparedRead] = WeakKeyDictionary()

    def of_owner(self, owner: Any, query: Callable[[], Query]) -> PreparedRead | None:
        """
        Return the read for ``query()``, compiled once for this owner.

        None if it cannot be kept.
        """
        if self._connection.transaction is not None:
            return None
        known = self._by_owner.get(owner)
        if known is None or not self._is_good(known):
            with inherited(Choice()):  # the first caller must not choose for all others
                known = self._compile(query())
            if known is not None:
                self._by_owner[owner] = known
        return known

    def rows(self, known: PreparedRead) -> list[tuple[Any, ...]]:
        """Return the rows of a read from ``of_owner``, from the cache if they are fresh."""
        load = partial(self._connection.load_rows, known.command)
        identity = self._connection.cache_identity
        # The kept plan belongs to the API key, whose cache entry no user shares.
        plan = None if identity else known.plan
        watcher = instrumentation.current()
        with (
            nullcontext()
            if watcher is None
            else watcher.reading(self._connection.alias, known.command)
        ):
            return known.cache.read(
                known.text,
                known.tables,
                load,
                row=known.row,
                identity=identity,
                timeout=known.choice.timeout,
                max_age=known.choice.max_age,
                pinned=known.pinned,
                plan=plan,
            )

    def _is_good(self, known: PreparedRead) -> bool:
        return (
            known.cache is self._connection.cache
            and known.use_tz is settings.USE_TZ
            and (known.zone is None or known.zone == timezone.get_current_timezone())
        )

    def _compile(self, query: Query) -> PreparedRead | None:
        """
        Compile a query.

        Returns:
            None unless it is a single read of one table. Anything else that it may depend on
                (subqueries, the SQL that local evaluation runs) is examined on each compilation.
        """
        # Years are compared with bounds in the current time zone, so in another zone the query is a
        # different one.
        zone = timezone.get_current_timezone() if query.where.children else None
        compiler = cast("Compiler", query.get_compiler(connection=self._connection))
        if query.select_for_update:
            return None
        try:
            command = compiler.read_command()
        except EmptyResultSet:
            return None
        if (
            not isinstance(command, (ListRows, GetRow))
            or len(command.tables) != 1
            or command.is_volatile
        ):
            return None
        cache, text, row = (
            self._connection.cache,
            cache_text(cast("type[Model]", query.model), command),
            only_row(command),
        )
        tables = (command.table.table,)
        values = pinned(cache.core.keys, command)
        plan = cache.core.keys.plan(text, tables, row, pinned=values)
        return PreparedRead(
            cache,
            settings.USE_TZ,
            zone,
            command,
            text,
            tables,
            row,
            compiler.cache_choice,
            values,
            plan,
        )
