"""
Local evaluation: what the server can not answer, answered exactly over rows narrowed by what it can.

``plan_query(compiler)`` makes a ``LocalQuery``; ``run_query`` executes one. Django's own SQLite compiler runs the original query in a
private in-memory database. Tested in ``tests/backend``.

The room is entered by the functions of this module. Each imports what it needs when it is called: most processes never evaluate anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Compiler, Connection
    from appwrite_orm_django.backend.evaluation.commands import LocalQuery

__all__ = ["constant", "plan_query", "run_query"]


def plan_query(compiler: Compiler, *, set_up: bool = False) -> LocalQuery:
    """As ``planning.plan``."""
    from appwrite_orm_django.backend.evaluation import plan

    return plan.plan(compiler, set_up=set_up)


def constant(expression: Any, connection: Connection) -> Any:
    """As ``planning.constant``."""
    from appwrite_orm_django.backend.evaluation import plan

    return plan.constant(expression, connection)


def run_query(command: LocalQuery, connection: Connection) -> list[tuple[Any, ...]]:
    """As ``running.run``."""
    from appwrite_orm_django.backend.evaluation import run

    return run.run(command, connection)
