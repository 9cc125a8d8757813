"""
Cache every query, invalidate on every write, and serve nothing stale after a write has returned.

``protocol`` holds the whole consistency argument and does no I/O. ``service`` runs it over Django's
cache framework for the database backend. ``control`` is the manual API (``invalidate``, ``clear``,
``batch``), and ``maintenance`` serves the management command.

This package imports Django and, of the library, only ``signals`` and ``conf``. It asks the
connection for everything else that it has to know about the backend (``connections``).

Tests: ``tests/project/test_cache_*``, ``tests/cache/`` and ``tests/backend/test_cache_*``.
Documentation: ``docs/explanation/cache-protocol.md`` and ``docs/howto/caching.md``.
"""

from .control import batch, clear, invalidate
from .own_writes import fresh_reads

__all__ = ["batch", "clear", "fresh_reads", "invalidate"]
