"""What cannot be planned, or did not come about."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import utils


class UnsupportedModel(utils.NotSupportedError):
    """A model asks for something that Appwrite has no equal for; the text names model, field and way out."""


class SchemaTooLarge(utils.NotSupportedError):
    """A table is wider than the server allows, or an index longer; the text has the arithmetic."""


class DuplicateRows(utils.IntegrityError):
    """Rows that a unique index would forbid are there already; the text lists some of them."""


class MissingValues(utils.IntegrityError):
    """Rows have no value for a column that is to be required, and the field has no default to give them."""


class UnconvertibleRows(utils.DataError):
    """Values have no equal of a column's new type; the text lists some of them. Nothing was taken away."""


class NotAvailable(utils.OperationalError):
    """A column or an index failed, or did not become available in time; running again goes on from here."""


def missing_values(table: str, missing: Mapping[str, int]) -> MissingValues:
    """
    Return the error for columns that rows cannot do without and have no value for.

    Args:
        missing: how many rows have none, by column; 5,000 stands for that many or more.
    """
    named = "; ".join(f"{key}, of which {_rows(count)} no value" for key, count in missing.items())
    return MissingValues(
        f"{table}: the server cannot require {named}, and the field has no default to give them.\n"
        "Give the field a default or null=True; or keep null=True until a data migration has filled the rows."
    )


def _rows(count: int) -> str:
    return "one row has" if count == 1 else f"{count:,} rows have" if count < 5000 else "5,000 rows or more have"
