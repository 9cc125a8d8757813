"""Files of the user in force: uploaded and read with the user's own permissions."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile

from appwrite_orm_django.client import files
from appwrite_orm_django.client.errors import Unauthorized
from appwrite_orm_django.client.files import CHUNK_BYTES
from appwrite_orm_django.users.accounts import appwrite_user

BIG = b"0123456789" * (CHUNK_BYTES // 5)


@pytest.fixture
def users(local_user: Any) -> tuple[dict[str, str], dict[str, str]]:
    return local_user("ann")["jwt"], local_user("bob")["jwt"]


def permissions_of(storage: Any, name: str) -> list[str]:
    return files.get_file(storage.transport, storage.ref(name))["$permissions"]


@pytest.mark.parametrize("content", [b"by ann", BIG], ids=["whole", "chunks"])
def test_a_users_file_is_the_users_own(make_storage: Any, users: Any, content: bytes) -> None:
    ann, bob = users
    storage = make_storage(file_security=True, permissions=['create("users")'])
    storage.save("by the key", ContentFile(b""))
    with appwrite_user(jwt=ann):
        name = storage.save("a.txt", ContentFile(content))
        assert storage.open(name).read() == content
        assert storage.listdir("") == ([], ["a.txt"])
    own = [f'{action}("user:ann")' for action in ("read", "update", "delete")]
    assert permissions_of(storage, name) == own
    with appwrite_user(jwt=bob):
        with pytest.raises(FileNotFoundError, match="or the user may not read it"):
            storage.open(name)
        assert storage.listdir("") == ([], [])
        with pytest.raises(Unauthorized):
            storage.delete(name)
        # The name is taken, though bob cannot see by whom.
        assert storage.save("a.txt", ContentFile(b"by bob")) != "a.txt"
    assert storage.open(name).read() == content
    with appwrite_user(jwt=ann):
        storage.delete(name)
    assert not storage.exists(name)


def test_guests_may_what_the_bucket_allows(make_storage: Any) -> None:
    storage = make_storage(permissions=['read("any")'])
    storage.save("a.txt", ContentFile(b"open"))
    with appwrite_user(guest=True):
        assert storage.open("a.txt").read() == b"open"
        with pytest.raises(Unauthorized, match="made as a user, without the API key"):
            storage.save("b.txt", ContentFile(b""))


def test_permissions_of_files(make_storage: Any, users: Any) -> None:
    storage = make_storage(
        file_security=True, permissions=['create("users")'], file_permissions=['read("any")']
    )
    storage.save("by the key.txt", ContentFile(b"x"))
    assert permissions_of(storage, "by the key.txt") == ['read("any")']
    storage.save("big.bin", ContentFile(BIG))
    assert permissions_of(storage, "big.bin") == ['read("any")']
    with appwrite_user(jwt=users[0]):
        storage.save("by ann.txt", ContentFile(b"x"))
    assert permissions_of(storage, "by ann.txt") == ['read("any")']


def test_a_token_is_given_to_those_only_who_may_read_the_file(
    make_storage: Any, users: Any
) -> None:
    ann, bob = users
    storage = make_storage(file_security=True, permissions=['create("users")'], urls="token")
    storage.save("by the key", ContentFile(b""))
    with appwrite_user(jwt=ann):
        name = storage.save("a.txt", ContentFile(b"by ann"))
    for _ in range(2):  # without a kept token, and with one
        for other in ({"jwt": bob}, {"guest": True}):
            with appwrite_user(**other):
                assert "token=" not in storage.url(name)
        with appwrite_user(jwt=ann):
            assert "token=" in storage.url(name)
