"""How outcomes of Django's tests are counted."""

import json

from tests.django_suite import exceptions, report
from tests.django_suite.report import Outcome


def written(tmp_path, *lines):
    file = tmp_path / "app.jsonl"
    entries = ({"test": test, "outcome": outcome, "message": ""} for test, outcome in lines)
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return {test.id: test.outcome for test in report.read(file)}


def test_a_test_that_did_not_run_has_not_passed(tmp_path):
    assert written(
        tmp_path, ("a.T.one", "not run"), ("a.T.two", "not run"), ("a.T.one", "passed")
    ) == {
        "a.T.one": "passed",
        "a.T.two": "not run",
    }


def test_the_worst_subtest_counts(tmp_path):
    assert written(
        tmp_path, ("a.T.one", "not run"), ("a.T.one", "failed"), ("a.T.one", "error")
    ) == {"a.T.one": "error"}


def test_what_happens_to_a_class_happens_to_its_tests(tmp_path):
    lines = [
        ("a.T.one", "not run"),
        ("a.T.two", "not run"),
        ("a.Tea.one", "not run"),
        ("a.T", "error"),
    ]
    assert written(tmp_path, *lines, ("a.Tea.one", "passed")) == {
        "a.T.one": "error",
        "a.T.two": "error",
        "a.Tea.one": "passed",
    }


def test_only_what_django_skips_is_left_out_of_the_rate():
    tests = [
        Outcome(str(number), outcome)
        for number, outcome in enumerate(
            [
                "passed",
                "passed",
                "passed",
                "skipped by Django",
                "skipped by us",
                "expected failure",
                "error",
                "not run",
            ]
        )
    ]
    assert report.rate(tests) == 3 / 7
    assert report.rate([Outcome("a", "skipped by Django")]) == 1
    assert [report.is_bad(test) for test in tests] == [False] * 6 + [True] * 2


def test_the_table_has_a_line_for_each_app_and_one_for_all():
    lines = report.table(
        {
            "b": [Outcome("b.T.x", "passed")],
            "a": [Outcome("a.T.x", "failed"), Outcome("a.T.y", "passed")],
        }
    ).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["a", "b", "all"]
    assert lines[2].endswith("50.0% |")
    assert lines[4].endswith("66.7% |")


def test_each_exception_has_a_reason_and_a_test():
    assert exceptions.expected_failures()
    for reason, tests in exceptions.skips().items():
        assert reason.endswith(".")
        assert tests
    assert not exceptions.expected_failures() & set().union(*exceptions.skips().values())
