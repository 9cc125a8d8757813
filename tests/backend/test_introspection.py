"""Django's introspection hooks, over the library's own tables."""

import pytest

pytestmark = pytest.mark.django_db(databases=["appwrite"])


@pytest.fixture
def inspect(appwrite):
    with appwrite.cursor() as cursor:
        yield lambda hook, *args: getattr(appwrite.introspection, hook)(cursor, *args)


def test_tables(inspect):
    assert "library_book" in {table.name for table in inspect("get_table_list")}


def test_columns(inspect, appwrite):
    columns = {column.name: column for column in inspect("get_table_description", "library_book")}
    assert columns["$id"].display_size == 36
    assert (
        columns["title"].type_code,
        columns["title"].display_size,
        columns["title"].null_ok,
    ) == (
        "varchar",
        200,
        False,
    )
    assert columns["price"].null_ok
    kinds = {
        appwrite.introspection.get_field_type(column.type_code, column)
        for column in columns.values()
    }
    assert kinds == {"CharField", "BigIntegerField", "DateTimeField", "BooleanField", "TextField"}


def test_keys(inspect, appwrite):
    assert inspect("get_primary_key_column", "library_book") == "$id"
    assert inspect("get_relations", "library_book") == {}
    assert inspect("get_sequences", "library_book") == []


def test_constraints(inspect):
    constraints = inspect("get_constraints", "library_book")
    unique = constraints["one_title_per_author"]
    assert (unique["unique"], unique["primary_key"], unique["columns"]) == (
        True,
        False,
        ["author_id", "title"],
    )
    assert constraints["title_idx"]["index"]
    assert not constraints["title_idx"]["unique"]
    assert [name for name, constraint in constraints.items() if constraint["primary_key"]] == [
        "primary"
    ]
