"""
Pushdown: from Django's where-trees, orderings and select lists to Appwrite's queries.

Pure functions over Django's resolved expressions; nothing here talks to a server. A part that the server can not
evaluate is answered with what is known to hold at least (a superset), and says so. Tested in ``tests/unit/test_pushdown*``.
"""
