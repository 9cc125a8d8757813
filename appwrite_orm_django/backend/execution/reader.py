"""Read tables from the server: single rows, paged lists, counts and aggregates."""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from django.db import ProgrammingError
from django.db.transaction import TransactionManagementError

from appwrite_orm_django.backend import capabilities, evaluation
from appwrite_orm_django.backend.commands import (
    Command,
    Condition,
    CountRows,
    Explain,
    GetRow,
    ListRows,
    Membership,
    OneRow,
    Order,
    Output,
    Periods,
    ValuesOf,
)
from appwrite_orm_django.backend.evaluation.commands import (
    Computed,
    CurrentRows,
    Fetch,
    LocalQuery,
)
from appwrite_orm_django.backend.execution import keyset
from appwrite_orm_django.backend.periods import next_start, start_of
from appwrite_orm_django.backend.values import (
    ROW_ID,
    SEQUENCE,
    RelationshipKey,
    is_found,
)
from appwrite_orm_django.client import queries, rows
from appwrite_orm_django.client.errors import MISSING_PART, RowNotFound
from appwrite_orm_django.client.queries import Query

if TYPE_CHECKING:
    from typing_extensions import Self

    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.client.references import TableRef
    from appwrite_orm_django.engines import Engine


Page = list[Any]


class Requests:
    """
    Make the requests of one list, and prefetch the next page while the caller uses the current one.

    At most one request is made ahead, and none before page ``first``: a caller that takes only the
    first rows of many requests no more than these. A request made ahead runs in a thread, with the
    reader's context variables and therefore its identity. Its error is raised when its rows are
    taken. Use it as a context manager: leaving it waits for the request in flight, so that none
    outlives its reader.

    Args:
        ahead: whether to prefetch. If False, requests are made one after the other in the caller's
            thread.
        first: the number of the first page during whose use the next one is requested.
    """

    def __init__(self, *, ahead: bool, first: int = 2) -> None:
        self._ahead = ahead
        self._first = first
        self._taken = 0
        self._next: Future[Page] | None = None
        self._thread: ThreadPoolExecutor | None = None

    def take(self, ask: Callable[[], Page]) -> Page:
        """Return the next page, from the request that was begun or from ``ask``."""
        begun, self._next = self._next, None
        self._taken += 1
        return ask() if begun is None else begun.result()

    def begin(self, ask: Callable[[], Page]) -> None:
        """Begin the request for the page after the last one taken, if prefetching is allowed."""
        if not self._ahead or self._taken < self._first:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "appwrite-read-ahead")
        try:
            self._next = self._thread.submit(copy_context().run, ask)
        except RuntimeError:
            # The main thread has ended, and Python starts no new threads. A reader in another
            # thread still gets all its rows.
            self._ahead = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)


# The server counts no further (recording ``total-cap``).
TOTAL_CAP = 5000

# How often to ask for a total before counting the rows themselves.
_COUNTS = 2

Ask = Callable[[str | None, int], tuple[int, str | None]]


def count(ask: Ask) -> int:
    """
    Return the number of matching rows.

    Up to the cap this takes one request, beyond it a logarithmic number of requests. A row at a
    known offset shows how many rows precede it, and its ``$sequence`` is where counting continues.
    The rows after the last such row are within the cap.

    Args:
        ask: takes a ``$sequence``, or None for all rows, and an offset. Returns the capped total of
            the rows with a greater ``$sequence``, and the ``$sequence`` of the row at that offset,
            or None if there are fewer rows.
    """
    counted, after, stride, grows = 0, None, TOTAL_CAP, True
    while True:
        total, found = ask(after, stride)
        if found is not None:
            counted, after = counted + stride + 1, found
            stride = 2 * stride if grows else max(stride // 2, TOTAL_CAP)
        elif total < TOTAL_CAP or stride == TOTAL_CAP:
            return counted + total
        else:
            grows, stride = False, max(stride // 2, TOTAL_CAP)


Row = Mapping[str, Any]


class Reader:
    """Run read commands for one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._beside: Callable[[], object] | None = None
        self._joint: _Joint | None = None

    def run(self, command: Command) -> Iterable[tuple[Any, ...]]:
        """Return the result rows of a read command, lazily if it is a list."""
        if isinstance(command, GetRow):
            return self._get(command)
        if isinstance(command, ListRows):
            return self._list(command)
        if isinstance(command, CountRows):
            return [(self.count(command),)]
        if isinstance(command, LocalQuery):
            return evaluation.run_query(command, self.connection)
        if isinstance(command, Explain):
            return [(line,) for line in str(command.command).splitlines()]
        return self._run_rarer(command)

    def _run_rarer(self, command: Command) -> Iterable[tuple[Any, ...]]:
        # The planner of such a command has imported these modules; other processes need not.
        from appwrite_orm_django.backend import commands
        from appwrite_orm_django.backend.execution import server_queries

        if isinstance(command, CurrentRows):
            return ((row[ROW_ID], row) for row in self._current_rows(command))
        if isinstance(command, Computed):
            return command.changes()
        if isinstance(command, commands.OneRow):
            return one_row(command, self)
        if isinstance(command, commands.Periods):
            return periods(command, self)
        if isinstance(command, server_queries.ServerQuery):
            return server_queries.run(command, self)
        raise TypeError(f"{command!r} is not a read command.")

    def _current_rows(self, command: CurrentRows) -> Iterable[Row]:
        transaction = self.connection.transaction
        if transaction is not None and transaction.is_dirty(command.table):
            return transaction.current(command.table, command.condition)
        wanted = (ROW_ID, *command.columns)
        return self.rows(Fetch(command.table, "", command.condition), command.condition, wanted)

    def _get(self, command: GetRow) -> list[tuple[Any, ...]]:
        return list(
            _results(command.table, self._row(command.table, command.row_id), command.outputs)
        )

    def _row(self, table: TableRef, row_id: str) -> list[Row]:
        transaction = self.connection.transaction
        state = None if transaction is None else transaction.state(table, row_id)
        if transaction is not None and state is not None:
            return list(transaction.as_left(table, [state]))
        self._before_read()
        try:
            row = rows.get_row(self.connection.transport, table, row_id)
        except RowNotFound:
            return []
        if row[ROW_ID] != row_id and not self.connection.engine.finds_ids_without_case:
            return []  # from the server's cache, which does not compare case
        self._note_versions(table, [row])
        return [row]

    def _before_read(self) -> None:
        if self.connection.transaction is not None:
            self.connection.transaction.before_read()

    def _note_versions(self, table: TableRef, found: Iterable[Row]) -> None:
        if self.connection.transaction is not None:
            self.connection.transaction.note_versions(table, found)

    def _list(self, command: ListRows) -> Iterator[tuple[Any, ...]]:
        select = self._selecting(
            command.condition, [*command.columns, *(order.column for order in command.order)]
        )
        found = self._lists(
            command.table, command.condition, select, command.order, command.offset, command.limit
        )
        for page in found:
            yield from _results(command.table, page, command.outputs)

    def rows(self, fetch: Fetch, condition: Condition, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the wire rows that satisfy a condition, as the open block sees them."""
        return itertools.chain.from_iterable(self.pages(fetch, condition, columns))

    def pages(
        self, fetch: Fetch, condition: Condition, columns: Sequence[str], *, most: int | None = None
    ) -> Iterator[Sequence[Row]]:
        """
        Yield pages of wire rows for a step of local evaluation, as the open block sees them.

        Args:
            most: the maximum number of rows to request. An open block that has written to the table
                may see more.
        """
        wanted = self._selecting(condition, [*columns, *(order.column for order in fetch.order)])
        described = (wanted, fetch.order, fetch.offset)
        transaction = self.connection.transaction
        if transaction is not None and transaction.is_dirty(fetch.table):
            asked = transaction.unmade(fetch.table, condition)
            committed = self._rows(fetch.table, asked, *described, fetch.limit)
            yield list(transaction.over(fetch, condition, committed))
            return
        limit = fetch.limit if most is None else min(most, fetch.limit or most)
        yield from self._lists(fetch.table, condition, *described, limit, whole=True)

    def _selecting(self, condition: Condition, columns: Sequence[str]) -> Query | None:
        # A block has also seen that the condition held, so the version includes its columns.
        return _select(
            columns
            if self.connection.transaction is None
            else [*columns, *sorted(condition.columns)]
        )

    def rows_by_id(self, table: TableRef, row_ids: Sequence[str]) -> Iterator[Row]:
        """Yield the committed rows with these ids, with every column they have."""
        return self._rows(
            table, Condition((), (Membership(ROW_ID, tuple(row_ids)),)), None, (), 0, None
        )

    def _rows(self, *described: Any) -> Iterator[Row]:
        return itertools.chain.from_iterable(self._lists(*described))

    def _lists(
        self,
        table: TableRef,
        condition: Condition,
        select: Query | None,
        order: Sequence[Order],
        offset: int,
        limit: int | None,
        *,
        whole: bool = False,
    ) -> Iterator[Sequence[Row]]:
        """Yield the rows that satisfy a condition by answer; ``whole`` if all will be used."""
        splits = self.splits(condition)
        if not splits or limit == 0:
            return
        ordering = [
            queries.order_desc(one.column) if one.descending else queries.order_asc(one.column)
            for one in order
        ]
        if len(splits) == 1:
            yield from self._pages(
                table, [*splits[0], *ordering], select, order, offset, limit, whole=whole
            )
            return
        needed = None if limit is None else offset + limit
        merged: dict[str, Row] = {}
        for split in splits:
            for page in self._pages(
                table, [*split, *ordering], select, order, 0, needed, whole=True
            ):
                merged.update((row[ROW_ID], row) for row in page)
        key = _merge_key(order, self.connection.engine)
        yield sorted(merged.values(), key=key)[offset:needed]

    def page(self, table: TableRef, page: Sequence[Query]) -> list[Row]:
        """Return the rows of one list request."""
        found = self.answer(table, page)
        self._note_versions(table, found)
        return found

    def answer(self, table: TableRef, page: Sequence[Query]) -> list[Row]:
        """Return the rows or groups that answer one list request."""
        joint = self._joint
        if joint is None or joint.total is not None or not joint.is_for(table, page):
            found: list[Row] = self._asked(table, page)["rows"]
            return found
        answered = self._asked(table, page, total=True)
        skips = any(query.method == "offset" for query in page)
        if answered["total"] or self._is_none(skips, answered):
            joint.total = answered["total"]
        return cast("list[Row]", answered["rows"])

    def _is_none(self, skips: bool, answered: Mapping[str, Any]) -> bool:
        """
        Return whether a total of 0 means that there are no rows.

        Some engines answer an error of counting with it, while listing the rows works.
        """
        return not self.connection.engine.counts_errors_as_zero or not (skips or answered["rows"])

    def _asked(
        self, table: TableRef, page: Sequence[Query], *, total: bool = False
    ) -> dict[str, Any]:
        self._before_read()

        def posts() -> bool:
            return capabilities.feature_level(self.connection, table) == "2.x"

        return rows.list_rows(self.connection.transport, table, page, total=total, posts=posts)

    def _pages(
        self,
        table: TableRef,
        fixed: list[Query],
        select: Query | None,
        order: Sequence[Order],
        offset: int,
        limit: int | None,
        *,
        whole: bool = False,
    ) -> Iterator[list[Row]]:
        """
        Yield pages of rows until there are no more.

        The next page begins after the last row of the current one: at the server's cursor or, if a
        column of the order may hold nulls, at an equivalent filter (``after``). An offset is used
        only if neither is possible.

        The next page is requested while the caller uses the second page or a later one, with
        ``whole`` also during the first. Inside ``atomic``, requests are made one after the other.
        """
        # One more than a page, so that a list of exactly one page needs no second request.
        size = self.connection.options.page_size + 1

        def page(rows: int, position: Query | None) -> list[Query]:
            return [*fixed, queries.limit(rows), *filter(None, (select, position))]

        seen = 0
        position: Query | None = queries.offset(offset) if offset else None
        identity = self.connection.identity
        with Requests(
            ahead=not self.connection.in_atomic_block, first=1 if whole else 2
        ) as requests:
            while limit is None or seen < limit:
                if self.connection.identity != identity:
                    raise TransactionManagementError(
                        f"{table.table}: this iteration was started for another identity.\n"
                        f"Iterate over the rows where that identity is in force."
                    )
                asked = size if limit is None else min(size, limit - seen)
                found = requests.take(lambda: self.answer(table, page(asked, position)))  # noqa: B023 - called before it returns
                self._note_versions(table, found)
                seen += len(found)
                if len(found) < asked:
                    yield found
                    return
                position = self._after(found[-1], order) or queries.offset(offset + seen)
                following = size if limit is None else min(size, limit - seen)
                if following:
                    requests.begin(partial(self.answer, table, page(following, position)))
                yield found

    def _after(self, row: Row, order: Sequence[Order]) -> Query | None:
        if any(
            isinstance(value := row[one.column], float) and not is_found(value) for one in order
        ):
            return None  # no filter finds the row, nor does the cursor, which the server makes one
        nulls_are_low = self.connection.engine.nulls_are_low
        may_be_null = any(
            row[one.column] is None or keyset.puts_nulls_last(one, nulls_are_low=nulls_are_low)
            for one in order
        )
        return (
            keyset.after(row, order, self.connection.engine)
            if may_be_null
            else queries.cursor_after(row[ROW_ID])
        )

    def ids(self, table: TableRef, filters: list[Query]) -> list[str]:
        """Return the ids of all matching rows."""
        pages = self._pages(table, filters, _select([ROW_ID]), (), 0, None, whole=True)
        return [row[ROW_ID] for page in pages for row in page]

    def count(self, command: CountRows) -> int:
        """Return the exact number of rows, with one request per split up to the server's cap."""
        end = None if command.limit is None else command.offset + command.limit
        splits = self.splits(command.condition)
        page, self._beside = self._beside, None
        counted = None
        if page is not None and len(splits) == 1:
            counted = self._count_with(page, command.table, splits[0], end)
        if counted is None:
            counted = sum(self._count(command.table, split, end) for split in splits)
        return max(0, (counted if end is None else min(counted, end)) - command.offset)

    @contextmanager
    def counting_with(self, page: Callable[[], object]) -> Iterator[None]:
        """
        Combine the first count inside that is not cached with reading a page.

        One list request returns both. The count reads the page, not the other way round: each is
        cached with tokens that must be seen before it is loaded.

        Args:
            page: reads some of the counted rows. It is not called if the number is cached.
        """
        self._beside = page
        try:
            yield
        finally:
            self._beside = None

    def _count_with(
        self, page: Callable[[], object], table: TableRef, fixed: list[Query], end: int | None
    ) -> int | None:
        """Return the total that came with a page; None if there was none, or it reached the cap."""
        joint = self._joint = _Joint(table, fixed)
        try:
            page()
        finally:
            self._joint = None
        is_exact = joint.total is not None and joint.total < TOTAL_CAP
        return joint.total if is_exact or (end is not None and end <= TOTAL_CAP) else None

    def _count(self, table: TableRef, fixed: list[Query], end: int | None) -> int:
        engine = self.connection.engine

        def counted(where: list[Query], offset: int) -> dict[str, Any]:
            order = [queries.order_asc(SEQUENCE), queries.select([ROW_ID]), queries.limit(1)]
            skipping = [queries.offset(offset)] if offset else []
            for _ in range(_COUNTS):
                page = self._asked(table, [*where, *order, *skipping], total=True)
                if page["total"] or self._is_none(bool(offset), page):
                    return page
                if not page["rows"] and not self._asked(table, [*where, *order])["rows"]:
                    return page
            return {"total": len(self.ids(table, where)), "rows": []}

        def ask(after: str | None, offset: int) -> tuple[int, str | None]:
            beyond = (
                [] if after is None else [queries.greater_than(SEQUENCE, engine.sequence(after))]
            )
            page = counted([*fixed, *beyond], offset)
            if (
                page["total"] == TOTAL_CAP
                and capabilities.feature_level(self.connection, table) == "2.x"
            ):
                # An aggregate is exact beyond the cap of ``total`` (recording ``agg-count``).
                count = [Query("count", "*", ("n",)), queries.limit(1)]
                return int(self.answer(table, [*fixed, *beyond, *count])[0]["n"]), None
            return page["total"], next((row[SEQUENCE] for row in page["rows"]), None)

        if end is not None and end <= TOTAL_CAP:
            # Rows beyond ``total`` are beyond the slice as well.
            return int(counted(fixed, 0)["total"])
        return count(ask)

    def splits(self, condition: Condition) -> list[list[Query]]:
        """
        Return the lists of filters, one per request, that together express the condition.

        There are several only if a list of values is too long for one request, and none if no row
        can match.
        """
        alternatives: list[list[Query]] = []
        for membership in condition.memberships:
            values = self.values(membership.values)
            chunks = list(_chunks(membership.column, values))
            if not chunks:
                return []
            alternatives.append([queries.equal(membership.column, *chunk) for chunk in chunks])
        return [
            [*condition.queries, *combination] for combination in itertools.product(*alternatives)
        ]

    def values(self, values: tuple[Any, ...] | ValuesOf) -> tuple[Any, ...]:
        """Return the distinct wire values of a membership; run its command if it has one."""
        fold = self.connection.engine.equality_key
        if not isinstance(values, ValuesOf):
            return _distinct(values, fold)
        found: list[Any] = []
        for value, *_ in self.run(values.command):
            if value is None:
                continue
            try:
                found.append(values.encode(value))
            except ValueError:
                continue  # a value that the column cannot hold matches no row
        return _distinct(found, fold)


@dataclass(slots=True)
class _Joint:
    """A table and filters whose next list request also requests the total, and that total."""

    table: TableRef
    filters: list[Query]
    total: int | None = None

    def is_for(self, table: TableRef, page: Sequence[Query]) -> bool:
        count = len(self.filters)
        return (
            table == self.table
            and list(page[:count]) == self.filters
            and all(query.method in _NO_FILTERS for query in page[count:])
        )


_NO_FILTERS = frozenset(("orderAsc", "orderDesc", "select", "limit", "offset"))


def _distinct(values: Iterable[Any], fold: Callable[[str], str]) -> tuple[Any, ...]:
    """Drop values that the server takes as equal: two requests would match the same rows twice."""
    kept: dict[Any, Any] = {}
    for value in values:
        kept.setdefault(fold(value) if isinstance(value, str) else value, value)
    return tuple(kept.values())


def _chunks(column: str, values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Split values so that each part fits into a filter: 500 values, 4,096 characters of JSON."""
    room = queries.MAX_QUERY_LENGTH - len(queries.equal(column).to_json()) - len(',"values":[]')
    chunk: list[Any] = []
    used = 0
    for value in values:
        length = len(json.dumps(value, ensure_ascii=False)) + 1
        if chunk and (used + length > room or len(chunk) == queries.MAX_VALUES):
            yield tuple(chunk)
            chunk, used = [], 0
        chunk.append(value)
        used += length
    if chunk:
        yield tuple(chunk)


def _select(columns: Iterable[str]) -> Query | None:
    columns = tuple(columns)
    if any(isinstance(column, RelationshipKey) or "." in column for column in columns):
        # Whole rows have the id of the related row. A select would also need the key of one of its
        # columns.
        return None
    # The columns that begin with "$" are always returned, but the server requires at least one
    # name.
    names = dict.fromkeys(column for column in columns if not column.startswith("$"))
    return queries.select(names or [ROW_ID])


def _results(
    table: TableRef, found: Sequence[Row], outputs: tuple[Output, ...]
) -> Iterable[tuple[Any, ...]]:
    if not outputs:
        return [()] * len(found)
    try:
        return zip(*[output.column(found) for output in outputs], strict=True)
    except KeyError as error:
        raise ProgrammingError(
            f"{table.table}: the table has no column {error.args[0]!r}.\n{MISSING_PART}"
        ) from None


def _merge_key(order: Sequence[Order], engine: Engine) -> Callable[[Row], tuple[Any, ...]]:
    """Return a sort key that merges the rows of several answers in the server's order."""

    def key(row: Row) -> tuple[Any, ...]:
        parts: list[Any] = []
        for one in order:
            value = row[one.column]
            if isinstance(value, str) and one.is_text:
                value = engine.order_key(value)
            is_low = (value is None) is engine.nulls_are_low
            comparable = (not is_low, value if value is not None else 0)
            parts.append(_Reversed(comparable) if one.descending else comparable)
        return (*parts, engine.sequence(row[SEQUENCE]))

    return key


class _Reversed:
    """Reverse the order of a value, for a descending column among ascending ones."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment]  # a sort key, never a member of a set


def one_row(command: OneRow, reader: Reader) -> list[tuple[Any, ...]]:
    """Return the one result row."""
    found = (next(iter(reader.run(part)), (None,)) for part in command.parts)
    return [tuple(value for value, *_ in found)]


def periods(command: Periods, reader: Reader) -> list[tuple[Any, ...]]:
    """
    Return the start of each period that contains a row.

    The first row determines the first period, the first row beyond it the second, and so on. This
    takes at most one request per period, and never more than reading all rows would.
    """
    starts: set[datetime.datetime] = set()
    needed = None if command.limit is None else command.offset + command.limit
    for fixed in reader.splits(command.condition):
        starts.update(_starts(command, reader, fixed, needed))
    ordered = sorted(starts, reverse=command.descending)
    return [(command.shown(start),) for start in ordered[command.offset : needed]]


def _starts(
    command: Periods, reader: Reader, fixed: list[Query], needed: int | None
) -> Iterator[datetime.datetime]:
    order = (queries.order_desc if command.descending else queries.order_asc)(command.column)
    most = reader.connection.options.page_size + 1
    size, bound, count = most, queries.is_not_null(command.column), 0
    last: datetime.datetime | None = None
    while needed is None or count < needed:
        page = [*fixed, bound, order, queries.select([command.column]), queries.limit(size)]
        found = reader.page(command.table, page)
        before = count
        for row in found:
            start = start_of(_local(command, row[command.column]), command.kind)
            if start != last:
                yield start
                last, count = start, count + 1
        if len(found) < size or last is None:
            return
        # If a page holds rows of one period only, skipping rows pays off; if of as many periods as
        # rows, it does not.
        size = 1 if count - before <= 1 < size else min(2 * size, most)
        beyond = _beyond_extreme(command, last)
        if beyond is None:
            return
        bound = beyond


def _local(command: Periods, wire: Any) -> datetime.datetime:
    moment = command.decode(wire)
    if not isinstance(moment, datetime.datetime):
        return datetime.datetime.combine(moment, datetime.time())
    return moment if command.zone is None else moment.astimezone(command.zone).replace(tzinfo=None)


def _beyond_extreme(command: Periods, start: datetime.datetime) -> Query | None:
    """Return the filter for rows beyond the period that begins at ``start``, None if none exist."""
    try:
        edge = start if command.descending else next_start(start, command.kind)
        value = command.encode(edge if command.zone is None else edge.replace(tzinfo=command.zone))
    except (ValueError, OverflowError):
        return None
    return (queries.less_than if command.descending else queries.greater_than_equal)(
        command.column, value
    )
