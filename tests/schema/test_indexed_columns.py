"""
Changes of columns that indexes hold.

The server takes a column that is deleted out of its indexes, but not out of all that it knows of them: then no column of the table gets
another key or size any more. Of columns deleted at once it leaves an index that it can never delete.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.db import IntegrityError

from appwrite_local.server import LocalServer
from appwrite_orm_django.client import columns as column_calls
from appwrite_orm_django.client import rows, tables
from appwrite_orm_django.client.errors import InvalidSchema
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from appwrite_orm_django.schema.errors import DuplicateRows, NotAvailable, UnsupportedModel
from appwrite_orm_django.schema.names import replaced_key, replacement_key
from appwrite_orm_django.schema.steps import ChangeColumn, DropIndex
from tests.settled import columns as column_routes
from tests.settled import indexes as index_routes
from tests.settled import settle, settled_database

from .conftest import ENGINE, Options, connect, make_plan, migrate, plan_for, requests_of
from .killing import Killed, a_killable_server

REF = TableRef("d", "t")
A, B, C = (Column(key, "varchar", 50) for key in "abc")
ROWS = [{"$id": f"r{n}", "a": str(n), "b": str(n % 2), "c": str(n)} for n in range(3)]


def database(*columns: Column, indexes: tuple[Index, ...] = ()) -> Database:
    return Database("d", (Table("t", "T", columns, indexes),))


def over(*columns: str, type: Any = "key", **options: Any) -> Index:
    return Index("i", type, columns, **options)


INDEXES = {
    "single": over("a"),
    "first": over("a", "b", "c"),
    "middle": over("b", "a", "c"),
    "last": over("b", "c", "a"),
    "unique": over("a", type="unique"),
    "unique together": over("b", "a", type="unique"),
    "fulltext": over("a", type="fulltext"),
    "lengths": over("a", "b", lengths=(20, 10)),
    "a length": over("a", "b", lengths=(20, 0)),
    "orders": over("a", "b", orders=("DESC", "ASC")),
}


@dataclass(frozen=True)
class Change:
    """
    A change of the column ``a``.

    Attributes:
        to: what it becomes; None when it is dropped.
        text_only: whether an index that only texts can have does not outlive it.
    """

    to: Column | None
    text_only: bool = False

    def indexes(self, index: Index) -> tuple[Index, ...]:
        if self.to is None:
            return ()
        if self.text_only and index.type == "fulltext":
            return ()
        columns = tuple(self.to.key if key == "a" else key for key in index.columns)
        index = replace(index, columns=columns)
        if self.text_only and index.lengths:
            lengths = tuple(
                0 if key == self.to.key else index.lengths[n] for n, key in enumerate(columns)
            )
            index = replace(index, lengths=lengths if any(lengths) else ())
        return (index,)

    def after(self, index: Index) -> Database:
        return database(*([] if self.to is None else [self.to]), B, C, indexes=self.indexes(index))

    @property
    def options(self) -> Options:
        renames = {("t", self.to.key): "a"} if self.to is not None and self.to.key != "a" else {}
        return Options(prune=self.to is None, renames=renames)


CHANGES = {
    "type": Change(Column("a", "integer"), text_only=True),
    "wider type": Change(Column("a", "text")),
    "longer": Change(replace(A, size=60)),
    "shorter": Change(replace(A, size=30)),
    "required": Change(replace(A, required=True)),
    "default": Change(replace(A, default="x")),
    "enum": Change(Column.enum("a", ("0", "1", "2"), required=False)),
    "rename": Change(replace(A, key="z")),
    "other case": Change(replace(A, key="A")),
    "other case and type": Change(Column("A", "integer"), text_only=True),
    "rename and type": Change(Column("z", "integer"), text_only=True),
    "drop": Change(None),
}

#: A text column of this type has to be indexed with a length.
NEEDS_LENGTHS = "wider type"


def is_enforced(change: Change, index: Index) -> bool:
    """Return whether the engine enforces a unique index; no model has one that it does not."""
    types = {"varchar", change.to.type if change.to else "varchar"}
    return index.type != "unique" or ENGINE.unique_types is None or types <= ENGINE.unique_types


def combinations() -> Iterator[Any]:
    for change in CHANGES:
        for kind, index in INDEXES.items():
            if (
                change == NEEDS_LENGTHS
                and index.type != "fulltext"
                and not (index.lengths and index.lengths[0])
            ):
                continue
            if not is_enforced(CHANGES[change], index):
                continue
            yield pytest.param(CHANGES[change], index, id=f"{change}-{kind}")


def fill(server: LocalServer, *indexes: Index) -> None:
    transport = connect(server)
    migrate(transport, database(A, B, C, indexes=indexes))
    rows.create_rows(transport, REF, ROWS)


def assert_done(server: LocalServer, wanted: Database, options: Options) -> None:
    transport = connect(server)
    assert plan_for(transport, wanted, options).steps == ()
    live = settled_database(transport, "d")
    table = live.table("t")
    assert set(table.indexes) == set(wanted.table("t").indexes)
    assert {column.key for column in table.columns} == {
        column.key for column in wanted.table("t").columns
    }
    assert {one.id for one in live if not one.id.startswith("appwrite_orm_django_")} == {"t"}
    assert {one.id for one in live if "_trial_" in one.id or "_fill_" in one.id} == set()
    for row, was in zip(rows.list_rows(transport, REF)["rows"], ROWS, strict=True):
        for column in table.columns:
            old = was["a" if column.key in ("a", "A", "z") else column.key]
            assert row[column.key] == (int(old) if column.type == "integer" else old)


@pytest.mark.parametrize(("change", "index"), [*combinations()])
def test_a_column_under_an_index_is_changed(
    make_server: Callable[..., LocalServer], change: Change, index: Index
):
    server = make_server()
    fill(server, index)
    wanted = change.after(index)
    requests_of(connect(server), plan_for(connect(server), wanted, change.options))
    migrate(connect(server), wanted, change.options)
    assert_done(server, wanted, change.options)
    if wanted.table("t").indexes and index.type == "unique":
        transport = connect(server)
        body = rows.get_row(transport, REF, "r0")
        copy = {column.key: body[column.key] for column in wanted.table("t").columns}
        with pytest.raises(IntegrityError):
            rows.create_row(transport, REF, "copy", copy)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("type", "first"),
        ("enum", "unique together"),
        ("type", "lengths"),
        ("shorter", "unique"),
        ("rename", "middle"),
        ("other case", "unique together"),
        ("rename and type", "last"),
        ("drop", "unique together"),
    ],
)
@pytest.mark.parametrize("after", [False, True], ids=["unsent", "unanswered"])
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(change: str, kind: str, after: bool):
    number, index = 0, INDEXES[kind]
    wanted, options = CHANGES[change].after(index), CHANGES[change].options
    died = True
    while died:
        number += 1
        server = a_killable_server()
        fill(server, index)
        server.served, server.dies_at, server.after = 0, number, after
        died = False
        try:
            migrate(connect(server), wanted, options)
        except Killed:
            died = True
        server.dies_at = None
        migrate(connect(server), wanted, options)
        assert_done(server, wanted, options)
    assert number > 1


def test_the_case_of_a_key_is_the_models_without_being_told(
    make_server: Callable[..., LocalServer],
):
    """Queries and rows tell keys apart by case, though the server takes no two that differ in nothing else."""
    server = make_server()
    fill(server, over("b", "a", type="unique"))
    wanted = CHANGES["other case"].after(over("b", "a", type="unique"))
    plan = plan_for(connect(server), wanted)
    renamed = "~ column t.a renamed to A"
    assert [f"{step.sign} {step}" for step in plan.steps] == (
        [renamed]
        if ENGINE.alters_indexed_tables
        else ["- index t.i unique (b, A)", renamed, "+ index t.i unique (b, A)"]
    )
    migrate(connect(server), wanted)
    assert_done(server, wanted, Options())


def test_all_columns_of_an_index_are_pruned(make_server: Callable[..., LocalServer]):
    server = make_server()
    fill(server, over("a", "b"))
    wanted = database(C)
    plan = plan_for(connect(server), wanted, Options(prune=True))
    assert [str(step) for step in plan.steps] == [
        "index t.i key (a, b)",
        "column t.a varchar(50)",
        "column t.b varchar(50)",
    ]
    migrate(connect(server), wanted, Options(prune=True))
    assert_done(server, wanted, Options(prune=True))


# Wreckage


def delete_columns(server: LocalServer, *keys: str) -> None:
    transport = connect(server)
    for key in keys:
        column_calls.delete_column(transport, REF, key)
        column_calls.list_columns(transport, REF)
        settle(transport, REF)


def delete_columns_at_once(server: LocalServer, index: Index) -> None:
    """
    Fill a table, and delete all columns of its index, of which the index is left.

    A server that has deleted the first column before it hears of the next takes the index along: then it is tried anew.
    """
    transport = connect(server)
    for _ in range(20):
        fill(server, index)
        for key in index.columns:
            column_calls.delete_column(transport, REF, key)
        settle(transport, REF)
        if index_named(server)["status"] == "available":
            return
        tables.delete_table(transport, REF)
    pytest.fail("The server deletes each column before it hears of the next.")


def index_named(server: LocalServer, key: str = "i") -> dict[str, Any]:
    found = index_routes.list_indexes(connect(server), REF)
    return next((body for body in found if body["key"] == key), {"status": "gone"})


WRECKED = [
    pytest.param(over("a", "b"), id="composite"),
    pytest.param(over("b", "a", type="unique"), id="unique"),
    pytest.param(over("a", "b", lengths=(10, 20)), id="lengths of their own"),
    pytest.param(over("a", "b", orders=("DESC", "DESC")), id="orders"),
]


@pytest.mark.parametrize("index", WRECKED)
@pytest.mark.parametrize("wanted_index", [True, False], ids=["of the model", "of no model"])
def test_a_replacement_that_stopped_once_the_old_column_was_gone(
    make_server: Callable[..., LocalServer], index: Index, wanted_index: bool
):
    server = make_server()
    fill(server, index)
    transport, successor = connect(server), replacement_key("a")
    to = Column.enum("a", ("0", "1", "2"), required=False)
    migrate(transport, database(A, B, C, replace(to, key=successor), indexes=(index,)))
    for row in ROWS:
        rows.update_row(transport, REF, str(row["$id"]), {successor: row["a"], "b": f"b{row['a']}"})
    delete_columns(server, "a")
    after = replace(
        index,
        lengths=tuple(
            0 if index.columns[n] == "a" else length for n, length in enumerate(index.lengths)
        ),
    )
    wanted = database(to, B, C, indexes=(after,) if wanted_index else ())
    options = Options()
    if not (wanted_index or ENGINE.alters_indexed_tables):
        with pytest.raises(UnsupportedModel, match=r"the index i .*, which no model has"):
            migrate(transport, wanted)
        options = Options(prune=True)
    migrate(transport, wanted, options)
    assert plan_for(transport, wanted).steps == ()
    live = settled_database(transport, "d").table("t")
    assert {column.key for column in live.columns} == {"a", "b", "c"}
    assert [row["a"] for row in rows.list_rows(transport, REF)["rows"]] == ["0", "1", "2"]
    assert not wanted_index or live.indexes == (after,)


@pytest.mark.parametrize("index", WRECKED)
@pytest.mark.parametrize("change", ["type", "longer", "rename"])
def test_a_column_beside_an_index_that_lost_another(
    make_server: Callable[..., LocalServer], index: Index, change: str
):
    """The index is over what is left, as a model may ask for it; no column of the table could be changed."""
    server = make_server()
    fill(server, index)
    for row in ROWS:
        rows.update_row(connect(server), REF, str(row["$id"]), {"b": f"b{row['a']}"})
    delete_columns(server, "a")
    there = settled_database(connect(server), "d").table("t").indexes
    to = CHANGES[change].to
    assert to is not None
    to = replace(to, key="c" if to.key == "a" else "z")
    wanted = database(B, to, indexes=there)
    options = Options(renames={("t", "z"): "c"} if to.key == "z" else {})
    migrate(connect(server), wanted, options)
    live = settled_database(connect(server), "d").table("t")
    assert (set(live.indexes), plan_for(connect(server), wanted, options).steps) == (set(there), ())
    assert {column.key for column in live.columns} == {"b", to.key}


@pytest.mark.parametrize("stuck", [False, True], ids=["listed", "stuck"])
@pytest.mark.parametrize("type_", ["key", "unique"])
@pytest.mark.parametrize(
    "wanted_index", [over("a", "b"), over("c"), None], ids=["the same", "another", "none"]
)
def test_an_index_whose_columns_were_deleted_at_once(
    make_server: Callable[..., LocalServer], stuck: bool, type_: Any, wanted_index: Index | None
):
    server = make_server()
    delete_columns_at_once(server, over("a", "b", type=type_))
    if stuck:
        index_routes.delete_index(connect(server), REF, "i")
        assert index_named(server)["status"] == "stuck"
    indexes = (replace(wanted_index, type=type_),) if wanted_index else ()
    wanted = database(A, B, C, indexes=indexes)
    migrate(connect(server), wanted)
    assert set(settled_database(connect(server), "d").table("t").indexes) == set(indexes)
    assert plan_for(connect(server), wanted).steps == ()
    if type_ == "unique" and indexes:
        for number in range(2):
            body = dict.fromkeys(indexes[0].columns, "same")
            with contextlib.nullcontext() if number == 0 else pytest.raises(IntegrityError):
                rows.create_row(connect(server), REF, f"same{number}", body)


def lost_over(server: LocalServer, index: Index) -> None:
    """Let the server list an index, over columns that are there, that it does not have."""
    transport = connect(server)
    delete_columns_at_once(server, index)
    index_routes.delete_index(transport, REF, index.key)
    for key in index_named(server)["columns"]:
        column_routes.create_column(transport, REF, "varchar", key, required=False, size=50)
        for row in ROWS:
            rows.update_row(transport, REF, str(row["$id"]), {key: row[key]})
    assert index_named(server)["status"] == "stuck"


def test_a_column_is_replaced_to_free_the_key_of_an_index_that_is_lost(
    make_server: Callable[..., LocalServer],
):
    server = make_server()
    lost_over(server, over("a", "b"))
    wanted = database(A, C, indexes=(over("a"),))
    plan = plan_for(connect(server), wanted)
    assert [f"{step.sign} {step}" for step in plan.steps] == [
        "- index t.i key (a)",
        "~ column t.a varchar(50) -> varchar(50)",
        "+ index t.i key (a)",
    ]
    migrate(connect(server), wanted)
    live = settled_database(connect(server), "d").table("t")
    assert (live.indexes, index_named(server)["status"]) == ((over("a"),), "available")
    assert [row["a"] for row in rows.list_rows(connect(server), REF)["rows"]] == ["0", "1", "2"]
    assert plan_for(connect(server), wanted).steps == ()


def test_a_lost_index_that_no_model_has_is_said_and_goes_with_its_columns(
    make_server: Callable[..., LocalServer],
):
    server = make_server()
    lost_over(server, over("a", "b"))
    plan = plan_for(connect(server), database(A, C), Options(prune=True))
    assert plan.steps == ()
    assert (
        "Appwrite lists the index i (a) but does not have it and cannot delete it" in plan.notes[0]
    )
    migrate(connect(server), database(C), Options(prune=True))
    assert index_named(server)["status"] == "gone"


def test_a_successor_that_is_left_beside_its_column_goes(make_server: Callable[..., LocalServer]):
    server, index = make_server(), over("a", "b")
    fill(server, index)
    transport = connect(server)
    column_routes.create_column(transport, REF, "integer", replacement_key("a"), required=False)
    migrate(transport, database(A, B, C, indexes=(index,)), Options(prune=True))
    assert_done(server, database(A, B, C, indexes=(index,)), Options(prune=True))


@pytest.mark.engine("mariadb", "postgresql", reason="no column under an index gets another key")
def test_an_index_over_a_column_that_was_put_aside_is_dropped_before_that(
    make_server: Callable[..., LocalServer],
):
    server, index = make_server(), over("a", "b", type="unique")
    fill(server, index)
    transport = connect(server)
    body = {"required": False, "default": None}
    column_routes.update_column(transport, REF, "varchar", "a", **body, newKey=replaced_key("a"))
    column_routes.create_column(transport, REF, "varchar", "a", required=False, size=50)
    for row in ROWS:
        rows.update_row(transport, REF, str(row["$id"]), {"a": row["a"]})
    wanted = database(A, B, C, indexes=(replace(index, key="j"),))
    migrate(transport, wanted)
    assert_done(server, wanted, Options())


def test_a_failed_column_under_an_index_is_made_anew_with_it(
    make_server: Callable[..., LocalServer],
):
    server = make_server()
    fill(server, over("b", "c"))
    server.faults.add("failed-columns,path=*/columns/varchar,times=1")
    column_routes.create_column(connect(server), REF, "varchar", "x", required=False, size=20)
    wanted = database(A, B, C, Column("x", "varchar", 20), indexes=(over("x", "b"),))
    migrate(connect(server), wanted)
    assert plan_for(connect(server), wanted).steps == ()
    assert settled_database(connect(server), "d").table("t").indexes == (over("x", "b"),)


def test_a_stuck_column_goes_after_the_index_that_holds_it():
    """MariaDB drops no column of a unique index over several."""
    index = over("b", "a", type="unique")
    live = database(replace(A, status="stuck"), B, indexes=(index,))
    assert [
        f"{step.sign} {step}" for step in make_plan(database(A, B, indexes=(index,)), live).steps
    ] == [
        "- index t.i unique (b, a)",
        "- column t.a varchar(50)",
        "+ column t.a varchar(50)",
        "+ index t.i unique (b, a)",
    ]


def test_an_index_does_not_outlive_a_column_that_becomes_an_array(
    make_server: Callable[..., LocalServer],
):
    server = make_server()
    fill(server, over("a", "b"))
    wanted = database(replace(A, array=True), B, C)
    migrate(connect(server), wanted)
    live = settled_database(connect(server), "d").table("t")
    assert (live.indexes, plan_for(connect(server), wanted).steps) == ((), ())
    assert [row["a"] for row in rows.list_rows(connect(server), REF)["rows"]] == [
        ["0"],
        ["1"],
        ["2"],
    ]


# Uniqueness meanwhile


def test_the_plan_says_that_duplicates_may_come_while_a_unique_index_is_gone(
    make_server: Callable[..., LocalServer],
):
    server, index = make_server(), INDEXES["unique together"]
    fill(server, index)
    plan = plan_for(connect(server), CHANGES["type"].after(index))
    assert [(step.sign, step.warning) for step in plan.steps if "index" in str(step)] == [
        (
            "-",
            "other clients can write duplicates until it is created again; this run then fails and lists them",
        ),
        ("+", ""),
    ]


@pytest.mark.parametrize(
    "moment", ["DELETE /tablesdb/d/tables/t/columns", "PATCH /tablesdb/d/tables/t/columns"]
)
def test_duplicates_that_others_write_meanwhile_are_named(
    make_server: Callable[..., LocalServer], moment: str
):
    server, index = make_server(), INDEXES["unique together"]
    fill(server, index)
    transport, other, written = connect(server), connect(server), []

    def write(record: Any) -> None:
        if f"{record.method} {record.path}".startswith(moment) and not written:
            written.append(record)
            live = {column.key for column in settled_database(other, "d").table("t").columns}
            key = "a" if "a" in live else replaced_key("a")
            rows.create_row(
                other,
                REF,
                "meanwhile",
                {key: "1", "b": "1", replacement_key("a"): "1"}
                if key != "a"
                else {"a": "1", "b": "1"},
            )

    transport.add_listener(write)
    wanted = CHANGES["enum"].after(index)
    with pytest.raises(DuplicateRows, match="meanwhile"):
        migrate(transport, wanted)
    assert written
    rows.delete_row(other, REF, "meanwhile")
    migrate(connect(server), wanted)
    assert_done(server, wanted, Options())


def test_a_column_that_a_foreign_index_does_not_let_grow(make_server: Callable[..., LocalServer]):
    server = make_server()
    migrate(
        connect(server), database(A, Column("wide", "varchar", 718), indexes=(over("a", "wide"),))
    )
    wanted = database(replace(A, size=51), Column("wide", "varchar", 718))
    with (
        pytest.raises(
            NotAvailable,
            match=r"column t\.a: .*maximum: 768 \(400 column_index_invalid\)\nIndexes over it: i key \(a, wide\)\.",
        )
        if ENGINE.alters_indexed_tables
        else pytest.raises(UnsupportedModel, match=r"has the index i key \(a, wide\), which no")
    ):
        migrate(connect(server), wanted)
    migrate(connect(server), wanted, Options(prune=True))
    assert plan_for(connect(server), wanted).steps == ()


# Engines that change no column of a table with indexes, and take no two that are alike


NOT_ALIKE = pytest.mark.engine("mongodb", reason="no two indexes over the same columns")
ALTERED = pytest.mark.engine("mongodb", reason="no column of an indexed table is altered")
ELSEWHERE = Index("j", "unique", ("c",))


@ALTERED
@pytest.mark.parametrize("change", ["longer", "rename", "other case", "enum"])
def test_all_indexes_of_the_table_make_way(make_server: Callable[..., LocalServer], change: str):
    """Also those over other columns, and none that the server does not compare."""
    server = make_server()
    others = (ELSEWHERE, Index("f", "fulltext", ("b",)))
    fill(server, over("a", "b"), *others)
    to = CHANGES[change]
    wanted = database(to.to, B, C, indexes=(*to.indexes(over("a", "b")), *others))
    plan = plan_for(connect(server), wanted, to.options)
    assert {step.index.key for step in plan.steps if isinstance(step, DropIndex)} == {"i", "j"}
    assert not plan.destructive or change == "enum"
    migrate(connect(server), wanted, to.options)
    assert_done(server, wanted, to.options)


@ALTERED
@pytest.mark.parametrize("change", ["required", "default"])
def test_indexes_stay_where_nothing_is_altered(
    make_server: Callable[..., LocalServer], change: str
):
    server = make_server()
    fill(server, over("a", "b"), ELSEWHERE)
    wanted = database(CHANGES[change].to, B, C, indexes=(over("a", "b"), ELSEWHERE))
    plan = plan_for(connect(server), wanted)
    assert [type(step) for step in plan.steps] == [ChangeColumn]
    migrate(connect(server), wanted)
    assert_done(server, wanted, Options())


@ALTERED
@pytest.mark.parametrize("after", [False, True], ids=["unsent", "unanswered"])
@pytest.mark.parametrize("change", ["longer", "rename", "other case", "enum"])
def test_a_killed_run_leaves_no_index_of_the_table_behind(change: str, after: bool):
    to, number, died = CHANGES[change], 0, True
    wanted = database(to.to, B, C, indexes=(*to.indexes(over("b", "a", type="unique")), ELSEWHERE))
    while died:
        number += 1
        server = a_killable_server("1.9")
        fill(server, over("b", "a", type="unique"), ELSEWHERE)
        server.served, server.dies_at, server.after = 0, number, after
        died = False
        try:
            migrate(connect(server), wanted, to.options)
        except Killed:
            died = True
        server.dies_at = None
        migrate(connect(server), wanted, to.options)
        assert_done(server, wanted, to.options)
    assert number > 10


@ALTERED
@pytest.mark.parametrize("change", ["longer", "rename", "enum"])
@pytest.mark.parametrize("unknown", [Index("x", "key", ("c",)), ELSEWHERE], ids=str)
def test_an_unknown_index_is_not_dropped_for_a_change(
    make_server: Callable[..., LocalServer], change: str, unknown: Index
):
    """A run that was stopped before it was created again would have lost it."""
    server, to = make_server(), CHANGES[change]
    fill(server, unknown)
    before = settled_database(connect(server), "d")
    wanted = database(to.to, B, C)
    with pytest.raises(UnsupportedModel) as caught:
        migrate(connect(server), wanted, to.options)
    assert str(caught.value) == (
        "t: on MongoDB, no column can be renamed or resized while the table has the index "
        f"{unknown.key} {unknown}, which no model has.\n"
        "Way out: drop it, in the console or with appwrite_migrate --prune, or add it to the model."
    )
    assert settled_database(connect(server), "d") == before
    # Each of the ways out:
    known = database(to.to, B, C, indexes=(unknown,))
    migrate(connect(server), known, to.options)
    assert_done(server, known, to.options)
    migrate(connect(server), wanted, replace(to.options, prune=True))
    assert_done(server, wanted, to.options)


@ALTERED
def test_an_unknown_fulltext_index_does_not_matter(make_server: Callable[..., LocalServer]):
    server, to = make_server(), CHANGES["longer"]
    fill(server, Index("x", "fulltext", ("b",)))
    migrate(connect(server), database(to.to, B, C))
    kept = database(to.to, B, C, indexes=(Index("x", "fulltext", ("b",)),))
    assert_done(server, kept, Options())


@NOT_ALIKE
@pytest.mark.parametrize(
    ("there", "wanted_index"),
    [
        (over("a", "b"), Index("j", "key", ("b", "a"))),
        (over("a"), Index("j", "unique", ("a",))),
        (over("a", "b", orders=("DESC", "ASC")), Index("j", "key", ("a", "b"), ("ASC", "DESC"))),
    ],
    ids=str,
)
def test_an_unknown_index_gives_way_to_another_one_over_its_columns(
    make_server: Callable[..., LocalServer], there: Index, wanted_index: Index
):
    server = make_server()
    fill(server, there)
    wanted = database(A, B, C, indexes=(wanted_index,))
    assert [f"{step.sign} {step}" for step in plan_for(connect(server), wanted).steps] == [
        f"- index t.i {there}",
        f"+ index t.j {wanted_index}",
    ]
    migrate(connect(server), wanted)
    assert_done(server, wanted, Options())


@NOT_ALIKE
@pytest.mark.parametrize(
    ("there", "wanted_index"),
    [
        (over("a", "b", type="unique"), Index("j", "unique", ("b", "a"))),
        (over("a", type="fulltext"), Index("j", "fulltext", ("b",))),
    ],
    ids=str,
)
def test_an_unknown_index_that_promises_something_does_not(
    make_server: Callable[..., LocalServer], there: Index, wanted_index: Index
):
    server = make_server()
    fill(server, there)
    wanted = database(A, B, C, indexes=(wanted_index,))
    with pytest.raises(UnsupportedModel) as caught:
        migrate(connect(server), wanted)
    assert str(caught.value) == (
        f"t: on MongoDB, the index j {wanted_index} cannot be created while the table has the "
        f"index i {there}, which no model has.\n"
        "Way out: drop it, in the console or with appwrite_migrate --prune, or add it to the model."
    )
    migrate(connect(server), wanted, Options(prune=True))
    assert_done(server, wanted, Options())


@NOT_ALIKE
@pytest.mark.parametrize(
    "other",
    [
        Index("j", "key", ("a",), ("DESC",)),
        Index("j", "key", ("a", "b")),
        over("a", type="fulltext"),
    ],
    ids=str,
)
def test_indexes_that_do_not_exclude_each_other(
    make_server: Callable[..., LocalServer], other: Index
):
    server = make_server()
    other = replace(other, key="j")
    fill(server, over("a"))
    wanted = database(A, B, C, indexes=(over("a"), other))
    migrate(connect(server), wanted)
    assert_done(server, wanted, Options())


@NOT_ALIKE
@pytest.mark.parametrize("lists", [True, False], ids=["there", "gone again"])
def test_an_index_that_another_run_has_just_created(
    make_server: Callable[..., LocalServer], lists: bool
):
    """The server compares it with itself before it finds that it has the key."""
    server = make_server()
    fill(server)
    wanted = database(A, B, C, indexes=(over("a", "b"),))
    plan = plan_for(connect(server), wanted)
    migrate(connect(server), wanted)
    transport, refused = connect(server), []

    def listen(record: Any) -> None:
        if record.method == "POST" and record.path.endswith("/indexes") and not refused:
            refused.append(record.status)
            if not lists:
                index_routes.delete_index(connect(server), REF, "i")

    transport.add_listener(listen)
    migrate(transport, wanted, plan=plan)
    assert refused == [400]
    assert_done(server, wanted, Options())


@NOT_ALIKE
def test_an_index_under_another_name_that_another_client_has_just_created(
    make_server: Callable[..., LocalServer],
):
    server = make_server()
    fill(server)
    wanted = database(A, B, C, indexes=(over("a", "b"),))
    plan = plan_for(connect(server), wanted)
    migrate(connect(server), database(A, B, C, indexes=(Index("other", "key", ("b", "a")),)))
    with pytest.raises(InvalidSchema, match="index with the same attributes"):
        migrate(connect(server), wanted, plan=plan)


@NOT_ALIKE
def test_a_unique_index_serves_for_a_plain_one(make_server: Callable[..., LocalServer]):
    """A migration runs again over a table that is ahead, or the constraint of a model has gone."""
    server, unique = make_server(), over("a", type="unique")
    fill(server, unique)
    wanted = database(A, B, C, indexes=(Index("j", "key", ("a",)),))
    assert plan_for(connect(server), wanted).steps == ()
    migrate(connect(server), wanted, Options(prune=True))
    assert_done(server, wanted, Options())
