"""Form fields that read their choices through the cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms.models import ModelChoiceIterator

__all__ = ["CachedChoices", "CachedModelChoiceField", "CachedModelMultipleChoiceField"]


class CachedChoices(ModelChoiceIterator):
    """
    The choices of a model field, read through the cache.

    Django's own class streams the choices with ``iterator()``, which bypasses the cache, so a form
    would query Appwrite each time it is shown. Set this class as ``iterator`` of any
    ``ModelChoiceField`` whose choices are few enough to be shown.
    """

    def __iter__(self) -> Iterator[Any]:
        if self.field.empty_label is not None:
            yield ("", self.field.empty_label)
        # Copy the queryset, because it keeps the rows that it has read.
        for row in self.queryset.all():
            yield self.choice(row)


class CachedModelChoiceField(forms.ModelChoiceField):
    """``ModelChoiceField`` with ``CachedChoices``."""

    iterator = CachedChoices


class CachedModelMultipleChoiceField(forms.ModelMultipleChoiceField):
    """``ModelMultipleChoiceField`` with ``CachedChoices``."""

    iterator = CachedChoices
