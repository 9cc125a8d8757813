"""The tests that Appwrite can not pass, from ``exceptions.toml``: by reason, as failing or, where they would hang or crash, skipped."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it along

FILE = Path(__file__).with_name("exceptions.toml")
ENGINE = os.environ.get("DJANGO_SUITE_ENGINE", "mariadb")


@cache
def limits() -> list[dict[str, Any]]:
    """Return the tables of the file: ``reason``, ``fails``, ``skipped`` and, if not for all, ``engines``."""
    groups: list[dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8")).get("limit", [])
    for engine in ("mariadb", "postgresql", "mongodb"):
        listed = [
            test
            for group in groups
            if engine in group.get("engines", (engine,))
            for kind in ("fails", "skipped")
            for test in group.get(kind, ())
        ]
        if twice := {test for test in listed if listed.count(test) > 1}:
            raise ValueError(f"{FILE.name} lists more than once: {', '.join(sorted(twice))}")
    return groups


def _limits_here() -> list[dict[str, Any]]:
    return [group for group in limits() if ENGINE in group.get("engines", (ENGINE,))]


def expected_failures() -> set[str]:
    """Return the ids of the tests that have to fail; one that passes is reported as an error."""
    return {test for group in _limits_here() for test in group.get("fails", ())}


def skips() -> dict[str, set[str]]:
    """Return the ids of the tests that are not run, by reason."""
    return {
        group["reason"]: set(group["skipped"]) for group in _limits_here() if group.get("skipped")
    }
