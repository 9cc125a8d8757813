from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appwrite_orm_django.client.operators import (
    METHODS,
    looks_like_operator,
    operator,
    text_in_two_writes,
)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_operator_is_recognised(method):
    assert looks_like_operator(operator(method, 1))


@pytest.mark.parametrize(
    "text",
    [
        '{"method":"toggle"}',
        ' \t\r\n{"method":"toggle"} \n',
        '{"values":[1],"x":{"y":[null]},"method":"increment"}',
        '{"m\\u0065thod":"togg\\u006ce"}',
        '{"method":"nope","method":"toggle"}',
        '{"method":"toggle","x":TRUE,"y":Null}',
        '{"method":"toggle","x":' + "9" * 5000 + "}",
        '{"method":"increment","values":"x"}',  # the server refuses it, which is not storing it
    ],
)
def test_spellings_that_the_server_understands(text):
    assert looks_like_operator(text)


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        True,
        ["{}"],
        {"method": "toggle"},
        "",
        "toggle",
        '"toggle"',
        "{}",
        '{"method":"nope"}',
        '{"method":"Toggle"}',
        '{"method":["toggle"]}',
        '{"method":null}',
        '{"Method":"toggle"}',
        '[{"method":"toggle"}]',
        '{"x":{"method":"toggle"}}',
        '{"method":"toggle"',
        '{"method":"toggle"}}',
        '{"method":"toggle",}',
        "{'method':'toggle'}",
        '{"method":"toggle","x":NaN}',
        '{"method":"toggle","x":"\n"}',
        '\u00a0{"method":"toggle"}',
        '\ufeff{"method":"toggle"}',
    ],
)
def test_what_the_server_stores_as_it_is(value):
    assert not looks_like_operator(value)


def test_a_text_deeper_than_the_parser_takes_the_careful_way():
    assert looks_like_operator('{"method":"toggle","x":' + "[" * 100_000 + "]" * 100_000 + "}")


def test_an_unknown_operator_is_refused():
    with pytest.raises(ValueError, match="'nope' is not an operator of Appwrite"):
        operator("nope")


@given(
    st.dictionaries(
        st.sampled_from("abcd"),
        st.one_of(st.integers(), st.text(), st.sampled_from(sorted(METHODS)).map(operator)),
    )
)
def test_two_writes_store_every_text_as_it_is(data):
    """A row that starts out with anything, as the server treats the two updates."""
    row: dict[str, object] = dict.fromkeys("abcd", "before")
    for write in text_in_two_writes(data):
        for key, value in write.items():
            if looks_like_operator(value):
                call = json.loads(value)
                assert call["method"] == "stringConcat"
                row[key] = str(row[key]) + call["values"][0]
            else:
                row[key] = value
    assert {key: row[key] for key in data} == data
