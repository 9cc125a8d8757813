"""What the package promises about itself: who imports whom, and that Django stays as it is."""

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import appwrite_orm_django

ROOT = Path(appwrite_orm_django.__file__).parents[1]
PACKAGE = appwrite_orm_django.__name__

# Registering is Django's own way of extending: an app's lookups, fields and models appear in registries, which are data.
PROGRAM = """
import django, inspect, sys
django.setup()
from django.db import connections
connections["appwrite"].cursor()
import appwrite_orm_django.orm.lookups, appwrite_orm_django.routers

def ours(value):
    module = getattr(value, "__module__", None) or getattr(type(value), "__module__", None) or ""
    return isinstance(module, str) and module.partition(".")[0] == "appwrite_orm_django"

found = []
for name, module in sorted(sys.modules.items()):
    if name.partition(".")[0] != "django" or module is None:
        continue
    for attribute, value in list(vars(module).items()):
        if ours(value):
            found.append(f"{name}.{attribute}")
        if inspect.isclass(value) and value.__module__.partition(".")[0] == "django":
            found += [f"{name}.{attribute}.{member}" for member, inner in list(vars(value).items()) if ours(inner)]
print("\\n".join(sorted(set(found))))
"""


def run(*command):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def test_no_attribute_of_django_is_ours():
    result = run(sys.executable, "-c", PROGRAM)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_the_search_finds_a_patch():
    patch = "import django.db.models\nfrom appwrite_orm_django.fields import EnumField\ndjango.db.models.Model.enum = EnumField\n"
    result = run(sys.executable, "-c", PROGRAM.replace("found = []\n", f"{patch}found = []\n"))
    assert "django.db.models.Model.enum" in result.stdout.split(), result.stderr


def test_rooms_depend_downwards_only():
    result = run(
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as main; main()",
        "--no-cache",
    )
    assert result.returncode == 0, result.stdout


def test_nothing_happens_at_import():
    """No settings, no network, no registry: every module but those of Django's own models and commands can be imported bare."""
    program = (
        "import importlib, pkgutil, socket, appwrite_orm_django.client, appwrite_orm_django.schema, appwrite_local\n"
        "def refuse(*args, **kwargs): raise AssertionError('network at import')\n"
        "socket.socket.connect = refuse\n"
        "for room in (appwrite_orm_django.client, appwrite_local):\n"
        "    for module in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "from django.conf import settings\n"
        "assert not settings.configured\n"
    )
    environment = {
        name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"
    }
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=600, check=False
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["models", "managers", "fields", "routers"])
def test_public_modules_say_what_is_public(name):
    module = importlib.import_module(f"{PACKAGE}.{name}")
    defined = {
        attribute
        for attribute, value in vars(module).items()
        if not attribute.startswith("_")
        and inspect.isclass(value)
        and value.__module__ == module.__name__
    }
    assert defined <= set(module.__all__)
    assert all(hasattr(module, attribute) for attribute in module.__all__)


def test_modules_are_named_after_a_noun():
    names = {
        module.name.rpartition(".")[2] for module in pkgutil.walk_packages([str(ROOT / PACKAGE)])
    }
    assert not names & {"utils", "misc", "common", "helpers"}
