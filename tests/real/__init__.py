"""
The suite on a real Appwrite: ``make real``.

The server is named by ``APPWRITE_TEST_ENDPOINT``, ``APPWRITE_TEST_PROJECT`` and ``APPWRITE_TEST_KEY``; without them, tests run on the local
one. The settings of the test suite import this module, so it imports nothing of Django.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import pytest

#: Ids of databases that are made and deleted again. An interrupted run may leave some; a later run deletes them.
PREFIX = "ormtest-"
#: Appwrite's limit for the length of an id.
MAX_ID_LENGTH = 36
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# The process that starts the run sets them, and its workers inherit them.
_RUN, _LEVEL = "APPWRITE_TEST_RUN", "APPWRITE_TEST_LEVEL"


@dataclass(frozen=True)
class Server:
    """
    A real server, and ``OPTIONS`` of the alias that reaches it.

    Attributes:
        time_limit_s: seconds for a test's set-up, for itself, and for its teardown, each.
    """

    endpoint: str
    project: str
    key: str = field(repr=False)
    options: Mapping[str, Any]
    time_limit_s: float = 300

    @property
    def text(self) -> str:
        return str(self.options.get("ENGINE", "mariadb"))

    @property
    def settings(self) -> dict[str, Any]:
        """The entry of ``DATABASES``."""
        return {
            "ENGINE": "appwrite_orm_django.backend",
            "HOST": self.endpoint,
            "USER": self.project,
            "PASSWORD": self.key,
            "NAME": run_id(),
            "OPTIONS": dict(self.options),
            # The workers of pytest-xdist append theirs to it.
            "TEST": {"NAME": run_id()},
        }


@cache
def server() -> Server | None:
    """
    Return the server that the environment names, or None.

    Raises:
        pytest.UsageError: a variable is missing, the options are no JSON object, or the time limit is no number.
    """
    names = ("APPWRITE_TEST_ENDPOINT", "APPWRITE_TEST_PROJECT", "APPWRITE_TEST_KEY")
    values = [os.environ.get(name, "") for name in names]
    if not any(values):
        return None
    if missing := [name for name, value in zip(names, values, strict=True) if not value]:
        raise pytest.UsageError(
            f"The suite runs on a real server with all of {', '.join(names)}; {missing[0]} is empty."
        )
    try:
        options = json.loads(os.environ.get("APPWRITE_TEST_OPTIONS") or "{}")
    except ValueError as error:
        raise pytest.UsageError(
            f'APPWRITE_TEST_OPTIONS is no JSON such as {{"ENGINE": "postgresql"}}: {error}'
        ) from None
    if not isinstance(options, dict):
        raise pytest.UsageError(
            'APPWRITE_TEST_OPTIONS must be a JSON object such as {"ENGINE": "postgresql"}.'
        )
    limit = os.environ.get("APPWRITE_TEST_TIME_LIMIT_S") or "300"
    try:
        return Server(*values, options, float(limit))
    except ValueError:
        raise pytest.UsageError(
            f"APPWRITE_TEST_TIME_LIMIT_S is a number of seconds, not {limit!r}."
        ) from None


def run_id() -> str:
    """Return what all databases of this run begin with. It sorts by time."""
    if _RUN not in os.environ:
        os.environ[_RUN] = f"{PREFIX}{_base36(int(time.time()))}{secrets.token_hex(2)}"
    return os.environ[_RUN]


def database_id(name: str) -> str:
    """
    Return the id of a database of this process.

    Raises:
        ValueError: the name is too long; 9 characters always fit.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    found = f"{run_id()}_{worker}-{name}"
    if len(found) > MAX_ID_LENGTH:
        raise ValueError(
            f"{found} is {len(found)} characters long; Appwrite takes {MAX_ID_LENGTH}. Shorten {name}."
        )
    return found


def level() -> Literal["1.9", "2.x"]:
    """Return the feature level of the real server, as the run found it when it began."""
    return "2.x" if os.environ[_LEVEL] == "2.x" else "1.9"


def set_level(found: str) -> None:
    """Tell this process, and those that it starts, the feature level of the server."""
    os.environ[_LEVEL] = found


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
