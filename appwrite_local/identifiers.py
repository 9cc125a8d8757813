"""Ids and keys: what is allowed, and how new ones are made."""

import re
import secrets
import time

_VALID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")

KEY_RULE = "Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char"
UID_RULE = "UID must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, and underscore. Can't start with a leading underscore"


def is_valid(value: object) -> bool:
    """Tell whether a value may be an id or a key: ASCII, at most 36 characters, the first one a letter or digit."""
    return isinstance(value, str) and _VALID.fullmatch(value) is not None


def new_id() -> str:
    """Make an id as ``ID.unique()`` does: 13 hex digits of time in microseconds, 7 of chance."""
    return f"{time.time_ns() // 1000:013x}{secrets.randbelow(16**7):07x}"


def chosen(value: object) -> str:
    """Give the id a client asked for. ``true`` passes the server's check and becomes text (recording ``rows-ids``)."""
    if value == "unique()":
        return new_id()
    return "1" if value is True else str(value)
