"""Form fields whose choices come from the cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms.models import ModelChoiceIterator

__all__ = ["CachedChoices", "CachedModelChoiceField", "CachedModelMultipleChoiceField"]


class CachedChoices(ModelChoiceIterator):
    """
    The choices of a model field, read as the queryset reads: through the cache.

    Django's own class streams them with ``iterator()``, which goes past the cache, so that a form would ask Appwrite each time it is
    shown. For lists short enough to be shown, that is. To be set as ``iterator`` of any ``ModelChoiceField``.
    """

    def __iter__(self) -> Iterator[Any]:
        if self.field.empty_label is not None:
            yield ("", self.field.empty_label)
        # A copy each time: a queryset keeps the rows that it has read once.
        for row in self.queryset.all():
            yield self.choice(row)


class CachedModelChoiceField(forms.ModelChoiceField):
    """``ModelChoiceField`` with ``CachedChoices``."""

    iterator = CachedChoices


class CachedModelMultipleChoiceField(forms.ModelMultipleChoiceField):
    """``ModelMultipleChoiceField`` with ``CachedChoices``."""

    iterator = CachedChoices
