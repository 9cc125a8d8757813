"""
Evaluate queries locally that the server cannot answer.

The rows are narrowed by the conditions that the server supports. Django's own SQLite compiler then
runs the original query over them in a private in-memory database, so the answer is exact. Tested in
``tests/backend``.

``plan_query(compiler)`` returns a ``LocalQuery``, and ``run_query`` runs one. The functions of this
module are the entry points. They import the other modules when they are called, as most processes
never evaluate anything locally.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appwrite_orm_django.backend.connection import Compiler, Connection
    from appwrite_orm_django.backend.evaluation.commands import LocalQuery

__all__ = ["constant", "plan_query", "run_query"]


def plan_query(compiler: Compiler, *, set_up: bool = False) -> LocalQuery:
    """Call ``plan.plan``."""
    from appwrite_orm_django.backend.evaluation import plan

    return plan.plan(compiler, set_up=set_up)


def constant(expression: Any, connection: Connection) -> Any:
    """Call ``plan.constant``."""
    from appwrite_orm_django.backend.evaluation import plan

    return plan.constant(expression, connection)


def run_query(command: LocalQuery, connection: Connection) -> list[tuple[Any, ...]]:
    """Call ``run.run``."""
    from appwrite_orm_django.backend.evaluation import run

    return run.run(command, connection)
