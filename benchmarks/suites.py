"""
What users' test suites cost on the local server in the process, against SQLite in memory:
``python -m benchmarks.suites [--quick]``.

Each contender is a process in which Django's test runner does the same task once a round: it makes
the test database, or runs one class of ``benchmarks.readers.cases``.
"""

from __future__ import annotations

import io
import unittest
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from benchmarks.options import parse
from benchmarks.rounds import Contender, Figures, Report, interleave

CONTENDERS = ("local server", "sqlite")
TABLES = (40, 240)
#: Those of ``benchmarks.readers`` and of Django's apps, with their join tables, and of migrations.
OTHER_TABLES = 14


def prepare(name: str, tables: str = "0") -> dict[str, Callable[..., Any]]:
    import django
    from django.conf import settings

    settings.configure(
        USE_TZ=True,
        DATABASES={"default": _database(name)},
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            *(["appwrite_orm_django"] if name != "sqlite" else []),
            "benchmarks.readers",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        SECRET_KEY="only for benchmarks",  # noqa: S106
        STATIC_URL="/static/",
        ROOT_URLCONF="benchmarks.readers.urls",
        ALLOWED_HOSTS=["testserver"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TABLES=int(tables),
    )
    django.setup()
    from django.db import connection
    from django.test.utils import setup_test_environment

    setup_test_environment()
    old = connection.settings_dict["NAME"]

    def database() -> None:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        connection.creation.destroy_test_db(old, verbosity=0)

    def run(task: str) -> None:
        from benchmarks.readers import cases

        suite = unittest.defaultTestLoader.loadTestsFromTestCase(getattr(cases, task))
        result = unittest.TextTestRunner(io.StringIO()).run(suite)
        if not result.wasSuccessful():
            raise SystemExit("\n".join(text for _, text in (*result.errors, *result.failures)))

    if tables == "0":
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    return {"database": database, "run": run}


def _database(name: str) -> dict[str, Any]:
    if name == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    return {
        "ENGINE": "appwrite_orm_django.backend",
        "HOST": "local:",
        "USER": "tests",
        "PASSWORD": "tests",
        "NAME": "readers",
    }


TASKS = {
    "Fixtures": "10 tests over 200 rows of `setUpTestData`",
    "Small": "40 tests of a few rows",
    "GetOrCreate": "200 times `get_or_create` and `update_or_create`",
    "Admin": "16 pages of the admin",
    "Committed": "10 tests of `TransactionTestCase`",
}


def run(quick: bool) -> Report:
    report = Report(
        "suites",
        "Test suites",
        "Test cases as projects have them, on the local server in the process of the tests (cache on, MariaDB) and on SQLite in memory.",
        comparisons=(CONTENDERS,),
    )
    rounds = 2 if quick else 7
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(Contender("benchmarks.suites", name)) for name in CONTENDERS
        }
        for task, about in TASKS.items():
            calls = {name: partial(one.call, "run", task=task) for name, one in processes.items()}
            for call in calls.values():
                call()  # imports are not the task
            report.figures.append(interleave(Figures(about, 1, "runs"), calls, rounds))
    for tables in TABLES:
        with ExitStack() as stack:
            calls = {}
            for name in CONTENDERS:
                one = Contender("benchmarks.suites", name, str(tables - OTHER_TABLES))
                calls[name] = partial(stack.enter_context(one).call, "database")
            for call in calls.values():
                call()
            figures = Figures(f"a test database of {tables} tables", tables, "tables")
            report.figures.append(interleave(figures, calls, 1 if quick else 3))
    report.save()
    return report


if __name__ == "__main__":
    parse(__doc__, run)
