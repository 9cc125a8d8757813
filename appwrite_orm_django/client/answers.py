"""Turn an HTTP answer into a plain value, or into one of our errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from appwrite_orm_django.client.errors import (
    MISSING_PART,
    AppwriteError,
    InvalidUserToken,
    NotAppwrite,
    RateLimited,
    ServerError,
    Unauthorized,
    class_for,
    cut,
)

_parse: Callable[[bytes], Any] | None
try:
    from orjson import loads as _parse
except ImportError:
    _parse = None


def parse(content: bytes) -> Any:
    """
    Parse JSON.

    Both parsers read the server's answers alike. Input that orjson rejects (NaN, a lone surrogate)
    goes to the standard library. orjson would read integers beyond 64 bits as floats, but neither
    Appwrite nor PHP has them.

    Raises:
        ValueError: it is not JSON.
    """
    if _parse is not None:
        try:
            return _parse(content)
        except ValueError:
            pass
    return json.loads(content)


_PATH = re.compile(
    r"/(?:tablesdb|databases)/(?P<database>[^/]+)/(?:tables|collections)/(?P<table>[^/]+)"
    r"(?:/(?:rows|documents)/(?P<row>[^/]+)(?:/(?P<counted>[^/]+)/(?:increment|decrement))?"
    r"|/(?:columns|attributes)(?:/[a-z]+)?/(?P<column>[^/]+))?"
)
_COLUMN = re.compile(
    r"""(?:[Aa]ttribute|field|[Cc]olumn with the requested key) ["'](?P<key>[^"'\[]+)"""
)
_UNKNOWN_COLUMN = re.compile(
    r"""(?:Unknown attribute: "|Attribute not found in schema: )(?P<key>[A-Za-z0-9$][A-Za-z0-9_.$-]*)"""
)
_MAX_MESSAGE = 300


#: Part of an error's text if the write may have been applied.
IN_DOUBT = "The write may have been applied nevertheless."


@dataclass(frozen=True, slots=True)
class Request:
    """
    The parts of a request that errors and logs may show: no header, no parameter, no body.

    Attributes:
        settings: the name of the settings in texts, ``DATABASES["<alias>"]``.
        as_user: whether it is made for a user, without the API key.
    """

    method: str
    path: str
    settings: str = "DATABASES[...]"
    as_user: bool = False

    @property
    def writes(self) -> bool:
        return self.method not in {"GET", "HEAD"}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def _hint(self, cls: type[AppwriteError]) -> str:
        # Advice about the key would mislead: it was not sent.
        if self.as_user and issubclass(cls, Unauthorized):
            return cls.hint if issubclass(cls, InvalidUserToken) else Unauthorized.user_hint
        return cls.hint

    def error(
        self,
        cls: type[AppwriteError],
        what: str,
        *,
        message: str = "",
        type: str | None = None,
        code: int | None = None,
        response_text: str = "",
        ambiguous: bool = False,
    ) -> AppwriteError:
        """Return an error of a class with the details of the path and the message, and its hint."""
        found = _PATH.match(self.path)
        names = found.groupdict() if found else {}
        unknown = _UNKNOWN_COLUMN.search(message)
        named = unknown or _COLUMN.search(message)
        column = names.get("counted") or names.get("column") or (named and named["key"])
        row_id = names.get("row")
        hint = f"If the model has this column: {MISSING_PART}" if unknown else self._hint(cls)
        if ambiguous and self.writes:
            hint = f"{IN_DOUBT} {hint}"
        place = ".".join(name for name in (names.get("table"), column) if name)
        lead = f"{place or self}: "
        reported = f" ({code} {type})" if type else f" ({code})" if code else ""
        text = f"{lead}{_one_line(what)}{reported}\n{hint.format(settings=self.settings)}".rstrip()
        return cls(
            text,
            type=type,
            code=code,
            message=message,
            table=names.get("table"),
            column=column,
            row_id=row_id,
            request=str(self),
            response_text=response_text,
            ambiguous=ambiguous and self.writes,
        )


def read(
    request: Request,
    status: int,
    content: bytes,
    content_type: str,
    location: str = "",
    *,
    blank: Callable[[bytes], bytes] = bytes,
) -> Any:
    """
    Return the body of an answer as plain dicts and lists; ``{}`` for an empty one.

    Args:
        blank: removes secrets from whatever becomes part of an error.

    Raises:
        AppwriteError: the answer is an error of Appwrite's, or is not from Appwrite.
    """
    if 200 <= status < 300:
        return _success(request, status, content, content_type, blank)
    content = blank(content)
    text = content.decode("utf-8", "replace")
    location, content_type = (
        blank(header.encode()).decode() for header in (location, content_type)
    )
    if 300 <= status < 400:
        # If followed, a POST would become a GET, and the API key would go wherever the answer
        # points.
        raise request.error(
            NotAppwrite, f"redirected to {cut(location)}", code=status, response_text=text
        )
    body = _json_object(content)
    if body is None or not isinstance(body.get("message"), str):
        raise _foreign(request, status, text, content_type)
    appwrite_type = body.get("type")
    appwrite_type = appwrite_type if isinstance(appwrite_type, str) and appwrite_type else None
    raise request.error(
        class_for(appwrite_type, status),
        body["message"],
        message=body["message"],
        type=appwrite_type,
        code=status,
        response_text=text,
        # The server may have stopped a write partway: bulk calls commit 1,000 rows at a time.
        ambiguous=status >= 500 or status == 408,
    )


def _success(
    request: Request,
    status: int,
    content: bytes,
    content_type: str,
    blank: Callable[[bytes], bytes],
) -> Any:
    if not content.strip():
        return {}
    with suppress(ValueError):
        return parse(content)
    # Raise outside the other exception, which holds the whole answer.
    raise request.error(
        NotAppwrite,
        f"the answer is not JSON, got {blank(content_type.encode()).decode() or 'no content type'}",
        code=status,
        response_text=blank(content).decode("utf-8", "replace"),
        ambiguous=True,
    )


def _foreign(request: Request, status: int, text: str, content_type: str) -> AppwriteError:
    # Proxies and load balancers answer 429 and 5xx in their own words. These are about load, not
    # about the endpoint.
    foreign = f"the answer is not Appwrite's, got {content_type or 'no content type'}"
    if status == 429:
        return request.error(RateLimited, "too many requests", code=status, response_text=text)
    if status >= 500:
        return request.error(ServerError, foreign, code=status, response_text=text, ambiguous=True)
    return request.error(NotAppwrite, foreign, code=status, response_text=text)


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        body = parse(content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _one_line(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 3] + "..."
