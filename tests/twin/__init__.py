"""
The twin: a SQLite database with the same models, against which answers of the Appwrite backend are compared.

Its text columns compare as the server's do, and nothing else differs from Django's SQLite backend.
"""
