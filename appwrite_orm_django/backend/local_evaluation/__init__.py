"""
Local evaluation: what the server can not answer, answered exactly over rows narrowed by what it can.

``plan(compiler)`` makes a ``LocalQuery``; ``run`` executes one. Django's own SQLite compiler runs the original query in a
private in-memory database. Tested in ``tests/backend``.

The room is entered by the functions of this module. Each imports what it needs when it is called: most processes never evaluate anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper
    from appwrite_orm_django.backend.commands.local import LocalQuery
    from appwrite_orm_django.backend.compiler import SQLCompiler

__all__ = ["constant", "plan", "run"]


def plan(compiler: SQLCompiler, *, set_up: bool = False) -> LocalQuery:
    """As ``planning.plan``."""
    from appwrite_orm_django.backend.local_evaluation import planning

    return planning.plan(compiler, set_up=set_up)


def constant(expression: Any, connection: DatabaseWrapper) -> Any:
    """As ``planning.constant``."""
    from appwrite_orm_django.backend.local_evaluation import planning

    return planning.constant(expression, connection)


def run(command: LocalQuery, connection: DatabaseWrapper) -> list[tuple[Any, ...]]:
    """As ``running.run``."""
    from appwrite_orm_django.backend.local_evaluation import running

    return running.run(command, connection)
