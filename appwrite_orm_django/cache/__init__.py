"""
The query cache: every read is kept, every write invalidates, nothing stale is served after a write returned.

``protocol`` is the whole consistency argument, without I/O; ``service`` drives it over Django's cache framework for the database
backend; ``control`` is what programs say by hand (``invalidate``, ``clear``, ``batch``), ``upkeep`` what the management command does;
``entries``, ``keys``, ``settings`` and ``statistics`` are what their names say. This package imports Django and the library's own
``signals`` module, nothing else of the library: what it has to know of the backend it asks the connection. Tested in
``tests/unit/test_cache_*``, ``tests/cache/`` and ``tests/backend/test_cache_*``; explained in ``docs/explanation/cache-protocol.md``
and ``docs/howto/caching.md``.
"""

from .control import batch, clear, invalidate

__all__ = ["batch", "clear", "invalidate"]
