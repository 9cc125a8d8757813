"""The packages of ``packages.toml``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it along

FILE = Path(__file__).with_name("packages.toml")


@dataclass(frozen=True)
class Package:
    """A suite; the fields are those of ``packages.toml``."""

    name: str
    version: str
    settings: str = ""
    configure: str = ""
    path: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    django: Mapping[str, Any] = field(default_factory=dict)


def read() -> dict[str, Package]:
    """Return the packages by name, in the order of the file."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["package"]
    return {
        entry["name"]: Package(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in entry.items()
            }
        )
        for entry in entries
    }


def together() -> list[str]:
    """Return the requirements of an environment with all packages, and with those whose sources hold no tests."""
    needs: list[str] = tomllib.loads(FILE.read_text(encoding="utf-8"))["together"]["needs"]
    # Without versions: no two packages have to agree with the newest release of the other.
    return [*read(), *needs]
