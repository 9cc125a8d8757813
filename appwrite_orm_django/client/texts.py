"""Text that can go over the wire."""

from __future__ import annotations

from django.db import DataError


class InvalidText(DataError):
    """The text holds half of a surrogate pair, which no encoding of Unicode can write: neither the server nor SQLite takes it."""


def check_text(text: str) -> str:
    r"""
    Return the text if it can be written as UTF-8.

    Raises:
        InvalidText: it holds a lone surrogate, such as ``"\ud800"``; shows the place.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError as error:
        around = text[max(0, error.start - 20) : error.start + 20]
        raise InvalidText(
            f"{around!a} has a lone surrogate, {text[error.start]!a}, which is no character of Unicode. "
            f'Remove it, or replace it: text.encode("utf-8", "replace").decode()'
        ) from None
    return text
