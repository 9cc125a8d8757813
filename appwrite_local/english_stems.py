"""
Reduce English words to their stems by the Porter2 algorithm, as PostgreSQL's ``english`` does.

Written after the published description of the algorithm ("The English (Porter2) stemming
algorithm", snowballstem.org). Words of one stem are the same to a search.
"""

from __future__ import annotations

import re
from functools import lru_cache

_VOWELS = "aeiouy"
_DOUBLES = ("bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt")
_BEFORE_LI = "cdeghkmnrt"

# Whole words that the steps would get wrong.
_EXCEPTIONS = {
    "skis": "ski", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "idly": "idl", "gently": "gentl", "ugly": "ugli",
    "early": "earli", "only": "onli", "singly": "singl",
    **dict.fromkeys(("sky", "news", "howe", "atlas", "cosmos", "bias", "andes")),
}  # fmt: skip
_KEPT_AFTER_PLURAL = frozenset(
    {"inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"}
)
_LONG_BEGINNINGS = ("gener", "commun", "arsen")

_FIRST_REGION = re.compile(r"[aeiouy][^aeiouy]")
_SHORT_SYLLABLE = re.compile(r"(?:[^aeiouy][aeiouy][^aeiouywxY]|^[aeiouy][^aeiouy])$")

# Endings with their replacements, where the first region (R1) holds them; longest first.
_STEP_2 = (
    ("ization", "ize"), ("ational", "ate"), ("fulness", "ful"), ("ousness", "ous"), ("iveness", "ive"), ("tional", "tion"), ("biliti", "ble"),
    ("lessli", "less"), ("entli", "ent"), ("ation", "ate"), ("alism", "al"), ("aliti", "al"), ("ousli", "ous"), ("iviti", "ive"),
    ("fulli", "ful"), ("enci", "ence"), ("anci", "ance"), ("abli", "able"), ("izer", "ize"), ("ator", "ate"), ("alli", "al"), ("bli", "ble"),
    ("ogi", "og"), ("li", ""),
)  # fmt: skip
_STEP_3 = (
    ("ational", "ate"), ("tional", "tion"), ("alize", "al"), ("icate", "ic"), ("iciti", "ic"), ("ative", ""), ("ical", "ic"), ("ness", ""),
    ("ful", ""),
)  # fmt: skip
_STEP_4 = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize", "ion", "al", "er", "ic",
)  # fmt: skip


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """Return the stem of a word in lower case."""
    if len(word) < 3:
        return word
    if word in _EXCEPTIONS:
        return _EXCEPTIONS[word] or word
    word = _marked_consonants(word)
    first, second = _regions(word)
    word = _without_plural(word)
    if word in _KEPT_AFTER_PLURAL:
        return word
    word = _without_past(word, first)
    if len(word) > 2 and word[-1] in "yY" and word[-2] not in _VOWELS:
        word = word[:-1] + "i"
    word = _replaced_2(word, first)
    word = _replaced_3(word, first, second)
    word = _without_ending(word, second)
    return _without_last_letter(word, first, second).replace("Y", "y")


def _marked_consonants(word: str) -> str:
    """Write a ``y`` that is a consonant as ``Y``: at the start, or after a vowel."""
    letters: list[str] = []
    for position, letter in enumerate(word):
        after_vowel = position > 0 and letters[-1] in _VOWELS
        letters.append("Y" if letter == "y" and (position == 0 or after_vowel) else letter)
    return "".join(letters)


def _regions(word: str) -> tuple[int, int]:
    """Return where R1 and R2 begin: each behind the next consonant that follows a vowel."""
    long = next((start for start in _LONG_BEGINNINGS if word.startswith(start)), None)
    first = _region_after(word, 0) if long is None else len(long)
    return first, _region_after(word, first)


def _region_after(word: str, start: int) -> int:
    found = _FIRST_REGION.search(word, start)
    return found.end() if found else len(word)


def _without_plural(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if (
        word.endswith("s")
        and not word.endswith(("us", "ss"))
        and any(letter in _VOWELS for letter in word[:-2])
    ):
        return word[:-1]
    return word


def _without_past(word: str, first: int) -> str:
    for ending in ("eedly", "eed"):
        if word.endswith(ending):
            return word[: -len(ending)] + "ee" if len(word) - len(ending) >= first else word
    ending = next((end for end in ("ingly", "edly", "ing", "ed") if word.endswith(end)), "")
    rest = word[: len(word) - len(ending)]
    if not ending or not any(letter in _VOWELS for letter in rest):
        return word
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"
    if rest.endswith(_DOUBLES):
        return rest[:-1]
    return rest + "e" if _is_short(rest, first) else rest


def _is_short(word: str, first: int) -> bool:
    return len(word) <= first and _SHORT_SYLLABLE.search(word) is not None


def _replaced_2(word: str, first: int) -> str:
    for ending, replacement in _STEP_2:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            wanted = {"ogi": "l", "li": _BEFORE_LI}.get(ending)
            allowed = len(rest) >= first and (wanted is None or rest[-1:] in tuple(wanted))
            return rest + replacement if allowed else word
    return word


def _replaced_3(word: str, first: int, second: int) -> str:
    for ending, replacement in _STEP_3:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            return (
                rest + replacement
                if len(rest) >= (second if ending == "ative" else first)
                else word
            )
    return word


def _without_ending(word: str, second: int) -> str:
    for ending in _STEP_4:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            allowed = len(rest) >= second and (ending != "ion" or rest.endswith(("s", "t")))
            return rest if allowed else word
    return word


def _without_last_letter(word: str, first: int, second: int) -> str:
    rest = word[:-1]
    if word.endswith("e"):
        in_first = len(rest) >= first and _SHORT_SYLLABLE.search(rest) is None
        return rest if len(rest) >= second or in_first else word
    if word.endswith("ll") and len(rest) >= second:
        return rest
    return word
