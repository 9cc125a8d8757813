"""A Sphinx directive: the settings that a dataclass holds as a table of names, defaults and meanings."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable
from typing import Any

from django.utils.module_loading import import_string
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from appwrite_orm_django.client.secret import Secret


class SettingsTable(Directive):
    """``.. settings-table:: path.to.Dataclass``; the meanings are in its docstring, under ``Attributes:``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        settings = import_string(self.arguments[0])
        lines = [
            ".. list-table::",
            "   :header-rows: 1",
            "   :widths: 30 15 55",
            "",
            "   * - Key",
            "     - Default",
            "     - ",
        ]
        defaults = {field.name: shown_default(field) for field in dataclasses.fields(settings)}
        described: set[str] = set()
        for names, meaning in attributes(settings):
            described |= set(names)
            meaning = in_settings_words(meaning, defaults)
            lines += [
                f"   * - {', '.join(f'``{name.upper()}``' for name in names)}",
                f"     - {', '.join(dict.fromkeys(defaults[name] for name in names))}",
                f"     - {meaning}",
            ]
        if described != set(defaults):
            raise self.error(
                f"{self.arguments[0]} does not describe {sorted(set(defaults) ^ described)}."
            )
        parent = nodes.container()
        self.state.nested_parse(
            StringList(lines, source=self.arguments[0]), self.content_offset, parent
        )
        return parent.children


def attributes(settings: type) -> list[tuple[list[str], str]]:
    """The names and the meaning of each attribute that a docstring describes."""
    _, _, text = inspect.cleandoc(settings.__doc__ or "").partition("Attributes:\n")
    found = []
    for entry in re.split(r"^    (?=\w)", text, flags=re.MULTILINE)[1:]:
        names, _, meaning = entry.partition(": ")
        meaning = " ".join(meaning.split())
        found.append((names.split(", "), meaning[:1].upper() + meaning[1:]))
    return found


def in_settings_words(meaning: str, names: Iterable[str]) -> str:
    """A docstring speaks of fields and classes, where the table has keys and dictionaries."""
    meaning = re.sub(r", see ``\w+Settings``", "; see below", meaning)
    meaning = re.sub(r"``(\w+)Settings``", lambda found: f"``{found[1].upper()}``", meaning)
    return re.sub(rf"``({'|'.join(names)})``", lambda found: f"``{found[1].upper()}``", meaning)


def shown_default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return ""  # required, or a dictionary of its own
    value = field.default
    if isinstance(value, Secret) or value in ("", ()):
        return ""
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and value >= 1024 * 1024
        and value % (1024 * 1024) == 0
    ):
        return f"{value // (1024 * 1024)} MiB"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"``{value!r}``"


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("settings-table", SettingsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
