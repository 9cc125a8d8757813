"""
Random histories of the library, with the query cache on: they go on Appwrite as they go on SQLite.

On local servers of each kind (``tests.kinds``). ``make random-histories`` lives many more; with ``REDIS`` set to an address
(``redis://127.0.0.1:6379/0``) the cache is there.
"""

import os

import pytest
from django.apps import apps
from django.core.cache import caches
from django.db import connections
from hypothesis import HealthCheck, given
from hypothesis import settings as told

from appwrite_orm_django.backend import by_value
from appwrite_orm_django.backend.base import DatabaseWrapper
from tests.differential import APPWRITE, twin
from tests.histories import histories
from tests.histories.living import begin, end, live
from tests.histories.vocabulary import MODELS
from tests.kinds import KINDS, kind_settings, kinds_of_servers
from tests.library.models import Book, Everything, Review

EXAMPLES = int(os.environ.get("RANDOM_HISTORIES", "4"))
REDIS = os.environ.get("REDIS")


@pytest.fixture(scope="module")
def servers(django_db_setup, django_db_blocker):
    """Make the library's tables on a server of each kind."""
    ours = connections[APPWRITE]
    with django_db_blocker.unblock():
        for kind in kinds_of_servers():
            changed = settings_of(kind)
            connection = connections[APPWRITE] = DatabaseWrapper(
                {**ours.settings_dict, **changed}, APPWRITE
            )
            for model in connection.cached_models():
                if not model._meta.proxy:
                    with connection.schema_editor() as editor:
                        editor.create_model(model)
    connections[APPWRITE] = ours


def settings_of(kind):
    return kind_settings(*kind, database="histories", PAGE_SIZE=2, CACHE={})


@pytest.fixture(params=KINDS, ids="-".join)
def kind(request, servers, connect, django_db_blocker, settings, monkeypatch):
    if REDIS:
        settings.CACHES = {
            "default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": REDIS}
        }
    # These are cached by value, and all others by table.
    for model, names in {
        Book: ["author", "title"],
        Review: ["book"],
        Everything: ["integer"],
    }.items():
        monkeypatch.setattr(model, by_value.ATTRIBUTE, names, raising=False)
    apps.clear_cache()
    filled.clear()
    connect(**settings_of(request.param))
    with django_db_blocker.unblock():
        yield
        filled.clear()
        wipe(twin())  # nobody rolls back what was written here, and other modules compare with it
    monkeypatch.undo()
    apps.clear_cache()


#: Models that may have rows, by alias.
filled = {}


def wipe(alias):
    """Delete all rows; what is empty after a whole history is not looked at."""
    for model in reversed(filled.pop(alias, MODELS)):
        model._base_manager.using(alias).all()._raw_delete(alias)


@told(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(history=histories())
def test_goes_as_on_sqlite(history, kind):
    lived = []
    for alias in (twin(), APPWRITE):
        wipe(alias)
        caches["default"].clear()
        begin(alias)
        lived.append([*live(history, alias), end(alias)])
        filled[alias] = [model for model in MODELS if lived[-1][-1][model.__name__]]
    expected, found = lived
    for step, one, other in zip([*history, "the end"], expected, found, strict=True):
        assert other == one, f"{step!r}\nAppwrite: {other!r}\nSQLite:   {one!r}"
