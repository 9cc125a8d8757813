"""
A small Appwrite for development and tests: the TablesDB API on SQLite.

It knows Appwrite's API and nothing of this library: from the package it imports ``collation`` alone, and only the transport adapter
is imported from outside. Tested in ``tests/appwrite_local/``, mostly by replaying recordings of a real server.
"""
