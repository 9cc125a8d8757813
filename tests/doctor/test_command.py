"""``manage.py appwrite_doctor``."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from appwrite_orm_django.client import databases
from appwrite_orm_django.client.errors import ConnectionFailed, MissingScope
from appwrite_orm_django.doctor import examination
from appwrite_orm_django.doctor.assumptions import ASSUMPTIONS
from appwrite_orm_django.doctor.scratch import DATABASE_PREFIX, Scratch
from docs import assumptions
from tests import real

pytestmark = pytest.mark.django_db(databases=["appwrite"], transaction=True)


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("appwrite_doctor", *arguments, stdout=out, no_color=True)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def names() -> set[str]:
    listed = (each["$id"] for each in databases.list_databases(connections["appwrite"].transport))
    # A real server has others as well, which come and go.
    return {name for name in listed if name.startswith(DATABASE_PREFIX)}


def test_a_table_of_what_was_assumed_and_found(appwrite):
    before = names()
    code, text = run()
    assert code == 0, text
    assert f"All {len(ASSUMPTIONS)} assumptions hold." in text
    assert "✓ 'Zola' and 'zola' in a filter" in text
    assert names() == before


def test_what_does_not_hold_is_explained_and_ends_with_1(appwrite, monkeypatch):
    wrong = "mariadb" if appwrite.text_semantics == "postgresql" else "postgresql"
    options = {**appwrite.settings_dict["OPTIONS"], "TEXT": wrong}
    monkeypatch.setitem(appwrite.settings_dict, "OPTIONS", options)
    appwrite.__dict__.pop("options", None)
    try:
        code, text = run("--only", "text.case", "nulls")
    finally:
        monkeypatch.undo()
        appwrite.__dict__.pop("options", None)
    assert code == 1
    assert "✗ 'Zola' and 'zola' in a filter" in text
    assert 'Set OPTIONS["TEXT"]' in text
    assert "2 of 4 assumptions do not hold." in text


def test_json(appwrite):
    code, text = run("--format", "json", "--only", "bulk.create")
    report = json.loads(text)
    assert (code, report["alias"]) == (0, "appwrite")
    assert report["findings"] == [
        {"name": "bulk.create", "question": "rows in one bulk create", "assumed": "100 rows", "found": "100 rows",
         "holds": True, "otherwise": ""}
    ]  # fmt: skip


def test_kept(appwrite):
    before = names()
    _, text = run("--keep", "--only", "bulk.create")
    (kept,) = names() - before
    assert kept in text
    databases.delete_database(appwrite.transport, kept)


def test_a_given_database(appwrite):
    given = real.database_id("given")
    databases.create_database(appwrite.transport, given, "given")
    try:
        assert run("--scratch-database", given, "--only", "bulk.create")[0] == 0
    finally:
        databases.delete_database(appwrite.transport, given)


def test_unknown_names(appwrite):
    with pytest.raises(CommandError, match="no assumption or area 'texts'"):
        run("--only", "texts")


def test_the_list(appwrite, monkeypatch):
    monkeypatch.setattr(examination, "examine", None)
    assert run("--list")[1].count("\n") == len(ASSUMPTIONS)


def test_the_list_for_programs():
    listed = json.loads(run("--list", "--format", "json")[1])
    assert [each["name"] for each in listed] == [assumption.name for assumption in ASSUMPTIONS]


def refused(*arguments: str) -> tuple[CommandError, str]:
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("appwrite_doctor", *arguments, stdout=out, no_color=True)
    return caught.value, out.getvalue()


def test_an_unreachable_server_is_one_message(appwrite, monkeypatch):
    monkeypatch.setitem(appwrite.settings_dict, "HOST", "http://127.0.0.1:1/v1")
    error, text = refused()
    assert "127.0.0.1:1" in str(error)
    assert (error.returncode, text) == (2, "")
    report = json.loads(refused("--format", "json")[1])
    assert (report["alias"], report["findings"], report["error"]) == ("appwrite", [], str(error))


def test_an_alias_that_is_not_there():
    error, text = refused("--database", "nowhere", "--format", "json")
    assert json.loads(text)["error"] == str(error) == 'DATABASES has no "nowhere". On Appwrite: appwrite.'


@pytest.mark.parametrize("lost", [MissingScope, ConnectionFailed])
@pytest.mark.parametrize("form", ["text", "json"])
def test_what_cannot_be_asked_is_no_finding(appwrite, monkeypatch, lost, form):
    """A key without a scope, and a server that went away, say nothing about the rest."""
    empty, left = Scratch.empty, [2]

    def fails_at_last(self):
        left[0] -= 1
        if left[0] < 0:
            raise lost("not any more")
        empty(self)

    monkeypatch.setattr(Scratch, "empty", fails_at_last)
    before = names()
    error, text = refused("--format", form)
    assert "not any more" in str(error)
    assert "do not hold" not in text
    if form == "json":
        report = json.loads(text)
        assert ([each["holds"] for each in report["findings"]], report["error"]) == ([True, True], str(error))
    assert names() == before


@pytest.mark.local_only("starts a process with a local server of its own")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stopped_run_deletes_its_database(tmp_path, number):
    location = f"local:{tmp_path}/rows.sqlite3"
    (tmp_path / "doctor_settings.py").write_text(
        f"INSTALLED_APPS = ['appwrite_orm_django']\nDATABASES = {{'default': {{'ENGINE': 'appwrite_orm_django.backend', "
        f"'HOST': {location!r}, 'USER': 'p', 'PASSWORD': 'k', 'NAME': 'd'}}}}\n"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "doctor_settings", "PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}"}
    command = [sys.executable, "-u", "-m", "django", "appwrite_doctor"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    # A Ctrl-C that comes before Python has set its handler would be the shell's default.
    for line in process.stdout:
        if "kind of engine" in line:
            break
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert not _database_ids(location)


def _database_ids(location: str) -> list[str]:
    from appwrite_orm_django.client.transport import Transport

    return [each["$id"] for each in databases.list_databases(Transport(location, "p", "k"))]


def test_the_page_is_current():
    assert assumptions.PAGE.read_text() == assumptions.page(), "run: python -m docs.assumptions"
