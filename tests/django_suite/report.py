"""From the outcomes of tests to the table of apps, as text, Markdown and JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# In this order the worst of a test's outcomes is the one that counts.
OUTCOMES = (
    "error",
    "failed",
    "unexpected success",
    "expected failure",
    "skipped by us",
    "skipped by Django",
    "passed",
    "not run",
)
BAD = ("error", "failed", "unexpected success", "not run")
COLUMNS = (
    "passed",
    "failed",
    "error",
    "not run",
    "unexpected success",
    "expected failure",
    "skipped by us",
    "skipped by Django",
)

Outcomes = Mapping[str, Sequence["Outcome"]]


@dataclass(frozen=True)
class Outcome:
    id: str
    outcome: str
    message: str = ""


def is_bad(test: Outcome) -> bool:
    return test.outcome in BAD


def read(file: Path) -> list[Outcome]:
    """Return each test of a file of outcomes once; what happened to a class or module happened to its tests that did not run."""
    if not file.exists():
        return []
    worst: dict[str, Outcome] = {}
    collected: dict[str, bool] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        test = Outcome(entry["test"], entry["outcome"], entry["message"])
        if test.outcome == "not run":
            collected[test.id] = True
        known = worst.get(test.id)
        if known is None or OUTCOMES.index(test.outcome) < OUTCOMES.index(known.outcome):
            worst[test.id] = test
    fixtures = [test for name, test in worst.items() if name not in collected]
    return [_with_fixture(worst[name], fixtures) for name in collected]


def _with_fixture(test: Outcome, fixtures: Iterable[Outcome]) -> Outcome:
    if test.outcome != "not run":
        return test
    for fixture in fixtures:
        if test.id.startswith(fixture.id + "."):
            return Outcome(test.id, fixture.outcome, fixture.message)
    return test


def rate(tests: Sequence[Outcome]) -> float:
    """Return the share of tests that pass among those that Django itself does not skip."""
    counts = Counter(test.outcome for test in tests)
    asked = len(tests) - counts["skipped by Django"]
    return counts["passed"] / asked if asked else 1.0


def table(outcomes: Outcomes) -> str:
    """Return the table as Markdown, with a line for the sum."""
    rows = [["app", "tests", *COLUMNS, "rate"]]
    everything = [test for tests in outcomes.values() for test in tests]
    for app, tests in [*sorted(outcomes.items()), ("all", everything)]:
        counts = Counter(test.outcome for test in tests)
        rows.append(
            [
                app,
                str(len(tests)),
                *(str(counts[name] or "") for name in COLUMNS),
                f"{rate(tests):.1%}",
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    lines.insert(
        1,
        "|"
        + "|".join(
            "-" * (width + 2) if not place else "-" * (width + 1) + ":"
            for place, width in enumerate(widths)
        )
        + "|",
    )
    return "\n".join(lines)


def causes(outcomes: Outcomes) -> str:
    """Return the messages of what went wrong, the most frequent first, each with its tests."""
    tests: dict[str, list[str]] = {}
    for app in outcomes.values():
        for test in filter(is_bad, app):
            tests.setdefault(f"{test.outcome}: {test.message}", []).append(test.id)
    ordered = sorted(tests.items(), key=lambda item: (-len(item[1]), item[0]))
    return "\n".join(
        f"\n{len(names)} x {message}\n    " + "\n    ".join(names) for message, names in ordered
    )


def saved(results: Path, apps: Sequence[str] | None) -> dict[str, list[Outcome]]:
    """Return the outcomes of the last whole run of each app."""
    return {
        file.stem: read(file)
        for file in sorted(results.glob("*.jsonl"))
        if not file.stem.startswith("part-of-") and (apps is None or file.stem in apps)
    }


def write(results: Path, outcomes: Outcomes) -> None:
    """Write ``table.md`` and ``results.json``."""
    results.mkdir(parents=True, exist_ok=True)
    (results / "table.md").write_text(table(outcomes) + "\n", encoding="utf-8")
    plain = {
        app: {"rate": rate(tests), "tests": [asdict(test) for test in tests]}
        for app, tests in outcomes.items()
    }
    (results / "results.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
