"""Let the commands of this backend be read like the SQL that other backends run."""

from __future__ import annotations

from typing import Any


class ReadAsText:
    """
    Text methods over ``str()`` of an object.

    Some tools search what a compiler or a cursor is given for words, shorten it, or look for SELECT
    at its beginning.
    """

    __slots__ = ()

    def __contains__(self, text: str) -> bool:
        return text in str(self)

    def __getitem__(self, which: int | slice) -> str:
        return str(self)[which]

    def count(self, text: str) -> int:
        return str(self).count(text)

    def lower(self) -> str:
        return str(self).lower()

    def split(self, *args: Any) -> list[str]:
        return str(self).split(*args)

    def startswith(self, *args: Any) -> bool:
        return str(self).startswith(*args)

    def strip(self, *args: Any) -> str:
        return str(self).strip(*args)

    def upper(self) -> str:
        return str(self).upper()
