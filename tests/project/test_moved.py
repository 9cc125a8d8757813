"""Modules that were moved say where they are now."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import appwrite_orm_django
from appwrite_orm_django._moved import MOVED, MovedModules

CHANGELOG = (Path(appwrite_orm_django.__file__).parents[1] / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("old", MOVED)
def test_the_old_name_says_the_new_one(old):
    with pytest.raises(
        ModuleNotFoundError, match=rf"^appwrite_orm_django\.{old} has moved to appwrite_"
    ):
        importlib.import_module(f"appwrite_orm_django.{old}")
    package, _, name = f"appwrite_orm_django.{old}".rpartition(".")
    program = f"from {package} import {name}"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=600, check=False
    )
    assert "has moved to" in ended.stderr


@pytest.mark.parametrize("new", sorted({new.partition(",")[0] for new in MOVED.values()}))
def test_the_new_one_is_there(new):
    importlib.import_module(new if new == "appwrite_local" else f"appwrite_orm_django.{new}")


def test_the_changelog_lists_them():
    assert [old for old in MOVED if f"| `{old}` |" not in CHANGELOG] == []


def test_other_names_are_not_found_as_ever():
    assert MovedModules().find_spec("appwrite_orm_django.tasks", None) is None
    assert importlib.util.find_spec("appwrite_orm_django.tasks") is None
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'appwrite_orm_django.tasks'$"):
        importlib.import_module("appwrite_orm_django.tasks")
