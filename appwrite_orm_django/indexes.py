"""Indexes that Appwrite has and Django has no word for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from django.db import models

__all__ = ["AppwriteIndex"]


class AppwriteIndex(models.Index):
    """
    An index of a kind, or with lengths, of its own.

    Args:
        type: ``key``, ``unique`` or ``fulltext``. Django does not know that a unique one is: prefer a UniqueConstraint where it will do.
        lengths: indexed characters for each field, 0 for all of them; left out, they are what fits.
    """

    def __init__(
        self,
        *expressions: Any,
        type: Literal["key", "unique", "fulltext"] = "key",
        lengths: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*expressions, **kwargs)
        if lengths and len(lengths) != len(self.fields):
            raise ValueError(f"The index {self.name} needs one length for each of its {len(self.fields)} fields.")
        self.appwrite_type = type
        self.appwrite_lengths = tuple(lengths)

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        if self.appwrite_type != "key":
            kwargs["type"] = self.appwrite_type
        if self.appwrite_lengths:
            kwargs["lengths"] = self.appwrite_lengths
        return path, args, kwargs
