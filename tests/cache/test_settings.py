import pytest
from django.core.exceptions import ImproperlyConfigured

from appwrite_orm_django.conf import CacheSettings


def test_nothing_need_be_said():
    assert CacheSettings.read("appwrite", {}) == CacheSettings()
    assert CacheSettings().timeout == 300


def test_an_unknown_key_is_named_with_those_that_are_known():
    with pytest.raises(
        ImproperlyConfigured,
        match=r'DATABASES\["appwrite"\]\["OPTIONS"\]\["CACHE"\] has no key \'TTL\'. Valid keys are ALIAS, ',
    ):
        CacheSettings.read("appwrite", {"TTL": 5})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("TIMEOUT", -1),
        ("TIMEOUT", None),
        ("TIMEOUT", "300"),
        ("TIMEOUT", True),
        ("TIMEOUT", float("inf")),
        ("TIMEOUT", float("nan")),
        ("LOCK_TTL", 0),
        ("JITTER", 1),
        ("KEY_PREFIX", ""),
        ("KEY_PREFIX", "a b"),
        ("KEY_PREFIX", "é"),
        ("KEY_PREFIX", "x" * 41),
        ("TIMEOUTS", {"product": -5}),
        ("MAX_ENTRY_BYTES", -1),
        ("DIRECT_REDIS_READS", "no"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(key, value):
    with pytest.raises(ImproperlyConfigured, match=rf'\["{key}"\]'):
        CacheSettings.read("appwrite", {key: value})


def test_the_shortest_timeout_of_the_tables_counts():
    settings = CacheSettings.read(
        "appwrite", {"TIMEOUTS": {"product": 60, "shop": 900}, "MAX_BYTES": None}
    )
    assert settings.timeout_for(("product", "shop")) == 60
    assert settings.timeout_for(("shop",)) == 900
    assert settings.timeout_for(("category", "shop")) == 300
