"""
Local evaluation: what the server can not answer, answered exactly over rows narrowed by what it can.

``plan(compiler)`` makes a ``LocalQuery``; ``run`` executes one. Django's own SQLite compiler runs the original query in a
private in-memory database. Tested in ``tests/backend``.
"""

from appwrite_orm_django.backend.local_evaluation.planning import constant, plan

__all__ = ["constant", "plan"]
