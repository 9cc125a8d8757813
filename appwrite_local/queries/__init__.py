"""
Turn the query texts of a client into the WHERE and ORDER BY of SQLite.

``parse`` reads the texts, ``check`` rejects what the server rejects, ``sql`` compiles the rest, and
``fields`` defines what may be queried.
"""
