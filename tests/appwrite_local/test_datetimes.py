"""The texts that PHP takes for datetimes."""

import pytest

from appwrite_local.datetimes import parse_datetime


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-02T03:04:05.678+00:00", "2020-01-02T03:04:05.678+00:00"),
        ("2020-01-02T03:04:05.9999Z", "2020-01-02T03:04:05.999+00:00"),
        ("2020-01-02", "2020-01-02T00:00:00.000+00:00"),
        ("2020-06", "2020-06-01T00:00:00.000+00:00"),
        ("2020-01-02 03:04:05 Europe/Berlin", "2020-01-02T02:04:05.000+00:00"),
        ("2020-02-30", "2020-03-01T00:00:00.000+00:00"),
        ("2020-01-02T24:00:00Z", "2020-01-03T00:00:00.000+00:00"),
        ("January 5 2020", "2020-01-05T00:00:00.000+00:00"),
        ("15 June 2020 10:00", "2020-06-15T10:00:00.000+00:00"),
        ("2020-W10-1", "2020-03-02T00:00:00.000+00:00"),
        ("20200102T030405Z", "2020-01-02T03:04:05.000+00:00"),
        ("@1577836800", "2020-01-01T00:00:00.000+00:00"),
        ("1000-01-01T00:00:00.000+00:00", "1000-01-01T00:00:00.000+00:00"),
        ("9999-12-31T23:59:59.000+00:00", "9999-12-31T23:59:59.000+00:00"),
    ],
)
def test_accepted(text: str, expected: str) -> None:
    assert parse_datetime(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "0999-12-31T23:59:59Z",
        "10000-01-01",
        "2020-13-01",
        "2020-01-02T25:00:00Z",
        "9999-12-31T23:59:59-10:00",
        "9999-12-31T23:59:59.001+00:00",
        "9999-12-31T23:59:59.0004Z",
    ],
)
def test_refused(text: str) -> None:
    assert parse_datetime(text) is None


@pytest.mark.parametrize(
    "text", ["", "now", "tomorrow", "yesterday", "+1 day", "2 weeks ago", "noon"]
)
def test_relative_texts_are_datetimes_too(text: str) -> None:
    assert parse_datetime(text) is not None
