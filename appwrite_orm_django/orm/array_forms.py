"""The form field of ``ArrayField``."""

from __future__ import annotations

import base64
import datetime
import json
import math
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

__all__ = ["ArrayFormField"]


class ArrayFormField(forms.Field):
    """
    The form field of an ``ArrayField``.

    It accepts a JSON list, ``["2026-01-02", "2026-01-03"]``, or values separated by commas. Dates,
    times and datetimes are written in ISO 8601. Datetimes without an offset are in the current time
    zone, as in Django's own fields.

    Args:
        base_field: the model field of the elements, which parses each of them.
    """

    widget = forms.Textarea
    default_error_messages = {
        "invalid_list": _("Enter a list of values."),
        "item_invalid": _("Item %(number)s: %(messages)s"),
    }

    def __init__(self, *, base_field: models.Field[Any, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.base_field = base_field

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, (list, tuple, set, frozenset)):
            return json.dumps(
                [_shown(item) for item in value], ensure_ascii=False, cls=DjangoJSONEncoder
            )
        return value

    def to_python(self, value: Any) -> list[Any]:
        """
        Return the elements.

        Raises:
            ValidationError: the value is not a list, or an element is invalid; the message contains
                the number of the element.
        """
        if value in self.empty_values:
            return []
        items = self._listed(value.strip()) if isinstance(value, str) else value
        if not isinstance(items, (list, tuple, set, frozenset)):
            raise ValidationError(self.error_messages["invalid_list"], code="invalid_list")
        return [self._element(number, item) for number, item in enumerate(items, 1)]

    def _listed(self, text: str) -> Any:
        if text == "null":
            return []
        if text[:1] not in ("[", "{"):
            return [part.strip() for part in text.split(",") if part.strip()]
        # Decimals must keep every digit, and NaN must reach the field, which rejects it.
        parse_float = str if isinstance(self.base_field, models.DecimalField) else None
        try:
            return json.loads(text, parse_float=parse_float, parse_constant=str)
        except (ValueError, RecursionError):
            return None

    def _element(self, number: int, item: Any) -> Any:
        try:
            return self._read(item)
        except ValidationError as error:
            raise ValidationError(
                self.error_messages["item_invalid"],
                code="item_invalid",
                params={"number": number, "messages": " ".join(error.messages)},
            ) from error

    def _read(self, item: Any) -> Any:
        value = read_element(self.base_field, item)
        if isinstance(value, datetime.datetime):
            return forms.DateTimeField().to_python(value)  # in the current time zone
        return bytes(value) if isinstance(value, memoryview) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        if self.disabled:
            return False
        try:
            return self._comparable(initial) != self._comparable(data)
        except ValidationError:
            return True

    def _comparable(self, value: Any) -> list[Any]:
        # Compare types as well: 1 and True are equal in Python.
        return [(type(item), item) for item in self.to_python(value)]


def read_element(field: models.Field[Any, Any], item: Any) -> Any:
    """
    Convert an element from JSON to the type of the field.

    Unlike the field's own ``to_python()``, this neither truncates nor guesses.

    Raises:
        ValidationError: the element is of another type.
    """
    invalid = ValidationError(
        field.error_messages.get("invalid", _("Enter a valid value.")),
        code="invalid",
        params={"value": item},
    )
    if isinstance(item, (list, dict)) and not isinstance(field, models.JSONField):
        raise invalid
    if isinstance(item, float) and isinstance(field, models.IntegerField) and not item.is_integer():
        raise invalid
    if isinstance(item, (int, float)) and isinstance(field, _WRITTEN_AS_TEXT):
        raise invalid
    value = field.to_python(item)
    if isinstance(value, float) and not math.isfinite(value):
        raise invalid
    return value


_WRITTEN_AS_TEXT = (models.DateField, models.TimeField, models.DurationField, models.UUIDField)


def _shown(item: Any) -> Any:
    """
    Return an element as JSON writes it.

    Datetimes keep their microseconds, which Django's JSON encoder would cut to milliseconds.
    """
    if isinstance(item, datetime.datetime):
        return (timezone.localtime(item) if timezone.is_aware(item) else item).isoformat()
    if isinstance(item, (datetime.date, datetime.time)):
        return item.isoformat()
    if isinstance(item, (bytes, memoryview)):
        return base64.b64encode(item).decode()
    return str(item) if isinstance(item, datetime.timedelta) else item
