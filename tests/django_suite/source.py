"""Django's tests: they are in its source distribution only, not in what pip installs."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import django


def cache_directory() -> Path:
    """Return where downloads are kept, outside of the tree: ``$XDG_CACHE_HOME/appwrite-orm-django`` or ``~/.cache/appwrite-orm-django``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "appwrite-orm-django"


def django_tests() -> Path:
    """Return the directory of Django's tests, of the version that is installed; fetched with pip the first time."""
    version = django.get_version()
    source = cache_directory() / f"django-{version}"
    if not source.exists():
        fetch_source("django", version, source)
    return source / "tests"


def fetch_source(name: str, version: str, target: Path) -> None:
    """Fetch the source distribution of a package with pip, and unpack it as ``target``."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # In a directory beside the final place: a download that is cut off leaves nothing that looks whole.
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--no-binary",
                name,
                f"{name}=={version}",
            ],
            cwd=directory,
            check=True,
        )
        (archive,) = Path(directory).glob("*.tar.gz")
        with tarfile.open(archive) as file:
            file.extractall(directory, filter="data")
        (unpacked,) = (path for path in Path(directory).iterdir() if path.is_dir())
        unpacked.rename(target)
