"""``manage.py appwrite_schema``."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from appwrite_orm_django.schema.definitions import Column, Database, Table
from appwrite_orm_django.schema.exports import DIALECTS, FORMATS
from tests.schema.conftest import a_server, connect, migrate


def run(*args, **options):
    out = StringIO()
    call_command("appwrite_schema", *args, stdout=out, **options)
    return out.getvalue()


@pytest.mark.parametrize("format_", FORMATS)
def test_formats(format_):
    assert "library_book" in run(format=format_)
    assert "library_book" not in run("library", "Tag", format=format_)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects(dialect):
    assert "CREATE TABLE" in run("library", "Tag", format="sql", dialect=dialect)


def test_the_live_schema(behind_alias):
    transport = behind_alias(connect(a_server()), "shop")
    with pytest.raises(CommandError, match="There is no database shop"):
        run(live=True)
    migrate(transport, Database("shop", (Table("t", "T", (Column("a", "varchar", 5),)),)))
    assert [table["id"] for table in json.loads(run(live=True, format="json"))["tables"]] == ["t"]
    with pytest.raises(CommandError, match="Remove the app label"):
        run("library", live=True)
    transport.close()


def test_the_key_is_never_printed(monkeypatch):
    monkeypatch.setitem(connections["appwrite"].settings_dict, "PASSWORD", "sesame")
    for format_ in FORMATS:
        assert "sesame" not in run(format=format_)
