from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appwrite_orm_django.client.references import is_valid_id
from appwrite_orm_django.schema.names import SYSTEM_COLUMNS, column_key, index_key, table_id

NAMERS = [table_id, column_key, index_key]


@pytest.mark.parametrize("name", ["a", "shop_product", "A-1_b", "x" * 36, "9lives"])
@pytest.mark.parametrize("namer", NAMERS)
def test_a_legal_name_stays(namer, name):
    assert namer(name) == name


@given(st.text(max_size=80))
@pytest.mark.parametrize("namer", NAMERS)
def test_every_name_becomes_legal(namer, name):
    made = namer(name)
    assert is_valid_id(made) or made in SYSTEM_COLUMNS
    assert namer(name) == made


@pytest.mark.parametrize("namer", NAMERS)
def test_long_names_that_differ_at_the_end_stay_apart(namer):
    made = {namer("x" * 60 + str(n)) for n in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"x{27}_[0-9a-f]{8}", name) for name in made)


def test_dots_stay_in_tables_and_leave_keys():
    assert table_id("a.b") == "a.b"
    assert column_key("a.b") != column_key("ab")
    assert "." not in column_key("a.b")


def test_quotes_are_django_syntax_and_no_part_of_the_name():
    assert table_id('"product"') == table_id("product")
    assert table_id('"shop"."product"') == "shop.product"


@pytest.mark.parametrize("name", sorted(SYSTEM_COLUMNS))
def test_system_columns_stay(name):
    assert column_key(name) == name
