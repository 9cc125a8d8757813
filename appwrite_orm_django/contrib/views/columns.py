"""Resolve names in ``list_display`` and ``detail_display`` to columns, and read their values."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ObjectDoesNotExist
from django.db import models
from django.utils import formats, timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

__all__ = ["BoundColumn", "Cell", "Column", "bind", "related_paths"]


@dataclass(frozen=True)
class Column:
    """
    A column with options, to use in ``list_display`` instead of a name.

    Attributes:
        name: a field, a field of a related row (``author__name``), or a method of the view or of
            the row.
        label: the heading; defaults to the field's verbose name or the method's
            ``short_description``.
        css: CSS classes of the cells. ``aw-code`` is for codes; ``aw-secondary`` hides the column
            on phones.
    """

    name: str
    label: str = ""
    css: str = ""


@dataclass(frozen=True)
class Cell:
    """A value as the page shows it. ``url`` is empty if the cell is not a link."""

    text: Any
    url: str
    column: BoundColumn


@dataclass(frozen=True)
class BoundColumn:
    """
    A column resolved for a model.

    Attributes:
        sort: its name in the query string's ``sort``; empty if the list cannot be sorted by it.
        related: the relation that it shows, or shows a field of, as ``select_related`` takes it;
            empty if none.
        source: the method that returns its value; None for a field.
    """

    name: str
    label: str
    css: str
    sort: str
    related: str
    field: Any
    source: Any = None

    def value(self, row: models.Model) -> Any:
        """Return the unformatted value, or None. Datetimes are in the current time zone."""
        if self.source is not None:
            return self.source(row)
        value: Any = row
        for part in self.name.split("__") if self.name != "__str__" else ["__str__"]:
            try:
                value = getattr(value, part)
            except ObjectDoesNotExist:
                return None
            if value is None:
                return None
            if callable(value) and not isinstance(value, models.Manager):
                value = value()
        if self.field is not None and self.field.choices:
            return dict(self.field.flatchoices).get(value, value)
        if isinstance(value, models.Manager):
            return ", ".join(map(str, value.all()))
        if isinstance(value, datetime.datetime) and timezone.is_aware(value):
            return timezone.localtime(value)
        return value

    def text(self, value: Any) -> Any:
        """Return a value formatted for display in the current language."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return _("Yes") if value else _("No")
        if isinstance(value, datetime.datetime):
            return formats.date_format(value, "DATETIME_FORMAT")
        if isinstance(value, datetime.date):
            return formats.date_format(value, "DATE_FORMAT")
        if isinstance(value, (list, tuple)):
            return ", ".join(map(str, value))
        return formats.localize(value)

    def cell(self, row: models.Model, *, links: bool) -> Cell:
        """Return the cell of a row, with a link to the row if ``links``, else to a related row."""
        value = self.value(row)
        target: Any = row if links else self._related_row(row)
        url = target.get_absolute_url() if hasattr(target, "get_absolute_url") else ""
        return Cell(self.text(value), url, self)

    def _related_row(self, row: Any) -> Any:
        for part in self.related.split("__") if self.related else ():
            row = getattr(row, part, None)
        return row if self.related else None


def bind(
    view: Any, model: type[models.Model], display: Sequence[str | Column], sortable: Iterable[str]
) -> list[BoundColumn]:
    """
    Resolve columns for a model.

    Args:
        view: the view whose methods may be named; they are called with a row.
        sortable: the names in ``ordering_fields``. A relation is sorted by its key, under either of
            its names.

    Raises:
        ImproperlyConfigured: a name is neither a field, a path of fields nor a method.
    """
    allowed = set(sortable)
    return [
        _bind(view, model, item if isinstance(item, Column) else Column(item), allowed)
        for item in display
    ]


def _bind(view: Any, model: type[models.Model], column: Column, sortable: set[str]) -> BoundColumn:
    name = column.name
    source = getattr(view, name, None) if not name.startswith("__") else None
    method = source if callable(source) else getattr(model, name, None)
    field, related = (None, "") if callable(source) else _field(model, name)
    if field is None and not callable(method) and not isinstance(method, property):
        raise ImproperlyConfigured(
            f"{type(view).__name__}: {name!r} is neither a field or method of {model._meta.label} "
            "nor a method of the view."
        )
    label = column.label or getattr(method, "short_description", "") or _label(model, name, field)
    sorts = _sorts(name, field, method)
    css = f"{column.css} aw-number".strip() if _is_number(field) else column.css
    return BoundColumn(
        name,
        capfirst(str(label)),
        css,
        next((sort for sort in sorts if sort in sortable), ""),
        related,
        field,
        source if callable(source) else None,
    )


def _field(model: type[models.Model], path: str) -> tuple[Any, str]:
    """Return the field at the end of a path, and the path of its single related row."""
    related: list[str] = []
    found: Any = None
    owner: Any = model
    for part in path.split("__"):
        try:
            found = owner._meta.pk if part == "pk" else owner._meta.get_field(part)
        except (FieldDoesNotExist, AttributeError):
            return None, ""
        if (
            found.is_relation
            and (found.many_to_one or found.one_to_one)
            and part != getattr(found, "attname", None)
        ):
            related.append(part)
        owner = found.related_model
    return found, "__".join(related)


def _label(model: type[models.Model], name: str, field: Any) -> str:
    if name == "__str__":
        return str(model._meta.verbose_name)
    verbose = getattr(field, "verbose_name", None)
    return (
        str(verbose)
        if verbose is not None and "__" not in name
        else name.replace("__", " ").replace("_", " ")
    )


def _sorts(name: str, field: Any, method: Any) -> Iterator[str]:
    """Yield the names that make a column sortable; the first is its name in the query string."""
    yield name
    if field is not None and "__" not in name:
        yield from (field.name, getattr(field, "attname", field.name))
        if getattr(field, "primary_key", False):
            yield "pk"
    # As the admin's display() sets it.
    if (order := getattr(method, "admin_order_field", None)) is not None:
        yield str(order)
    first, _separator, rest = name.partition("__")
    if rest:
        # A column that shows a field of a related row may be sorted by the key, which is in the
        # table itself.
        yield from (first, f"{first}_id")


def _is_number(field: Any) -> bool:
    numeric = (models.IntegerField, models.FloatField, models.DecimalField, models.DurationField)
    return isinstance(field, numeric) and not field.choices


def related_paths(columns: Iterable[BoundColumn]) -> tuple[list[str], list[str]]:
    """Return the relations of the columns, for ``select_related`` and for ``prefetch_related``."""
    single = dict.fromkeys(column.related for column in columns if column.related)
    many = dict.fromkeys(
        column.name
        for column in columns
        if column.field is not None and (column.field.many_to_many or column.field.one_to_many)
    )
    return list(single), list(many)
