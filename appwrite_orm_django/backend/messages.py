"""Let errors of the backend end Django's commands with their message."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar, cast

from django.core.management.base import CommandError
from django.db import DatabaseError

Method = TypeVar("Method", bound=Callable[..., Any])


def as_message(error: Exception) -> Exception:
    """
    Return an error that ends Django's commands with its message instead of a traceback.

    Like a ``CommandError``, it shows its traceback with ``--traceback``. It keeps its own class and
    attributes.
    """
    if isinstance(error, CommandError):
        return error
    cls = _with_message(type(error))  # type: ignore[arg-type]  # classes are hashable
    ended = cls.__new__(cls, *error.args)
    ended.__dict__.update(error.__dict__)
    ended.__cause__ = error.__cause__
    return ended.with_traceback(error.__traceback__)


@cache
def _with_message(cls: type[Exception]) -> type[Exception]:
    return type(
        cls.__name__,
        (cls, CommandError),
        {"__module__": cls.__module__, "__doc__": cls.__doc__, "returncode": 1},
    )


def ends_in_its_message(method: Method) -> Method:
    """
    Make ``manage.py migrate`` end with an operation's error message.

    A caller may still catch the error by its own class.
    """

    @wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except DatabaseError as error:
            raise as_message(error) from error.__cause__

    return cast(Method, wrapped)
