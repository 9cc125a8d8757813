"""A storage per test, whose bucket is emptied after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models import signals

from appwrite_orm_django.client import buckets, files
from appwrite_orm_django.client.errors import BucketNotFound
from appwrite_orm_django.client.files import FileRef
from appwrite_orm_django.files.buckets import bucket_in_use
from appwrite_orm_django.files.deleting import watch_models
from appwrite_orm_django.files.settings import BucketSettings
from appwrite_orm_django.storage import AppwriteStorage
from tests.library.models import Everything


def in_tests(bucket: str) -> str:
    """Return the id of the bucket that this process uses instead."""
    return bucket_in_use("appwrite", BucketSettings(bucket))


@pytest.fixture
def make_storage(django_db_setup: None, appwrite: Any) -> Iterator[Callable[..., AppwriteStorage]]:
    made: list[AppwriteStorage] = []

    def make(**options: Any) -> AppwriteStorage:
        storage = AppwriteStorage(**{"bucket": "media", "database": "appwrite", **options})
        made.append(storage)
        return storage

    yield make
    for bucket in {storage.bucket for storage in made}:
        try:
            buckets.delete_bucket(appwrite.key_transport, bucket)
        except BucketNotFound:
            continue


@pytest.fixture
def storage(make_storage: Callable[..., AppwriteStorage]) -> AppwriteStorage:
    return make_storage()


@pytest.fixture
def stored(storage: AppwriteStorage) -> Callable[[], dict[str, bytes]]:
    """Return every file that the server has in the bucket, incomplete ones too, and its content."""

    def look() -> dict[str, bytes]:
        found = {}
        for file in files.list_files(storage.transport, storage.bucket):
            ref = FileRef(storage.bucket, file["$id"])
            whole = files.is_complete(file)
            found[file["name"]] = files.download(storage.transport, ref) if whole else None
        return found

    return look


def deleting_files(
    storage: AppwriteStorage, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[Everything]]:
    """Yield a model with ``appwrite_delete_files``, whose files are in a storage."""
    monkeypatch.setattr(Everything._meta.get_field("file"), "storage", storage)
    monkeypatch.setattr(Everything, "appwrite_delete_files", True, raising=False)
    watch_models(Everything)
    yield Everything
    used = ("post_init", "pre_delete", "post_delete", "pre_save", "post_save")
    for signal in (getattr(signals, name) for name in used):
        uid = f"appwrite_delete_files:{Everything._meta.label}"
        signal.disconnect(sender=Everything, dispatch_uid=uid)
