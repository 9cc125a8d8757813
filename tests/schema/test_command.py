"""``manage.py appwrite_migrate``, from its arguments to the database."""

from __future__ import annotations

import json
import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import models

from appwrite_orm_django.client import rows, tables
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.management.commands.appwrite_migrate import Command
from appwrite_orm_django.schema.from_models import models_of, read_models
from appwrite_orm_django.schema.from_server import read_database
from appwrite_orm_django.schema.own_tables import CLAIM_COLUMN, CLAIMS, ENCODINGS, with_own_tables
from tests.library.models import Tag
from tests.schema.conftest import ENGINE, Counter, a_server, connect
from tests.settled import columns as column_routes
from tests.settled import indexes as index_routes

# appwrite_migrate also creates permissions, in "default".
pytestmark = pytest.mark.django_db
TAG = TableRef("library", "library_tag")


@pytest.fixture
def transport(behind_alias):
    return behind_alias(connect(a_server()))


@pytest.fixture
def requests_made(transport):
    counter = Counter([])
    transport.add_listener(counter.records.append)
    return counter


def update_column(transport, table, *column, **options):
    """Change a column as another client would: where indexes are in its way, it drops them first."""
    if not ENGINE.alters_indexed_tables:
        for index in index_routes.list_indexes(transport, table):
            index_routes.delete_index(transport, table, index["key"])
    column_routes.update_column(transport, table, *column, default=None, **options)


def run(*args: str, **options: object) -> str:
    out = StringIO()
    call_command("appwrite_migrate", *args, stdout=out, stderr=out, no_color=True, **options)
    return out.getvalue()


def test_it_makes_everything_and_then_nothing(transport, requests_made):
    out = run()
    assert out.startswith("appwrite (library):\n  + database library\n  + table library_")
    assert "  + table library_book... OK\n" in out
    wanted = with_own_tables(read_models("library", models_of("appwrite")))
    assert {table.id for table in read_database(transport, "library")} == {
        table.id for table in wanted
    }
    requests_made.reset()
    assert run() == "appwrite (library):\n  No changes.\n"
    # The tables, and what is recorded of their columns.
    assert [record.method for record in requests_made.records] == ["GET", "GET"]
    rows.create_row(transport, TAG, "t1", {"name": "new"})


def test_our_own_table_is_made_with_all_models_only(transport):
    run("library", "tag")
    assert read_database(transport, "library").table(CLAIMS.id) is None
    assert f"  + table {CLAIMS.id}\n" in run()
    assert read_database(transport, "library").table(CLAIMS.id) == CLAIMS


def test_our_own_table_may_have_been_made_by_a_transaction(transport):
    run("library", "tag")
    column = {"key": CLAIM_COLUMN, "type": "string", "size": 100, "required": False}
    tables.create_table(transport, TableRef("library", CLAIMS.id), CLAIMS.name, columns=[column])
    assert CLAIMS.id not in run()
    assert run("--prune") == "appwrite (library):\n  No changes.\n"


def test_plan_does_nothing(transport, requests_made):
    out = run("--plan")
    assert "+ table library_tag" in out
    assert requests_made.writes() == []


def test_check_tells_by_its_status(transport, requests_made):
    with pytest.raises(SystemExit) as caught:
        run("--check")
    assert caught.value.code == 1
    assert requests_made.writes() == []
    run()
    run("--check")


def test_one_app_or_one_model(transport):
    run("library", "tag")
    assert {table.id for table in read_database(transport, "library")} == {
        "library_tag",
        ENCODINGS.id,
    }
    assert run("library", "Tag", "--prune") == "appwrite (library):\n  No changes.\n"
    run("library", "Book")
    assert {table.id for table in read_database(transport, "library")} == {
        "library_tag",
        "library_book",
        "library_book_tags",
        ENCODINGS.id,
    }


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nope"], "No installed app with label 'nope'"),
        (
            ["auth"],
            'The app auth has no table on "appwrite": the routers send it to another database',
        ),
        (["library", "Nope"], r'library\.Nope has no table on "appwrite"'),
        (["--database", "default"], r'DATABASES\["default"\] is not on Appwrite'),
        (["--rename", "nonsense"], "--rename nonsense: write Model.old=new"),
        (["--rename", "Tag.a=b"], r"--rename Tag\.a=b: library\.Tag has no field b"),
        (["--rename", "Nope.a=b"], r"no model named Nope; write app\.Model\.old=new"),
        (["--rename", "Book.a=tags"], "tags has no column"),
        (
            ["--rename", "Book.title=blurb", "--rename", "Book.blurb=title"],
            "cannot change places in one run",
        ),
    ],
)
def test_wrong_arguments(transport, requests_made, args, message):
    with pytest.raises(CommandError, match=message):
        run(*args)
    assert requests_made.writes() == []


def test_json(transport):
    run("library", "tag")
    column_routes.create_column(transport, TAG, "integer", "extra", required=False)
    column_routes.delete_column(transport, TAG, "name")
    plan = json.loads(run("library", "tag", "--plan", format="json"))
    assert plan["database"] == "library"
    assert [step["text"] for step in plan["steps"]] == [
        "+ column library_tag.name varchar(40) required",
        "+ index library_tag.name_uniq unique (name)",
    ]
    assert {"kind", "table", "text", "destructive", "warning"} == set(plan["steps"][0])
    assert plan["left"] == ["column library_tag.extra integer"]


def test_extra_columns_are_named_and_dropped_only_by_prune(transport):
    run()
    column_routes.create_column(transport, TAG, "integer", "extra", required=False)
    assert "  = column library_tag.extra integer, which no model has (--prune drops it)\n" in run()
    out = run("--prune", "--noinput")
    assert "  - column library_tag.extra integer  [destructive]\n" in out
    assert "  - column library_tag.extra integer... OK\n" in out
    assert [column["key"] for column in column_routes.list_columns(transport, TAG)] == ["name"]


@pytest.mark.parametrize("answer", ["", "n", "maybe"])
def test_pruning_asks_first(transport, requests_made, monkeypatch, answer):
    run()
    column_routes.create_column(transport, TAG, "integer", "extra", required=False)
    requests_made.reset()
    monkeypatch.setattr("builtins.input", lambda _prompt: answer)
    with pytest.raises(CommandError, match="Nothing was done"):
        run("--prune")
    assert requests_made.writes() == []


def test_pruning_after_a_yes(transport, monkeypatch):
    run()
    tables.create_table(transport, TableRef("library", "stranger"), "Stranger")
    monkeypatch.setattr("builtins.input", lambda _prompt: "y")
    run("--prune")
    assert read_database(transport, "library").table("stranger") is None


def test_narrowing_needs_a_flag(transport, requests_made):
    run()
    update_column(transport, TAG, "varchar", "name", required=True, size=90)
    requests_made.reset()
    with pytest.raises(CommandError) as caught:
        run("--noinput")
    assert str(caught.value) == (
        "Nothing was done: these steps may lose data and need --allow-destructive:\n"
        "  ~ column library_tag.name varchar(90) required -> varchar(40) required"
    )
    assert requests_made.writes() == []
    run("--noinput", "--allow-destructive")
    assert run() == "appwrite (library):\n  No changes.\n"


def test_rename(transport):
    run()
    update_column(transport, TAG, "varchar", "name", required=True, newKey="label")
    rows.create_row(transport, TAG, "t1", {"label": "kept"})
    out = run("--rename", "Tag.label=name")
    assert "~ column library_tag.label renamed to name" in out
    assert rows.get_row(transport, TAG, "t1")["name"] == "kept"


def test_a_rename_of_nothing_is_told(transport):
    run()
    column_routes.delete_column(transport, TAG, "name")
    assert "  ! library_tag has no column label to rename to name.\n" in run(
        "--rename", "Tag.label=name"
    )


def test_what_the_rows_do_not_allow_is_said_without_a_traceback(transport):
    run()
    index_routes.delete_index(transport, TAG, "name_uniq")
    for row_id in ("t1", "t2"):
        rows.create_row(transport, TAG, row_id, {"name": "same"})
    with pytest.raises(
        CommandError, match=r"cannot be created over duplicates: same \(t1 and t2\)"
    ):
        run()


def test_ctrl_c_says_how_to_go_on_and_ends_the_caller(transport, monkeypatch, capsys):
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "appwrite_orm_django.management.commands.appwrite_migrate.migrate", interrupted
    )
    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(["manage.py", "appwrite_migrate", "--noinput"])
    assert ended.value.code == 130
    assert capsys.readouterr().err.endswith(
        "\nInterrupted. Run appwrite_migrate again to continue.\n"
    )
    # A program that calls it, such as a run of tests, is stopped as well.
    with pytest.raises(KeyboardInterrupt):
        run()


def test_rename_of_a_foreign_key(transport):
    run()
    table = TableRef("library", "library_review")
    update_column(transport, table, "varchar", "book_id", required=True, newKey="novel_id")
    assert "~ column library_review.novel_id renamed to book_id" in run(
        "--rename", "library.Review.novel=book"
    )


def test_rows_without_a_value_are_refused(transport):
    run()
    table = TableRef("library", "library_review")
    column_routes.update_column(transport, table, "integer", "stars", required=False, default=None)
    rows.create_row(transport, table, "r1", {"book_id": "b1", "text": ""})
    with pytest.raises(
        CommandError,
        match="library_review: the server cannot require stars because one row has no value",
    ):
        run()
    with pytest.raises(SystemExit):
        run("--check")
    assert "rejected while rows have no value" in run("--plan")
    rows.update_row(transport, table, "r1", {"stars": 3})
    run()
    assert "No changes." in run("--check")


def test_dry_run_prints_the_requests_that_would_be_made(transport, requests_made):
    run("library", "tag")
    column_routes.create_column(transport, TAG, "integer", "extra", required=False)
    column_routes.delete_column(transport, TAG, "name")
    requests_made.reset()
    out = run("library", "tag", "--dry-run", "--prune")
    assert out.split("Requests:\n")[1].splitlines() == [
        "  DELETE /tablesdb/library/tables/library_tag/columns/extra {}",
        "  PUT /tablesdb/library/tables/appwrite_orm_django_encodings/rows "
        '{"rows": [{"$id": "2a6d86e8511606850e782ba903d3ebe9", "table_id": "library_tag", "key": "name", "encoding": "text"}, '
        '{"$id": "fe864a66c8c766e5ea50dd9ea4a6972a", "table_id": "library_tag", "key": "$field", '
        '"encoding": "{\\"key\\":\\"name\\",\\"type\\":\\"SlugField\\",\\"position\\":3}"}, '
        '{"$id": "99dffea6f21a5adb12423315e28b59ac", "table_id": "$server", "key": "probe", '
        '"encoding": "its case shows the engine"}]}',
        '  POST /tablesdb/library/tables/library_tag/columns/varchar {"key": "name", "required": true, "size": 40}',
        '  POST /tablesdb/library/tables/library_tag/indexes {"key": "name_uniq", "type": "unique", "columns": ["name"]}',
    ]
    assert requests_made.writes() == []
    dry = requests_made.records
    assert (
        len(json.loads(run("library", "tag", "--dry-run", "--prune", format="json"))["requests"])
        == 4
    )
    del dry[:]
    run("library", "tag", "--prune", "--noinput")
    assert requests_made.writes() == [
        line.split(" {")[0].strip() for line in out.split("Requests:\n")[1].splitlines()
    ]


def test_dry_run_of_a_column_that_is_renamed_and_narrowed(transport, requests_made):
    run()
    review = TableRef("library", "library_review")
    update_column(
        transport,
        review,
        "integer",
        "stars",
        required=True,
        min=-5,
        max=99_999,
        newKey="points",
    )
    out = run("--dry-run", "--rename", "Review.points=stars", "--allow-destructive")
    assert '"newKey": "stars"' in out
    assert '"min": 0, "max": 32767' in out


def test_dry_run_of_a_new_table(transport, requests_made):
    out = run("library", "tag", "--dry-run")
    assert '  POST /tablesdb {"databaseId": "library", "name": "library", "enabled": true}\n' in out
    assert (
        '  POST /tablesdb/library/tables {"tableId": "library_tag", "name": "library.Tag",' in out
    )
    assert requests_made.writes() == []


class Terminal(StringIO):
    def isatty(self):
        return True


def test_a_bar_on_a_terminal_and_lines_elsewhere(transport):
    terminal = Terminal()
    call_command("appwrite_migrate", "library", "tag", stdout=terminal, no_color=True)
    shown = terminal.getvalue()
    assert re.search(r"  \d steps\.\.\. OK\n", shown)
    assert "table library_tag... OK" not in shown
    column_routes.create_column(transport, TAG, "integer", "extra", required=False)
    assert "  - column library_tag.extra integer... OK\n" in run(
        "library", "tag", "--prune", "--noinput"
    )


def test_no_bar_where_nothing_is_to_be_printed(transport):
    terminal = Terminal()
    call_command("appwrite_migrate", "library", "tag", stdout=terminal, verbosity=0)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("checked", [True, False])
def test_what_appwrite_leaves_out_is_said_once(transport, monkeypatch, checked):
    """By the checks that come first, or as a note of the plan."""
    constraint = models.CheckConstraint(condition=models.Q(name="x"), name="only_x")
    monkeypatch.setattr(Tag._meta, "constraints", [constraint])
    out = StringIO()
    call_command(
        "appwrite_migrate", "--plan", stdout=out, stderr=out, no_color=True, skip_checks=not checked
    )
    assert out.getvalue().count("only_x") == 1
    plan = json.loads(run("--plan", format="json"))
    assert [note for note in plan["notes"] if "only_x" in note]
