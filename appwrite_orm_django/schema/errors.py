"""Errors of planning and applying a schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import utils


class UnsupportedModel(utils.NotSupportedError):
    """
    A model needs a feature that Appwrite lacks; the text names model, field and way out.

    Attributes:
        errors: the errors of which this one consists, or the error itself.
    """

    def __init__(self, text: str, errors: Sequence[UnsupportedModel] = ()) -> None:
        super().__init__(text)
        self.errors: Sequence[UnsupportedModel] = errors or (self,)

    @classmethod
    def of(cls, errors: Sequence[UnsupportedModel]) -> UnsupportedModel:
        """Return one error for several."""
        return errors[0] if len(errors) == 1 else cls("\n".join(map(str, errors)), errors)


class SchemaTooLarge(utils.NotSupportedError):
    """A table or an index exceeds a limit of the server; the text shows the computation."""


class DuplicateRows(utils.IntegrityError):
    """Existing rows violate a unique index; the text lists some of them."""


class MissingValues(utils.IntegrityError):
    """Rows have no value for a column that becomes required, and the field has no default."""


class UnconvertibleRows(utils.DataError):
    """Values cannot be converted to a column's new type; the text lists some. No value was lost."""


class NotAvailable(utils.OperationalError):
    """A column or an index failed or timed out; another run continues from here."""


def missing_values(table: str, missing: Mapping[str, int]) -> MissingValues:
    """
    Return the error for required columns without a value in some rows.

    Args:
        missing: the number of rows without a value by column; 5,000 stands for that many or more.
    """
    named = "; ".join(f"{key} because {_rows(count)} no value" for key, count in missing.items())
    return MissingValues(
        f"{table}: the server cannot require {named}, and the field has no default to fill them "
        "with.\n"
        "Give the field a default or null=True; or keep null=True until a data migration has "
        "filled the rows."
    )


def _rows(count: int) -> str:
    return (
        "one row has"
        if count == 1
        else f"{count:,} rows have"
        if count < 5000
        else "5,000 rows or more have"
    )
