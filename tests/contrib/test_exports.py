"""Rows to a file and back."""

from __future__ import annotations

import io
import json
import re
import subprocess
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import UniqueViolation
from appwrite_orm_django.client.queries import limit
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.contrib.exports import BadFile, export_rows, import_rows, resume_point
from appwrite_orm_django.schema.definitions import Column, Database, Encoding, Index, Table
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.names import MIGRATIONS_TABLE
from appwrite_orm_django.schema.own_tables import CLAIMS, with_own_tables
from appwrite_orm_django.schema.records import read_recorded
from tests.schema.conftest import Counter, a_server, connect, migrate
from tests.schema.killing import Killed
from tests.settled import settle

A = Table(
    "a",
    "A",
    (
        Column("name", "varchar", 50),
        Column("n", "integer"),
        Column("tags", "varchar", 9, array=True),
    ),
    (Index("n_uniq", "unique", ("n",)),),
)
B = Table("b", "B", (Column("text", "longtext"),), row_security=True)
SHOP = Database("shop", (B, A))


def make(number_of_rows=0):
    transport = connect(a_server())
    migrate(transport, with_own_tables(SHOP))
    for start in range(0, number_of_rows, 100):
        many = [
            {"$id": f"r{n}", "name": f"é {n}\n", "n": n if n % 2 else None, "tags": ["x"] * (n % 3)}
            for n in range(start, min(start + 100, number_of_rows))
        ]
        rows.create_rows(transport, TableRef("shop", "a"), many)
    return transport


def rows_of(transport, table):
    found = rows.list_rows(transport, TableRef("shop", table), [limit(5000)])["rows"]
    return [
        {key: value for key, value in row.items() if key not in {"$sequence", "$databaseId"}}
        for row in found
    ]


def exported(transport, **how):
    return list(export_rows(transport, SHOP, **how))


@pytest.fixture
def source():
    transport = make(1203)
    ref = TableRef("shop", "b")
    rows.create_row(
        transport,
        ref,
        "b1",
        {"text": '{"method":"increment","values":[1]}'},
        permissions=['read("user:u")'],
    )
    yield transport
    transport.close()


@pytest.fixture
def target():
    transport = make()
    yield transport
    transport.close()


def test_everything_comes_back_as_it_was(source, target):
    lines = exported(source)
    assert json.loads(lines[-1]) == ["end", {"a": 1203, "b": 1}]
    done = import_rows(target, SHOP, lines)
    assert (done.created, done.present) == ({"a": 1203, "b": 1}, {"a": 0, "b": 0})
    for table in ("a", "b"):
        assert rows_of(target, table) == rows_of(source, table)


def test_requests(source, target):
    """A page of 500 rows is a request, and so are a hundred rows that are created."""
    counter = Counter([])
    source.add_listener(counter.records.append)
    target.add_listener(counter.records.append)
    lines = exported(source)
    assert len(counter) == 3 + 1
    counter.reset()
    import_rows(target, SHOP, lines)
    assert len(counter) == 13 + 1


def test_pages_are_read_as_they_are_used(source):
    counter = Counter([])
    source.add_listener(counter.records.append)
    lines = export_rows(source, SHOP)
    for _ in range(500):
        next(lines)
    assert len(counter) == 1


def test_long_rows_go_in_smaller_batches(target):
    text = "x" * 900_000
    lines = [
        json.dumps(["row", "b", {"$id": f"b{n}", "text": text}]).encode() + b"\n" for n in range(9)
    ]
    counter = Counter([])
    target.add_listener(counter.records.append)
    import_rows(target, SHOP, [*lines, b'["end",{"b":9}]\n'])
    assert len(counter.writes()) == 3


@pytest.mark.parametrize("survives", [0, 1, 7, 13])
def test_an_import_that_stops_goes_on(source, target, survives):
    lines = exported(source)
    left = [survives]

    def stop(record):
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    target.add_listener(stop)
    with pytest.raises(Killed):
        import_rows(target, SHOP, lines)
    target.remove_listener(stop)
    rows.delete_row(target, TableRef("shop", "a"), "r0")
    done = import_rows(target, SHOP, lines)
    assert sum(done.created.values()) + sum(done.present.values()) == 1204
    by_id = [{row["$id"]: row for row in rows_of(side, "a")} for side in (source, target)]
    assert by_id[0] == by_id[1]


def test_a_clash_that_is_not_of_ids_is_told(target):
    ref = TableRef("shop", "a")
    rows.create_row(target, ref, "other", {"n": 1})
    rows.create_row(target, ref, "known", {"n": 2})
    lines = [
        json.dumps(["row", "a", {"$id": id_, "n": n}]).encode()
        for id_, n in (("known", 2), ("new", 1))
    ]
    with pytest.raises(UniqueViolation):
        import_rows(target, SHOP, [*lines, b'["end",{"a":2}]'])


@pytest.mark.parametrize("cut", [1, 60, 600, 100_000])
def test_an_export_that_stopped_goes_on(source, cut):
    whole = b"".join(exported(source))
    part = io.BytesIO(whole[:-cut])
    point = resume_point(part)
    assert whole[: point.offset].endswith(b"\n")
    kept = whole[: point.offset]
    counts = {}
    for line in kept.splitlines():
        counts[json.loads(line)[1]] = counts.get(json.loads(line)[1], 0) + 1
    assert kept + b"".join(exported(source, after=point, counts=counts)) == whole


def test_where_to_go_on(source):
    assert resume_point(io.BytesIO(b"")).offset == 0
    assert resume_point(io.BytesIO(b'["row"')).offset == 0
    assert resume_point(io.BytesIO(b"".join(exported(source)))).finished
    long = json.dumps(["row", "b", {"$id": "b1", "text": "x" * 200_000}]).encode() + b"\n"
    point = resume_point(io.BytesIO(long + long + b"half"))
    assert (point.offset, point.table, point.row_id) == (2 * len(long), "b", "b1")
    with pytest.raises(BadFile, match="The last line is not a line of an export"):
        resume_point(io.BytesIO(b"[1]\n"))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([b"{"], "Line 1 is not JSON"),
        ([b"{}"], "Line 1 is not a line of an export"),
        ([b'["row", "a", {}]'], "Line 1 is not a line of an export"),
        ([b'["row", "nope", {"$id": "x"}]'], "Line 1: the database shop has no table nope"),
        ([], "The file has no last line"),
        ([b'["end", {"a": 2}]'], "a: the last line announces 2 rows, but the file has 0"),
    ],
)
def test_bad_files(target, lines, message):
    with pytest.raises(BadFile, match=message):
        import_rows(target, SHOP, lines)


def test_relationships_stay_behind(source, target):
    for transport in (source, target):
        transport.call(
            "POST",
            "/tablesdb/shop/tables/b/columns/relationship",
            params={
                "relatedTableId": "a",
                "type": "manyToOne",
                "key": "owner",
                "onDelete": "setNull",
            },
        )
        settle(transport, TableRef("shop", "b"))
    database = read_database(source, "shop")
    lines = list(export_rows(source, Database("shop", (database.table("b"),))))
    assert "owner" not in json.loads(lines[0])[2]
    import_rows(target, read_database(target, "shop"), lines)
    done = import_rows(target, read_database(target, "shop"), lines)
    assert (done.created["b"], done.present["b"]) == (0, 1)


# The commands


@pytest.fixture
def use(behind_alias):
    return lambda transport: behind_alias(transport, "shop")


def run(*args, **options):
    out, error = StringIO(), StringIO()
    call_command(*args, stdout=out, stderr=error, **options)
    return out.getvalue() + error.getvalue()


def test_the_commands(source, target, use, tmp_path):
    file = str(tmp_path / "rows.jsonl")
    use(source)
    assert run("appwrite_export", output=file) == f"1,204 rows of 2 tables in {file}.\n"
    with pytest.raises(CommandError, match="exists"):
        run("appwrite_export", output=file)
    use(target)
    assert run("appwrite_import", file) == "1,204 rows created, 0 already present.\n"
    assert run("appwrite_import", file) == "0 rows created, 1,204 already present.\n"
    assert rows_of(target, "a") == rows_of(source, "a")
    assert rows.list_rows(target, TableRef("shop", CLAIMS.id))["rows"] == []


def test_records_of_migrations_stay_with_their_tables(source, target, use, tmp_path):
    """Elsewhere, migrate would take migrations for applied that never ran there."""
    table = Table(MIGRATIONS_TABLE, MIGRATIONS_TABLE, (Column("name", "varchar", 255),))
    for transport in (source, target):
        migrate(transport, with_own_tables(replace(SHOP, tables=(*SHOP.tables, table))))
    rows.create_row(source, TableRef("shop", MIGRATIONS_TABLE), "m", {"name": "0001_initial"})
    use(source)
    file = tmp_path / "rows.jsonl"
    assert run("appwrite_export", output=str(file)) == f"1,204 rows of 2 tables in {file}.\n"
    named = tmp_path / "named.jsonl"
    assert run("appwrite_export", MIGRATIONS_TABLE, output=str(named)).startswith("1 row of 1")
    use(target)
    # Files of earlier releases have them.
    assert run("appwrite_import", str(named)) == "0 rows created, 0 already present.\n"
    assert rows_of(target, MIGRATIONS_TABLE) == []
    assert run("appwrite_import", str(named), MIGRATIONS_TABLE).startswith("1 row created")


def test_a_stopped_export_command_goes_on(source, use, tmp_path):
    file = tmp_path / "rows.jsonl"
    use(source)
    run("appwrite_export", output=str(file))
    whole = file.read_bytes()
    assert run("appwrite_export", output=str(file), resume=True).startswith("1,204 rows")
    file.write_bytes(whole[:50_000])
    assert run("appwrite_export", output=str(file), resume=True).startswith("1,204 rows")
    assert file.read_bytes() == whole
    file.write_bytes(whole[:50_000])
    last = json.loads(whole[:50_000].splitlines()[-2])[2]["$id"]
    rows.delete_row(source, TableRef("shop", "a"), last)
    with pytest.raises(CommandError, match=f"Cannot resume after the row {last} of a"):
        run("appwrite_export", output=str(file), resume=True)


def test_some_tables(source, target, use, tmp_path):
    use(source)
    out = run("appwrite_export", "b")
    assert [json.loads(line)[0] for line in out.splitlines()] == ["row", "end"]
    file = str(tmp_path / "rows.jsonl")
    run("appwrite_export", output=file)
    use(target)
    assert run("appwrite_import", file, "b") == "1 row created, 0 already present.\n"
    with pytest.raises(CommandError, match='There is no app "nope"'):
        run("appwrite_export", "nope")
    with pytest.raises(CommandError, match="has no table on the server"):
        run("appwrite_export", "library.Tag")


def test_the_cache_hears_of_an_import(source, target, use, tmp_path, monkeypatch):
    told = []
    cache = connections["appwrite"].cache
    write = type(cache).write
    monkeypatch.setattr(
        type(cache),
        "write",
        lambda self, tables=(), **how: told.append(tuple(tables)) or write(self, tables, **how),
    )
    file = str(tmp_path / "rows.jsonl")
    use(source)
    run("appwrite_export", "b", output=file)
    use(target)
    run("appwrite_import", file)
    assert told == [("b",)]


def test_the_howtos_way_to_another_table_id(source, tmp_path):
    """The line for ``sed`` in the documentation makes a file for a table with another id."""
    howto = (Path(__file__).parents[2] / "docs" / "howto" / "migrations.md").read_text()
    script = (
        re.search(r"\$ sed '(.*)' posts.jsonl", howto)[1]
        .replace("shop_post", "b")
        .replace("shop_article", "c")
    )
    lines = b"".join(export_rows(source, Database("shop", (B,))))
    changed = subprocess.run(["sed", script], input=lines, capture_output=True, check=True).stdout
    migrate(source, Database("shop", (Table("c", "C", B.columns),)))
    done = import_rows(source, read_database(source, "shop"), changed.splitlines())
    assert done.created == {"c": 1}
    assert [row["$id"] for row in rows_of(source, "c")] == ["b1"]


def priced(places, **others):
    value = Column("value", "bigint", encoding=Encoding("decimal", places))
    columns = (
        value,
        *(Column(key, "bigint", encoding=encoding) for key, encoding in others.items()),
    )
    return Database("shop", (Table("t", "T", columns, id_encoding=Encoding("text")),))


def with_priced(wanted, *values):
    transport = connect(a_server())
    migrate(transport, wanted)
    for number, value in enumerate(values):
        rows.create_row(transport, TableRef("shop", "t"), f"r{number}", {"value": value})
    return transport, read_recorded(transport, read_database(transport, "shop"))


def only(database, table):
    return Database(database.id, (database.table(table),))


def test_values_are_imported_as_the_columns_are_encoded_there():
    source, known = with_priced(priced(2), 990, None, -1)
    lines = list(export_rows(source, only(known, "t")))
    assert json.loads(lines[0]) == ["encodings", "t", {"$id": "text", "value": "decimal(2)"}]
    target, there = with_priced(priced(4))
    import_rows(target, there, lines)
    assert [row["value"] for row in rows_of(target, "t")] == [99000, None, -100]
    same, there = with_priced(priced(2))
    import_rows(same, there, lines)
    assert [row["value"] for row in rows_of(same, "t")] == [990, None, -1]


def test_a_value_that_means_nothing_there_is_refused():
    source, known = with_priced(priced(3), 9990, 9999)
    lines = list(export_rows(source, only(known, "t")))
    target, there = with_priced(priced(2))
    with pytest.raises(
        BadFile, match=r"Line 3: value of r1 cannot be converted from 3 decimal places to 2 decimal"
    ):
        import_rows(target, there, lines)


def test_a_file_of_which_nothing_is_recorded_is_taken_as_it_is():
    source, known = with_priced(priced(2), 990)
    lines = [
        line
        for line in export_rows(source, only(known, "t"))
        if not line.startswith(b'["encodings"')
    ]
    target, there = with_priced(priced(4))
    import_rows(target, there, lines)
    assert [row["value"] for row in rows_of(target, "t")] == [990]


def test_an_export_that_stopped_before_the_first_row_says_the_encodings_once(tmp_path):
    source, known = with_priced(priced(2), 990)
    known = only(known, "t")
    lines = list(export_rows(source, known))
    path = tmp_path / "rows.jsonl"
    for whole in range(len(lines)):
        path.write_bytes(b"".join(lines[:whole]) + lines[whole][:5])
        with path.open("r+b") as file:
            point = resume_point(file)
            file.truncate(point.offset)
            file.seek(point.offset)
            counts = {"t": sum(line.startswith(b'["row"') for line in lines[:whole])}
            file.writelines(export_rows(source, known, after=point, counts=counts))
        assert path.read_bytes() == b"".join(lines)


def test_hidden_columns_belong_to_their_database():
    """Another engine needs other hidden columns; what is missing is said."""
    key, other = "unique__n_uniq_01234567", "unique__n_uniq_89abcdef"

    def of(*hidden):
        columns = tuple(Column(one, "varchar", 40) for one in hidden)
        return Database("shop", (Table("a", "A", (Column("n", "integer"), *columns)),))

    source = connect(a_server())
    migrate(source, of(key))
    rows.create_row(source, TableRef("shop", "a"), "r", {"n": 1, key: "digest"})
    lines = list(export_rows(source, read_database(source, "shop")))
    for engine in ("mariadb", "postgresql", "mongodb"):
        for hidden, kept, unfilled in (
            ((), {"n": 1}, set()),
            ((key,), {"n": 1, key: "digest"}, set()),
            ((other,), {"n": 1, other: None}, {"a"}),
        ):
            target = connect(a_server(engine=engine))
            migrate(target, of(*hidden))
            done = import_rows(target, read_database(target, "shop"), lines)
            (row,) = rows.list_rows(target, TableRef("shop", "a"))["rows"]
            assert {name: row.get(name) for name in kept} == kept
            assert done.unfilled == unfilled


def test_a_hidden_column_is_left_out_where_it_is_not_known(source, target):
    """A database on another engine, or with another version of the constraint, has another one."""
    hidden = Column("unique__name_0123abcd", "varchar", 40)
    table = Table("a", "A", (*A.columns, hidden), A.indexes)
    migrate(source, with_own_tables(Database("shop", (B, table))))
    rows.update_row(source, TableRef("shop", "a"), "r1", {hidden.key: "digest"})
    lines = list(export_rows(source, Database("shop", (B, table))))
    assert any("digest" in line.decode() for line in lines)
    assert import_rows(target, SHOP, lines).created == {"a": 1203, "b": 1}
