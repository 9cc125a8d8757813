"""From an HTTP answer to a plain value, or to one of our errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from appwrite_orm_django.client.errors import (
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
    Return what the text says.

    Both parsers read the server's answers alike. What orjson refuses (NaN, half of a surrogate pair) is given to the standard
    library's; integers beyond 64 bits, which it would read as floats, Appwrite does not have: nor has PHP.

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
_COLUMN = re.compile(r"""(?:[Aa]ttribute|field|[Cc]olumn with the requested key) ["'](?P<key>[^"'\[]+)""")
_UNKNOWN_COLUMN = re.compile(
    r"""(?:Unknown attribute: "|Attribute not found in schema: )(?P<key>[A-Za-z0-9$][A-Za-z0-9_.$-]*)"""
)
_MAX_MESSAGE = 300


#: What the text of an error says whose write is in doubt.
IN_DOUBT = "The write may have been applied all the same."


@dataclass(frozen=True, slots=True)
class Request:
    """
    What errors and logs may know of a request: no header, no parameter, no body.

    Attributes:
        settings: how the texts call the settings, ``DATABASES["<alias>"]``.
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
        # Advice about the key would lead astray: it was not sent.
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
        """Return an error of a class with everything the path and the message tell, and the class's hint."""
        found = _PATH.match(self.path)
        names = found.groupdict() if found else {}
        unknown = _UNKNOWN_COLUMN.search(message)
        named = unknown or _COLUMN.search(message)
        column = names.get("counted") or names.get("column") or (named and named["key"])
        row_id = names.get("row")
        hint = "Run manage.py appwrite_migrate if the models have this column." if unknown else self._hint(cls)
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
        blank: takes secrets out of what becomes part of an error.

    Raises:
        AppwriteError: the answer is an error of Appwrite's, or not Appwrite's at all.
    """
    if 200 <= status < 300:
        return _success(request, status, content, content_type, blank)
    content = blank(content)
    text = content.decode("utf-8", "replace")
    location, content_type = (blank(header.encode()).decode() for header in (location, content_type))
    if 300 <= status < 400:
        # Followed, a POST would become a GET, and the API key would go wherever the answer points.
        raise request.error(NotAppwrite, f"redirected to {cut(location)}", code=status, response_text=text)
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
        # A write that the server gave up on half-way: bulk calls commit 1,000 rows at a time.
        ambiguous=status >= 500 or status == 408,
    )


def _success(request: Request, status: int, content: bytes, content_type: str, blank: Callable[[bytes], bytes]) -> Any:
    if not content.strip():
        return {}
    with suppress(ValueError):
        return parse(content)
    # Not from within the other exception, which has the whole answer in it.
    raise request.error(
        NotAppwrite,
        f"the answer is not JSON but {blank(content_type.encode()).decode() or 'of no type'}",
        code=status,
        response_text=blank(content).decode("utf-8", "replace"),
        ambiguous=True,
    )


def _foreign(request: Request, status: int, text: str, content_type: str) -> AppwriteError:
    # Proxies and load balancers answer 429 and 5xx in their own words; these are about load, not about the endpoint.
    kind = content_type or "of no type"
    if status == 429:
        return request.error(RateLimited, "too many requests", code=status, response_text=text)
    if status >= 500:
        return request.error(
            ServerError, f"the answer is {kind}, not Appwrite's", code=status, response_text=text, ambiguous=True
        )
    return request.error(NotAppwrite, f"the answer is {kind}, not Appwrite's", code=status, response_text=text)


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        body = parse(content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _one_line(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 3] + "..."
