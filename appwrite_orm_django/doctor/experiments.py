"""
Ask the server one question in each experiment, and return the answer in a word or two.

``examination`` compares the answer with the assumption. An experiment starts with an empty table
and may leave rows in it, but removes the columns and indexes that it adds. It does not catch
unexpected errors: ``examination`` reports them as the answer.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from django.db import DataError, IntegrityError

from appwrite_orm_django.client import columns, indexes, rows, tables
from appwrite_orm_django.client.errors import (
    AppwriteError,
    InvalidQuery,
    InvalidSchema,
    ServerError,
    TransactionConflict,
    Unauthorized,
    UniqueViolation,
)
from appwrite_orm_django.client.identity import Identity
from appwrite_orm_django.client.queries import (
    MAX_QUERIES,
    MAX_QUERY_LENGTH,
    MAX_VALUES,
    Query,
    contains,
    cursor_after,
    equal,
    is_not_null,
    limit,
    not_contains,
    not_equal,
    order_asc,
    select,
    starts_with,
)
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.schema.definitions import Column, Index
from appwrite_orm_django.schema.errors import NotAvailable

from .scratch import TABLE, Scratch, new_id

#: A float of 16 significant digits.
LONG_FLOAT = 25.27705773818511
#: The smallest positive integer that a float cannot hold.
LARGE_INTEGER = 2**53 + 1
REFUSED, ACCEPTED = "refused", "accepted"


def _answer(call: Callable[[], object], *refusals: type[Exception]) -> str:
    """Return whether a call is accepted, or refused with one of these errors."""
    try:
        call()
    except refusals:
        return REFUSED
    return ACCEPTED


# The server as a whole


def engine(scratch: Scratch) -> str:
    row = scratch.create(text="x")
    table = tables.get_table(scratch.transport, scratch.table)
    if table.get("bytesMax") == 0 or not str(row["$sequence"]).isdecimal():
        return "MongoDB"
    return "SQL"


def feature_level(scratch: Scratch) -> str:
    scratch.create(number=1)
    try:
        found = rows.list_rows(
            scratch.transport, scratch.table, [Query("count", "*", ("counted",)), limit(1)]
        )["rows"]
    except InvalidQuery:
        return "1.9"
    return "2.x" if found and "counted" in found[0] else "1.9"


def guest_access(scratch: Scratch) -> str:
    row = scratch.create(text="private")
    guest = scratch.transport.acting_as(Identity("guest"))
    try:
        found = rows.list_rows(guest, scratch.table, [limit(500)])["rows"]
    except Unauthorized:
        return REFUSED
    return "shown" if any(each["$id"] == row["$id"] for each in found) else REFUSED


# Text


def text_case(scratch: Scratch) -> str:
    scratch.create(text="Zola")
    return "equal" if scratch.find(equal("text", "zola")) else "different"


def text_accents(scratch: Scratch) -> str:
    scratch.create(text="Zoé")
    return "equal" if scratch.find(equal("text", "Zoe")) else "different"


def text_blanks(scratch: Scratch) -> str:
    scratch.create(text="Zola")
    return "equal" if scratch.find(equal("text", "Zola ")) else "different"


#: Texts of which no engine takes two as equal, and which no two kinds of order sort alike.
TEXTS = ("B", "a", "c", "Zé", "za", "10", "9", "_y", "co-op", "cooq", "x y", "xz", "я")


def in_order(key: Callable[[str], Any]) -> str:
    """Return the answer of ``text_order`` where texts are ordered by a key."""
    return " < ".join(sorted(TEXTS, key=key))


def text_order(scratch: Scratch) -> str:
    for text in TEXTS:
        scratch.create(text=text)
    return " < ".join(row["text"] for row in scratch.find(order_asc("text")))


def text_contains(scratch: Scratch) -> str:
    scratch.create(text="Zola")
    if scratch.find(contains("text", "OL")):
        return "without case"
    return "with case" if scratch.find(contains("text", "ol")) else "not found"


def text_prefix(scratch: Scratch) -> str:
    for text in ("Zola", "GaZola"):
        scratch.create(text=text)
    found = {row["text"] for row in scratch.find(starts_with("text", "Zol"))}
    return (
        "anchored"
        if found == {"Zola"}
        else "anywhere in the text"
        if len(found) == 2
        else "not found"
    )


def text_wildcards(scratch: Scratch) -> str:
    for text in ("100%", "100"):
        scratch.create(text=text)
    return "literal" if len(scratch.find(contains("text", "%"))) == 1 else "wildcards"


def text_round_trip(scratch: Scratch) -> str:
    texts = ["", " x ", "naïve ☕ 𝄞", "a\\b%_'\"\n"]
    changed = [text for text in texts if scratch.create(text=text)["text"] != text]
    return "unchanged" if not changed else f"changed: {changed[0]!r}"


# Row ids


def id_clash(scratch: Scratch) -> str:
    row_id = new_id()
    scratch.create(row_id, text="first")
    return _answer(lambda: scratch.create(row_id.upper(), text="second"), UniqueViolation)


def id_lookup(scratch: Scratch) -> str:
    row_id = new_id()
    scratch.create(row_id, text="x")
    # A path may find it in the server's cache of rows that were read.
    return "without case" if scratch.exists(row_id.upper()) else "with case"


def sequence(scratch: Scratch) -> str:
    made = [scratch.create(number=number)["$sequence"] for number in range(3)]
    if not all(str(each).isdecimal() for each in made):
        return "growing texts" if made == sorted(made) else "texts in no order"
    return (
        "growing numbers"
        if sorted(map(int, made)) == list(map(int, made))
        else "numbers in no order"
    )


# Nulls


def null_order(scratch: Scratch) -> str:
    scratch.create(number=1)
    scratch.create(number=None)
    return "first" if scratch.find(order_asc("number"))[0]["number"] is None else "last"


def null_in_negation(scratch: Scratch) -> str:
    scratch.create(text=None)
    return "matched" if scratch.find(not_equal("text", "x")) else "left out"


def null_in_pattern(scratch: Scratch) -> str:
    scratch.create(text=None)
    return "matched" if scratch.find(not_contains("text", "x")) else "left out"


def null_uniqueness(scratch: Scratch) -> str:
    scratch.create(code=None)
    return _answer(lambda: scratch.create(code=None), UniqueViolation)


# Numbers


def integers(scratch: Scratch) -> str:
    stored = scratch.create(number=LARGE_INTEGER)["number"]
    found = scratch.find(equal("number", LARGE_INTEGER))
    return "exact" if stored == LARGE_INTEGER and found else f"{stored} for {LARGE_INTEGER}"


def float_digits(scratch: Scratch) -> str:
    stored = scratch.create(real=LONG_FLOAT)["real"]
    digits = next(
        (digits for digits in range(17, 0, -1) if float(f"{LONG_FLOAT:.{digits}g}") == stored), 0
    )
    return "all" if stored == LONG_FLOAT else str(digits)


def float_filter(scratch: Scratch) -> str:
    stored = scratch.create(real=LONG_FLOAT)["real"]
    return "found" if scratch.find(equal("real", stored)) else "not found"


def increment(scratch: Scratch) -> str:
    row = scratch.create(number=40)
    rows.increment_column(scratch.transport, scratch.table, row["$id"], "number", 2)
    return str(scratch.get(row["$id"])["number"])


def increment_of_null(scratch: Scratch) -> str:
    row = scratch.create(text="x")
    rows.increment_column(scratch.transport, scratch.table, row["$id"], "number", 2)
    value = scratch.get(row["$id"])["number"]
    return "stays null" if value is None else "starts at 0" if value == 2 else str(value)


def concurrent_increments(scratch: Scratch) -> str:
    row_id = scratch.create(number=0)["$id"]

    def add(_: int) -> bool:
        try:
            rows.increment_column(scratch.transport, scratch.table, row_id, "number", 1)
        except AppwriteError:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        done = sum(threads.map(add, range(20)))
    return f"{done} accepted, {scratch.get(row_id)['number']} added"


# Moments


def moment_precision(scratch: Scratch) -> str:
    stored = scratch.create(moment="2026-02-03T04:05:06.789987+02:00")["moment"]
    if stored.replace("Z", "+00:00") == "2026-02-03T02:05:06.789+00:00":
        return "UTC, milliseconds, cut"
    return str(stored)


def moment_range(scratch: Scratch) -> str:
    first, last = "1000-01-01T00:00:00.000+00:00", "9999-12-31T23:59:59.000+00:00"
    refused = [
        each
        for each in (first, last)
        if _answer(partial(scratch.create, moment=each), DataError) == REFUSED
    ]
    return "years 1000 to 9999" if not refused else f"{refused[0]} refused"


def created_at(scratch: Scratch) -> str:
    moment = "2001-02-03T04:05:06.789+00:00"
    row_id = new_id()
    rows.create_row(scratch.transport, scratch.table, row_id, {"text": "x", "$createdAt": moment})
    return "kept" if scratch.get(row_id)["$createdAt"] == moment else "ignored"


def updated_at(scratch: Scratch) -> str:
    row = scratch.create(number=1)
    before = row["$updatedAt"]
    # $updatedAt has milliseconds, so two writes within the same millisecond cannot be told apart.
    time.sleep(0.002)
    scratch.update(row["$id"], number=2)
    return "moves" if scratch.get(row["$id"])["$updatedAt"] != before else "stays"


# Uniqueness


def unique_create(scratch: Scratch) -> str:
    scratch.create(code="k")
    return _answer(lambda: scratch.create(code="k"), UniqueViolation)


def unique_case(scratch: Scratch) -> str:
    scratch.create(code="k")
    return _answer(lambda: scratch.create(code="K"), UniqueViolation)


def unique_integers(scratch: Scratch) -> str:
    return _taken_under(scratch, number=1)


def unique_mixed(scratch: Scratch) -> str:
    scratch.add_column(Column("tag", "varchar", 20))
    try:
        return _taken_under(scratch, tag="a", number=1)
    finally:
        scratch.drop_column("tag")


def _taken_under(scratch: Scratch, **data: Any) -> str:
    """Return whether a unique index that is made now refuses a second row with these values."""
    index = Index("trial_unique", "unique", tuple(data))
    scratch.add_index(index)
    try:
        scratch.create(**data)
        return _answer(lambda: scratch.create(**data), UniqueViolation)
    finally:
        scratch.drop_index(index.key)


def unique_upsert(scratch: Scratch) -> str:
    scratch.create(code="k")
    own = scratch.create(code="l")["$id"]
    try:
        rows.upsert_row(scratch.transport, scratch.table, own, {"code": "k"})
    except (AppwriteError, IntegrityError):
        return REFUSED
    return "overwrites a row"


def unique_update(scratch: Scratch) -> str:
    scratch.create(code="k")
    other = scratch.create(code="l")
    return _answer(lambda: scratch.update(other["$id"], code="k"), UniqueViolation)


def unique_bulk_update(scratch: Scratch) -> str:
    for code in ("k", "l"):
        scratch.create(code=code)
    try:
        rows.update_rows(scratch.transport, scratch.table, {"code": "m"})
    except (ServerError, UniqueViolation):
        unchanged = {row["code"] for row in scratch.find()} == {"k", "l"}
        return "refused, nothing changed" if unchanged else "refused, some changed"
    return ACCEPTED


def unique_over_duplicates(scratch: Scratch) -> str:
    scratch.create_many(2, text="same")
    index = Index("text_unique", "unique", ("number",))
    rows.update_rows(scratch.transport, scratch.table, {"number": 1})
    try:
        scratch.add_index(index)
    except NotAvailable:
        return "failed"
    try:
        return (
            "available, absent"
            if _answer(lambda: scratch.create(number=1), UniqueViolation) == ACCEPTED
            else "built"
        )
    finally:
        scratch.drop_index(index.key)


# Bulk calls and pages


def bulk_create(scratch: Scratch) -> str:
    scratch.create_many(rows.MAX_BULK_ROWS)
    return f"{len(scratch.find())} rows"


def bulk_create_atomic(scratch: Scratch) -> str:
    taken = scratch.create(text="taken")["$id"]
    with suppress(IntegrityError):
        rows.create_rows(
            scratch.transport,
            scratch.table,
            [{"$id": new_id(), "text": "x"}, {"$id": taken, "text": "x"}],
        )
    return "all or nothing" if len(scratch.find()) == 1 else "some rows"


def bulk_update(scratch: Scratch) -> str:
    scratch.create_many(rows.MAX_BULK_ROWS)
    scratch.create_many(1)
    rows.update_rows(scratch.transport, scratch.table, {"number": 7})
    changed = len(scratch.find(equal("number", 7)))
    return "every match" if changed == rows.MAX_BULK_ROWS + 1 else f"{changed} rows"


def bulk_delete(scratch: Scratch) -> str:
    scratch.create_many(rows.MAX_BULK_ROWS)
    scratch.create_many(1)
    rows.delete_rows(scratch.transport, scratch.table)
    left = len(scratch.find())
    return "every match" if not left else f"{left} rows left"


def page_size(scratch: Scratch) -> str:
    scratch.create_many(60)
    return "as asked" if len(scratch.find()) == 60 else f"{len(scratch.find())} rows"


def page_cursor(scratch: Scratch) -> str:
    made = set(scratch.create_many(60))
    seen: list[str] = []
    for _ in range(4):
        after = [cursor_after(seen[-1])] if seen else []
        page = rows.list_rows(
            scratch.transport, scratch.table, [select(["$id"]), limit(20), *after]
        )["rows"]
        seen += [row["$id"] for row in page]
    return (
        "every row once"
        if len(seen) == 60 and set(seen) == made
        else f"{len(set(seen))} of 60 rows"
    )


def total(scratch: Scratch) -> str:
    scratch.create_many(60)
    counted = rows.list_rows(scratch.transport, scratch.table, [limit(1)], total=True)["total"]
    return "exact" if counted == 60 else f"{counted} of 60"


# Limits of a request


def filter_values(scratch: Scratch) -> str:
    scratch.create(number=MAX_VALUES)
    wanted = equal("number", *range(1, MAX_VALUES + 1))
    return _answer(lambda: scratch.find(wanted), InvalidQuery)


def query_length(scratch: Scratch) -> str:
    empty = len(equal("text", "").to_json())
    longest = equal("text", "x" * (MAX_QUERY_LENGTH - empty))
    return _answer(lambda: scratch.find(longest), InvalidQuery)


def query_count(scratch: Scratch) -> str:
    # ``find`` adds a limit, which is one more query.
    return _answer(lambda: scratch.find(*[is_not_null("number")] * (MAX_QUERIES - 1)), InvalidQuery)


def url_length(scratch: Scratch) -> str:
    queries = [not_equal("text", "x" * 3900)] * 14
    return _answer(lambda: scratch.find(*queries), AppwriteError)


# Transactions


def conflicting_updates(scratch: Scratch) -> str:
    row_id = scratch.create(number=1)["$id"]
    with scratch.transaction() as first, scratch.transaction() as second:
        scratch.stage(first, scratch.operation("update", row_id, {"number": 2}))
        scratch.stage(second, scratch.operation("update", row_id, {"number": 3}))
        scratch.commit(first)
        return _answer(lambda: scratch.commit(second), TransactionConflict)


def conflicting_creates(scratch: Scratch) -> str:
    row_id = new_id()
    with scratch.transaction() as first, scratch.transaction() as second:
        for transaction in (first, second):
            scratch.stage(
                transaction, scratch.operation("bulkCreate", data=[{"$id": row_id, "text": "x"}])
            )
        scratch.commit(first)
        return _answer(lambda: scratch.commit(second), TransactionConflict)


def outside_change(scratch: Scratch) -> str:
    row_id = scratch.create(number=1)["$id"]
    with scratch.transaction() as transaction:
        scratch.stage(transaction, scratch.operation("update", row_id, {"number": 2}))
        time.sleep(0.002)
        scratch.update(row_id, number=3)
        return _answer(lambda: scratch.commit(transaction), TransactionConflict)


def commit_atomic(scratch: Scratch) -> str:
    scratch.create(code="taken")
    with scratch.transaction() as transaction:
        scratch.stage(
            transaction,
            scratch.operation("create", new_id(), {"code": "free"}),
            scratch.operation("create", new_id(), {"code": "taken"}),
        )
        with suppress(AppwriteError):
            scratch.commit(transaction)
    return "all or nothing" if len(scratch.find()) == 1 else "some operations"


def commit_size(scratch: Scratch) -> str:
    with scratch.transaction() as transaction:
        wanted = [
            scratch.operation("create", new_id(), {"number": number}) for number in range(100)
        ]
        scratch.stage(transaction, *wanted)
        scratch.commit(transaction)
    return f"{len(scratch.find())} operations"


def commit_bulk_count(scratch: Scratch) -> str:
    with scratch.transaction() as transaction:
        data = [{"$id": new_id(), "text": "x"} for _ in range(3)]
        staged = scratch.stage(transaction, scratch.operation("bulkCreate", data=data))
    return "one operation" if staged["operations"] == 1 else f"{staged['operations']} operations"


def commit_created_at(scratch: Scratch) -> str:
    moment, row_id = "2001-02-03T04:05:06.789+00:00", new_id()
    with scratch.transaction() as transaction:
        scratch.stage(
            transaction, scratch.operation("create", row_id, {"text": "x", "$createdAt": moment})
        )
        scratch.commit(transaction)
    return "kept" if scratch.get(row_id)["$createdAt"] == moment else "ignored"


def rolled_back(scratch: Scratch) -> str:
    row_id = new_id()
    with scratch.transaction() as transaction:
        scratch.stage(transaction, scratch.operation("create", row_id, {"text": "x"}))
    return "stored" if scratch.exists(row_id) else "nothing stored"


# Columns


def new_column(scratch: Scratch) -> str:
    row_id = scratch.create(text="x")["$id"]
    scratch.add_column(Column("added", "varchar", 10, default="d"))
    try:
        value = scratch.get(row_id)["added"]
        return "null in old rows" if value is None else f"{value!r} in old rows"
    finally:
        scratch.drop_column("added")


def renamed_columns(scratch: Scratch) -> str:
    lost = []
    value: Any
    for type_, value in (("varchar", "x"), ("bigint", 5)):
        before, after = f"old_{type_}", f"new_{type_}"
        scratch.add_column(Column(before, type_, 10 if type_ == "varchar" else None))
        row_id = scratch.create(**{before: value})["$id"]
        size = {"size": 10} if type_ == "varchar" else {}
        try:
            _rename(scratch, type_, before, after, **size)
            if scratch.get(row_id).get(after) != value:
                lost.append(type_)
        except InvalidSchema:
            return REFUSED
        except AppwriteError:
            lost.append(type_)
        finally:
            for key in scratch.column_keys() & {before, after}:
                scratch.drop_column(key)
    return "values kept" if not lost else f"values of {', '.join(lost)} lost"


def renamed_datetime(scratch: Scratch) -> str:
    """Rename in a table of its own, as that may break the table."""
    moment, other = "2026-02-03T04:05:06.789+00:00", Scratch(scratch.transport, scratch.database)
    other.table = TableRef(scratch.database, f"{TABLE}2")
    tables.create_table(scratch.transport, other.table, "Experiments")
    try:
        other.add_column(Column("old", "datetime"))
        row_id = other.create(old=moment)["$id"]
        try:
            _rename(other, "datetime", "old", "new")
        except AppwriteError:
            return (
                REFUSED
                if _answer(lambda: other.create(old=moment), AppwriteError) == ACCEPTED
                else "table broken"
            )
        return "values kept" if other.get(row_id).get("new") == moment else "value lost"
    finally:
        tables.delete_table(scratch.transport, other.table)


def _rename(scratch: Scratch, type_: str, before: str, after: str, **rules: Any) -> None:
    columns.update_column(
        scratch.transport, scratch.table, type_, before,
        required=False, default=None, newKey=after, **rules,
    )  # fmt: skip


def identical_index(scratch: Scratch) -> str:
    keys = ("number", "moment")
    scratch.add_index(Index("trial_one", "key", keys))
    try:
        try:
            scratch.add_index(Index("trial_two", "unique", keys))
        except InvalidSchema:
            return REFUSED
        scratch.drop_index("trial_two")
        return ACCEPTED
    finally:
        scratch.drop_index("trial_one")


def dropped_column(scratch: Scratch) -> str:
    """Return what happens to an index whose only column is dropped."""
    scratch.add_column(Column("dropped", "bigint"))
    scratch.add_index(Index("dropped_index", "key", ("dropped",)))
    scratch.drop_column("dropped")
    left = [each["key"] for each in indexes.list_indexes(scratch.transport, scratch.table)]
    if "dropped_index" not in left:
        return "dropped with it"
    scratch.drop_index("dropped_index")
    return "left behind"


# Arrays


def array_contains(scratch: Scratch) -> str:
    scratch.create(words=["Zola"])
    exact, other = scratch.find(contains("words", "Zola")), scratch.find(contains("words", "zola"))
    return "exact" if exact and not other else "without case" if other else "not found"


def array_empty(scratch: Scratch) -> str:
    stored = scratch.create(words=[])["words"]
    return "empty list" if stored == [] else str(stored)


# Latency, a measurement without an assumption


def latency(scratch: Scratch) -> str:
    row_id = scratch.create(text="x")["$id"]
    times = []
    for _ in range(11):
        started = time.perf_counter()
        scratch.get(row_id)
        times.append(time.perf_counter() - started)
    return f"{statistics.median(times) * 1000:.1f} ms for a row"
