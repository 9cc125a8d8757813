"""
A small Appwrite for development and tests: the TablesDB API on SQLite.

It knows Appwrite's API and imports nothing of the library beside it, which reaches it through ``registry``, ``adapter`` and ``server``. Tested in ``tests/appwrite_local/``, mostly by replaying recordings of a real server.
"""
