"""
The endpoint ``local:``: the local Appwrite server inside this process, behind ``requests``' transport-adapter interface.

The only module of the library that knows the local server; it is imported when such an endpoint is used and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

PREFIX = "local:"
#: A name that no resolver answers for (RFC 6761), in case the adapter should ever be missing.
BASE_URL = "http://appwrite.invalid/v1"


def is_local(endpoint: str) -> bool:
    """Tell whether an endpoint is the local server: ``local:`` in memory, ``local:/path/dev.sqlite3`` in a file."""
    return endpoint.startswith(PREFIX)


def adapter_for(endpoint: str) -> BaseAdapter:
    """
    Return the adapter that answers requests to ``BASE_URL``; transports to the same location share one server.

    Raises:
        ValueError: the location is not one the local server knows.
    """
    from appwrite_local.adapter import LocalAdapter
    from appwrite_local.registry import local_server

    return LocalAdapter(local_server(endpoint))


def check(endpoint: str) -> None:
    """
    Look at a location without starting a server.

    Raises:
        ValueError: the location is not one the local server knows, or its file cannot be there.
    """
    from appwrite_local.registry import check_location

    check_location(endpoint)


def engine(endpoint: str) -> str:
    """
    Return the engine that the local server at a location imitates: "mariadb", "postgresql" or "mongodb".

    Raises:
        ValueError: the location is not one the local server knows.
    """
    from appwrite_local.registry import local_server

    return local_server(endpoint).engine


def feature_level(endpoint: str) -> str:
    """
    Return the feature level of the local server at a location: "1.9" or "2.x".

    Raises:
        ValueError: the location is not one the local server knows.
    """
    from appwrite_local.registry import local_server

    return local_server(endpoint).feature_level
