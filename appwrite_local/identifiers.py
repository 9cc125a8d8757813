"""Validate ids and keys, and make new ones."""

import re
import secrets
import time

#: Characters of an id or a key. Ids of rows are longer on some databases; see ``engines``.
LONGEST = 36
_VALID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def key_rule(longest: int) -> str:
    return f"Parameter must contain at most {longest} chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char"


def uid_rule(longest: int) -> str:
    return f"UID must contain at most {longest} chars. Valid chars are a-z, A-Z, 0-9, and underscore. Can't start with a leading underscore"


KEY_RULE = key_rule(LONGEST)


def is_valid(value: object, longest: int = LONGEST) -> bool:
    """
    Return whether a value is a valid id or key.

    It must be ASCII, of at most ``longest`` characters, and begin with a letter or digit.
    """
    return isinstance(value, str) and len(value) <= longest and _VALID.fullmatch(value) is not None


def new_id() -> str:
    """Return an id like ``ID.unique()``: 13 hex digits of time in microseconds, 7 random ones."""
    return f"{time.time_ns() // 1000:013x}{secrets.randbelow(16**7):07x}"


def chosen(value: object) -> str:
    """
    Return the id that a client requested.

    ``true`` passes the server's check and becomes text (recording ``rows-ids``).
    """
    if value == "unique()":
        return new_id()
    return "1" if value is True else str(value)
