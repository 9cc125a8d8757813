"""Define requests and responses independently of their transport: HTTP, WSGI or a direct call."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from appwrite_local.contents import Part
from appwrite_local.wire import Json, encode_json

JSON_CONTENT_TYPE = "application/json; charset=UTF-8"


@dataclass(slots=True)
class Request:
    """
    One request, undecoded.

    ``path`` is percent-decoded and starts with ``/``. ``query_string`` is unchanged. Header names
    are lower case.
    """

    method: str
    path: str
    query_string: str = ""
    # Hidden from ``repr``: they carry keys, tokens and secrets of webhooks.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Response:
    """
    One response. ``body`` is empty for 204.

    Attributes:
        delay_s: how many seconds later the transport must deliver it.
        cut: whether the transport must close the connection instead of answering.
        part: the part of a file that is the body, instead of ``body``. Close it if it is not read.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: bool = False
    part: Part | None = field(default=None, repr=False)

    def drop_body(self) -> None:
        """Keep status and headers only."""
        self.body = b""
        self.headers.pop("Content-Length", None)
        if self.part is not None:
            self.part.close()
            self.part = None


def json_response(status: int, body: Json, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        status, encode_json(body), {"Content-Type": JSON_CONTENT_TYPE, **(headers or {})}
    )


def no_content() -> Response:
    return Response(204)
