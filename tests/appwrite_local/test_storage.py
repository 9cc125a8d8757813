"""SQLite underneath: indexes that are used, threads and processes on one file, memory that is private."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from appwrite_local import storage
from appwrite_local.engines import EngineName
from appwrite_local.queries import fields, parse, sql
from appwrite_local.server import LocalServer
from appwrite_local.storage import FORMAT, WrongFormat
from appwrite_orm_django.client.transport import Transport

from .conftest import Api, query


def explain(api: Api, *queries: dict[str, object]) -> str:
    """Say how SQLite runs what a list of queries compiles to."""
    with api.server.storage.session(writes=False) as session:
        table = api.server.schema.table(session, "d", "t")
        assert table is not None
        plan = sql.compile_queries(
            [parse.parse_object(one) for one in queries],
            fields.table_fields(table, api.server.engine),
        )
        statement = f"EXPLAIN QUERY PLAN SELECT * FROM {table.sql} WHERE {plan.where.sql} ORDER BY {sql.order_by(plan)} LIMIT 25"
        return "\n".join(str(row[3]) for row in session.all(statement, plan.where.params))


@pytest.fixture
def indexed(api: Api) -> Api:
    api.make_table(
        ("varchar", {"key": "name", "size": 50}),
        ("integer", {"key": "n"}),
        ("varchar", {"key": "cat", "size": 50}),
    )
    for key, columns in (("by_name", ["name"]), ("by_cat_n", ["cat", "n"])):
        api.ok(
            "POST", "/tablesdb/d/tables/t/indexes", {"key": key, "type": "key", "columns": columns}
        )
    return api


@pytest.mark.parametrize(
    "queries",
    [
        [query("equal", "name", "Étoile")],
        [query("equal", "name", "a", "b")],
        [query("greaterThan", "name", "m"), query("orderAsc", "name")],
        [query("between", "name", "a", "b")],
        [query("startsWith", "name", "New Y")],
        [query("equal", "cat", "x"), query("greaterThan", "n", 5)],
        [query("orderAsc", "name")],
        [query("orderDesc", "name")],
        [query("orderDesc", "$createdAt")],
        [query("greaterThan", "$updatedAt", "2026-01-01"), query("orderAsc", "$updatedAt")],
        [query("equal", "$id", "row")],
    ],
)
def test_filters_and_orders_use_the_index(indexed: Api, queries: list[dict[str, object]]) -> None:
    plan = explain(indexed, *queries)
    assert "USING INDEX" in plan or "USING COVERING INDEX" in plan, plan
    assert not plan.startswith("SCAN rows_1\n"), plan


def test_an_order_by_an_indexed_column_needs_no_sorting(indexed: Api) -> None:
    assert "TEMP B-TREE" not in explain(indexed, query("orderAsc", "name"))


def test_a_get_looks_one_row_up(indexed: Api) -> None:
    with indexed.server.storage.session(writes=False) as session:
        plan = session.all("EXPLAIN QUERY PLAN SELECT * FROM rows_1 WHERE _uid_fold = ?", ["x"])
    assert plan[0][3].startswith("SEARCH rows_1 USING INDEX")


def test_servers_in_memory_share_nothing() -> None:
    one, other = LocalServer(), LocalServer()
    Api(one).make_table()
    assert Api(other).ok("GET", "/tablesdb")["total"] == 0
    one.close()
    other.close()


def _work(path: str, worker: int, rounds: int) -> list[int]:
    server = LocalServer(path)
    statuses = []
    api = Api(server)
    for number in range(rounds):
        statuses.append(
            api.call(
                "POST", api.rows, {"rowId": f"w{worker}-{number}", "data": {"n": number}}
            ).status
        )
        statuses.append(api.call("PATCH", api.rows + "/shared/n/increment", {}).status)
        statuses.append(
            api.call(
                "GET", api.rows, params={"queries[0]": '{"method":"limit","values":[5]}'}
            ).status
        )
    server.close()
    return statuses


def _threads(
    path: str, process: int, results: multiprocessing.Queue[list[int]], threads: int, rounds: int
) -> None:
    found: list[int] = []
    workers = [
        threading.Thread(target=lambda number=number: found.extend(_work(path, number, rounds)))
        for number in range(process * 10, process * 10 + threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    results.put(found)


def test_8_threads_and_4_processes_on_one_file_lose_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "shared.sqlite3")
    server = LocalServer(path)
    api = Api(server)
    api.make_table(("integer", {"key": "n"}))
    api.ok("POST", api.rows, {"rowId": "shared", "data": {"n": 0}})
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[list[int]] = context.Queue()
    rounds = 10
    processes = [
        context.Process(
            target=_threads, args=(path, number, results, 8 if number == 0 else 1, rounds)
        )
        for number in range(1, 4)
    ]
    for process in processes:
        process.start()
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda number=number: found.extend(_work(path, number, rounds)))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in processes:
        found += results.get(timeout=60)
    for process in processes:
        process.join()
    assert set(found) == {200, 201}
    assert api.list()["total"] == 11 * rounds + 1
    assert api.ok("GET", api.rows + "/shared")["n"] == 11 * rounds
    server.close()


def test_one_server_in_memory_serves_many_threads(api: Api) -> None:
    api.make_table(("integer", {"key": "n"}))
    api.ok("POST", api.rows, {"rowId": "shared", "data": {"n": 0}})
    threads = [
        threading.Thread(
            target=lambda: [
                api.ok("PATCH", api.rows + "/shared/n/increment", {}) for _ in range(25)
            ]
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert api.ok("GET", api.rows + "/shared")["n"] == 200


def test_another_process_sees_new_columns_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "shared.sqlite3")
    one, other = LocalServer(path), LocalServer(path)
    Api(one).make_table(("integer", {"key": "n"}))
    api = Api(other)
    api.ok("POST", api.rows, {"rowId": "r", "data": {"n": 1}})
    Api(one).ok("POST", "/tablesdb/d/tables/t/columns/boolean", {"key": "b", "required": False})
    assert api.ok("GET", api.rows + "/r")["b"] is None
    one.close()
    other.close()


# The format of a file


def pragma(path: Path, name: str, value: int | None = None) -> int:
    connection = sqlite3.connect(path)
    try:
        if value is not None:
            connection.execute(f"PRAGMA {name} = {value}")
        return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
    finally:
        connection.close()


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A file with a row in it."""
    path = tmp_path / "dev.sqlite3"
    server = LocalServer(str(path))
    api = Api(server)
    api.make_table(("integer", {"key": "n"}))
    api.ok("POST", api.rows, {"rowId": "r", "data": {"n": 1}})
    server.close()
    return path


def row_of(path: Path) -> object:
    server = LocalServer(str(path))
    api = Api(server)
    found = api.ok("GET", api.rows + "/r")["n"]
    server.close()
    return found


def test_a_file_says_what_format_it_has(filled: Path) -> None:
    assert pragma(filled, "user_version") == FORMAT
    assert pragma(filled, "application_id").to_bytes(4, "big") == b"Appw"
    assert row_of(filled) == 1


def test_a_file_without_a_format_is_taken_for_the_first_one(filled: Path) -> None:
    pragma(filled, "user_version", 0)
    pragma(filled, "application_id", 0)
    assert row_of(filled) == 1
    assert pragma(filled, "user_version") == FORMAT
    assert row_of(filled) == 1


def test_a_file_of_a_newer_version_is_refused_and_left_alone(filled: Path) -> None:
    pragma(filled, "user_version", FORMAT + 1)
    before = filled.read_bytes()
    text = rf"dev.sqlite3 has format {FORMAT + 1}, and this version of appwrite-orm-django reads up to {FORMAT}: upgrade"
    with pytest.raises(WrongFormat, match=text):
        LocalServer(str(filled))
    with pytest.raises(CommandError, match=text):
        call_command("appwrite_server", storage=str(filled))
    with pytest.raises(Exception, match=text) as caught:
        Transport(f"local:{filled}", "demo", "secret", alias="appwrite")
    assert type(caught.value).__name__ == "ImproperlyConfigured"
    assert filled.read_bytes() == before


@pytest.mark.parametrize("engine", ["postgresql", "mongodb"])
def test_a_file_with_the_keys_of_older_rules_is_refused_and_left_alone(
    tmp_path: Path, engine: EngineName
) -> None:
    path = tmp_path / "dev.sqlite3"
    LocalServer(str(path), engine=engine, feature_level="1.9").close()
    pragma(path, "user_version", 1)
    before = path.read_bytes()
    with pytest.raises(WrongFormat, match=f"text of engine {engine} by other rules"):
        LocalServer(str(path), engine=engine, feature_level="1.9")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE django_migrations (id INTEGER)"],
        ["CREATE TABLE _meta (x INTEGER)"],
        ["PRAGMA user_version = 7"],
        [
            "PRAGMA application_id = 7",
            "CREATE TABLE _meta (x INTEGER)",
            "CREATE TABLE _tables (x INTEGER)",
        ],
    ],
)
def test_a_file_of_another_program_is_refused_and_left_alone(
    tmp_path: Path, statements: list[str]
) -> None:
    path = tmp_path / "db.sqlite3"
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(
        WrongFormat, match=r"db\.sqlite3 is a database of another program, and is left as it is"
    ):
        LocalServer(str(path))
    with pytest.raises(CommandError, match="of another program"):
        call_command("appwrite_server", storage=str(path))
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["db.sqlite3"]


def test_an_empty_file_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "empty.sqlite3"
    path.touch()
    LocalServer(str(path)).close()
    assert pragma(path, "user_version") == FORMAT


def test_many_that_open_a_new_file_at_once_agree(tmp_path: Path) -> None:
    path = str(tmp_path / "new.sqlite3")
    together, failures = threading.Barrier(8), []

    def open_it() -> None:
        together.wait(60)
        try:
            LocalServer(path).close()
        except Exception as error:  # noqa: BLE001 - to be shown
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_columns_of_a_table_that_was_never_filled_do_not_read_the_whole_schema_again(server):
    """SQLite does that for each ALTER TABLE, so that a table would cost as much as there are tables."""
    api, run = Api(server), []
    with server.storage.session(writes=False) as session:
        session._connection.set_trace_callback(run.append)
    api.make_table(("varchar", {"key": "name", "size": 50}), ("integer", {"key": "n"}))
    api.ok(
        "POST", "/tablesdb/d/tables/t/indexes", {"key": "i", "type": "unique", "columns": ["name"]}
    )
    before = len(run)
    api.ok("POST", "/tablesdb/d/tables/t/columns/boolean", {"key": "b", "required": False})
    assert len(run) > before
    assert not [statement for statement in run if statement.startswith("ALTER")]
    # The index is still there, and enforced.
    api.add({"$id": "a", "name": "x", "n": 1, "b": True})
    assert api.call("POST", api.rows, {"rowId": "b", "data": {"name": "X"}}).status == 409
    api.ok("POST", "/tablesdb/d/tables/t/columns/integer", {"key": "m", "required": False})
    assert [statement for statement in run if statement.startswith("ALTER")]
    assert api.list()["rows"][0]["n"] == 1


@pytest.mark.parametrize("engine", ["mariadb", "postgresql", "mongodb"])
def test_a_column_added_to_an_emptied_table_does_not_number_its_rows_anew(engine: EngineName):
    server = LocalServer(index_lag=0, engine=engine)
    api = Api(server)
    api.make_table(("varchar", {"key": "name", "size": 50}))
    api.add({"$id": "a", "name": "x"})
    (first,) = api.list()["rows"]
    api.ok("DELETE", f"{api.rows}/a")
    api.ok("POST", "/tablesdb/d/tables/t/columns/integer", {"key": "n", "required": False})
    api.add({"$id": "b", "name": "y", "n": 2})
    (second,) = api.list()["rows"]
    assert (second["name"], second["n"]) == ("y", 2)
    assert second["$sequence"] > first["$sequence"]
    server.close()


def test_what_is_interrupted_as_it_begins_leaves_no_transaction(server, monkeypatch):
    def interrupted(*args: object, **kwargs: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(storage, "Session", interrupted)
        with server.storage.session(writes=True):
            pass
    with server.storage.session(writes=True) as session:
        assert session.one("SELECT 1") is not None


def test_a_commit_that_fails_is_rolled_back():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    connection.execute(
        "CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"
    )
    with pytest.raises(sqlite3.IntegrityError), storage._transaction(connection, "BEGIN"):
        connection.execute("INSERT INTO child VALUES (1)")
    with storage._transaction(connection, "BEGIN"):
        assert connection.execute("SELECT * FROM child").fetchall() == []
    connection.close()
