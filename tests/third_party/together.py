"""All packages in one project: ``check`` and ``migrate`` on a local server."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests.django_suite.source import cache_directory
from tests.third_party import packages
from tests.third_party.environment import INSIDE, environment, library
from tests.third_party.running import RESULTS

COMMANDS = (
    ("check", "--database", "default", "--fail-level", "ERROR"),
    ("migrate", "--verbosity", "1"),
    # Everything is there, and nothing is left to do.
    ("migrate", "--check"),
    ("check", "--database", "default", "--fail-level", "ERROR"),
)


def run(host: str = "local:") -> int:
    """
    Run the commands on a server in a file, and return the exit code of the first that fails, or 0.

    Args:
        host: the local server; its options are kept, and a file is added.
    """
    python = environment(cache_directory() / "third-party" / "together", packages.together())
    options = host.partition("?")[2]
    with tempfile.TemporaryDirectory() as directory:
        location = (
            f"local:{Path(directory) / 'every_app.sqlite3'}{f'?{options}' if options else ''}"
        )
        variables = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (library(RESULTS), INSIDE))),
            "DJANGO_SETTINGS_MODULE": "every_app",
            "SUITE_DATABASE": location,
        }
        for command in COMMANDS:
            done = subprocess.run(
                [python, "-m", "django", *command], env=variables, check=False, cwd=directory
            )
            if done.returncode:
                return done.returncode
    return 0
