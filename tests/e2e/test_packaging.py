"""The package as it is published: what is in it, and that it runs with what it requires and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT, environment

PACKAGES = [ROOT / "appwrite_local", ROOT / "appwrite_orm_django"]
# Import names of everything that only the extras bring.
EXTRAS = [
    "celery", "debug_toolbar", "django_filters", "django_htmx", "django_redis", "django_tables2", "hiredis", "lz4", "opentelemetry",
    "prometheus_client", "pycountry", "pytest", "redis", "rest_framework", "selenium", "websockets", "zstandard",
]  # fmt: skip
# Modules that are about one of them, and nothing without it.
ABOUT_AN_EXTRA = {
    "appwrite_orm_django.cache.metrics": "prometheus_client",
    "appwrite_orm_django.contrib.debug_toolbar": "debug_toolbar",
    "appwrite_local.realtime_server": "websockets",
    "appwrite_orm_django.pytest_plugin": "pytest",
}
SETTINGS = """
from pathlib import Path
SECRET_KEY = "a secret of the tests"
DEBUG = True
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    *(f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes", "messages", "sessions")), "appwrite_orm_django", "shop"
]
MIDDLEWARE = [
    "appwrite_orm_django.contrib.cache_status.AppwriteCacheMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "urls"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
STATIC_URL = "static/"
HERE = Path(__file__).parent
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": HERE / "site.sqlite3"},
    "appwrite": {"ENGINE": "appwrite_orm_django.backend", "HOST": f"local:{HERE / 'appwrite.sqlite3'}", "USER": "p", "PASSWORD": "k", "NAME": "shop"},
}
DATABASE_ROUTERS = ["appwrite_orm_django.routers.AppwriteRouter"]
"""
URLS = """
from django.contrib import admin
from django.urls import path
from appwrite_orm_django.contrib.views import AppwriteListView
from shop.models import Tea
urlpatterns = [path("admin/", admin.site.urls), path("", AppwriteListView.as_view(model=Tea, list_display=["name"], search_fields=["name"]))]
"""
MODELS = """
from django.db import models
from appwrite_orm_django.models import AppwriteModel
class Tea(AppwriteModel):
    name = models.CharField(max_length=30, unique=True)
    def __str__(self): return self.name
"""
ADMIN = """
from django.contrib import admin
from appwrite_orm_django.admin import AppwriteModelAdmin
from shop.models import Tea
admin.site.register(Tea, AppwriteModelAdmin)
"""
# In a process in which the extras cannot be imported, whatever is installed.
PROGRAM = """
import importlib, os, pkgutil, sys
for name in {extras}:
    sys.modules[name] = None
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
import appwrite_local, appwrite_orm_django
failed = {{}}
for package in (appwrite_local, appwrite_orm_django):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            failed[module.name] = error.name.partition(".")[0]
assert failed == {about_an_extra}, failed
print(appwrite_orm_django.__file__)

from django.core.management import call_command
call_command("check")
call_command("makemigrations", "shop", verbosity=0)
call_command("migrate", verbosity=0)
call_command("check", databases=["appwrite"], fail_level="WARNING")
from django.contrib.auth.models import User
from django.test import Client
from shop.models import Tea
Tea.objects.create(name="Assam")
client = Client()
client.force_login(User.objects.create_superuser("editor"))
pages = [client.get("/") for _ in range(2)]
assert [page.headers["X-Cache-Status"] for page in pages] == ["MISS", "HIT"], [page.headers for page in pages]
assert b"Assam" in pages[1].content
assert client.post("/admin/shop/tea/add/", {{"name": "Sencha"}}).status_code == 302
for address in ("/admin/", "/admin/shop/tea/", "/admin/appwrite_orm_django/cachepanel/", "/?export=csv"):
    page = client.get(address)
    assert page.status_code == 200, address
    content = page.getvalue() if page.streaming else page.content
assert b"Sencha" in content
from django.contrib.staticfiles import finders
assert all(finders.find(f"appwrite_orm_django/{{name}}") for name in ("pages.css", "pages.js", "panel.css"))
"""


# What lies about in a working copy and is no part of it.
LITTER = (
    ".git",
    ".venv",
    "__pycache__",
    "build",
    "dist",
    "_build",
    "results",
    "var",
    "*.egg-info",
    ".*_cache",
    ".hypothesis",
)


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """A directory with the sdist, and the wheel that is built from it."""
    directory = tmp_path_factory.mktemp("published")
    # Of a copy: setuptools leaves its files in the tree that it builds from.
    tree = shutil.copytree(ROOT, directory / "tree", ignore=shutil.ignore_patterns(*LITTER))
    ended = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", directory / "dist", tree],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return directory / "dist"


@pytest.fixture(scope="module")
def wheel(published):
    (file,) = published.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield opened


def test_the_wheel_is_the_two_packages_and_the_documentation(wheel):
    ours = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in package.rglob("*")
        if file.is_file()
    }
    ours = {name for name in ours if "__pycache__" not in name}
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    pages = {name for name in shipped if ".data/data/share/doc/appwrite-orm-django/" in name}
    assert shipped - pages == ours
    assert any(name.endswith("/reference/checks.md") for name in pages)
    assert {
        "appwrite_local/py.typed",
        "appwrite_orm_django/py.typed",
        "appwrite_orm_django/static/appwrite_orm_django/pages.css",
    } <= shipped


def test_the_metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_string(wheel.read(name).decode())
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert any(each.endswith("/licenses/LICENSE") for each in wheel.namelist())
    assert metadata.get_payload().startswith("# appwrite-orm-django\n")
    required = {
        re.match(r"[\w.-]+", line)[0]
        for line in metadata.get_all("Requires-Dist")
        if "extra ==" not in line
    }
    assert required == {"Django", "appwrite", "orjson", "requests", "urllib3", "waitress", "rich"}
    (entry_points,) = (each for each in wheel.namelist() if each.endswith("entry_points.txt"))
    assert "appwrite_orm_django.pytest_plugin" in wheel.read(entry_points).decode()


def test_the_sdist_has_what_repackaging_takes(published):
    (file,) = published.glob("*.tar.gz")
    with tarfile.open(file) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    for name in (
        "CHANGELOG.md",
        "CODE_OF_CONDUCT.md",
        ".ci/release-check",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "LICENSE",
        "Makefile",
        "manage.py",
        "docs/conf.py",
        "testproject/settings.py",
    ):
        assert name in names
    assert Path(__file__).relative_to(ROOT).as_posix() in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_it_runs_with_what_it_requires(wheel, tmp_path):
    installed = tmp_path / "site-packages"
    wheel.extractall(installed)  # noqa: S202 - our own wheel
    files = {
        "settings.py": SETTINGS,
        "urls.py": URLS,
        "shop/__init__.py": "",
        "shop/models.py": MODELS,
        "shop/admin.py": ADMIN,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    ended = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            PROGRAM.format(extras=EXTRAS, about_an_extra=ABOUT_AN_EXTRA),
        ],
        cwd=tmp_path,
        env=environment(tmp_path, PYTHONPATH=os.pathsep.join([str(installed), str(tmp_path)])),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(str(installed))
