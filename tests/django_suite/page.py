"""The page of docs/reference that says how many of Django's tests pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import django

from tests.django_suite import exceptions, report
from tests.django_suite.report import Outcome

LEVELS = ("1.9", "2.x")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "django-suite.md"

_HEAD = """\
# Django's own test suite

How many of Django's own tests pass with both of its databases on this backend, against the local server at each feature level. Django's files are
not changed, and the query cache is off, for the tests count queries. This page is written by a command, from the last whole run of each app:

```text
make django-suite                                            # the first set, at feature level 1.9
python -m tests.django_suite --feature-level 2.x             # the same at 2.x
python -m tests.django_suite {further}
python -m tests.django_suite --page                          # this page
```

*Tests* are all of an app, *skipped* those that Django skips because the backend does not claim a feature, or a package is not installed. The rate is
passed / (tests - skipped): failures, expected failures and tests that are not run count against it.

Django {version}.
"""

Results = Mapping[str, Mapping[str, Sequence[Outcome]]]


def write(results: Path, first_set: Collection[str]) -> None:
    """Write the page from what is saved under ``<results>/<feature level>``."""
    saved = {level: report.saved(results / level, None) for level in LEVELS}
    further = sorted({app for level in LEVELS for app in saved[level]} - set(first_set))
    command = f"{further[0]} {further[1]} ..." if len(further) > 1 else "admin_views"
    head = _HEAD.format(
        version=django.get_version(), further=f"{command:<36}# further apps, at feature level 1.9"
    )
    parts = [
        head,
        "## The first set\n",
        _table(saved, sorted(first_set), LEVELS),
        "\n## Further apps\n",
        _table(saved, further, ("1.9",)),
        "\n## What Appwrite can not do\n",
        "Tests that are expected to fail, or that are not run (a whole class counts as one), by reason (`tests/django_suite/exceptions.toml`). One that passes is reported as an error.\n",
        _limits(),
    ]
    PAGE.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _table(saved: Results, apps: Sequence[str], levels: Sequence[str]) -> str:
    head = ["app", "tests", "skipped"]
    for level in levels:
        head += [f"passed ({level})", f"rate ({level})"]
    everything = {
        level: [test for app in apps for test in saved[level].get(app, ())] for level in levels
    }
    rows = [_row(app, {level: saved[level].get(app, ()) for level in levels}) for app in apps]
    rows.append(_row("**all**", everything))
    lines = [head, ["---", *(["--:"] * (len(head) - 1))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(app: str, tests: Mapping[str, Sequence[Outcome]]) -> list[str]:
    ran = [one for one in tests.values() if one]
    cells = [app, str(max(map(len, ran), default=0)), str(max(map(_skipped, ran), default=0))]
    for one in tests.values():
        passed = Counter(test.outcome for test in one)["passed"]
        cells += [str(passed), f"{report.rate(one):.1%}"] if one else ["", "not run"]
    return cells


def _skipped(tests: Sequence[Outcome]) -> int:
    return Counter(test.outcome for test in tests)["skipped by Django"]


def _limits() -> str:
    lines = [
        f"| {limit['reason']} | {len(limit.get('fails', ()))} | {len(limit.get('skipped', ()))} |"
        for limit in exceptions.limits()
    ]
    return "\n".join(["| limit | expected to fail | not run |", "|---|--:|--:|", *lines])
