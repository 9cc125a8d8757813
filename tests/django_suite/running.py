"""Running one of Django's test apps in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.django_suite import report
from tests.django_suite.report import Outcome

ROOT = Path(__file__).resolve().parents[2]


def by_app(labels: Iterable[str]) -> list[list[str]]:
    """Put labels of the same app together, as they run in one process."""
    apps: dict[str, list[str]] = {}
    for label in labels:
        apps.setdefault(label.split(".")[0], []).append(label)
    return list(apps.values())


def run_app(
    labels: list[str],
    *,
    tests: Path,
    results: Path,
    timeout_s: float,
    feature_level: str,
    engine: str,
    pattern: str | None,
    shows: bool,
) -> tuple[str, list[Outcome]]:
    """
    Run test labels of one app and return its name and what became of each test.

    Output goes to ``<results>/<app>.log``, outcomes to ``<results>/<app>.jsonl``; ``part-of-<app>`` if not all of the app is run.
    """
    app = labels[0].split(".")[0]
    name = app if labels == [app] and pattern is None else f"part-of-{app}"
    results.mkdir(parents=True, exist_ok=True)
    outcomes, log = results / f"{name}.jsonl", results / f"{name}.log"
    outcomes.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-Wignore::ResourceWarning",
        "runtests.py",
        "--noinput",
        "--parallel=1",
        "--settings=tests.django_suite.settings",
    ]
    if pattern:
        command += ["-k", pattern]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DJANGO_SUITE_OUTCOMES": str(outcomes),
        "DJANGO_SUITE_FEATURE_LEVEL": feature_level,
        "DJANGO_SUITE_ENGINE": engine,
    }
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as output:
        try:
            subprocess.run(
                [*command, *labels],
                cwd=tests,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            output.write(f"\nStopped after {timeout_s:g} seconds.\n")
    text = log.read_text(encoding="utf-8", errors="replace")
    found = report.read(outcomes) or [
        Outcome(app, "not run", text.strip().splitlines()[-1][:300] if text.strip() else "")
    ]
    sys.stderr.write(text if shows else f"{name}: {time.monotonic() - started:.0f} s\n")
    return app, found
