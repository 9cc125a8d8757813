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
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

from appwrite_orm_django.checks.migrations import check_unapplied
from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import ConnectionFailed, RowNotFound
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.management.commands import migrate as migrate_command
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
        modules = {"library": "steps_of_a_test", "world": None}
        with override_settings(MIGRATION_MODULES=modules):
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
            ('migrations.RunSQL("CREATE TABLE t (x int)")', "NotSupportedError: "),
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


@MARK
class TestWithoutDatabase:
    """Plain ``migrate`` brings the tables on Appwrite along."""

    @pytest.fixture(autouse=True)
    def _initial(self, transport, package):
        initial(package)
        yield
        # The record of "default" outlives a test.
        run("migrate", "library", "zero", database="default")

    def labels(self, alias):
        recorder = MigrationRecorder(connections[alias])
        return {label for label, _name in recorder.applied_migrations()}

    def test_it_says_what_happens_where(self):
        lines = run("migrate").splitlines()
        appwrite = lines.index(heading())
        assert lines[0] == "default (SQLite)"
        assert not [line for line in lines[:appwrite] if "library" in line]
        assert lines[appwrite + 1 : appwrite + 5] == [
            "Operations to perform:",
            "  Apply all migrations: library, world",
            "Running migrations:",
            "  Applying library.0001_initial... OK",
        ]
        assert "library" in self.labels("default")
        assert "library" in self.labels("appwrite")
        assert Author.objects.create(name="Zola").pk

    def test_an_app_on_appwrite_is_migrated_there_alone(self, transport):
        lines = run("migrate", "library").splitlines()
        assert lines[0] == heading()
        assert "default (SQLite)" not in lines
        assert "library" in self.labels("default")
        run("migrate", "library", "zero")
        assert "library" not in self.labels("default") | self.labels("appwrite")
        assert read_database(transport, "library").table("library_author") is None

    def test_an_app_elsewhere_sends_appwrite_nothing(self, transport):
        assert "appwrite" not in run("migrate", "auth")
        assert read_database(transport, "library") is None

    def test_a_default_database_on_appwrite_is_migrated_once(self, monkeypatch):
        monkeypatch.setattr(migrate_command, "aliases_with_models", lambda: ["default"])
        out = run("migrate")
        assert out.count("Operations to perform:") == 1
        assert "default (" not in out

    def test_an_explicit_database_is_the_only_one(self, transport):
        run("migrate", database="default")
        assert read_database(transport, "library") is None

    def test_the_plan_is_of_all_and_does_nothing(self, transport):
        out = run("migrate", "--plan")
        assert out.count("Planned operations:") == 2
        assert "library.0001_initial\n    Create model Author" in out
        assert read_database(transport, "library") is None

    def test_check_fails_for_a_migration_that_only_appwrite_lacks(self):
        run("migrate", "library")
        run("migrate")
        run("migrate", "--check")
        run("migrate", "library", "zero", database="appwrite")
        with pytest.raises(SystemExit) as ended:
            run("migrate", "--check")
        assert ended.value.code == 1

    def test_a_stopped_run_goes_on_with_appwrite(self, transport, monkeypatch):
        run("migrate", database="default")
        call = transport.call

        def broken(method, path, *args, **kwargs):
            if "library_" in path:
                raise ConnectionFailed("no connection")
            return call(method, path, *args, **kwargs)

        with monkeypatch.context() as patch, pytest.raises(ConnectionFailed):
            patch.setattr(transport, "call", broken)
            run("migrate")
        assert "Applying library.0001_initial... OK" in run("migrate")

    def test_models_without_a_migration_are_named(self):
        with override_settings(MIGRATION_MODULES={"library": "tests.no_migrations"}):
            out = StringIO()
            call_command("migrate", stdout=out)
        assert (
            "No migration creates these models, so they have no tables: library." in out.getvalue()
        )
        assert "Run 'manage.py makemigrations library'" in out.getvalue()

    @pytest.mark.parametrize("command", ["migrate", "appwrite_migrate"])
    def test_permissions_exist_without_migrations(self, command, permissions, transport):
        of_library = Permission.objects.filter(content_type__app_label="library")
        ContentType.objects.filter(app_label="library").delete()
        with override_settings(MIGRATION_MODULES={"library": "tests.no_migrations"}):
            options = {"database": "appwrite"} if command == "appwrite_migrate" else {}
            call_command(command, interactive=False, stdout=StringIO(), **options)
        assert of_library.filter(codename="change_book").exists()

    @pytest.mark.parametrize("command", ["runserver", "runserver_plus"])
    def test_runserver_warns(self, command, monkeypatch, transport, package):
        def warnings():
            with override_settings(MIGRATION_MODULES={"library": "steps_of_a_test"}):
                return [message.msg for message in check_unapplied()]

        monkeypatch.setattr(sys, "argv", ["manage.py", command])
        assert warnings() == [
            'You have 2 unapplied migration(s) on "appwrite": library.0001_initial, '
            "world.0001_initial."
        ]
        run("migrate")
        assert warnings() == []
        with override_settings(MIGRATION_MODULES={"library": None}):
            assert check_unapplied() == []  # the tables are there, whoever made them
        run("migrate", "library", "zero")
        with override_settings(MIGRATION_MODULES={"library": None}):
            (message,) = check_unapplied()
        assert "no migration creates one: library." in message.msg
        with monkeypatch.context() as patch:
            patch.setattr(transport, "call", refuse)
            assert "could not be asked which migrations are applied" in warnings()[0]

    def test_other_commands_do_not_ask_the_server(self, monkeypatch, transport):
        monkeypatch.setattr(sys, "argv", ["manage.py", "check"])
        monkeypatch.setattr(transport, "call", refuse)
        assert check_unapplied() == []


def heading():
    settings = connections["appwrite"].settings_dict
    return f"appwrite (Appwrite database {settings['NAME']} at {settings['HOST']})"


def refuse(*_args, **_kwargs):
    raise ConnectionFailed("no connection to 127.0.0.1")
