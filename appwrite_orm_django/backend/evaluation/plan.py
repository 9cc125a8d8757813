"""Plan local evaluation: the rows to fetch for a query, and the SQL to run over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import DataError, NotSupportedError
from django.db.models import Field, ForeignKey, Model, OneToOneRel
from django.db.models.expressions import Col, ColPairs
from django.db.models.sql import AggregateQuery, Query
from django.db.models.sql.constants import INNER, LOUTER
from django.db.models.sql.where import AND, ExtraWhere

from appwrite_orm_django.backend.commands import Condition, Converter, Membership
from appwrite_orm_django.backend.cross_database import refuse_other_databases
from appwrite_orm_django.backend.decoding import definition_of
from appwrite_orm_django.backend.evaluation import run, tables, texts
from appwrite_orm_django.backend.evaluation.commands import Fetch, Link, LocalQuery
from appwrite_orm_django.backend.evaluation.run import Page, Program
from appwrite_orm_django.backend.evaluation.statements import Level, is_volatile, sources
from appwrite_orm_django.backend.planning import reads, trees, where
from appwrite_orm_django.backend.planning.where import Scope
from appwrite_orm_django.backend.values import FloatCodec, codec_for, column_key, table_id
from appwrite_orm_django.client.queries import check_text

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Compiler, Connection


def plan(compiler: Compiler, *, set_up: bool = False) -> LocalQuery:
    """
    Return the command that evaluates the compiler's query locally.

    Args:
        set_up: whether to prepare the query's select list first, as ``as_sql()`` does.

    Raises:
        NotSupportedError: SQLite cannot run the query either.
        EmptyResultSet: no row can match.
    """
    if set_up:
        compiler.setup_query()
    whole = _plan(compiler)
    if not compiler.query.is_sliced or isinstance(compiler.query, AggregateQuery):
        return whole
    sliced = _plan_with_slice(compiler, whole)
    return sliced or whole


def _plan(compiler: Compiler) -> LocalQuery:
    connection = compiler.connection
    whole = compiler.query.clone()
    whole.explain_info = None
    sqlite_compiler = whole.get_compiler(
        connection=connection.local_database, elide_empty=compiler.elide_empty
    )
    with connection.local_database.noting() as noted:
        sql, params = _compile(sqlite_compiler)
    fetches: list[Fetch] = []
    models: dict[str, type[Model]] = {}
    is_collated = noted.unknown
    for noted_level in noted.levels:
        level = _Level(noted_level, connection, models, fetches)
        level.add()
        is_collated = is_collated or level.joins_other_text()
    whole_tables = _read_by(noted.fragments, models)
    fetches = _with_whole_tables(fetches, whole_tables, connection)
    refuse_other_databases(compiler.query.model, models.values(), connection.alias)
    program = Program(
        sqlite_compiler,
        models,
        whole_tables=whole_tables,
        is_collated=is_collated or bool(noted.fragments),
        is_nested=len(noted.levels) > 1 or bool(noted.fragments),
    )
    return LocalQuery(
        sql,
        tuple(params),
        _without_repetition(fetches),
        program,
        depends_on_more=is_volatile(sql, params),
        definition=_definition(sqlite_compiler, models, connection),
    )


def _definition(
    sqlite_compiler: Any, models: Mapping[str, type[Model]], connection: Connection
) -> str:
    """Describe how values are converted for SQLite and back."""
    database = connection.local_database
    described = [f"{name} {database.table_of(models[name]).definition}" for name in sorted(models)]
    return "; ".join(
        (
            f"{database.engine.name} {database.timezone_name}",
            *described,
            *_computed(sqlite_compiler),
        )
    )


def _computed(sqlite_compiler: Any) -> Iterator[str]:
    if sqlite_compiler.select is None:  # an AggregateQuery's
        selected = list(sqlite_compiler.query.annotation_select.values())
    else:
        selected = [expression for expression, _, _ in sqlite_compiler.select]
    for expression in selected:
        field = getattr(expression, "_output_field_or_none", None)
        if type(expression) is ColPairs:
            continue
        # A column that is selected unchanged is described with its table.
        if type(expression) is not Col or field is not expression.target:
            yield "" if field is None else definition_of(field)


def _compile(sqlite_compiler: Any) -> tuple[str, tuple[Any, ...]]:
    try:
        sql, params = sqlite_compiler.as_sql()
    except (EmptyResultSet, FullResultSet):
        raise
    except NotSupportedError as error:
        raise NotSupportedError(
            f"Neither Appwrite nor local evaluation can answer this query: {error}"
        ) from error
    return check_text(sql), tuple(map(checked_param, params))


def checked_param(value: Any) -> Any:
    """
    Return a parameter of SQL as SQLite accepts it, with a ``repr`` that identifies it.

    Raises:
        InvalidText: the text has a lone surrogate.
        DataError: the integer exceeds 64 bits.
    """
    if isinstance(value, str):
        return check_text(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise DataError(
            f"{value}, a constant in a locally evaluated query, exceeds 64 bits.\nUse a decimal "
            "instead."
        )
    # Binary values are memoryviews for SQLite, whose repr has an address.
    return bytes(value) if isinstance(value, memoryview) else value


def _read_by(texts: list[str], models: dict[str, type[Model]]) -> frozenset[str]:
    """Return the tables that fragments of SQL read, and add missing ones to ``models``."""
    if not texts:
        return frozenset()
    described = tables.models_by_table()
    found = sources(texts, described)
    models.update((name, described[name]) for name in found)
    return frozenset(found)


def _with_whole_tables(
    fetches: list[Fetch], names: frozenset[str], connection: Connection
) -> list[Fetch]:
    """Fetch these tables whole: what a fragment reads does not depend on the query around it."""
    known = {fetch.db_table for fetch in fetches}
    return [
        *(
            replace(fetch, condition=Condition(), links=()) if fetch.db_table in names else fetch
            for fetch in fetches
        ),
        *(
            Fetch(connection.table_ref(table_id(name)), name, Condition())
            for name in sorted(names - known)
        ),
    ]


def _without_repetition(fetches: list[Fetch]) -> tuple[Fetch, ...]:
    """Drop repeated fetches, and renumber the links, which refer to positions."""
    kept: list[Fetch] = []
    position: dict[int, int] = {}
    for number, fetch in enumerate(fetches):
        fetch = replace(
            fetch, links=tuple(replace(link, source=position[link.source]) for link in fetch.links)
        )
        if fetch in kept:
            position[number] = kept.index(fetch)
        else:
            position[number] = len(kept)
            kept.append(fetch)
    return tuple(kept)


@dataclass
class _Step:
    alias: str
    condition: Condition
    links: list[tuple[str, str, str, Converter | None]] = field(
        default_factory=list
    )  # key, source alias, source key, conversion


class _Level:
    """The tables of one query level, narrowed by its where-tree and through their joins."""

    def __init__(
        self,
        level: Level,
        connection: Connection,
        models: dict[str, type[Model]],
        fetches: list[Fetch],
    ) -> None:
        query = self.query = level.query
        self.connection = connection
        self.fetches = fetches
        self.aliases = level.aliases
        self.model_by_alias = {alias: tables.model_of(query, alias) for alias in self.aliases}
        models.update(
            (query.alias_map[alias].table_name, model)
            for alias, model in self.model_by_alias.items()
        )
        for name in level.extra_tables:
            models[name] = tables.model_of_table(name)
            fetches.append(Fetch(connection.table_ref(table_id(name)), name, Condition()))

    def add(self) -> None:
        steps = {alias: _Step(alias, self._condition(alias)) for alias in self.aliases}
        order = self._link(steps)
        first = len(self.fetches)
        position = {alias: first + number for number, alias in enumerate(order)}
        for alias in order:
            step = steps[alias]
            links = tuple(
                Link(key, position[source], source_key, convert)
                for key, source, source_key, convert in step.links
            )
            name = self.query.alias_map[alias].table_name
            self.fetches.append(
                Fetch(self.connection.table_ref(table_id(name)), name, step.condition, links)
            )

    def _condition(self, alias: str) -> Condition:
        scope = Scope(alias, self.connection)
        join = self.query.alias_map[alias]
        parts = []
        if join.join_type != LOUTER:
            # WHERE must not narrow an outer-joined table: a row left out would look like a missing
            # row.
            parts.append(where.narrow(self.query.where, scope))
        if getattr(join, "filtered_relation", None) is not None:
            parts.append(where.narrow(join.filtered_relation.resolved_condition, scope))
        condition, _ = trees.to_condition(trees.both(parts))
        return NOTHING if condition is None else condition

    def _link(self, steps: dict[str, _Step]) -> list[str]:
        """Decide the order of fetches and which table narrows which; return the order."""
        children: dict[str, list[str]] = {alias: [] for alias in self.aliases}
        roots: list[str] = []
        for alias in self.aliases:
            parent = getattr(self.query.alias_map[alias], "parent_alias", None)
            if parent in children:
                children[parent].append(alias)
            else:
                roots.append(alias)
        order: list[str] = []
        for root in roots:
            self._visit(root, children, steps, order)
        return order

    def _visit(
        self, alias: str, children: dict[str, list[str]], steps: dict[str, _Step], order: list[str]
    ) -> None:
        later: list[str] = []
        for child in children[alias]:
            inner = self.query.alias_map[child].join_type == INNER
            if inner and self._is_selective(child, children, steps):
                self._visit(child, children, steps, order)
                self._narrow(steps[alias], by=child, through=child, forward=False)
            else:
                later.append(child)
        order.append(alias)
        for child in later:
            self._narrow(steps[child], by=alias, through=child, forward=True)
            self._visit(child, children, steps, order)

    def _is_selective(
        self, alias: str, children: dict[str, list[str]], steps: dict[str, _Step]
    ) -> bool:
        condition = steps[alias].condition
        return bool(condition.queries or condition.memberships) or any(
            self._is_selective(child, children, steps)
            for child in children[alias]
            if self.query.alias_map[child].join_type == INNER
        )

    def _narrow(self, step: _Step, *, by: str, through: str, forward: bool) -> None:
        """Narrow a step by the values of the other side of the join ``through``."""
        for parent, child in self._joined_by(through):
            target, source = (child, parent) if forward else (parent, child)
            if isinstance(codec_for(target), FloatCodec):
                return  # a filter would not find every float
            step.links.append(
                (column_key(target), by, column_key(source), _conversion(source, target))
            )
            return  # one pair is enough, as SQLite checks all of them

    def _joined_by(self, alias: str) -> Iterator[tuple[Field[Any, Any], Field[Any, Any]]]:
        """Yield the pairs of fields that join a table to the previous one."""
        join = self.query.alias_map[alias]
        columns = getattr(join, "join_cols", None) or getattr(join, "join_fields", None) or ()
        for parent_column, child_column in columns:
            parent_column = getattr(parent_column, "column", parent_column)
            child_column = getattr(child_column, "column", child_column)
            parent = tables.field_of_column(self.model_by_alias[join.parent_alias], parent_column)
            yield parent, tables.field_of_column(self.model_by_alias[alias], child_column)

    def joins_other_text(self) -> bool:
        """Return whether row ids are joined with other text, as by a generic relation."""
        return any(
            texts.holds_row_ids(parent) is not texts.holds_row_ids(child)
            for alias in self.aliases
            if getattr(self.query.alias_map[alias], "parent_alias", None) in self.model_by_alias
            for parent, child in self._joined_by(alias)
        )


def _conversion(source: Field[Any, Any], target: Field[Any, Any]) -> Converter | None:
    """Return the conversion of wire values between two columns, None if both are alike."""
    reads, writes = codec_for(source), codec_for(target)
    if type(reads) is type(writes) and vars(reads) == vars(writes):
        return None
    return lambda wire: writes.encode(reads.decode(wire))


# The where-tree excludes every row of the table, so nothing is fetched.
NOTHING = Condition((), (Membership("$id", ()),))


def _plan_with_slice(compiler: Compiler, whole: LocalQuery) -> LocalQuery | None:
    """
    Return a plan in which the server orders and slices the base table, if that is exact.

    It is exact if only to-one joins are applied to these rows. An inner join to a missing row would
    still drop one: running the plan detects this and falls back to ``whole``.
    """
    query = compiler.query
    alias = query.get_initial_alias()
    if (
        not _keeps_rows(query, alias)
        or query.alias_map[alias].table_name in whole.program.whole_tables
    ):
        return None
    scope = Scope(alias, compiler.connection)
    condition, exact = trees.to_condition(where.narrow(query.where, scope))
    orders = reads.orders_for(compiler.resolved_ordering(), alias, scope)
    table = compiler.connection.table_ref(table_id(query.alias_map[alias].table_name))
    if condition is None or not exact or orders is None or compiler.connection.is_dirty(table):
        return None
    same = [fetch for fetch in whole.fetches if fetch.table == table]
    base = [
        number
        for number, fetch in enumerate(whole.fetches)
        if fetch.table == table and not fetch.links
    ]
    if len(base) != 1:
        return None
    number = base[0]
    limit = None if query.high_mark is None else query.high_mark - query.low_mark
    fetches = list(whole.fetches)
    fetches[number] = replace(
        fetches[number], condition=condition, order=orders, offset=query.low_mark, limit=limit
    )
    unsliced = query.clone()
    unsliced.clear_limits()
    unsliced.explain_info = None
    page = None
    if len(same) > 1:
        # Rows fetched for a join with the same table must not be taken for rows of the page.
        if len(query.get_meta().pk_fields) > 1:
            return None
        page = Page(number, query.get_meta().pk.column, column_key(query.get_meta().pk))
        unsliced.where.add(ExtraWhere([page.condition(alias)], ()), AND)
    sqlite_compiler = unsliced.get_compiler(connection=compiler.connection.local_database)
    sql, params = _compile(sqlite_compiler)
    program = replace(whole.program, compiler=sqlite_compiler, verifies_row_count=True, page=page)
    return replace(
        whole, sql=sql, params=params, fetches=tuple(fetches), program=program, fallback=whole
    )


def _keeps_rows(query: Query, base: str) -> bool:
    if (
        query.combinator
        or query.distinct
        or query.group_by is not None
        or query.extra_tables
        or query.extra_order_by
    ):
        return False
    if any(
        getattr(annotation, "contains_aggregate", False)
        or getattr(annotation, "contains_over_clause", False)
        for annotation in query.annotation_select.values()
    ):
        return False
    return all(
        alias == base or isinstance(query.alias_map[alias].join_field, (ForeignKey, OneToOneRel))
        for alias in tables.active_aliases(query)
    )


def constant(expression: Any, connection: Connection) -> Any:
    """
    Evaluate an expression without columns and return its final value.

    Examples are ``Now()``, ``Lower(Value("A"))`` and a subquery.
    """
    query = Query(None)
    query.annotations["value"] = expression
    query.set_annotation_mask({"value"})
    query.default_cols = False
    command = plan(query.get_compiler(connection=connection), set_up=True)
    ((value, *_),) = run.run(command, connection)
    return value
