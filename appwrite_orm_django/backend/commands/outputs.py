"""What is read from each row of an answer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Converter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Output:
    """
    One value of each result row: a column's, converted, or a constant.

    ``converter`` is None where the wire value is handed out as it is; it is never called with None unless
    ``converts_none`` (a field's ``from_db_value`` may have an opinion about NULL). ``page_converter`` returns the same for a page
    of values that are not None, after it has looked up what does not change from one to the next. ``definition`` says what the converters
    do, so that the cache tells the values of two definitions of a column apart.
    """

    key: str = ""
    constant: Any = None
    converter: Converter | None = field(default=None, compare=False, repr=False)
    converts_none: bool = False
    page_converter: Callable[[], Converter] | None = field(default=None, compare=False, repr=False)
    definition: str = ""

    def read(self, row: Mapping[str, Any]) -> Any:
        if not self.key:
            return self.constant
        value = row[self.key]
        if self.converter is None or (value is None and not self.converts_none):
            return value
        return self.converter(value)

    def column(self, rows: Sequence[Mapping[str, Any]]) -> Iterable[Any]:
        """Return what ``read`` returns of each of the rows; for many of them in half the time."""
        if not self.key:
            return itertools.repeat(self.constant, len(rows))
        values = [row[self.key] for row in rows]
        if self.converter is None:
            return values
        convert = self.converter if self.page_converter is None else self.page_converter()
        if self.converts_none or None not in values:
            return map(convert, values)
        return [None if value is None else convert(value) for value in values]


class Outputs(tuple[Output, ...]):
    """The values of a result row, in order. A tuple that writes its ``repr``, half of what a command's cache key takes, only once."""

    _text: str | None = None

    def __repr__(self) -> str:
        if self._text is None:
            self._text = tuple.__repr__(self)
        return self._text
