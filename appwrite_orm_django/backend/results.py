"""What a write answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands.outputs import Output


class WriteResult:
    """How many rows a write changed, and result rows where it returns any."""

    __slots__ = ("count", "rows")

    def __init__(self, count: int, rows: list[tuple[Any, ...]] | None = None) -> None:
        self.count = count
        self.rows = rows or []

    @classmethod
    def of(cls, outputs: Sequence[Output], written: Sequence[Mapping[str, Any]]) -> WriteResult:
        """Return the result that shows these outputs of the rows that were written."""
        rows = [tuple(output.read(row) for output in outputs) for row in written] if outputs else []
        return cls(len(written), rows)

    @classmethod
    def joined(cls, results: Iterable[WriteResult]) -> WriteResult:
        """Return the result of several writes, one after the other."""
        whole = cls(0)
        for result in results:
            whole.count += result.count
            whole.rows += result.rows
        return whole
