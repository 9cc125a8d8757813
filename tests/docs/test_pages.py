"""Every code block of the documentation runs: a page's blocks from top to bottom, in what its first line names."""

from __future__ import annotations

import inspect
import re
import shutil

import pytest
from django.core.cache import caches

from appwrite_orm_django.changes import webhooks
from tests.docs import in_process
from tests.docs.pages import DOCS, FOR_READING, README, RUNNERS, Page, all_pages
from tests.docs.project import Project
from tests.docs.site import running_site

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


def test_readme(tmp_path):
    project = Project(tmp_path)
    try:
        project.run(Page(README))
        assert (tmp_path / "dev.sqlite3").exists()
    finally:
        project.close()


@pytest.mark.parametrize(
    "name", ["README", "CONTRIBUTING", "CODE_OF_CONDUCT", "SECURITY", "CHANGELOG"]
)
def test_links_of_the_pages_beside_docs(name):
    """Those within docs/ are looked at by Sphinx."""
    text = (DOCS.parent / f"{name}.md").read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (DOCS.parent / target).exists(), target


def test_the_readmes_figures_are_those_of_the_report():
    measured = (DOCS / "reference" / "benchmarks.md").read_text()
    lines = [
        line for line in README.read_text().splitlines() if "(docs/reference/benchmarks.md)" in line
    ]
    assert lines
    for line in lines:
        for figure in re.findall(r"\b\d\.\d\d\b", line):
            assert f"**{figure}**" in measured, figure


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
    caches["default"].clear()
    in_process.run(PAGES[name])


@pytest.mark.parametrize("name", pages_run_by("site"))
@pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
def test_page_on_a_running_site(name, live_server):
    caches["default"].clear()
    with running_site(live_server.url) as names:
        in_process.run(PAGES[name], **names)


def test_every_status_of_the_webhook_endpoint_is_on_its_page():
    answered = set(re.findall(r"(?:Refused\(|status=)(\d{3})", inspect.getsource(webhooks)))
    rows = re.findall(r"^\| ((?:\d{3}(?:, )?)+) \|", PAGES["howto/webhooks"].text, re.MULTILINE)
    assert {status for row in rows for status in row.split(", ")} == answered
    assert {"204", "401"} <= answered


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
