"""What cannot be planned, or did not come about."""

from __future__ import annotations

from django.db import utils


class UnsupportedModel(utils.NotSupportedError):
    """A model asks for something that Appwrite has no equal for; the text names model, field and way out."""


class SchemaTooLarge(utils.NotSupportedError):
    """A table is wider than the server allows, or an index longer; the text has the arithmetic."""


class DuplicateRows(utils.IntegrityError):
    """Rows that a unique index would forbid are there already; the text lists some of them."""


class UnconvertibleRows(utils.DataError):
    """Values have no equal of a column's new type; the text lists some of them. Nothing was taken away."""


class NotAvailable(utils.OperationalError):
    """A column or an index failed, or did not become available in time; running again goes on from here."""
