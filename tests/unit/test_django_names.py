"""The names of Django that its reference does not describe are listed in docs/explanation/django-internals.md, and all are there."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import appwrite_orm_django

PACKAGE = Path(appwrite_orm_django.__file__).parent
PAGE = PACKAGE.parent / "docs" / "explanation" / "django-internals.md"

#: Modules all of whose names are documented, or reexported where they are.
DOCUMENTED = re.compile(
    r"django|django\.(apps|conf|contrib|contrib\.(admin|auth\.decorators|messages)|core|core\.(cache|checks|exceptions|paginator|signals|validators)"
    r"|core\.cache\.backends\.(base|dummy|locmem)|core\.management\.base|core\.serializers\.json|db|db\.(models|transaction|utils)"
    r"|db\.models\.(constraints|functions|lookups|signals)|dispatch|forms(\.models)?|http(\.response)?|template(\.response)?|urls"
    r"|utils(\.\w+)*|views(\.\w+)*)"
)
DOCUMENTED_NAMES = {
    "django.core.cache.backends.db.DatabaseCache",
    "django.db.migrations.RunPython",
    "django.db.models.expressions.Expression",
    "django.db.models.expressions.ExpressionWrapper",
    "django.db.models.expressions.OuterRef",
    "django.db.models.expressions.RawSQL",
    "django.db.models.expressions.Value",
    "django.db.models.fields.json.KeyTransform",
}
#: Underscored, but documented, or another library's.
NOT_DJANGOS = {
    "_base_manager",
    "_default_manager",
    "_meta",
    "_state",
    "_replace",
    "_compressor",
    "_serializer",
    "_map",
    "_server",
}


def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]


def imported() -> set[tuple[str, str]]:
    """Return module and name of everything imported from Django, also within functions."""
    return {
        (node.module, alias.name)
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] == "django"
        for alias in node.names
    }


def listed(pattern: str) -> set[str]:
    return set(re.findall(f"`({pattern})`", PAGE.read_text(encoding="utf-8")))


@pytest.mark.parametrize(("module", "name"), sorted(imported()), ids=".".join)
def test_it_is_there(module, name):
    found = importlib.import_module(module)
    if not hasattr(found, name):
        importlib.import_module(f"{module}.{name}")


def test_internal_modules_are_listed():
    internal = {f"{module}.{name}" for module, name in imported() if not DOCUMENTED.fullmatch(module)}
    assert internal - DOCUMENTED_NAMES == listed(r"django\.[\w.]+")


def test_every_documented_name_is_used():
    assert {f"{module}.{name}" for module, name in imported()} >= DOCUMENTED_NAMES


def test_private_names_are_listed():
    assert used_privately() | overridden_privately() == listed(r"_\w+")


def used_privately() -> set[str]:
    """Return the underscored attributes that nothing in the package defines."""
    defined, used = set(), set()
    for node in (node for tree in trees() for node in ast.walk(tree)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                defined.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                defined.add(name)
            case ast.Constant(value=str(name)):  # slots
                defined.add(name)
            case ast.Attribute(attr=name) if is_private(name):
                used.add(name)
    return used - defined - NOT_DJANGOS


def overridden_privately() -> set[str]:
    """Return the underscored methods of Django's classes that ours replace."""
    found = set()
    for module in pkgutil.walk_packages([str(PACKAGE)], f"{appwrite_orm_django.__name__}."):
        for ours in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(ours) and ours.__module__ == module.name:
                djangos = [base for base in ours.__mro__ if base.__module__.startswith("django.")]
                replaced = {
                    name for base in ours.__mro__ if base.__module__.startswith(PACKAGE.name) for name in vars(base)
                }
                found |= {name for base in djangos for name in vars(base) if is_private(name) and name in replaced}
    return found


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
