"""Parse parameters: query strings and bodies, in PHP's bracket notation or JSON."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from appwrite_local.errors import ApiError
from appwrite_local.messages import Request
from appwrite_local.multipart import Upload, read_parts
from appwrite_local.wire import MalformedJson, decode_json

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_SUBSCRIPT = re.compile(r"\[([^\[\]]*)\]")


def parameters(request: Request) -> dict[str, Any]:
    """
    Read the parameters of a request: a GET's query string, or the body of any other method.

    A body that is not JSON, or not a JSON object, counts as empty; the server then reports the
    first missing parameter (recording ``malformed-bodies``). A file of a multipart body is an
    ``Upload``.
    """
    if request.method in ("GET", "HEAD"):
        return parse_form(request.query_string)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        return _json_object(request.body)
    if content_type == "application/x-www-form-urlencoded":
        return parse_form(request.body.decode("utf-8", "replace"))
    if content_type == "multipart/form-data":
        return _nested(read_parts(request.headers["content-type"], request.body))
    return {}


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = decode_json(body)
    except MalformedJson:
        return {}
    return value if isinstance(value, dict) else {}


def parse_form(text: str) -> dict[str, Any]:
    """Parse ``a=1&b[]=2&c[x]=3`` as PHP does: the last of equal names wins, brackets nest."""
    pairs = (part.partition("=") for part in text.split("&") if part)
    return _nested((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs)


def _nested(pairs: Iterable[tuple[str, str | Upload]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        _put(result, _path(name), value)
    return {name: _lists(value) for name, value in result.items()}


@functools.lru_cache
def _path(name: str) -> tuple[str, ...]:
    match = _NAME.match(name)
    return (name,) if match is None else (match[1], *_SUBSCRIPT.findall(match[2]))


def _put(target: dict[str, Any], path: tuple[str, ...], value: str | Upload) -> None:
    for step in path[:-1]:
        step = step or str(len(target))
        inner = target.get(step)
        if not isinstance(inner, dict):
            inner = target[step] = {}
        target = inner
    target[path[-1] or str(len(target))] = value


def _lists(value: Any) -> Any:
    """Turn mappings whose keys count from 0 into lists; PHP's arrays are both."""
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(item) for key, item in value.items()}
    return (
        list(inner.values())
        if list(inner) == [str(position) for position in range(len(inner))]
        else inner
    )


# An object among the parameters may be an object, a list (PHP does not distinguish them), or the
# JSON text of either.


def read_object(value: Any) -> dict[str, Any]:
    """
    Parse an object. The keys of a list are its positions.

    Raises:
        ApiError: 500 for any other JSON, on which the server itself fails.
    """
    if isinstance(value, str):
        value = decode_json(value)
    if isinstance(value, list):
        return {str(position): item for position, item in enumerate(value)}
    if not isinstance(value, Mapping):
        raise ApiError("general_unknown")
    return dict(value)


def read_objects(values: Any) -> list[dict[str, Any]]:
    """Parse a list of objects; an object of objects counts as a list."""
    return [
        read_object(value) for value in (values.values() if isinstance(values, Mapping) else values)
    ]
