"""Order text as PostgreSQL does in the locale ``en_US.utf8``."""

from __future__ import annotations


def key(text: str) -> bytes:
    """Return bytes that compare as the texts do."""
    return text.encode("utf-8", "surrogatepass")
