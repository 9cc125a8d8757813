"""``appwrite_migrate`` creates and changes the buckets that ``STORAGES`` and fields name."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import models
from django.test import override_settings
from django.test.utils import isolate_apps

from appwrite_orm_django.client import buckets as server
from appwrite_orm_django.client.errors import BucketNotFound
from appwrite_orm_django.files.buckets import buckets_of
from appwrite_orm_django.storage import AppwriteStorage
from tests.files.conftest import in_tests

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"])
BACKEND = "appwrite_orm_django.storage.AppwriteStorage"
LOCAL = {"BACKEND": "django.core.files.storage.FileSystemStorage"}


def storing(**buckets: dict[str, Any]) -> override_settings:
    named = {
        name: {"BACKEND": BACKEND, "OPTIONS": {"BUCKET": name, "DATABASE": "appwrite", **options}}
        for name, options in buckets.items()
    }
    return override_settings(STORAGES={"default": LOCAL, "staticfiles": LOCAL, **named})


@pytest.fixture(autouse=True)
def _no_bucket_is_left(appwrite: Any) -> Iterator[None]:
    yield
    for bucket in list(server.list_buckets(appwrite.key_transport)):
        server.delete_bucket(appwrite.key_transport, bucket["$id"])


def migrate(**options: Any) -> str:
    written = io.StringIO()
    call_command(
        "appwrite_migrate", database="appwrite", stdout=written, interactive=False, **options
    )
    return written.getvalue()


def bucket(appwrite: Any, name: str) -> dict[str, Any]:
    return server.get_bucket(appwrite.transport, in_tests(name))


def test_buckets_are_created_and_changed(appwrite: Any) -> None:
    with storing(media={"PERMISSIONS": ['read("any")'], "EXTENSIONS": ["jpg"], "MAX_SIZE": 5000}):
        with pytest.raises(SystemExit):
            migrate(check=True)
        assert f"+ bucket {in_tests('media')}" in migrate(plan=True)
        with pytest.raises(BucketNotFound):
            bucket(appwrite, "media")
        assert f"+ bucket {in_tests('media')}... OK" in migrate()
        assert "No changes." in migrate()
        migrate(check=True)
        found = bucket(appwrite, "media")
        assert found["name"] == "media"
        assert found["$permissions"] == ['read("any")']
        assert (found["allowedFileExtensions"], found["maximumFileSize"]) == (["jpg"], 5000)
    with storing(
        media={
            "PERMISSIONS": ['write("users")', 'read("any")'],
            "ENCRYPTION": False,
            "NAME": "Media",
        }
    ):
        plan = migrate()
        assert (
            f'~ bucket {in_tests("media")}: name media to Media, permissions [read("any")] to [write("users"), read("any")], '
            "allowedFileExtensions [jpg] to [], encryption True to False  (for new files only: encryption)"
        ) in plan
        assert "No changes." in migrate()
        # What the settings leave to the server is kept, although the server resets what is left out.
        assert bucket(appwrite, "media")["maximumFileSize"] == 5000


def test_permissions_are_not_removed_by_accident(appwrite: Any) -> None:
    with storing(media={"PERMISSIONS": ['read("any")']}):
        migrate()
    with storing(media={}):
        with pytest.raises(
            CommandError, match=rf"need --allow-destructive:\n  ~ bucket {in_tests('media')}"
        ):
            migrate()
        assert bucket(appwrite, "media")["$permissions"] == ['read("any")']
        migrate(allow_destructive=True)
        assert bucket(appwrite, "media")["$permissions"] == []


def test_only_empty_buckets_are_pruned(appwrite: Any) -> None:
    """A project's other buckets are those of its other clients."""
    with storing(media={}, empty={}, full={}):
        migrate()
        storages["full"].save("a.txt", ContentFile(b"kept"))
    with storing(media={}):
        plan = migrate()
        for name in ("empty", "full"):
            assert (
                f"= bucket {in_tests(name)}, which no storage names (--prune deletes it if it is empty)"
                in plan
            )
        plan = migrate(prune=True)
        assert f"- bucket {in_tests('empty')}: it is empty" in plan
        assert f"- bucket {in_tests('full')}" not in plan
    assert bucket(appwrite, "full")["$id"] == in_tests("full")
    with pytest.raises(BucketNotFound):
        bucket(appwrite, "empty")


def test_plans_for_programs(appwrite: Any) -> None:
    with storing(media={}):
        plan = json.loads(migrate(dry_run=True, format="json"))
    (step,) = plan["steps"]
    assert step == {
        "kind": "BucketStep", "table": None, "text": f"+ bucket {in_tests('media')}", "destructive": False, "warning": "",
    }  # fmt: skip
    ((method, path, body),) = plan["requests"]
    assert (method, path, body["bucketId"]) == ("POST", "/storage/buckets", in_tests("media"))


def test_a_site_without_files_asks_for_no_bucket(requests: Any) -> None:
    migrate(plan=True, prune=True)
    assert not [request for request in requests if "/storage" in request.path]


def test_fields_name_buckets_too() -> None:
    with isolate_apps("tests.library"), storing():

        class Picture(models.Model):
            file = models.FileField(storage=AppwriteStorage(bucket="pictures", database="appwrite"))

            class Meta:
                app_label = "library"

        from django.apps import apps

        original = apps.get_models
        apps.get_models = lambda *args, **kwargs: [*original(*args, **kwargs), Picture]  # type: ignore[method-assign]
        try:
            found = buckets_of("appwrite")
        finally:
            apps.get_models = original  # type: ignore[method-assign]
    assert [settings.bucket for settings in found] == [in_tests("pictures")]


def test_one_bucket_has_one_set_of_options() -> None:
    with (
        storing(one={"BUCKET": "media"}, two={"BUCKET": "media", "MAX_SIZE": 5}),
        pytest.raises(
            ImproperlyConfigured,
            match="different options for the bucket 'media': maximumFileSize None and 5",
        ),
    ):
        buckets_of("appwrite")


def test_tests_have_buckets_of_their_own(appwrite: Any) -> None:
    with storing(media={}):
        storage = storages["media"]
        assert storage.bucket == in_tests("media")
        storage.save("a.txt", ContentFile(b""))
        test = appwrite.settings_dict["TEST"].pop("APPWRITE_BUCKETS")
        try:
            assert storage.bucket == "media"
            with pytest.raises(BucketNotFound, match=r"Run manage.py appwrite_migrate"):
                storage.save("a.txt", ContentFile(b""))
        finally:
            appwrite.settings_dict["TEST"]["APPWRITE_BUCKETS"] = test
        assert in_tests("media") in test


def test_each_process_of_a_parallel_run_has_its_own(
    appwrite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "b" * 36
    for database, expected in [
        ("test_library", ["test-media", f"test-{long}"[:36]]),
        ("test_library_gw12", ["test-media-gw12", f"test-{'b' * 26}-gw12"]),
        ("test_library_3", ["test-media-3", f"test-{'b' * 29}-3"]),
    ]:
        monkeypatch.setitem(appwrite.settings_dict, "NAME", database)
        assert [in_tests("media"), in_tests(long)] == expected


def test_other_storages_are_not_made(appwrite: Any) -> None:
    """That of static files cannot be, in a project without STATIC_URL."""
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    media = {"BACKEND": BACKEND, "OPTIONS": {"BUCKET": "media", "DATABASE": "appwrite"}}
    with override_settings(
        STORAGES={"default": LOCAL, "staticfiles": static, "media": media}, STATIC_URL=None
    ):
        assert "media" in migrate(plan=True)


def test_a_storage_that_cannot_be_imported_is_named() -> None:
    with (
        override_settings(STORAGES={"default": LOCAL, "media": {"BACKEND": "nowhere.Storage"}}),
        pytest.raises(CommandError, match="nowhere"),
    ):
        migrate(plan=True)
