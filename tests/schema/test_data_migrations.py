"""Django's migrations on Appwrite: data steps that run once, in order, and schema steps that do no harm."""

from __future__ import annotations

import importlib
import re
import sys
from io import StringIO
from textwrap import dedent

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from appwrite_orm_django.client import rows
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.schema.from_models import models_of, read_models
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.migrate import Options, plan_for
from appwrite_orm_django.schema.names import OWN_TABLES
from tests.schema.conftest import a_server, connect

TAG = TableRef("library", "library_tag")
MARK = pytest.mark.django_db(databases=["default", "appwrite", "twin", "twin-postgresql"], transaction=True)
ROUTERS = ["appwrite_orm_django.routers.AppwriteRouter"]


@pytest.fixture
def transport(behind_alias):
    return behind_alias(connect(a_server()))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package for the migrations of an app, and a way to write one."""
    folder = tmp_path / "steps_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()

    def write(name, source):
        (folder / f"{name}.py").write_text(dedent(source))
        importlib.invalidate_caches()

    yield write
    for name in [name for name in sys.modules if name.startswith("steps_of_a_test")]:
        del sys.modules[name]


def run(*args, app="library", **options):
    out = StringIO()
    with override_settings(MIGRATION_MODULES={app: "steps_of_a_test"}):
        call_command(*args, stdout=out, stderr=out, no_color=True, **options)
    return out.getvalue()


STEP = """
    from django.db import migrations

    def add(apps, schema_editor):
        Tag = apps.get_model("library", "Tag")
        Tag.objects.using(schema_editor.connection.alias).create(name="{name}")

    class Migration(migrations.Migration):
        dependencies = {dependencies}
        operations = [migrations.RunPython(add, migrations.RunPython.noop, hints={{"model_name": "tag"}})]
"""


def names(transport):
    return sorted(row["name"] for row in rows.list_rows(transport, TAG)["rows"])


def initial(package):
    """Write the migrations that makemigrations writes for the library."""
    return run("makemigrations", "library")


@MARK
def test_steps_run_once_in_order_and_are_recorded_in_appwrite(transport, package):
    initial(package)
    run("migrate", "library", "0001", database="appwrite")
    package("0002_first", STEP.format(name="first", dependencies=[("library", "0001_initial")]))
    package("0003_second", STEP.format(name="second", dependencies=[("library", "0002_first")]))
    out = run("migrate", "library", database="appwrite")
    assert re.findall(r"Applying library\.(\w+)\.\.\. OK", out) == ["0002_first", "0003_second"]
    assert names(transport) == ["first", "second"]
    assert "No migrations to apply" in run("migrate", "library", database="appwrite")
    assert names(transport) == ["first", "second"]
    record = rows.list_rows(transport, TableRef("library", "django_migrations"))["rows"]
    assert [row["name"] for row in record if row["app"] == "library"][-2:] == ["0002_first", "0003_second"]


@MARK
def test_a_step_that_fails_is_not_recorded_and_runs_again(transport, package):
    initial(package)
    run("migrate", "library", "0001", database="appwrite")
    package(
        "0002_fails",
        STEP.format(name="first", dependencies=[("library", "0001_initial")]).replace(
            "class Migration", "def fail(apps, schema_editor):\n        raise RuntimeError('stop')\n\n    class Migration"
        ).replace("operations = [", "operations = [migrations.RunPython(fail), "),
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="stop"):
        run("migrate", "library", database="appwrite")
    assert names(transport) == []
    package("0002_fails", STEP.format(name="first", dependencies=[("library", "0001_initial")]))
    sys.modules.pop("steps_of_a_test.0002_fails", None)
    run("migrate", "library", database="appwrite")
    assert names(transport) == ["first"]


@MARK
def test_a_step_can_be_taken_back(transport, package):
    initial(package)
    remove = "def remove(apps, schema_editor):\n        apps.get_model('library', 'Tag').objects.filter(name='first').delete()"
    step = STEP.replace("class Migration", f"{remove}\n\n    class Migration").replace(
        "migrations.RunPython.noop", "remove"
    )
    package("0002_first", step.format(name="first", dependencies=[("library", "0001_initial")]))
    run("migrate", "library", database="appwrite")
    assert names(transport) == ["first"]
    assert "Unapplying library.0002_first... OK" in run("migrate", "library", "0001", database="appwrite")
    assert names(transport) == []
    run("migrate", "library", database="appwrite")
    assert names(transport) == ["first"]


@MARK
def test_steps_leave_other_databases_alone(transport, package):
    initial(package)
    package("0002_first", STEP.format(name="first", dependencies=[("library", "0001_initial")]))
    run("migrate", "library", database="default")
    assert read_database(transport, "library") is None
    with connections["default"].cursor() as cursor:
        made = connections["default"].introspection.table_names(cursor)
    assert not [table for table in made if table.startswith("library_")]
    run("migrate", "library", "zero", database="default")


@MARK
def test_makemigrations_and_migrate_do_no_harm(transport, package):
    """Django's own commands end where appwrite_migrate does, and send nothing of Appwrite's to other databases."""
    with override_settings(DATABASE_ROUTERS=ROUTERS):
        out = run("makemigrations", "world", app="world")
        assert "Create model Country" in out
        assert "No changes detected" in run("makemigrations", "world", app="world")
        run("migrate", "world", database="default", app="world")
        with connections["default"].cursor() as cursor:
            made = connections["default"].introspection.table_names(cursor)
        assert not [table for table in made if table.startswith("world_")]
        run("migrate", "world", database="appwrite", app="world")
        wanted = read_models("library", [m for m in models_of("appwrite") if m._meta.app_label == "world"])
        assert plan_for(transport, wanted).steps == ()
        run("migrate", "world", "zero", database="appwrite", app="world")
        run("migrate", "world", "zero", database="default", app="world")
    left = [table.id for table in read_database(transport, "library") if not table.id.startswith(OWN_TABLES)]
    assert left == ["django_migrations"]


@MARK
def test_the_record_of_migrations_survives_pruning(transport, package):
    initial(package)
    run("migrate", "library", database="appwrite")
    wanted = read_models("library", models_of("appwrite"))
    assert plan_for(transport, wanted, Options(prune=True)).destructive == ()
