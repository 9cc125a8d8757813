"""
Announce schema changes to the cache.

To the cache, a schema change is a write to whole tables that takes many requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.schema.steps import Step


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
