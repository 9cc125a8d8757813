"""Writes made with the client itself, past the ORM, invalidate as the ORM's own do."""

import pytest
from django.db import connections, transaction

from appwrite_orm_django.client import rows, transactions
from appwrite_orm_django.client.errors import RowNotFound
from appwrite_orm_django.signals import rows_changed
from tests.library.models import Country, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def tag():
    return Tag.objects.create(name="novel")


@pytest.fixture
def table():
    connection = connections["appwrite"]
    return connection.table_ref("library_tag")


def names():
    return list(Tag.objects.order_by("name").values_list("name", flat=True))


CALLS = {
    "create": (
        lambda client, table, tag: rows.create_row(client, table, "x", {"name": "poem"}),
        ["novel", "poem"],
    ),
    "create many": (
        lambda client, table, tag: rows.create_rows(client, table, [{"$id": "x", "name": "poem"}]),
        ["novel", "poem"],
    ),
    "update": (
        lambda client, table, tag: rows.update_row(client, table, tag.pk, {"name": "poem"}),
        ["poem"],
    ),
    "update many": (
        lambda client, table, tag: rows.update_rows(client, table, {"name": "poem"}),
        ["poem"],
    ),
    "delete": (lambda client, table, tag: rows.delete_row(client, table, tag.pk), []),
    "delete many": (lambda client, table, tag: rows.delete_rows(client, table), []),
    "as the SDK calls": (
        lambda client, table, tag: client.call(
            "patch",
            f"{table.path}/rows/{tag.pk}",
            {"content-type": "application/json"},
            {"data": {"name": "poem"}},
        ),
        ["poem"],
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_raw_write_is_seen_by_the_next_read(tag, table, name):
    call, expected = CALLS[name]
    assert names() == ["novel"]
    assert Tag.objects.get(pk=tag.pk).name == "novel"
    call(connections["appwrite"].transport, table, tag)
    assert names() == expected
    assert list(Tag.objects.filter(pk=tag.pk).values_list("name", flat=True)) == expected[:1]


def test_a_raw_transaction_is_seen_after_its_commit(tag, table):
    client = connections["appwrite"].transport
    staged = transactions.create_transaction(client)["$id"]
    assert names() == ["novel"]
    rows.update_row(client, table, tag.pk, {"name": "poem"}, transaction_id=staged)
    assert Tag.objects.all().order_by("name").values_list("name", flat=True).is_cached()
    transactions.commit(client, staged)
    assert names() == ["poem"]


def test_a_raw_write_leaves_other_tables_and_rows_alone(tag, table, requests):
    other = Tag.objects.create(name="poem")
    Tag.objects.get(pk=other.pk)
    list(Country.objects.all())
    rows.delete_row(connections["appwrite"].transport, table, tag.pk)
    requests.clear()
    Tag.objects.get(pk=other.pk)
    list(Country.objects.all())
    assert not requests


def test_a_raw_write_inside_a_block_takes_effect_at_once(tag, table):
    assert names() == ["novel"]
    with transaction.atomic(using="appwrite"):
        rows.update_row(connections["appwrite"].transport, table, tag.pk, {"name": "poem"})
        assert names() == ["poem"]
        assert Tag.objects.values("name").get() == {"name": "poem"}
    assert names() == ["poem"]


def test_a_raw_write_is_told_to_those_who_listen(tag, table):
    heard = []

    def listen(sender, **values):
        heard.append((sender, values["table"], values["pks"], values["operation"]))

    rows_changed.connect(listen)
    try:
        rows.delete_row(connections["appwrite"].transport, table, tag.pk)
        with pytest.raises(RowNotFound):
            rows.update_row(connections["appwrite"].transport, table, tag.pk, {"name": "poem"})
    finally:
        rows_changed.disconnect(listen)
    assert heard == [(None, "library_tag", (tag.pk,), "delete")]


@pytest.mark.parametrize("block", [False, True])
def test_the_backends_own_writes_are_told_once(tag, monkeypatch, block):
    bumps = []
    store = connections["appwrite"].cache.core.store
    bump = store.bump
    monkeypatch.setattr(
        store, "bump", lambda *args, **more: bumps.append(args) or bump(*args, **more)
    )
    if block:
        with transaction.atomic(using="appwrite"):
            Tag.objects.filter(pk=tag.pk).update(name="poem")
            Tag.objects.create(name="essay")
    else:
        Tag.objects.filter(pk=tag.pk).update(name="poem")
    assert len(bumps) == 2
