"""What a process does not import before somebody needs it."""

import subprocess
import sys
from pathlib import Path

import pytest

import appwrite_orm_django

ROOT = Path(appwrite_orm_django.__file__).parents[1]
PROGRAM = """
import sys
import appwrite_orm_django.backend.base
from appwrite_orm_django.client.transport import Transport
Transport("http://127.0.0.1:1/v1", "demo", "secret").call
print([name for name in {names} if name in sys.modules])
"""


@pytest.mark.parametrize(
    "name", ["appwrite", "pydantic", "rich", "waitress", "django.db.migrations", "appwrite_local"]
)
def test_the_backend_and_its_transport_do_without(name):
    program = PROGRAM.format(names=[name])
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.stdout.strip() == "[]", result.stderr


def test_the_transport_has_the_methods_of_the_sdks_client():
    from appwrite_orm_django.client.transport import Transport

    transport = Transport("http://127.0.0.1:1/v1", "demo", "secret")
    assert transport.set_locale("de") is transport
    assert transport.get_headers()["x-appwrite-locale"] == "de"
    assert transport.get_config("project") == "demo"
    with pytest.raises(AttributeError):
        transport.set_colour("red")
    with pytest.raises(TypeError, match="cannot upload"):
        transport.chunked_upload("/storage")


STARTED = """
import sys
import django
from django.conf import settings

sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
appwrite = {"ENGINE": "appwrite_orm_django.backend", "HOST": "http://127.0.0.1:1/v1", "USER": "p", "PASSWORD": "k", "NAME": "d"}
apps = ["admin", "auth", "contenttypes", "messages", "sessions"]
settings.configure(
    DATABASES={"default": sqlite, "appwrite": appwrite},
    DATABASE_ROUTERS=["appwrite_orm_django.routers.AppwriteRouter"],
    INSTALLED_APPS=[*("django.contrib." + app for app in apps), "appwrite_orm_django"],
)
django.setup()
from django.db import connections, models, router
from appwrite_orm_django.models import AppwriteModel

class Tea(AppwriteModel):
    name = models.CharField(max_length=50)
    grams = models.IntegerField()

    class Meta:
        app_label = "shop"

assert router.db_for_read(Tea) == "appwrite"
connection = connections["appwrite"]
connection.ops
"""


def loaded_by(program):
    tell = "print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program + tell],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


@pytest.mark.parametrize("name", ["requests", "appwrite", "pydantic", "rich", "appwrite_local"])
def test_a_process_starts_without(name):
    """The first request brings the HTTP client; what setting up costs is measured by ``benchmarks.import_time``."""
    assert name not in loaded_by(STARTED)
