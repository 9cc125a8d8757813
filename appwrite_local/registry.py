"""
Find the server of a ``local:`` location.

    local:                          the one server in the memory of this process
    local:#name                     a further one with a name of its own, for tests
    local:/path/dev.sqlite3         a file, also for several processes
    local:?feature-level=2.x        options follow a question mark, before a fragment

Options are ``feature-level``, ``engine``, ``column-delay`` (seconds), ``max-file-size`` (bytes),
``project`` and ``key``.
Without the last two a ``local:`` server accepts any project id and any key that is not empty: there
is one project, and every key has all scopes.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any, Literal, cast, get_args
from urllib.parse import parse_qsl, unquote

from appwrite_local.engines import EngineName, check_level
from appwrite_local.server import LocalServer
from appwrite_local.state import FeatureLevel
from appwrite_local.storage import WrongFormat

SCHEME = "local:"
Option = Literal["feature-level", "engine", "column-delay", "max-file-size", "project", "key"]

_servers: dict[str, LocalServer] = {}
_lock = threading.Lock()


def _unlock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    # A thread of the parent may have held it.
    os.register_at_fork(after_in_child=_unlock)


def is_local(location: str) -> bool:
    return location.startswith(SCHEME)


def local_server(location: str) -> LocalServer:
    """
    Return the server of a location: one object per location for the life of the process.

    Args:
        location: see above. Two spellings of one file are two servers on one file, which is safe.

    Raises:
        ValueError: as ``check_location``; or the file cannot be opened, is not an SQLite file,
            belongs to another program, or has a newer version.
    """
    with _lock:
        server = _servers.get(location)
        if server is None:
            server = _servers[location] = _make(location)
        return server


def forget(location: str) -> None:
    """Close a location's server; the next call makes a new one. Data in memory is lost."""
    with _lock:
        server = _servers.pop(location, None)
    if server is not None:
        server.close()


def check_location(location: str) -> None:
    """
    Check a location without opening anything.

    Raises:
        ValueError: not a ``local:`` location, an unknown option, an invalid value, options behind
            the name, a feature level that is unknown for the engine, or a file in a directory that
            does not exist.
    """
    _storage_and_arguments(location)


def _make(location: str) -> LocalServer:
    storage, arguments = _storage_and_arguments(location)
    try:
        return LocalServer(storage, index_lag=0, **arguments)
    except WrongFormat as error:
        raise ValueError(f"{location!r}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise ValueError(
            f"{location!r}: {storage} is no file that SQLite can use ({error})."
        ) from error


def _storage_and_arguments(location: str) -> tuple[str, dict[str, Any]]:
    if not is_local(location):
        raise ValueError(
            f"{location!r} is not a local server: expected 'local:', 'local:#name' or "
            "'local:/path'."
        )
    address, _, name = location.removeprefix(SCHEME).partition("#")
    if "?" in name:
        raise ValueError(
            f"{location!r}: options come before the name: 'local:?engine=mongodb#name'."
        )
    path, _, options = address.partition("?")
    arguments = _arguments(location, options)
    if not path:
        return ":memory:", arguments
    file = Path(unquote(path)).absolute()
    if file.is_dir():
        raise ValueError(f"{location!r}: {file} is a directory; name a file in it.")
    if not file.parent.is_dir():
        raise ValueError(f"{location!r}: there is no directory {file.parent}.")
    return str(file), arguments


def _arguments(location: str, text: str) -> dict[str, Any]:
    try:
        given = dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))
    except ValueError:
        raise ValueError(f"{location!r}: options are written ?name=value&name=value.") from None
    unknown = sorted(set(given) - set(get_args(Option)))
    if unknown:
        raise ValueError(
            f"{location!r}: unknown option {unknown[0]!r}; the options are "
            f"{', '.join(get_args(Option))}."
        )
    arguments: dict[str, Any] = {"project": given.get("project"), "key": given.get("key")}
    if "feature-level" in given:
        arguments["feature_level"] = cast(
            FeatureLevel,
            _one_of(location, "feature-level", given["feature-level"], get_args(FeatureLevel)),
        )
    if "engine" in given:
        arguments["engine"] = cast(
            EngineName, _one_of(location, "engine", given["engine"], get_args(EngineName))
        )
    try:
        check_level(arguments.get("engine", "mariadb"), arguments.get("feature_level", "1.9"))
    except ValueError as error:
        raise ValueError(f"{location!r}: {error}.") from None
    if "column-delay" in given:
        arguments["column_delay_s"] = _seconds(location, given["column-delay"])
    if "max-file-size" in given:
        arguments["max_file_bytes"] = _bytes(location, given["max-file-size"])
    return arguments


def _seconds(location: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(
            f"{location!r}: column-delay must be a number of seconds, got {value!r}."
        ) from None


def _bytes(location: str, value: str) -> int:
    if not value.isdecimal() or not int(value):
        raise ValueError(f"{location!r}: max-file-size must be a number of bytes, got {value!r}.")
    return int(value)


def _one_of(location: str, name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(
            f"{location!r}: {name} must be one of {', '.join(allowed)}, got {value!r}."
        )
    return value
