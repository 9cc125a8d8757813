"""Values in the words of the database, as the preview's recordings have them, and tolerantly in others'."""

import datetime
import decimal

import pytest
from django.db import models

from appwrite_orm_django.backend.planning.joins import reader_for
from appwrite_orm_django.backend.values import BinaryCodec, codec_for


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        (models.IntegerField(), "45", 45),
        (models.IntegerField(), "45.0000", 45),
        (models.BigIntegerField(), 1000000000009, 1000000000009),
        (models.FloatField(), "5.833333333333333", 5.833333333333333),
        (models.FloatField(), "-1e300", -1e300),
        (models.BooleanField(), "1", True),
        (models.BooleanField(), "0", False),
        (models.BooleanField(), "t", True),
        (models.BooleanField(), False, False),
        (models.CharField(max_length=9), "note 1", "note 1"),
        (models.DecimalField(max_digits=8, decimal_places=2), "1250", decimal.Decimal("12.50")),
        (models.DateField(), "2026-01-01 00:00:00.000", datetime.date(2026, 1, 1)),
        (models.DurationField(), "1500000", datetime.timedelta(seconds=1.5)),
        (models.TimeField(), "14:30:00.000000", datetime.time(14, 30)),
        *(
            (models.DateTimeField(), raw, datetime.datetime(2026, 1, 2, 6, 0, 0, 120000, tzinfo=datetime.timezone.utc))
            for raw in ("2026-01-02 06:00:00.120", "2026-01-02 06:00:00.12", "2026-01-02T06:00:00.120+00:00", "2026-01-02 06:00:00.120+00")
        ),
    ],
)  # fmt: skip
def test_values_are_read(field, raw, value):
    codec = codec_for(field)
    found = codec.decode(reader_for(codec)(raw))
    assert found == value
    assert type(found) is type(value)


def test_other_types_are_left_to_local_evaluation():
    assert reader_for(BinaryCodec()) is None
