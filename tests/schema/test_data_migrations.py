"""Django's migrations on Appwrite: data steps that run once, in order, and schema steps that do no harm."""

from __future__ import annotations

import importlib
import re
import sys
from decimal import Decimal
from io import StringIO
from textwrap import dedent

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import override_settings

from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import ConnectionFailed, RowNotFound
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.management.commands.migrate import Command as MigrateCommand
from appwrite_orm_django.schema.errors import DuplicateRows
from appwrite_orm_django.schema.from_models import models_of, read_models
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.names import OWN_TABLES
from tests.library.models import Author, Book
from tests.schema.conftest import Options, a_server, connect, plan_for

TAG = TableRef("library", "library_tag")
MARK = pytest.mark.django_db(
    databases=["default", "appwrite", *settings.TWINS.values()], transaction=True
)
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
    assert [row["name"] for row in record if row["app"] == "library"][-2:] == [
        "0002_first",
        "0003_second",
    ]


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
    assert "Unapplying library.0002_first... OK" in run(
        "migrate", "library", "0001", database="appwrite"
    )
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
        wanted = read_models(
            "library", [m for m in models_of("appwrite") if m._meta.app_label == "world"]
        )
        assert plan_for(transport, wanted).steps == ()
        run("migrate", "world", "zero", database="appwrite", app="world")
        run("migrate", "world", "zero", database="default", app="world")
    left = [
        table.id
        for table in read_database(transport, "library")
        if not table.id.startswith(OWN_TABLES)
    ]
    assert left == ["django_migrations"]


@MARK
def test_the_record_of_migrations_survives_pruning(transport, package):
    initial(package)
    run("migrate", "library", database="appwrite")
    wanted = read_models("library", models_of("appwrite"))
    assert plan_for(transport, wanted, Options(prune=True)).destructive == ()


ADD = """
    from django.db import migrations, models

    class Migration(migrations.Migration):
        dependencies = [("library", "0001_initial")]
        operations = [{operation}]
"""
UNIQUE = 'migrations.AlterField("review", "text", models.CharField(max_length=100, unique=True))'


@MARK
@pytest.mark.parametrize("color", [False, True], ids=["plain", "colour"])
def test_apps_that_live_elsewhere_are_not_mentioned(transport, package, color):
    initial(package)

    def printed(*args):
        out = StringIO()
        with override_settings(MIGRATION_MODULES={"library": "steps_of_a_test"}):
            call_command("migrate", *args, database="appwrite", stdout=out, force_color=color)
        return re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())

    planned = printed("--plan").splitlines()
    assert planned[:2] == ["Planned operations:", "library.0001_initial"]
    assert "    Create model Author" in planned
    assert not [line for line in planned[1:] if not line.startswith(("library.", "    "))]
    assert printed().splitlines() == [
        "Operations to perform:",
        "  Apply all migrations: library",
        "Running migrations:",
        "  Applying library.0001_initial... OK",
    ]
    assert printed().splitlines()[2:4] == ["Running migrations:", "  No migrations to apply."]
    assert printed("--plan").splitlines() == [
        "Planned operations:",
        "  No planned migration operations.",
    ]
    # They are recorded all the same; and one that is asked for by its name is told of.
    assert "auth.0001_initial" not in printed()
    assert "Apply all migrations: auth" in printed("auth")
    recorded = {
        row["app"]
        for row in rows.list_rows(transport, TableRef("library", "django_migrations"))["rows"]
    }
    assert recorded >= {"auth", "library", "contenttypes"}


@MARK
def test_other_databases_are_migrated_as_django_does(transport, package):
    initial(package)
    assert "library.0001_initial" in run("migrate", "--plan", database="default")
    assert "Apply all migrations: admin, auth" in run("migrate", database="default")


def from_the_shell(*args):
    """Run ``manage.py migrate`` as the shell does, and return how it ends and what it prints to stderr."""
    err, out = StringIO(), StringIO()
    command = MigrateCommand(stdout=out, stderr=err, no_color=True)
    with (
        override_settings(MIGRATION_MODULES={"library": "steps_of_a_test"}),
        pytest.raises(SystemExit) as ended,
    ):
        command.run_from_argv(
            ["manage.py", "migrate", "library", "--database", "appwrite", "--skip-checks", *args]
        )
    return ended.value.code, out.getvalue(), err.getvalue()


@MARK
class TestFailures:
    @pytest.fixture(autouse=True)
    def _initial(self, transport, package):
        initial(package)
        run("migrate", "library", database="appwrite")
        review = TableRef("library", "library_review")
        rows.create_rows(
            transport,
            review,
            [{"$id": f"r{n}", "book_id": "b", "stars": 1, "text": "same"} for n in range(2)],
        )

    @pytest.mark.parametrize(
        ("operation", "message"),
        [
            ('migrations.AddField("review", "f", models.IntegerField())', "MissingValues: library_review: the server cannot"),
            (UNIQUE, "DuplicateRows: library_review: the unique index text_uniq"),
            ('migrations.AlterField("review", "text", models.IntegerField())', "UnconvertibleRows: library_review.text cannot"),
            ('migrations.AlterModelTable("review", "other")', "NotSupportedError: Appwrite cannot change the id of a table"),
            ('migrations.RunSQL("SELECT 1")', "NotSupportedError: "),
        ],
        ids=["required", "unique", "type", "table", "sql"],
    )  # fmt: skip
    def test_end_in_their_message(self, package, operation, message):
        package("0002_change", ADD.format(operation=operation))
        code, out, err = from_the_shell()
        assert code == 1
        assert out.endswith("  Applying library.0002_change...\n")
        assert err.startswith(message)
        assert "Traceback" not in err

    def test_the_traceback_is_there_for_those_who_ask(self, package):
        package("0002_change", ADD.format(operation=UNIQUE))
        with (
            override_settings(MIGRATION_MODULES={"library": "steps_of_a_test"}),
            pytest.raises(DuplicateRows) as caught,
        ):
            MigrateCommand(stdout=StringIO()).run_from_argv(
                [
                    "manage.py",
                    "migrate",
                    "library",
                    "--database",
                    "appwrite",
                    "--skip-checks",
                    "--traceback",
                ]
            )
        assert [entry.name for entry in caught.traceback][-1] == "refuse_duplicates"

    def test_programs_catch_what_it_is(self, package):
        package("0002_change", ADD.format(operation=UNIQUE))
        with pytest.raises(DuplicateRows):
            run("migrate", "library", database="appwrite")

    def test_a_step_of_the_project_keeps_its_traceback(self, package):
        """It is the project's own code that is to be looked at."""
        source = """
            from django.db import migrations

            def fail(apps, schema_editor):
                from appwrite_orm_django.client import rows

                rows.get_row(schema_editor.connection.transport, schema_editor.connection.table_ref("library_tag"), "nobody")

            class Migration(migrations.Migration):
                dependencies = [("library", "0001_initial")]
                operations = [migrations.RunPython(fail, hints={"model_name": "tag"})]
        """
        package("0002_fails", source)
        with (
            override_settings(MIGRATION_MODULES={"library": "steps_of_a_test"}),
            pytest.raises(RowNotFound) as caught,
        ):
            MigrateCommand(stdout=StringIO()).run_from_argv(
                ["manage.py", "migrate", "library", "--database", "appwrite", "--skip-checks"]
            )
        assert not isinstance(caught.value, CommandError)

    def test_a_server_that_cannot_be_reached(self, package, transport, monkeypatch):
        def refuse(*_args, **_kwargs):
            raise ConnectionFailed("no connection to 127.0.0.1")

        monkeypatch.setattr(transport, "call", refuse)
        assert from_the_shell()[::2] == (1, "ConnectionFailed: no connection to 127.0.0.1\n")


PLACES = """
    from django.db import migrations, models

    class Migration(migrations.Migration):
        dependencies = [("library", "{after}")]
        operations = [
            migrations.AlterField("book", "price", models.DecimalField(max_digits=8, decimal_places={places}, null=True)),
            migrations.RunPython(
                lambda apps, editor: print(
                    list(apps.get_model("library", "Book").objects.using("appwrite").values_list("price", flat=True))
                ),
                migrations.RunPython.noop,
                hints={{"model_name": "book"}},
            ),
        ]
"""


@MARK
def test_prices_are_rewritten_by_migrate_and_back(transport, package, capsys):
    initial(package)
    run("migrate", "library", database="appwrite")
    author = Author.objects.create(name="Zola")
    Book.objects.create(title="Nana", author=author, price=Decimal("9.90"))
    assert [book.price for book in Book.objects.all()] == [Decimal("9.90")]
    book = TableRef("library", "library_book")
    package("0002_four", PLACES.format(after="0001_initial", places=4))
    run("migrate", "library", database="appwrite")
    assert [row["price"] for row in rows.list_rows(transport, book)["rows"]] == [99000]
    assert "[Decimal('9.9000')]" in capsys.readouterr().out
    package("0003_two", PLACES.format(after="0002_four", places=2))
    run("migrate", "library", database="appwrite")
    assert "[Decimal('9.90')]" in capsys.readouterr().out
    assert [book.price for book in Book.objects.all()] == [Decimal("9.90")]
    assert Book.objects.get(price=Decimal("9.90")).title == "Nana"
    assert "No changes." in run("appwrite_migrate", "library", "--check")
    # Backwards as well.
    run("migrate", "library", "0002", database="appwrite")
    assert [row["price"] for row in rows.list_rows(transport, book)["rows"]] == [99000]
