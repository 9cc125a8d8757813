"""Which kind of database is under Appwrite, as far as ordinary answers tell: the width of a table, and the number of a row."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Engine = Literal["SQL", "MongoDB"]


class Evidence(NamedTuple):
    """
    What an answer says of the engine.

    Attributes:
        shown_by: the place and its value, for error texts.
    """

    engine: Engine
    shown_by: str


def evidence_in(answer: Any) -> Evidence | None:
    """
    Return what a row, a table, or the first of a list of them tells; None where it tells nothing.

    SQL engines bound the width of a table and number its rows. MongoDB has no such bound, which is told as 0, and its rows have UUIDs.
    Rows that are staged or computed have an empty ``$sequence``.
    """
    if not isinstance(answer, dict):
        return None
    for noun in ("rows", "tables", "documents", "collections"):
        listed = answer.get(noun)
        if "$id" not in answer and isinstance(listed, list) and listed and isinstance(listed[0], dict):
            answer = listed[0]
    if "$sequence" in answer:
        sequence = answer["$sequence"]
        if not sequence:
            return None
        engine: Engine = "SQL" if str(sequence).isdecimal() else "MongoDB"
        return Evidence(engine, f'the row "{answer.get("$id")}" has the $sequence {sequence!r}')
    width = answer.get("bytesMax")
    if "databaseId" not in answer or not isinstance(width, int):
        return None
    return Evidence("SQL" if width else "MongoDB", f'the table "{answer.get("$id")}" has the bytesMax {width}')
