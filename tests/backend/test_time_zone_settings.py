"""Settings of time that a test overrides reach the private SQLite as well."""

import datetime

import pytest
from django.db.models import F
from django.db.models.functions import ExtractHour, TruncHour
from django.test import override_settings
from django.utils import timezone

from tests.library.models import Book, Everything

pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"], transaction=True)
MOMENT = datetime.datetime(2026, 6, 15, 22, 30, tzinfo=datetime.timezone.utc)
EVALUATED_HERE = {
    "hour": (lambda: ExtractHour("datetime"), 17),
    "truncated": (lambda: TruncHour("datetime"), MOMENT.replace(minute=0)),
}


@pytest.mark.parametrize("name", EVALUATED_HERE)
@pytest.mark.parametrize("first", [{"USE_TZ": False}, {"TIME_ZONE": "Asia/Tokyo"}], ids=str)
def test_a_query_after_an_overridden_one(first, name):
    expression, expected = EVALUATED_HERE[name]
    Everything.objects.create(datetime=MOMENT)
    with (
        override_settings(TIME_ZONE="America/Chicago", **first)
        if "USE_TZ" in first
        else (override_settings(**first))
    ):
        list(Book.objects.annotate(x=F("pages") + 1).order_by("x"))
        list(Everything.objects.annotate(x=expression()).order_by("x"))
    with override_settings(USE_TZ=True, TIME_ZONE="America/Chicago"), timezone.override(None):
        (found,) = (
            Everything.objects.annotate(x=expression()).order_by("x").values_list("x", flat=True)
        )
    assert found == expected
