"""
Guess the type of a file's content, with libmagic's names for the usual types.

Source: recording ``files-types``. The name of a file and the type that a client states are ignored.
"""

from __future__ import annotations

import csv
import json
import re
from typing import Final

#: Bytes of a file that decide its type.
HEAD_BYTES: Final = 1024 * 1024

_SIGNATURES: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\1\0", "image/vnd.microsoft.icon"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftypM4A", "audio/x-m4a"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"\0\0\1\xba", "video/mpeg"),
    (8, b"AVI ", "video/x-msvideo"),
    (8, b"WAVE", "audio/x-wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\3\4", "application/zip"),
    (0, b"PK\5\6", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\7", "application/x-rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/CDFV2"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"\0\1\0\0\0", "font/sfnt"),
    (0, b"OTTO", "application/vnd.ms-opentype"),
    (0, b"{\\rtf", "text/rtf"),
)
_OFFICE: Final = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_SCRIPTS: Final = (
    (r"#!.*\bpython", "text/x-script.python"),
    (r"#!.*\bperl", "text/x-perl"),
    (r"#!.*\bruby", "text/x-ruby"),
    (r"#!.*\bnode", "application/javascript"),
    (r"#!.*\b(?:ba|da|k|z)?sh\b", "text/x-shellscript"),
    (r"<\?php", "text/x-php"),
)
# Control characters that no text has.
_BINARY = re.compile(rb"[\0-\6\x0e-\x1a\x1c-\x1f\x7f]")
_HTML = re.compile(
    r"\s*<(?:!doctype html|html|head|body|title|script|h1|table|a href)\b", re.IGNORECASE
)

#: Types that ``view`` shows as they are; any other is shown as plain text.
_SHOWN = re.compile(
    r"image/(?!svg)|video/|audio/|application/(?:pdf|msword|CDFV2|vnd\.ms-|vnd\.openxmlformats-|"
    r"vnd\.oasis\.)"
)


def guess_type(head: bytes, size: int) -> str:
    """
    Return the type of a file.

    Args:
        head: its first ``HEAD_BYTES``.
        size: its whole length in bytes.
    """
    if size == 0:
        return "application/x-empty"
    if size == 1:
        return "application/octet-stream"
    for offset, signature, mime_type in _SIGNATURES:
        if head.startswith(signature, offset):
            return _office(head) if mime_type == "application/zip" else mime_type
    text = _text(head, size)
    return "application/octet-stream" if text is None else _text_type(text, whole=size == len(head))


def shown_type(mime_type: str) -> str:
    """Return the type under which ``view`` shows a file: never one that runs scripts."""
    return mime_type if _SHOWN.match(mime_type) else "text/plain"


def _office(head: bytes) -> str:
    return next((mime_type for name, mime_type in _OFFICE if name in head), "application/zip")


def _text(head: bytes, size: int) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace")
    if _BINARY.search(head):
        return None
    try:
        # The head may end inside a character.
        return head.decode("utf-8") if size == len(head) else head.decode("utf-8", "ignore")
    except UnicodeDecodeError:
        return head.decode("latin-1")


def _text_type(text: str, *, whole: bool) -> str:
    begin = text.lstrip("\ufeff \t\r\n")
    for pattern, mime_type in _SCRIPTS:
        if re.match(pattern, text):
            return mime_type
    if re.match(
        r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg\b", begin, re.DOTALL
    ):
        return "image/svg+xml"
    if begin.startswith("<?xml"):
        return "text/xml"
    if _HTML.match(begin):
        return "text/html"
    if whole and begin.startswith(("{", "[")) and _is_json(text):
        return "application/json"
    return "text/csv" if _is_csv(text) else "text/plain"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_csv(text: str) -> bool:
    """Return whether the first lines, of which there are two or more, have the same commas."""
    lines = text.split("\n")[:-1][:10]
    if len(lines) < 2:
        return False
    try:
        widths = {len(row) for row in csv.reader(lines, strict=True)}
    except csv.Error:
        return False
    return len(widths) == 1 and widths.pop() > 1
