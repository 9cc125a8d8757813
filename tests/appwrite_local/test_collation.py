"""Text as utf8mb4_general_ci compares it. Every expectation was asked of MariaDB 10.11."""

# ruff: noqa: RUF001 - look-alike characters are what is tested

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import appwrite_orm_django
from appwrite_local import collation, locale_order

TEXTS = st.text(st.sampled_from("aAbBéÉzß \t\n\x00\x1f!😀😁\u00a0\u0345"), max_size=8)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "A"),
        ("a", "a  "),
        ("é", "E"),
        ("ß", "s"),
        ("😀", "😁"),
        ("😀", "\ufffd"),
        ("Ⅷ", "ⅷ"),
        ("Å", "a"),
        ("ı", "I"),
        ("", "   "),
    ],
)
def test_texts_that_are_equal(one: str, other: str) -> None:
    assert collation.fold(one) == collation.fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ß", "ss"),
        ("æ", "ae"),
        ("ø", "o"),
        ("a", " a"),
        ("a", "a\u00a0"),
        ("a", "a\t"),
        ("œ", "oe"),
        ("đ", "d"),
    ],
)
def test_texts_that_are_not_equal(one: str, other: str) -> None:
    assert collation.fold(one) != collation.fold(other)


def test_blanks_that_padding_adds_sort_above_control_characters() -> None:
    ascending = [
        "\t",
        "",
        "a \tz",
        "a\x00",
        "a\x1f",
        "a",
        "a\t".replace("\t", "!"),
        "a  b".replace("  ", " "),
        "a\u00a0",
        "b",
        "\uffff",
    ]
    ascending.sort(key=collation.fold)
    assert ascending == [
        "\t",
        "",
        "a\x00",
        "a\x1f",
        "a \tz",
        "a",
        "a b",
        "a!",
        "a\u00a0",
        "b",
        "\uffff",
    ]


def test_order_is_by_weight_and_not_by_letter_case() -> None:
    texts = ["_", "Z", "a", "é", "F", "ü", "V", "ÿ", "Z!", "[", "ø"]
    assert sorted(texts, key=collation.fold) == [
        "a",
        "é",
        "F",
        "ü",
        "V",
        "ÿ",
        "Z",
        "Z!",
        "[",
        "_",
        "ø",
    ]


@given(TEXTS, st.integers(0, 3))
def test_trailing_blanks_never_count(text: str, blanks: int) -> None:
    assert collation.fold(text + " " * blanks) == collation.fold(text)


@given(st.lists(TEXTS, min_size=2, max_size=6))
def test_order_is_that_of_padded_weights(texts: list[str]) -> None:
    length = max(map(len, texts))
    for one, other in pairwise(texts):
        padded = collation.like_fold(one.ljust(length)), collation.like_fold(other.ljust(length))
        folds = collation.fold(one), collation.fold(other)
        assert (folds[0] < folds[1]) == (padded[0] < padded[1])


@given(TEXTS, TEXTS)
def test_prefix_range_holds_every_text_with_the_prefix(prefix: str, rest: str) -> None:
    bounds = collation.prefix_range(prefix)
    if bounds is not None:
        assert bounds[0] <= collation.fold(prefix + rest) < bounds[1]


@given(TEXTS, TEXTS)
def test_folds_keep_parts_that_have_a_prefix_range_and_no_blank_at_their_end(
    text: str, part: str
) -> None:
    bounds = collation.prefix_range(part)
    if bounds is not None and not part.endswith(" "):
        assert (bounds[0] in collation.fold(text)) == collation.contains(text, part)


def test_patterns_go_character_by_character() -> None:
    assert collation.contains("Straße", "SS") is False
    assert collation.contains("Straße", "RAS")
    assert not collation.endswith("apple ", "e")
    assert collation.endswith("apple ", "E ")
    assert collation.startswith("Éclair", "ec")


def test_the_local_server_and_the_library_have_the_same_copy() -> None:
    """Neither imports the other, and both order text as the server does."""
    ours = Path(appwrite_orm_django.__file__).parent / "engines"
    for copy in map(Path, (collation.__file__, locale_order.__file__)):
        assert (ours / copy.name).read_bytes() == copy.read_bytes()
