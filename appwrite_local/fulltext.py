"""
Evaluate ``search`` and ``notSearch`` as MariaDB's boolean mode does for the server's queries.

Special characters become blanks, words are alternatives, and the last word is a prefix; a text in
quotes is a phrase. Words of fewer than three letters and the most common words are not indexed
(recording ``indexes-fulltext``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from appwrite_local.engines import MARIADB

MIN_WORD = 3
_SPECIAL = re.compile(r"[@+\-*)(<>~\"]")
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
        size = len(search.phrase)
        return any(
            tuple(words[start : start + size]) == search.phrase
            for start in range(len(words) - size + 1)
        )
    indexed = {word for word in words if len(word) >= MIN_WORD and word.lower() not in _STOPWORDS}
    if any(word in indexed for word in search.words):
        return True
    return bool(search.prefix) and any(word.startswith(search.prefix) for word in indexed)


def _words(text: str) -> list[str]:
    return [MARIADB.like_fold(word) for word in _WORD.findall(text)]
