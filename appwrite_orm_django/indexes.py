"""Declare Appwrite indexes that Django's ``Index`` cannot describe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from django.db import models

__all__ = ["AppwriteIndex"]


class AppwriteIndex(models.Index):
    """
    An index with a type or lengths.

    Args:
        type: ``key``, ``unique`` or ``fulltext``. Django does not know that a ``unique`` index is
            unique; prefer a ``UniqueConstraint`` where possible. On MongoDB a ``unique`` index over
            anything but text is rejected, because Appwrite does not enforce it there.
        lengths: number of characters to index for each field, 0 for all of them. Defaults to as
            many as fit.
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
            raise ValueError(
                f"Index {self.name} needs one length for each of its {len(self.fields)} fields, "
                f"got {len(lengths)}."
            )
        self.appwrite_type = type
        self.appwrite_lengths = tuple(lengths)

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        if self.appwrite_type != "key":
            kwargs["type"] = self.appwrite_type
        if self.appwrite_lengths:
            kwargs["lengths"] = self.appwrite_lengths
        return path, args, kwargs
