"""What the application of a plan has to say to people."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """
    What an application had to say besides being done.

    Attributes:
        notes: for people, a sentence each.
        optional: table id and key of the columns that could not be made required, and a sentence that says why.
    """

    notes: list[str] = field(default_factory=list)
    optional: dict[tuple[str, str], str] = field(default_factory=dict)

    def holds_others(self, table: str, key: str, count: int) -> None:
        if count:
            subject = f"{'one row' if count == 1 else f'{count:,} rows'} hold{'s' if count == 1 else ''}"
            it = "it is" if count == 1 else "they are"
            self.notes.append(
                f"{table}.{key}: {subject} what the column no longer takes, and cannot be updated until {it} corrected."
            )

    def stays_optional(self, table: str, key: str, missing: int) -> None:
        count = (
            "one row has" if missing == 1 else f"{missing:,} rows have" if missing < 5000 else "5,000 rows or more have"
        )
        self.optional[table, key] = (
            f"{table}.{key} stays optional: {count} no value, and could not be updated any more. "
            "Give them one and run appwrite_migrate again."
        )
