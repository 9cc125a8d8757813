"""Implement cursors, which run commands where other backends run SQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper

from appwrite_orm_django.backend import instrumentation
from appwrite_orm_django.backend.commands import Command, Savepoint

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Connection


def refuse_sql(text: object) -> NotSupportedError:
    """Return the error for SQL text, which Appwrite cannot run."""
    return NotSupportedError(
        "Appwrite runs no SQL, and the library evaluates only SQL that reads; got "
        f"{str(text)[:100]}\n"
        "Use the queryset API, or connection.transport for requests that it does not cover."
    )


class Cursor:
    """
    Run commands one after the other; ``fetch*`` return the rows of the last one.

    ``rowcount`` is the number of rows that a write changed, and -1 after a read. Rows of a list are
    fetched page by page on demand, or all at once with ``prefetch``.
    """

    arraysize = 100
    lastrowid = None
    # Set only for SQL text; commands have no columns to describe.
    description: Any = None

    def __init__(self, connection: Connection, *, prefetch: bool = True) -> None:
        self.connection = connection
        self.prefetch = prefetch
        self.rowcount = -1
        self._rows: Iterator[tuple[Any, ...]] = iter(())

    def execute(self, command: Any, params: Any = None) -> Cursor:
        """
        Run a command, or SQL text that only reads.

        Raises:
            NotSupportedError: ``command`` is SQL text that would change data.
        """
        if not isinstance(command, Command):
            return self._execute_sql(str(command), params)
        if isinstance(command, Savepoint):
            self.connection.savepoint_command(command)
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
            raise refuse_sql(sql)
        self.connection.note_uncached(planned)
        self.description, rows = raw.run_sql(planned, self.connection)
        self._rows, self.rowcount = iter(rows), -1
        return self

    def executemany(self, command: Any, param_list: Any) -> Cursor:
        raise refuse_sql(command)

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
