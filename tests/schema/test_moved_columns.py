"""
New keys for datetime columns where the server cannot rename them.

PostgreSQL's table breaks: the database renames its column, and the description of the table keeps the old key. So values move to a new
column, and a run that is stopped anywhere is finished by the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.db import connections, migrations, models
from django.db.migrations.state import ProjectState

from appwrite_local.errors import ApiError
from appwrite_orm_django.client import columns as column_routes
from appwrite_orm_django.client import errors, rows
from appwrite_orm_django.client import tables as table_routes
from appwrite_orm_django.client.queries import order_asc
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.engines import MARIADB, POSTGRESQL, Engine
from appwrite_orm_django.fields import RowIdField
from appwrite_orm_django.schema.definitions import Column, Database, Index, Table
from appwrite_orm_django.schema.names import fill_table, move_mark
from tests import real
from tests.settled import settled_database

from .conftest import Options as OptionsOfTheRun
from .conftest import connect, migrate, plan_for, requests_of
from .killing import Killed, a_killable_server
from .migration_histories import APP, carry_out
from .test_migration_histories import APPWRITE, databases

pytestmark = pytest.mark.skipif(bool(real.server()), reason="kills the local server")

REF = TableRef("d", "t")
MOMENTS = [None, *(f"2026-01-0{day}T00:00:00.000+00:00" for day in range(1, 8))]
BORN = Column("born", "datetime")
NAME = Column("name", "varchar", 50)
MADE = Column("made", "datetime", required=True)
INDEXES = (
    Index("i", "key", ("born",), ("DESC",)),
    Index("both", "key", ("name", "born")),
    Index("one", "unique", ("name", "born")),
)


@dataclass(frozen=True, slots=True)
class Options(OptionsOfTheRun):
    engine: Engine = POSTGRESQL


def database(*columns: Column, indexes: tuple[Index, ...] = ()) -> Database:
    return Database("d", (Table("t", "T", columns, indexes),))


def renamed(index: Index, key: str) -> Index:
    return replace(index, columns=tuple(key if one == "born" else one for one in index.columns))


def fill(server: Any, *columns: Column, indexes: tuple[Index, ...] = ()) -> None:
    transport = connect(server)
    migrate(transport, database(*columns, indexes=indexes), Options())
    made = {"made": MOMENTS[1]} if MADE in columns else {}
    rows.create_rows(
        transport,
        REF,
        [
            {"$id": f"r{n}", "born": moment, "name": str(n), **made}
            for n, moment in enumerate(MOMENTS)
        ],
    )


def values(server: Any, key: str) -> list[Any]:
    listed = rows.list_rows(connect(server), REF, [order_asc("$id")])["rows"]
    return [row[key] for row in listed]


def assert_done(server: Any, wanted: Database, options: Options) -> None:
    transport = connect(server)
    assert plan_for(transport, wanted, options).steps == ()
    live = settled_database(transport, "d")
    table = live.table("t")
    assert {(column.key, column.type, column.required) for column in table.columns} == {
        (column.key, column.type, column.required) for column in wanted.table("t").columns
    }
    assert set(table.indexes) == set(wanted.table("t").indexes)
    assert [one.id for one in live if "_fill_" in one.id or "_trial_" in one.id] == []


@pytest.fixture
def server() -> Any:
    return a_killable_server(engine="postgresql")


CHANGES = {
    "rename": (replace(BORN, key="birth"), {("t", "birth"): "born"}),
    "other case": (replace(BORN, key="Born"), {}),
    "to text": (Column("born", "varchar", 40), {}),
    "rename and type": (Column("birth", "varchar", 40), {("t", "birth"): "born"}),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("indexes", [(), INDEXES], ids=["plain", "indexed"])
def test_a_datetime_gets_another_key_without_a_rename(
    server: Any, change: str, indexes: tuple[Index, ...]
):
    fill(server, BORN, NAME, indexes=indexes)
    after, renames = CHANGES[change]
    wanted = database(after, NAME, indexes=tuple(renamed(one, after.key) for one in indexes))
    options, transport = Options(renames=renames), connect(server)
    bodies: list[Any] = []
    patched = column_routes.update_column

    def noted(*args: Any, **kwargs: Any) -> Any:
        bodies.append((args[2], kwargs))
        return patched(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_routes, "update_column", noted)
        migrate(transport, wanted, options)
    assert not [body for type_, body in bodies if type_ == "datetime" and "newKey" in body]
    assert_done(server, wanted, options)
    assert values(server, after.key) == MOMENTS


def test_on_mariadb_it_is_renamed():
    server = a_killable_server(engine="mariadb")
    fill(server, BORN, NAME)
    after, renames = CHANGES["rename"]
    wanted = database(after, NAME)
    made: list[Any] = []
    transport = connect(server)
    transport.add_listener(made.append)
    migrate(transport, wanted, Options(renames=renames, engine=MARIADB))
    assert [record.method for record in made if record.method not in ("GET", "PUT")] == ["PATCH"]


def test_a_text_becomes_a_datetime(server: Any):
    """The successor is a datetime, and takes the key of the old column without a rename."""
    fill(server, Column("born", "varchar", 40), NAME)
    wanted = database(BORN, NAME)
    migrate(connect(server), wanted, Options())
    assert_done(server, wanted, Options())
    assert values(server, "born") == MOMENTS


def test_what_is_required_stays_required(server: Any):
    fill(server, BORN, NAME, MADE)
    wanted = database(BORN, NAME, replace(MADE, key="created"))
    options = Options(renames={("t", "created"): "made"})
    migrate(connect(server), wanted, options)
    assert_done(server, wanted, options)
    assert set(values(server, "created")) == {MOMENTS[1]}


def test_a_dry_run_names_the_requests(server: Any):
    fill(server, BORN, NAME)
    after, renames = CHANGES["rename"]
    transport = connect(server)
    plan = plan_for(transport, database(after, NAME), Options(renames=renames))
    requests = requests_of(transport, plan, engine=POSTGRESQL)
    assert [(method, path) for method, path, _body in requests] == [
        ("POST", "/tablesdb/d/tables"),
        ("POST", "/tablesdb/d/tables/t/columns/datetime"),
        ("DELETE", "/tablesdb/d/tables/t/columns/born"),
        ("DELETE", f"/tablesdb/d/tables/{fill_table('t', 'birth')}"),
    ]
    assert not [body for _method, _path, body in requests if "newKey" in body]


def killed_at(
    number: int, after: bool, make: Callable[[], Any], run: Callable[[Any], None]
) -> tuple[Any, bool]:
    """Return a server whose caller was killed at one of its requests, and whether it was."""
    server = make()
    server.served, server.dies_at, server.after = 0, number, after
    died = False
    try:
        run(server)
    except Killed:
        died = True
    server.dies_at = None
    return server, died


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("after", [False, True], ids=["unsent", "unanswered"])
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(change: str, after: bool):
    then, renames = CHANGES[change]
    index = Index("one", "unique", ("name", "born"))
    wanted = database(then, NAME, indexes=(renamed(index, then.key),))
    options = Options(renames=renames, prune=True)

    def make() -> Any:
        server = a_killable_server(engine="postgresql")
        fill(server, BORN, NAME, indexes=(index,))
        return server

    def run(server: Any) -> None:
        migrate(connect(server), wanted, options)

    number, died = 0, True
    while died:
        number += 1
        server, died = killed_at(number, after, make, run)
        run(server)
        assert_done(server, wanted, options)
        assert values(server, then.key) == MOMENTS
    assert number > 8


@pytest.mark.parametrize("after", [False, True], ids=["unsent", "unanswered"])
def test_a_text_that_becomes_a_datetime_is_finished_by_the_next_run(after: bool):
    wanted = database(BORN, NAME)

    def make() -> Any:
        server = a_killable_server(engine="postgresql")
        fill(server, Column("born", "varchar", 40), NAME)
        return server

    def run(server: Any) -> None:
        migrate(connect(server), wanted, Options(prune=True))

    number, died = 0, True
    while died:
        number += 1
        server, died = killed_at(number, after, make, run)
        run(server)
        assert_done(server, wanted, Options())
        assert values(server, "born") == MOMENTS
    assert number > 8


def begun(server: Any, *, copied: int) -> None:
    """Leave a move from "born" to "birth" as a run leaves it that is killed while it copies."""
    transport = connect(server)
    mark = TableRef("d", fill_table("t", "birth"))
    table_routes.create_table(transport, mark, move_mark("born"))
    column_routes.create_column(transport, REF, "datetime", "birth", required=False)
    for number in range(copied):
        rows.update_row(transport, REF, f"r{number}", {"birth": MOMENTS[number]})


def test_a_move_is_finished_without_its_option_and_loses_nothing_to_pruning(server: Any):
    fill(server, BORN, NAME)
    begun(server, copied=3)
    wanted = database(replace(BORN, key="birth"), NAME)
    migrate(connect(server), wanted, Options(prune=True))
    assert_done(server, wanted, Options())
    assert values(server, "birth") == MOMENTS


@pytest.mark.parametrize("type_", ["varchar", "datetime"])
def test_a_column_to_which_values_still_move_is_changed_again(server: Any, type_: str):
    """The models have changed once more before the second run: to another type, or another key."""
    fill(server, BORN, NAME)
    begun(server, copied=3)
    then = Column("birth", "varchar", 40) if type_ == "varchar" else Column("day", "datetime")
    renames = {} if type_ == "varchar" else {("t", "day"): "birth"}
    wanted, options = database(then, NAME), Options(prune=True, renames=renames)
    migrate(connect(server), wanted, options)
    assert_done(server, wanted, options)
    assert values(server, then.key) == MOMENTS


def test_a_key_that_another_column_has_is_not_taken(server: Any):
    fill(server, BORN, NAME)
    transport = connect(server)
    after, renames = CHANGES["rename"]
    wanted = database(after, NAME)
    plan = plan_for(transport, wanted, Options(renames=renames))
    column_routes.create_column(transport, REF, "datetime", "birth", required=False)
    with pytest.raises(errors.AlreadyExists, match="birth"):
        migrate(transport, wanted, Options(renames=renames), plan=plan)
    assert values(server, "born") == MOMENTS
    assert settled_database(transport, "d").table(fill_table("t", "birth")) is None


class TestMigrations:
    """The other road: the operations of Django's migrations."""

    @pytest.fixture(autouse=True)
    def unblocked(self, django_db_setup: Any, django_db_blocker: Any) -> Iterator[None]:
        with django_db_blocker.unblock():
            yield

    @staticmethod
    def made() -> Any:
        fields = [
            ("id", RowIdField(primary_key=True)),
            ("born", models.DateTimeField(null=True)),
            ("day", models.DateField(null=True, db_index=True)),
            ("name", models.CharField(max_length=20)),
        ]
        state = carry_out(migrations.CreateModel("Alpha", fields), APPWRITE, ProjectState())
        model = state.apps.get_model(APP, "Alpha")
        model.objects.bulk_create(
            [
                model(id=f"r{n}", name=str(n), born=moment, day=moment and moment[:10])
                for n, moment in enumerate(MOMENTS)
            ]
        )
        return state

    OPERATIONS = {
        "rename": migrations.RenameField("Alpha", "born", "birth"),
        "rename a date": migrations.RenameField("Alpha", "day", "birth"),
        "column": migrations.AlterField(
            "Alpha", "born", models.DateTimeField(null=True, db_column="birth")
        ),
        "index": migrations.AlterField(
            "Alpha", "born", models.DateTimeField(null=True, db_index=True)
        ),
    }

    @pytest.mark.parametrize("level", ["1.9", "2.x"])
    @pytest.mark.parametrize("name", OPERATIONS)
    def test_it_keeps_its_values(self, level: str, name: str):
        with databases(a_killable_server(level, engine="postgresql")):
            state = self.made()
            assert connections[APPWRITE].engine is POSTGRESQL
            state = carry_out(self.OPERATIONS[name], APPWRITE, state)
            self.assert_kept(state, name)

    @pytest.mark.parametrize("name", ["rename", "rename a date"])
    def test_it_is_finished_by_the_next_run(self, name: str):
        number, died = 0, True
        while died:
            number += 1
            server = a_killable_server("1.9", engine="postgresql")
            with databases(server):
                before = self.made()
                server.served, server.dies_at, server.after = 0, number, True
                died = False
                try:
                    carry_out(self.OPERATIONS[name], APPWRITE, before.clone())
                except Killed:
                    died = True
                server.dies_at = None
                state = carry_out(self.OPERATIONS[name], APPWRITE, before)
                self.assert_kept(state, name)
        assert number > 8

    @staticmethod
    def assert_kept(state: Any, name: str) -> None:
        model = state.apps.get_model(APP, "Alpha")
        key = "born" if name in ("column", "index") else "birth"
        found = list(model.objects.order_by("name").values_list(key, flat=True))
        assert [value and value.isoformat()[:10] for value in found] == [
            moment and moment[:10] for moment in MOMENTS
        ]
        table = settled_database(connections[APPWRITE].transport, "d").table("library_alpha")
        assert len(table.columns) == 3
        model(id="new", name="x", **{key: found[1]}).save()


def test_an_index_is_asked_for_again_while_the_server_does_not_know_its_column(
    server: Any, monkeypatch: pytest.MonkeyPatch
):
    """The cache of a table may be behind its column, for several requests (``column_not_available``)."""
    fill(server, BORN, NAME)
    refused: list[str] = []
    handle = server.handle

    def behind(request: Any) -> Any:
        if request.method == "POST" and request.path.endswith("/indexes") and len(refused) < 3:
            refused.append(request.path)
            return ApiError("column_not_available", key="name").response()
        return handle(request)

    monkeypatch.setattr(server, "handle", behind)
    wanted = database(BORN, NAME, indexes=(Index("i", "key", ("name",)),))
    pauses: list[float] = []
    migrate(connect(server), wanted, Options(), sleep=pauses.append)
    assert_done(server, wanted, Options())
    assert len(refused) == 3
    assert pauses[:3] == sorted(pauses[:3])


def test_an_index_is_not_asked_for_for_ever(server: Any, monkeypatch: pytest.MonkeyPatch):
    fill(server, BORN, NAME)
    handle, now = server.handle, [0.0]

    def behind(request: Any) -> Any:
        if request.method == "POST" and request.path.endswith("/indexes"):
            return ApiError("column_not_available", key="name").response()
        return handle(request)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(server, "handle", behind)
    wanted = database(BORN, NAME, indexes=(Index("i", "key", ("name",)),))
    with pytest.raises(errors.ColumnNotAvailable):
        migrate(
            connect(server),
            wanted,
            Options(),
            deadline_s=60,
            clock=lambda: now[0],
            sleep=sleep,
        )
    assert now[0] >= 60
