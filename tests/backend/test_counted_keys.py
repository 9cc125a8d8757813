"""Integer keys from 1, for the tests of other people's apps on the local server."""

import threading
import uuid

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DataError, OperationalError, connections, transaction

from appwrite_local import registry
from appwrite_orm_django.backend.row_ids import MAX_INTEGER, encode_integer
from appwrite_orm_django.checks.databases import check_settings
from appwrite_orm_django.client import rows
from tests.kinds import level_settings
from tests.library.models import Numbered

pytestmark = [
    pytest.mark.django_db(databases=["default", "appwrite"], transaction=True),
    pytest.mark.local_only("the option is refused on a real server"),
]


@pytest.fixture
def settings_of_alias():
    return level_settings("1.9", f"k{uuid.uuid4().hex[:8]}", KEYS_FROM_ONE=True)


@pytest.fixture
def numbered(connect, settings_of_alias):
    connection = connect(**settings_of_alias)
    with connection.schema_editor() as editor:
        editor.create_model(Numbered)
    yield connection
    registry.forget(connection.settings_dict["HOST"])


def make(name="a", **values):
    return Numbered.objects.create(name=name, **values).pk


def atomic():
    return transaction.atomic("appwrite")


@pytest.mark.usefixtures("numbered")
class TestCounting:
    def test_keys_count_from_one(self):
        assert [make(), make()] == [1, 2]
        made = Numbered.objects.bulk_create([Numbered(name="b"), Numbered(name="c")])
        assert [each.pk for each in made] == [3, 4]
        assert Numbered.objects.get(pk=1).name == "a"

    def test_a_key_that_was_given_is_counted(self):
        assert make(pk=7) == 7
        assert make() == 8

    def test_sql_counts_as_well(self):
        with connections["appwrite"].cursor() as cursor:
            cursor.execute("INSERT INTO library_numbered (name) VALUES ('a'), ('b')")
            assert cursor.lastrowid == 2
            assert make() == 3
            cursor.execute("INSERT INTO library_numbered (id, name) VALUES (7, 'seven')")
            cursor.execute("INSERT INTO library_numbered (id, name) VALUES (NULL, 'eight')")
            assert cursor.lastrowid == 8
            cursor.execute(
                "INSERT INTO library_numbered (name) SELECT name FROM library_numbered WHERE id < 3"
            )
            assert cursor.lastrowid == 10
            with pytest.raises(ZeroDivisionError), atomic():
                cursor.execute("INSERT INTO library_numbered (name) VALUES ('given back')")
                assert cursor.lastrowid == 11
                raise ZeroDivisionError
            cursor.execute("INSERT INTO library_numbered (name) VALUES ('c')")
            assert cursor.lastrowid == 11
        assert sorted(Numbered.objects.values_list("pk", flat=True)) == [1, 2, 3, 7, 8, 9, 10, 11]

    def test_no_key_is_left_after_the_largest(self):
        assert make(pk=MAX_INTEGER - 1) == MAX_INTEGER - 1
        assert make() == MAX_INTEGER
        for _attempt in range(2):
            with pytest.raises(OperationalError, match="library_numbered: no key is left"):
                make()
        with pytest.raises(OperationalError, match="no key is left"), atomic():
            make()
        with pytest.raises(DataError):
            make(pk=MAX_INTEGER + 1)
        assert make(pk=5) == 5

    def test_a_deleted_row_keeps_its_key(self):
        make()
        Numbered.objects.all().delete()
        assert make() == 2

    def test_a_block_that_is_rolled_back_gives_its_keys_back(self):
        make()
        with pytest.raises(ZeroDivisionError), atomic():
            assert [make(), make()] == [2, 3]
            raise ZeroDivisionError
        assert make() == 2

    def test_a_committed_block_keeps_them(self):
        with atomic():
            make()
        assert make() == 2
        assert list(Numbered.objects.values_list("pk", flat=True)) == [1, 2]

    def test_so_does_a_savepoint(self):
        with atomic():
            make()
            with pytest.raises(ZeroDivisionError), atomic():
                assert make() == 2
                raise ZeroDivisionError
            with atomic():
                assert make() == 2
            with pytest.raises(ZeroDivisionError), atomic():
                with atomic():
                    assert make() == 3
                assert make() == 4
                raise ZeroDivisionError
            assert make() == 3

    def test_a_savepoint_before_the_first_row_of_a_table(self):
        make()
        with atomic():
            with pytest.raises(ZeroDivisionError), atomic():
                assert make() == 2
                raise ZeroDivisionError
            assert make() == 2

    def test_an_existing_table_goes_on_after_its_largest_key(self, numbered):
        make(pk=41)
        numbered.counted_keys.forget(numbered.database_id)
        assert make() == 42

    def test_a_new_table_begins_at_one(self, numbered):
        make()
        with numbered.schema_editor() as editor:
            editor.delete_model(Numbered)
            editor.create_model(Numbered)
        assert make() == 1

    def test_flush_resets_the_keys(self):
        make()
        call_command("flush", database="appwrite", interactive=False, reset_sequences=False)
        assert make() == 2
        call_command("flush", database="appwrite", interactive=False)
        assert make() == 1

    def test_a_key_that_another_process_has_taken_is_skipped(self, numbered):
        make()
        # As the row of another process, which this one has not counted.
        rows.create_row(
            numbered.transport,
            numbered.table_ref("library_numbered"),
            encode_integer(2),
            {"name": "theirs"},
        )
        assert [make(), make()] == [3, 4]


def test_threads_get_different_keys(numbered, settings_of_alias):
    keys, ready = [], threading.Barrier(2)

    def count():
        connection = type(numbered)({**numbered.settings_dict, **settings_of_alias}, "appwrite")
        connections["appwrite"] = connection
        with atomic():
            ready.wait()
            keys.extend(make() for _ in range(10))
        connection.close()

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(keys) == list(range(1, 21))
    assert make() == 21


def test_a_block_gives_nothing_back_that_others_have_counted_past(numbered, settings_of_alias):
    other = type(numbered)({**numbered.settings_dict, **settings_of_alias}, "appwrite")
    table = numbered.table_ref("library_numbered")
    with pytest.raises(ZeroDivisionError), atomic():
        assert make() == 1
        assert other.counted_keys.new(table) == 2
        assert make() == 3
        raise ZeroDivisionError
    assert make() == 3


def test_without_the_option_keys_are_large(connect, settings_of_alias):
    del settings_of_alias["OPTIONS"]["KEYS_FROM_ONE"]
    connection = connect(**settings_of_alias)
    with connection.schema_editor() as editor:
        editor.create_model(Numbered)
    assert make() > 2**40
    assert not connection.features.supports_sequence_reset
    registry.forget(connection.settings_dict["HOST"])


class TestElsewhere:
    OPTIONS = {"KEYS_FROM_ONE": True}

    def test_a_connection_refuses_it(self, connect):
        connection = connect(HOST="https://appwrite.example.org/v1", OPTIONS=self.OPTIONS)
        with pytest.raises(
            ImproperlyConfigured, match=r'KEYS_FROM_ONE.*for tests with HOST "local:"'
        ):
            connection.cursor()

    def test_a_check_reports_it(self, settings, monkeypatch):
        entry = {**settings.DATABASES["appwrite"], "HOST": "https://appwrite.example.org/v1"}
        monkeypatch.setitem(settings.DATABASES, "appwrite", {**entry, "OPTIONS": self.OPTIONS})
        (message,) = check_settings(None)
        assert message.id == "appwrite.E002"
        assert "KEYS_FROM_ONE" in message.msg

    def test_it_is_true_or_false(self, connect):
        with pytest.raises(ImproperlyConfigured, match="must be True or False"):
            _ = connect(OPTIONS={"KEYS_FROM_ONE": "no"}).options
