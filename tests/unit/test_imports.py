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
    "name", ["appwrite", "pydantic", "rich", "waitress", "django.db.migrations", "appwrite_orm_django.local"]
)
def test_the_backend_and_its_transport_do_without(name):
    program = PROGRAM.format(names=[name])
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
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
    with pytest.raises(TypeError, match="speaks JSON"):
        transport.chunked_upload("/storage")


# Rooms, and what of them a process has when it has started; a module that is not named here is imported by whoever needs it first.
AT_START = {
    "": "admin aliases apps fields forking forms instances lookups managers models pagination routers",
    "admin": "cache_panel model_admin",
    "backend": "base client columns commands creation cursor cursor_wrappers features introspection operations refusals requesting row_ids "
    "transactions trying_again values watching",
    "backend.commands": "base",
    "cache": "choice control",
    "client": "errors identifiers identity references secret",
    "schema": "names",
}
# ... and what a first read that the server answers adds. Neither writes, blocks, local evaluation, servers that join, nor what changes tables.
WITH_A_READ = {
    "": "collation signals",
    "backend": "cached_reads capabilities client_calls compiler counting known_reads listening local_evaluation locking options periods pushdown "
    "positions reading reading_ahead summaries users whole_models",
    "backend.commands": "conditions local outputs reads texts",
    "backend.pushdown": "aggregates conditions periods reads server truth",
    "cache": "columns core direct driver entries exceptions flights history keys protocol service settings statistics store writes",
    "client": "account answers json_text local_endpoint pool queries retries rows sdk_client transport",
    "schema": "columns defaults definitions errors limits",
}
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
READ = """
teas = Tea.objects.filter(name="Assam", grams__gt=50).order_by("name")[:10]
assert type(teas.query.get_compiler(connection=connection).read_command()).__name__ == "ListRows"
connection.reader, connection.transport, connection.cache, connection.known_reads
"""


def names_in(rooms):
    return {
        ".".join(filter(None, (appwrite_orm_django.__name__, room, name)))
        for room, names in rooms.items()
        for name in names.split()
    } | {f"{appwrite_orm_django.__name__}{'.' if room else ''}{room}" for room in rooms}


def loaded_by(program):
    tell = "print(*(name for name in sys.modules if name.partition('.')[0] == 'appwrite_orm_django'))"
    result = subprocess.run(
        [sys.executable, "-c", program + tell], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_a_process_starts_with_models_and_the_connection_only():
    loaded = loaded_by(STARTED)
    assert loaded == names_in(AT_START), "more costs every process of every site; less belongs out of the list"


def test_a_first_read_brings_no_more_than_it_needs():
    assert loaded_by(STARTED + READ) == names_in(AT_START) | names_in(WITH_A_READ)


@pytest.mark.parametrize(
    ("use", "brought"),
    [
        ("connection.writer", "backend.writing"),
        ("connection.SchemaEditorClass", "schema.apply"),
        ("connection.local_database", "backend.local_evaluation.sqlite"),
        ("connection.set_autocommit(False)", "backend.transactions.transaction"),
        ("from django.core.checks import run_checks; run_checks(tags=['models'])", "checks"),
    ],
)
def test_what_is_rarer_comes_with_its_use(use, brought):
    name = f"{appwrite_orm_django.__name__}.{brought}"
    assert name not in names_in(AT_START) | names_in(WITH_A_READ)
    assert name in loaded_by(f"{STARTED}\n{use}\n")
