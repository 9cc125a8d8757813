"""The reference lists what there is: commands and their actions, settings, signals, the Python API. (Checks name their own page: see their tests.)"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.db.models import Manager, QuerySet

import appwrite_orm_django
from appwrite_orm_django import conf, managers, pytest_plugin, signals
from docs import reference_pages
from docs.reference_pages import resolve
from tests.docs.pages import DOCS, all_pages

REFERENCE = DOCS / "reference"
COMMANDS = sorted(name for name, app in get_commands().items() if app == "appwrite_orm_django")


def parser_of(command: str):
    return load_command_class("appwrite_orm_django", command).create_parser("manage.py", command)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command):
    text = (REFERENCE / "commands.md").read_text()
    assert f"`{command}`" in text
    for argument in parser_of(command)._actions:
        if argument.dest == "action":
            for action in argument.choices:
                assert f"| `{action}` |" in text, f"{command} {action}"


@pytest.mark.parametrize("command", [name for name in COMMANDS if name.startswith("appwrite_")])
def test_no_option_is_undocumented(command):
    everywhere = "".join(page.read_text() for page in DOCS.rglob("*.md"))
    djangos = {
        "-h",
        "--help",
        "--version",
        "-v",
        "--settings",
        "--pythonpath",
        "--traceback",
        "--no-color",
    }
    djangos |= {"--force-color", "--skip-checks", "--verbosity"}
    for argument in parser_of(command)._actions:
        names = [one.removeprefix("--") for one in argument.option_strings if one.startswith("--")]
        if names and not djangos & set(argument.option_strings):
            assert re.search(rf"(--|`)({'|'.join(names)})\b", everywhere), f"{command} --{names[0]}"


def test_settings():
    text = (REFERENCE / "settings.md").read_text()
    for settings in [conf.Options, *conf._PARTS.values()]:
        assert f"<!-- settings: {settings.__module__}.{settings.__qualname__} -->\n" in text


@pytest.mark.parametrize("page", reference_pages.PAGES, ids=lambda page: page.stem)
def test_generated_parts_are_current(page):
    assert reference_pages.page(page) == page.read_text(), "run: make docs-pages"


def test_signals():
    text = (REFERENCE / "signals.md").read_text()
    assert "<!-- api: appwrite_orm_django.signals -->" in text
    for name in signals.__all__:
        assert name in signals.__doc__


# The Python API

API = (REFERENCE / "api.md").read_text()
# Their names are for the rest of the package; commands, checks and settings are what people know of them.
INTERNAL = {
    "conf",
    "orm.hydration",
    "orm.lookups",
    "changes.dispatch",
    "changes.realtime",
    "changes.webhook_setup",
    "contrib.exports",
    "contrib.page_tags",
    "contrib.admin",
}
# Rooms whose modules are public, and rooms of which only a part is: what their __init__ names.
OPEN_ROOMS = ("changes", "contrib", "orm", "users")
ROOMS = {"cache", "testing", "contrib.views"}
# Shown by docs/explanation/queries.md to look at a plan for another server; nothing to build on.
SHOWN_ONLY = {"appwrite_orm_django.backend.base.DatabaseWrapper"}


def public_modules() -> Iterator[pkgutil.ModuleInfo]:
    yield from pkgutil.iter_modules(appwrite_orm_django.__path__, "")
    for room in OPEN_ROOMS:
        package = importlib.import_module(f"appwrite_orm_django.{room}")
        yield from pkgutil.iter_modules(package.__path__, f"{room}.")


def public_names() -> Iterator[str]:
    """What the public modules export, with the module's name before it."""
    for module in public_modules():
        if module.name in INTERNAL or (module.ispkg and module.name not in ROOMS):
            continue
        name = f"appwrite_orm_django.{module.name}"
        for exported in getattr(importlib.import_module(name), "__all__", ()):
            yield f"{name}.{exported}"


def shown_names() -> Iterator[str]:
    """What code on the pages imports of the package."""
    for page in all_pages():
        for block in page.blocks():
            if block.language != "python":
                continue
            for node in ast.walk(ast.parse(block.code)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                    "appwrite_orm_django"
                ):
                    yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("name", sorted({*public_names(), *shown_names()} - SHOWN_ONLY))
def test_public_names_are_in_the_api(name):
    module, _, last = name.rpartition(".")
    by_itself = rf"`?{re.escape(name)}\b"
    in_a_row = rf"^\| `{re.escape(module)}`: .*`{last}`"
    whole_module = (
        rf"`{re.escape(module)}`( \||,)" if module.endswith((".inspected", ".errors")) else r"(?!)"
    )
    assert re.search(f"{by_itself}|{in_a_row}|{whole_module}", API, re.MULTILINE)


def test_what_the_api_names_is_there():
    permission = r"(?!\.(?:view|change)_)"
    for dotted in set(re.findall(rf"\bappwrite_orm_django{permission}(?:\.\w+)+", API)):
        resolve(dotted)
    for module, names in re.findall(
        r"^\| `(appwrite_orm_django(?:\.\w+)+)`: ([^|]+)", API, re.MULTILINE
    ):
        for name in re.findall(r"`(\w+)`", names):
            resolve(f"{module}.{name}")


def test_what_the_api_documents_has_docstrings():
    parts = list(reference_pages.PART.finditer(API))
    assert len(parts) > 40
    for found in parts:
        target = resolve(found["target"])
        assert inspect.getdoc(target), found["target"]
        for member in found["members"].split(", ") if found["members"] else ():
            attribute = inspect.getattr_static(target, member)
            assert getattr(attribute, "__doc__", None) or inspect.getdoc(getattr(target, member)), (
                member
            )


@pytest.mark.parametrize(
    ("ours", "djangos"),
    [(managers.AppwriteQuerySet, QuerySet), (managers.AppwriteManager, Manager)],
)
def test_methods_that_django_does_not_have(ours, djangos):
    added = {name for name in dir(ours) if not name.startswith("_")} - set(dir(djangos))
    assert {"cache", "nocache", "prepared", "warm", "ais_cached"} <= added
    for name in added:
        assert re.search(rf"^#### \w+\.{name}$|`{name}\(\)`", API, re.MULTILINE), name


def test_fixtures():
    fixtures = {
        name
        for name, value in vars(pytest_plugin).items()
        if "fixture" in type(value).__name__.lower()
    }
    assert {"appwrite_requests", "appwrite_faults"} <= fixtures
    for name in fixtures:
        assert f"| `{name}` |" in API


def test_loggers():
    text = (DOCS / "howto" / "logging.md").read_text()
    source = "".join(
        path.read_text() for path in Path(appwrite_orm_django.__file__).parent.rglob("*.py")
    )
    loggers = set(re.findall(r'getLogger\("(appwrite_orm_django[\w.]*)"\)', source))
    assert len(loggers) > 8
    assert set(re.findall(r"^\| `(appwrite_orm_django[\w.]*)`", text, re.MULTILINE)) == loggers


def test_commands_by_task_exist():
    text = (REFERENCE / "which-command.md").read_text()
    named = set(re.findall(r"`(appwrite_\w+)(?: (\w+))?", text))
    assert {command for command, _ in named} >= {name for name in COMMANDS if "_" in name}
    for command, action in named:
        parser = parser_of(command)
        if action:
            assert any(action in (each.choices or ()) for each in parser._actions), (
                command,
                action,
            )
    for command, option in re.findall(r"`(appwrite_\w+)[\w ]* (--[\w-]+)", text):
        assert option in options_of(parser_of(command)), (command, option)


def options_of(parser) -> set[str]:
    """Return the options of a command and of its actions."""
    options = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action.choices, dict):
            options.update(*map(options_of, action.choices.values()))
    return options
