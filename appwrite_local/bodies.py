"""Parameters as they were sent: query strings and bodies, in PHP's bracket notation or JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from appwrite_local.errors import ApiError
from appwrite_local.messages import Request
from appwrite_local.wire import MalformedJson, decode_json

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_SUBSCRIPT = re.compile(r"\[([^\[\]]*)\]")


def parameters(request: Request) -> dict[str, Any]:
    """
    Read what a request sent: a GET's query string, or the body of anything else.

    A body that is not JSON, or JSON that is no object, counts as empty: the server then misses the first parameter it needs
    (recording ``malformed-bodies``).
    """
    if request.method == "GET":
        return parse_form(request.query_string)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        return _json_object(request.body)
    if content_type == "application/x-www-form-urlencoded":
        return parse_form(request.body.decode("utf-8", "replace"))
    return {}


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = decode_json(body)
    except MalformedJson:
        return {}
    return value if isinstance(value, dict) else {}


def parse_form(text: str) -> dict[str, Any]:
    """Read ``a=1&b[]=2&c[x]=3`` as PHP does: the last of equal names wins, brackets nest."""
    result: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        match = _NAME.match(name)
        if match is None:
            result[name] = value
        else:
            _put(result, [match[1], *_SUBSCRIPT.findall(match[2])], value)
    return {name: _lists(value) for name, value in result.items()}


def _put(target: dict[str, Any], path: list[str], value: str) -> None:
    for step in path[:-1]:
        step = step or str(len(target))
        inner = target.get(step)
        if not isinstance(inner, dict):
            inner = target[step] = {}
        target = inner
    target[path[-1] or str(len(target))] = value


def _lists(value: Any) -> Any:
    """Turn mappings whose keys count from 0 into lists, as PHP's arrays are both."""
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(item) for key, item in value.items()}
    return list(inner.values()) if list(inner) == [str(position) for position in range(len(inner))] else inner


# Objects among parameters: given as such, as lists (PHP knows no difference), or as the JSON text of either


def read_object(value: Any) -> dict[str, Any]:
    """
    Read an object. A list's keys are its positions.

    Raises:
        ApiError: 500 for the JSON of anything else, on which the server itself fails.
    """
    if isinstance(value, str):
        value = decode_json(value)
    if isinstance(value, list):
        return {str(position): item for position, item in enumerate(value)}
    if not isinstance(value, Mapping):
        raise ApiError("general_unknown")
    return dict(value)


def read_objects(values: Any) -> list[dict[str, Any]]:
    """Read a list of objects; an object of objects counts as one."""
    return [read_object(value) for value in (values.values() if isinstance(values, Mapping) else values)]
