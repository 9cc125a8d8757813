"""The map of the code names places that exist, and every room."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "appwrite_orm_django"
PAGE = (ROOT / "docs" / "contributing" / "architecture.md").read_text()
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py")))
#: Files of the project, by their way from one of these places; others are of the reader's own project.
PLACES = (ROOT, PACKAGE, PACKAGE / "backend", ROOT / "tests")
OURS = re.compile(
    r"`((?:appwrite_orm_django|appwrite_local|tests|benchmarks|testproject|backend|cache|client|schema|changes|users|checks|contrib|doctor|orm"
    r"|planning|execution|evaluation|transactions)/[\w/]*(?:\.py)?)(?:::\w+)?`"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_places_that_pages_name_exist(page):
    named = set(OURS.findall(page.read_text()))
    assert {name for name in named if not any((place / name).exists() for place in PLACES)} == set()


@pytest.mark.parametrize("room", ROOMS)
def test_the_map_has_every_room(room):
    assert re.search(rf"`[^`]*\b{room}/", PAGE) or f"`{room}/" in PAGE


def test_the_map_has_every_room_of_the_backend():
    rooms = {
        path.name
        for path in (PACKAGE / "backend").iterdir()
        if path.is_dir() and any(path.glob("*.py"))
    }
    assert {room for room in rooms if f"`appwrite_orm_django/backend/{room}/`" not in PAGE} == set()


def test_the_map_has_every_module_at_the_top():
    modules = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "_moved.py"}
    assert {name for name in modules if name not in PAGE} == set()
