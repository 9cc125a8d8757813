"""
Evaluate ``search`` and ``notSearch`` as PostgreSQL does for the server's queries, in English.

Texts are split into words at any sign, words are reduced to their stems, and stop words are left
out. The words of a search are alternatives; in quotes, all of them are wanted, in any order
(recordings ``text-search``, ``indexes-fulltext``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from appwrite_local.english_stems import stem

# The signs that the server takes out of a search. Others stay, and the words around them are then a
# phrase.
_TAKEN_OUT = re.compile(r"[@+\-*.'\"\s]+")
_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = frozenset(
    [
        "i",
        "me",
        "my",
        "myself",
        "we",
        "our",
        "ours",
        "ourselves",
        "you",
        "your",
        "yours",
        "yourself",
        "yourselves",
        "he",
        "him",
        "his",
        "himself",
        "she",
        "her",
        "hers",
        "herself",
        "it",
        "its",
        "itself",
        "they",
        "them",
        "their",
        "theirs",
        "themselves",
        "what",
        "which",
        "who",
        "whom",
        "this",
        "that",
        "these",
        "those",
        "am",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "have",
        "has",
        "had",
        "having",
        "do",
        "does",
        "did",
        "doing",
        "a",
        "an",
        "the",
        "and",
        "but",
        "if",
        "or",
        "because",
        "as",
        "until",
        "while",
        "of",
        "at",
        "by",
        "for",
        "with",
        "about",
        "against",
        "between",
        "into",
        "through",
        "during",
        "before",
        "after",
        "above",
        "below",
        "to",
        "from",
        "up",
        "down",
        "in",
        "out",
        "on",
        "off",
        "over",
        "under",
        "again",
        "further",
        "then",
        "once",
        "here",
        "there",
        "when",
        "where",
        "why",
        "how",
        "all",
        "any",
        "both",
        "each",
        "few",
        "more",
        "most",
        "other",
        "some",
        "such",
        "no",
        "nor",
        "not",
        "only",
        "own",
        "same",
        "so",
        "than",
        "too",
        "very",
        "s",
        "t",
        "can",
        "will",
        "just",
        "don",
        "should",
        "now",
    ]
)

# A phrase: stems, each with its distance from the first word. Stop words only take up room.
_Phrase = tuple[tuple[int, str], ...]


def matches(text: str | None, searched: str) -> bool | None:
    """Return whether a text matches; null neither does nor does not."""
    if text is None:
        return None
    wanted = _alternatives(searched)
    if not wanted:
        return False
    places: dict[str, set[int]] = {}
    for place, lexeme in _lexemes(text):
        places.setdefault(lexeme, set()).add(place)
    return any(all(_holds(places, phrase) for phrase in phrases) for phrases in wanted)


def _holds(places: dict[str, set[int]], phrase: _Phrase) -> bool:
    first_distance, first = phrase[0]
    return any(
        all(
            place - first_distance + distance in places.get(lexeme, ())
            for distance, lexeme in phrase
        )
        for place in places.get(first, ())
    )


@lru_cache(maxsize=256)
def _alternatives(searched: str) -> tuple[tuple[_Phrase, ...], ...]:
    """Return alternatives, each with the phrases that it wants, all of them."""
    in_quotes = searched.startswith('"') and searched.endswith('"')
    words = _TAKEN_OUT.sub(" ", searched).split()
    groups = _split_at_or(words) if in_quotes else [[word] for word in words]
    wanted = (tuple(filter(None, map(_phrase, group))) for group in groups)
    return tuple(phrases for phrases in wanted if phrases)


def _split_at_or(words: Sequence[str]) -> list[list[str]]:
    groups: list[list[str]] = [[]]
    for word in words:
        if word.lower() == "or":
            groups.append([])
        else:
            groups[-1].append(word)
    return groups


def _phrase(word: str) -> _Phrase:
    return tuple(_lexemes(word))


def _lexemes(text: str) -> Iterator[tuple[int, str]]:
    for place, word in enumerate(_WORD.findall(text)):
        lowered = word.lower()
        if lowered not in _STOP_WORDS:
            # Words with digits are taken as they are.
            yield place, stem(lowered) if lowered.isalpha() else lowered
