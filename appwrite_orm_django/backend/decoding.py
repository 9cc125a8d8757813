"""
Describe how the values of a field are decoded, as text for the cache.

A cache entry holds decoded values. The same column may be read with another definition of its
field: by another release of the project on the same cache, by a migration's historical model, or by
a second model of the table. So everything that affects the decoding of a wire value is part of an
entry's key.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import types
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Field
from django.utils.functional import Promise

from appwrite_orm_django.backend.values import codec_for, storage_field
from appwrite_orm_django.cache.keys import digest

# Constructor arguments that do not affect values.
_IDLE = {
    "auto_created", "db_column", "db_comment", "db_constraint", "db_index", "db_persist", "db_tablespace", "editable", "error_messages",
    "expression", "help_text", "limit_choices_to", "on_delete", "parent_link", "related_name", "related_query_name", "serialize",
    "swappable", "to", "to_field", "unique", "unique_for_date", "unique_for_month", "unique_for_year", "validators", "verbose_name",
}  # fmt: skip
# Attributes by which Django's own fields decode, apart from the codec.
_OF_DJANGO = ("decoder", "decimal_places", "max_digits", "output_field")
# Methods that decode a value.
_METHODS = ("from_db_value", "get_db_converters", "to_python", "appwrite_codec", "decode", "stored")
_PLAIN = (
    bool, bytes, complex, datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, float, int, range, str, uuid.UUID, type(None),
)  # fmt: skip
_DEEPEST = 8


def definition_of(*fields: Field[Any, Any]) -> str:
    """
    Return a text that differs if the fields would decode the same wire values differently.

    It is the same in every process with the same definitions. It excludes ``USE_TZ``, because tests
    change that.
    """
    # The reverse side of a relation shows its target field.
    shown = (field if isinstance(field, Field) else field.target_field for field in fields)
    found = [
        _definition(field) if hasattr(field, "model") else _worked_out(field) for field in shown
    ]
    return found[0] if len(found) == 1 else digest(*found)


@functools.lru_cache(maxsize=10_000)
def _definition(field: Field[Any, Any]) -> str:
    return _worked_out(field)


def _worked_out(field: Field[Any, Any]) -> str:
    return digest(_of_field(field, 0))


def _of_field(field: Field[Any, Any], depth: int) -> str:
    target = storage_field(field)
    parts = [_of_class(field, depth), _parameters(field, depth)]
    if target is not field:
        parts += [_of_class(target, depth), _parameters(target, depth)]
    return _joined("field", [*parts, _of(codec_for(field), depth + 1)])


def _parameters(field: Field[Any, Any], depth: int) -> str:
    if str(type(field).__module__).startswith("django."):
        given: Mapping[str, Any] = {name: getattr(field, name, None) for name in _OF_DJANGO}
        return _of(given, depth + 1)
    _name, _path, args, kwargs = field.deconstruct()
    return _of(
        (args, {name: value for name, value in kwargs.items() if name not in _IDLE}), depth + 1
    )


def _of(value: Any, depth: int) -> str:
    """
    Describe a parameter.

    The text contains no addresses, nor anything else that differs between processes.
    """
    if isinstance(value, Promise) or depth > _DEEPEST:
        return "..."
    if isinstance(value, enum.Enum):
        return f"{_name(type(value))}.{value.name}={_of(value.value, depth + 1)}"
    if isinstance(value, _PLAIN):
        return f"{_name(type(value))} {value!r}"
    if isinstance(value, Field):
        return _of_field(value, depth + 1)
    if isinstance(value, (list, tuple)):
        return _joined(_name(type(value)), (_of(item, depth + 1) for item in value))
    if isinstance(value, (set, frozenset)):
        return _joined("set", sorted(_of(item, depth + 1) for item in value))
    if isinstance(value, Mapping):
        return _joined(
            "mapping",
            sorted(f"{_of(key, depth + 1)}: {_of(item, depth + 1)}" for key, item in value.items()),
        )
    if isinstance(value, functools.partial):
        return _joined(
            "partial", (_of(part, depth + 1) for part in (value.func, value.args, value.keywords))
        )
    if isinstance(value, types.MethodType):
        return _joined("method", (_of(value.__func__, depth + 1), _of(value.__self__, depth + 1)))
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return _joined(_name(value), (_of_function(value, depth),))
    if isinstance(value, types.CodeType):
        return _joined(
            value.co_name, (value.co_code.hex(), *value.co_names, _of(value.co_consts, depth + 1))
        )
    return _joined(_of_class(value, depth), (_of(getattr(value, "__dict__", None), depth + 1),))


def _of_class(value: object, depth: int) -> str:
    cls = type(value)
    methods = (getattr(cls, name, None) for name in _METHODS)
    return _joined(_name(cls), (_of_function(method, depth) for method in methods))


def _of_function(function: Any, depth: int) -> str:
    """
    Describe a function of the project by its code.

    Another release may have a different function of the same name.
    """
    if not isinstance(function, types.FunctionType) or str(function.__module__).startswith(
        ("django.", "appwrite_orm_django.")
    ):
        return ""
    closure = [
        cell.cell_contents for cell in function.__closure__ or () if not _is_class_cell(cell)
    ]
    parts = (function.__code__, function.__defaults__, function.__kwdefaults__, closure)
    return _joined(_name(function), (_of(part, depth + 1) for part in parts))


def _is_class_cell(cell: Any) -> bool:
    """Return whether a cell is empty or holds the class for ``super()``."""
    try:
        return isinstance(cell.cell_contents, type)
    except ValueError:
        return True


def _name(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _joined(name: str, parts: Iterable[str]) -> str:
    return f"{name}({', '.join(parts)})"
