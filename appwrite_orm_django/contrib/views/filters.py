"""Make the form above a list, with a search field and a field for each filter."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from django import forms
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from appwrite_orm_django.contrib.forms import CachedModelChoiceField

__all__ = ["Filter", "SearchForm", "filter_fields", "search_condition"]

Filter: TypeAlias = "str | tuple[str, forms.Field]"

# Maximum length of a search text, in characters.
_MAX_SEARCH = 100
# Parameters of the query string that are not filters.
RESERVED = ("q", "sort", "page", "cursor", "export")


class SearchForm(forms.Form):
    """The form for a list's query string. Subclasses add a field named as the lookup per filter."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=_MAX_SEARCH,
        strip=True,
        widget=forms.TextInput(
            attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}
        ),
    )

    def filters(self) -> dict[str, Any]:
        """Return the lookups and values of the filters that are set and valid."""
        cleaned = getattr(self, "cleaned_data", {})
        return {
            name: value
            for name, value in cleaned.items()
            if name not in RESERVED and value not in (None, "")
        }

    @property
    def is_narrowing(self) -> bool:
        """Whether a search or a filter is set."""
        return bool(getattr(self, "cleaned_data", {}).get("q") or self.filters())


class _SinceField(forms.DateField):
    """A date that cleans to the start of that day, for a filter on datetimes."""

    is_end = False

    def clean(self, value: Any) -> datetime.datetime | None:
        day = super().clean(value)
        if day is None:
            return None
        try:
            midnight = datetime.datetime.combine(
                day + datetime.timedelta(days=self.is_end), datetime.time()
            )
        except OverflowError:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None
        return timezone.make_aware(midnight) if timezone.is_aware(timezone.now()) else midnight


class _UntilField(_SinceField):
    is_end = True


def filter_fields(model: type[models.Model], filters: Sequence[Filter]) -> dict[str, forms.Field]:
    """
    Return a form field for each filter, by lookup.

    Fields with choices, booleans and relations become a select, and dates two fields. Any other
    filter is given as a pair of a lookup and a form field whose cleaned value is looked up, such as
    ``("name__istartswith", forms.CharField(required=False))``.

    Raises:
        ImproperlyConfigured: a name is not a field, or has no default form field.
    """
    found: dict[str, forms.Field] = {}
    for item in filters:
        found.update([item] if isinstance(item, tuple) else _fields_for(model, item))
    return found


def _fields_for(model: type[models.Model], name: str) -> Iterator[tuple[str, forms.Field]]:
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist as error:
        raise ImproperlyConfigured(
            f"list_filter: {model._meta.label} has no field {name!r}."
        ) from error
    label = capfirst(str(getattr(field, "verbose_name", name)))
    if field.choices:
        choices = [("", _("All")), *((str(key), text) for key, text in field.flatchoices)]
        yield (
            name,
            forms.TypedChoiceField(
                label=label,
                required=False,
                choices=choices,
                coerce=field.to_python,
                empty_value=None,
            ),
        )
    elif isinstance(field, models.BooleanField):
        choices = [("", _("All")), ("yes", _("Yes")), ("no", _("No"))]
        yield (
            name,
            forms.TypedChoiceField(
                label=label, required=False, choices=choices, coerce=_is_yes, empty_value=None
            ),
        )
    elif field.is_relation and field.concrete:
        queryset = field.related_model._default_manager.all()
        yield (
            name,
            CachedModelChoiceField(queryset, label=label, required=False, empty_label=_("All")),
        )
    elif isinstance(field, models.DateField):
        picker = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        of_moments = isinstance(field, models.DateTimeField)
        since, until = (
            (_SinceField, _UntilField) if of_moments else (forms.DateField, forms.DateField)
        )
        yield f"{name}__gte", since(label=_("%s from") % label, required=False, widget=picker)
        yield (
            f"{name}__{'lt' if of_moments else 'lte'}",
            until(label=_("%s to") % label, required=False, widget=picker),
        )
    else:
        raise ImproperlyConfigured(
            f"list_filter: {model._meta.label}.{name} has no choices to filter by. Use a pair of a "
            "lookup and a form "
            f'field, such as ("{name}__istartswith", forms.CharField(required=False)).'
        )


def _is_yes(value: str) -> bool:
    return value == "yes"


# Searching

_PREFIXES = {"^": "istartswith", "=": "iexact", "@": "search"}


def search_condition(model: type[models.Model], names: Sequence[str], text: str) -> Q:
    """
    Return the condition that each word of a text is found in at least one of the fields.

    Args:
        names: as in the admin's ``search_fields``: ``name`` matches anywhere in the field,
            ``^name`` at its start, ``=name`` the whole field, and ``name__lookup`` with that
            lookup. All but the last ignore case.
    """
    lookups = [_lookup(model, name) for name in names]
    condition = Q()
    for word in text.split() if lookups else ():
        found = Q()
        for lookup in lookups:
            found |= Q(**{lookup: word})
        condition &= found
    return condition


def _lookup(model: type[models.Model], name: str) -> str:
    if (kind := _PREFIXES.get(name[:1])) is not None:
        return f"{name[1:]}__{kind}"
    owner: Any = model
    field: Any = None
    for part in name.split("__"):
        try:
            field = owner._meta.pk if part == "pk" else owner._meta.get_field(part)
        except (FieldDoesNotExist, AttributeError):
            if field is not None and field.get_lookup(part):
                return name
            raise ImproperlyConfigured(
                f"search_fields: {model._meta.label} has no {name!r}."
            ) from None
        owner = field.related_model
    return f"{name}__icontains"
