"""
Write the generated parts of ``docs/reference/``: ``python -m docs.reference_pages``.

The parts stand between comments, so the pages can be read on a code host as well as on the site:

- ``<!-- settings: path.to.Dataclass -->`` is a table of the settings that a dataclass holds.
- ``<!-- api: path.to.object; method, method -->`` describes an object and these of its methods; with
  ``*`` all classes that a module exports.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import django
from django.conf import settings

DOCS = Path(__file__).parent
PAGES = [
    DOCS / "reference" / f"{name}.md" for name in ("api", "errors", "fields", "settings", "signals")
]
PART = re.compile(
    r"^<!-- (?P<kind>settings|api): (?P<target>[\w.]+)(?:; (?P<members>[\w*, ]+))? -->\n.*?^<!-- end -->\n",
    re.MULTILINE | re.DOTALL,
)
SECTIONS = ("Args", "Attributes", "Class attributes", "Raises", "Returns")
LINE = 100


def page(path: Path) -> str:
    """Return the text of a page with its parts generated anew."""

    def part(found: re.Match[str]) -> str:
        first, last = found[0].splitlines()[:: len(found[0].splitlines()) - 1]
        target = resolve(found["target"])
        if found["kind"] == "settings":
            text = settings_table(target)
        else:
            text = "\n".join(described(target, found["target"], found["members"] or ""))
        return f"{first}\n\n{text.strip()}\n\n{last}\n"

    return PART.sub(part, path.read_text())


def resolve(dotted: str) -> Any:
    """Import the longest part of a dotted name that is a module, and take the rest from it."""
    module, rest = dotted, []
    while True:
        try:
            found: Any = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
    for name in rest:
        found = getattr(found, name)
    return found


# The Python API


def described(target: Any, dotted: str, members: str) -> Iterator[str]:
    """Yield the lines about a module, class or function."""
    if inspect.ismodule(target):
        yield from text_of(target)
        if members == "*":
            for name, value in exported(target):
                yield from described(value, f"{dotted}.{name}", "*")
        return
    yield from (f"### {dotted.rpartition('.')[2]}", "")
    yield from heading_of(target, dotted)
    yield from text_of(target)
    if members == "*":
        members = ", ".join(own_methods(target))
    for name in filter(None, members.split(", ")):
        member = inspect.getattr_static(target, name)
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        yield from (f"#### {dotted.rpartition('.')[2]}.{name}", "")
        if not isinstance(member, property):
            yield from (*code(signature(getattr(target, name), name)), "")
        yield from text_of(function)


def exported(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield the classes that a module exports, in the order in which it defines them."""
    names = getattr(module, "__all__", [name for name in vars(module) if name[0] != "_"])
    found = {name: getattr(module, name) for name in names}
    classes = {
        name: value
        for name, value in found.items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    }
    order = list(vars(module))
    yield from sorted(classes.items(), key=lambda item: order.index(item[0]))


def own_methods(target: type) -> list[str]:
    """Return the public methods of a class that it describes, but not hooks of Django or Python."""
    if issubclass(target, Exception) or hasattr(target, "contribute_to_class"):
        return []
    return [
        name
        for name, value in vars(target).items()
        if name[0] != "_" and inspect.isfunction(value) and value.__doc__
    ]


def heading_of(target: Any, dotted: str) -> Iterator[str]:
    """Yield the full name: of a function with its signature, of an exception with its bases."""
    if inspect.isclass(target) and issubclass(target, Exception):
        bases = [base.__name__ for base in target.__bases__ if base is not Exception]
        yield from (f"`{dotted}`" + (f", {' and '.join(map(article, bases))}" if bases else ""), "")
    elif inspect.isfunction(target) or "Args" in dict(sections(inspect.getdoc(target) or "")):
        yield from (*code(signature(target, dotted)), "")
    else:
        yield from (f"`{dotted}`", "")


def article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' and not name.startswith('Uni') else 'a'} `{name}`"


class _Annotation(str):
    """An annotation as it is written in the source, without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _plain(annotation: Any) -> str:
    """Return an annotation without the modules of its names."""
    if not isinstance(annotation, str):
        annotation = (
            annotation.__name__
            if inspect.isclass(annotation) and not getattr(annotation, "__args__", ())
            else repr(annotation)
        )
    return re.sub(r"\b[\w.]+\.(?=\w)", "", annotation)


def signature(function: Any, name: str) -> str:
    """Return a call with its parameters and types, over several lines if it is long."""
    found = inspect.signature(function)
    parameters = []
    for parameter in found.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.annotation is not parameter.empty:
            parameter = parameter.replace(annotation=_Annotation(_plain(parameter.annotation)))
        parameters.append(parameter)
    has_result = found.return_annotation is not found.empty and not inspect.isclass(function)
    tail = f" -> {_plain(found.return_annotation)}" if has_result else ""
    found = found.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    shown = f"{name}{found}{tail}"
    if len(shown) <= LINE:
        return shown
    texts, kinds = [], [parameter.kind for parameter in parameters]
    for index, parameter in enumerate(parameters):
        named = parameter.kind is parameter.KEYWORD_ONLY
        if (
            named
            and parameter.KEYWORD_ONLY not in kinds[:index]
            and parameter.VAR_POSITIONAL not in kinds
        ):
            texts.append("*")
        texts.append(str(parameter))
    return "\n".join([f"{name}(", *(f"    {text}," for text in texts), f"){tail}"])


def code(text: str) -> tuple[str, ...]:
    return ("```text", *text.splitlines(), "```")


def text_of(target: Any) -> Iterator[str]:
    """Yield the docstring as Markdown: its text, and its sections as lists."""
    text = inspect.getdoc(target) or ""
    for title, body in sections(text):
        if title:
            yield from (f"**{title.replace('Args', 'Arguments')}**", "")
        if title in ("", "Returns"):
            yield from (*prose(body).splitlines(), "")
            continue
        for names, meaning in entries(body):
            each = ", ".join(f"`{name}`" for name in names)
            yield from wrapped(f"- {each}: {markdown(' '.join(meaning.split()))}", "  ")
        yield ""


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield the sections of a docstring with their titles; text before and after them has none."""
    title, lines = "", list[str]()
    for line in text.splitlines():
        if line.removesuffix(":") in SECTIONS and line.endswith(":"):
            yield title, _body(title, lines)
            title, lines = line[:-1], []
        elif title and line and not line.startswith("    "):
            yield title, _body(title, lines)
            title, lines = "", [line]
        else:
            lines.append(line)
    yield title, _body(title, lines)


def _body(title: str, lines: list[str]) -> str:
    text = "\n".join(lines)
    return textwrap.dedent(text) if title else text


def entries(body: str) -> Iterator[tuple[list[str], str]]:
    """Yield the names and the meaning of each entry of a section."""
    for entry in re.split(r"^(?=\S)", body, flags=re.MULTILINE):
        if entry.strip():
            names, _, meaning = entry.partition(": ")
            yield names.split(", "), meaning


def prose(text: str) -> str:
    """Return the text of a docstring as Markdown; indented parts become blocks to read."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph.startswith(("    ", ">>>")):
            plain = re.sub(r"\s*# doctest:\s*\+SKIP", "", paragraph)
            lines += code(textwrap.dedent(plain))
        elif paragraph.lstrip().startswith("- "):
            for item in re.split(r"\n(?=- )", paragraph):
                lines += wrapped(markdown(" ".join(item.split())), "  ")
        else:
            flowing = re.sub(r"::$", ":", " ".join(paragraph.split()))
            lines += wrapped(markdown(flowing), "")
        lines.append("")
    return "\n".join(lines)


def markdown(text: str) -> str:
    """Return a paragraph of a docstring as Markdown; names of pages become links."""
    text = re.sub(r"``(.+?)``", r"`\1`", text)
    return re.sub(r"`?docs/([\w/-]+)\.md(#[\w-]+)?`?", _link, text)


def _link(found: re.Match[str]) -> str:
    path = DOCS / f"{found[1]}.md"
    (title,) = re.findall(r"^# (.+)$", path.read_text(), re.MULTILINE)[:1]
    return f"[{title}]({os.path.relpath(path, DOCS / 'reference')}{found[2] or ''})"


def wrapped(text: str, indent: str) -> list[str]:
    # No break within code or links.
    spaces = re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)", lambda m: m[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(
        spaces, LINE, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace("\0", " ") for line in lines]


# Settings


def settings_table(dataclass: Any) -> str:
    """
    Return a table of the keys, defaults and meanings of settings.

    Raises:
        ValueError: the docstring and the fields differ.
    """
    defaults = {field.name: shown_default(field) for field in dataclasses.fields(dataclass)}
    rows = ["| Key | Default | |", "|---|---|---|"]
    described_names: set[str] = set()
    bodies = dict(sections(inspect.getdoc(dataclass) or ""))
    for names, meaning in entries(bodies["Attributes"]):
        described_names |= set(names)
        keys = ", ".join(f"`{name.upper()}`" for name in names)
        values = ", ".join(dict.fromkeys(defaults[name] for name in names))
        text = markdown(in_settings_words(" ".join(meaning.split()), defaults))
        rows.append(f"| {keys} | {values} | {text[:1].upper()}{text[1:]} |")
    if described_names != set(defaults):
        raise ValueError(f"{dataclass}: {sorted(described_names ^ set(defaults))}")
    return "\n".join(rows)


def in_settings_words(meaning: str, names: Iterable[str]) -> str:
    """A docstring speaks of fields and classes, where the table has keys and dictionaries."""
    meaning = re.sub(r", see ``\w+Settings``", "; see below", meaning)
    meaning = re.sub(r"``(\w+)Settings``", lambda found: f"``{found[1].upper()}``", meaning)
    return re.sub(rf"``({'|'.join(names)})``", lambda found: f"``{found[1].upper()}``", meaning)


def shown_default(field: dataclasses.Field[Any]) -> str:
    from appwrite_orm_django.client.secret import Secret

    value = field.default
    if value is dataclasses.MISSING or isinstance(value, Secret) or value in ("", ()):
        return ""  # required, a dictionary of its own, or empty
    mebibytes = 1024 * 1024
    if type(value) is int and value >= mebibytes and value % mebibytes == 0:
        return f"{value // mebibytes} MiB"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{value!r}`"


if __name__ == "__main__":
    # Models, managers and admin classes want settings when they are imported.
    apps = ("admin", "auth", "contenttypes", "messages", "sessions")
    settings.configure(
        INSTALLED_APPS=[*(f"django.contrib.{app}" for app in apps), "appwrite_orm_django"]
    )
    django.setup()
    for each in PAGES:
        each.write_text(page(each))
