"""Template filters for this package's own templates."""

from __future__ import annotations

import datetime
from typing import Any

from django import template
from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from appwrite_orm_django.contrib.pagination import AtLeast

register = template.Library()


@register.filter
def localize_number(value: Any) -> str:
    """Return a number with thousand separators, and with "+" if it is a lower bound."""
    more = "+" if isinstance(value, AtLeast) else ""
    return f"{number_format(int(value) if isinstance(value, int) else value, force_grouping=True)}{more}"


@register.filter
def unlocalized(value: float) -> str:
    """Return a number as an SVG attribute needs it, independent of the language."""
    return f"{value:g}"


@register.filter
def minute_time(number: int) -> str:
    """Return the local time of day of a minute, given in whole minutes of Unix time."""
    moment = datetime.datetime.fromtimestamp(number * 60, datetime.timezone.utc)
    return date_format(
        timezone.localtime(moment) if settings.USE_TZ else moment.replace(tzinfo=None), "H:i"
    )


@register.filter
def ago(moment: datetime.datetime) -> str:
    """Return how long ago a time was, in one unit."""
    now = datetime.datetime.now(datetime.timezone.utc)
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return _("%d s ago") % max(0, seconds)
    return _("%s ago") % timesince(moment, depth=1, now=now)


@register.filter
def model_label(model: type[models.Model]) -> str:
    """Return the label of a model, ``app_label.Model``."""
    return str(model._meta.label)
