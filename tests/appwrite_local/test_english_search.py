"""PostgreSQL's English search: stems, stop words, alternatives and phrases."""

from __future__ import annotations

import pytest

from appwrite_local.english_search import matches
from appwrite_local.english_stems import stem


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("consign consigned consigning consignment", "consign"), ("consist consistency consistent consisting", "consist"),
        ("knackeries", "knackeri"), ("knightly", "knight"), ("generate generates generating", "generat"), ("generic generically", "generic"),
        ("hopping hopped hop", "hop"), ("hoping hoped hope", "hope"), ("happy", "happi"), ("happily", "happili"), ("cries cried", "cri"), ("ties", "tie"),
        ("relational relate", "relat"), ("skies sky", "sky"), ("dying", "die"), ("proceed", "proceed"), ("agreed agree", "agre"),
        ("news", "news"), ("yellow", "yellow"), ("café", "café"), ("by", "by"), ("controlling controlled", "control"),
        ("organizations organizer", "organ"), ("adjustable adjustment", "adjust"), ("apologies apology", "apolog"),
    ],
)  # fmt: skip
def test_stems(words: str, expected: str) -> None:
    for word in words.split():
        assert stem(word) == expected, word


@pytest.mark.parametrize(
    ("text", "searched", "expected"),
    [
        ("the quick brown fox", "runs FOXES", True), ("the quick brown fox", "the", False), ("the quick brown fox", "qui", False),
        ("the quick brown fox", '"fox quick"', True), ("the quick brown fox", '"fox cat"', False), ("a cat", '"fox or cat"', True),
        ("foo_bar", "bar", True), ("foo bar", "foo_bar", True), ("bar foo", "foo_bar", False), ("foo x bar", "foo_bar", False),
        ("one of two", "one/of/two", True), ("one two", "one/of/two", False), ("3.14", "14", True), ("r2d2s", "r2d2", False),
        ("x", "", False), ("", "x", False), ("x", '"', False), ("x", "-!<->", False), (None, "x", None),
    ],
)  # fmt: skip
def test_searches(text: str | None, searched: str, expected: bool | None) -> None:
    assert matches(text, searched) is expected
