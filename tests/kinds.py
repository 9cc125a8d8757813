"""Servers of different kinds, of which the same is asked."""

import pytest
from django.conf import settings
from django.db import connections

from appwrite_orm_django.backend.capabilities import feature_level
from tests import real

# Feature level and engine of the local servers that answer the same questions.
KINDS = [
    *((level, engine) for level in ("1.9", "2.x") for engine in ("mariadb", "postgresql")),
    ("1.9", "mongodb"),
]


def kind_settings(level, text, database="kinds", **options):
    """
    Return the settings of a server of a kind, in a database that all tests of this process have in common.

    A real server is of one kind; one of the 2.x line is also used as if it were older.
    """
    options = {"ENGINE": text, "CACHE": {"ENABLED": False}, **options}
    if server := real.server():
        if text != server.text or level not in ("1.9", real.level()):
            pytest.skip(f"another kind of server ({level}, {text})")
        options = {**server.options, "FEATURE_LEVEL": level, **options}
        return {"NAME": real.database_id(database), "OPTIONS": options}
    return {
        "HOST": f"local:?feature-level={level}&engine={text}#{database}",
        "NAME": database,
        "OPTIONS": options,
    }


def level_settings(level, database, **options):
    """Return the settings of a server of a feature level, on the engine of this run if there is one."""
    server = real.server()
    engine = server.text if server else settings.ENGINE
    if (level, engine) not in KINDS and not server:
        engine = "mariadb"
    return kind_settings(level, engine, database, **options)


_made = set()


def make_tables(connection, models):
    """
    Make the tables of models, once in each process; tell whether it was now.

    They stay for later tests: for those that leave them empty, and otherwise as they are.
    """
    made = (connection.settings_dict["HOST"], connection.database_id, tuple(models))
    if made in _made:
        return False
    for model in models:
        with connection.schema_editor() as editor:
            editor.create_model(model)
    _made.add(made)
    return True


def kinds_of_servers():
    """Return the kinds that the tests have servers of."""
    if server := real.server():
        return [(real.level(), server.text)]
    return KINDS


def level_of(connection):
    """Return the feature level of the server behind a connection."""
    return feature_level(connection, connection.table_ref("library_author"))


def by_nulls(low, high):
    """Return ``low`` if the engine orders nulls before all values, and ``high`` if after them."""
    return low if connections["appwrite"].engine.nulls_are_low else high


def respelled(text):
    """Return a text in another case, if the engine takes both for the same."""
    return text.swapcase() if connections["appwrite"].engine.folds_text else text
