"""How suites of other projects are run and counted."""

import json
import os
import subprocess
import sys

import pytest

from tests.third_party import packages, page, running
from tests.third_party.environment import INSIDE, ROOT, library
from tests.third_party.packages import Package

SUITE = """
import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test import TestCase


class T(TestCase):
    def test_keys_begin_with_one(self):
        assert Group.objects.create(name="a").pk == 1

    def test_again(self):
        assert Group.objects.create(name="a").pk == 1

    def test_the_cache_in_a_table_is_in_memory(self):
        cache.set("a", 1)
        assert cache.get("a") == 1

    def test_that_fails(self):
        self.fail("on purpose")

    def test_on_sqlite(self):
        assert connection.vendor == "sqlite"


@pytest.mark.skip(reason="so it is")
def test_that_is_skipped():
    pass
"""
SETTINGS = """
SECRET_KEY = "tests"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "a/file"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "c"}}
INSTALLED_APPS = ("django.contrib.contenttypes", "django.contrib.auth")
USE_TZ = True
"""
CONFIGURED = f"""
from django.conf import settings

def pytest_configure():
    values = {{}}
    exec('''{SETTINGS}''', values)
    settings.configure(**{{key: value for key, value in values.items() if key.isupper()}})
    settings.INSTALLED_APPS += ("django.contrib.sessions",)
"""


def outcomes(directory, database, *options):
    written = directory / f"{database.partition(':')[0]}.jsonl"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (library(directory), INSIDE, directory))),
        "SUITE_DATABASE": database,
        "SUITE_OUTCOMES": str(written),
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "appwrite_suite", "-p", "no:randomly"]
    done = subprocess.run(
        [
            *command,
            "-p",
            "no:cacheprovider",
            "-o",
            "django_find_project=false",
            *options,
            "test_it.py",
        ],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert written.exists(), done.stdout + done.stderr
    found = {}
    for line in written.read_text().splitlines():
        entry = json.loads(line)
        found[entry["test"].rpartition("::")[2]] = entry["outcome"]
    return found


@pytest.mark.parametrize("way", ["a module", "configure()", "a function"])
def test_the_plugin_gives_a_suite_other_databases(tmp_path, monkeypatch, way):
    (tmp_path / "test_it.py").write_text(SUITE)
    options = []
    if way == "a module":
        (tmp_path / "itssettings.py").write_text(SETTINGS)
        options = ["--ds=itssettings"]
    elif way == "configure()":
        (tmp_path / "conftest.py").write_text(CONFIGURED)
    else:
        values = "return {key: value for key, value in globals().items() if key.isupper()}"
        (tmp_path / "runs.py").write_text(f"{SETTINGS}\ndef settings():\n    {values}\n")
        monkeypatch.setenv("SUITE_CONFIGURE", "runs.settings")
    common = {
        "test_keys_begin_with_one": "passed",
        "test_again": "passed",
        "test_the_cache_in_a_table_is_in_memory": "passed",
        "test_that_fails": "failed",
        "test_that_is_skipped": "skipped by Django",
    }
    assert outcomes(tmp_path, "sqlite", *options) == {**common, "test_on_sqlite": "passed"}
    assert outcomes(tmp_path, "local:", *options) == {**common, "test_on_sqlite": "failed"}


def test_what_passes_on_sqlite_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "RESULTS", tmp_path)
    monkeypatch.setattr(
        page,
        "reasons",
        lambda: [
            {"reason": "a limit", "tests": {"it": ["b", "a"]}},
            {"reason": "by chance", "tests": {"it": ["e"]}, "sometimes": True},
        ],
    )
    package = Package("it", "1.0")
    results = {
        "sqlite": {"a": "passed", "b": "passed", "c": "passed", "d": "passed", "e": "failed"},
        "appwrite": {"a": "passed", "b": "failed", "c": "skipped by Django", "e": "passed"},
    }
    for database, found in results.items():
        file = running.files_of(package, database)[0]
        file.parent.mkdir(exist_ok=True)
        lines = [*((test, "not run") for test in found), *found.items()]
        file.write_text(
            "".join(
                json.dumps({"test": test, "outcome": outcome, "message": ""}) + "\n"
                for test, outcome in lines
            )
        )
    assert [test.id for test in page.lost(package)] == ["b", "c", "d"]
    assert [test.id for test in page.unexplained(package)] == ["c", "d"]
    assert page.outdated(package) == {"a"}
    assert page.table([package]).splitlines()[-1] == "| it | 1.0 | 4 | 1 | 25.0% | 1 | 2 |"
    assert "2 x failed" not in page.causes([package])
    assert "skipped by Django" in page.causes([package])


def test_the_page_keeps_the_rows_of_suites_that_were_not_run_here(tmp_path, monkeypatch):
    here, there, never = Package("here", "1.0"), Package("there-too", "2.0"), Package("no", "3.0")
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(
        page,
        "reasons",
        lambda: [{"reason": "a limit", "tests": {"here": ["b"], "there-too": ["b", "c"]}}],
    )

    def write(*packages, results):
        monkeypatch.setattr(running, "RESULTS", tmp_path / results)
        for package in packages:
            for database, outcomes in (("sqlite", "pppp"), ("appwrite", "pffp")):
                file = running.files_of(package, database)[0]
                file.parent.mkdir(parents=True, exist_ok=True)
                for test, outcome in zip("abcd", outcomes, strict=True):
                    entry = {"test": test, "outcome": {"p": "passed", "f": "failed"}[outcome]}
                    with file.open("a") as lines:
                        lines.write(json.dumps({**entry, "outcome": "not run", "message": ""}))
                        lines.write("\n" + json.dumps({**entry, "message": ""}) + "\n")
        page.write([here, there, never])
        return page.PAGE.read_text()

    page.PAGE.write_text("")
    together = write(here, there, results="together")
    assert "| here | 1.0 | 4 | 2 | 50.0% | 1 | 1 |" in together
    assert "| there-too | 2.0 | 4 | 2 | 50.0% | 2 | 0 |" in together
    assert "| a limit | here 1, there-too 2 |" in together
    assert "- here: `c`" in together
    assert "Not run yet: no." in together
    # On another machine, where only one of them has been run.
    assert write(there, results="apart") == together
    # A row is of one version.
    page.PAGE.write_text(together.replace("| here | 1.0 |", "| here | 0.9 |"))
    assert "Not run yet: here, no." in write(there, results="apart")


def test_each_package_can_be_run():
    for name, package in packages.read().items():
        assert package.version
        assert package.paths, name
    listed = {name for limit in page.reasons() for name in limit["tests"]}
    assert listed <= set(packages.read())


def test_a_suite_sees_the_library_and_not_our_tests(tmp_path):
    assert {path.name for path in library(tmp_path).iterdir()} == {
        "appwrite_local",
        "appwrite_orm_django",
    }
    assert (library(tmp_path) / "appwrite_local").resolve() == ROOT / "appwrite_local"
