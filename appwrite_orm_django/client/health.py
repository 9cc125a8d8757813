"""What the server says about itself."""

from __future__ import annotations

from .transport import Transport


def server_version(transport: Transport) -> str:
    """
    Return the server's version, for example ``1.9.6``.

    Asked without the key: with one the server answers 401, for no project key has the scope (recording ``health-version``). A development
    build of the 2.x line says 1.9.6 as well: the number does not tell everything.
    """
    without_credentials = {"x-appwrite-key": None, "x-appwrite-jwt": None, "x-appwrite-session": None}
    return str(transport.call("GET", "/health/version", without_credentials)["version"])
