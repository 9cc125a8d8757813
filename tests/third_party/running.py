"""Running a package's tests in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.django_suite import report
from tests.django_suite.report import Outcome
from tests.third_party.environment import INSIDE, library, prepare
from tests.third_party.packages import Package

RESULTS = Path(__file__).resolve().parents[2] / "var" / "third-party"


def files_of(package: Package, database: str) -> tuple[Path, Path]:
    """Return the files of the outcomes and of the output on "sqlite" or "appwrite"."""
    directory = RESULTS / package.name
    return directory / f"{database}.jsonl", directory / f"{database}.log"


def saved(package: Package, database: str) -> list[Outcome]:
    """Return the outcomes of the last run."""
    return report.read(files_of(package, database)[0])


def run(package: Package, database: str, host: str, timeout_s: float, only: str | None) -> float:
    """Run the tests of a package on "sqlite" or "appwrite", and return how many seconds it took."""
    source, python = prepare(package)
    outcomes, log = files_of(package, database)
    outcomes.parent.mkdir(parents=True, exist_ok=True)
    outcomes.unlink(missing_ok=True)
    path = [
        library(RESULTS),
        INSIDE,
        # Of our own, for sources without them: models, addresses.
        INSIDE / package.name,
        source,
        *(source / part for part in package.path),
    ]
    environment = {
        **os.environ,
        **package.environment,
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONHASHSEED": "0",
        "SUITE_DATABASE": "sqlite" if database == "sqlite" else host,
        "SUITE_OUTCOMES": str(outcomes),
        "SUITE_CONFIGURE": package.configure,
        "SUITE_SETTINGS": json.dumps(package.django),
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [python, "-m", "pytest", "-q", "--tb=short", "-p", "appwrite_suite"]
    command += [
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=",
        "--continue-on-collection-errors",
    ]
    command += ["-o", "django_find_project=false", "-o", "python_files=test*.py *_tests.py"]
    settings = package.settings or ("plain_settings" if package.django else "")
    command += [f"--ds={settings}"] if settings else []
    command += [*package.options, *(["-k", only] if only else []), *package.paths]
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as output:
        try:
            subprocess.run(
                command,
                cwd=source,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            output.write(f"\nStopped after {timeout_s:g} seconds.\n")
    took = time.monotonic() - started
    sys.stderr.write(f"{package.name} on {database}: {took:.0f} s\n")
    return took
