"""
Appwrite 1.9.6 on MongoDB, as far as it is known.

No recording of it exists. The facts were read in its source or seen over another database in
MongoDB's place; a comment names the section of the collection of facts that an assertion is from.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from appwrite_local import registry
from appwrite_local.engines import ENGINES, MONGODB, Engine
from appwrite_local.server import LocalServer
from appwrite_local.storage import WrongFormat
from appwrite_local.uuids import Uuids, is_uuid7
from tests.appwrite_local.api import Api, query

TABLE = "/tablesdb/d/tables/t"
INDEXES = f"{TABLE}/indexes"
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
INCREMENT = json.dumps({"method": "increment", "values": [1]})
CONCAT = json.dumps({"method": "stringConcat", "values": ["x"]})


@pytest.fixture
def empty() -> Iterator[Api]:
    api = Api(engine="mongodb", index_lag=0)
    yield api
    api.close()


@pytest.fixture
def api(empty: Api) -> Api:
    """A table with a column of each kind, and no rows."""
    empty.rows = empty.make_table(
        columns={
            "s": "varchar", "text": "text", "n": "integer", "big": "bigint", "f": "float", "b": "boolean", "d": "datetime",
        }
    )  # fmt: skip
    for key, kind in (("tags", "varchar"), ("numbers", "integer")):
        size = {"size": 20} if kind == "varchar" else {}
        column = {"key": key, "required": False, "array": True, **size}
        empty.made(f"{TABLE}/columns/{kind}", column)
    return empty


def add(api: Api, **rows: dict[str, Any]) -> None:
    api.made(api.rows, {"rows": [{"$id": row_id, **row} for row_id, row in rows.items()]})


def found(api: Api, *queries: str) -> str:
    status, answer = api.get(api.rows, queries=queries)
    assert status == 200, answer
    return "".join(row["$id"] for row in answer["rows"])


def refused(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["type"]


def index(
    api: Api, key: str, kind: str, *columns: str, **options: Any
) -> tuple[int, dict[str, Any]]:
    return api.post(INDEXES, {"key": key, "type": kind, "columns": list(columns), **options})


def value_of(api: Api, row_id: str, key: str) -> Any:
    return api.get(f"{api.rows}/{row_id}")[1][key]


def inline_table(api: Api, table_id: str, columns: list[dict[str, Any]], *unique: str) -> str:
    api.get("/tablesdb/d")
    path = "/tablesdb/d/tables"
    made = {"key": "u", "type": "unique", "attributes": list(unique)}
    api.made(path, {"tableId": table_id, "name": "I", "columns": columns, "indexes": [made]})
    return f"{path}/{table_id}/rows"


# Level 2.x: MongoDB was only read and seen at 1.9.6 (the facts' title).


def test_the_newer_level_is_refused_everywhere() -> None:
    with pytest.raises(ValueError, match=r"mongodb is known at feature level 1\.9 only, got 2\.x"):
        LocalServer(engine="mongodb", feature_level="2.x")
    location = "local:?engine=mongodb&feature-level=2.x"
    with pytest.raises(ValueError, match=r"mongodb is known at feature level 1\.9 only"):
        registry.check_location(location)
    with pytest.raises(CommandError, match="--engine: engine mongodb is known at feature level"):
        call_command("appwrite_server", "--engine", "mongodb", "--feature-level", "2.x")


@pytest.mark.parametrize("first", ["mariadb", "postgresql", "mongodb"])
def test_a_file_keeps_its_engine(tmp_path: Any, first: str) -> None:
    # Their rows are stored differently.
    file = str(tmp_path / "server.sqlite3")
    LocalServer(file, engine=first).close()
    for engine in {"mariadb", "postgresql", "mongodb"} - {first}:
        with pytest.raises(WrongFormat, match=f"holds the rows of engine {first}"):
            LocalServer(file, engine=engine)
        with pytest.raises(ValueError, match=f"holds the rows of engine {first}"):
            registry.local_server(f"local:{file}?engine={engine}")
    LocalServer(file, engine=first).close()


def test_a_file_of_an_earlier_version_has_no_rows_of_mongodb(tmp_path: Any) -> None:
    file = str(tmp_path / "server.sqlite3")
    LocalServer(file).close()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE _engine")
        connection.execute("PRAGMA user_version = 1")
    with pytest.raises(WrongFormat, match="older version"):
        LocalServer(file, engine="mongodb")
    LocalServer(file).close()
    with pytest.raises(WrongFormat, match="holds the rows of engine mariadb"):
        LocalServer(file, engine="mongodb")


# Capabilities


def test_rows_have_no_width_and_tables_no_end(api: Api) -> None:
    status, table = api.get(TABLE)
    # Text. "`bytesMax` and `bytesUsed` are 0" [run].
    assert (status, table["bytesMax"], table["bytesUsed"]) == (200, 0, 0)
    # Capabilities, "row width ... 0 (no limit)": this is beyond 65,535 bytes.
    for number in range(6):
        column = {"key": f"wide{number}", "size": 16_000, "required": False}
        api.made(f"{TABLE}/columns/varchar", column)
    add(api, a={f"wide{number}": "x" * 16_000 for number in range(6)})
    assert len(value_of(api, "a", "wide5")) == 16_000


def test_there_are_no_spatial_columns(api: Api) -> None:
    # Numbers, dates, arrays, others. "Spatial columns: 400 `general_feature_unsupported`" [run].
    for kind in ("point", "line", "polygon"):
        answer = api.post(f"{TABLE}/columns/{kind}", {"key": "where", "required": False})
        assert refused(answer) == (400, "general_feature_unsupported")
    assert "where" not in [column["key"] for column in api.get(TABLE)[1]["columns"]]
    columns = [{"key": "where", "type": "point"}]
    answer = api.post("/tablesdb/d/tables", {"tableId": "i", "name": "I", "columns": columns})
    assert refused(answer) == (400, "general_feature_unsupported")
    assert api.get("/tablesdb/d/tables/i")[0] == 404


# Text

WORDS = {
    "a": "Alpha", "b": "alpha", "c": "Älpha", "d": "alpha ", "e": "beta", "f": None, "g": "\U0001f600", "h": "\uffee",
}  # fmt: skip


@pytest.fixture
def words(api: Api) -> Api:
    add(api, **{row_id: {"s": text} for row_id, text in WORDS.items()})
    return api


@pytest.mark.parametrize(
    ("method", "values", "expected"),
    [
        # Text. "byte for byte (UTF-8, so code point order): case, accents and trailing blanks count" [run]
        ("equal", ["alpha"], "b"), ("equal", ["Alpha"], "a"), ("equal", ["alpha "], "d"), ("equal", ["ALPHA"], ""),
        ("equal", ["alpha", "beta"], "be"), ("lessThan", ["alpha"], "a"), ("lessThanEqual", ["alpha"], "ab"),
        ("greaterThan", ["beta"], "cgh"), ("greaterThanEqual", ["beta"], "cegh"), ("between", ["alpha", "beta"], "bde"),
        # Text. "`contains`: regex without case, accents count, also for non-ASCII letters; several values are OR" [run]
        ("contains", ["LPHA"], "abcd"), ("contains", ["alpha"], "abd"), ("contains", ["äL"], "c"), ("contains", ["ET", "ä"], "ce"),
        ("contains", ["."], ""), ("contains", ["\\"], ""), ("contains", ["%"], ""),
        # Text. "`startsWith` and `endsWith` are not anchored: both mean "contains, with case"" [run]
        ("startsWith", ["lph"], "abcd"), ("startsWith", ["al"], "bd"), ("startsWith", ["AL"], ""), ("startsWith", ["Al"], "a"),
        ("endsWith", ["lph"], "abcd"), ("endsWith", ["pha"], "abcd"), ("endsWith", ["Alp"], "a"), ("endsWith", ["PHA"], ""),
        ("startsWith", ["."], ""), ("endsWith", ["$a"], ""),
        # Text. "anchored rightly, without case, and rows with null match" [run]
        ("notContains", ["LPH"], "efgh"), ("notStartsWith", ["AL"], "cefgh"), ("notStartsWith", ["lph"], "abcdefgh"),
        ("notEndsWith", ["PHA"], "defgh"), ("notEndsWith", ["alph"], "abcdefgh"),
        # Text. "`notEqual` matches rows with null ...; `notBetween`, `<`, `>=` do not" [run]
        ("notEqual", ["alpha"], "acdefgh"), ("notBetween", ["alpha", "beta"], "acgh"), ("greaterThanEqual", [""], "abcdegh"),
        ("isNull", [], "f"), ("isNotNull", [], "abcdegh"),
    ],
)  # fmt: skip
def test_filters_of_text(words: Api, method: str, values: list[str], expected: str) -> None:
    assert "".join(sorted(found(words, query(method, "s", *values)))) == expected


@pytest.mark.parametrize("method", ["contains", "notContains", "notStartsWith", "notEndsWith"])
@pytest.mark.parametrize("value", ["$a", "cost $USD"])
def test_a_dollar_before_a_letter_is_an_error(words: Api, method: str, value: str) -> None:
    # Text. "A value with `$` before a letter is a 500" [run]
    answer = words.get(words.rows, queries=[query(method, "s", value)])
    assert refused(answer) == (500, "general_unknown")


def test_another_dollar_is_none(words: Api) -> None:
    add(words, z={"s": "5$ or $5"})
    assert found(words, query("contains", "s", "$5")) == "z"
    assert found(words, query("contains", "s", "5$")) == "z"


def test_not_contains_takes_one_text(words: Api) -> None:
    # Text. "`notContains` with two values is a 500" [run]
    answer = words.get(words.rows, queries=[query("notContains", "s", "a", "b")])
    assert refused(answer) == (500, "general_unknown")


def test_negations_inside_or_find_nulls(words: Api) -> None:
    # Text. "`notEqual` (`$ne`) matches rows with null" [run]
    either = {
        "method": "or",
        "values": [
            {"method": "notEqual", "attribute": "s", "values": ["alpha"]},
            {"method": "equal", "attribute": "s", "values": ["alpha"]},
        ],
    }
    assert found(words, json.dumps(either)) == "abcdefgh"


@pytest.mark.parametrize("method", ["regex", "exists", "elemMatch", "count", "distinct", "join"])
def test_what_1_9_6_refuses_elsewhere_is_refused_here(words: Api, method: str) -> None:
    # Text. "refused by 1.9.6 as on the other engines" [run]
    mariadb = Api()
    rows = mariadb.make_table(columns={"s": "varchar"})
    asked = [query(method, "s", "a")]
    answer = words.get(words.rows, queries=asked)
    assert refused(answer) == refused(mariadb.get(rows, queries=asked))


def test_order_is_by_code_point_and_nulls_are_low(words: Api) -> None:
    # Text. "Order: by code point, nulls first ascending, last descending" [run]
    assert found(words, query("orderAsc", "s")) == "fabdechg"
    assert found(words, query("orderDesc", "s")) == "ghcedbaf"


def test_missing_and_null_are_one_in_orders_and_filters(api: Api) -> None:
    # Text. "missing and null are one"; Null, missing, defaults: "`isNull` finds both, `select`
    # shows null for both, arrays read `[]`" [run]
    api.made(api.rows, {"rowId": "a", "data": {"n": None, "s": "x"}})
    add(api, b={"n": None, "s": "x"}, c={"s": "x"})
    assert found(api, query("orderAsc", "n")) == found(api, query("orderDesc", "n")) == "abc"
    assert found(api, query("isNull", "n")) == "abc"
    answer = api.get(api.rows, queries=[query("select", "", "n")])[1]
    assert [row["n"] for row in answer["rows"]] == [None] * 3
    assert [value_of(api, row_id, "tags") for row_id in "abc"] == [[]] * 3


def test_random_order_is_an_error(words: Api) -> None:
    # Text. "`orderRandom`: 500" [run]
    answer = words.get(words.rows, queries=[query("orderRandom")])
    assert refused(answer) == (500, "general_unknown")


def test_cursors_follow_the_order(words: Api) -> None:
    # Lists. "`cursorAfter/Before`: works; a null in the ordered column is 400" [run]
    order = query("orderAsc", "s")
    assert found(words, order, query("cursorAfter", "", "d")) == "echg"
    assert found(words, order, query("cursorBefore", "", "d")) == "ab"
    answer = words.get(words.rows, queries=[order, query("cursorAfter", "", "f")])
    assert refused(answer) == (400, "database_query_order_null")


# Search

TEXTS = {
    "a": "The quick brown fox", "b": "quickly, the FOX jumps", "c": "a to z", "d": None, "e": "brown quick",
}  # fmt: skip


@pytest.fixture
def searched(api: Api) -> Api:
    assert index(api, "f", "fulltext", "s")[0] == 202
    add(api, **{row_id: {"s": text} for row_id, text in TEXTS.items()})
    return api


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Text. "whole words only, any of them, no case, no wildcard, "..." a phrase, no stop words" [run; code]
        ("quick", "ae"), ("QUICK", "ae"), ("qui", ""), ("qui*", ""), ("quick jumps", "abe"), ("to", "c"), ("the", "ab"),
        ('"quick brown"', "a"), ('"brown fox"', "a"), ("missing", ""),
    ],
)  # fmt: skip
def test_search_is_for_whole_words(searched: Api, text: str, expected: str) -> None:
    assert found(searched, query("search", "s", text)) == expected


def test_search_inside_or(searched: Api) -> None:
    # Text. "Inside `or` it worked here" [run]
    either = {
        "method": "or",
        "values": [
            {"method": "search", "attribute": "s", "values": ["jumps"]},
            {"method": "equal", "attribute": "$id", "values": ["c"]},
        ],
    }
    assert found(searched, json.dumps(either)) == "bc"


def test_not_search_finds_nulls(searched: Api) -> None:
    # Text. "`notEqual` matches rows with null, as does `notSearch`" [run]. In the source it is
    # another pattern: "quickly" contains "quick".
    assert found(searched, query("notSearch", "s", "quick")) == "cd"


def test_search_needs_the_one_fulltext_index(searched: Api) -> None:
    # Text. "needs its fulltext index, one such index a table"; Indexes: "At most one fulltext
    # index (400 `column_index_invalid`)" [run]
    answer = searched.get(searched.rows, queries=[query("search", "text", "x")])
    assert refused(answer) == (400, "general_query_invalid")
    assert refused(index(searched, "g", "fulltext", "text")) == (400, "column_index_invalid")


# Row ids


def test_ids_clash_without_case_and_are_found_with_it(api: Api) -> None:
    add(api, Abc={"n": 1})
    # Row ids. "an id that differs by case only is 409 on create and on PUT" [code, inferred]
    answer = api.post(api.rows, {"rowId": "aBC", "data": {"n": 2}})
    assert refused(answer) == (409, "row_already_exists")
    answer = api.put(f"{api.rows}/abc", {"data": {"n": 2}})
    assert refused(answer) == (409, "row_already_exists")
    for send in (api.post, api.put):
        answer = send(api.rows, {"rows": [{"$id": "new", "n": 2}, {"$id": "abc", "n": 2}]})
        assert refused(answer) == (409, "row_already_exists")
    # Row ids. "every read, update and delete compares byte for byte: the other spelling is 404" [run]
    other = f"{api.rows}/abc"
    assert refused(api.get(other)) == (404, "row_not_found")
    assert refused(api.patch(other, {"data": {"n": 3}})) == (404, "row_not_found")
    assert refused(api.delete(other)) == (404, "row_not_found")
    assert api.patch(f"{other}/n/increment", {"value": 1})[0] == 404
    # Row ids. "`equal("$id", ...)` finds nothing" [run]; "`cursorAfter` compares exactly, too" [code]
    assert found(api, query("equal", "$id", "abc")) == ""
    assert found(api, query("equal", "$id", "Abc")) == "Abc"
    answer = api.get(api.rows, queries=[query("cursorAfter", "", "abc")])
    assert refused(answer) == (400, "general_cursor_not_found")
    assert api.get(api.rows)[1]["total"] == 1
    assert value_of(api, "Abc", "n") == 1


def test_a_bulk_call_finds_ids_exactly(api: Api) -> None:
    add(api, Abc={"n": 1})
    # Row ids. "every read, update and delete compares byte for byte" [run]
    by_id = [query("equal", "$id", "abc")]
    assert api.patch(api.rows, {"data": {"n": 2}, "queries": by_id})[1]["total"] == 0
    assert api.delete(api.rows, {"queries": by_id})[1]["total"] == 0
    assert value_of(api, "Abc", "n") == 1


def test_ids_have_up_to_255_characters(api: Api) -> None:
    # Row ids. "Up to 255 characters are taken (36 on SQL)" [run]
    long, longer = "x" * 255, "x" * 256
    for made in ({"rowId": long, "data": {"n": 1}}, {"rows": [{"$id": "y" * 255, "n": 1}]}):
        assert api.post(api.rows, made)[0] == 201
    for made in ({"rowId": longer, "data": {"n": 1}}, {"rows": [{"$id": longer, "n": 1}]}):
        answer = api.post(api.rows, made)
        assert answer[0] == 400
        assert "at most 255 chars" in answer[1]["message"]
    assert value_of(api, long, "n") == 1
    assert api.patch(f"{api.rows}/{long}", {"data": {"n": 2}})[0] == 200
    assert api.put(f"{api.rows}/{'z' * 255}", {"data": {"n": 2}})[0] == 200
    assert found(api, query("orderDesc", "$id"), query("cursorAfter", "", "y" * 255)) == long
    assert api.delete(f"{api.rows}/{long}")[0] == 204


def test_ids_order_by_code_point(api: Api) -> None:
    # Row ids. "`$id` orders by code point" [run]
    add(api, **{row_id: {"n": 1} for row_id in ("b", "C", "a.", "a-", "a_", "0-1", "01")})
    expected = ["0-1", "01", "C", "a-", "a.", "a_", "b"]
    answer = api.get(api.rows, queries=[query("orderAsc", "$id")])[1]
    assert [row["$id"] for row in answer["rows"]] == expected


# `$sequence`


def test_sequences_are_uuids_in_the_order_of_creation(api: Api) -> None:
    # $sequence. "A UUID version 7 as text" [run]; "Order of creation to the millisecond; within one only for
    # one process. Unique, strict, orderable, works in filters" [code]
    add(api, **{f"r{number:03}": {"n": number} for number in range(60)})
    one = api.made(api.rows, {"rowId": "single", "data": {"n": 1}})
    upserted = api.put(f"{api.rows}/upserted", {"data": {"n": 1}})[1]
    rows = api.get(api.rows, queries=[query("limit", "", 100)])[1]["rows"]
    sequences = [row["$sequence"] for row in rows]
    assert all(UUID7.fullmatch(sequence) for sequence in sequences)
    assert sequences == sorted(set(sequences))
    assert [row["$id"] for row in rows][-2:] == ["single", "upserted"]
    assert sequences[-2:] == [one["$sequence"], upserted["$sequence"]]
    middle = sequences[30]
    assert found(api, query("equal", "$sequence", middle)) == "r030"
    assert found(api, query("lessThan", "$sequence", sequences[2])) == "r000r001"
    newest = [query("orderDesc", "$sequence"), query("limit", "", 2)]
    assert found(api, *newest) == "upsertedsingle"
    after = [query("orderDesc", "$sequence"), query("cursorAfter", "", "r002")]
    assert found(api, *after) == "r001r000"


@pytest.mark.parametrize("value", [1, "1", 0, "x", "01900000-0000-4000-8000-000000000001"])
def test_a_filter_on_the_sequence_takes_uuids_only(api: Api, value: Any) -> None:
    # $sequence. "A number in a filter on `$sequence` is 400 `general_query_invalid`" [run]
    answer = api.get(api.rows, queries=[query("equal", "$sequence", value)])
    assert refused(answer) == (400, "general_query_invalid")


def test_older_response_formats_get_the_text_too(api: Api) -> None:
    # $sequence. "Response formats below 1.9, which make it a number, can not work" [inferred]
    add(api, a={"n": 1})
    old = Api(api.server, {**api.session.headers, "X-Appwrite-Response-Format": "1.8.0"})
    assert is_uuid7(old.get(f"{api.rows}/a")[1]["$sequence"])


def test_uuids_increase_within_a_millisecond_and_from_many_threads() -> None:
    source = Uuids()
    made = [source.make() for _ in range(20_000)]
    assert all(earlier < later for earlier, later in itertools.pairwise(made))
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda _: [source.make() for _ in range(500)], range(8)))
    assert len({uuid for part in parts for uuid in part}) == 4_000
    assert all(part == sorted(part) for part in parts)
    assert all(is_uuid7(uuid) and uuid > made[-1] for part in parts for uuid in part)


# Null, missing, defaults


def test_an_increment_of_a_missing_value_counts_from_zero(api: Api) -> None:
    # Null, missing, defaults. "Creating drops null keys" (`createDocument`) [code]; "of a missing value it starts at 0" [run]
    api.made(api.rows, {"rowId": "a", "data": {"n": None, "s": "x"}})
    add(api, b={"s": "x"})
    api.put(f"{api.rows}/c", {"data": {"s": "x"}})
    for row_id in "abc":
        status, answer = api.patch(f"{api.rows}/{row_id}/n/increment", {"value": 2})
        assert (status, answer["n"], value_of(api, row_id, "n")) == (200, 2, 2)
        assert api.patch(f"{api.rows}/{row_id}/f/decrement", {"value": 0.5})[0] == 200
        assert value_of(api, row_id, "f") == -0.5
    assert found(api, query("equal", "n", 2)) == "abc"


def test_an_increment_of_a_stored_null_is_refused(api: Api) -> None:
    # Null, missing, defaults. "updating writes null (`removeNullKeys` ... not in `createDocuments` and `updateDocument`)"
    # [code]. And "of a stored null it is 400 `attribute_type_invalid`" [run]
    add(api, a={"n": None}, b={"n": 1}, c={"n": 1}, e={"s": "x"})
    api.put(f"{api.rows}/f", {"data": {"n": None, "s": "x"}})
    api.patch(f"{api.rows}/b", {"data": {"n": None}})
    api.patch(api.rows, {"data": {"n": None}, "queries": [query("equal", "$id", "c")]})
    # An update writes the whole row: also columns that nobody named become null.
    api.patch(f"{api.rows}/e", {"data": {"s": "y"}})
    for row_id in "abcef":
        answer = api.patch(f"{api.rows}/{row_id}/n/increment", {"value": 1})
        assert refused(answer) == (400, "attribute_type_invalid"), row_id
        assert value_of(api, row_id, "n") is None
    assert "".join(sorted(found(api, query("isNull", "n")))) == "abcef"
    api.patch(f"{api.rows}/a", {"data": {"n": 5}})
    assert api.patch(f"{api.rows}/a/n/increment", {"value": 1})[1]["n"] == 6


def test_a_new_column_is_missing_in_old_rows(api: Api) -> None:
    # Null, missing, defaults. "Which one a row has depends on its history" [run]
    add(api, a={"s": "x"}, b={"s": "x"})
    api.made(f"{TABLE}/columns/integer", {"key": "later", "required": False})
    api.patch(f"{api.rows}/b", {"data": {"s": "y"}})
    assert api.patch(f"{api.rows}/a/later/increment", {"value": 1})[0] == 200
    assert api.patch(f"{api.rows}/b/later/increment", {"value": 1})[0] == 400


def test_an_increment_with_a_limit_does_not_reach_a_missing_value(api: Api) -> None:
    # The update's filter repeats the limit, which no missing value meets [code].
    add(api, a={"s": "x"})
    status, answer = api.patch(f"{api.rows}/a/n/increment", {"value": 1, "max": 5})
    assert (status, answer["n"], value_of(api, "a", "n")) == (200, 1, None)
    api.patch(f"{api.rows}/a/n/increment", {"value": 1})
    assert api.patch(f"{api.rows}/a/n/increment", {"value": 4, "max": 5})[1]["n"] == 5
    answer = api.patch(f"{api.rows}/a/n/increment", {"value": 1, "max": 5})
    assert refused(answer) == (400, "column_limit_exceeded")
    assert value_of(api, "a", "n") == 5


def test_a_column_that_becomes_required(api: Api) -> None:
    # Null, missing, defaults. "A column becoming required, a default, old rows: as on the others (null on read, partial
    # updates fail)" [run]
    add(api, a={"s": "x"})
    changed = {"required": True, "default": None}
    assert api.patch(f"{TABLE}/columns/integer/n", changed)[0] == 200
    assert value_of(api, "a", "n") is None
    answer = api.patch(f"{api.rows}/a", {"data": {"s": "y"}})
    assert refused(answer) == (400, "row_invalid_structure")


# Numbers, dates, arrays, others


def test_integers_are_exact(api: Api) -> None:
    # Numbers. "64-bit integers exact, also in filters"; "Increments are exact beyond 2^53" [run]
    big = 2**53 + 1
    add(api, a={"n": big, "big": -(2**63)}, b={"n": big + 1})
    assert found(api, query("equal", "n", big)) == "a"
    assert found(api, query("greaterThan", "n", big)) == "b"
    assert value_of(api, "a", "big") == -(2**63)
    api.patch(f"{api.rows}/a/n/increment", {"value": 2})
    assert value_of(api, "a", "n") == big + 2


def test_an_increment_of_an_integer_by_a_fraction(api: Api) -> None:
    # Numbers. "An increment of an integer column by 0.5 stores 12.5, answers 12.5, reads 12" [run]
    add(api, a={"n": 12})
    status, answer = api.patch(f"{api.rows}/a/n/increment", {"value": 0.5})
    assert (status, answer["n"], value_of(api, "a", "n")) == (200, 12.5, 12)
    assert found(api, query("equal", "n", 12)) == ""
    assert found(api, query("greaterThan", "n", 12)) == "a"
    api.patch(f"{api.rows}/a/n/increment", {"value": 0.5})
    assert found(api, query("equal", "n", 13)) == "a"


def test_an_increment_beyond_64_bits_is_an_error(api: Api) -> None:
    # Numbers. "An increment past 2^63 is a 500" [run]
    add(api, a={"n": 2**63 - 1}, b={"n": -(2**63) + 1})
    answer = api.patch(f"{api.rows}/a/n/increment", {"value": 1})
    assert refused(answer) == (500, "general_unknown")
    answer = api.patch(f"{api.rows}/b/n/decrement", {"value": 2})
    assert refused(answer) == (500, "general_unknown")
    assert (value_of(api, "a", "n"), value_of(api, "b", "n")) == (2**63 - 1, -(2**63) + 1)


def test_whole_and_broken_numbers_compare(api: Api) -> None:
    # Numbers. "A whole number in a float column is stored as an integer; comparisons mix fine" [run]
    add(api, a={"f": 3}, b={"f": 3.5}, c={"f": 0.1 + 0.2}, d={"f": 1e300})
    assert found(api, query("greaterThan", "f", 3)) == "bd"
    assert found(api, query("equal", "f", 3.0)) == "a"
    assert found(api, query("orderDesc", "f")) == "dbac"
    # The driver sends doubles as they are.
    assert found(api, query("equal", "f", 0.1 + 0.2)) == "c"
    assert value_of(api, "c", "f") == 0.1 + 0.2
    assert api.get(api.rows, queries=[query("equal", "f", 0.3)])[1]["total"] == 0


def test_datetimes_have_milliseconds(api: Api) -> None:
    # Numbers. "milliseconds, UTC; filters take a date alone, too" [run]
    add(api, a={"d": "2024-05-06T01:30:00.123456+02:00"})
    assert value_of(api, "a", "d") == "2024-05-05T23:30:00.123+00:00"
    assert found(api, query("lessThan", "d", "2024-05-06")) == "a"
    assert found(api, query("lessThan", "d", "2024-05-05")) == ""


def test_years_begin_early(api: Api) -> None:
    # Capabilities. "first year ... -9999" [code]
    add(api, a={"d": "0500-01-01"}, b={"d": "1500-01-01"})
    assert value_of(api, "a", "d") == "0500-01-01T00:00:00.000+00:00"
    assert found(api, query("lessThan", "d", "0900-01-01")) == "a"
    answer = api.post(api.rows, {"rowId": "x", "data": {"d": "no date"}})
    assert "between -9999-01-01" in answer[1]["message"]


def test_names_and_keys_are_compared_by_bytes(api: Api) -> None:
    # Text. "No query ever carries a collation" [code], also none for names and keys.
    for name, count in (("t", 1), ("T", 0)):
        tables = api.get("/tablesdb/d/tables", queries=[query("equal", "name", name)])[1]
        assert tables["total"] == count
    assert api.get(f"{TABLE}/columns/n")[0] == 200
    assert refused(api.get(f"{TABLE}/columns/N")) == (404, "column_not_found")
    again = {"key": "N", "required": False}
    assert refused(api.post(f"{TABLE}/columns/integer", again)) == (409, "column_already_exists")


@pytest.fixture
def arrays(api: Api) -> Api:
    add(
        api,
        a={"tags": ["x", "y"], "numbers": [1, 2]},
        b={"tags": ["X"], "numbers": [2]},
        c={"s": "no arrays"},
        e={"tags": ["y", "x", "z"]},
    )
    return api


def test_arrays_contain(arrays: Api) -> None:
    # Numbers. "Arrays: `contains` one of, case counts; `notContains` none of, and rows with null match" [run]
    assert found(arrays, query("contains", "tags", "x")) == "ae"
    assert found(arrays, query("contains", "tags", "X", "z")) == "be"
    assert found(arrays, query("contains", "numbers", 2)) == "ab"
    assert found(arrays, query("notContains", "tags", "x")) == "bc"
    assert found(arrays, query("notContains", "tags", "X", "z")) == "ac"


def test_contains_all_finds_nothing_and_counts(arrays: Api) -> None:
    # Numbers. "`containsAll` never returns a row, while `total` counts right" [run]
    status, answer = arrays.get(arrays.rows, queries=[query("containsAll", "tags", "x", "y")])
    assert (status, answer["rows"], answer["total"]) == (200, [], 2)
    by_all = [query("containsAll", "tags", "x")]
    assert arrays.patch(arrays.rows, {"data": {"n": 1}, "queries": by_all})[1]["total"] == 0
    assert arrays.delete(arrays.rows, {"queries": by_all})[1]["total"] == 0
    either = {
        "method": "or",
        "values": [
            {"method": "containsAll", "attribute": "tags", "values": ["x", "y"]},
            {"method": "equal", "attribute": "$id", "values": ["b"]},
        ],
    }
    status, answer = arrays.get(arrays.rows, queries=[json.dumps(either)])
    assert ([row["$id"] for row in answer["rows"]], answer["total"]) == (["b"], 3)


def test_encrypted_and_long_columns_are_taken(api: Api) -> None:
    # Numbers. "`varchar` up to 16,381 as elsewhere"; "Encrypted columns are taken" [run]
    path = f"{TABLE}/columns/varchar"
    assert api.post(path, {"key": "long", "size": 16_381, "required": False})[0] == 202
    assert api.post(path, {"key": "longer", "size": 16_382, "required": False})[0] == 400
    secret = {"key": "secret", "size": 200, "required": False, "encrypt": True}
    assert api.post(path, secret)[0] == 202
    add(api, a={"secret": "hidden"})
    assert value_of(api, "a", "secret") == "hidden"


# Text that is an operator


def patched(api: Api, data: dict[str, Any]) -> tuple[int, Any]:
    return api.patch(f"{api.rows}/a", {"data": data})


def put(api: Api, data: dict[str, Any]) -> tuple[int, Any]:
    return api.put(f"{api.rows}/a", {"data": data})


def patched_in_bulk(api: Api, data: dict[str, Any]) -> tuple[int, Any]:
    status, answer = api.patch(api.rows, {"data": data, "queries": [query("equal", "$id", "a")]})
    return status, answer["rows"][0]


def put_in_bulk(api: Api, data: dict[str, Any]) -> tuple[int, Any]:
    status, answer = api.put(api.rows, {"rows": [{"$id": "a", **data}]})
    return status, answer["rows"][0]


@pytest.mark.parametrize("write", [patched, put, patched_in_bulk, put_in_bulk])
def test_an_operator_destroys_the_value(api: Api, write: Any) -> None:
    # Numbers. "an empty object is stored; an integer column then answers 1 and reads 0, a text column reads
    # `[]`, no filter finds it" [run]
    add(api, a={"n": 5, "s": "text", "f": 1.5}, b={"n": 7, "s": "other", "f": 2.5})
    status, answer = write(api, {"n": INCREMENT, "s": CONCAT})
    assert (status, answer["n"]) == (200, 1)
    row = api.get(f"{api.rows}/a")[1]
    assert (row["n"], row["s"], row["f"]) == (0, [], 1.5)
    for method, values in (
        ("equal", [0]), ("equal", [1]), ("equal", [5, 6]), ("lessThan", [100]), ("lessThanEqual", [0]), ("greaterThan", [-100]),
        ("greaterThanEqual", [0]), ("between", [-9, 9]), ("notBetween", [50, 60]), ("isNull", []),
    ):  # fmt: skip
        assert "a" not in found(api, query(method, "n", *values)), method
    for method, text in (
        ("equal", "text"), ("equal", ""), ("lessThan", "zzz"), ("greaterThan", ""), ("contains", "t"), ("startsWith", "t"),
        ("endsWith", ""), ("contains", "{"),
    ):  # fmt: skip
        assert "a" not in found(api, query(method, "s", text)), (method, text)
    assert refused(api.patch(f"{api.rows}/a/n/increment", {"value": 1})) == (
        400,
        "attribute_type_invalid",
    )
    assert api.patch(f"{api.rows}/a", {"data": {"n": 6, "s": "again"}})[0] == 200
    assert found(api, query("equal", "n", 6), query("equal", "s", "again")) == "a"


def test_an_operator_in_an_array_column(api: Api) -> None:
    # Numbers, dates, arrays, others: as above, "destroys the value".
    add(api, a={"tags": ["x"]})
    append = json.dumps({"method": "arrayAppend", "values": ["y"]})
    assert patched(api, {"tags": append})[0] == 200
    assert value_of(api, "a", "tags") == []
    assert found(api, query("contains", "tags", "x", "y")) == ""


def test_a_new_row_by_upsert_is_destroyed_too(api: Api) -> None:
    # Numbers. "Text that is an operator in PATCH, PUT, bulk PATCH ... destroys the value" [run]
    assert put(api, {"n": INCREMENT, "s": "kept"})[0] == 200
    assert (value_of(api, "a", "n"), value_of(api, "a", "s")) == (0, "kept")
    assert found(api, query("isNull", "n")) == ""


def test_an_operator_that_does_not_fit_is_refused(api: Api) -> None:
    # Consequences 7. "stores `{}` or is 400" [run]
    add(api, a={"n": 5, "s": "text"})
    assert refused(patched(api, {"s": INCREMENT})) == (400, "row_invalid_structure")
    assert (value_of(api, "a", "n"), value_of(api, "a", "s")) == (5, "text")


def test_a_plain_create_stores_the_text(api: Api) -> None:
    # Numbers. "A plain create, single or bulk, stores the text" [run]
    api.made(api.rows, {"rowId": "a", "data": {"s": INCREMENT}})
    add(api, b={"s": INCREMENT})
    assert [value_of(api, row_id, "s") for row_id in "ab"] == [INCREMENT] * 2
    assert found(api, query("equal", "s", INCREMENT)) == "ab"


# Indexes


def clashes(api: Api, rows: str, *values: dict[str, Any]) -> bool:
    """Store rows, of which only the last may clash with another."""
    for number, row in enumerate(values):
        answer = api.post(rows, {"rowId": f"u{number}", "data": row})
        if answer[0] != 201:
            assert number == len(values) - 1
            # Writes. "A clash is always 409 `row_already_exists`, of an id or of a unique index" [run]
            assert refused(answer) == (409, "row_already_exists")
            return True
    return False


@pytest.mark.parametrize(
    ("columns", "row", "enforced"),
    [
        # Indexes. "A unique index made by `POST indexes` is enforced only if all its columns are text" [run],
        # Section Indexes. "so boolean and float" [code]
        (["s"], {"s": "a"}, True), (["s", "text2"], {"s": "a", "text2": "b"}, True), (["n"], {"n": 1}, False), (["big"], {"big": 2**40}, False),
        (["f"], {"f": 3.5}, False), (["b"], {"b": True}, False), (["d"], {"d": "2024-01-01"}, False), (["s", "n"], {"s": "a", "n": 1}, False),
        (["s", "b"], {"s": "a", "b": False}, False),
    ],
)  # fmt: skip
def test_a_unique_index_made_later_holds_for_text(
    api: Api, columns: list[str], row: dict[str, Any], enforced: bool
) -> None:
    api.made(f"{TABLE}/columns/varchar", {"key": "text2", "size": 20, "required": False})
    assert index(api, "u", "unique", *columns)[0] == 202
    # Indexes. "duplicates are stored, the index is `available`" [run]
    assert api.get(f"{INDEXES}/u")[1]["status"] == "available"
    assert clashes(api, api.rows, row, row) is enforced


@pytest.mark.parametrize(
    ("kind", "value", "enforced"),
    [
        # Indexes. "Made together with the table the types are right [run], but only as BSON types: `int` for integer (32 bits)"
        ("integer", 1, True), ("integer", 2**31 - 1, True), ("integer", 2**31, False), ("integer", -(2**31) - 1, False),
        # Indexes. "`long` for bigint (small numbers are stored as 32 bits, so are not covered [inferred])"
        ("bigint", 1, False), ("bigint", 2**31, True),
        # Indexes. "`double` for float (whole numbers are not: 3 twice is stored, 3.5 twice is 409)" [run]
        ("double", 3, False), ("double", 3.5, True),
        ("boolean", True, True), ("datetime", "2024-01-01", True), ("string", "a", True),
    ],
)  # fmt: skip
def test_a_unique_index_made_with_its_table_holds_by_type(
    api: Api, kind: str, value: Any, enforced: bool
) -> None:
    size = {"integer": {"size": 8}, "string": {"size": 20}}.get(kind, {})
    rows = inline_table(api, "i", [{"key": "k", "type": kind, **size}], "k")
    assert clashes(api, rows, {"k": value}, {"k": value}) is enforced


def test_every_column_of_the_index_counts(api: Api) -> None:
    # Indexes, the same line. "`int` for integer", here beside a text.
    columns = [{"key": "k", "type": "integer"}, {"key": "s", "type": "string", "size": 20}]
    rows = inline_table(api, "i", columns, "k", "s")
    assert not clashes(api, rows, {"k": 1, "s": "a"}, {"k": 1, "s": "b"}, {"k": 2, "s": "a"})
    assert refused(api.post(rows, {"rowId": "x", "data": {"k": 1, "s": "a"}}))[0] == 409
    # Indexes. "Nulls never clash, also in compound indexes" [run]
    for number in range(2):
        assert api.post(rows, {"rowId": f"n{number}", "data": {"k": 9}})[0] == 201


def test_a_file_remembers_how_an_index_was_made(tmp_path: Any) -> None:
    # Indexes: made with the table, an index over integers holds; made later, it does not [run].
    file = str(tmp_path / "server.sqlite3")
    api = Api(LocalServer(file, engine="mongodb", index_lag=0))
    api.rows = api.make_table(columns={"n": "integer"})
    index(api, "u", "unique", "n")
    rows = inline_table(api, "i", [{"key": "k", "type": "integer"}], "k")
    api.close()
    api = Api(LocalServer(file, engine="mongodb"))
    assert not clashes(api, "/tablesdb/d/tables/t/rows", {"n": 1}, {"n": 1})
    assert clashes(api, rows, {"k": 1}, {"k": 1})
    api.close()


def test_unique_text_is_byte_wise(api: Api) -> None:
    # Indexes. "Text: case, accents and blanks make values different" [run, code]
    index(api, "u", "unique", "s")
    spellings = ["alpha", "Alpha", "älpha", "alpha ", "a\u0308lpha"]
    assert not clashes(api, api.rows, *({"s": text} for text in spellings))
    assert refused(api.post(api.rows, {"rowId": "x", "data": {"s": "älpha"}}))[0] == 409


def test_nulls_never_clash(api: Api) -> None:
    # Indexes. "Nulls never clash, also in compound indexes" [run]
    api.made(f"{TABLE}/columns/varchar", {"key": "text2", "size": 20, "required": False})
    index(api, "u", "unique", "s", "text2")
    nulls = [{"n": 1}, {"n": 1}, {"s": "a"}, {"s": "a"}, {"text2": "a"}, {"s": None, "text2": "a"}]
    assert not clashes(api, api.rows, *nulls)


def test_a_unique_index_over_duplicates_is_not_there(api: Api) -> None:
    # Indexes. "Over existing duplicates it becomes `available` and does not exist" [run]
    add(api, a={"s": "x"}, b={"s": "x"})
    assert index(api, "u", "unique", "s")[0] == 202
    assert api.get(f"{INDEXES}/u")[1]["status"] == "available"
    assert not clashes(api, api.rows, {"s": "y"}, {"s": "y"}, {"s": "x"})


def test_lengths_are_ignored(api: Api) -> None:
    # Indexes. "`lengths` are stored and ignored" [code]; "they still count against 1024, so a `text` column
    # can not be indexed without (400)" [run]
    assert refused(index(api, "u", "unique", "text")) == (400, "column_index_invalid")
    too_long = index(api, "u", "unique", "text", lengths=[1025])
    assert refused(too_long) == (400, "column_index_invalid")
    assert too_long[1]["message"] == "Index length is longer than the maximum: 1024"
    status, answer = index(api, "u", "unique", "text", lengths=[3])
    assert (status, answer["lengths"]) == (202, [3])
    assert clashes(api, api.rows, {"text": "abcd"}, {"text": "abce"}, {"text": "abcd"})


def test_an_index_of_1024_characters_is_taken(api: Api) -> None:
    # Capabilities. "index length ... 1024"
    assert index(api, "k", "key", "text", lengths=[1024])[0] == 202


def test_arrays_are_not_indexed(api: Api) -> None:
    # Indexes. "arrays as elsewhere 400 `index_invalid`" [run]
    assert refused(index(api, "k", "key", "tags")) == (400, "index_invalid")


def test_identical_indexes_are_refused(api: Api) -> None:
    # Indexes. "A second `key` or `unique` index over the same *set* of columns with the same *set* of orders
    # is 400 `column_index_invalid`, whatever its type, lengths, column order" [run; code]
    assert index(api, "one", "key", "s", "n")[0] == 202
    for kind, columns, options in (
        ("key", ["s", "n"], {}), ("unique", ["s", "n"], {}), ("key", ["n", "s"], {}), ("key", ["s", "n"], {"lengths": [10, 0]}),
    ):  # fmt: skip
        answer = index(api, "two", kind, *columns, **options)
        assert refused(answer) == (400, "column_index_invalid"), (kind, columns)
    assert index(api, "two", "key", "s", "n", orders=["DESC", "ASC"])[0] == 202
    assert refused(index(api, "three", "key", "n", "s", orders=["ASC", "DESC"]))[0] == 400
    assert index(api, "four", "key", "s")[0] == 202
    assert index(api, "five", "fulltext", "s")[0] == 202


def test_identical_inline_indexes_are_refused(api: Api) -> None:
    # The same validator looks at them [code].
    columns = [{"key": "k", "type": "integer"}]
    twice = [{"key": key, "type": "key", "attributes": ["k"]} for key in ("one", "two")]
    body = {"tableId": "i", "name": "I", "columns": columns, "indexes": twice}
    assert refused(api.post("/tablesdb/d/tables", body)) == (400, "column_index_invalid")


@pytest.mark.parametrize("kind", ["key", "unique"])
def test_a_table_with_an_index_has_no_rename_and_no_resize(api: Api, kind: str) -> None:
    # Indexes. "as soon as a table has a `key` or `unique` index, no column of it can be renamed or resized
    # (400 `column_index_invalid`); default, required, min/max alone can" [run]
    index(api, "k", kind, "s")
    for segment, key, change in (
        ("varchar", "s", {"newKey": "renamed"}), ("integer", "n", {"newKey": "renamed"}), ("varchar", "s", {"size": 60}),
    ):  # fmt: skip
        body = {"required": False, "default": None, **change}
        answer = api.patch(f"{TABLE}/columns/{segment}/{key}", body)
        assert refused(answer) == (400, "column_index_invalid"), change
    for segment, key, change in (
        ("varchar", "s", {"required": False, "default": "x"}), ("integer", "n", {"required": True, "default": None}),
        ("integer", "n", {"required": False, "default": None, "min": 1, "max": 5}),
    ):  # fmt: skip
        assert api.patch(f"{TABLE}/columns/{segment}/{key}", change)[0] == 200, change
    assert api.delete(f"{INDEXES}/k")[0] == 204
    renamed = {"required": False, "default": None, "newKey": "renamed"}
    assert api.patch(f"{TABLE}/columns/varchar/s", renamed)[0] == 200


def test_a_table_without_an_index_renames_and_resizes(api: Api) -> None:
    # Indexes. "In a table without: rename and resize work, also below what rows hold" [run]
    add(api, a={"s": "long text"})
    change = {"required": False, "default": None, "size": 3, "newKey": "short"}
    status, answer = api.patch(f"{TABLE}/columns/varchar/s", change)
    assert (status, answer["size"]) == (200, 3)
    assert value_of(api, "a", "short") == "long text"
    assert found(api, query("equal", "short", "long text")) == "a"


def test_a_fulltext_index_stays_on_the_old_name(searched: Api) -> None:
    # Indexes. "A rename does not touch MongoDB's index, which stays on the old field" [code]
    change = {"required": False, "default": None, "newKey": "renamed"}
    assert searched.patch(f"{TABLE}/columns/varchar/s", change)[0] == 200
    assert searched.get(f"{INDEXES}/f")[1]["columns"] == ["renamed"]
    assert found(searched, query("search", "renamed", "quick")) == ""
    assert found(searched, query("contains", "renamed", "quick")) == "abe"


def test_columns_and_indexes_take_their_time() -> None:
    # Indexes. "Columns are as asynchronous as elsewhere" [run]
    api = Api(engine="mongodb", column_delay_s=60)
    api.make_table(columns={"s": "varchar"})
    assert api.get(f"{TABLE}/columns/s")[1]["status"] == "processing"
    api.close()


def test_a_deleted_column_is_gone_from_all_rows(api: Api) -> None:
    # Indexes. "Deleting a column unsets it in all rows" [code]
    add(api, a={"n": 5, "s": "x"})
    assert api.delete(f"{TABLE}/columns/n")[0] == 204
    api.made(f"{TABLE}/columns/integer", {"key": "n", "required": False})
    assert value_of(api, "a", "n") is None
    assert api.patch(f"{api.rows}/a/n/increment", {"value": 1})[1]["n"] == 1


# Writes, bulk, upsert


@pytest.fixture
def unique(api: Api) -> Api:
    index(api, "u", "unique", "s")
    add(api, a={"s": "one", "n": 1}, b={"s": "two", "n": 2})
    return api


def test_a_clash_is_always_the_same_error(unique: Api) -> None:
    # Writes. "A clash is always 409 `row_already_exists` ..., for PATCH, PUT, bulk, too" [run]
    clash = {"s": "one"}
    for answer in (
        unique.post(unique.rows, {"rowId": "c", "data": clash}),
        unique.post(unique.rows, {"rows": [{"$id": "c", **clash}]}),
        unique.patch(f"{unique.rows}/b", {"data": clash}),
        unique.put(f"{unique.rows}/b", {"data": clash}),
        unique.post(unique.rows, {"rowId": "a", "data": {"s": "new"}}),
    ):
        assert refused(answer) == (409, "row_already_exists")
    assert value_of(unique, "b", "s") == "two"


def test_a_bulk_update_into_a_clash_is_an_error(unique: Api) -> None:
    # Writes. "Bulk *update* into a clash is a 500" [run]
    answer = unique.patch(unique.rows, {"data": {"s": "same"}})
    assert refused(answer) == (500, "general_unknown")
    assert [value_of(unique, row_id, "s") for row_id in "ab"] == ["one", "two"]


def test_an_upsert_that_meets_another_row_is_refused(unique: Api) -> None:
    # Writes. "PUT and bulk PUT that meet a unique index of another row: 409, nothing written" [run]
    answer = unique.put(f"{unique.rows}/c", {"data": {"s": "one", "n": 9}})
    assert refused(answer) == (409, "row_already_exists")
    rows = [{"$id": "new", "s": "three"}, {"$id": "c", "s": "one", "n": 9}]
    assert refused(unique.put(unique.rows, {"rows": rows})) == (409, "row_already_exists")
    assert found(unique) == "ab"
    assert [value_of(unique, row_id, "n") for row_id in "ab"] == [1, 2]


def test_bulk_writes_are_all_or_nothing(unique: Api) -> None:
    # Writes. "Bulk create, upsert: all or nothing, in one transaction, also on a clash" [run]
    rows = [{"$id": "c", "s": "three"}, {"$id": "e", "s": "two"}]
    assert refused(unique.post(unique.rows, {"rows": rows}))[0] == 409
    rows = [{"$id": "a", "n": 7}, {"$id": "e", "s": "two"}]
    assert refused(unique.put(unique.rows, {"rows": rows}))[0] == 409
    assert found(unique) == "ab"
    assert value_of(unique, "a", "n") == 1


def test_an_older_timestamp_is_refused(unique: Api) -> None:
    # Writes. "`X-Appwrite-Timestamp` (409 `row_update_conflict`): as elsewhere" [run]
    headers = {**unique.session.headers, "X-Appwrite-Timestamp": "2020-01-01T00:00:00.000+00:00"}
    stale = Api(unique.server, headers)
    for answer in (
        stale.patch(f"{unique.rows}/a", {"data": {"n": 5}}),
        stale.delete(f"{unique.rows}/a"),
    ):
        assert refused(answer) == (409, "row_update_conflict")


def test_of_many_creations_of_one_id_one_wins(api: Api) -> None:
    # Writes. "Many creates of one id: one 201, the others 409" [run]
    def create(_: int) -> int:
        own = Api(api.server)
        return own.post(api.rows, {"rowId": "same", "data": {"n": 1}})[0]

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(create, range(12))) == [201] + [409] * 11


@pytest.mark.parametrize("in_words", ["race", "race,times=1"])
def test_a_lost_race_is_an_error_and_nothing_is_written(unique: Api, in_words: str) -> None:
    # Writes. "then it is a 500 `general_unknown`, nothing written" [run]
    row = f"{unique.rows}/a"
    for write in (
        lambda: unique.patch(row, {"data": {"n": 5}}),
        lambda: unique.put(row, {"data": {"n": 5}}),
        lambda: unique.patch(f"{row}/n/increment", {"value": 5}),
        lambda: unique.delete(row),
        lambda: unique.patch(unique.rows, {"data": {"n": 5}}),
    ):
        with unique.server.faults.active(in_words):
            assert unique.get(row)[0] == 200
            assert refused(write()) == (500, "general_unknown")
        assert value_of(unique, "a", "n") == 1


def test_increments_that_succeed_lose_nothing(unique: Api) -> None:
    # Writes. "Increments that succeed lose nothing" [run]
    def increment(_: int) -> int:
        own = Api(unique.server)
        return own.patch(f"{unique.rows}/a/n/increment", {"value": 1})[0]

    with unique.server.faults.active("race,times=3"), ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(increment, range(30)))
    assert sorted(statuses) == [200] * 27 + [500] * 3
    assert value_of(unique, "a", "n") == 1 + 27


# Transactions

COMMIT = {"commit": True}


def begin(api: Api) -> str:
    return f"/tablesdb/transactions/{api.made('/tablesdb/transactions', {})['$id']}"


def stage(api: Api, transaction: str, *operations: dict[str, Any]) -> None:
    place = {"databaseId": "d", "tableId": "t"}
    body = {"operations": [{**place, **operation} for operation in operations]}
    api.made(f"{transaction}/operations", body)


def test_a_commit_writes_everything(unique: Api) -> None:
    # Transactions. "create, update, delete, increment, upsert, bulk*: work" [run]
    transaction = begin(unique)
    stage(
        unique,
        transaction,
        {"action": "create", "rowId": "c", "data": {"s": "three", "n": 3}},
        {"action": "update", "rowId": "a", "data": {"s": "ONE"}},
        {"action": "increment", "rowId": "a", "data": {"column": "n", "value": 4}},
        {"action": "delete", "rowId": "b", "data": {}},
        {"action": "bulkCreate", "data": [{"$id": "e", "s": "five", "n": 5}]},
        {"action": "bulkUpdate", "data": {"queries": [query("equal", "$id", "e")], "data": {"n": 6}}},
        {"action": "bulkUpsert", "data": [{"$id": "g", "s": "seven"}]},
    )  # fmt: skip
    # Staging through the row's route keeps the id of an upsert.
    token = {"transactionId": transaction.rpartition("/")[2]}
    unique.put(f"{unique.rows}/h", {"data": {"s": "eight"}, **token})
    assert unique.patch(transaction, COMMIT)[1]["status"] == "committed"
    assert sorted(found(unique)) == ["a", "c", "e", "g", "h"]
    assert (value_of(unique, "a", "s"), value_of(unique, "a", "n")) == ("ONE", 5)
    assert value_of(unique, "e", "n") == 6
    assert is_uuid7(value_of(unique, "c", "$sequence"))


@pytest.mark.parametrize(
    "operation",
    [
        # Transactions. "A unique clash, an existing id ...: 409 `transaction_conflict`, nothing written, state `failed`" [run];
        # Section Transactions. "ids that differ by case exclude each other as well" [inferred]
        {"action": "create", "rowId": "c", "data": {"s": "one"}}, {"action": "create", "rowId": "b", "data": {"s": "x"}},
        {"action": "create", "rowId": "B", "data": {"s": "x"}}, {"action": "update", "rowId": "b", "data": {"s": "one"}},
    ],
)  # fmt: skip
def test_a_clash_is_a_conflict(unique: Api, operation: dict[str, Any]) -> None:
    transaction = begin(unique)
    stage(unique, transaction, {"action": "update", "rowId": "a", "data": {"n": 9}}, operation)
    assert refused(unique.patch(transaction, COMMIT)) == (409, "transaction_conflict")
    assert unique.get(transaction)[1]["status"] == "failed"
    assert value_of(unique, "a", "n") == 1
    assert found(unique) == "ab"


def test_a_row_changed_since_staging_is_a_conflict(unique: Api) -> None:
    # Transactions. "a row changed since staging, two transactions over one row: 409" [run]
    first, second = begin(unique), begin(unique)
    for transaction in (first, second):
        stage(unique, transaction, {"action": "update", "rowId": "a", "data": {"n": 9}})
    assert unique.patch(first, COMMIT)[0] == 200
    assert refused(unique.patch(second, COMMIT)) == (409, "transaction_conflict")


def test_rows_are_staged_by_their_exact_id(unique: Api) -> None:
    # Row ids. "every read, update and delete compares byte for byte" [run]
    body = {
        "operations": [
            {"databaseId": "d", "tableId": "t", "action": "update", "rowId": "A", "data": {"n": 1}}
        ]
    }
    assert unique.post(f"{begin(unique)}/operations", body)[0] == 404


def test_a_commit_that_loses_a_race_has_failed(unique: Api) -> None:
    # Transactions. "A write conflict that outlasts the tries is 400 `transaction_failed`, nothing written" [run]
    transaction = begin(unique)
    stage(unique, transaction, {"action": "update", "rowId": "a", "data": {"n": 9}})
    with unique.server.faults.active("race"):
        assert refused(unique.patch(transaction, COMMIT)) == (400, "transaction_failed")
    assert unique.get(transaction)[1]["status"] == "failed"
    assert value_of(unique, "a", "n") == 1


def test_a_created_row_in_a_transaction_runs_into_operators(api: Api) -> None:
    # Numbers, dates, arrays, others. "or a create in a transaction destroys the value" [run]
    transaction = begin(api)
    data = {"n": INCREMENT, "s": CONCAT}
    stage(api, transaction, {"action": "create", "rowId": "a", "data": data})
    assert api.patch(transaction, COMMIT)[0] == 200
    assert (value_of(api, "a", "n"), value_of(api, "a", "s")) == (0, [])


def test_nulls_of_a_commit(api: Api) -> None:
    # Null, missing, defaults: creating one row drops null keys, creating many keeps them [code].
    transaction = begin(api)
    stage(
        api,
        transaction,
        {"action": "create", "rowId": "a", "data": {"n": None, "s": "x"}},
        {"action": "bulkCreate", "data": [{"$id": "b", "n": None, "s": "x"}]},
    )
    assert api.patch(transaction, COMMIT)[0] == 200
    assert api.patch(f"{api.rows}/a/n/increment", {"value": 1})[0] == 200
    assert api.patch(f"{api.rows}/b/n/increment", {"value": 1})[0] == 400


# Lists, counts, permissions, errors, speed


def test_relationships_work(empty: Api) -> None:
    # Lists. "Relationships: created, written, loaded, filtered, two-way, many-to-many" [run]; one "of a
    # table to itself ended `failed`" [run]
    books = empty.make_table("books", columns={"s": "varchar"})
    people = empty.make_table("people", columns={"s": "varchar"})
    path = "/tablesdb/d/tables/books/columns/relationship"
    both = {"type": "manyToMany", "twoWay": True, "relatedTableId": "people"}
    empty.made(path, {**both, "key": "authors", "twoWayKey": "books"})
    empty.made(people, {"rowId": "Ann", "data": {"s": "Ann"}})
    empty.made(books, {"rowId": "B1", "data": {"s": "one", "authors": ["Ann"]}})
    wanted = [query("select", "", "*", "authors.*")]
    (book,) = empty.get(books, queries=wanted)[1]["rows"]
    assert [person["$id"] for person in book["authors"]] == ["Ann"]
    filtered = empty.get(books, queries=[query("equal", "authors.s", "Ann")])[1]
    assert [row["$id"] for row in filtered["rows"]] == ["B1"]
    itself = {"type": "oneToMany", "relatedTableId": "books", "key": "parent", "twoWayKey": "child"}
    empty.made(path, itself)
    status = empty.get("/tablesdb/d/tables/books/columns/parent")[1]["status"]
    assert status == "failed"


def test_totals_are_capped(api: Api) -> None:
    # Lists. "`total`: capped at 5,000 as elsewhere" [code]
    for start in range(0, 5_100, 100):
        add(api, **{f"r{number}": {"n": number} for number in range(start, start + 100)})
    assert api.get(api.rows, queries=[query("limit", "", 1)])[1]["total"] == 5_000


def test_lists_match_roles_as_patterns(api: Api) -> None:
    # Lists. "Lists match row permissions by a pattern made of the reader's roles" [code]: unescaped and
    # without case.
    api.made("/tablesdb/d/tables", {"tableId": "p", "name": "P", "rowSecurity": True})
    path = "/tablesdb/d/tables/p"
    api.made(f"{path}/columns/integer", {"key": "n", "required": False})
    for row_id, reader in (("own", "u.1"), ("dot", "uX1"), ("case", "U.1"), ("other", "u.12")):
        made = {"rowId": row_id, "data": {"n": 1}, "permissions": [f'read("user:{reader}")']}
        api.made(f"{path}/rows", made)
    user = api.made("/local/users", {"userId": "u.1", "name": "U"})
    reader = api.acting_as({"X-Appwrite-Session": user["session"]})
    listed = [row["$id"] for row in reader.get(f"{path}/rows")[1]["rows"]]
    assert listed == ["own", "dot", "case"]
    assert [reader.get(f"{path}/rows/{row_id}")[0] for row_id in ("own", "dot", "case")] == [
        200,
        404,
        404,
    ]


# Bugs of Appwrite's: each can be turned off alone.

BUGS = {
    "anchors_patterns": True, "fails_on_dollar": False, "finds_all_contained": True, "types_later_indexes": True,
    "runs_operators": True, "renames_in_indexes": True, "matches_roles_exactly": True,
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_a_mended_bug_is_turned_off_in_one_place(monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    def server(engine: Engine) -> Api:
        monkeypatch.setitem(ENGINES, "mongodb", engine)
        return Api(engine="mongodb", index_lag=0)

    answers = [symptoms(server(MONGODB)), symptoms(server(replace(MONGODB, **{bug: BUGS[bug]})))]
    assert [key for key in answers[0] if answers[0][key] != answers[1][key]] == [bug]


def symptoms(api: Api) -> dict[str, Any]:
    """Return what shows each bug."""
    api.rows = api.make_table(columns={"s": "varchar", "n": "integer", "later": "varchar"})
    tags = {"key": "tags", "size": 9, "required": False, "array": True}
    api.made(f"{TABLE}/columns/varchar", tags)
    index(api, "f", "fulltext", "later")
    add(api, a={"s": "alpha", "n": 1, "tags": ["x"]}, b={"s": "$alpha", "n": 2, "later": "word"})
    shown = {
        "anchors_patterns": found(api, query("startsWith", "s", "alpha")),
        "fails_on_dollar": api.get(api.rows, queries=[query("contains", "s", "$a")])[0],
        "finds_all_contained": found(api, query("containsAll", "tags", "x")),
    }
    renamed = {"required": False, "default": None, "newKey": "renamed"}
    assert api.patch(f"{TABLE}/columns/varchar/later", renamed)[0] == 200
    shown["renames_in_indexes"] = found(api, query("search", "renamed", "word"))
    assert api.patch(f"{api.rows}/a", {"data": {"n": INCREMENT}})[0] == 200
    shown["runs_operators"] = value_of(api, "a", "n")
    index(api, "u", "unique", "n")
    shown["types_later_indexes"] = (
        api.patch(f"{api.rows}/a", {"data": {"n": 9}})[0],
        api.post(api.rows, {"rowId": "c", "data": {"n": 9}})[0],
    )
    api.made("/tablesdb/d/tables", {"tableId": "p", "name": "P", "rowSecurity": True})
    api.made("/tablesdb/d/tables/p/columns/integer", {"key": "n", "required": False})
    made = {"rowId": "a", "data": {"n": 1}, "permissions": ['read("user:U")']}
    api.made("/tablesdb/d/tables/p/rows", made)
    user = api.made("/local/users", {"userId": "u", "name": "U"})
    reader = api.acting_as({"X-Appwrite-Session": user["session"]})
    shown["matches_roles_exactly"] = reader.get("/tablesdb/d/tables/p/rows")[1]["total"]
    return shown
