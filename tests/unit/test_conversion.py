from __future__ import annotations

import pytest

from appwrite_orm_django.schema.conversion import CannotConvert, convert
from appwrite_orm_django.schema.definitions import Column

TEXT, SHORT, LIST = Column("c", "longtext"), Column("c", "varchar", 3), Column("c", "varchar", 3, array=True)
INTEGER, SMALL = Column("c", "bigint"), Column("c", "integer", min=0, max=9)
DOUBLE, BOOLEAN, MOMENT = Column("c", "double"), Column("c", "boolean"), Column("c", "datetime")
ENUM = Column("c", "enum", elements=("a", "b"))


@pytest.mark.parametrize(
    ("value", "before", "after", "converted"),
    [
        (None, TEXT, SMALL, None),
        (5, INTEGER, TEXT, "5"),
        (1.5, DOUBLE, TEXT, "1.5"),
        (True, BOOLEAN, TEXT, "true"),
        ("abc", TEXT, SHORT, "abc"),
        ("a", TEXT, ENUM, "a"),
        ("-7", TEXT, INTEGER, -7),
        (" +7 ", TEXT, INTEGER, 7),
        (9.0, DOUBLE, SMALL, 9),
        (True, BOOLEAN, SMALL, 1),
        ("1e3", TEXT, DOUBLE, 1000.0),
        (2, INTEGER, DOUBLE, 2.0),
        ("YES", TEXT, BOOLEAN, True),
        (0, INTEGER, BOOLEAN, False),
        ("2026-01-01", TEXT, MOMENT, "2026-01-01T00:00:00.000+00:00"),
        ("2026-01-01T02:00:00+02:00", TEXT, MOMENT, "2026-01-01T00:00:00.000+00:00"),
        ("abc", SHORT, LIST, ["abc"]),
        (["abc"], LIST, SHORT, "abc"),
        ([], LIST, SHORT, None),
        ([None, "a"], LIST, ENUM, "a"),
        (["1", "2"], LIST, Column("c", "integer", array=True), [1, 2]),
    ],
)
def test_what_fits(value, before, after, converted):
    result = convert(value, before, after)
    assert result == converted
    assert type(result) is type(converted)


@pytest.mark.parametrize(
    ("value", "before", "after", "reason"),
    [
        ("abcd", TEXT, SHORT, "4 characters exceed the maximum 3"),
        ("c", TEXT, ENUM, "not one of the elements"),
        ([1.0, 2.0], Column("c", "point"), TEXT, "point cannot be converted to text"),
        ("1.5", TEXT, INTEGER, "not a whole number"),
        (1.5, DOUBLE, INTEGER, "not a whole number"),
        ("10", TEXT, SMALL, "not between 0 and 9"),
        (str(2**63), TEXT, INTEGER, "not between"),
        ("x", TEXT, DOUBLE, "not a number"),
        ("inf", TEXT, DOUBLE, "not a finite number"),
        ("maybe", TEXT, BOOLEAN, "neither true nor false"),
        (2, INTEGER, BOOLEAN, "neither true nor false"),
        ("tomorrow", TEXT, MOMENT, "not a date in ISO 8601"),
        ("0999-12-31T23:59:59+00:00", TEXT, MOMENT, "not between the year 1000"),
        ("1000-01-01T00:00:00+01:00", TEXT, MOMENT, "not between the year 1000"),
        ("9999-12-31T23:59:59.001+00:00", TEXT, MOMENT, "not between the year 1000"),
        ("9999-12-31T23:59:59-01:00", TEXT, MOMENT, "not between the year 1000"),
        ("0001-01-01T00:00:00+01:00", TEXT, MOMENT, "not between the year 1000"),
        (5, INTEGER, MOMENT, "integer cannot be converted to datetime"),
        (["a", "b"], LIST, SHORT, "2 values for a column that holds one"),
        ("x", TEXT, Column("c", "point"), "no other type can be converted to a point"),
    ],
)
def test_what_does_not_fit(value, before, after, reason):
    with pytest.raises(CannotConvert, match=reason):
        convert(value, before, after)
