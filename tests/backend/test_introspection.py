"""Django's introspection hooks, over the library's own tables."""

import pytest

from tests.library.models import Book, Numbered

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
    price = columns["price"]
    assert (price.type_code, price.precision, price.scale) == ("bigint", 8, 2)
    kinds = {
        name: appwrite.introspection.get_field_type(column.type_code, column)
        for name, column in columns.items()
    }
    assert kinds == {
        "$id": "CharField",
        "title": "CharField",
        "author_id": "CharField",
        "editor_id": "CharField",
        "price": "DecimalField",
        "pages": "IntegerField",
        "published": "DateTimeField",
        "in_print": "BooleanField",
        "status": "CharField",
        "blurb": "TextField",
    }


def test_foreign_keys_have_the_type_of_their_values(inspect):
    columns = {one.name: one for one in inspect("get_table_description", "library_numbered")}
    assert columns["id"].field_type == "BigAutoField"
    assert columns["parent_id"].field_type == "BigIntegerField"


def test_columns_are_in_the_order_of_the_fields(inspect):
    fields = [field.column for field in Book._meta.local_fields]
    described = [column.name for column in inspect("get_table_description", "library_book")]
    assert described[1:] == [name for name in fields if name in described[1:]]


def test_a_column_that_no_field_of_django_maps(inspect, appwrite):
    (column,) = (
        column
        for column in inspect("get_table_description", "library_everything")
        if column.name == "numbers"
    )
    with pytest.raises(KeyError):
        appwrite.introspection.get_field_type(column.type_code, column)
    assert appwrite.introspection.get_field_type("varchar", None) == "CharField"


def test_keys(inspect, appwrite):
    assert inspect("get_primary_key_column", "library_book") == "$id"
    assert inspect("get_relations", "library_book") == {
        "author_id": ("$id", "library_author"),
        "editor_id": ("$id", "library_author"),
    }
    assert inspect("get_relations", "library_author") == {"country_id": ("code", "library_country")}
    assert inspect("get_sequences", "library_book") == []


def test_keys_that_are_drawn(inspect, appwrite):
    drawn = [{"table": "library_numbered", "column": "id"}]
    assert inspect("get_sequences", "library_numbered") == drawn
    assert inspect("get_sequences", "library_numbered", Numbered._meta.local_fields) == drawn
    assert inspect("get_sequences", "library_book", Book._meta.local_fields) == []
    sequences = appwrite.introspection.sequence_list()
    assert [one for one in sequences if one["table"] == "library_numbered"] == drawn


def test_constraints(inspect):
    constraints = inspect("get_constraints", "library_book")
    unique = constraints["one_title_per_author"]
    assert (unique["unique"], unique["primary_key"], unique["columns"]) == (
        True,
        False,
        ["author_id", "title"],
    )
    assert (constraints["title_idx"]["index"], constraints["title_idx"]["type"]) == (True, "idx")
    assert not constraints["title_idx"]["unique"]
    assert [name for name, constraint in constraints.items() if constraint["primary_key"]] == [
        "primary"
    ]
