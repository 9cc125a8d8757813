"""Random querysets over the library: the same answer from Appwrite and from SQLite."""

import os

import pytest
from django.db.models import Count, F, Max, Q, Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.differential import assert_same
from tests.library.models import Author, Book, Country, Review, Tag

pytestmark = pytest.mark.usefixtures("kind")

EXAMPLES = int(os.environ.get("RANDOM_QUERIES", "60"))

TEXTS = st.sampled_from(
    ["", "a", "germinal", "GERMINAL", "é", "Nana", "%", "_", "\\", "Émile Zola", "novel", "France", "red", " "]
)
NUMBERS = st.sampled_from([-1, 0, 1, 2, 3, 4.5, 400, 447, 591, 1900])
LEAVES = {
    Book: {
        "title": TEXTS, "blurb": TEXTS, "author__name": TEXTS, "editor__name": TEXTS, "author__country__name": TEXTS,
        "tags__name": TEXTS, "cover__colour": TEXTS, "reviews__text": TEXTS, "pages": NUMBERS, "price": NUMBERS,
        "author__rating": NUMBERS, "editor__rating": NUMBERS, "reviews__stars": NUMBERS,
    },
    Author: {"name": TEXTS, "email": TEXTS, "country__name": TEXTS, "books__title": TEXTS, "rating": NUMBERS, "books__pages": NUMBERS},
    Country: {"name": TEXTS, "authors__name": TEXTS, "authors__books__pages": NUMBERS, "authors__rating": NUMBERS},
    Tag: {"name": TEXTS, "books__title": TEXTS, "books__author__rating": NUMBERS},
    Review: {"text": TEXTS, "stars": NUMBERS, "book__title": TEXTS, "book__editor__country__name": TEXTS, "book__price": NUMBERS},
}  # fmt: skip
TEXT_LOOKUPS = (
    "exact",
    "iexact",
    "contains",
    "icontains",
    "startswith",
    "iendswith",
    "gt",
    "lte",
    "regex",
    "in",
    "isnull",
)
NUMBER_LOOKUPS = ("exact", "gt", "gte", "lt", "lte", "in", "range", "isnull")


@st.composite
def conditions(draw, model):
    name = draw(st.sampled_from(sorted(LEAVES[model])))
    values = LEAVES[model][name]
    is_text = values is TEXTS
    lookup = draw(st.sampled_from(TEXT_LOOKUPS if is_text else NUMBER_LOOKUPS))
    if lookup == "isnull":
        value = draw(st.booleans())
    elif lookup == "in":
        value = draw(st.lists(values | st.none(), max_size=3))
    elif lookup == "range":
        value = (draw(values), draw(values))
    else:
        value = draw(values)
        value = {"\\": "x", "": "x"}.get(value, value) if lookup == "regex" else value
    return Q(**{f"{name}__{lookup}": value})


def trees(model):
    return st.recursive(
        conditions(model),
        lambda inner: (
            st.builds(lambda a, b: a & b, inner, inner)
            | st.builds(lambda a, b: a | b, inner, inner)
            | st.builds(lambda a: ~a, inner)
        ),
        max_leaves=4,
    )


@st.composite
def questions(draw):
    model = draw(st.sampled_from(sorted(LEAVES, key=lambda one: one.__name__)))
    calls = draw(st.lists(st.tuples(st.sampled_from(["filter", "exclude"]), trees(model)), min_size=1, max_size=2))
    shape = draw(
        st.sampled_from(["rows", "distinct", "count", "values", "slice", "exists", "aggregate", "annotate", "subquery"])
    )
    names = sorted(name for name in LEAVES[model] if "__" not in name)
    order = draw(st.lists(st.sampled_from(names + [f"-{name}" for name in names]), max_size=2))
    low, size = draw(st.integers(0, 4)), draw(st.integers(0, 4))

    def question(rows):
        found = rows(model)
        for method, tree in calls:
            found = getattr(found, method)(tree)
        if shape == "count":
            return found.count()
        if shape == "exists":
            return found.exists()
        if shape == "distinct":
            return found.distinct().order_by(*order, "pk")
        if shape == "values":
            return found.order_by(*order, "pk").values_list("pk", names[0])
        if shape == "slice":
            return found.order_by(*order, "pk")[low : low + size]
        if shape == "aggregate":
            return found.aggregate(n=Count("pk"), distinct=Count("pk", distinct=True), last=Max("pk"))
        if shape == "annotate" and model is Book:
            return found.annotate(n=Count("reviews"), stars=Sum("reviews__stars"), more=F("pages") + 1).order_by(
                *order, "pk"
            )
        if shape == "subquery":
            return rows(model).filter(pk__in=found.values("pk")).order_by(*order, "pk")
        return found.order_by(*order, "pk")

    return question


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
@given(question=questions())
def test_same_answer_as_sqlite(question):
    assert_same(question)
