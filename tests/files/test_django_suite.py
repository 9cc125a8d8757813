"""
Django's own tests of a ``FileField`` and of its storages on disk and in memory, run on a bucket.

They are in Django's source only: ``make django-suite`` downloads it. Those that cannot pass are
named with the reason, and must fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import django
import pytest

from tests.django_suite.source import cache_directory

SOURCE = cache_directory() / f"django-{django.__version__}" / "tests"

WRITES = "files in Appwrite are not changed, so open() has no mode for writing"
DIRECTORIES = "directories exist as parts of names only"
OTHERS = "looks at another storage, or at a path of the file system"
TIMES = "Appwrite keeps no time of the last access"
NOT_FOR_US = {
    "FileFieldStorageTests.test_create_file_field_from_another_file_field_in_memory_storage": OTHERS,
    "FileFieldStorageTests.test_custom_valid_name_callable_upload_to": OTHERS,
    "FileFieldStorageTests.test_extended_length_storage": OTHERS,
    "FileFieldStorageTests.test_file_object": OTHERS,
    "FileFieldStorageTests.test_filefield_write": WRITES,
    "FileSaveRaceConditionTest.test_race_condition": OTHERS,
    "FileStorageTests.test_base_url": OTHERS,
    "FileStorageTests.test_delete_deletes_directories": DIRECTORIES,
    "FileStorageTests.test_empty_location": OTHERS,
    "FileStorageTests.test_file_access_options": WRITES,
    "FileStorageTests.test_file_get_accessed_time": TIMES,
    "FileStorageTests.test_file_get_accessed_time_timezone": TIMES,
    "FileStorageTests.test_file_get_created_time": OTHERS,
    "FileStorageTests.test_file_get_modified_time": OTHERS,
    "FileStorageTests.test_file_methods_pathlib_path": OTHERS,
    "FileStorageTests.test_file_path": OTHERS,
    "FileStorageTests.test_file_save_broken_symlink": OTHERS,
    "FileStorageTests.test_file_save_with_path": DIRECTORIES,
    "FileStorageTests.test_file_save_without_name": OTHERS,
    "FileStorageTests.test_file_storage_preserves_filename_case": WRITES,
    "FileStorageTests.test_file_url": OTHERS,
    "FileStorageTests.test_listdir": DIRECTORIES,
    "FileStorageTests.test_makedirs_race_handling": DIRECTORIES,
    "FileStorageTests.test_remove_race_handling": OTHERS,
    "FileStorageTests.test_setting_changed": OTHERS,
    "MemoryStorageIOTests.test_convert_str_to_bytes_and_back": WRITES,
    "MemoryStorageIOTests.test_delete": DIRECTORIES,
    "MemoryStorageIOTests.test_exists": DIRECTORIES,
    "MemoryStorageIOTests.test_file_node_cannot_have_children": DIRECTORIES,
    "MemoryStorageIOTests.test_open_dir_as_file": WRITES,
    "MemoryStorageIOTests.test_removing_temporary_file_after_save": "the upload handler removes it when the request ends",
    "MemoryStorageIOTests.test_url": "without a base URL Django's has no addresses",
    "MemoryStorageIOTests.test_url_with_none_filename": "without a name there is no address",
    "MemoryStorageIOTests.test_write_string": WRITES,
    "MemoryStorageTimesTests.test_directory_times_changing_after_file_creation": DIRECTORIES,
    "MemoryStorageTimesTests.test_directory_times_changing_after_file_deletion": DIRECTORIES,
    "MemoryStorageTimesTests.test_file_accessed_time": TIMES,
    "MemoryStorageTimesTests.test_file_created_time": WRITES,
    "MemoryStorageTimesTests.test_file_modified_time": WRITES,
}

PROGRAM = """
import json, sys, unittest
sys.path.insert(0, sys.argv[1])
from django.conf import settings
settings.configure(
    SECRET_KEY="x", STATIC_URL="static/", USE_TZ=False, ROOT_URLCONF="file_storage.urls", DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        "appwrite": {
            "ENGINE": "appwrite_orm_django.backend", "HOST": "local:", "USER": "u", "PASSWORD": "p", "NAME": "d",
        },
    },
    INSTALLED_APPS=["appwrite_orm_django", "django.contrib.contenttypes", "django.contrib.auth", "file_storage"],
)
import django
django.setup()
from django.db import models
from django.test.runner import DiscoverRunner
from appwrite_orm_django.client import files
from appwrite_orm_django.client.errors import BucketNotFound
from appwrite_orm_django.client.files import FileRef
from appwrite_orm_django.storage import AppwriteStorage
import file_storage.models, file_storage.test_inmemory_storage, file_storage.tests

class Storage(AppwriteStorage):
    def __init__(self, *_, **__):
        super().__init__(bucket="media", database="appwrite", urls="public")

storage = Storage()
for field in file_storage.models.Storage._meta.get_fields():
    if isinstance(field, models.FileField):
        field.storage = storage
file_storage.models.temp_storage = file_storage.tests.temp_storage = storage
file_storage.test_inmemory_storage.InMemoryStorage = Storage
memory = file_storage.test_inmemory_storage
suite = unittest.TestSuite()
tests = file_storage.tests
tests.FileSystemStorage = tests.FileStorageTests.storage_class = Storage
for case in (
    tests.FileStorageTests, tests.ContentFileStorageTestCase, tests.FileLikeObjectTestCase, tests.FileSaveRaceConditionTest,
    tests.FileFieldStorageTests, memory.MemoryStorageIOTests, memory.MemoryStorageTimesTests,
):
    def emptied(self, original=case.setUp):
        try:
            for file in list(files.list_files(storage.transport, storage.bucket)):
                files.delete_file(storage.transport, FileRef(storage.bucket, file["$id"]))
        except BucketNotFound:
            pass
        original(self)
    case.setUp = emptied
    suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(case))
file_storage.tests.FileFieldStorageTests.databases = {"default", "appwrite"}
runner = DiscoverRunner(verbosity=0, interactive=False)
runner.setup_test_environment()
runner.setup_databases(aliases={"default": True, "appwrite": True})
result = runner.run_suite(suite)
failed = {
    ".".join(getattr(test, "test_case", test).id().split(".")[-2:])  # a subtest stands for its test
    for test, _ in (*result.errors, *result.failures)
}
print(json.dumps([result.testsRun, sorted(failed)]))
"""


@pytest.mark.local_only("runs on the local server")
@pytest.mark.skipif(
    not Path(SOURCE).is_dir(), reason="Django's tests are not here: make django-suite"
)
def test_djangos_tests_of_storages() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(SOURCE)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    count, failed = json.loads(ended.stdout.splitlines()[-1])
    assert failed == sorted(NOT_FOR_US)
    assert count - len(failed) >= 27
