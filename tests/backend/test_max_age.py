"""``max_age`` through the ORM: which reads may show rows from before a write, and which never do."""

import contextvars
from dataclasses import replace

import pytest
from django.core.management import call_command
from django.db import connections, models, transaction
from django.db.models import Prefetch

from appwrite_orm_django.cache import fresh_reads, invalidate, own_writes
from tests.library.models import Author, Book, Country, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture(autouse=True)
def _one_clock(monkeypatch):
    """The database was emptied a moment ago, by the same clock."""
    cache = connections["appwrite"].cache
    monkeypatch.setattr(cache, "settings", replace(cache.settings, clock_skew=0.0))


@pytest.fixture
def tag():
    made = Tag.objects.create(name="novel")
    own_writes.start_request()
    return made


def elsewhere(function):
    """Call a function as another request would."""
    return contextvars.copy_context().run(function)


def rename(name):
    elsewhere(lambda: Tag.objects.update(name=name))


def names(queryset):
    return [one.name for one in queryset.all()]


READS = {
    "list": lambda tags: [one.name for one in tags.all()],
    "get": lambda tags: tags.get(pk=Tag.objects.nocache().get().pk).name,
    "first": lambda tags: tags.first().name,
    "values": lambda tags: tags.values_list("name", flat=True)[0],
    "count": lambda tags: tags.filter(name="novel").count(),
    "exists": lambda tags: tags.filter(name="novel").exists(),
    "aggregate": lambda tags: tags.filter(name="novel").aggregate(n=models.Count("pk")),
    "in_bulk": lambda tags: [one.name for one in tags.in_bulk().values()],
}


@pytest.mark.parametrize("name", READS)
def test_each_kind_of_read_shows_the_old_row_and_without_max_age_the_new_one(tag, name):
    read, young = READS[name], Tag.objects.cache(max_age=600)
    before = read(young)
    rename("poem")
    assert read(young) == before
    assert read(Tag.objects.all()) != before


def test_a_prepared_queryset(tag):
    prepared = Tag.objects.cache(max_age=600).order_by("name").prepared()
    assert [one.name for one in prepared] == ["novel"]
    rename("poem")
    assert [one.name for one in prepared] == ["novel"]
    with fresh_reads():
        assert [one.name for one in prepared] == ["poem"]


def test_what_is_prefetched_follows_the_queryset():
    author = Author.objects.create(
        name="Zola", country=Country.objects.create(code="FR", name="France")
    )
    Book.objects.create(title="Nana", author=author, pages=10)
    own_writes.start_request()

    def titles(queryset):
        return [book.title for one in queryset for book in one.books.all()]

    young = Author.objects.cache(max_age=600)
    strict = Prefetch("books", queryset=Book.objects.cache(max_age=0))
    assert titles(young.prefetch_related("books")) == ["Nana"]
    elsewhere(lambda: Book.objects.update(title="Germinal"))
    assert titles(young.prefetch_related("books")) == ["Nana"]
    assert titles(young.prefetch_related(strict)) == ["Germinal"]


FRESH = {
    "atomic": lambda tags: transaction.atomic(using="appwrite")(lambda: names(tags))(),
    "select_for_update": lambda tags: transaction.atomic(using="appwrite")(
        lambda: names(tags.select_for_update())
    )(),
    "nocache": lambda tags: names(tags.nocache()),
    "iterator": lambda tags: [one.name for one in tags.iterator()],
    "max_age=0": lambda tags: names(tags.cache(max_age=0)),
    "cache()": lambda tags: names(tags.cache()),
    "refresh": lambda tags: (tags.refresh(), names(tags))[1],
    "warm": lambda tags: (tags.warm(), names(tags))[1],
    "invalidate": lambda tags: (invalidate(Tag), names(tags))[1],
    "set_updated": lambda tags: (tags.set_updated(False), names(tags))[1],
    "fresh_reads": lambda tags: fresh_reads()(lambda: names(tags))(),
    "own write": lambda tags: (Country.objects.create(code="IT", name="Italia"), names(tags))[1],
}


@pytest.mark.parametrize("way", FRESH)
def test_what_is_always_fresh(tag, way):
    young = Tag.objects.cache(max_age=600)
    assert names(young) == ["novel"]
    rename("poem")
    assert FRESH[way](young) == ["poem"]


def test_is_cached_and_is_updated_speak_of_fresh_rows(tag):
    young = Tag.objects.cache(max_age=600)
    names(young)
    assert young.is_cached()
    assert young.is_updated()
    rename("poem")
    assert names(young) == ["novel"]
    assert not young.is_cached()
    assert not young.is_updated()


def test_a_model_may_have_its_own(tag, monkeypatch):
    monkeypatch.setattr(Tag, "appwrite_cache_max_age", 600)
    monkeypatch.setattr(connections["appwrite"], "_cache", None)
    cache = connections["appwrite"].cache
    assert cache.settings.max_age_for(("library_tag",)) == 600
    monkeypatch.setattr(cache, "settings", replace(cache.settings, clock_skew=0.0))
    cache.forget_invalidated()  # of other tests
    found = Tag.objects.get(pk=tag.pk)
    assert names(Tag.objects) == ["novel"]
    rename("poem")
    assert names(Tag.objects) == ["novel"]
    assert Tag.objects.get(pk=tag.pk).name == "novel"
    assert names(Tag.objects.cache(max_age=0)) == ["poem"]
    rename("essay")
    found.refresh_from_db()
    assert found.name == "essay"
    monkeypatch.setattr(connections["appwrite"], "_cache", None)


def test_get_or_create_gets_a_row_that_was_made_meanwhile(tag):
    young = Country.objects.cache(max_age=600)
    assert not young.filter(code="FR").exists()
    with pytest.raises(Country.DoesNotExist):
        young.get(code="FR")
    elsewhere(lambda: Country.objects.create(code="FR", name="France"))
    own_writes.start_request()
    found, made = young.get_or_create(code="FR", defaults={"name": "Frankreich"})
    assert (found.name, made) == ("France", False)


def test_negative_numbers_are_refused():
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="max_age"):
            Tag.objects.cache(max_age=wrong)


def test_an_emptied_database_shows_nothing_of_before(tag):
    young = Tag.objects.cache(max_age=600)
    assert names(young) == ["novel"]
    elsewhere(lambda: call_command("flush", database="appwrite", interactive=False, verbosity=0))
    assert names(young) == []
