"""Which unique index a change violates: asked where the server's own answer does not say, or comes too late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from appwrite_orm_django import collation
from appwrite_orm_django.backend.columns import ROW_ID
from appwrite_orm_django.backend.commands.conditions import Condition, Membership
from appwrite_orm_django.backend.commands.local import Fetch
from appwrite_orm_django.backend.commands.writes import UpdateRows

if TYPE_CHECKING:
    from appwrite_orm_django.backend.reading import Reader


def unique_value(columns: tuple[str, ...], row: Mapping[str, Any], text: str) -> tuple[Any, ...] | None:
    """
    Return what a unique index compares, None if it has a null, which clashes with nothing.

    Args:
        text: the text semantics. Row ids are compared without case by every server (local server's ``text_rules``), other text by MariaDB only.
    """
    values = tuple(row.get(column) for column in columns)
    if any(value is None for value in values):
        return None
    return tuple(
        collation.fold(value) if isinstance(value, str) and (text == "mariadb" or column == ROW_ID) else value
        for column, value in zip(columns, values, strict=True)
    )


def clash(reader: Reader, command: UpdateRows) -> str | None:
    """Say which unique index an update of many rows would violate, if any; the rows are as they were before it."""
    text = reader.connection.text_semantics
    for columns in command.unique:
        if not set(columns) & set(command.data):
            continue
        images = {
            row[ROW_ID]: {**row, **command.data}
            for row in reader.rows(Fetch(command.table, "", command.condition), command.condition, columns)
        }
        wanted = {unique_value(columns, image, text) for image in images.values()}
        shown = ", ".join(columns)
        if sum(unique_value(columns, image, text) is not None for image in images.values()) > len(wanted - {None}):
            return f"{command.table.table}: two rows would have the same {shown}."
        memberships = (
            Membership(column, tuple({image[column]: None for image in images.values() if image[column] is not None}))
            for column in columns
        )
        taken = Fetch(command.table, "", Condition((), tuple(memberships)))
        if any(
            row[ROW_ID] not in images and unique_value(columns, row, text) in wanted
            for row in reader.rows(taken, taken.condition, columns)
        ):
            return f"{command.table.table}: a row with this {shown} exists."
    return None
