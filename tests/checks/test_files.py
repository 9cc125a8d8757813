"""Checks of storages: each fires where it should, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import checks
from django.db import models
from django.test import override_settings

from appwrite_orm_django.checks import files
from appwrite_orm_django.client import buckets
from appwrite_orm_django.documentation import address
from appwrite_orm_django.storage import AppwriteStorage
from tests.files.conftest import in_tests
from tests.library.models import Everything

BACKEND = "appwrite_orm_django.storage.AppwriteStorage"
DISK = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
# It cannot be made without STATIC_URL, and must not be.
STATIC = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}


def storing(backend: str = BACKEND, **named: dict[str, Any]) -> override_settings:
    ours = {
        name: {"BACKEND": backend, "OPTIONS": {"BUCKET": name, "DATABASE": "appwrite", **options}}
        for name, options in named.items()
    }
    return override_settings(
        STORAGES={"default": DISK, "staticfiles": STATIC, **ours}, STATIC_URL=None
    )


def texts(messages: Any) -> list[tuple[str, str]]:
    for message in messages:
        anchor = message.id.replace(".", "-").lower()
        assert message.hint.endswith(f"See {address('reference/checks', anchor)}")
    return [(message.id.removeprefix("appwrite."), message.msg) for message in messages]


def test_nothing_is_wrong() -> None:
    assert files.check_storages() == []
    with storing(media={"PERMISSIONS": ['read("any")'], "EXTENSIONS": ["jpg"]}, private={}):
        assert files.check_storages() == []
    with storing(media={"NOPE": 1}):
        assert files.check_storages([]) == [], "only some apps are checked"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"NOPE": 1}, "have no key 'NOPE'. Valid keys are ANTIVIRUS, BUCKET, "),
        ({"BUCKET": "no spaces"}, '"BUCKET" must be the id of a bucket'),
        ({"BUCKET": "x" * 37}, '"BUCKET" must be the id of a bucket'),
        ({"PERMISSIONS": ["any"]}, """"PERMISSIONS" has 'any'; a permission is written as read("any")"""),
        ({"FILE_PERMISSIONS": ["read(any)"]}, '"FILE_PERMISSIONS" has '),
        ({"UNIQUE_NAMES": "yes"}, '"UNIQUE_NAMES" must be True or False'),
        ({"DATABASE": "nope"}, "an entry of DATABASES that does not exist."),
        ({"DATABASE": "default"}, "an entry of DATABASES that is not on Appwrite."),
    ],
)  # fmt: skip
def test_wrong_options(options: dict[str, Any], problem: str) -> None:
    with storing(media=options, other={}):
        ((id_, text),) = texts(files.check_storages())
    assert (id_, text.startswith('STORAGES["media"]'), problem in text) == ("E050", True, True)


def test_options_are_not_a_dictionary() -> None:
    wrong = {"BACKEND": BACKEND, "OPTIONS": {1: 2}}
    with override_settings(STORAGES={"default": DISK, "staticfiles": DISK, "media": wrong}):
        assert [id_ for id_, _ in texts(files.check_storages())] == ["E050"]


def test_a_backend_that_cannot_be_imported() -> None:
    with storing("appwrite_orm_django.storage.Appwrite", media={}):
        ((id_, text),) = texts(files.check_storages())
    assert (id_, "Could not find backend" in text) == ("E050", True)


@pytest.mark.parametrize(("count", "wrong"), [(0, True), (1, False), (2, True)])
def test_the_database_need_not_be_named_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, count: int, wrong: bool
) -> None:
    aliases = ["appwrite", "second"][:count]
    monkeypatch.setattr(files, "appwrite_aliases", lambda: aliases)
    monkeypatch.setattr(files, "_conflicts", lambda _: iter(()))
    with storing(media={"DATABASE": None}):
        found = texts(files.check_storages())
    assert [id_ for id_, _ in found] == (["E050"] if wrong else [])
    if wrong:
        assert f"{count} entries of DATABASES are on Appwrite" in found[0][1]


def test_the_storage_of_a_field(monkeypatch: pytest.MonkeyPatch) -> None:
    field = Everything._meta.get_field("file")
    monkeypatch.setattr(field, "storage", AppwriteStorage(bucket="media", database="nope"))
    ((id_, text),) = texts(files.check_storages())
    assert (id_, text.startswith("The storage of library.Everything.file has")) == ("E050", True)
    monkeypatch.setattr(field, "storage", AppwriteStorage(bucket="Media", database="appwrite"))
    with storing(media={"PERMISSIONS": ['read("any")']}):
        ((id_, text),) = texts(files.check_storages())
    assert id_ == "E051"
    assert "Two storages have different options for the bucket 'Media'" in text


def test_files_that_this_site_would_serve(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.urls"
    assert files.check_urls() == []
    with storing(media={"URLS": "public"}):
        assert files.check_urls() == []
    with storing(media={"URLS": "django"}):
        ((id_, text),) = texts(files.check_urls())
        assert (id_, text.startswith('STORAGES["media"] has files')) == ("W050", True)
        settings.ROOT_URLCONF = "testproject.urls"
        assert files.check_urls() == []
    with storing(media={"URLS": "nonsense"}):
        assert files.check_urls() == [], "check_storages reports it"


@pytest.fixture
def transport(django_db_setup: None, appwrite: Any) -> Iterator[Any]:
    yield appwrite.key_transport
    for bucket in list(buckets.list_buckets(appwrite.key_transport)):
        buckets.delete_bucket(appwrite.key_transport, bucket["$id"])


def test_buckets_of_the_server(transport: Any, requests: Any) -> None:
    with storing(media={"PERMISSIONS": ['read("any")']}):
        assert files.check_buckets() == []
        assert files.check_buckets(databases=["default"]) == []
        assert requests == []
        name = in_tests("media")
        ((id_, text),) = texts(files.check_buckets(databases=["appwrite"]))
        assert (id_, text) == ("W051", f'The bucket {name!r} of "appwrite" is missing.')
        buckets.create_bucket(transport, name, {"name": "media"})
        ((id_, text),) = texts(files.check_buckets(databases=["appwrite"]))
        assert id_ == "W051"
        assert 'has other options: permissions [] to [read("any")]' in text
    with storing(media={}):
        assert files.check_buckets(databases=["appwrite"]) == []


@pytest.mark.local_only("disturbs the server")
def test_buckets_that_cannot_be_listed(transport: Any, appwrite_faults: Any) -> None:
    with storing(media={}), appwrite_faults("error,status=500,path=/storage/buckets"):
        ((id_, text),) = texts(files.check_buckets(databases=["appwrite"]))
    assert (id_, text.startswith('The buckets of "appwrite" could not')) == ("W052", True)


def test_they_run_with_the_command_and_once(settings: Any) -> None:
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS]):
        pass  # every app has been made ready again
    with storing(media={"NOPE": 1}):
        found = checks.run_checks()
    # Other tests define models that have errors of their own.
    of_settings = [one.id for one in found if one.msg.startswith('STORAGES["media"]')]
    assert of_settings == ["appwrite.E050"]


def test_a_field_of_another_storage_is_left_alone() -> None:
    assert isinstance(Everything._meta.get_field("file"), models.FileField)
    with storing():
        assert files.check_storages() == []
