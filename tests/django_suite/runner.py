"""Django's test runner, writing each test's outcome to a file as it comes, so that a crash or a time limit loses none."""

from __future__ import annotations

import json
import os
import re
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.test.runner import DiscoverRunner, iter_test_cases

from tests.django_suite import exceptions


class Result(unittest.TextTestResult):
    """
    One line of JSON for each outcome: the test's id, what happened, and the last line of the traceback or the reason.

    A test with subtests may have several; what happens to a class or a module stands under the class's or module's name.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        path = Path(os.environ["DJANGO_SUITE_OUTCOMES"])
        self._file = path.open("a", buffering=1, encoding="utf-8")

    def _write(self, test: Any, outcome: str, message: str = "") -> None:
        name = test.id()
        if fixture := re.fullmatch(r"(?:setUp|tearDown)(?:Class|Module) \((.*)\)", name):
            name = fixture[1]
        self._file.write(json.dumps({"test": name, "outcome": outcome, "message": message}) + "\n")

    def addSuccess(self, test: Any) -> None:
        super().addSuccess(test)
        self._write(test, "passed")

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self._write(test, "error", _said(err))

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._write(test, "failed", _said(err))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._write(
                test, "failed" if issubclass(err[0], test.failureException) else "error", _said(err)
            )

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        self._write(
            test, "skipped by us" if reason in exceptions.skips() else "skipped by Django", reason
        )

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, err)
        # Django has a few tests that it expects to fail everywhere.
        ours = test.id() in exceptions.expected_failures()
        self._write(test, "expected failure" if ours else "passed", _said(err))

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._write(test, "unexpected success")

    def stopTestRun(self) -> None:
        super().stopTestRun()
        self._file.close()


def _said(err: Any) -> str:
    lines = f"{err[0].__name__}: {err[1]}".strip().splitlines()
    return lines[0][:300]


class Runner(DiscoverRunner):
    def build_suite(self, *args: Any, **kwargs: Any) -> Any:
        suite = super().build_suite(*args, **kwargs)
        with Path(os.environ["DJANGO_SUITE_OUTCOMES"]).open("w", encoding="utf-8") as file:
            file.writelines(
                json.dumps({"test": name, "outcome": "not run", "message": ""}) + "\n"
                for name in _names(suite)
            )
        return suite

    def get_resultclass(self) -> Any:
        return super().get_resultclass() or Result


def _names(suite: Any) -> Iterator[str]:
    for test in iter_test_cases(suite):
        yield test.id()
