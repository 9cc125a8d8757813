"""What the templates of this package need beyond Django's own tags."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.formats import number_format

from appwrite_orm_django.pagination import AtLeast

register = template.Library()


@register.filter
def localize_number(value: Any) -> str:
    """Write a number with its thousands set apart, and "+" after one that is only known to be that large."""
    more = "+" if isinstance(value, AtLeast) else ""
    return f"{number_format(int(value) if isinstance(value, int) else value, force_grouping=True)}{more}"
