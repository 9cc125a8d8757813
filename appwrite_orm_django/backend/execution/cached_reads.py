"""Run read commands through the query cache."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.exceptions import EmptyResultSet

from appwrite_orm_django.backend import instrumentation
from appwrite_orm_django.backend.by_value import pinned
from appwrite_orm_django.backend.commands import GetRow, ListRows

if TYPE_CHECKING:
    from django.db.models import Model
    from django.db.models.sql import Query

    from appwrite_orm_django.backend.commands import Command
    from appwrite_orm_django.backend.connection import Compiler, Connection
    from appwrite_orm_django.cache.timeouts import Choice


Rows = list[tuple[Any, ...]]


def cached_rows(
    connection: Connection,
    command: Command,
    load: Callable[[], Rows],
    *,
    choice: Choice,
    model: type[Model] | None,
) -> Rows:
    """
    Return the result rows of a read command from the cache, or from ``load``.

    A transaction has to know which version of each row it has seen, or it could overwrite another
    client's change. It therefore uses cached rows, and rows that another thread loaded, only if
    they show their versions.
    """
    names = [table.table for table in command.tables]
    transaction = connection.transaction
    seen = transaction.shown_versions(command) if transaction is not None else None
    if not names or model is None or (transaction is not None and seen is None):
        connection.note_uncached(command)
        return load()
    timeout, max_age = choice
    if command.is_volatile:
        timeout = 0
    watcher = instrumentation.current()
    with nullcontext() if watcher is None else watcher.reading(connection.alias, command):
        rows: Rows = connection.cache.read(
            cache_text(model, command),
            names,
            load,
            row=only_row(command),
            identity=connection.cache_identity,
            timeout=timeout,
            max_age=max_age,
            pinned=pinned(connection.cache.core.keys, command),
        )
    if transaction is None or not seen:
        return rows
    outputs = cast("ListRows", command).outputs
    return rows if transaction.note_shown(command.tables[0], rows, outputs, *seen) else load()


def is_cached(connection: Connection, query: Query) -> bool:
    """Return whether the rows of a query would come from the cache, without making a request."""
    compiler = cast("Compiler", query.get_compiler(connection=connection))
    timeout = compiler.cache_choice.timeout
    if timeout is not None and timeout <= 0:
        return False
    try:
        command = compiler.read_command()
    except EmptyResultSet:
        return True
    names = [table.table for table in command.tables]
    return (
        bool(names)
        and not command.is_volatile
        and connection.cache.is_cached(
            cache_text(cast("type[Model]", query.model), command),
            names,
            row=only_row(command),
            identity=connection.cache_identity,
            pinned=pinned(connection.cache.core.keys, command),
        )
    )


def dependencies(
    connection: Connection, query: Query
) -> tuple[tuple[str, ...], tuple[str, str] | None]:
    """Return the tables that a query reads, and ``(table, row id)`` if it reads only that row."""
    try:
        command = cast("Compiler", query.get_compiler(connection=connection)).read_command()
    except EmptyResultSet:
        return (), None
    return tuple(dict.fromkeys(table.table for table in command.tables)), only_row(command)


def cache_text(model: type[Model], command: Command) -> str:
    """Return the text that identifies a command in the cache: equal exactly if the answers are."""
    # A command's repr includes the definitions by which its values are decoded. USE_TZ decides
    # whether datetimes, computed or read, have a time zone.
    return f"{model._meta.label} {settings.USE_TZ} {command!r}"


def only_row(command: Command) -> tuple[str, str] | None:
    """Return the table and the row id if the command reads a row by its id."""
    return (command.table.table, command.row_id) if isinstance(command, GetRow) else None
