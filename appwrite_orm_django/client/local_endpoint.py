"""
Serve the endpoint ``local:`` with the local Appwrite server inside this process.

It is a transport adapter of ``requests``. This is the only module of the library that knows the
local server, which is imported once such an endpoint is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

PREFIX = "local:"
#: A name that no resolver answers (RFC 6761), in case the adapter should be missing.
BASE_URL = "http://appwrite.invalid/v1"


def is_local(endpoint: str) -> bool:
    """
    Return whether an endpoint is the local server.

    ``local:`` is a server in memory, ``local:/path/dev.sqlite3`` one in a file.
    """
    return endpoint.startswith(PREFIX)


def adapter_for(endpoint: str) -> BaseAdapter:
    """
    Return the adapter that answers requests to ``BASE_URL``.

    Transports to the same location share one server.

    Raises:
        ValueError: the local server does not know the location.
    """
    from appwrite_local.adapter import LocalAdapter
    from appwrite_local.registry import local_server

    return LocalAdapter(local_server(endpoint))


def check(endpoint: str) -> None:
    """
    Check a location without starting a server.

    Raises:
        ValueError: the local server does not know the location, or its file cannot be there.
    """
    from appwrite_local.registry import check_location

    check_location(endpoint)


def engine(endpoint: str) -> str:
    """
    Return the engine that the local server imitates: "mariadb", "postgresql" or "mongodb".

    Raises:
        ValueError: the local server does not know the location.
    """
    from appwrite_local.registry import local_server

    return local_server(endpoint).engine.name


def feature_level(endpoint: str) -> str:
    """
    Return the feature level of the local server at a location: "1.9" or "2.x".

    Raises:
        ValueError: the local server does not know the location.
    """
    from appwrite_local.registry import local_server

    return local_server(endpoint).feature_level
