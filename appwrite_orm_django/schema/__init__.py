"""
Describe tables, columns and indexes as plain data, compare them, and apply the difference.

A description comes from models or from the server. This package may import ``client`` and Django,
but neither the backend nor the management commands. Its tests are in ``tests/project/`` (pure
functions) and ``tests/schema/`` (against the local server).
"""
