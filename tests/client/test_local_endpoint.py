"""The endpoint ``local:``: the whole way through the transport, without a socket."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from appwrite_local.registry import forget
from appwrite_orm_django.client import columns, databases, errors, rows, tables
from appwrite_orm_django.client.operators import text_in_two_writes
from appwrite_orm_django.client.queries import equal, order_desc
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.transport import Transport

T = TableRef("shop", "product")


@pytest.fixture
def location():
    location = "local:#test_local_endpoint"
    yield location
    forget(location)


@pytest.fixture
def transport(location, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    transport = Transport(location, "demo", "secret")
    databases.create_database(transport, "shop", "Shop")
    tables.create_table(transport, T, "Product")
    for type_, key, options in (("varchar", "name", {"size": 60}), ("integer", "n", {})):
        columns.create_column(transport, T, type_, key, required=False, **options)
    return transport


def test_rows_go_in_and_out(transport):
    rows.create_rows(transport, T, [{"$id": f"r{n}", "name": "Tée", "n": n} for n in range(3)])
    page = rows.list_rows(transport, T, [equal("name", "tee"), order_desc("n")], total=True)
    assert (page["total"], [row["$id"] for row in page["rows"]]) == (3, ["r2", "r1", "r0"])
    assert rows.update_rows(transport, T, {"name": "x"}, [equal("n", 1)]) == 1
    assert rows.increment_column(transport, T, "r0", "n", 5)["n"] == 5
    rows.delete_row(transport, T, "r0")
    with pytest.raises(errors.RowNotFound):
        rows.get_row(transport, T, "r0")
    assert rows.delete_rows(transport, T) == 2


def test_transports_to_one_location_share_a_server(transport, location):
    rows.create_row(transport, T, "r", {"n": 1})
    assert rows.get_row(Transport(location, "demo", "secret"), T, "r")["n"] == 1
    with pytest.raises(errors.DatabaseNotFound):
        rows.get_row(Transport(location + "_other", "demo", "secret"), T, "r")
    forget(location + "_other")


@pytest.mark.parametrize(
    "text", ['{"method":"stringConcat","values":["!"]}', ' {"values":[],"method":"toggle"} ']
)
def test_text_that_looks_like_an_operator_is_stored_as_it_is(transport, text):
    rows.create_row(transport, T, "r", {"name": "before"})
    for data in text_in_two_writes({"name": text, "n": 5}):
        row = rows.update_row(transport, T, "r", data)
    assert row["name"] == rows.get_row(transport, T, "r")["name"] == text


def test_an_error_names_the_column(transport):
    with pytest.raises(errors.InvalidStructure) as caught:
        rows.create_row(transport, T, "r", {"name": "x" * 61})
    assert (caught.value.table, caught.value.column) == ("product", "name")


def test_a_location_that_is_none():
    with pytest.raises(ImproperlyConfigured, match=r'DATABASES\["a"\]\["HOST"\]: '):
        Transport("local:?nonsense=1", "demo", alias="a")


def test_the_local_server_is_not_even_imported_for_other_endpoints():
    code = (
        "import sys; from appwrite_orm_django.client.transport import Transport; Transport('https://x.example/v1', 'p');"
        "sys.exit(any(name.startswith('appwrite_local') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
