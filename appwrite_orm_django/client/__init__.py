"""
The HTTP client for Appwrite: a pooled transport, endpoints as functions, and errors.

No other code speaks HTTP to Appwrite. The client imports nothing from the rest of the library;
``local_endpoint`` alone imports the local server, when an endpoint starts with ``local:``. Tests
are in ``tests/client/`` and ``tests/project/``.
"""
