"""Text in the order of glibc's en_US.utf8."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from appwrite_local.locale_order import key

SOURCES = Path("/usr/share/i18n/locales/en_US")


@pytest.mark.parametrize(
    "ordered",
    [
        ["", "-", "_", "10", "2", "a", "A", "b", "B", "z", "Z", "я", "中"],
        ["a", "á", "å", "ä", "b"],
        ["ss", "SS", "ß", "st"],
        ["a b", "a-b", "a.b", "a_b", "ab"],
        ["co-op", "coop", "CO-OP"],
        ["e", "é", " x", "Z"],
        # strcoll passes over the digit before the hyphen when it compares accents.
        ["1-a", "-1a"],
        ["11a", "1-1a"],
        # Unknown to the locale: below signs, byte by byte.
        ["가", "각", "\U0001fae0", "-", "0"],
    ],
)
def test_texts_in_order(ordered: list[str]) -> None:
    for low, high in pairwise(ordered):
        assert key(low) < key(high), (low, high)


def test_only_the_same_texts_have_the_same_key() -> None:
    texts = ["é", "e\u0301", "l·", "ŀ", "\u0fb2\u0f80", "\u0f76", "가", "\x01", "", "\x01\x01"]
    assert len({key(text) for text in texts}) == len(texts)


@pytest.mark.skipif(not SOURCES.exists(), reason="Debian's package locales is not installed")
def test_the_order_is_that_of_this_machines_glibc() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.appwrite_local.measure_locale", "30000"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
