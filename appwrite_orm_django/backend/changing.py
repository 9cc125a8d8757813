"""
Announce schema changes: to the cache, to Django's log of queries, and to its log of schema changes.

To the cache, a schema change is a write to whole tables that takes many requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from appwrite_orm_django.backend.commands import Command

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.client.references import TableRef
    from appwrite_orm_django.schema.steps import Step


@dataclass(frozen=True, slots=True)
class SchemaChange(Command):
    """Carry out the steps of one operation of the schema editor."""

    is_read: ClassVar[bool] = False

    text: str
    refs: tuple[TableRef, ...]
    carry_out: Callable[[], object]

    @property
    def tables(self) -> tuple[TableRef, ...]:
        return self.refs

    def __str__(self) -> str:
        return self.text


@contextmanager
def announced(connection: Connection, steps: Iterable[Step]) -> Iterator[None]:
    """
    Tell the cache that the tables of these steps change.

    Rows are filled and rewritten, and columns are decoded differently afterwards.

    Raises:
        IntentNotStored, InvalidationNotStored: with ``STRICT_WRITES``, if the cache cannot be told.
    """
    with connection.cache.write(
        {step.table: None for step in steps if step.table}, staged=False
    ) as write:

        def keep_alive(_record: Any) -> None:
            write.keep_alive()

        connection.transport.add_listener(keep_alive)
        try:
            yield
        finally:
            connection.transport.remove_listener(keep_alive)
