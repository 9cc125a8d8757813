"""Both JSON parsers read the server's answers alike."""

import json

import pytest

from appwrite_orm_django.client import answers

TEXTS = [
    b"{}",
    b'{"total": 1, "rows": [{"$id": "a", "n": -9223372036854775808, "f": 1.5, "b": null}]}',
    '{"name": "Émile 🌸", "u": "\\u00e9\\ud83c\\udf38"}'.encode(),
    b'{"half": "\\ud800"}',
    b'{"n": NaN}',
    b"[1e3, 0.1, 18446744073709551615]",
]


@pytest.fixture(params=["orjson", "json"])
def parser(request, monkeypatch):
    if request.param == "json":
        monkeypatch.setattr(answers, "_parse", None)
    else:
        monkeypatch.setattr(answers, "_parse", pytest.importorskip("orjson").loads)


@pytest.mark.parametrize("text", TEXTS)
def test_the_answer_is_that_of_the_standard_library(parser, text):
    assert repr(answers.parse(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", [b"<html>", b"", b'{"a": ', b"\xff"])
def test_what_is_not_json_is_a_value_error(parser, text):
    with pytest.raises(ValueError):  # noqa: PT011 - the class is what is promised
        answers.parse(text)
