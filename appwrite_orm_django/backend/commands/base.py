"""What every command is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from django.db.models import Model

    from appwrite_orm_django.backend.commands.conditions import Condition
    from appwrite_orm_django.client.references import TableRef


class Command:
    """
    Base of all commands.

    ``tables`` names every table that is read or written. A write says with ``operation`` what it does, with ``row_ids`` to which rows
    (None: to any), and with ``model`` for whom. The ``repr`` of a read is the same exactly when the question is: the cache's key.
    """

    __slots__ = ()
    is_read: ClassVar[bool] = True
    operation: ClassVar[str] = ""
    model: type[Model] | None

    @property
    def row_ids(self) -> tuple[str, ...] | None:
        return None

    @property
    def tables(self) -> tuple[TableRef, ...]:
        raise NotImplementedError

    @property
    def inner(self) -> tuple[Command, ...]:
        """The commands whose answers this one needs for its own."""
        condition: Condition | None = getattr(self, "condition", None)
        return () if condition is None else condition.commands

    @property
    def is_volatile(self) -> bool:
        """Whether the answer may be another one each time, although no row has changed: it is never cached."""
        return any(command.is_volatile for command in self.inner)

    def __mod__(self, params: object) -> str:
        # ``str(queryset.query)`` interpolates parameters into what it takes for SQL.
        return str(self)

    # Tools that look into the SQL of a compiler find its text.

    def __contains__(self, text: str) -> bool:
        return text in str(self)

    def count(self, text: str) -> int:
        return str(self).count(text)


@dataclass(frozen=True, slots=True)
class Savepoint(Command):
    """Set, release or roll back to a mark in the log of staged operations."""

    is_read: ClassVar[bool] = False

    action: str
    name: str

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return ()

    def __str__(self) -> str:
        return f"SAVEPOINT {self.action} {self.name}"
