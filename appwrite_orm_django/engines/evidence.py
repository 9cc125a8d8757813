"""Detect the database engine under Appwrite from the shape of ordinary answers."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Engine = Literal["SQL", "MongoDB"]


class Evidence(NamedTuple):
    """
    The engine that an answer reveals.

    Attributes:
        shown_by: the place and its value, for error texts.
    """

    engine: Engine
    shown_by: str


def evidence_in(answer: Any) -> Evidence | None:
    """
    Return the evidence in a row, a table, or the first item of a list of them.

    None if there is none. SQL engines limit the width of a table and number its rows. MongoDB has
    no such limit, which is reported as 0, and its rows have UUIDs. Staged or computed rows have an
    empty ``$sequence``.
    """
    if not isinstance(answer, dict):
        return None
    for noun in ("rows", "tables", "documents", "collections"):
        listed = answer.get(noun)
        if (
            "$id" not in answer
            and isinstance(listed, list)
            and listed
            and isinstance(listed[0], dict)
        ):
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
    return Evidence(
        "SQL" if width else "MongoDB", f'the table "{answer.get("$id")}" has the bytesMax {width}'
    )
