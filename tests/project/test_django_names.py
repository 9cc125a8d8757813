"""The names of Django that its reference does not describe are listed in ``backend.django_internals``, and all are there."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import django
import pytest
from django.core.exceptions import ImproperlyConfigured

import appwrite_orm_django
from appwrite_orm_django.backend.django_internals import (
    HOOKS_OF_OTHER_VERSIONS,
    INTERNALS,
    TESTED,
    check_version,
)
from docs import django_internals as page

PACKAGE = Path(appwrite_orm_django.__file__).parent

#: Modules all of whose names are documented, or reexported where they are.
DOCUMENTED = re.compile(
    r"django|django\.(apps|conf|contrib|contrib\.(admin|auth\.decorators|messages)|core|core\.(cache|checks|exceptions|files\.(base|storage)|paginator|signals|validators)"
    r"|core\.cache\.backends\.(base|dummy|locmem)|core\.management\.base|core\.serializers\.json|db|db\.(models|transaction|utils)"
    r"|db\.models\.(constraints|functions|lookups|signals)|dispatch|forms(\.models)?|http(\.response)?|template(\.response)?|urls"
    r"|utils(\.\w+)*|views(\.\w+)*)"
)
DOCUMENTED_NAMES = {
    "django.contrib.auth.models.Permission",
    "django.contrib.contenttypes.fields.GenericForeignKey",
    "django.contrib.contenttypes.models.ContentType",
    "django.core.cache.backends.db.DatabaseCache",
    "django.db.migrations.RunPython",
    "django.db.models.expressions.Expression",
    "django.db.models.expressions.ExpressionWrapper",
    "django.db.models.expressions.OuterRef",
    "django.db.models.expressions.RawSQL",
    "django.db.models.expressions.Value",
    "django.db.models.fields.files.FieldFile",
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
    modules = (path for path in PACKAGE.rglob("*.py") if path.name != "django_internals.py")
    return [ast.parse(path.read_text(encoding="utf-8")) for path in modules]


def imported() -> set[tuple[str, str]]:
    """Return module and name of everything imported from Django, also within functions."""
    return {
        (node.module, alias.name)
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and not node.level
        and (node.module or "").partition(".")[0] == "django"
        for alias in node.names
    }


ALL = [internal for room in INTERNALS.values() for internal in room]
#: Documented classes of which undocumented attributes are used.
DOCUMENTED_CLASSES = {"django.db.models.Model", "django.utils.functional.LazyObject"}


@pytest.mark.parametrize(("module", "name"), sorted(imported()), ids=".".join)
def test_it_is_there(module, name):
    found = importlib.import_module(module)
    if not hasattr(found, name):
        importlib.import_module(f"{module}.{name}")


def test_internal_modules_are_listed():
    internal = {
        f"{module}.{name}" for module, name in imported() if not DOCUMENTED.fullmatch(module)
    }
    assert internal - DOCUMENTED_NAMES == {each.name for each in ALL} - DOCUMENTED_CLASSES


def test_every_documented_name_is_used():
    assert {f"{module}.{name}" for module, name in imported()} >= DOCUMENTED_NAMES


def test_private_names_are_listed():
    assert used_privately() | overridden_privately() == {
        name for each in ALL for name in each.private
    }


def used_privately() -> set[str]:
    """Return the underscored attributes that nothing in the package defines."""
    defined, used = set(), set()
    for node in (node for tree in trees() for node in ast.walk(tree)):
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
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
                    name
                    for base in ours.__mro__
                    if base.__module__.startswith(PACKAGE.name)
                    for name in vars(base)
                }
                found |= {
                    name
                    for base in djangos
                    for name in vars(base)
                    if is_private(name) and name in replaced
                }
    return found


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_the_page_is_made_from_the_list():
    assert page.PAGE.read_text() == page.page(), "run: python -m docs.django_internals"


@pytest.mark.parametrize("version", [(5, 1), (6, 2), (7, 0)])
def test_another_django_is_refused(version):
    with pytest.raises(ImproperlyConfigured, match=r"tested with 5\.2 to 6\.1"):
        check_version((*version, 0, "final", 0))


def test_the_range_is_that_of_the_package():
    (oldest, newest) = TESTED
    requirement = f'"Django>={oldest[0]}.{oldest[1]},<{newest[0]}.{newest[1] + 1}"'
    assert requirement in (PACKAGE.parent / "pyproject.toml").read_text()


def test_every_hook_is_called_by_this_django():
    """A method that neither Django nor the package knows is a hook that Django no longer has."""
    known = {
        name
        for tree in [
            *trees(),
            *(
                ast.parse(path.read_text())
                for path in (Path(django.__file__).parent / "db").rglob("*.py")
            ),
        ]
        for node in ast.walk(tree)
        for name in ([node.attr] if isinstance(node, ast.Attribute) else [])
    }
    unknown = set()
    for module in pkgutil.walk_packages([str(PACKAGE / "backend")], "appwrite_orm_django.backend."):
        for ours in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(ours) and ours.__module__ == module.name:
                djangos = [base for base in ours.__mro__ if base.__module__.startswith("django.")]
                inherited = {name for base in djangos for name in vars(base)}
                own = {name for name, value in vars(ours).items() if inspect.isfunction(value)}
                unknown |= {
                    name
                    for name in own - inherited - known
                    if djangos and not name.startswith("__")
                }
    assert unknown == {name for name in HOOKS_OF_OTHER_VERSIONS if name not in known}
