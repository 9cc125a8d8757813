"""
Measure the order of glibc's en_US.utf8 and write it down in ``appwrite_local/locale_order.py``.

``python -m tests.appwrite_local.measure_locale`` needs ``localedef`` and its sources (Debian's
package ``locales``). The file's table is replaced, from ``_MEASURED`` to its end. With a number as
argument it compares so many random pairs of texts instead, and fails if any order differs.
"""

# ruff: noqa: RUF001 - look-alike characters are what is compared

from __future__ import annotations

import base64
import ctypes
import os
import random
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from appwrite_local import locale_order

_LC_ALL = 6
_HAN = range(0x4E00, 0x9FA6)
_SURROGATES = range(0xD800, 0xE000)
_SEPARATOR = 1

Passes = tuple[tuple[int, ...], ...]


class Glibc:
    """
    The C library in the locale en_US.utf8, built in a folder of its own.

    The process's locale is changed; a test asks in a child process.

    Raises:
        OSError: the locale cannot be built here.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL("libc.so.6")
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "en_US.UTF-8"
            subprocess.run(
                ["localedef", "-i", "en_US", "-f", "UTF-8", str(made)],
                check=False,
                capture_output=True,
            )
            # The environment of C, which setlocale reads, is not told of changes by every Python.
            os.environ["LOCPATH"] = folder
            self._libc.setenv(b"LOCPATH", folder.encode(), 1)
            self._libc.setlocale.restype = ctypes.c_char_p
            if self._libc.setlocale(_LC_ALL, b"en_US.UTF-8") is None:
                raise OSError("localedef cannot build en_US.UTF-8 here")
        self._libc.strxfrm.restype = ctypes.c_size_t

    def compare(self, one: str, other: str) -> int:
        """Return a number below, equal to or above 0, as PostgreSQL does."""
        first, second = one.encode(), other.encode()
        found: int = self._libc.strcoll(first, second)
        return found or (first > second) - (first < second)

    def passes(self, text: str) -> Passes:
        """Return the weights of a text, a sequence for each of the four passes."""
        encoded = text.encode()
        buffer = ctypes.create_string_buffer(64 * len(encoded) + 64)
        size = self._libc.strxfrm(buffer, encoded, len(buffer))
        numbers = _decoded(buffer.raw[:size])
        found: list[tuple[int, ...]] = []
        for _ in range(3):
            end = numbers.index(_SEPARATOR) if _SEPARATOR in numbers else len(numbers)
            found.append(tuple(numbers[:end]))
            numbers = numbers[end + 1 :]
        return (*found, tuple(numbers))


def _decoded(weights: bytes) -> list[int]:
    """Read numbers that are written as UTF-8 writes code points."""
    numbers, at = [], 0
    while at < len(weights):
        lead = weights[at]
        size = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        number = lead if size == 1 else lead & (0xFF >> (size + 1))
        for byte in weights[at + 1 : at + size]:
            number = number << 6 | byte & 0x3F
        numbers.append(number)
        at += size
    return numbers


def packed_table(glibc: Glibc) -> bytes:
    """Return the numbers that ``locale_order`` reads (described there)."""
    measured = {
        code_point: glibc.passes(chr(code_point))
        for code_point in range(1, 0x110000)
        if code_point not in _SURROGATES
    }
    unknown = measured[1][3]
    known = {
        code_point: passes
        for code_point, passes in measured.items()
        if code_point == 1 or (any(passes[:3]) or passes[3][:2] != unknown)
    }
    letters, accents, forms = (
        _ranks(weight for passes in known.values() for weight in passes[level])
        for level in range(3)
    )
    han = {code_point: letters[known[code_point][0][0]] for code_point in _HAN}
    assert all(rank - han[_HAN.start] == at - _HAN.start for at, rank in han.items())
    order = sorted((at for at in known if at not in _HAN), key=lambda at: known[at][3])
    shape_of = {
        at: (
            len(known[at][0]),
            tuple(accents[weight] for weight in known[at][1]),
            tuple(forms[weight] for weight in known[at][2]),
        )
        for at in order
    }
    shapes = {shape: number for number, shape in enumerate(dict.fromkeys(shape_of.values()))}
    numbers = [han[_HAN.start], order.index(ord("a")), len(shapes), len(order)]
    for count, of_accents, of_forms in shapes:
        numbers += [count, len(of_accents), *of_accents, len(of_forms), *of_forms]
    numbers += [_unsigned(at - before - 1) for before, at in zip([-1, *order], order, strict=False)]
    numbers += [shapes[shape_of[at]] for at in order]
    last = 0
    for at in order:
        for weight in known[at][0]:
            numbers.append(_unsigned(letters[weight] - last))
            last = letters[weight]
    return b"".join(map(_written, numbers))


def _ranks(weights: object) -> dict[int, int]:
    return {weight: rank for rank, weight in enumerate(sorted(set(weights)))}  # type: ignore[call-overload]


def _unsigned(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def _written(number: int) -> bytes:
    written = b""
    while number > 127:
        written += bytes([number & 127 | 128])
        number >>= 7
    return written + bytes([number])


_POOLS = (
    "aAbBáÁeEéÉèzZßæÆıİøØŀŁſǆﬁ -_",
    "aA10²½٠$€ -_.,'\t\xa0\u0301",
    "αΑάβΒςσΣωΏᾳабВйЙиИёЯїўґ\u0306\u0308 -",
    "中文丁龥豈ァアー가각ㄅ\U00020000😀🥲\u200d\ufe0f a1-\u0301\u0302",
    "เกไขำ\u0e4d\u0e32\u0ec0\u0e81\u0f71\u0f72\u0fb2\u0f80\u0627\u0653lL·a",
    [chr(code_point) for code_point in range(1, 0x30000) if code_point not in _SURROGATES],
)


def disagreements(count: int, seed: int) -> list[tuple[str, str]]:
    """Return the pairs, of so many random ones, that glibc and ``key`` order differently."""
    glibc, choose = Glibc(), random.Random(seed)
    found = []
    for _ in range(count):
        pool = choose.choice(_POOLS)
        one = choose.choices(pool, k=choose.randint(0, 8))
        other = list(one) if choose.random() < 0.7 else choose.choices(pool, k=5)
        for _ in range(choose.randint(1, 2)):
            at = choose.randint(0, len(other))
            other[at : at + choose.randint(0, 1)] = choose.choices(pool, k=choose.randint(0, 1))
        first, second = "".join(one), "".join(other)
        mine, theirs = locale_order.key(first), locale_order.key(second)
        expected = glibc.compare(first, second)
        if (mine > theirs) - (mine < theirs) != (expected > 0) - (expected < 0):
            found.append((first, second))
    return found


def main() -> None:
    if len(sys.argv) > 1:
        found = disagreements(int(sys.argv[1]), seed=0)
        sys.exit("\n".join(map(ascii, found)) or 0)
    text = base64.b85encode(zlib.compress(packed_table(Glibc()), 9)).decode()
    module = Path(locale_order.__file__)
    code = module.read_text().partition("_MEASURED = ")[0]
    lines = "\n".join(text[at : at + 100] for at in range(0, len(text), 100))
    module.write_text(f'{code}_MEASURED = """\n{lines}\n"""\n')


if __name__ == "__main__":
    main()
