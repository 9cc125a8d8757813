"""
Encode the entries of the cache: a small header with the tokens, then the rows, pickled.

Pickle (protocol 5) was chosen by measurement. 1,000 rows of 6 columns, two of them datetimes, load
in 270 us with the datetimes packed (see ``row_packing``) and in 340 us without; msgpack with native
timestamps takes 348 us. Every type comes back as it was (``Decimal``, ``UUID``, ``date``, time
zones) without extension types. Pickle adds no risk: Django's cache backends unpickle whatever the
cache holds, so anybody who can write there is trusted already.

Larger entries are compressed, with lz4 where the package is installed and with zlib at level 1
otherwise. Unpacking the same 1,000 rows (81 kB) takes 20 us with lz4 (53 kB) and 165 us with zlib
(42 kB). An entry names its codec; an entry whose codec this process lacks counts as absent.
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

# Releases with different formats never read each other's entries, but do see each other's tokens.
FORMAT = 2
MAX_TOKENS = 255  # their number is one byte of the header
PLAIN, ZLIB, LZ4 = 0, 1, 2
SPLIT = 16  # added to the codec: the rows were pickled as columns (see ``row_packing``)

_HEADER = struct.Struct(
    "<BBdff"
)  # format, number of tokens, when filled, timeout, seconds the load took; then the tokens
_RAW_SIZE = struct.Struct("<Q")


class EntryError(Exception):
    """An entry is damaged, has another format, or needs a codec that is not installed here."""


class Header(NamedTuple):
    """
    The header of an entry.

    ``filled_at`` is Unix time on the machine that filled the entry, at the end of the load. It serves
    only for statistics, ages and early refresh.
    """

    filled_at: float
    timeout_s: float
    load_s: float

    @property
    def begun_at(self) -> float:
        """Unix time at which the load began. Every write that had returned by then is included."""
        return self.filled_at - self.load_s


@lru_cache(maxsize=32)
def _token_struct(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}q")


def seal(
    tokens: tuple[int, ...], body: bytes, *, load_s: float, filled_at: float, timeout: float
) -> bytes:
    """Join a body from ``encode`` to the tokens that were read before its load."""
    head = _HEADER.pack(FORMAT, len(tokens), filled_at, timeout, load_s)
    return b"".join((head, _token_struct(len(tokens)).pack(*tokens), body))


def is_entry(value: object) -> bool:
    """Return whether a value found under an entry's key looks like an entry of this format."""
    return type(value) is bytes and len(value) > _HEADER.size and value[0] == FORMAT


def is_valid(value: object, tokens: tuple[object, ...]) -> bool:
    """
    Return whether an entry was loaded under exactly these tokens.

    An absent token (None) or a negative one never matches.
    """
    if (
        type(value) is not bytes
        or len(value) <= _HEADER.size
        or value[0] != FORMAT
        or value[1] != len(tokens)
    ):
        return False
    try:
        return value.startswith(_token_struct(len(tokens)).pack(*tokens), _HEADER.size)
    except struct.error:  # a token is absent or not an integer
        return False


def header(entry: bytes) -> Header:
    """Return the header of an entry that has passed ``is_entry`` or ``is_valid``."""
    _, _, filled_at, timeout, load_s = _HEADER.unpack_from(entry)
    return Header(filled_at, timeout, load_s)


def tokens(entry: bytes) -> tuple[int, ...]:
    """Return the tokens that an entry which has passed ``is_entry`` was loaded under."""
    return _token_struct(entry[1]).unpack_from(entry, _HEADER.size)


def encode(value: Any, *, compress_above: int) -> bytes:
    """
    Pack a value (rows as tuples, a number, anything picklable) into a body.

    The body is compressed if its pickle is larger than ``compress_above`` bytes.

    Raises:
        Exception: whatever pickling the value raises.
    """
    split = row_packing.split(value)
    layout = 0 if split is None else SPLIT
    raw = pickle.dumps(value if split is None else split, 5)
    return _compress(raw, layout) if len(raw) > compress_above else bytes((PLAIN + layout,)) + raw


def _compress(raw: bytes, layout: int) -> bytes:
    codec, packed = (
        (LZ4, lz4.compress(raw, store_size=False)) if lz4 else (ZLIB, zlib.compress(raw, 1))
    )
    return b"".join((bytes((codec + layout,)), _RAW_SIZE.pack(len(raw)), packed))


def decode(entry: bytes) -> Any:
    """
    Unpack the value of an entry.

    Raises:
        EntryError: the entry cannot be read. Treat it as a miss.
    """
    return _decode_from(entry, _HEADER.size + 8 * entry[1])


def decode_body(body: bytes) -> Any:
    """
    Unpack a body from ``encode``.

    Raises:
        EntryError: the body cannot be read.
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
