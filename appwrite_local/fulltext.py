"""
Evaluate ``search`` and ``notSearch`` as the databases do for the server's queries.

MariaDB's boolean mode: special characters become blanks, words are alternatives, and the last word is a prefix; a text in
quotes is a phrase. Words of fewer than three letters and the most common words are not indexed
(recording ``indexes-fulltext``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from appwrite_local.engines import MARIADB, MONGODB

MIN_WORD = 3
_SPECIAL = re.compile(r"[@+\-*)(<>~\"]")
_PLAIN_WORD = re.compile(r"\w+")
_WORD = re.compile(r"\w+(?:'\w+)*")
# InnoDB's default list of words that it does not index.
_STOPWORDS = frozenset(
    [
        "a",
        "about",
        "an",
        "are",
        "as",
        "at",
        "be",
        "by",
        "com",
        "de",
        "en",
        "for",
        "from",
        "how",
        "i",
        "in",
        "is",
        "it",
        "la",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "was",
        "what",
        "when",
        "where",
        "who",
        "will",
        "with",
        "und",
        "the",
        "www",
    ]
)


@dataclass(frozen=True, slots=True)
class Search:
    words: tuple[str, ...]
    prefix: str
    phrase: tuple[str, ...]


def read_search(text: str) -> Search:
    """Parse a search text."""
    exact = len(text) > 1 and text.startswith('"') and text.endswith('"')
    words = _words(_SPECIAL.sub(" ", text))
    if exact:
        return Search((), "", tuple(words))
    return Search(tuple(words[:-1]), words[-1] if words else "", ())


def matches(text: str | None, searched: str) -> bool:
    """Return whether a text matches. Null never does, so ``notSearch`` finds it."""
    if text is None:
        return False
    search = read_search(searched)
    words = _words(text)
    if search.phrase:
        return _has_phrase(words, [*search.phrase])
    indexed = {word for word in words if len(word) >= MIN_WORD and word.lower() not in _STOPWORDS}
    if any(word in indexed for word in search.words):
        return True
    return bool(search.prefix) and any(word.startswith(search.prefix) for word in indexed)


def matches_words(text: str | bytes | None, searched: str) -> bool:
    """
    Return whether MongoDB finds a text: it has one of the words, or all phrases in quotes.

    Its rules for accents and for words after a hyphen were not seen, and are not imitated.
    """
    if not isinstance(text, str):
        return False
    words = _plain_words(text)
    pieces = searched.split('"')
    phrases = [found for piece in pieces[1:-1:2] if (found := _plain_words(piece))]
    if phrases:
        return all(_has_phrase(words, phrase) for phrase in phrases)
    return not set(words).isdisjoint(_plain_words(searched))


def _plain_words(text: str) -> list[str]:
    return [MONGODB.like_fold(word) for word in _PLAIN_WORD.findall(text)]


def _has_phrase(words: list[str], phrase: list[str]) -> bool:
    size = len(phrase)
    return any(words[start : start + size] == phrase for start in range(len(words) - size + 1))


def _words(text: str) -> list[str]:
    return [MARIADB.like_fold(word) for word in _WORD.findall(text)]
