from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from appwrite_orm_django.client import databases, errors, rows
from appwrite_orm_django.client import tables as table_routes
from appwrite_orm_django.client.queries import limit
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.schema.apply.columns import change
from appwrite_orm_django.schema.apply.work import Work
from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from appwrite_orm_django.schema.errors import (
    DuplicateRows,
    MissingValues,
    NotAvailable,
    UnconvertibleRows,
)
from appwrite_orm_django.schema.from_models import models_of, read_models
from appwrite_orm_django.schema.names import replacement_key
from appwrite_orm_django.schema.steps import ChangeColumn, Plan
from appwrite_orm_django.schema.waiting import Waiter
from tests.schema.conftest import ENGINE, OPERATORS_ARE_KEPT, Options, connect, migrate, plan_for
from tests.schema.killing import Killed
from tests.settled import indexes as index_routes
from tests.settled import settled_database

PRODUCT = Table(
    "product",
    "Product",
    (
        Column("name", "varchar", 100, required=True, fill=""),
        Column("note", "longtext"),
        Column("price", "bigint", min=-999, max=999),
        Column("stock", "integer", required=True, min=0, max=32767, fill=0),
        Column("sold", "datetime"),
        Column("weight", "double"),
        Column("active", "boolean", required=True, fill=True),
        Column("mail", "email"),
        Column("site", "url"),
        Column("host", "ip"),
        Column("colour", "enum", elements=("red", "green")),
        Column("tags", "varchar", 20, array=True),
        Column("kind", "varchar", 10, default="plain"),
    ),
    (
        Index("name_uniq", "unique", ("name",)),
        Index("stock_idx", "key", ("stock", "price"), ("DESC", "ASC")),
        Index("note_idx", "key", ("note",), lengths=(200,)),
        Index("sold_idx", "key", ("sold",)),
    ),
    frozenset({'read("any")'}),
    row_security=True,
)
SHOP = Database("shop", (PRODUCT,))
N = Column("n", "integer", required=True)
REF = TableRef("shop", "product")
ROW = {"name": "Tea", "stock": 1, "active": True}


def live(transport):
    return settled_database(transport, "shop")


def with_columns(*columns, indexes=()):
    return Database("shop", (Table("product", "Product", columns, tuple(indexes)),))


def run_with_a_stop(transport, wanted, survives):
    """Migrate, interrupted after this many writes; tell whether it came to its end."""
    left = [survives]

    def stop(record):
        if record.method != "GET":
            left[0] -= 1
            if left[0] < 0:
                raise Killed

    transport.add_listener(stop)
    try:
        migrate(transport, wanted)
    except Killed:
        return False
    finally:
        transport.remove_listener(stop)
    return True


def test_from_nothing_to_everything(transport, requests_made, level):
    assert migrate(transport, SHOP) == []
    assert sorted(live(transport).table("product").columns, key=str) == sorted(
        PRODUCT.columns, key=str
    )
    assert set(live(transport).table("product").indexes) == set(PRODUCT.indexes)
    assert live(transport).table("product").permissions == PRODUCT.permissions
    assert live(transport).table("product").row_security
    rows.create_row(transport, REF, "r", ROW)


def test_a_second_run_is_one_request_and_no_change(transport, requests_made):
    migrate(transport, SHOP)
    requests_made.reset()
    assert plan_for(transport, SHOP).steps == ()
    assert migrate(transport, SHOP) == []
    assert [record.path for record in requests_made.records] == ["/tablesdb/shop/tables"] * 2


def test_all_models_of_the_library(transport, requests_made):
    wanted = read_models("library", models_of("appwrite"))
    migrate(transport, wanted)
    requests_made.reset()
    assert plan_for(transport, wanted).steps == ()
    assert len(requests_made) == 2  # the tables, and what is recorded of up to 500 columns


def test_fifty_tables_take_at_most_sixty_requests_where_columns_come_inline(make_server):
    types = ("integer", "boolean", "double", "bigint")
    columns = tuple(Column(f"c{n}", types[n % 4]) for n in range(20))
    indexes = tuple(Index(f"i{n}", "key", (f"c{n * 4 + 3}",)) for n in range(3))
    wanted = Database("shop", tuple(Table(f"t{n}", f"T{n}", columns, indexes) for n in range(50)))
    transport = connect(make_server())
    records = []
    transport.add_listener(records.append)
    migrate(transport, wanted)
    assert len(records) <= 60
    del records[:]
    assert plan_for(transport, wanted).steps == ()
    assert len(records) <= 5


def test_what_the_models_do_not_have_stays_unless_pruned(transport):
    migrate(transport, SHOP)
    smaller = with_columns(*PRODUCT.columns[:2], indexes=PRODUCT.indexes[:1])
    plan = plan_for(transport, smaller)
    assert plan.steps == ()
    assert "column product.weight double" in map(str, plan.left)
    migrate(transport, Database("shop"), Options(prune=True, all_tables=False))
    assert live(transport).table("product") is not None
    migrate(transport, smaller, Options(prune=True))
    assert live(transport).table("product").columns == PRODUCT.columns[:2]
    migrate(transport, Database("shop"), Options(prune=True))
    assert live(transport).tables == ()


def test_the_librarys_own_tables_are_never_pruned(transport):
    migrate(transport, Database("shop", (Table("appwrite_orm_django_claims", "Claims"),)))
    assert plan_for(transport, Database("shop"), Options(prune=True)).steps == ()


class TestAddedColumns:
    def test_a_required_column_is_filled_with_the_default(self, transport):
        migrate(transport, with_columns(Column("a", "varchar", 10)))
        rows.create_rows(transport, REF, [{"$id": f"r{n}", "a": "x"} for n in range(3)])
        wanted = with_columns(
            Column("a", "varchar", 10), Column("n", "integer", required=True, min=0, max=9, fill=7)
        )
        assert migrate(transport, wanted) == []
        assert plan_for(transport, wanted).steps == ()
        assert {row["n"] for row in rows.list_rows(transport, REF)["rows"]} == {7}
        rows.update_row(transport, REF, "r0", {"a": "y"})

    def test_without_a_default_it_is_refused_before_anything_is_done(
        self, transport, requests_made
    ):
        migrate(transport, with_columns(Column("a", "varchar", 10)))
        rows.create_rows(transport, REF, [{"$id": f"r{n}", "a": "x"} for n in range(3)])
        wanted = with_columns(
            Column("a", "varchar", 10),
            Column("b", "boolean"),
            Column("m", "boolean", required=True),
            N,
        )
        requests_made.reset()
        with pytest.raises(
            MissingValues,
            match=r"^product: the server cannot require m because 3 rows have no value; n because 3 rows",
        ):
            migrate(transport, wanted)
        assert requests_made.writes() == []

    def test_filled_by_hand_it_becomes_required(self, transport):
        migrate(transport, with_columns(Column("a", "varchar", 10), replace(N, required=False)))
        rows.create_rows(transport, REF, [{"$id": f"r{n}", "a": "x"} for n in range(3)])
        with pytest.raises(MissingValues, match="cannot require n because 3 rows have no value"):
            migrate(transport, with_columns(Column("a", "varchar", 10), N))
        rows.update_rows(transport, REF, {"n": 1})
        assert migrate(transport, with_columns(Column("a", "varchar", 10), N)) == []
        assert live(transport).table("product").column("n").required

    def test_rows_that_come_meanwhile_are_not_passed_over(self, transport):
        """Another client makes a row when the plan has been looked at: the column stays optional, and the run says so."""
        migrate(transport, with_columns(Column("a", "varchar", 10), replace(N, required=False)))
        before = replace(N, required=False)
        rows.create_row(transport, REF, "r0", {"a": "x"})
        plan = Plan("shop", (ChangeColumn("product", before, N),))
        work = Work(transport, plan, Waiter(), str, lambda _step: None)
        with pytest.raises(MissingValues, match="cannot require n because one row has no value"):
            change(work, plan.steps)
        rows.update_row(transport, REF, "r0", {"a": "y"})

    def test_in_an_empty_table_it_is_required_at_once(self, transport, requests_made):
        migrate(transport, with_columns(Column("a", "varchar", 10)))
        wanted = with_columns(Column("a", "varchar", 10), Column("n", "integer", required=True))
        requests_made.reset()
        assert migrate(transport, wanted) == []
        assert requests_made.writes() == ["POST /tablesdb/shop/tables/product/columns/integer"]

    def test_a_null_made_required(self, transport):
        migrate(transport, with_columns(Column("a", "varchar", 10)))
        rows.create_rows(transport, REF, [{"$id": "r0", "a": "x"}, {"$id": "r1", "a": None}])
        wanted = with_columns(Column("a", "varchar", 10, required=True, fill="?"))
        assert migrate(transport, wanted) == []
        assert [row["a"] for row in rows.list_rows(transport, REF)["rows"]] == ["x", "?"]
        assert plan_for(transport, wanted).steps == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Column("c", "varchar", 10), Column("c", "varchar", 20)),
        (Column("c", "varchar", 10, required=True), Column("c", "varchar", 10)),
        (Column("c", "varchar", 10), Column("c", "varchar", 10, default="x")),
        (Column("c", "varchar", 10, default="x"), Column("c", "varchar", 10)),
        (Column("c", "varchar", 10, default="x"), Column("c", "varchar", 10, required=True)),
        (Column("c", "integer", min=0, max=5), Column("c", "integer", min=-5, max=50)),
        (Column("c", "bigint", min=0, max=5), Column("c", "bigint")),
        (Column("c", "double", min=0, max=5), Column("c", "double")),
        (Column("c", "enum", elements=("a",)), Column("c", "enum", elements=("a", "b"))),
        (
            Column("c", "enum", elements=("a", "b")),
            Column("c", "enum", elements=("a", "b"), required=True),
        ),
        (Column("c", "email", required=True), Column("c", "email")),
    ],
    ids=str,
)
def test_harmless_changes(transport, before, after):
    other = Column("other", "boolean")
    migrate(transport, with_columns(before, other))
    plan = plan_for(transport, with_columns(after, other))
    assert [str(step) for step in plan.steps] == [f"column product.c {before} -> {after}"]
    assert plan.destructive == ()
    assert migrate(transport, with_columns(after, other)) == []
    assert live(transport).table("product").column("c") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Column("c", "varchar", 20), Column("c", "varchar", 10)),
        (Column("c", "integer", min=-5, max=50), Column("c", "integer", min=0, max=5)),
        (Column("c", "enum", elements=("a", "b")), Column("c", "enum", elements=("a",))),
    ],
    ids=str,
)
def test_narrowing_is_destructive(transport, before, after):
    migrate(transport, with_columns(before))
    plan = plan_for(transport, with_columns(after))
    assert plan.destructive == plan.steps
    migrate(transport, with_columns(after))
    assert live(transport).table("product").column("c") == after


class TestReplacedColumns:
    INDEX = Index("c_idx", "key", ("c", "other"))
    OTHER = Column("other", "boolean")

    def migrated(self, transport, before, values):
        migrate(transport, with_columns(before, self.OTHER, indexes=[self.INDEX]))
        rows.create_rows(
            transport, REF, [{"$id": f"r{n}", "c": value} for n, value in enumerate(values)]
        )

    @pytest.mark.parametrize(
        ("before", "after", "values", "converted"),
        [
            (
                Column("c", "varchar", 10),
                Column("c", "integer", min=0, max=99),
                ["5", " 42 ", None, "5"],
                [5, 42, None, 5],
            ),
            (
                Column("c", "integer", min=0, max=99),
                Column("c", "bigint"),
                [1, None, 2],
                [1, None, 2],
            ),
            (
                Column("c", "integer", min=0, max=99),
                Column("c", "varchar", 5),
                [1, None],
                ["1", None],
            ),
            pytest.param(
                Column("c", "varchar", 60),
                Column("c", "longtext"),
                ['{"method":"toggle"}', "x"],
                ['{"method":"toggle"}', "x"],
                marks=OPERATORS_ARE_KEPT,
            ),
            (
                Column("c", "varchar", 10),
                Column("c", "enum", elements=("a", "b")),
                ["a", "b"],
                ["a", "b"],
            ),
            (Column("c", "boolean"), Column("c", "integer", min=0, max=9), [True, False], [1, 0]),
        ],
        ids=str,
    )
    def test_values_and_indexes_are_kept(self, transport, before, after, values, converted):
        after_index = [] if after.type == "longtext" else [self.INDEX]
        self.migrated(transport, before, values)
        wanted = with_columns(after, self.OTHER, indexes=after_index)
        plan = plan_for(transport, wanted)
        assert [str(step) for step in plan.destructive] == [f"column product.c {before} -> {after}"]
        assert migrate(transport, wanted) == []
        assert [row["c"] for row in rows.list_rows(transport, REF)["rows"]] == converted
        assert set(live(transport).table("product").columns) == {after, self.OTHER}
        assert set(after_index) <= set(live(transport).table("product").indexes)

    def test_a_required_one_is_required_again(self, transport):
        self.migrated(transport, Column("c", "varchar", 10, required=True), ["1", "2"])
        wanted = with_columns(
            Column("c", "integer", required=True, min=0, max=9), self.OTHER, indexes=[self.INDEX]
        )
        assert migrate(transport, wanted) == []
        assert plan_for(transport, wanted).steps == ()
        assert live(transport).table("product").column("c").required

    def test_values_that_do_not_fit_stop_it_before_anything_is_lost(self, transport):
        before = Column("c", "varchar", 10)
        self.migrated(transport, before, ["5", "five", "100"])
        with pytest.raises(UnconvertibleRows) as caught:
            migrate(transport, with_columns(Column("c", "integer", min=0, max=99), self.OTHER))
        assert (
            "product.c cannot become integer 0..99: r1 has 'five': not a whole number; r2 has '100': not between 0 and 99."
            in str(caught.value)
        )
        assert [row["c"] for row in rows.list_rows(transport, REF)["rows"]] == ["5", "five", "100"]
        assert live(transport).table("product").column("c") == before

    def test_more_rows_than_a_page(self, transport):
        migrate(transport, with_columns(Column("c", "varchar", 10)))
        for start in range(0, 1100, 100):
            rows.create_rows(
                transport,
                REF,
                [{"$id": f"r{n}", "c": str(n % 3)} for n in range(start, start + 100)],
            )
        migrate(transport, with_columns(Column("c", "integer")))
        page = rows.list_rows(transport, REF, [limit(2000)])["rows"]
        assert [row["c"] for row in page] == [n % 3 for n in range(1100)]

    def test_changing_ones_mind_half_way(self, transport):
        """The column that was to follow has yet another type: it is made anew."""
        migrate(
            transport,
            with_columns(Column("c", "varchar", 10), Column(replacement_key("c"), "boolean")),
        )
        rows.create_row(transport, REF, "r", {"c": "7", replacement_key("c"): True})
        wanted = with_columns(Column("c", "integer"))
        migrate(transport, wanted)
        assert rows.get_row(transport, REF, "r")["c"] == 7
        assert live(transport).table("product").columns == (Column("c", "integer"),)

    def test_stopped_at_every_write(self, make_server):
        wanted = with_columns(
            Column.enum("c", ("5", "42"), required=True),
            self.OTHER,
            indexes=[Index("u", "unique", ("c",))],
        )
        for survives in range(30):
            transport = connect(make_server())
            self.migrated(transport, Column("c", "varchar", 10, required=True), ["5", "42"])
            finished = run_with_a_stop(transport, wanted, survives)
            assert migrate(transport, wanted) == []
            assert plan_for(transport, wanted).steps == ()
            assert [row["c"] for row in rows.list_rows(transport, REF)["rows"]] == ["5", "42"]
            if finished:
                return
        pytest.fail("more writes than expected")


class TestIndexes:
    NAME = Column("name", "varchar", 50)
    UNIQUE = Index("name_uniq", "unique", ("name",))

    def test_duplicates_are_listed_before_a_unique_index_is_made(self, transport):
        migrate(transport, with_columns(self.NAME))
        names = (
            ["Tea", "tea", "Coffee", None, None, "Käse", "KASE "]
            if ENGINE.folds_text
            else ["tea", "tea", "Coffee", None, None, "KASE ", "KASE "]
        )
        rows.create_rows(
            transport, REF, [{"$id": f"r{n}", "name": name} for n, name in enumerate(names)]
        )
        with pytest.raises(DuplicateRows) as caught:
            migrate(transport, with_columns(self.NAME, indexes=[self.UNIQUE]))
        assert (
            "the unique index name_uniq (name) cannot be created over duplicates: tea (r0 and r1); KASE  (r5 and r6)."
            in str(caught.value)
        )
        assert live(transport).table("product").indexes == ()

    def test_a_unique_index_over_distinct_rows_bites(self, transport):
        migrate(transport, with_columns(self.NAME))
        rows.create_rows(
            transport, REF, [{"$id": "r0", "name": "Tea"}, {"$id": "r1", "name": None}]
        )
        migrate(transport, with_columns(self.NAME, indexes=[self.UNIQUE]))
        with pytest.raises(errors.UniqueViolation):
            rows.create_row(transport, REF, "r2", {"name": "TEA" if ENGINE.folds_text else "Tea"})

    def test_an_index_that_is_available_and_does_not_bite_is_found_out(self, transport):
        """With a fold that sees no duplicates where the server does."""
        migrate(transport, with_columns(self.NAME))
        rows.create_rows(
            transport,
            REF,
            [
                {"$id": "r0", "name": None},
                {"$id": "r1", "name": "Tea"},
                {"$id": "r2", "name": "tea" if ENGINE.folds_text else "Tea"},
            ],
        )
        blind = Options(engine=replace(ENGINE, equality_key=lambda _text: object()))
        with pytest.raises(
            DuplicateRows,
            match=r"calls the unique index name_uniq \(name\) available but does not enforce it",
        ):
            migrate(transport, with_columns(self.NAME, indexes=[self.UNIQUE]), blind)
        assert live(transport).table("product").indexes == ()
        assert len(rows.list_rows(transport, REF)["rows"]) == 3

    def test_a_changed_index_is_made_anew(self, transport):
        two = (self.NAME, Column("n", "integer"))
        migrate(transport, with_columns(*two, indexes=[Index("i", "key", ("name",))]))
        wanted = with_columns(*two, indexes=[Index("i", "key", ("name", "n"), ("ASC", "DESC"))])
        plan = plan_for(transport, wanted)
        assert [f"{step.sign} {step}" for step in plan.steps] == [
            "- index product.i key (name)",
            "+ index product.i key (name, n desc)",
        ]
        assert plan.destructive == ()
        migrate(transport, wanted)
        assert live(transport).table("product").indexes == wanted.tables[0].indexes

    def test_the_same_index_under_another_name_is_good_enough(self, transport):
        migrate(transport, with_columns(self.NAME, indexes=[Index("theirs", "unique", ("name",))]))
        assert (
            plan_for(
                transport, with_columns(self.NAME, indexes=[self.UNIQUE]), Options(prune=True)
            ).steps
            == ()
        )

    def test_dropping_a_unique_index_is_destructive(self, transport):
        migrate(transport, with_columns(self.NAME, indexes=[self.UNIQUE]))
        plan = plan_for(transport, with_columns(self.NAME), Options(prune=True))
        assert plan.destructive == plan.steps
        migrate(transport, with_columns(self.NAME), Options(prune=True))
        assert live(transport).table("product").indexes == ()


class TestRename:
    def test_the_column_keeps_its_values_and_its_index(self, transport):
        before = with_columns(Column("a", "varchar", 10), indexes=[Index("i", "key", ("a",))])
        after = with_columns(Column("b", "varchar", 30), indexes=[Index("i", "key", ("b",))])
        migrate(transport, before)
        rows.create_row(transport, REF, "r", {"a": "x"})
        renames = Options(renames={("product", "b"): "a"})
        steps = [f"{step.sign} {step}" for step in plan_for(transport, after, renames).steps]
        if not ENGINE.alters_indexed_tables:
            assert (steps.pop(0), steps.pop()) == (
                "- index product.i key (b)",
                "+ index product.i key (b)",
            )
        assert steps == [
            "~ column product.a renamed to b",
            "~ column product.b varchar(10) -> varchar(30)",
        ]
        migrate(transport, after, renames)
        assert rows.get_row(transport, REF, "r")["b"] == "x"
        assert live(transport) == after
        assert plan_for(transport, after, renames).steps == ()

    def test_a_required_enum_stays_what_it_is(self, transport):
        before = Column("a", "enum", elements=("x", "y"), required=True)
        migrate(transport, with_columns(before))
        migrate(
            transport,
            with_columns(Column("b", "enum", elements=("x", "y"), required=True)),
            Options(renames={("product", "b"): "a"}),
        )
        assert [str(column) for column in live(transport).table("product").columns] == [
            "enum(x, y) required"
        ]


class TestOptions:
    def test_permissions_are_set_and_nothing_else_is_reset(self, transport):
        migrate(transport, Database("shop", (Table("product", "Product", row_security=True),)))
        table_routes.update_table(
            transport, REF, name="Renamed", permissions=[], row_security=True, enabled=False
        )
        wanted = Database(
            "shop", (Table("product", "Product", permissions=frozenset({'read("any")'})),)
        )
        migrate(transport, wanted)
        table = table_routes.get_table(transport, REF)
        assert (table["name"], table["$permissions"], table["rowSecurity"], table["enabled"]) == (
            "Renamed",
            ['read("any")'],
            True,
            False,
        )

    def test_what_the_models_do_not_mention_stays_as_the_console_has_it(self, transport):
        migrate(
            transport,
            Database(
                "shop",
                (Table("product", permissions=frozenset({'read("any")'}), row_security=True),),
            ),
        )
        assert plan_for(transport, Database("shop", (Table("product"),))).steps == ()

    def test_taking_a_permission_away_is_destructive(self, transport):
        migrate(
            transport,
            Database(
                "shop", (Table("product", permissions=frozenset({'read("any")', 'read("users")'})),)
            ),
        )
        plan = plan_for(
            transport,
            Database("shop", (Table("product", permissions=frozenset({'read("users")'})),)),
        )
        assert plan.destructive == plan.steps
        assert plan.steps[0].warning == 'takes away read("any")'


class TestWaiting:
    def test_until_columns_and_indexes_are_available(self, make_server):
        transport = connect(make_server(column_delay_s=0.1, index_lag=1))
        migrate(transport, SHOP)
        table = live(transport).table("product")
        assert {item.status for item in (*table.columns, *table.indexes)} == {"available"}
        rows.create_row(transport, REF, "r", ROW)

    def test_no_longer_than_the_deadline(self, make_server, level):
        transport = connect(make_server(column_delay_s=3600))
        now = [0.0]

        def sleep(seconds):
            now[0] += seconds

        with pytest.raises(
            NotAvailable,
            match=r"column product\.\w+.*: not available after 60 s\. Is Appwrite's worker",
        ):
            migrate(transport, SHOP, deadline_s=60, clock=lambda: now[0], sleep=sleep)
        assert 60 <= now[0] < 65

    def test_a_run_that_was_stopped_goes_on(self, make_server):
        """Killed at every single write in turn, then run again."""
        expected = None
        for survives in range(40):
            transport = connect(make_server())
            finished = run_with_a_stop(transport, SHOP, survives)
            assert migrate(transport, SHOP) == []
            assert plan_for(transport, SHOP).steps == ()
            table = live(transport).table("product")
            state = (set(table.columns), set(table.indexes), table.permissions)
            expected = expected or state
            assert state == expected
            if finished:
                break
        else:
            pytest.fail("more writes than expected")

    def test_two_runs_side_by_side(self, make_server):
        server = make_server(column_delay_s=0.02)
        with ThreadPoolExecutor(3) as executor:
            runs = [executor.submit(migrate, connect(server), SHOP) for _ in range(3)]
        assert [run.result() for run in runs] == [[], [], []]
        assert plan_for(connect(server), SHOP).steps == ()

    def test_two_runs_at_once(self, transport):
        """The second starts when the first has made its plan."""
        first = plan_for(transport, SHOP)
        migrate(transport, SHOP)
        assert migrate(transport, SHOP, plan=first) == []
        assert plan_for(transport, SHOP).steps == ()


def test_a_server_that_is_not_asked_twice_for_what_it_refuses(make_server, level):
    """The first table shows what the server takes inline; the others come as it wants them."""
    transport = connect(make_server())
    records = []
    transport.add_listener(records.append)
    wanted = Database(
        "shop", tuple(Table(f"t{n}", f"T{n}", (Column("a", "varchar", 5),)) for n in range(4))
    )
    migrate(transport, wanted)
    creations = [
        record
        for record in records
        if record.method == "POST" and record.path == "/tablesdb/shop/tables"
    ]
    assert len(creations) == (5 if level == "1.9" else 4)


def test_only_missing_indexes_are_made(transport, requests_made):
    migrate(transport, SHOP)
    index_routes.delete_index(transport, REF, "stock_idx")
    requests_made.reset()
    migrate(transport, SHOP)
    assert requests_made.writes() == ["POST /tablesdb/shop/tables/product/indexes"]


def test_a_database_that_exists_is_taken(transport, requests_made):
    databases.create_database(transport, "shop", "Shop")
    requests_made.reset()
    migrate(transport, Database("shop"))
    assert requests_made.writes() == []
