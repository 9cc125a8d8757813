"""Implement cursors, which run commands where other backends run SQL."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper

from appwrite_orm_django.backend import instrumentation
from appwrite_orm_django.backend.changing import SchemaChange
from appwrite_orm_django.backend.commands import Command, Savepoint

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection


_DEFINES = re.compile(r"\s*(CREATE|ALTER|DROP|TRUNCATE|COMMENT)\b", re.IGNORECASE)


def refuse_sql(text: object) -> NotSupportedError:
    """Return the error for SQL text that cannot be evaluated."""
    way_out = (
        "Tables and indexes are made by migrations or by appwrite_migrate. A table that only SQL "
        "can make, as that of a DatabaseCache, belongs in another database: name its alias, as in "
        "createcachetable --database ALIAS, and let a router's allow_migrate() refuse this one."
        if _DEFINES.match(str(text))
        else "Use the queryset API, or connection.transport for requests that it does not cover."
    )
    return NotSupportedError(
        "Appwrite runs no SQL, and the library evaluates only SQL that reads, that writes rows of "
        f"one table, or that drops a table; got {str(text)[:100]}\n{way_out}"
    )


class Cursor:
    """
    Run commands one after the other; ``fetch*`` return the rows of the last one.

    ``rowcount`` is the number of rows that a write concerned, and -1 after a read. Rows of a list are
    fetched page by page on demand, or all at once with ``prefetch``.
    """

    arraysize = 100
    # Set only for SQL text; commands have no columns to describe.
    description: Any = None

    def __init__(self, connection: Connection, *, prefetch: bool = True) -> None:
        self.connection = connection
        self.prefetch = prefetch
        self.rowcount = -1
        #: The integer key of the last row that SQL text has inserted.
        self.lastrowid: int | None = None
        self._rows: Iterator[tuple[Any, ...]] = iter(())

    def execute(self, command: Any, params: Any = None) -> Cursor:
        """
        Run a command, or SQL text that reads, writes rows of one table or drops a table.

        Raises:
            NotSupportedError: ``command`` is other SQL text.
        """
        if not isinstance(command, Command):
            return self._execute_sql(str(command), params)
        if isinstance(command, Savepoint):
            self.connection.savepoint_command(command)
            return self
        if isinstance(command, SchemaChange):
            command.carry_out()
            return self
        watcher = instrumentation.current()
        with (
            nullcontext() if watcher is None else watcher.executing(self.connection.alias, command)
        ):
            self._run(command)
        return self

    def _run(self, command: Command) -> None:
        if command.is_read:
            found = self.connection.reader.run(command)
            self._rows = iter(list(found) if self.prefetch else found)
            self.rowcount = -1
        else:
            result = self.connection.write(command)
            self._rows = iter(result.rows)
            self.rowcount = result.count

    def _execute_sql(self, sql: str, params: Any) -> Cursor:
        # SQL text is rare, and needs all of local evaluation.
        from appwrite_orm_django.backend.evaluation import raw

        planned = raw.plan_sql(sql, params, self.connection)
        if planned is None:
            return self._execute_write(sql, params)
        self.connection.note_uncached(planned)
        self.description, rows = raw.run_sql(planned, self.connection)
        self._rows, self.rowcount, self.lastrowid = iter(rows), -1, None
        return self

    def _execute_write(self, sql: str, params: Any) -> Cursor:
        from appwrite_orm_django.backend.evaluation import raw_drops, raw_writes

        if raw_drops.run_drop(sql, self.connection):
            outcome: raw_writes.Outcome | None = raw_writes.Outcome()
        else:
            outcome = raw_writes.run_write(sql, params, self.connection)
        if outcome is None:
            raise refuse_sql(sql)
        self.description, self._rows = outcome.description, iter(outcome.rows)
        self.rowcount, self.lastrowid = outcome.count, outcome.lastrowid
        return self

    def executemany(self, command: Any, param_list: Any) -> Cursor:
        """Run SQL text for each of the parameters; ``rowcount`` is the sum."""
        count = 0
        for params in param_list:
            self.execute(command, params)
            count += max(self.rowcount, 0)
        self.rowcount = count
        return self

    def callproc(self, name: str, *args: Any) -> Any:
        raise NotSupportedError(f"Appwrite has no stored procedures, so {name!r} cannot be called.")

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        return list(itertools.islice(self._rows, size or self.arraysize))

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def close(self) -> None:
        self._rows = iter(())


class _ShowsText:
    def _execute_with_wrappers(
        self, sql: Any, params: Any, many: bool, executor: Callable[..., Any]
    ) -> Any:
        parent: Any = super()
        if not isinstance(sql, Command) or not self.db.execute_wrappers:  # type: ignore[attr-defined]  # the cursor's
            return parent._execute_with_wrappers(sql, params, many, executor)

        def execute(_text: str, params: Any, many: bool, context: Any) -> Any:
            # Wrappers may change the text (tracers append comments to it). It is for people, and
            # never parsed.
            return executor(sql, params, many, context)

        return parent._execute_with_wrappers(str(sql), params, many, execute)


class AppwriteCursorWrapper(_ShowsText, CursorWrapper):
    """The cursor that ``connection.cursor()`` returns."""


class AppwriteCursorDebugWrapper(_ShowsText, CursorDebugWrapper):
    """The cursor that ``connection.cursor()`` returns while queries are logged."""
