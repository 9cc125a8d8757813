"""The reference lists what there is: commands and their actions, settings, signals. (Checks name their own page: see their tests.)"""

from __future__ import annotations

import re

import pytest
from django.core.management import get_commands, load_command_class

from appwrite_orm_django import signals
from appwrite_orm_django.backend import options
from tests.docs.pages import DOCS

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
    djangos = {"-h", "--help", "--version", "-v", "--settings", "--pythonpath", "--traceback", "--no-color"}
    djangos |= {"--force-color", "--skip-checks", "--verbosity"}
    for argument in parser_of(command)._actions:
        names = [one.removeprefix("--") for one in argument.option_strings if one.startswith("--")]
        if names and not djangos & set(argument.option_strings):
            assert re.search(rf"(--|`)({'|'.join(names)})\b", everywhere), f"{command} --{names[0]}"


def test_settings():
    text = (REFERENCE / "settings.md").read_text()
    for settings in [options.Options, *options._PARTS.values()]:
        assert f".. settings-table:: {settings.__module__}.{settings.__qualname__}\n" in text


def test_signals():
    text = (REFERENCE / "signals.md").read_text()
    assert ".. automodule:: appwrite_orm_django.signals" in text
    for name in signals.__all__:
        assert name in signals.__doc__
