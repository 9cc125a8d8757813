"""``max_age`` through the ORM: which reads may show rows from before a write, and which never do."""

import contextvars
from dataclasses import replace

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connections, models, transaction
from django.db.models import Prefetch
from django.db.models.deletion import Collector
from django.db.models.signals import pre_migrate

from appwrite_orm_django.cache import fresh_reads, invalidate, own_writes
from appwrite_orm_django.changes.handlers import RowsChanged, forget, on_rows_changed, wait
from tests.library.models import (
    Author,
    Book,
    Country,
    Magazine,
    Numbered,
    Owner,
    Possession,
    Tag,
    Writer,
)

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
    context = contextvars.copy_context()
    context.run(own_writes.start_request)
    return context.run(function)


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


@pytest.fixture
def aged(monkeypatch):
    """Every model has a ``max_age`` of its own."""
    for model in apps.get_models():
        monkeypatch.setattr(model, "appwrite_cache_max_age", 600, raising=False)
    monkeypatch.setattr(connections["appwrite"], "_cache", None)
    cache = connections["appwrite"].cache
    monkeypatch.setattr(cache, "settings", replace(cache.settings, clock_skew=0.0))
    cache.forget_invalidated()
    yield
    monkeypatch.setattr(connections["appwrite"], "_cache", None)


def look_what_to_delete(objects):
    """Cache what Django reads to delete objects."""
    own_writes.start_request()
    Collector("appwrite", None).collect(objects)


DELETES = {
    "an object": lambda author: author.delete(),
    "a queryset": lambda author: Author.objects.filter(pk=author.pk).delete(),
    "all": lambda author: Author.objects.all().delete(),
}


@pytest.mark.parametrize("way", DELETES)
def test_a_cascade_reaches_rows_that_were_made_a_moment_ago(aged, way):
    zola = Author.objects.create(name="Zola")
    Book.objects.create(title="Nana", author=zola)
    look_what_to_delete([zola])
    look_what_to_delete(Author.objects.all())
    elsewhere(lambda: Book.objects.create(title="Germinal", author=zola))
    DELETES[way](zola)
    assert not Book.objects.nocache().exists()


def test_a_row_that_refers_to_it_since_a_moment_ago_protects(aged):
    owner = Owner.objects.create(name="Zola")
    look_what_to_delete([owner])
    elsewhere(lambda: Possession.objects.create(name="house", protect=owner))
    with pytest.raises(models.ProtectedError):
        owner.delete()


def test_rows_that_are_no_longer_meant_are_not_deleted(aged):
    Book.objects.create(title="Nana", author=Author.objects.create(name="Zola"), pages=1)
    look_what_to_delete(Book.objects.filter(pages=1))
    elsewhere(lambda: Book.objects.update(pages=2))
    assert Book.objects.filter(pages=1).delete()[0] == 0
    assert Book.objects.nocache().exists()


def test_rows_that_are_no_longer_meant_are_not_updated(aged):
    Magazine.objects.create(title="Gil Blas", issue=1)
    old = Magazine.objects.filter(title="Gil Blas")
    old.update(issue=1, title="Gil Blas")  # which first reads the rows
    own_writes.start_request()
    elsewhere(lambda: Magazine.objects.update(title="La Vie"))
    assert old.update(issue=5, title="Gil Blas") == 0
    assert Magazine.objects.nocache().get().issue == 1
    of_zola = Book.objects.filter(author__name="Zola")
    Book.objects.create(title="Nana", author=Author.objects.create(name="Zola"))
    of_zola.update(pages=1)  # as well
    own_writes.start_request()
    elsewhere(lambda: Author.objects.update(name="Sand"))
    assert of_zola.update(pages=5) == 0


def test_a_value_that_has_become_free_or_taken_a_moment_ago_is_so(aged):
    Tag.objects.create(name="novel")
    own_writes.start_request()
    novel, poem = Tag(name="novel"), Tag(name="poem")
    poem.full_clean()
    with pytest.raises(ValidationError):
        novel.full_clean()
    rename("poem")
    novel.full_clean()
    novel.validate_unique()
    for validate in (poem.full_clean, poem.validate_unique):
        with pytest.raises(ValidationError):
            validate()


def test_a_row_that_exists_since_a_moment_ago_is_updated(aged, monkeypatch):
    monkeypatch.setattr(Country._meta, "select_on_save", True)
    assert not Country.objects.filter(pk="FR").exists()
    elsewhere(lambda: Country.objects.create(code="FR", name="France"))
    Country(code="FR", name="La France").save()
    assert Country.objects.nocache().get().name == "La France"


def test_get_or_create_makes_a_row_that_has_gone_a_moment_ago(aged):
    Tag.objects.create(name="novel")
    own_writes.start_request()
    assert not Tag.objects.get_or_create(name="novel")[1]
    elsewhere(lambda: Tag.objects.all().delete())
    assert Tag.objects.get_or_create(name="novel")[1]


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("model", [Tag, Numbered])
def test_handlers_see_the_change_that_they_are_called_for(aged, background, model):
    made, seen = model.objects.create(name="novel"), []
    own_writes.start_request()

    def look(change):
        seen.append([one.name for one in change.rows()])
        seen.append([one.name for one in model.objects.all()])

    list(model._base_manager.all())
    list(model._base_manager.filter(pk__in=[made.pk]))
    list(model.objects.all())
    on_rows_changed(model, background=background)(look)
    elsewhere(lambda: model.objects.update(name="poem"))
    assert wait()
    forget(look)
    assert seen == [["poem"], ["poem"]]
    change = RowsChanged(model, "appwrite", model._meta.db_table, None, "update", "webhook")
    assert [one.name for one in change.rows()] == ["poem"]


def test_iterator_prefetches_fresh_rows():
    author = Author.objects.create(name="Zola")
    Book.objects.create(title="Nana", author=author)
    own_writes.start_request()
    young = Author.objects.cache(max_age=600).prefetch_related("books")

    def titles():
        return [book.title for one in young.iterator(10) for book in one.books.all()]

    assert titles() == ["Nana"]
    elsewhere(lambda: Book.objects.update(title="Germinal"))
    assert titles() == ["Germinal"]


def test_of_several_models_of_a_table_the_shortest_counts(monkeypatch):
    def max_age():
        monkeypatch.setattr(connections["appwrite"], "_cache", None)
        return connections["appwrite"].cache.core.max_age_for(("library_author",))

    monkeypatch.setattr(Writer, "appwrite_cache_max_age", 600)  # a proxy
    assert max_age() == 0
    monkeypatch.setattr(Author, "appwrite_cache_max_age", 700)
    assert max_age() == 600
    monkeypatch.setattr(connections["appwrite"], "_cache", None)


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


def test_migrations_read_fresh_rows(tag):
    young, seen = Tag.objects.cache(max_age=600), []

    def look(**_):
        seen.append(names(young))

    assert names(young) == ["novel"]
    rename("poem")
    pre_migrate.connect(look)
    call_command("migrate", database="appwrite", verbosity=0)
    pre_migrate.disconnect(look)
    assert ["novel"] not in seen
    assert ["poem"] in seen


def test_negative_numbers_are_refused():
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="max_age"):
            Tag.objects.cache(max_age=wrong)


def test_an_emptied_database_shows_nothing_of_before(tag):
    young = Tag.objects.cache(max_age=600)
    assert names(young) == ["novel"]
    elsewhere(lambda: call_command("flush", database="appwrite", interactive=False, verbosity=0))
    assert names(young) == []
