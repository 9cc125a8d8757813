"""
What type checkers make of a project that uses the library, with django-stubs.

In ``project/``, ``# N: type`` is what ``reveal_type`` has to answer, without the names of modules, and ``# E`` marks a line that has
to be an error; every other line has to be none. ``shop`` gets the same answers of all checkers, ``stock`` is for the mypy plugin.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import appwrite_orm_django

PROJECT = Path(__file__).parent / "project"
LIBRARY = Path(appwrite_orm_django.__file__).parents[1]
PYRIGHT = shutil.which("pyright")
# (file, line) to the revealed types, or to None for an error.
Answers = dict[tuple[str, int], str | None]


def run(*command):
    path = os.pathsep.join([str(PROJECT), str(LIBRARY)])
    environment = {**os.environ, "PYTHONPATH": path, "MYPYPATH": ""}
    return subprocess.run(
        command,
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def short(type_name):
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", type_name)


def wanted(*apps):
    answers: Answers = {}
    for path in (path for app in apps for path in (PROJECT / app).glob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if found := re.search(r"  # (?:N: (?P<type>.+)|E)$", line):
                answers[f"{path.parent.name}/{path.name}", number] = found["type"]
    return answers


def mypy(cache, config, *apps):
    packages = [part for app in apps for part in ("-p", app)]
    options = [
        "--config-file",
        config,
        "--cache-dir",
        str(cache),
        "--no-error-summary",
        "--output",
        "json",
    ]
    result = run(sys.executable, "-m", "mypy", *options, *packages)
    answers: Answers = {}
    for line in result.stdout.splitlines():
        said = json.loads(line)
        revealed = re.fullmatch(r'Revealed type is "(.*)"', said["message"])
        place = Path(said["file"]).as_posix(), said["line"]
        if said["severity"] == "error":
            answers[place] = None
        elif revealed:
            answers[place] = short(revealed[1])
    assert answers, result.stdout + result.stderr
    return answers


def pyright(tmp_path, *apps):
    for app in apps:
        shutil.copytree(PROJECT / app, tmp_path / app)
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(LIBRARY)]}))
    result = run(PYRIGHT, "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path))
    answers: Answers = {}
    for said in json.loads(result.stdout)["generalDiagnostics"]:
        file = Path(said["file"])
        revealed = re.search(r'^Type of ".*" is "(.*)"$', said["message"], re.DOTALL)
        place = f"{file.parent.name}/{file.name}", said["range"]["start"]["line"] + 1
        if said["severity"] == "error":
            answers[place] = None
        elif revealed:
            answers[place] = short(revealed[1])
    assert answers, result.stdout + result.stderr
    return answers


def test_mypy_with_the_plugin_of_django_stubs(tmp_path):
    assert mypy(tmp_path, "mypy_plugin.ini", "shop", "stock") == wanted("shop", "stock")


def test_mypy_alone(tmp_path):
    assert mypy(tmp_path, "mypy.ini", "shop") == wanted("shop")


if PYRIGHT:  # needs Node.js, and so is not among the requirements of the tests

    def test_pyright(tmp_path):
        assert pyright(tmp_path, "shop") == wanted("shop")


def test_what_is_generic_takes_its_parameters_when_the_program_runs():
    from appwrite_orm_django import fields, managers
    from appwrite_orm_django.orm.hydration import Prepared
    from appwrite_orm_django.orm.relationships import ManyToManyRelationship, RelatedRows

    for name in (
        "ArrayField",
        "EnumField",
        "OneToOneRelationshipField",
        "RelationshipField",
        "RowIdField",
    ):
        field = getattr(fields, name)
        assert field[list[str], list[str]] is field
    assert managers.AppwriteQuerySet[int, int] is managers.AppwriteQuerySet
    assert managers.AppwriteManager[int] is managers.AppwriteManager
    for generic in (Prepared, ManyToManyRelationship, RelatedRows):
        assert generic[int].__origin__ is generic
