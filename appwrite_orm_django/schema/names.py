"""
Map Django's names to Appwrite's ids and keys.

Appwrite accepts at most 36 characters of ``A-Z a-z 0-9 . _ -``, the first alphanumeric (recordings
``rows-ids``, ``tables-errors``). Column and index keys get no dot here although the server accepts
one. A dot is the path separator of relationship queries, and the SQL adapters remove it, so the
keys ``a.b`` and ``ab`` would share one SQL column.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import lru_cache

from django.db.backends.utils import names_digest

from appwrite_orm_django.client.references import ID

MAX_LENGTH = 36
DIGEST_LENGTH = 8

#: The prefix of the library's own tables in a database; they belong to no model and are never
#: dropped.
OWN_TABLES = "appwrite_orm_django_"

#: The prefix of the empty tables that mark unique indexes over rows that have not been tried out.
TRIAL_TABLES = f"{OWN_TABLES}trial_"

#: The prefix of the empty tables that mark new columns while existing rows are being filled.
FILL_TABLES = f"{OWN_TABLES}fill_"

#: The table of Django's migration recorder, which no model of an app describes.
MIGRATIONS_TABLE = "django_migrations"

#: The columns of every row. A field can name one as its column, but none is created, changed or
#: dropped.
SYSTEM_COLUMNS = frozenset({"$id", "$sequence", "$createdAt", "$updatedAt", "$permissions"})

#: The keys of hidden columns (see ``unique``). No field of a model gets such a key by itself.
HIDDEN_COLUMNS = re.compile(r"unique__.+_[0-9a-f]{8}")
_MOVED_FROM = "Moved from "

#: The key of the index over the columns of a primary key that is not the row's id.
KEY_INDEX = "pkey"

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,35}")

#: Decimals of at most this many digits are stored as scaled integers: 64 bits hold them all.
MAX_SCALED_DIGITS = 18

#: The largest integer key, of 53 bits, which is the largest that JavaScript clients can hold.
MAX_INTEGER = 2**53 - 1
_INTEGER_WIDTH = 16

_DERIVED = re.compile(r"key\.[a-z2-7]{32}", re.IGNORECASE)


@lru_cache(maxsize=10_000)
def table_id(db_table: str) -> str:
    """
    Return the Appwrite table id for a model's ``db_table``.

    A legal name is its own id. Any other name is made legal and gets a digest of the original,
    which prevents collisions:

    >>> table_id("shop_product")
    'shop_product'
    >>> table_id("shop_product_related_product_translations")
    'shop_product_related_produc_8ed3a2b5'
    >>> table_id('"Straße"')
    'Stra_e_a763ca07'
    """
    return _legal(unquoted(db_table), ID, r"[^A-Za-z0-9._-]", "t")


def column_key(column: str) -> str:
    """
    Return the Appwrite column key for a field's ``column``.

    >>> column_key("category_id")
    'category_id'
    >>> column_key("_order")
    'order_a51fee94'
    >>> column_key("$createdAt")
    '$createdAt'
    """
    if column in SYSTEM_COLUMNS:
        return column
    return _legal(unquoted(column), _KEY, r"[^A-Za-z0-9_-]", "c")


def replacement_key(key: str) -> str:
    """
    Return the temporary key of the column that will replace the column with ``key``.

    >>> replacement_key("price")
    'price_new_dc05ed'
    """
    return f"{key[:25]}_new_{names_digest('replacement', key, length=6)}"


def replaced_key(key: str) -> str:
    """
    Return the key of the column with ``key`` after another has replaced it and until it is dropped.

    >>> replaced_key("price")
    'price_old_dd734c'
    """
    return f"{key[:25]}_old_{names_digest('replaced', key, length=6)}"


def index_key(name: str) -> str:
    """Return the Appwrite index key for the name of an index or a constraint."""
    return _legal(unquoted(name), _KEY, r"[^A-Za-z0-9_-]", "i")


def hidden_key(name: str, definition: str) -> str:
    """
    Return the key of the hidden column of a constraint.

    >>> hidden_key("one_primary_email", "")
    'unique__one_primary_email_e3d1a2ef'
    """
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", name)[: MAX_LENGTH - DIGEST_LENGTH - 9]
    return f"unique__{stem}_{names_digest(name, definition, length=DIGEST_LENGTH)}"


def is_hidden(key: str) -> bool:
    """Return whether a key is that of a hidden column."""
    return HIDDEN_COLUMNS.fullmatch(key) is not None


def trial_table(table: str, index: str) -> str:
    """
    Return the id of the table that marks a unique index that has not been tried out.

    >>> trial_table("shop_product", "name_uniq")
    'appwrite_orm_django_trial_abc50cd55a'
    """
    return f"{TRIAL_TABLES}{names_digest(table.lower(), index.lower(), length=10)}"


def fill_table(table: str, column: str) -> str:
    """
    Return the id of the table that marks a column whose rows have not all been filled.

    >>> fill_table("shop_product", "stock")
    'appwrite_orm_django_fill_13f80a3269'
    """
    return f"{FILL_TABLES}{names_digest(table.lower(), column.lower(), length=10)}"


def move_mark(old: str) -> str:
    """Return the name of the mark of a column into which the values of another one move."""
    return f"{_MOVED_FROM}{old}"


def moved_from(name: str) -> str:
    """Return the old key from the name of a mark; "" if it marks no move."""
    return name.removeprefix(_MOVED_FROM) if name.startswith(_MOVED_FROM) else ""


def copies_prefix(table: str, index: str) -> str:
    """Return the prefix of the ids of the rows that are created to try out a unique index."""
    return f"copy-{names_digest(table.lower(), index.lower(), length=10)}-"


class InvalidRowId(ValueError):
    """The value cannot be an Appwrite row id; the text gives the reason."""


def check_text(value: str) -> str:
    """Return ``value`` if it is a valid row id, or raise ``InvalidRowId`` with the reason."""
    if ID.fullmatch(value):
        return value
    if not value:
        raise InvalidRowId("an Appwrite row id cannot be empty")
    if len(value) > 36:
        raise InvalidRowId(f"an Appwrite row id has at most 36 characters, got {len(value)}")
    raise InvalidRowId(
        "an Appwrite row id consists of A-Z, a-z, 0-9, '.', '-' and '_' and starts with a letter "
        f"or a digit, got {value[:100]!r}"
    )


def derived_id(parts: Sequence[Sequence[str]]) -> str:
    """
    Return the row id for the values of a key that are no row ids themselves.

    It is ``key.`` and a digest of 160 bits in base 32, 36 characters in all.

    Args:
        parts: for each value its kind and a text, the same for values that are equal.

    >>> derived_id([["text", "path/to/file/"]])
    'key.3c253faoe52stlwbqpr3cafpzf7bzwrj'
    """
    content = json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(content, digest_size=20).digest()
    return f"key.{base64.b32encode(digest).decode().lower()}"


def is_derived(row_id: str) -> bool:
    """Return whether a row id looks like one of ``derived_id``; Appwrite compares without case."""
    return _DERIVED.fullmatch(row_id) is not None


def is_its_own_id(text: str) -> bool:
    """
    Return whether a text key is the id of its row.

    A text that looks like a derived id is not, so that no two keys share an id. Nor is ``0``, which
    the server takes for no id (recording ``rows-ids``).
    """
    return ID.fullmatch(text) is not None and text != "0" and not is_derived(text)


def encode_integer(value: int) -> str:
    """
    Return an integer key as text in the same sort order.

    Non-negative keys are padded to 16 digits. Negative keys, rare but legal in Django, start with
    ``0-``, which sorts before every digit, and count up from -2**53.
    """
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise InvalidRowId(f"an integer key must be between -(2**53-1) and 2**53-1, got {value}")
    if value >= 0:
        return f"{value:0{_INTEGER_WIDTH}d}"
    return f"0-{value + MAX_INTEGER + 1:0{_INTEGER_WIDTH}d}"


def decode_integer(text: str) -> int:
    """Return the integer of a text from ``encode_integer``, or of plain digits of any width."""
    if text[1:2] == "-":
        return int(text[2:]) - MAX_INTEGER - 1
    return int(text)


def unquoted(name: str) -> str:
    """
    Return the name that Django's ``db_table`` or ``db_column`` refers to.

    Django uses a name that starts and ends with a quote unchanged; ``'"schema"."table"'`` is its
    documented way to name a schema.

    >>> unquoted('"schema"."table"')
    'schema.table'
    """
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        return name[1:-1].replace('"."', ".")
    return name


def _legal(name: str, pattern: re.Pattern[str], illegal: str, prefix: str) -> str:
    if pattern.fullmatch(name):
        return name
    digest = names_digest(name, length=DIGEST_LENGTH)
    # The stem is never empty and never starts with a special character.
    stem = re.sub(illegal, "_", name).lstrip("._-") or prefix
    return f"{stem[: MAX_LENGTH - DIGEST_LENGTH - 1]}_{digest}"
