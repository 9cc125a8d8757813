"""What the application of a plan has to say to people."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """
    What an application had to say besides being done.

    Attributes:
        notes: for people, a sentence each.
    """

    notes: list[str] = field(default_factory=list)

    def holds_others(self, table: str, key: str, count: int) -> None:
        if count:
            subject = f"{'one row' if count == 1 else f'{count:,} rows'} hold{'s' if count == 1 else ''}"
            it = "it is" if count == 1 else "they are"
            self.notes.append(
                f"{table}.{key}: {subject} what the column no longer takes, and cannot be updated until {it} corrected."
            )
