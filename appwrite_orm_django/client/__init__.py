"""
The only code that speaks HTTP to Appwrite: a pooled transport on the SDK's Client, endpoints as functions, errors.

Imports nothing of the library; ``local_endpoint`` alone reaches for the local server, when an endpoint starts with ``local:``.
Tested in ``tests/client/`` and ``tests/unit/``.
"""
