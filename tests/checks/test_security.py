"""Checks of webhooks, realtime and users: each fires where it should, and nowhere else."""

import pytest

from appwrite_orm_django.checks import security

SECRET = "a secret of the tests"
URL = "https://shop.example.org/appwrite/webhook/"


@pytest.fixture
def ids(settings, monkeypatch):
    def run(check, *, middleware=(), entry=None, **options):
        for name, value in {"OPTIONS": options, **(entry or {})}.items():
            monkeypatch.setitem(settings.DATABASES["appwrite"], name, value)
        settings.MIDDLEWARE = list(middleware)
        found = check()
        assert all(
            one.hint.endswith(f"docs/reference/checks.md#{one.id.replace('.', '-').lower()}")
            for one in found
        )
        return [one.id.removeprefix("appwrite.") for one in found]

    return run


def webhook(**values):
    return {"URL": URL, "SECRETS": [SECRET], **values}


def test_secrets(ids, settings):
    assert ids(security.check_webhooks) == []
    assert ids(security.check_webhooks, WEBHOOK=webhook()) == []
    settings.SECRET_KEY = SECRET
    assert ids(security.check_webhooks, WEBHOOK=webhook()) == ["E040"]
    settings.SECRET_KEY = "another"
    assert ids(security.check_webhooks, WEBHOOK=webhook(), entry={"PASSWORD": SECRET}) == ["E040"]
    assert ids(security.check_webhooks, WEBHOOK={"NONSENSE": 1}) == [], "said by check_settings"


def test_realtime_without_a_session(ids):
    assert ids(security.check_webhooks, REALTIME={}) == ["W044"]
    assert ids(security.check_webhooks, REALTIME={"SESSION_SECRET": "s"}) == []


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (URL, []),
        ("https://x.example.org/", ["W040"]),
        ("https://x.example.org/admin/", ["W040"]),
        (f"{URL}?a=1", []),
    ],
)
def test_the_address_leads_to_the_endpoint(ids, url, found):
    assert ids(security.check_urls, WEBHOOK=webhook(URL=url)) == found


def test_the_address_below_a_script_name(ids, monkeypatch):
    monkeypatch.setattr(security, "get_script_prefix", lambda: "/shop/")
    assert (
        ids(
            security.check_urls, WEBHOOK=webhook(URL="https://x.example.org/shop/appwrite/webhook/")
        )
        == []
    )


def test_the_middleware_and_the_session(ids):
    ours, sessions = security.MIDDLEWARE, security.SESSIONS
    users = {"SESSION_KEY": "jwt"}
    assert ids(security.check_users, USERS=users) == []
    assert ids(security.check_users, middleware=[sessions, ours], USERS=users) == []
    assert ids(security.check_users, middleware=[ours, sessions], USERS=users) == ["E041"]
    assert ids(security.check_users, middleware=[ours]) == []
    assert ids(security.check_users, middleware=[ours], USERS={"ANONYMOUS": "key"}) == ["W043"]


def test_djangos_own_tables_are_not_read_as_the_visitor(ids, monkeypatch):
    monkeypatch.setattr(security.router, "db_for_read", lambda model: "appwrite")
    assert ids(security.check_users, middleware=[security.MIDDLEWARE]) == ["E042", "E042"]


def test_before_it_is_deployed(ids, settings):
    assert ids(security.check_deployment) == []
    assert ids(security.check_deployment, WEBHOOK=webhook(URL="http://x.example.org/a/")) == [
        "W041",
        "W042",
    ]
    assert ids(security.check_deployment, REALTIME={"SESSION_SECRET": "s"}) == ["W042"]
    settings.CACHES = {
        "default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://x"}
    }
    assert ids(security.check_deployment, WEBHOOK=webhook(), REALTIME={"SESSION_SECRET": "s"}) == []
    ours = [security.MIDDLEWARE]
    for host, found in (
        ("http://x/v1", ["W045"]),
        ("http://127.0.0.1/v1", []),
        ("https://x/v1", []),
    ):
        assert ids(security.check_deployment, middleware=ours, entry={"HOST": host}) == found
