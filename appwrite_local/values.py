"""
Check, store and send row values, by the type of their column.

Source: recordings ``row-*`` (one per column type), ``rows-defaults``, ``columns-update-narrow``.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from appwrite_local import datetimes, spatial
from appwrite_local.engines import Engine
from appwrite_local.errors import ApiError, invalid_structure
from appwrite_local.schema import SPATIAL_TYPES, TEXT_TYPES, Column, Table
from appwrite_local.validators import (
    INT64_MAX,
    INT64_MIN,
    INT64_RULE,
    is_int,
    is_number,
    range_rule,
)
from appwrite_local.wire import wire_number

Check = Callable[[Any], str | None]
Row = dict[str, Any]

INT32_MAX = 2**31 - 1
MAX_TEXT_BYTES = 65_535
_MAX_DOUBLE = 1.7976931348623157e308
_TEXT_SIZES = {"text": 65_535, "mediumtext": 16_777_215, "longtext": 2_147_483_647}
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}"
)
_PLAIN_DATETIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?")
_INTEGER_TEXT = re.compile(r"-?\d{1,20}")


def text_size(column: Column) -> int:
    """Return how many characters a text column holds."""
    return _TEXT_SIZES.get(column.type, column.size)


def _text(max_length: int) -> Check:
    rule = f"Value must be a valid string and no longer than {max_length} chars"

    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and len(value) <= max_length else rule

    return check


def is_email(value: str) -> bool:
    """
    Return whether the server accepts a text as an email address.

    A host in brackets is an IPv4 address, or an IPv6 address after ``IPv6:``.
    """
    name, _, host = value.rpartition("@")
    if host.startswith("[") and host.endswith("]"):
        is_v6 = host[1:6].lower() == "ipv6:"
        address = host[6:-1] if is_v6 else host[1:-1]
        host = "example.org" if is_ip(address) and is_v6 == (":" in address) else host
    return _EMAIL.fullmatch(f"{name}@{host}") is not None and len(name) <= 64


def is_url(value: str) -> bool:
    """Return whether PHP's ``FILTER_VALIDATE_URL`` accepts a text: ASCII, with scheme and host."""
    if not value.isascii() or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme in ("mailto", "news", "file"):
        return "://" in value or bool(parts.path)
    return bool(
        parts.scheme
        and host
        and re.fullmatch(r"[A-Za-z0-9.:-]+", host)
        and not host.startswith((".", "-"))
    )


def is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


FORMATS: dict[str, tuple[Callable[[str], bool], str]] = {
    "email": (is_email, "Value must be a valid email address"),
    "url": (is_url, "Value must be a valid URL"),
    "ip": (is_ip, "Value must be a valid IP address"),
}
FORMAT_SIZES = {"email": 254, "url": 2000, "ip": 39, "enum": 255}


def _formatted(format_name: str, elements: list[str]) -> Check:
    if format_name == "enum":
        rule = f"Value must be one of ({', '.join(elements)})"
        return lambda value: None if value in elements else rule
    accepts, rule = FORMATS[format_name]
    return lambda value: None if accepts(value) else rule


def _range(low: float, high: float) -> Check:
    rule = range_rule(low, high)
    return lambda value: None if low <= value <= high else rule


def _int64(value: Any) -> str | None:
    return None if is_int(value) else INT64_RULE


def _int32(*, signed: bool) -> Check:
    low, high = (-(2**31), INT32_MAX) if signed else (0, 2**32 - 1)
    kind = "signed" if signed else "unsigned"
    rule = f"Value must be a valid {kind} 32-bit integer between {low:,} and {high:,}"
    return lambda value: None if is_int(value) and low <= value <= high else rule


def _bigint(value: Any) -> str | None:
    if isinstance(value, str) and _INTEGER_TEXT.fullmatch(value):
        value = int(value)
    if is_int(value):
        return None
    return f"Value must be a valid signed 64-bit integer between {INT64_MIN:,} and {INT64_MAX:,}"


def _float(value: Any) -> str | None:
    return None if is_number(value) else "Value must be a valid float"


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "Value must be a valid boolean"


def _datetime(value: Any) -> str | None:
    return (
        None
        if isinstance(value, str) and datetimes.parse_datetime(value) is not None
        else datetimes.RULE
    )


def is_unfiltered(column: Column) -> bool:
    """
    Return whether values of a datetime column reach the database unchanged.

    This is so if it was made inline on 2.x (recording ``base-inline``).
    """
    return bool(column.options.get("unfiltered"))


def _unfiltered(value: Any) -> str | None:
    if _PLAIN_DATETIME.fullmatch(value) is None:
        # The database rejects a zone, and the server does not handle that error.
        raise ApiError("general_unknown")
    return None


def _ciphertext_length(value: str) -> int:
    """
    Return the stored form of an encrypted text: JSON with the cipher's parameters.

    The text itself is in base64 (recording ``columns-encrypt``).
    """
    envelope = '{"data":"","method":"aes-128-gcm","iv":"","tag":"","version":"1"}'
    return len(envelope) + 24 + 32 + 4 * -(-len(value.encode()) // 3)


def _encrypted_text(max_length: int) -> Check:
    plain = _text(max_length)

    def check(value: Any) -> str | None:
        problem = plain(value)
        return (
            problem
            if problem is not None or _ciphertext_length(value) <= max_length
            else plain(None)
        )

    return check


def _checks(column: Column) -> list[Check]:
    if column.type in TEXT_TYPES:
        size = text_size(column)
        checks = [_encrypted_text(size) if column.encrypt else _text(size)]
        return [*checks, _formatted(column.format, column.elements)] if column.format else checks
    if column.type == "integer":
        wide = column.size == 8
        high = INT64_MAX if wide else INT32_MAX
        checks = [
            _int64 if wide else _int32(signed=column.signed),
            _range(-high if column.signed else 0, high),
        ]
        return checks + _bounds(column, INT64_MIN, INT64_MAX)
    if column.type == "bigint":
        return [_bigint, *_bounds(column, INT64_MIN, INT64_MAX)]
    if column.type == "double":
        return [
            _float,
            _range(-_MAX_DOUBLE, _MAX_DOUBLE),
            *_bounds(column, -_MAX_DOUBLE, _MAX_DOUBLE),
        ]
    if column.type in SPATIAL_TYPES:
        return [lambda value: spatial.problem(column.type, value)]
    if is_unfiltered(column):
        return [_datetime, _unfiltered]
    return [{"boolean": _boolean, "datetime": _datetime}[column.type]]


def _bounds(column: Column, low: float, high: float) -> list[Check]:
    if column.low is None and column.high is None:
        return []
    bound = _range(
        low if column.low is None else column.low, high if column.high is None else column.high
    )
    return [(lambda value: bound(int(value))) if column.type == "bigint" else bound]


class ColumnRule:
    """The values that one column rejects, and the texts for it."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self._checks = _checks(column)
        numeric = column.type in ("integer", "bigint", "double")
        self._label = "format" if column.format or (numeric and column.bounded) else "type"

    def problem(self, value: Any) -> str | None:
        """Return the text for an invalid value. The caller checks nulls."""
        key = self.column.key
        if not self.column.array:
            return self._item_problem(value, key)
        if isinstance(value, dict):
            value = list(value.values())
        if not isinstance(value, list):
            return f'Attribute "{key}" must be an array'
        for position, item in enumerate(value):
            if item is None and not self.column.required:
                continue
            problem = self._item_problem(item, f"{key}['{position}']")
            if problem is not None:
                return problem
        return None

    def _item_problem(self, value: Any, key: str) -> str | None:
        for check in self._checks:
            problem = check(value)
            if problem is not None:
                return f'Attribute "{key}" has invalid {self._label}. {problem}'
        return None


def rules(table: Table) -> dict[str, ColumnRule]:
    """Return a table's rules; kept with its definition."""
    known: dict[str, ColumnRule] | None = table.plans.get("rules")
    if known is None:
        known = table.plans["rules"] = {
            column.key: ColumnRule(column)
            for column in table.columns.values()
            if column.type != "relationship"
        }
    return known


def with_defaults(table: Table, data: Mapping[str, Any]) -> Row:
    """Fill missing and null values from the columns' defaults."""
    row = dict(data)
    for column in table.columns.values():
        if column.default is not None and row.get(column.key) is None:
            row[column.key] = column.default
    return row


def check_whole(table: Table, data: Mapping[str, Any]) -> None:
    """
    Check a complete row before it is stored.

    Raises:
        ApiError: 400 ``row_invalid_structure``: first for missing required values, then for unknown
            keys, then for invalid values.
    """
    check_required(table, data)
    check_unknown(table, data)
    check_values(table, data)


def check_required(table: Table, data: Mapping[str, Any]) -> None:
    for column in table.columns.values():
        if column.required and data.get(column.key) is None:
            raise invalid_structure(f'Missing required attribute "{column.key}"')


def check_values(table: Table, data: Mapping[str, Any]) -> None:
    known = rules(table)
    for key, value in data.items():
        if (
            value is not None
            and key in known
            and (problem := known[key].problem(value)) is not None
        ):
            raise invalid_structure(problem)


def check_part(table: Table, data: Mapping[str, Any]) -> None:
    """Check values for many rows; the type itself rejects nulls where a value is required."""
    check_unknown(table, data)
    known = rules(table)
    for key, value in data.items():
        if (
            key in known
            and (value is not None or known[key].column.required)
            and (problem := known[key].problem(value)) is not None
        ):
            raise invalid_structure(problem)


def check_unknown(table: Table, data: Mapping[str, Any]) -> None:
    for key in data:
        if key not in table.columns:
            raise invalid_structure(f'Unknown attribute: "{key}"')


def normalize(column: Column, value: Any) -> Any:
    """Turn a checked value into the stored one. See ``shown`` for the value that is sent."""
    if value is None:
        return None
    if column.array:
        items = value.values() if isinstance(value, dict) else value
        return [_normalize_item(column, item) for item in items]
    return _normalize_item(column, value)


def shown(column: Column, value: Any) -> Any:
    """Return a value as it is sent: an array is never null, and whole floats have no fraction."""
    if column.array:
        if value is not None and not isinstance(value, list):
            # Staged in a transaction, and not checked yet.
            return value
        return (
            []
            if value is None
            else [wire_number(item) if isinstance(item, float) else item for item in value]
        )
    if column.type in SPATIAL_TYPES:
        return spatial.shown(value) if isinstance(value, list) else value
    return wire_number(value) if isinstance(value, float) else value


def _normalize_item(column: Column, value: Any) -> Any:
    if value is None:
        # The server casts nulls in arrays to numbers, except in arrays of bigint.
        return {"integer": 0, "double": 0, "boolean": False}.get(column.type)
    if column.type == "datetime":
        return value if is_unfiltered(column) else datetimes.parse_datetime(value)
    if column.type == "double":
        # An integer in JSON stays an integer and keeps its digits on the way into the database; a
        # float does not.
        return int(float(value)) if isinstance(value, int) else value
    if column.type == "bigint":
        return int(value)
    if column.type in SPATIAL_TYPES:
        return spatial.normalize(column.type, value)
    return value


def to_storage(column: Column, value: Any, engine: Engine) -> tuple[Any, ...]:
    """Return what SQLite stores: the value, and the collation's key if the column has one."""
    if value is None:
        return (None, None) if column.has_fold else (None,)
    if (
        column.type == "text"
        and not column.array
        and len(value) * 4 > MAX_TEXT_BYTES
        and len(value.encode()) > MAX_TEXT_BYTES
    ):
        # The check counts characters and the database counts bytes (recording ``row-text``).
        raise ApiError("general_unknown")
    if column.array or column.type in SPATIAL_TYPES:
        return (json.dumps(value, ensure_ascii=False, separators=(",", ":")),)
    if column.has_fold:
        return (value, engine.fold(value))
    if is_unfiltered(column):
        return (datetimes.parse_datetime(value),)
    return (stored_float(value, engine.float_digits),) if column.type == "double" else (value,)


def stored_float(value: float, digits: int) -> float:
    """
    Return a float as it reaches the database: as text of so many digits.

    A number that was an integer stays one (recording ``query-numbers``).
    """
    return float(f"{value:.{digits}G}") if isinstance(value, float) else float(value)


def storage_columns(column: Column) -> tuple[str, ...]:
    if column.type == "relationship" and column.is_virtual:
        return ()
    return (column.sql, column.folded_sql) if column.has_fold else (column.sql,)


def storage_type(column: Column) -> str:
    if column.array:
        return "TEXT"
    return {"integer": "INTEGER", "bigint": "INTEGER", "boolean": "INTEGER", "double": "REAL"}.get(
        column.type, "TEXT"
    )


def _array_from_storage(value: Any) -> Any:
    return [] if value is None else json.loads(value)


def _numbers_from_storage(value: Any) -> Any:
    return (
        []
        if value is None
        else [wire_number(item) if isinstance(item, float) else item for item in json.loads(value)]
    )


def _spatial_from_storage(value: Any) -> Any:
    return None if value is None else spatial.shown(json.loads(value))


def _boolean_from_storage(value: Any) -> Any:
    return None if value is None else bool(value)


def _double_from_storage(value: Any) -> Any:
    return None if value is None else wire_number(value)


def _unfiltered_from_storage(value: Any) -> Any:
    return None if value is None else f"{value[:10]} {value[11:23]}"


def decoder(column: Column) -> Callable[[Any], Any] | None:
    """Return the function from stored to sent values; ``None`` if they are the same."""
    if column.array:
        return _numbers_from_storage if column.type == "double" else _array_from_storage
    if column.type in SPATIAL_TYPES:
        return _spatial_from_storage
    if is_unfiltered(column):
        return _unfiltered_from_storage
    return {"boolean": _boolean_from_storage, "double": _double_from_storage}.get(column.type)
