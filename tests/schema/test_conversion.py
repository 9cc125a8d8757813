from __future__ import annotations

import pytest

from appwrite_orm_django.schema.conversion import CannotConvert, convert
from appwrite_orm_django.schema.definitions import Column, Encoding

TEXT, SHORT, LIST = (
    Column("c", "longtext"),
    Column("c", "varchar", 3),
    Column("c", "varchar", 3, array=True),
)
INTEGER, SMALL = Column("c", "bigint"), Column("c", "integer", min=0, max=9)
DOUBLE, BOOLEAN, MOMENT = Column("c", "double"), Column("c", "boolean"), Column("c", "datetime")
ENUM = Column("c", "enum", elements=("a", "b"))
DOUBLES = Column("c", "double", array=True)


def encoded(type_, kind, places=None, **options):
    return Column("c", type_, encoding=Encoding(kind, places, **options))


DATE, TIME = encoded("datetime", "date"), Column("c", "varchar", 32, encoding=Encoding("time"))
UUID, JSON = Column("c", "varchar", 36, encoding=Encoding("uuid")), encoded("longtext", "json")
PRICE, LONG = (
    encoded("bigint", "decimal", 2),
    Column("c", "varchar", 63, encoding=Encoding("long decimal", 40)),
)
OWN, SHORT_OWN = (Column("c", "varchar", size, encoding=Encoding("OwnCodec")) for size in (9, 3))
SMALL_DIFFERENCE = "0." + 39 * "0" + "1"


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
        ([None], LIST, ENUM, None),
        (["1", "2"], LIST, Column("c", "integer", array=True), [1, 2]),
        ("2026-01-01T00:00:00.123000Z", TEXT, MOMENT, "2026-01-01T00:00:00.123+00:00"),
        ("2026-01-01T00:00:00.000000", TEXT, DATE, "2026-01-01T00:00:00.000+00:00"),
        ("01:02:03.123456", TEXT, TIME, "01:02:03.123456"),
        ("0e-2000000", TEXT, PRICE, 0),
        ("1e-38", TEXT, LONG, "0." + 37 * "0" + "100"),
        ("1.00000000000000000000000000000000000", TEXT, DOUBLE, 1.0),
        ("1e-300", TEXT, DOUBLE, 1e-300),
        (1.0, DOUBLE, BOOLEAN, True),
        ("1." + 40 * "0", LONG, BOOLEAN, True),
        ([1 / 3], DOUBLES, DOUBLES, [1 / 3]),
        ([0.5], DOUBLES, DOUBLE, 0.5),
        ("3:16:17.4567", TEXT, TIME, "03:16:17.456700"),
        ("1988-05-05 3:16:17,456", TEXT, MOMENT, "1988-05-05T03:16:17.456+00:00"),
        ("1988-5-5", TEXT, DATE, "1988-05-05T00:00:00.000+00:00"),
        ('[1.10, 1e2, {"a": 1}]', TEXT, JSON, '[1.1, 100.0, {"a": 1}]'),
        (
            "{12345678-1234-5678-1234-567812345678}",
            TEXT,
            UUID,
            "12345678-1234-5678-1234-567812345678",
        ),
        (
            "urn:uuid:12345678123456781234567812345678",
            TEXT,
            UUID,
            "12345678-1234-5678-1234-567812345678",
        ),
        ("abc", OWN, SHORT_OWN, "abc"),
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
        ("1988-05-05 3:16:17.4567", TEXT, MOMENT, "more digits of a second"),
        ("1988-2-30", TEXT, DATE, "not a date in ISO 8601"),
        ("3:16:17.45678901", TEXT, TIME, "more digits of a second"),
        ("03:16:17+01:00", TEXT, TIME, "a time zone, which would be lost"),
        ("25:00", TEXT, TIME, "not a time in ISO 8601"),
        ("0999-12-31T23:59:59+00:00", TEXT, MOMENT, "not between the year 1000"),
        ("1000-01-01T00:00:00+01:00", TEXT, MOMENT, "not between the year 1000"),
        ("9999-12-31T23:59:59.001+00:00", TEXT, MOMENT, "not between the year 1000"),
        ("9999-12-31T23:59:59-01:00", TEXT, MOMENT, "not between the year 1000"),
        ("0001-01-01T00:00:00+01:00", TEXT, MOMENT, "not between the year 1000"),
        (5, INTEGER, MOMENT, "integer cannot be converted to datetime"),
        (["a", "b"], LIST, SHORT, "2 values for a column that holds one"),
        ("x", TEXT, Column("c", "point"), "no other type can be converted to a point"),
        ([None, "a"], LIST, SHORT, "2 values for a column that holds one"),
        ("2026-01-01T00:00:00.123456Z", TEXT, MOMENT, "more digits of a second than the 3"),
        ("2026-01-01T00:00:00,1234", TEXT, MOMENT, "more digits of a second than the 3|not a date"),
        # Python reads six digits and leaves out the others.
        (
            "2026-01-01T00:00:00.1230000001Z",
            TEXT,
            MOMENT,
            "more digits of a second than the 3|not a date",
        ),
        ("2026-01-01T00:00:00.0000001", TEXT, DATE, "which a date would lose|not a date"),
        ("01:02:03.1234567", TEXT, TIME, "more digits of a second than the 6|not a time"),
        # Another client has written a time of day, which the field does not show.
        ("2026-01-02T03:04:00.000+00:00", DATE, TEXT, "which a date would lose"),
        ("2026-01-02T00:00:00.001+00:00", DATE, MOMENT, "which a date would lose"),
        # Python's decimals round to 28 digits, and to zero below 1e-999999.
        (f"1.{SMALL_DIFFERENCE[2:]}", TEXT, DOUBLE, "more digits than the 14"),
        (f"1.{SMALL_DIFFERENCE[2:]}", LONG, DOUBLE, "more digits than the 14"),
        (f"1.{SMALL_DIFFERENCE[2:]}", LONG, BOOLEAN, "neither true nor false"),
        (f"1.{SMALL_DIFFERENCE[2:]}", LONG, INTEGER, "not a whole number"),
        ("1e-2000000", TEXT, PRICE, "more than 2 decimal places"),
        ("1e-2000000", TEXT, LONG, "more than 40 decimal places"),
        ("1e-400", TEXT, DOUBLE, "nearer to zero than any float"),
        ("1.2345678901234e-320", TEXT, DOUBLE, "more digits than the 14"),
        ([1 / 3], DOUBLES, DOUBLE, "more digits than the 14"),
        (0.5, DOUBLE, BOOLEAN, "neither true nor false"),
        ("9" * 5000, TEXT, INTEGER, "more digits than an integer column holds"),
        (str(-(2**63)), TEXT, INTEGER, "not between"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', TEXT, JSON, "the key 'c' twice"),
        ("[1.00000000000000000001]", TEXT, JSON, r"the number 1\.00000000000000000001"),
        ("1e-400", TEXT, JSON, "the number 1e-400"),
        ("1e400", TEXT, JSON, "the number 1e400"),
        ("[NaN]", TEXT, JSON, "not JSON"),
        ("[" * 200_000, TEXT, JSON, "nested too deeply"),
        # Python's UUID reads what its int() reads.
        ("+1234567812345678123456781234567", TEXT, UUID, "not a UUID"),
        ("1_345678123456781234567812345678", TEXT, UUID, "not a UUID"),
        ("abcd", OWN, SHORT_OWN, "4 characters exceed the maximum 3"),
        (
            "0000000000000005",
            encoded("varchar", "duration", row_id=True),
            encoded("bigint", "duration"),
            "another way",
        ),
    ],
)
def test_what_does_not_fit(value, before, after, reason):
    with pytest.raises(CannotConvert, match=reason):
        convert(value, before, after)
