"""Source distributions and virtual environments, in a cache outside of the tree."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable
from pathlib import Path

import django

from tests.django_suite.source import cache_directory, fetch_source
from tests.third_party.packages import Package

ROOT = Path(__file__).resolve().parents[2]
INSIDE = Path(__file__).with_name("inside")
#: What a suite can import of this tree; not ``tests``, for it has a package of that name itself.
LIBRARY = ("appwrite_orm_django", "appwrite_local")
_DONE = ".installed"


def home_of(package: Package) -> Path:
    """Return the directory of a package in the cache: ``source`` and ``venv`` are in it."""
    return cache_directory() / "third-party" / f"{package.name}-{package.version}"


def prepare(package: Package) -> tuple[Path, Path]:
    """
    Return the source of a package and the Python of its environment; made the first time.

    Raises:
        subprocess.CalledProcessError: pip could not fetch or install something; its output says what.
    """
    source = home_of(package) / "source"
    if not source.exists():
        fetch_source(package.name, package.version, source)
    python = environment(
        home_of(package) / "venv", [f"{package.name}=={package.version}", *package.needs]
    )
    return source, python


def environment(directory: Path, requirements: Iterable[str]) -> Path:
    """
    Return the Python of a virtual environment with these requirements over the packages of this one.

    Django keeps the version that it has here.
    """
    python = directory / "bin" / "python"
    wanted = "\n".join(requirements)
    done = directory / _DONE
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return python
    venv.create(directory, clear=True, with_pip=False)
    _share(directory)
    constraints = directory / "constraints.txt"
    constraints.write_text(f"Django=={django.get_version()}\n", encoding="utf-8")
    subprocess.run(
        [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--constraint",
            constraints,
            *wanted.split("\n"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    done.write_text(wanted, encoding="utf-8")
    return python


def _share(directory: Path) -> None:
    """Let an environment import what is installed here, after what it has itself."""
    here = [path for path in sys.path if Path(path).is_dir() and Path(path) != ROOT]
    standard = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    shared = [path for path in here if path not in standard and "lib-dynload" not in path]
    (site,) = directory.glob("lib/python*/site-packages")
    (site / "shared.pth").write_text("\n".join(shared) + "\n", encoding="utf-8")


def library(directory: Path) -> Path:
    """Return a directory within this one, for the path of modules, with the library and nothing else of the tree."""
    links = directory / "library"
    links.mkdir(parents=True, exist_ok=True)
    for name in LIBRARY:
        if not (links / name).exists():
            (links / name).symlink_to(ROOT / name)
    return links
