"""Connections of aliases that are on Appwrite, and of others."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from appwrite_orm_django.backend.aliases import appwrite_connection, is_appwrite


def test_the_connection_of_an_appwrite_alias() -> None:
    assert appwrite_connection("appwrite") is connections["appwrite"]
    assert is_appwrite(connections["appwrite"])


def test_an_alias_on_another_database_is_refused_with_its_engine() -> None:
    assert not is_appwrite(connections["default"])
    with pytest.raises(ImproperlyConfigured) as refused:
        appwrite_connection("default")
    assert str(refused.value) == (
        'DATABASES["default"] is not an Appwrite database: its "ENGINE" is "django.db.backends.sqlite3".\n'
        'Name an alias whose "ENGINE" is "appwrite_orm_django.backend".'
    )
