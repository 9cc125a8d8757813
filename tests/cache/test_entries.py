import pickle

import pytest

from appwrite_orm_django.cache import entries

ROWS = [(f"row {number}", number, number / 7) for number in range(1000)]


def sealed(value=ROWS, tokens=(5, 7), compress_above=8192):
    body = entries.encode(value, compress_above=compress_above)
    return entries.seal(tokens, body, load_s=0.25, filled_at=1000.5, timeout=300)


def test_what_is_sealed_comes_back():
    entry = sealed()
    assert entries.decode(entry) == ROWS
    assert entries.header(entry) == (1000.5, 300.0, 0.25)


def test_an_entry_is_valid_under_its_tokens_only():
    entry = sealed()
    assert entries.is_valid(entry, (5, 7))
    for tokens in (
        (7, 5),
        (5, 8),
        (5,),
        (5, 7, 9),
        (5, None),
        (None, None),
        (-5, 7),
        (),
        ("5", 7),
        (5, 1 << 70),
    ):
        assert not entries.is_valid(entry, tokens)
    for other in (
        None,
        "text",
        5,
        b"",
        b"\x01",
        b"\x01\x02",
        entry[:10],
        b"\x01" + entry[1:],
        bytearray(entry),
    ):
        assert not entries.is_valid(other, (5, 7))


@pytest.mark.parametrize(("size", "codec"), [(8192, entries.PLAIN), (8193, entries.LZ4)])
def test_above_a_size_it_is_compressed(size, codec):
    value = b"x" * (8192 - len(pickle.dumps(b"x" * 8192, 5)) + size)
    assert len(pickle.dumps(value, 5)) == size
    body = entries.encode(value, compress_above=8192)
    assert body[0] == codec
    assert entries.decode_body(body) == value


def test_without_lz4_zlib_serves(monkeypatch):
    packed = entries.encode(ROWS, compress_above=0)
    monkeypatch.setattr(entries, "lz4", None)
    body = entries.encode(ROWS, compress_above=0)
    assert body[0] == entries.ZLIB
    assert entries.decode_body(body) == ROWS
    # Left there by a process that has lz4: to be loaded again, not to fail.
    with pytest.raises(entries.EntryError, match="codec 2 is not available"):
        entries.decode_body(packed)


@pytest.mark.parametrize("cut", [29, 36, 60, -1])
def test_a_damaged_entry_raises_one_kind_of_error(cut):
    for compress_above in (0, 10**9):
        with pytest.raises(entries.EntryError):
            entries.decode(sealed(compress_above=compress_above)[:cut])


def test_a_body_of_rubbish_raises_one_kind_of_error():
    for body in (
        b"",
        b"\x00",
        b"\x00rubbish",
        b"\x01rubbish too short",
        b"\x02" + b"\xff" * 30,
        b"\x09abc",
    ):
        with pytest.raises(entries.EntryError):
            entries.decode_body(body)
