"""What depends on the database under Appwrite: where nulls sort, which texts are equal."""

import pytest
from django.db import NotSupportedError
from django.db.models import F, Min, Q, Window
from django.db.models.functions import Lower, RowNumber, Upper

from appwrite_orm_django.backend.execution.violations import unique_value
from appwrite_orm_django.testing import captured_requests
from tests.differential import assert_same
from tests.library.models import Author, Book

pytestmark = pytest.mark.usefixtures("kind")


@pytest.mark.parametrize(
    "order",
    [
        [F("rating")],
        [F("rating").desc()],
        [F("rating").asc(nulls_first=True)],
        [F("rating").asc(nulls_last=True)],
        [F("rating").desc(nulls_first=True)],
        [F("rating").desc(nulls_last=True)],
        [F("country__name").desc()],
        [F("rating") * 2],
    ],
    ids=str,
)
def test_nulls_are_where_the_server_has_them_wherever_the_query_runs(order):
    assert_same(lambda rows: rows(Author).order_by(*order, "pk"))
    # The same order with an annotation, which is evaluated locally everywhere.
    assert_same(lambda rows: rows(Author).annotate(low=Lower("name")).order_by(*order, "pk"))
    assert_same(lambda rows: rows(Author).order_by(*order, "pk").reverse()[1:4])


@pytest.mark.parametrize(
    "order",
    [
        ["in_print", "-price"],
        ["in_print", "price"],
        ["in_print", "-published", "price", "pk"],
        ["-in_print", "published", "-editor"],
        ["-price"],
        ["price"],
        ["author__country", "-author__rating", "pk"],
        ["pages", "-editor", "-title"],
        ["created_at", "-price", "pk"],
        ["-created_at", "-price", "pk"],
    ],
    ids=" ".join,
)
def test_no_page_is_found_by_counting(kind, order):
    """Pages of two rows, with and without a value in a column that orders."""
    with captured_requests() as sent:
        assert_same(
            lambda rows: rows(Book).order_by(
                *order, *([] if "pk" in order else ["created_at", "pk"])
            )
        )
        assert_same(lambda rows: rows(Book).order_by(*order, "pk")[1:6])
    asked = [query for request in sent for query in request.params["queries"]]
    offsets = [query for query in asked if '"offset"' in query]
    # The slice's own; joins that the server makes have no cursor.
    if not any("__" in name for name in order):
        assert len(offsets) <= 1


def test_windows_and_subqueries_put_nulls_there_too():
    number = Window(RowNumber(), order_by=[F("rating").desc(), F("pk").asc()])
    assert_same(lambda rows: rows(Author).annotate(number=number).order_by("pk"))
    first = Author.objects.order_by("rating", "pk")[:2]
    assert_same(
        lambda rows: (
            rows(Book).filter(author__in=first.using(rows(Author).db).values("pk")).order_by("pk")
        )
    )


def test_django_is_told(kind):
    high = kind.engine.name == "postgresql"
    assert kind.features.nulls_order_largest is high
    assert kind.features.order_by_nulls_first is not high


def test_unique_values_are_as_equal_as_on_the_server(kind):
    rows = [{"$id": "a", "name": "Émile"}, {"$id": "A", "name": "emile"}]
    names = {unique_value(("name",), row, kind.engine) for row in rows}
    assert len(names) == (1 if kind.engine.folds_text else 2)
    assert len({unique_value(("$id",), row, kind.engine) for row in rows}) == 1
    assert unique_value(("name", "x"), {"name": "a", "x": None}, kind.engine) is None


def test_an_order_that_is_not_known_is_refused(kind, monkeypatch):
    """Only the server can order then; what it is asked to order still works."""
    if not kind.engine.orders_by_locale:
        pytest.skip("orders by no locale")
    ordered = list(Author.objects.order_by("name"))
    rules = kind.engine.in_order("other")
    monkeypatch.setattr(type(kind), "engine", property(lambda _: rules))
    assert list(Author.objects.order_by("name")) == ordered
    upper = Author.objects.annotate(upper=Upper("name"))
    assert ordered[0] in upper.filter(upper=ordered[0].name.upper())
    for query in (
        upper.order_by("upper"),
        upper.filter(upper__gt="A"),
        Author.objects.filter(Q(name__gt="A") | Q(rating=F("rating") + 1)),
        Author.objects.annotate(first=Window(Min("name"))),
    ):
        with pytest.raises(NotSupportedError, match="locale that is not known"):
            list(query)
