"""
What is stored under an entry's key: a small header with the tokens, then the rows, pickled and, above a size, compressed.

Pickle (protocol 5) of converted values, chosen by measurement: 1,000 rows of 6 columns, two of them moments, load in 270 us with those packed
(see ``columns``) and 340 us as they are, against 348 us with msgpack and native timestamps; and every type comes back as it was (``Decimal``, ``UUID``, ``date``, time zones) without extension
types. It adds no risk: Django's cache backends unpickle whatever the cache holds anyway, so whoever can write there is trusted already.

Compression is lz4 where the package is installed, else zlib at level 1; an entry names its codec. The same 1,000 rows (81 kB): lz4 20 us to
unpack and 53 kB, zlib 165 us and 42 kB. An entry whose codec this process lacks is treated as absent.
"""

import pickle
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

from appwrite_orm_django.cache import row_packing

try:
    from lz4 import block as _lz4
except ImportError:  # an optional extra; zlib serves without it
    _lz4 = None

lz4: ModuleType | None = _lz4

# Releases of this library with different formats never read each other's entries, but do see each other's tokens.
FORMAT = 2
MAX_TOKENS = 255  # their number is one byte of the header
PLAIN, ZLIB, LZ4 = 0, 1, 2
SPLIT = 16  # added to the codec: what was pickled are the columns of rows (see ``columns``)

_HEADER = struct.Struct(
    "<BBdff"
)  # format, number of tokens, when filled, timeout, seconds the load took; then the tokens
_RAW_SIZE = struct.Struct("<Q")


class EntryError(Exception):
    """An entry cannot be read: damaged, of another format, or packed with a codec that is not installed here."""


class Header(NamedTuple):
    """``filled_at`` is Unix time on the machine that filled it, and serves only for statistics, ages and early refresh."""

    filled_at: float
    timeout_s: float
    load_s: float


@lru_cache(maxsize=32)
def _token_struct(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}q")


def seal(tokens: tuple[int, ...], body: bytes, *, load_s: float, filled_at: float, timeout: float) -> bytes:
    """Put a body (from ``encode``) under the tokens seen before its load."""
    head = _HEADER.pack(FORMAT, len(tokens), filled_at, timeout, load_s)
    return b"".join((head, _token_struct(len(tokens)).pack(*tokens), body))


def is_entry(value: object) -> bool:
    """Tell whether what the cache holds under an entry's key looks like one of ours."""
    return type(value) is bytes and len(value) > _HEADER.size and value[0] == FORMAT


def is_valid(value: object, tokens: tuple[object, ...]) -> bool:
    """Tell whether an entry was loaded under exactly these tokens. An absent token (None) or a negative one never matches."""
    if type(value) is not bytes or len(value) <= _HEADER.size or value[0] != FORMAT or value[1] != len(tokens):
        return False
    try:
        return value.startswith(_token_struct(len(tokens)).pack(*tokens), _HEADER.size)
    except struct.error:  # a token is absent, or no integer
        return False


def header(entry: bytes) -> Header:
    """Read an entry's header; the entry must have passed ``is_entry`` or ``is_valid``."""
    _, _, filled_at, timeout, load_s = _HEADER.unpack_from(entry)
    return Header(filled_at, timeout, load_s)


def encode(value: Any, *, compress_above: int) -> bytes:
    """
    Pack a value (rows as tuples, a number, anything picklable) into a body; above ``compress_above`` bytes of pickle, compressed.

    Raises:
        Exception: whatever pickling the value raises.
    """
    split = row_packing.split(value)
    layout = 0 if split is None else SPLIT
    raw = pickle.dumps(value if split is None else split, 5)
    return _compress(raw, layout) if len(raw) > compress_above else bytes((PLAIN + layout,)) + raw


def _compress(raw: bytes, layout: int) -> bytes:
    codec, packed = (LZ4, lz4.compress(raw, store_size=False)) if lz4 else (ZLIB, zlib.compress(raw, 1))
    return b"".join((bytes((codec + layout,)), _RAW_SIZE.pack(len(raw)), packed))


def decode(entry: bytes) -> Any:
    """
    Unpack the value of an entry.

    Raises:
        EntryError: it cannot be read. To be treated as a miss.
    """
    return _decode_from(entry, _HEADER.size + 8 * entry[1])


def decode_body(body: bytes) -> Any:
    """
    Unpack what ``encode`` packed.

    Raises:
        EntryError: it cannot be read.
    """
    return _decode_from(body, 0)


def _decode_from(data: bytes, start: int) -> Any:
    try:
        codec, raw = data[start], memoryview(data)[start + 1 :]
        if codec & ~SPLIT != PLAIN:
            (size,) = _RAW_SIZE.unpack_from(raw)
            raw = memoryview(_codec(codec & ~SPLIT)(raw[_RAW_SIZE.size :], size))
        value = pickle.loads(raw)  # noqa: S301 - see the module's docstring
        return row_packing.join(value) if codec & SPLIT else value
    except EntryError:
        raise
    except Exception as exc:  # unpickling damaged data, or a class that has moved, raises anything
        raise EntryError(f"cannot read a cached entry of {len(data)} bytes: {exc!r}") from exc


def _codec(codec: int) -> Callable[[memoryview, int], bytes]:
    if codec == ZLIB:
        return lambda packed, size: zlib.decompress(packed, bufsize=size)
    if codec == LZ4 and lz4 is not None:
        return lambda packed, size: bytes(lz4.decompress(packed, uncompressed_size=size))
    raise EntryError(f"codec {codec} is not available in this process")
