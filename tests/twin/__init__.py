"""
The twin: a SQLite database with the same models, against which answers of the Appwrite backend are compared.

Its text columns compare as the server's do, and ``bulk_create(update_conflicts=True)`` gives every object the key of its row. Nothing else
differs from Django's SQLite backend.
"""
