"""Every code block of the documentation runs: a page's blocks from top to bottom, in what its front matter names."""

from __future__ import annotations

import io
import re
import shlex
import shutil

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.test.utils import isolate_apps

from appwrite_orm_django.backend.options import Options
from tests.docs.pages import DOCS, FOR_READING, RUNNERS, all_pages
from tests.docs.project import Project

PAGES = {page.name: page for page in all_pages()}
TUTORIAL = "tutorial/first-steps"


def pages_run_by(runner: str) -> list[str]:
    return [name for name, page in PAGES.items() if page.runner == runner and any(page.blocks())]


@pytest.fixture(scope="session")
def finished_tutorial(tmp_path_factory):
    """The directory of the tutorial's project, after its last line: where the other pages begin."""
    project = Project(tmp_path_factory.mktemp("tutorial"))
    try:
        project.run(PAGES[TUTORIAL])
    finally:
        project.close()
    return project.directory


def test_tutorial(finished_tutorial):
    assert (finished_tutorial / "appwrite.sqlite3").exists()


@pytest.mark.parametrize("name", [name for name in pages_run_by("empty") if name != TUTORIAL])
def test_page_from_nothing(name, tmp_path):
    project = Project(tmp_path)
    try:
        project.run(PAGES[name])
    finally:
        project.close()


@pytest.mark.parametrize("name", pages_run_by("project"))
def test_page_on_the_tutorials_project(name, finished_tutorial, tmp_path):
    project = Project(shutil.copytree(finished_tutorial, tmp_path / "project"))
    try:
        project.run(PAGES[name])
    finally:
        project.close()


@pytest.mark.parametrize("name", pages_run_by("library"))
@pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
def test_page_on_the_tests_library(name):
    """Python in this process, with the models of ``tests/library``; commands by ``call_command``."""
    page = PAGES[name]
    # Models that it defines belong to the library, but not to other tests.
    namespace = {"__name__": "tests.library.models"}
    caches["default"].clear()
    with isolate_apps("tests.library"):
        for block in page.blocks():
            if block.language == "python":
                # Errors then name the line of the page.
                code = compile("\n" * (block.line - 1) + block.code, str(page.path), "exec")
                exec(code, namespace)  # noqa: S102 - our own page
            elif block.language == "console":
                call_commands(block.code)
    if "DATABASES" in namespace:
        Options.read("appwrite", namespace["DATABASES"]["appwrite"]["OPTIONS"])


def call_commands(code: str) -> None:
    for line in code.splitlines():
        python, manage, command, *arguments = shlex.split(line.removeprefix("$ "))
        assert (python, manage) == ("python", "manage.py")
        if "--every" in arguments:  # never ends
            del arguments[arguments.index("--every") :]
        call_command(command, *arguments, stdout=io.StringIO(), stderr=io.StringIO())


@pytest.mark.parametrize("name", PAGES)
def test_no_block_is_left_out(name: str):
    page = PAGES[name]
    assert page.runner in RUNNERS
    if page.runner == "elsewhere":
        assert (DOCS.parent / page.front_matter["test"]).is_file()
    for block in page.blocks():
        known = {"python", "console", "diff"} | FOR_READING
        assert block.language in known, f"{name}.md:{block.line}: nothing runs {block.language!r}"
    fences = len(re.findall(r"^ *```", page.text, re.MULTILINE))
    assert fences == 2 * len(list(page.blocks()))
