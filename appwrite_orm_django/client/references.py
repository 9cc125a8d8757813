"""Refer to tables by their ids, and validate ids before they become part of a path."""

from __future__ import annotations

import re
from typing import NamedTuple

from appwrite_orm_django.client.errors import InvalidId

MAX_ID_LENGTH = 36  # recording rows-ids

#: An id of a row, a table or a database.
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
#: A permission of a table, a row, a bucket or a file.
PERMISSION = re.compile(
    r"""(?:read|create|update|delete|write)\("(?:any|guests|users(?:/(?:un)?verified)?|(?:user|team|label|member):[^"]+)"\)"""
)


def is_valid_id(value: object) -> bool:
    """
    Return whether a value is a valid id of a row, table or database, or key of a column.

    At most 36 characters of ``A-Z a-z 0-9 . _ -``, the first alphanumeric (recording ``rows-ids``).
    The server compares ids without case; this function ignores that.
    """
    return isinstance(value, str) and ID.fullmatch(value) is not None


def path_segment(value: str) -> str:
    """
    Return an id for use in a path.

    An empty id would turn the path of one row into that of all rows, and ``..`` into that of the
    table, so neither may get that far.

    Raises:
        InvalidId: the value is not a valid id.
    """
    if not is_valid_id(value):
        raise InvalidId.of(value)
    return value


class TableRef(NamedTuple):
    """A table, identified by its database's id and its own."""

    database: str
    table: str

    @property
    def path(self) -> str:
        """The table's path after the endpoint, for example ``/tablesdb/shop/tables/product``."""
        return f"/tablesdb/{path_segment(self.database)}/tables/{path_segment(self.table)}"

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"
