"""
Parse bodies of uploads (``multipart/form-data``) as the server does.

A file's name is cut at ``;``, percent-decoded, and loses quotes at its ends; everything else of it
is kept (recording ``files-names``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from appwrite_local.errors import ApiError

#: Bytes. The server answers longer names with a bare 400.
MAX_NAME_BYTES = 509
_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Upload:
    """A part that has a file name."""

    name: str
    content: bytes = field(repr=False)


def read_parts(content_type: str, body: bytes) -> Iterator[tuple[str, str | Upload]]:
    """
    Yield the name and value of each part.

    Raises:
        ApiError: a file name is too long, or contains a NUL.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        return
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("utf-8", "replace")
    # The first delimiter lacks the line end before it.
    position = -2 if body.startswith(delimiter[2:]) else body.find(delimiter)
    while position != -1:
        start = position + len(delimiter) if position >= 0 else len(delimiter) - 2
        if body.startswith(b"--", start):
            return
        following = body.find(delimiter, start)
        if following == -1:
            return
        head, _, content = body[start + 2 : following].partition(b"\r\n\r\n")
        part = _part(head.decode("utf-8", "replace"), content)
        if part is not None:
            yield part
        position = following


def _part(head: str, content: bytes) -> tuple[str, str | Upload] | None:
    for line in head.split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() != "content-disposition":
            continue
        names = _disposition(value)
        if "name" not in names:
            return None
        name = unquote(names["name"]).strip('"')
        if "filename" not in names:
            return name, content.decode("utf-8", "replace")
        return name, Upload(_file_name(names["filename"]), content)
    return None


def _disposition(value: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in value.split(";"))
    return {key.strip().lower(): text for key, equals, text in pairs if equals}


def _file_name(quoted: str) -> str:
    if len(quoted.strip('"').encode()) > MAX_NAME_BYTES:
        raise ApiError("bare_400")
    name = unquote(quoted).strip('"')
    if "\0" in name:
        raise ApiError("general_unknown")
    return name
