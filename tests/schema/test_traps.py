"""What the server does to those who trust it, and what the schema part does about it: one test for each trap, on the local server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from appwrite_local.messages import Request, Response
from appwrite_local.server import LocalServer
from appwrite_orm_django.client import columns as column_routes
from appwrite_orm_django.client import databases, errors, rows
from appwrite_orm_django.client import indexes as index_routes
from appwrite_orm_django.client import tables as table_routes
from appwrite_orm_django.client.queries import select
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from appwrite_orm_django.schema.errors import (
    DuplicateRows,
    MissingValues,
    NotAvailable,
    UnconvertibleRows,
)
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.limits import MAX_ROW_BYTES, row_bytes
from appwrite_orm_django.schema.wire import INLINE_NEW, INLINE_OLD

from .conftest import ENGINE, OPERATORS_ARE_KEPT, Counter, Options, connect, migrate, plan_for
from .killing import Killed

REF = TableRef("d", "t")
ROWS_HAVE_A_WIDTH = pytest.mark.engine(
    "mariadb", "postgresql", reason="rows may be of any width, and the server reports 0"
)


def db(*columns: Column, indexes: tuple[Index, ...] = (), table: str = "t") -> Database:
    return Database("d", (Table(table, table, columns, indexes),))


def live_table(transport: Any) -> Table:
    live = read_database(transport, "d")
    assert live is not None
    found = live.table("t")
    assert found is not None
    return found


def values(transport: Any, column: str) -> list[Any]:
    return [row[column] for row in rows.list_rows(transport, REF, [select(["*"])])["rows"]]


def test_a_column_that_is_stuck_is_waited_for_no_longer_than_told_and_then_made_anew(make_server):
    server = make_server(faults=["stuck-columns,path=*/columns/datetime,times=1"])
    transport, now = connect(server), [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    wanted = db(Column("a", "datetime"))
    for _ in range(2):  # a second run waits as well: it may only be slow
        with pytest.raises(NotAvailable, match=r"column t\.a: not available after 60 s"):
            migrate(transport, wanted, deadline_s=60, clock=lambda: now[0], sleep=sleep)
    column_routes.delete_column(transport, REF, "a")
    assert migrate(transport, wanted) == []
    assert live_table(transport).columns == wanted.tables[0].columns


def test_a_column_that_failed_is_dropped_and_made_anew_by_the_next_run(make_server):
    transport = connect(make_server(faults=["failed-columns,path=*/columns/datetime,times=1"]))
    wanted = db(Column("a", "datetime"))
    with pytest.raises(NotAvailable, match=r"column t\.a is failed"):
        migrate(transport, wanted)
    assert migrate(transport, wanted) == []
    assert live_table(transport).column("a").status == "available"


def test_a_column_that_is_still_being_deleted_is_made_when_it_has_gone(make_server):
    transport = connect(make_server(column_delay_s=0.1))
    wanted = db(Column("a", "varchar", 10))
    migrate(transport, wanted)
    column_routes.delete_column(transport, REF, "a")
    assert migrate(transport, wanted) == []
    rows.create_row(transport, REF, "r", {"a": "x"})


def test_a_replaced_column_takes_the_key_of_one_that_has_just_gone(make_server):
    transport = connect(make_server(column_delay_s=0.1))
    migrate(transport, db(Column("a", "varchar", 10)))
    rows.create_row(transport, REF, "r", {"a": "7"})
    assert migrate(transport, db(Column("a", "integer"))) == []
    assert values(transport, "a") == [7]


def test_a_run_that_was_stopped_while_the_old_column_goes_takes_its_key_when_it_has_gone(
    make_server,
):
    transport = connect(make_server(column_delay_s=0.1))
    migrate(transport, db(Column("a", "varchar", 10)))
    rows.create_row(transport, REF, "r", {"a": "7"})

    def stop(record: Any) -> None:
        if record.method == "DELETE" and record.path.startswith("/tablesdb/d/tables/t/columns/"):
            raise Killed

    to = Column.enum("a", ("7",), required=False)
    wanted = db(to, indexes=(Index("a_uniq", "unique", ("a",)),))
    transport.add_listener(stop)
    with pytest.raises(Killed):
        migrate(transport, wanted)
    transport.remove_listener(stop)
    assert migrate(transport, wanted) == []
    assert plan_for(transport, wanted).steps == ()
    assert values(transport, "a") == ["7"]


def test_inline_columns_are_those_that_the_server_takes_and_never_dates(make_server, level):
    """1.9.6 refuses text inline; on 2.x a datetime made inline refuses values with a zone."""
    transport = connect(make_server())
    counter = Counter([])
    transport.add_listener(counter.records.append)
    migrate(
        transport, db(Column("a", "varchar", 10), Column("n", "integer"), Column("at", "datetime"))
    )
    created = [
        r
        for r in counter.records
        if r.path == "/tablesdb/d/tables" and r.method == "POST" and r.status == 201
    ]
    inline = {column["type"] for record in created for column in record.params["columns"]}
    assert inline == ({"integer"} if level == "1.9" else {"varchar", "integer"})
    assert "datetime" not in INLINE_NEW | INLINE_OLD
    rows.create_row(transport, REF, "r", {"at": "2026-01-01T00:00:00.000+02:00"})


@ROWS_HAVE_A_WIDTH
@pytest.mark.parametrize(
    "column",
    [
        Column("a", "varchar", 20),
        Column("a", "varchar", 16_000),
        Column("a", "text"),
        Column("a", "integer", min=0, max=5),
        Column("a", "bigint"),
        Column("a", "double"),
        Column("a", "boolean"),
        Column("a", "datetime"),
        Column("a", "email"),
        Column("a", "url"),
        Column("a", "ip"),
        Column("a", "enum", elements=("x",)),
        Column("a", "varchar", 5, array=True),
    ],
    ids=str,
)
def test_the_width_we_compute_is_the_servers(transport, column):
    migrate(transport, db(column))
    assert row_bytes([column]) == table_routes.get_table(transport, REF)["bytesUsed"]


@ROWS_HAVE_A_WIDTH
def test_the_server_refuses_what_we_refuse(transport):
    """A row of exactly the width that we allow is taken, and not a byte more."""
    columns = (Column("a", "varchar", 16_000), Column("b", "varchar", 116))
    assert row_bytes(columns) == MAX_ROW_BYTES
    migrate(transport, db(*columns))
    with pytest.raises(errors.LimitExceeded):
        column_routes.create_column(transport, REF, "boolean", "c", required=False)


def test_an_index_of_a_length_that_we_allow_is_taken(transport):
    most = ENGINE.max_index_length
    wanted = db(Column("a", "varchar", most), indexes=(Index("u", "unique", ("a",)),))
    assert migrate(transport, wanted) == []
    with pytest.raises(errors.InvalidSchema, match=f"longer than the maximum: {most}"):
        column_routes.create_column(transport, REF, "varchar", "b", required=False, size=most + 1)
        index_routes.create_index(transport, REF, "v", "unique", ["b"])


def test_a_default_is_given_to_the_rows_that_are_there(transport):
    """The server fills no row; and from then on every update of a row would."""
    migrate(transport, db(Column("a", "varchar", 10)))
    rows.create_rows(transport, REF, [{"$id": f"r{n}", "a": "x"} for n in range(3)])
    wanted = db(Column("a", "varchar", 10), Column("n", "integer", default=7))
    plan = plan_for(transport, wanted)
    assert plan.steps[0].warning == "rows without a value get 7"
    assert migrate(transport, wanted, plan=plan) == []
    assert values(transport, "n") == [7, 7, 7]
    assert plan_for(transport, wanted).steps == ()


def test_a_column_that_gets_a_default_later_gives_it_to_its_nulls(transport):
    migrate(transport, db(Column("a", "varchar", 10)))
    rows.create_rows(transport, REF, [{"$id": "r0", "a": "x"}, {"$id": "r1", "a": None}])
    wanted = db(Column("a", "varchar", 10, default="new"))
    assert migrate(transport, wanted) == []
    assert values(transport, "a") == ["x", "new"]


def test_a_required_column_over_rows_without_a_value_lets_them_be_updated(transport):
    migrate(transport, db(Column("a", "varchar", 10)))
    rows.create_row(transport, REF, "r", {"a": "x"})
    wanted = db(Column("a", "varchar", 10), Column("n", "integer", required=True))
    with pytest.raises(
        MissingValues, match="t: the server cannot require n because one row has no value"
    ):
        migrate(transport, wanted)
    rows.update_row(transport, REF, "r", {"a": "y"})
    assert (
        migrate(
            transport, db(Column("a", "varchar", 10), Column("n", "integer", required=True, fill=0))
        )
        == []
    )
    rows.update_row(transport, REF, "r", {"a": "z"})


def test_one_default_cannot_fill_several_rows_of_a_unique_column(transport):
    """The server says 500 and nothing else."""
    unique = (Index("u", "unique", ("n",)),)
    migrate(transport, db(Column("a", "varchar", 10), Column("n", "integer"), indexes=unique))
    rows.create_rows(transport, REF, [{"$id": f"r{n}", "a": "x"} for n in range(2)])
    wanted = db(
        Column("a", "varchar", 10), Column("n", "integer", required=True, fill=7), indexes=unique
    )
    with pytest.raises(
        DuplicateRows, match=r"t: rows without n cannot all get 7: the unique index u forbids it"
    ):
        migrate(transport, wanted)
    assert values(transport, "n") == [None, None]


def test_a_unique_index_over_duplicates_is_refused_before_anything_is_done(transport):
    """The server calls it available, and it does not exist."""
    migrate(transport, db(Column("a", "varchar", 10), Column("old", "boolean")))
    rows.create_rows(transport, REF, [{"$id": f"r{n}", "a": "x"} for n in range(2)])
    wanted = db(Column("a", "varchar", 20), indexes=(Index("u", "unique", ("a",)),))
    with pytest.raises(DuplicateRows, match=r"duplicates: x \(r0 and r1\)"):
        migrate(transport, wanted, Options(prune=True))
    assert set(live_table(transport).columns) == {
        Column("a", "varchar", 10),
        Column("old", "boolean"),
    }


def test_duplicates_after_a_conversion_are_found_before_it(transport):
    migrate(transport, db(Column("a", "varchar", 10)))
    rows.create_rows(transport, REF, [{"$id": "r0", "a": "7"}, {"$id": "r1", "a": " 7 "}])
    with pytest.raises(DuplicateRows, match=r"duplicates: 7 \(r0 and r1\)"):
        migrate(transport, db(Column("a", "integer"), indexes=(Index("u", "unique", ("a",)),)))
    assert values(transport, "a") == ["7", " 7 "]


def test_text_is_never_cut(transport):
    """The server refuses, in the middle of the run and without naming a row."""
    migrate(transport, db(Column("a", "varchar", 10), Column("b", "varchar", 10)))
    rows.create_rows(
        transport, REF, [{"$id": "r0", "a": "short"}, {"$id": "r1", "a": "far too long"[:10]}]
    )
    wanted = db(Column("a", "varchar", 5), Column("b", "varchar", 20))
    with pytest.raises(
        UnconvertibleRows, match="r1 has 'far too lo': 10 characters exceed the maximum 5"
    ):
        migrate(transport, wanted)
    assert live_table(transport).column("b").size == 10
    rows.update_row(transport, REF, "r1", {"a": "now"})
    assert migrate(transport, wanted) == []


def test_narrower_ranges_leave_the_rows_as_they_are(transport):
    """The server looks at no row; those that do not fit cannot be updated, which the plan says first."""
    migrate(
        transport,
        db(Column("n", "integer", min=0, max=99), Column("s", "enum", elements=("x", "y"))),
    )
    rows.create_row(transport, REF, "r", {"n": 50, "s": "y"})
    wanted = db(Column("n", "integer", min=0, max=9), Column("s", "enum", elements=("x",)))
    plan = plan_for(transport, wanted)
    assert {step.warning for step in plan.steps} == {
        "rows that no longer fit cannot be updated until they are corrected"
    }
    assert plan.destructive == plan.steps
    notes = migrate(transport, wanted, plan=plan)
    assert notes == [
        "t.n: one row holds a value that the column no longer allows, and cannot be updated until it is corrected.",
        "t.s: one row holds a value that the column no longer allows, and cannot be updated until it is corrected.",
    ]
    assert (values(transport, "n"), values(transport, "s")) == ([50], ["y"])


def test_a_column_takes_its_index_along_and_gets_it_back(transport):
    index = (Index("i", "key", ("a",)),)
    migrate(transport, db(Column("a", "varchar", 10), indexes=index))
    rows.create_row(transport, REF, "r", {"a": "7"})
    migrate(transport, db(Column("a", "integer"), indexes=index))
    assert live_table(transport).indexes == index


def test_an_id_can_be_used_again_at_once(transport):
    migrate(transport, db(Column("a", "varchar", 10)))
    rows.create_row(transport, REF, "r", {"a": "x"})
    migrate(transport, Database("d"), Options(prune=True))
    migrate(transport, db(Column("n", "integer")))
    assert rows.list_rows(transport, REF)["rows"] == []
    databases.delete_database(transport, "d")
    assert migrate(transport, db(Column("n", "integer"))) == []


def test_permissions_are_changed_and_nothing_else_is_reset(transport):
    """PUT puts every flag that is left out back to what it is by default."""
    migrate(transport, Database("d", (Table("t", "T", row_security=True),)))
    table_routes.update_table(
        transport, REF, name="Theirs", permissions=[], row_security=True, enabled=False
    )
    migrate(transport, Database("d", (Table("t", "T", permissions=frozenset({'read("any")'})),)))
    table = table_routes.get_table(transport, REF)
    assert (table["name"], table["rowSecurity"], table["enabled"]) == ("Theirs", True, False)


def test_a_column_keeps_its_default_when_something_else_changes(transport):
    """PATCH of a column overwrites default and required with whatever it is sent."""
    migrate(
        transport,
        db(Column("a", "varchar", 10, default="x"), Column("b", "varchar", 10, required=True)),
    )
    migrate(
        transport,
        db(Column("a", "varchar", 20, default="x"), Column("b", "varchar", 20, required=True)),
    )
    assert (
        live_table(transport).column("a").default,
        live_table(transport).column("b").required,
    ) == ("x", True)


class StaleServer(LocalServer):
    """Shows tables as they were before the last change, as 1 % of answers do for half a minute; ``/columns`` is right."""

    shown: Response | None = None

    def handle(self, request: Request) -> Response:
        answer = super().handle(request)
        if request.method == "GET" and request.path.endswith("/tables"):
            self.shown = self.shown or answer
            return self.shown
        return answer


@pytest.mark.local_only("looks into the local server")
def test_a_list_of_tables_that_is_out_of_date_fools_nobody():
    server = StaleServer(index_lag=0)
    transport = connect(server)
    databases.create_database(transport, "d", "D")
    table_routes.create_table(transport, REF, "T")
    before = server.handle(
        Request(
            "GET",
            "/v1/tablesdb/d/tables",
            "",
            {"x-appwrite-project": "demo", "x-appwrite-key": "secret"},
            b"",
        )
    )
    assert json.loads(before.body)["tables"][0]["columns"] == []
    wanted = db(Column("a", "varchar", 10), indexes=(Index("i", "key", ("a",)),))
    assert migrate(transport, wanted) == []
    assert plan_for(transport, wanted).steps == ()


def test_rows_beside_a_relationship_are_filled_and_converted(transport):
    """Every bulk call is refused on such a table."""
    migrate(
        transport, Database("d", (Table("u", "U"), Table("t", "T", (Column("a", "varchar", 10),))))
    )
    options = {"relatedTableId": "u", "type": "manyToOne"}
    column_routes.create_column(transport, REF, "relationship", "to", required=False, **options)
    for number in range(3):
        rows.create_row(transport, REF, f"r{number}", {"a": str(number)})
    wanted = db(Column("a", "integer"), Column("n", "integer", required=True, fill=7))
    assert migrate(transport, wanted) == []
    assert (values(transport, "a"), values(transport, "n")) == ([0, 1, 2], [7, 7, 7])
    unique = db(*wanted.tables[0].columns, indexes=(Index("u", "unique", ("a",)),))
    if ENGINE.unique_types is not None:
        # No model has such an index, as the engine does not enforce it. It is found out.
        with pytest.raises(DuplicateRows, match="available but does not enforce it"):
            migrate(transport, unique)
        return
    assert migrate(transport, unique) == []


@OPERATORS_ARE_KEPT
def test_text_that_looks_like_an_operator_is_copied_as_text(transport):
    migrate(transport, db(Column("a", "varchar", 50)))
    text = '{"method":"toggle","values":[]}'
    rows.create_row(transport, REF, "r", {"a": text})
    migrate(transport, db(Column("a", "longtext")))
    assert values(transport, "a") == [text]


OPERATOR_TEXT = '{"method":"increment","values":[1]}'


@pytest.mark.engine("mongodb", reason="an update destroys text that looks like an operator")
class TestTextThatAnUpdateWouldDestroy:
    def test_it_is_not_copied(self, transport):
        migrate(transport, db(Column("a", "varchar", 50)))
        rows.create_row(transport, REF, "r", {"a": OPERATOR_TEXT})
        with pytest.raises(UnconvertibleRows) as caught:
            migrate(transport, db(Column("a", "longtext")))
        assert str(caught.value) == (
            f"t.a cannot become longtext: r has {OPERATOR_TEXT!r}: Appwrite takes it for an "
            "operator, and on MongoDB destroys it.\n"
            "Nothing was changed. Correct the rows and run the migration again."
        )
        assert [column.key for column in live_table(transport).columns] == ["a"]
        assert values(transport, "a") == [OPERATOR_TEXT]

    def test_it_stays_where_no_row_is_written(self, transport):
        migrate(transport, db(Column("a", "varchar", 50)))
        rows.create_row(transport, REF, "r", {"a": OPERATOR_TEXT})
        renamed = db(Column("b", "varchar", 40))
        migrate(transport, renamed, Options(renames={("t", "b"): "a"}))
        assert values(transport, "b") == [OPERATOR_TEXT]

    @pytest.mark.parametrize(
        "column",
        [
            Column("b", "varchar", 50, required=True, fill=OPERATOR_TEXT),
            Column("b", "varchar", 50, fill=OPERATOR_TEXT),
            Column("b", "varchar", 50, default=OPERATOR_TEXT),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("there", [True, False], ids=["changed", "new"])
    def test_no_row_gets_it_as_a_default(self, transport, column, there):
        a, bare = Column("a", "varchar", 50), Column("b", "varchar", 50)
        migrate(transport, db(a, bare) if there else db(a))
        rows.create_row(transport, REF, "r", {"a": "x"})
        if there and column == replace(bare, fill=column.fill):
            return  # nothing to change
        with pytest.raises(UnconvertibleRows, match=r"t\.b: rows cannot get the default"):
            migrate(transport, db(a, column))
        if any(one.key == "b" for one in live_table(transport).columns):
            assert values(transport, "b") == [None]
