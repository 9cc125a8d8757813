"""
Define the types of columns: their parameters, their representation and their width.

Source: recordings ``column-*``, ``columns-limits``, ``columns-list``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from appwrite_local import spatial, values
from appwrite_local.engines import Engine
from appwrite_local.errors import ApiError
from appwrite_local.families import Family
from appwrite_local.schema import TEXT_TYPES, Column
from appwrite_local.validators import (
    INT64_MAX,
    INT64_MIN,
    Boolean,
    Datetime,
    Float,
    Int64,
    IntegerRange,
    Nullable,
    Text,
    Validator,
    list_of,
    range_rule,
)

MAX_VARCHAR = 16_381
MAX_STRING = 1_073_741_824
MAX_DOUBLE = 1.7976931348623157e308
MIN_ENCRYPTED = 150
ROW_BYTES = 65_535
BASE_BYTES = 1_067
MAX_COLUMNS = 1_017 - 7


@dataclass(frozen=True, slots=True)
class _Check:
    """A validator made from a function that returns the text of the broken rule."""

    check: Callable[[Any], str | None]

    def problem(self, value: Any) -> str | None:
        return self.check(value)


def _format_check(name: str) -> _Check:
    accepts, rule = values.FORMATS[name]
    return _Check(lambda value: None if isinstance(value, str) and accepts(value) else rule)


def _spatial_check(kind: str) -> _Check:
    return _Check(lambda value: spatial.problem(kind, value))


@dataclass(frozen=True, slots=True)
class ColumnType:
    """
    A segment of the column routes.

    Attributes:
        segment: as in ``/columns/{segment}``.
        stored: the column's ``type``.
        default: the validator of the default value.
        extra: further parameters, by name.
        arrays: whether it can be an array.
    """

    segment: str
    stored: str
    default: Validator
    extra: tuple[str, ...] = ()
    format: str = ""
    arrays: bool = True


_ANY_TEXT = Text(0, 0)
_INT = Int64()

TYPES = [
    ColumnType("varchar", "varchar", _ANY_TEXT, ("size", "encrypt")),
    ColumnType("string", "string", _ANY_TEXT, ("size", "encrypt")),
    ColumnType("text", "text", _ANY_TEXT, ("encrypt",)),
    ColumnType("mediumtext", "mediumtext", _ANY_TEXT, ("encrypt",)),
    ColumnType("longtext", "longtext", _ANY_TEXT, ("encrypt",)),
    ColumnType("integer", "integer", _INT, ("min", "max")),
    ColumnType("bigint", "bigint", _INT, ("min", "max")),
    ColumnType("float", "double", Float(), ("min", "max")),
    ColumnType("boolean", "boolean", Boolean()),
    ColumnType("datetime", "datetime", Datetime()),
    ColumnType("email", "string", _format_check("email"), format="email"),
    ColumnType("url", "string", _format_check("url"), format="url"),
    ColumnType("ip", "string", _format_check("ip"), format="ip"),
    ColumnType("enum", "string", _ANY_TEXT, ("elements",), format="enum"),
    ColumnType("point", "point", _spatial_check("point"), arrays=False),
    ColumnType("line", "linestring", _spatial_check("linestring"), arrays=False),
    ColumnType("polygon", "polygon", _spatial_check("polygon"), arrays=False),
]
BY_SEGMENT = {kind.segment: kind for kind in TYPES}

SIZES: dict[str, Validator] = {
    "varchar": IntegerRange(1, MAX_VARCHAR),
    "string": IntegerRange(1, MAX_STRING),
}
BOUNDS: dict[str, Validator] = {
    "integer": Nullable(_INT),
    "bigint": Nullable(_INT),
    "float": Nullable(Float()),
}
ELEMENTS = list_of(Text(255), None)


def segment_of(column: Column) -> str:
    """Return the route segment that shows a column."""
    if column.format:
        return column.format
    return {"double": "float", "linestring": "line"}.get(column.type, column.type)


def column_json(
    column: Column, family: Family, segment: str | None = None, *, encrypt: bool | None = None
) -> dict[str, Any]:
    """
    Return a column as the API shows it.

    Args:
        segment: the type to show; a PATCH through another type's route answers in that type's
            shape.
        encrypt: the encryption to show. The server knows it only in some answers and shows null in
            others.
    """
    shown: dict[str, Any] = {
        "key": column.key, "type": column.type, "status": column.status, "error": column.error, "required": column.required,
        "array": column.array, "$createdAt": column.created, "$updatedAt": column.updated,
    }  # fmt: skip
    if column.type == "relationship":
        names = ("relatedTable", "relationType", "twoWay", "twoWayKey", "onDelete", "side")
        return {**shown, **{family.name(name): column.options[name] for name in names}}
    segment = segment or segment_of(column)
    extra = BY_SEGMENT[segment].extra
    if "size" in extra:
        shown["size"] = column.size
    if "min" in extra:
        shown["min"], shown["max"] = _shown_bounds(column)
    if "elements" in extra:
        shown["elements"] = column.elements
    if BY_SEGMENT[segment].format or segment == "datetime":
        shown["format"] = column.format
    shown["default"] = column.default
    if "encrypt" in extra:
        shown["encrypt"] = encrypt
    return shown


def _shown_bounds(column: Column) -> tuple[Any, Any]:
    if not column.bounded or column.type not in ("integer", "bigint", "double"):
        return column.low, column.high
    return _bounds(column)


def _bounds(column: Column) -> tuple[Any, Any]:
    """Return the bounds of a number, by default those of its type."""
    low, high = (-MAX_DOUBLE, MAX_DOUBLE) if column.type == "double" else (INT64_MIN, INT64_MAX)
    return low if column.low is None else column.low, high if column.high is None else column.high


def width_bytes(column: Column) -> int:
    """Return how many of a row's 65,535 bytes a column takes (recording ``columns-limits``)."""
    if column.type == "relationship":
        return 1_021
    if column.array or column.type in ("text", "mediumtext", "longtext", "linestring", "polygon"):
        return 20
    if column.type in TEXT_TYPES:
        if column.size > MAX_VARCHAR:
            return 20
        return 4 * column.size + (1 if column.size <= 255 else 2)
    if column.type == "integer":
        return 8 if column.size == 8 else 4
    return {
        "bigint": 8,
        "double": 8,
        "boolean": 1,
        "datetime": 7,
        "point": column.engine.point_bytes,
    }[column.type]


def bytes_used(columns: list[Column]) -> int:
    return BASE_BYTES + sum(width_bytes(column) for column in columns)


def integer_size(high: Any) -> int:
    """Return the bytes of an integer column, which depend on the upper bound alone."""
    return 4 if high is not None and high <= values.INT32_MAX else 8


def make_column(kind: ColumnType, args: Mapping[str, Any], engine: Engine) -> Column:
    """
    Build the column that a create request describes.

    Raises:
        ApiError: 400 ``column_default_unsupported``, ``column_value_invalid`` or
            ``general_bad_request``.
    """
    column = Column(
        0,
        args["key"],
        kind.stored,
        required=args["required"],
        array=args.get("array", False),
        format=kind.format,
        engine=engine,
    )
    column.default = args["default"]
    column.size = values.FORMAT_SIZES.get(kind.format, args.get("size") or 0)
    column.encrypt = args.get("encrypt", False)
    column.low, column.high = args.get("min"), args.get("max")
    column.elements = list(args.get("elements") or [])
    if kind.stored == "integer":
        column.size = integer_size(column.high)
    if column.encrypt and "size" in kind.extra and column.size < MIN_ENCRYPTED:
        message = f"Size too small. Encrypted strings require a minimum size of {MIN_ENCRYPTED} characters."
        raise ApiError("general_bad_request", message=message)
    check_default(column)
    return column


def check_default(column: Column, *, lengths: bool = True) -> None:
    """
    Reject contradictory bounds, and a default that the column would reject.

    Args:
        lengths: whether to check the length of a text; an update does not (recording
            ``column-varchar``).
    """
    if column.low is not None and column.high is not None and column.low > column.high:
        raise ApiError(
            "column_value_invalid", message="Minimum value must be lesser than maximum value"
        )
    default = column.default
    if default is None:
        return
    if column.format == "enum" and default not in column.elements:
        raise ApiError("column_value_invalid", message="Default value not found in elements")
    if column.type in ("integer", "bigint", "double"):
        low, high = _bounds(column)
        if not low <= default <= high:
            raise ApiError("column_value_invalid", message=range_rule(low, high))
    if (
        lengths
        and column.type in TEXT_TYPES
        and not column.format
        and len(default) > values.text_size(column)
    ):
        message = (
            f"Value must be a valid string and no longer than {values.text_size(column)} chars"
        )
        raise ApiError("column_value_invalid", message=message)


def refuse_default(column: Column) -> None:
    """
    Reject a default where none is allowed.

    Raises:
        ApiError: 400 ``column_default_unsupported``.
    """
    if column.default is None:
        return
    if column.required:
        raise ApiError("column_default_of_required")
    if column.array:
        raise ApiError("column_default_of_array")


def normalized_default(column: Column) -> Any:
    """Return the default as it is shown and filled in."""
    return (
        None
        if column.default is None
        else values.shown(column, values.normalize(column, column.default))
    )
