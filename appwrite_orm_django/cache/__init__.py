"""
The query cache: every read is kept, every write invalidates, nothing stale is served after a write returned.

``protocol`` is the whole consistency argument, without I/O; ``service`` drives it over Django's cache framework for the database
backend; ``entries``, ``keys``, ``settings`` and ``statistics`` are what their names say. This package imports Django's cache framework,
settings and signals and the library's own ``signals`` module, nothing else of the library. Tested in ``tests/unit/test_cache_*`` and
``tests/cache/``; explained in ``docs/explanation/cache-protocol.md``.
"""
