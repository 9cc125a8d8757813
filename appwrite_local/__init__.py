"""
Serve a small Appwrite for development and tests: the TablesDB API on SQLite.

This package imports nothing of the library, which uses it through ``registry``, ``adapter`` and
``server``. It is tested in ``tests/appwrite_local/``, mostly by replaying recordings of a real
server.
"""
