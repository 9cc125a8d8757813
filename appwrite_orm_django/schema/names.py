"""
Django's names as Appwrite's ids and keys.

Appwrite takes at most 36 characters of ``A-Z a-z 0-9 . _ -``, the first alphanumeric (recordings ``rows-ids``, ``tables-errors``).
Column and index keys get no dot here although the server takes one: a dot is the path separator of relationship queries, and the SQL
adapters drop it, so that the keys ``a.b`` and ``ab`` would share one SQL column.
"""

from __future__ import annotations

import re

from django.db.backends.utils import names_digest

MAX_LENGTH = 36
DIGEST_LENGTH = 8

#: Tables that the library keeps for itself in a database; they belong to no model and are never dropped.
OWN_TABLES = "appwrite_orm_django_"

#: Of these there is one, without columns, for each unique index that was made over rows and not yet tried out.
TRIAL_TABLES = f"{OWN_TABLES}trial_"

#: Of these there is one, without columns, for each new column while the rows that were there get their values.
FILL_TABLES = f"{OWN_TABLES}fill_"

#: Django's record of migrations, which no model of an app describes.
MIGRATIONS_TABLE = "django_migrations"

#: The columns every row has. A field may name one as its column; it is never created, changed or dropped.
SYSTEM_COLUMNS = frozenset({"$id", "$sequence", "$createdAt", "$updatedAt", "$permissions"})

_TABLE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,35}")
_ROW_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}\Z")

#: 53 bits: the largest integer key, which JavaScript clients of the same table can hold.
MAX_INTEGER = 2**53 - 1
_INTEGER_WIDTH = 16


def table_id(db_table: str) -> str:
    """
    Return the Appwrite table id for a model's ``db_table``.

    A legal name is its own id. Any other is made legal and gets a digest of the original, so that two names never meet by accident:

    >>> table_id("shop_product")
    'shop_product'
    >>> table_id("shop_product_related_product_translations")
    'shop_product_related_produc_8ed3a2b5'
    >>> table_id('"Straße"')
    'Stra_e_a763ca07'
    """
    return _legal(unquoted(db_table), _TABLE_ID, r"[^A-Za-z0-9._-]", "t")


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
    Return the key under which a column of another type is filled, before it takes the place of the one with ``key``.

    >>> replacement_key("price")
    'price_new_dc05ed'
    """
    return f"{key[:25]}_new_{names_digest('replacement', key, length=6)}"


def replaced_key(key: str) -> str:
    """
    Return the key that the column with ``key`` has from when another takes its place until it is dropped.

    >>> replaced_key("price")
    'price_old_dd734c'
    """
    return f"{key[:25]}_old_{names_digest('replaced', key, length=6)}"


def index_key(name: str) -> str:
    """Return the Appwrite index key for the name of an index or a constraint."""
    return _legal(unquoted(name), _KEY, r"[^A-Za-z0-9_-]", "i")


def trial_table(table: str, index: str) -> str:
    """
    Return the id of the table that says of a unique index that it is yet to be tried out.

    >>> trial_table("shop_product", "name_uniq")
    'appwrite_orm_django_trial_abc50cd55a'
    """
    return f"{TRIAL_TABLES}{names_digest(table.lower(), index.lower(), length=10)}"


def fill_table(table: str, column: str) -> str:
    """
    Return the id of the table that says of a column that rows are yet to be filled.

    >>> fill_table("shop_product", "stock")
    'appwrite_orm_django_fill_13f80a3269'
    """
    return f"{FILL_TABLES}{names_digest(table.lower(), column.lower(), length=10)}"


def copies_prefix(table: str, index: str) -> str:
    """Return how the ids of the rows begin by which a unique index is tried out."""
    return f"copy-{names_digest(table.lower(), index.lower(), length=10)}-"


class InvalidRowId(ValueError):
    """The value can not be an Appwrite row id; the text says why."""


def check_text(value: str) -> str:
    """Return ``value`` if Appwrite takes it as a row id, else raise ``InvalidRowId`` with the reason."""
    if _ROW_ID.match(value):
        return value
    if not value:
        raise InvalidRowId("an Appwrite row id is not empty")
    if len(value) > 36:
        raise InvalidRowId(f"an Appwrite row id has at most 36 characters, not {len(value)}")
    raise InvalidRowId(
        f"an Appwrite row id consists of A-Z, a-z, 0-9, '.', '-' and '_' and starts with a letter or a digit, "
        f"unlike {value[:100]!r}"
    )


def encode_integer(value: int) -> str:
    """
    Write an integer key as text that sorts as the integer does.

    Non-negative keys are padded to 16 digits. Negative ones, rare but legal in Django, start with ``0-``, which sorts
    before every digit, and count up from -2**53.
    """
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise InvalidRowId(f"an integer key lies between -(2**53-1) and 2**53-1, unlike {value}")
    if value >= 0:
        return f"{value:0{_INTEGER_WIDTH}d}"
    return f"0-{value + MAX_INTEGER + 1:0{_INTEGER_WIDTH}d}"


def decode_integer(text: str) -> int:
    """Read what ``encode_integer`` wrote; plain digits of any width are read as well."""
    if text[1:2] == "-":
        return int(text[2:]) - MAX_INTEGER - 1
    return int(text)


def unquoted(name: str) -> str:
    """
    Return the name that Django's ``db_table`` or ``db_column`` stands for.

    Django takes one that starts and ends with a quote as it stands; ``'"schema"."table"'`` is its documented way to name a schema.

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
    # Never empty and never starting with a special character, whatever is left of the name.
    stem = re.sub(illegal, "_", name).lstrip("._-") or prefix
    return f"{stem[: MAX_LENGTH - DIGEST_LENGTH - 1]}_{digest}"
