"""The tools for users' own tests, used as they would use them."""

import json

import pytest
from django.db import OperationalError
from django.test import TestCase, TransactionTestCase

from appwrite_orm_django import testing
from appwrite_orm_django.backend.creation import models_without_migration
from tests.library.models import Author, Book, Country


class Counting(testing.AppwriteTestMixin, TransactionTestCase):
    databases = {"default", "appwrite"}

    def test_the_right_number_passes(self):
        with self.assertAppwriteRequests(1):
            Author.objects.create(name="Zola")
        assert self.assertAppwriteRequests(1, Author.objects.count) == 1

    def test_a_wrong_number_fails_and_lists_the_requests(self):
        with (
            self.assertRaisesMessage(AssertionError, "1. POST /tablesdb/"),
            self.assertAppwriteRequests(2),
        ):
            Author.objects.create(name="Zola")

    def test_an_error_in_the_block_is_not_hidden_by_the_count(self):
        with self.assertRaises(ZeroDivisionError), self.assertAppwriteRequests(5):
            raise ZeroDivisionError

    @pytest.mark.local_only("disturbs the local server (faults)")
    def test_faults_last_as_long_as_their_block(self):
        with self.appwrite_faults("error,status=500"), self.assertRaises(OperationalError):
            Author.objects.create(name="Zola")
        Author.objects.create(name="Zola")


class Isolation(testing.AppwriteTestMixin, TestCase):
    databases = {"default", "appwrite"}

    @classmethod
    def setUpTestData(cls):
        cls.author = Author.objects.create(name="Zola")

    def test_one(self):
        assert Author.objects.count() == 1
        self.author.name = "Hugo"
        self.author.save()
        Author.objects.create(name="Verne")

    def test_two(self):
        assert [author.name for author in Author.objects.all()] == ["Zola"]
        assert self.author.name == "Zola"

    def test_hooks(self):
        from django.db import transaction

        with self.captureOnCommitCallbacks(using="appwrite", execute=True) as callbacks:
            transaction.on_commit(lambda: None, using="appwrite")
        assert len(callbacks) == 1


@pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
class TestFixtures:
    def test_requests_are_collected(self, appwrite_requests):
        Author.objects.create(name="Zola")
        assert [line.split()[0] for line in appwrite_requests.take()] == ["POST"]
        Author.objects.count()
        appwrite_requests.check(1)

    def test_requests_are_counted(self, assert_appwrite_requests):
        with assert_appwrite_requests(1) as log:
            Author.objects.create(name="Zola")
        assert log[0].status == 201
        with (
            pytest.raises(AssertionError, match="0 requests to Appwrite, 3 expected"),
            assert_appwrite_requests(3),
        ):
            pass

    def test_a_fault_that_passes_is_retried(self, appwrite_faults, appwrite_requests):
        with appwrite_faults("error,status=503,method=GET,times=1"):
            assert Author.objects.count() == 0
        assert appwrite_requests[0].attempts == 2


@pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
class TestRecording:
    def test_what_was_recorded_is_replayed_without_a_server(self, tmp_path):
        path = tmp_path / "recording.jsonl"
        with testing.recorded_appwrite(path):
            Country.objects.create(code="FR", name="France")
            first = list(Country.objects.values_list("pk", "name").iterator())
        Country.objects.all().delete()
        with testing.replayed_appwrite(path):
            Country.objects.create(code="FR", name="France")
            assert (
                list(Country.objects.values_list("pk", "name").iterator())
                == first
                == [("FR", "France")]
            )
        assert not Country.objects.exists()

    def test_a_recording_holds_no_secret(self, tmp_path):
        path = tmp_path / "recording.jsonl"
        with testing.recorded_appwrite(path):
            Country.objects.create(code="FR", name="France")
        (line,) = path.read_text().splitlines()
        assert set(json.loads(line)) == {
            "method",
            "path",
            "query",
            "body",
            "status",
            "type",
            "answer",
        }

    def test_a_request_that_was_not_recorded_fails(self, tmp_path):
        path = tmp_path / "recording.jsonl"
        path.write_text("")
        with (
            pytest.raises(testing.UnexpectedRequest, match="no answer for POST"),
            testing.replayed_appwrite(path),
        ):
            Country.objects.create(code="FR", name="France")

    def test_a_recorded_request_that_is_not_made_fails(self, tmp_path):
        path = tmp_path / "recording.jsonl"
        with testing.recorded_appwrite(path):
            Country.objects.create(code="FR", name="France")
        with (
            pytest.raises(testing.UnexpectedRequest, match="1 recorded requests"),
            testing.replayed_appwrite(path),
        ):
            pass


def test_settings_for_tests_point_at_a_private_server():
    databases = testing.with_local_appwrite(
        {
            "default": {"ENGINE": "django.db.backends.sqlite3"},
            "appwrite": {
                "ENGINE": "appwrite_orm_django.backend",
                "HOST": "https://x.example/v1",
                "NAME": "shop",
            },
        },
        feature_level="2.x",
    )
    assert databases["default"] == {"ENGINE": "django.db.backends.sqlite3"}
    assert databases["appwrite"]["HOST"].startswith("local:?feature-level=2.x#tests-")
    assert databases["appwrite"]["NAME"] == "shop"


def test_models_whose_app_has_no_migration_for_them_get_their_tables(settings):
    settings.MIGRATION_MODULES = {"library": "tests.no_migrations"}
    assert Book in models_without_migration("appwrite")
    assert Book.tags.through in models_without_migration("appwrite")
    settings.MIGRATION_MODULES = {"library": None}  # Django's migrate makes all of them
    assert not models_without_migration("appwrite")
