"""Write the bodies of uploads (``multipart/form-data``)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

#: Bytes of the encoded name of a file; the server answers longer ones with a bare 400.
MAX_NAME_BYTES = 500
# The server cuts a name at ``;``, and percent-decodes the rest (recording ``files-names``).
_ENCODED = re.compile(r'[%;"\\\x00-\x1f\x7f]')


class Form:
    """
    The body of an upload: fields, and one file with the name ``file``.

    Args:
        fields: names and values.
        name: the file's name, in any characters but NUL.
    """

    def __init__(self, fields: Iterable[tuple[str, str]], name: str, content: bytes) -> None:
        boundary = f"appwrite-orm-django-{secrets.token_hex(16)}"
        self.content_type = f"multipart/form-data; boundary={boundary}"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields
        ]
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{encoded_name(name)}"\r\n\r\n'
        # Joined once, since a chunk takes 5 MiB.
        self._body = b"".join(
            ["".join(parts).encode(), file.encode(), content, f"\r\n--{boundary}--\r\n".encode()]
        )

    def __repr__(self) -> str:
        return f"<Form {len(self._body)} bytes>"

    def encoded(self) -> bytes:
        return self._body


def encoded_name(name: str) -> str:
    """
    Return a file name as the server reads it back unchanged.

    >>> encoded_name('100%; "a" ü/日本.txt')
    '100%25%3B %22a%22 ü/日本.txt'
    """
    return _ENCODED.sub(lambda found: f"%{ord(found[0]):02X}", name)
