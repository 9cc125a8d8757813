"""Collect the notes of the application of a plan."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """
    The result of the application of a plan.

    Attributes:
        notes: sentences for the user.
    """

    notes: list[str] = field(default_factory=list)

    def holds_others(self, table: str, key: str, count: int) -> None:
        if count:
            subject = "one row holds a value" if count == 1 else f"{count:,} rows hold values"
            it = "it is" if count == 1 else "they are"
            self.notes.append(
                f"{table}.{key}: {subject} that the column no longer allows, and cannot be updated "
                f"until {it} corrected."
            )
