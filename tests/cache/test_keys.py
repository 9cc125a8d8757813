import warnings

import pytest
from django.core.cache.backends.base import memcache_key_warnings
from hypothesis import given, settings
from hypothesis import strategies as st

from appwrite_orm_django.cache.keys import KeySpace, digest, fold

SPACE = KeySpace("appwrite", "https://example.org/v1 project database")

SPACE_ENTRY = SPACE.entry("a", "command", "identity")


def all_keys(space, table, row):
    return [
        space.table(table),
        space.rows(table),
        space.row(table, row),
        space.mark(table),
        space.entry(table, "command", "identity"),
        space.statistics("process"),
    ]


@settings(deadline=None)
@given(st.text(), st.text())
def test_every_key_suits_every_backend(table, row):
    for key in all_keys(SPACE, table, row):
        assert list(memcache_key_warnings(":1:" + key)) == []


def test_no_two_kinds_of_key_meet():
    keys = all_keys(SPACE, "a", "b") + all_keys(KeySpace("appwrite", "other"), "a", "b")
    assert len(set(keys)) == len(keys)


@settings(deadline=None)
@given(st.text(), st.text())
def test_ids_meet_only_if_they_differ_in_case_alone(one, two):
    assert (fold(one) == fold(two)) == (one.lower() == two.lower())


def test_parts_do_not_run_into_one_another():
    assert (
        len(
            {
                digest("ab", "c"),
                digest("a", "bc"),
                digest("abc"),
                digest("ab", "c", ""),
                digest("2:ab", "c"),
            }
        )
        == 5
    )


def test_a_list_depends_on_its_tables_once_each():
    plan = SPACE.plan("command", ["a", "b", "a"])
    assert plan.tokens == (SPACE.table("a"), SPACE.table("b"))
    assert plan.marks == ((SPACE.mark("a"), 0), (SPACE.mark("b"), 1))
    assert plan.keys == (*plan.tokens, plan.entry)


def test_a_row_depends_on_itself_and_on_bulk_writes():
    plan = SPACE.plan("command", ["A", "b"], ("a", "R1"))
    assert plan.tokens == (SPACE.table("b"), SPACE.rows("a"), SPACE.row("a", "r1"))
    assert plan.marks == ((SPACE.mark("b"), 0),)


def test_a_write_by_id_changes_its_row_and_lists_and_a_bulk_write_all():
    assert SPACE.written([], [("a", "R1")]) == (SPACE.table("a"), SPACE.row("a", "r1"))
    assert SPACE.written(["a"], []) == (SPACE.table("a"), SPACE.rows("a"))
    assert SPACE.written(["a"], [("a", "r1"), ("b", "r2")]) == (
        SPACE.table("a"),
        SPACE.rows("a"),
        SPACE.table("b"),
        SPACE.row("b", "r2"),
    )


@pytest.mark.parametrize("differing", ["namespace", "identity", "command"])
def test_entries_differ_with_everything_that_decides_the_answer(differing):
    spaces = {"namespace": KeySpace("appwrite", "other")}
    base = SPACE.entry("table", "command", "identity")
    other = {
        "namespace": lambda: spaces["namespace"].entry("table", "command", "identity"),
        "identity": lambda: SPACE.entry("table", "command", "another"),
        "command": lambda: SPACE.entry("table", "another", "identity"),
    }[differing]()
    assert base != other
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert SPACE.entry("table", b"command", "identity") == base


def test_another_format_has_entries_of_its_own_and_the_same_tokens(monkeypatch):
    old = all_keys(SPACE, "a", "b")
    monkeypatch.setattr("appwrite_orm_django.cache.keys.FORMAT", 99)
    new = all_keys(KeySpace("appwrite", SPACE.namespace), "a", "b")
    assert [one for one, other in zip(old, new, strict=True) if one != other] == [SPACE_ENTRY]


def test_the_keys_of_a_table_share_a_tag_and_those_of_two_tables_do_not():
    tags = {key[key.index("{") : key.index("}")] for key in all_keys(SPACE, "A", "b")[:-1]}
    assert len(tags) == 1
    assert tags != {SPACE.table("b")[SPACE.table("b").index("{") : SPACE.table("b").index("}")]}
    for plan in (SPACE.plan("command", ["a"]), SPACE.plan("command", ["a"], ("a", "r"))):
        assert {key[key.index("{") : key.index("}")] for key in plan.keys} == tags
