"""Which rows a command is about, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from appwrite_orm_django.backend.columns import ROW_ID

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands.base import Command
    from appwrite_orm_django.backend.commands.outputs import Converter
    from appwrite_orm_django.client.queries import Query
    from appwrite_orm_django.client.references import TableRef


@dataclass(frozen=True, slots=True)
class ValuesOf:
    """
    The values of one column in the rows that another command brings; known only when that command has run.

    ``definition`` says what ``encode`` does.
    """

    command: Command
    encode: Converter = field(compare=False, repr=False)
    definition: str = ""

    def __str__(self) -> str:
        return f"values of ({self.command})"


@dataclass(frozen=True, slots=True)
class Membership:
    """``column in values``, of any length: the cursor splits it over as many requests as the server's limits ask for."""

    column: str
    values: tuple[Any, ...] | ValuesOf

    def __str__(self) -> str:
        if isinstance(self.values, ValuesOf):
            return f"{self.column} in {self.values}"
        shown = ", ".join(repr(value) for value in self.values[:5])
        more = f", … {len(self.values)} values" if len(self.values) > 5 else ""
        return f"{self.column} in [{shown}{more}]"


@dataclass(frozen=True, slots=True)
class Order:
    """Order by one column. ``is_text`` tells the cursor, which may have to merge several answers, to compare as the server does."""

    column: str
    descending: bool = False
    is_text: bool = False

    def __str__(self) -> str:
        return f"{self.column}{' DESC' if self.descending else ''}"


@dataclass(frozen=True, slots=True)
class Condition:
    """Rows for which every query and every membership holds."""

    queries: tuple[Query, ...] = ()
    memberships: tuple[Membership, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.queries or self.memberships)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it looks at, but for those that every answer shows."""
        names = (name for query in self.queries for name in query.columns)
        members = (membership.column for membership in self.memberships)
        return frozenset(name for name in (*names, *members) if not name.startswith("$"))

    @property
    def names_ids_only(self) -> bool:
        """Whether it is a list of row ids, so that what rows hold makes no difference."""
        if len(self.queries) + len(self.memberships) != 1:
            return False
        if self.queries:
            return self.queries[0].method == "equal" and self.queries[0].column == ROW_ID
        return self.memberships[0].column == ROW_ID and not isinstance(self.memberships[0].values, ValuesOf)

    @property
    def commands(self) -> tuple[Command, ...]:
        """The commands that have to be run to know the values of memberships."""
        return tuple(
            membership.values.command for membership in self.memberships if isinstance(membership.values, ValuesOf)
        )

    @property
    def tables(self) -> tuple[TableRef, ...]:
        """The tables that have to be read to know the values of memberships."""
        return tuple(table for command in self.commands for table in command.tables)

    def __str__(self) -> str:
        return " AND ".join(str(part) for part in (*self.queries, *self.memberships)) or "every row"
