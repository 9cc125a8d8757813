"""
Tables, columns and indexes as plain data: from models, from the server, their difference, and its application.

May import ``client`` and Django; knows nothing of the backend and of the commands that print. Tested in ``tests/unit/`` (pure
functions) and ``tests/schema/`` (against the local server).
"""
