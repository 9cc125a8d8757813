"""Running ``manage.py`` as a person would: a process of its own, with nothing but its environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment(var: Path, **given: str) -> dict[str, str]:
    """Return the environment of this process without anything that would lead to another Appwrite or other settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("APPWRITE_", "DJANGO_", "TESTPROJECT_"))
    }
    return {**kept, "TESTPROJECT_VAR": str(var), **given}


def manage(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-W", "error", ROOT / "manage.py", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@contextmanager
def running(*arguments: str, env: dict[str, str], address: str) -> Iterator[str]:
    """Run a command that serves, and give what the pattern ``address`` finds in its first lines."""
    process = subprocess.Popen(
        [sys.executable, ROOT / "manage.py", *arguments],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        seen = ""
        for line in process.stdout:
            seen += line
            if found := re.search(address, seen):
                yield found[1]
                return
        raise AssertionError(
            f"manage.py {' '.join(arguments)} ended with {process.wait()} after: {seen}"
        )
    finally:
        process.terminate()
        process.communicate(timeout=300)
