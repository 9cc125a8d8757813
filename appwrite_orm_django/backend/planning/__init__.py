"""
Translate Django's where-trees, orderings and select lists into Appwrite's queries (pushdown).

These are pure functions over Django's resolved expressions; nothing here talks to a server. For a
part that the server cannot evaluate, they return a superset of the rows, marked as inexact. Tested
in ``tests/backend/test_where*``.
"""
