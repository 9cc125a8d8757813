"""
The changes that a suite gets: other databases in its settings, no cache in a table, and a record of its outcomes.

pytest loads this plugin before it reads the suite's settings. It imports nothing of ``tests``: a suite has a package of that name
itself. ``SUITE_DATABASE`` is "sqlite" or the HOST of a local server, ``SUITE_OUTCOMES`` the file for the outcomes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django import conf
from django.utils.module_loading import import_string

DATABASE = os.environ["SUITE_DATABASE"]
OUTCOMES = Path(os.environ["SUITE_OUTCOMES"])
LIBRARY = "appwrite_orm_django"
#: Its table is made by SQL, which Appwrite has not: such a cache belongs in another database.
CACHE_IN_A_TABLE = "django.core.cache.backends.db.DatabaseCache"
KEPT = ("ATOMIC_REQUESTS", "AUTOCOMMIT", "TIME_ZONE")


def databases(given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a suite's databases with the engine of this run; those that mirror another one go on doing so."""
    return {alias: {**_engine(alias), **_kept(entry)} for alias, entry in given.items()}


def _kept(entry: dict[str, Any]) -> dict[str, Any]:
    test = {
        key: entry["TEST"][key]
        for key in ("MIRROR", "DEPENDENCIES")
        if key in entry.get("TEST", {})
    }
    return {**{key: entry[key] for key in KEPT if key in entry}, "TEST": test}


def _engine(alias: str) -> dict[str, Any]:
    if DATABASE == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    return {
        "ENGINE": "appwrite_orm_django.backend",
        "HOST": DATABASE,
        "NAME": re.sub(r"[^a-z0-9]", "_", alias.lower()),
        "USER": "tests",
        "PASSWORD": "tests",
        # The suites count queries, and a read from the cache is none.
        "OPTIONS": {"KEYS_FROM_ONE": True, "CACHE": {"ENABLED": False}},
    }


def caches(given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a suite's caches, on both databases with those in memory that it has in a table."""
    memory = "django.core.cache.backends.locmem.LocMemCache"
    return {
        alias: {**entry, "BACKEND": memory} if entry["BACKEND"] == CACHE_IN_A_TABLE else entry
        for alias, entry in given.items()
    }


def installed(apps: Sequence[str]) -> Sequence[str]:
    """Return a suite's apps, with the library's before them; suites may add apps later."""
    ours = () if DATABASE == "sqlite" or LIBRARY in apps else (LIBRARY,)
    # Of the same type: suites add to it.
    return type(apps)([*ours, *apps])  # type: ignore[call-arg]  # a list or a tuple


# Their names are Django's: tests compare the names of settings.
class Settings(conf.Settings):
    def __init__(self, module: str) -> None:
        super().__init__(module)
        self.DATABASES = databases(self.DATABASES)
        self.CACHES = caches(self.CACHES)
        self.INSTALLED_APPS = installed(self.INSTALLED_APPS)


class UserSettingsHolder(conf.UserSettingsHolder):
    """What ``settings.configure()`` fills; ``override_settings`` makes others on top of it, which are left alone."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(self.__dict__.get("default_settings"), ModuleType):
            if name == "DATABASES":
                value = databases(value)
            elif name == "CACHES":
                value = caches(value)
            elif name == "INSTALLED_APPS":
                value = installed(value)
        super().__setattr__(name, value)


# Settings are made by these two names, from a module or by settings.configure().
conf.Settings, conf.UserSettingsHolder = Settings, UserSettingsHolder  # type: ignore[misc]


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Configure the settings of a suite whose own script does it: ``SUITE_CONFIGURE`` names a function that returns them."""
    if function := os.environ.get("SUITE_CONFIGURE"):
        conf.settings.configure(**import_string(function)())


def _write(test: str, outcome: str, message: str = "") -> None:
    with OUTCOMES.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"test": test, "outcome": outcome, "message": message[:300]}) + "\n")


def _said(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(report.longrepr if crash is None else crash.message).strip().splitlines()
    return "" if not lines else lines[0] if crash is not None else lines[-1]


def pytest_collection_finish(session: pytest.Session) -> None:
    for item in session.items:
        _write(item.nodeid, "not run")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _write(report.nodeid, "not run")
        _write(report.nodeid, "error", _said(report))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if hasattr(report, "wasxfail"):
        # What the suite expects to fail does so everywhere.
        _write(report.nodeid, "failed" if report.failed else "passed")
    elif report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _write(report.nodeid, "skipped by Django", reason)
    elif report.failed:
        _write(report.nodeid, "failed" if report.when == "call" else "error", _said(report))
    elif report.when == "call":
        _write(report.nodeid, "passed")
