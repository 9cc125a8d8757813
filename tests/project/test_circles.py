"""
No module imports itself by way of others: a change then concerns a module and what is above it, and every module can be read from below.

All imports count, those in functions and under ``TYPE_CHECKING`` as well. ``from package import module`` imports the module, and
``package.module`` is no import of ``package``: a room's ``__init__`` holds its description.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["appwrite_local", "appwrite_orm_django"]


def modules_of(package: Path) -> dict[str, Path]:
    """Return the modules of a package by their dotted names."""
    found = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(module: str, path: Path, modules: Set[str]) -> Iterator[str]:
    """Yield the modules that a module imports anywhere in its text."""
    # What a relative import is relative to.
    parents = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            start = parents[: len(parents) - node.level + 1] if node.level else []
            source = ".".join([*start, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                imported = f"{source}.{alias.name}"
                if imported in modules:
                    yield imported
                elif source in modules:
                    yield source


def graph_of(package: Path) -> dict[str, list[str]]:
    """Return what each module of a package imports of it."""
    modules = modules_of(package)
    return {
        module: sorted(set(imports_of(module, path, modules.keys())) - {module})
        for module, path in sorted(modules.items())
    }


def circle_in(graph: Mapping[str, list[str]]) -> list[str]:
    """Return the shortest circle there is, its first module at both ends; empty if there is none."""
    circles = (circle for module in graph if (circle := _shortest_way_back(graph, module)))
    return min(circles, key=len, default=[])


def _shortest_way_back(graph: Mapping[str, list[str]], start: str) -> list[str]:
    ways = {start: [start]}
    waiting = [start]
    for module in waiting:
        for imported in graph[module]:
            if imported == start:
                return [*ways[module], start]
            if imported not in ways:
                ways[imported] = [*ways[module], imported]
                waiting.append(imported)
    return []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_by_way_of_others(package: str) -> None:
    graph = graph_of(ROOT / package)
    assert len(graph) > 50
    circle = circle_in(graph)
    assert not circle, " -> ".join(circle)


@pytest.mark.parametrize(
    "texts",
    [
        {"a": "from package import b", "b": "import package.c", "c": "from package.a import thing"},
        {"a": "def f():\n    from .b import thing", "b": "from . import c", "c": "from .a import *"},
        {"a": "if TYPE_CHECKING:\n    from package.b import B", "b": "class B:\n    import package.c", "c": "from . import a"},
    ],
    ids=["plain", "lazy and relative", "for types"],
)  # fmt: skip
def test_a_circle_is_told_as_a_path(tmp_path: Path, texts: dict[str, str]) -> None:
    package = _package(tmp_path, texts)
    assert (
        " -> ".join(circle_in(graph_of(package)))
        == "package.a -> package.b -> package.c -> package.a"
    )


def test_relative_imports_are_those_of_the_package_around(tmp_path: Path) -> None:
    package = _package(
        tmp_path,
        {"room/__init__": "from .inner import x", "room/inner": "from ..top import y", "top": ""},
    )
    graph = graph_of(package)
    assert graph["package.room"] == ["package.room.inner"]
    assert graph["package.room.inner"] == ["package.top"]


def test_a_module_is_not_the_package_that_it_is_in(tmp_path: Path) -> None:
    package = _package(
        tmp_path,
        {
            "__init__": "from package import a",
            "a": "import package.b",
            "b": "from . import c",
            "c": "",
        },
    )
    assert circle_in(graph_of(package)) == []


def test_a_name_of_a_package_is_an_import_of_it(tmp_path: Path) -> None:
    package = _package(
        tmp_path, {"__init__": "from package.a import thing", "a": "from package import name"}
    )
    assert circle_in(graph_of(package)) == ["package", "package.a", "package"]


def _package(folder: Path, texts: Mapping[str, str]) -> Path:
    package = folder / "package"
    for name, text in {"__init__": "", **texts}.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_longer_than_a_reader_can_take_in(package: str) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / package).rglob("*.py")}
    assert {path: length for path, length in lengths.items() if length > 700} == {}
