"""
Queries: from the texts a client sends to the WHERE and ORDER BY that SQLite runs.

``parse`` reads them, ``check`` refuses what the server refuses, ``sql`` compiles the rest, ``fields`` says what may be asked about.
"""
