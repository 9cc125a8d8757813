"""Instances made in the quick way are those that Django's ``ModelIterable`` makes."""

import datetime
import pickle

import pytest
from django.db import connections, models, transaction
from django.db.models import F, Value
from django.db.models.query import ModelIterable
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init
from hypothesis import given
from hypothesis import strategies as st

from appwrite_orm_django.backend.transactions.ends import BlockEnd, uncommitted
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.orm import hydration
from tests.library.models import Author, Book, Country, Cover, Everything

pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"])

QUERYSETS = {
    "all": lambda: Book.objects.order_by("pk"),
    "natural key": lambda: Country.objects.all(),
    "every type": lambda: Everything.objects.order_by("pk"),
    "one to one": lambda: Cover.objects.order_by("pk"),
    "none": lambda: Book.objects.none(),
    "nothing found": lambda: Book.objects.filter(title="?"),
    "annotated": lambda: Book.objects.annotate(more=F("pages") + 1, same=Value("x")).order_by("pk"),
    "extra": lambda: Book.objects.order_by("pk").extra(select={"two": "1 + 1"}),
    "deferred": lambda: Book.objects.defer("title").order_by("pk"),
    "only": lambda: Book.objects.only("title").order_by("pk"),
    "select_related": lambda: Book.objects.select_related("author__country", "editor").order_by(
        "pk"
    ),
    "sliced": lambda: Book.objects.order_by("title", "pk")[1:4],
    "related manager": lambda: Author.objects.get(name="Victor Hugo").books.order_by("pk"),
    "one to many, ordered": lambda: Book.objects.get(title="Nana").reviews.all(),
    "many to many": lambda: Book.objects.get(title="Nana").tags.order_by("pk"),
    "union": lambda: Cover.objects.filter(colour="red").union(Cover.objects.all()),
    "another database": lambda: Author.objects.using("twin").order_by("pk"),
}


# What prefetching and unpickling add themselves.
_NOT_ROWS = ("_prefetched_objects_cache", "_django_version")


def state_of(value):
    """Return everything there is to see of an instance: attributes in their order, types included, and state."""
    if isinstance(value, models.Model):
        return type(value), [
            (name, state_of(held)) for name, held in value.__dict__.items() if name not in _NOT_ROWS
        ]
    if isinstance(value, models.base.ModelState):
        value.fields_cache  # noqa: B018 - made by whoever first looks at it; assigning a foreign key looks
        return sorted((name, state_of(held)) for name, held in value.__dict__.items())
    if isinstance(value, BlockEnd):
        return value.committed
    if isinstance(value, dict):
        return {name: state_of(held) for name, held in value.items()}
    if isinstance(value, tuple):
        return tuple(map(state_of, value))
    return type(value), value


def by_django(queryset):
    queryset = queryset.all()
    queryset._iterable_class = ModelIterable
    return list(queryset)


@pytest.mark.parametrize("name", QUERYSETS)
def test_instances_equal_djangos(shelves, everything, name):
    queryset = QUERYSETS[name]()
    assert queryset._iterable_class is hydration.FastModelIterable
    expected = [state_of(one) for one in by_django(queryset)]
    assert [
        state_of(one) for one in queryset.all()
    ] == expected  # loaded or, for the second read, from the cache
    assert [state_of(one) for one in queryset.all()] == expected
    assert [state_of(one) for one in queryset.iterator()] == expected
    assert bool(expected) is (name not in ("none", "nothing found"))


def test_prefetched_instances_equal_djangos(shelves):
    queryset = Author.objects.prefetch_related("books__tags").order_by("pk")
    for mine, theirs in zip(queryset.all(), by_django(queryset), strict=True):
        assert [state_of(book) for book in mine.books.all()] == [
            state_of(book) for book in theirs.books.all()
        ]


def test_the_quick_way_is_taken(shelves, monkeypatch):
    used = []
    monkeypatch.setattr(ModelIterable, "__iter__", lambda self: used.append(self) or iter(()))
    assert list(Book.objects.all())
    assert not used


@pytest.mark.parametrize("signal", [pre_init, post_init])
def test_listeners_are_told(shelves, signal):
    count = len(Book.objects.all())
    calls = []
    listener = lambda **_: calls.append(1)  # noqa: E731
    signal.connect(listener, sender=Book)
    try:
        list(Book.objects.all())
    finally:
        signal.disconnect(listener, sender=Book)
    assert len(calls) == count
    list(Book.objects.all())
    assert len(calls) == count


class _Shouting(DeferredAttribute):
    def __set__(self, instance, value):
        instance.__dict__[self.field.attname] = value.upper()


class _Loud(models.CharField):
    descriptor_class = _Shouting


class _Mixin:
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


def _odd_models():
    """Make models that must be made by ``from_db``, each for another reason; never registered twice."""

    class Base(AppwriteModel):
        name = models.CharField(max_length=10)

        class Meta:
            abstract = True
            app_label = "library"

    class OwnInit(Base):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)

    class OwnFromDb(Base):
        @classmethod
        def from_db(cls, db, field_names, values, **kwargs):
            return super().from_db(db, field_names, values, **kwargs)

    class OwnSetattr(Base):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)

    class MixinBehind(Base, _Mixin):
        pass

    class OwnDescriptor(Base):
        loud = _Loud(max_length=10)

    return OwnInit, OwnFromDb, OwnSetattr, MixinBehind, OwnDescriptor


@pytest.fixture(scope="module")
def odd_models():
    from django.apps import apps

    made = _odd_models()
    for model in made:
        del apps.all_models["library"][model._meta.model_name]
    apps.clear_cache()
    return made


@pytest.mark.parametrize("index", range(5))
def test_what_may_do_more_is_left_to_from_db(odd_models, index):
    assert hydration.writer_for(odd_models[index], connections["appwrite"]) is None


def test_what_is_not_committed_depends_on_the_end_of_the_block(shelves):
    with transaction.atomic(using="appwrite"):
        assert Book.objects.get(title="Nana").__dict__["_loaded"][-1] is None
        Country.objects.create(code="XX", name="Nowhere")
        end = uncommitted(connections["appwrite"])
        assert not end.committed
        for queryset in (Book.objects.all(), Country.objects.all()):
            assert [state_of(one) for one in queryset] == [
                state_of(one) for one in by_django(queryset)
            ]
            assert all(one.__dict__["_loaded"][-1] is end for one in queryset)
        transaction.set_rollback(True, using="appwrite")


def test_instances_are_independent_and_pickle(shelves):
    first, second = list(Book.objects.filter(author__name="Émile Zola").order_by("pk"))[:2]
    assert first._state is not second._state
    assert first._state.fields_cache is not second._state.fields_cache
    assert state_of(pickle.loads(pickle.dumps(first))) == state_of(first)
    first.author = Author(name="new")
    assert second.author.name == "Émile Zola"


VALUES = st.one_of(
    st.none(),
    st.text(),
    st.integers(),
    st.datetimes(),
    st.just(datetime.timezone.utc),
    st.lists(st.none()),
)


@given(rows=st.lists(st.tuples(*[VALUES] * len(Book._meta.concrete_fields)), max_size=3))
def test_any_values_are_stored_as_from_db_stores_them(rows):
    names = [field.attname for field in Book._meta.concrete_fields]
    write = hydration.writer_for(Book, connections["appwrite"])
    expected = [state_of(Book.from_db("appwrite", names, row)) for row in rows]
    assert [state_of(one) for one in write(Book, iter(rows), "appwrite")] == expected


@given(
    values=st.tuples(*[VALUES] * len(Book._meta.concrete_fields)),
    names=st.sets(
        st.sampled_from([field.attname for field in Book._meta.concrete_fields]), min_size=1
    ),
)
def test_one_instance_is_made_as_django_makes_it(values, names):
    values = [
        value
        for value, field in zip(values, Book._meta.concrete_fields, strict=True)
        if field.attname in names
    ]
    expected = models.Model.from_db.__func__(Book, "appwrite", names, values)
    assert state_of(hydration.instance_from(Book, "appwrite", values, names)) == state_of(expected)


@pytest.mark.parametrize("by_attribute", [False, True])
@pytest.mark.parametrize("model", [Country, Book])
def test_storing_by_attribute_and_by_name_come_to_the_same(model, by_attribute):
    names = [field.attname for field in model._meta.concrete_fields]
    write = hydration._compile(model, names, remember=True, by_attribute=by_attribute)
    (made,) = write(model, [tuple(names)], "appwrite")
    assert type(made) is model
    assert state_of(made) == state_of(model.from_db("appwrite", names, tuple(names)))
    made._state, made.pk = made._state, "changed"
    assert made.__dict__["_assigned"] == {"_state", "pk", model._meta.pk.attname}
