"""``appwrite_delete_files``: files go with the rows that name them, after the commit."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, connections, models, transaction
from django.db.models import signals

from appwrite_orm_django.client import tables
from appwrite_orm_django.files import deleting
from appwrite_orm_django.users.accounts import appwrite_user
from tests.files.conftest import deleting_files
from tests.library.models import Everything

pytestmark = pytest.mark.django_db(databases=["appwrite"], transaction=True)


@pytest.fixture
def model(storage: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Everything]]:
    yield from deleting_files(storage, monkeypatch)


def make(model: Any, name: str = "a.txt", **values: Any) -> Any:
    return model.objects.create(file=ContentFile(b"content", name), **values)


def test_a_deleted_row_takes_its_file_along(model: Any, stored: Any) -> None:
    row, other = make(model), make(model, "b.txt")
    row.delete()
    assert stored() == {"b.txt": b"content"}
    model.objects.filter(pk=other.pk).delete()
    assert stored() == {}


def test_a_file_that_was_not_read_with_its_row_is_deleted(model: Any, stored: Any) -> None:
    first, second, third = (make(model, f"{number}.txt") for number in range(3))
    model.objects.only("char").get(pk=first.pk).delete()
    model.objects.filter(pk=second.pk).only("char").delete()
    model.objects.filter(pk=third.pk).defer("file").delete()
    assert stored() == {}
    assert not model.objects.exists()


def test_a_replaced_file_is_deleted(model: Any, stored: Any) -> None:
    row = make(model)
    row.file = ContentFile(b"new", "b.txt")
    row.save()
    assert stored() == {"b.txt": b"new"}
    again = model.objects.get(pk=row.pk)
    again.file.save("c.txt", ContentFile(b"newest"))
    assert stored() == {"c.txt": b"newest"}
    again.file = ""
    again.save()
    assert stored() == {}


def test_a_file_that_stays_is_kept(model: Any, stored: Any) -> None:
    row = make(model)
    row.char = "changed"
    row.save()
    row.file = ContentFile(b"not saved", "b.txt")
    row.save(update_fields=["char"])
    model.objects.get(pk=row.pk).save()
    assert "a.txt" in stored()


def test_nothing_is_deleted_before_the_commit(model: Any, stored: Any) -> None:
    row = make(model)
    with transaction.atomic(using="appwrite"):
        row.delete()
        assert stored() == {"a.txt": b"content"}
    assert stored() == {}


def test_a_rollback_keeps_the_file(model: Any, stored: Any) -> None:
    row = make(model)
    key = row.pk
    with pytest.raises(IntegrityError), transaction.atomic(using="appwrite"):
        row.delete()
        raise IntegrityError
    assert stored() == {"a.txt": b"content"}
    assert model.objects.get(pk=key).file.read() == b"content"


def test_a_file_that_another_row_names_is_kept(model: Any, stored: Any) -> None:
    row = make(model)
    other = model.objects.create(file="a.txt")
    row.delete()
    assert stored() == {"a.txt": b"content"}
    other.delete()
    assert stored() == {}


def test_a_change_by_another_client_in_between(model: Any, stored: Any) -> None:
    """What goes is the file that the row had, not the one that the object was read with."""
    row = make(model)
    late = model.objects.get(pk=row.pk)
    row.file.save("b.txt", ContentFile(b"b"))
    late.file.save("c.txt", ContentFile(b"c"))
    assert stored() == {"c.txt": b"c"}


def test_an_outdated_object_that_is_saved_for_another_field_deletes_nothing(
    model: Any, stored: Any
) -> None:
    key = make(model).pk
    fresh, late = model.objects.get(pk=key), model.objects.get(pk=key)
    fresh.file = ContentFile(b"b", "b.txt")
    fresh.save()
    late.char = "changed"
    late.save()
    assert stored() == {"b.txt": b"b"}
    row = model.objects.get(pk=key)
    assert (row.char, row.file.name) == ("changed", "b.txt")
    # And an object that has replaced its file, and is then outdated.
    model.objects.filter(pk=key).update(file="c.txt")
    model._meta.get_field("file").storage.save("c.txt", ContentFile(b"c"))
    fresh.save()
    assert stored() == {"b.txt": b"b", "c.txt": b"c"}
    assert model.objects.get(pk=key).file.name == "c.txt"


def test_a_save_that_leaves_the_file_alone_does_not_look_for_it(model: Any, requests: Any) -> None:
    row = model.objects.get(pk=make(model).pk)
    row.char = "changed"
    del requests[:]
    row.save()
    assert [request.method for request in requests] == ["PATCH"]


@pytest.mark.parametrize("is_of_another_object", [False, True])
def test_a_retried_update_or_create_stores_the_file_once(
    model: Any, stored: Any, *, is_of_another_object: bool
) -> None:
    row = make(model)
    attempts = []

    def lose_the_first_race() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            write = Thread(target=write_as_another_client)
            write.start()
            write.join()
        return "mine"

    def write_as_another_client() -> None:
        model.objects.filter(pk=row.pk).update(char="theirs")
        connections.close_all()

    new: Any = ContentFile(b"new", "b.txt")
    if is_of_another_object:  # whose file counts as uploaded after the first attempt
        new = model(file=new).file
    values = {"char": lose_the_first_race, "file": new}
    row, created = model.objects.update_or_create(pk=row.pk, defaults=values)
    assert (len(attempts), created, row.char) == (2, False, "mine")
    assert stored() == {model.objects.get(pk=row.pk).file.name: b"new"}


def test_a_file_that_another_field_of_the_row_names_is_kept(
    model: Any, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = models.FileField(null=True, storage=model._meta.get_field("file").storage)
    second.set_attributes_from_name("text")
    second.model = model
    monkeypatch.setattr(deleting, "file_fields", lambda _: [model._meta.get_field("file"), second])
    row = make(model)
    row.text, row.file = row.file.name, ""
    row.save()
    assert stored() == {"a.txt": b"content"}
    row.text = ""
    row.save()
    assert stored() == {}


@pytest.fixture
def row_security(appwrite: Any) -> Iterator[None]:
    """The rows of ``Everything`` are for whom their permissions say, as long as a test runs."""
    table = appwrite.table_ref(Everything._meta.db_table)
    name = Everything._meta.db_table

    def change(permissions: list[str], *, row_security: bool) -> None:
        tables.update_table(
            appwrite.key_transport, table, name=name, permissions=permissions,
            row_security=row_security, enabled=True,
        )  # fmt: skip

    before = tables.get_table(appwrite.key_transport, table)
    change(['create("users")'], row_security=True)
    yield
    change(before["$permissions"], row_security=before["rowSecurity"])


@pytest.mark.usefixtures("row_security")
def test_a_row_that_the_user_may_not_see_keeps_its_file(
    make_storage: Any, model: Any, local_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ann may delete her row and every file of the bucket, and does not see that bob's row names one."""
    open_to_users = ['create("users")', 'read("users")', 'delete("users")']
    storage = make_storage(bucket="shared", permissions=open_to_users)
    monkeypatch.setattr(Everything._meta.get_field("file"), "storage", storage)
    ann, bob = (local_user(name)["jwt"] for name in ("ann", "bob"))
    with appwrite_user(jwt=bob):
        bobs = make(model)
    with appwrite_user(jwt=ann):
        anns = model.objects.create(file="a.txt")
        alone = make(model, "b.txt")
        assert model.objects.count() == 2
        anns.delete()
        alone.delete()
    assert storage.listdir("") == ([], ["a.txt"])
    with appwrite_user(jwt=bob):
        bobs.delete()
    assert storage.listdir("") == ([], [])


def test_a_failed_deletion_does_not_hide_that_the_row_is_gone(
    model: Any, stored: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    row = make(model)
    storage = model._meta.get_field("file").storage
    monkeypatch.setattr(type(storage), "delete", lambda *_: 1 / 0)
    row.delete()
    assert "library.Everything.file: the file a.txt was not deleted" in caplog.text
    assert not model.objects.exists()
    assert stored() == {"a.txt": b"content"}


def test_without_the_option_django_leaves_files(
    storage: Any, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Everything._meta.get_field("file"), "storage", storage)
    make(Everything).delete()
    assert stored() == {"a.txt": b"content"}


@pytest.mark.parametrize("signal", ["pre_save", "post_save", "pre_delete", "post_delete"])
def test_a_signal_that_an_app_sends_itself_deletes_nothing(
    model: Any, stored: Any, signal: str
) -> None:
    row = make(model)
    row.file = "b.txt"
    getattr(signals, signal).send(sender=model, instance=row)
    assert stored() == {"a.txt": b"content"}
