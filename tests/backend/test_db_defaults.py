"""``db_default``: what the columns hold of it, what Django writes itself, and that a null stays one."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import pytest
from django.db import models, transaction
from django.db.models.functions import Coalesce, Now, Pi, Random
from django.test.utils import isolate_apps

from appwrite_orm_django.client import rows
from appwrite_orm_django.models import AppwriteModel

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def article(appwrite):
    with isolate_apps("tests.library"):

        class Article(AppwriteModel):
            headline = models.CharField(max_length=50, db_default="Untitled")
            cost = models.DecimalField(max_digits=5, decimal_places=2, db_default=Decimal("3.33"))
            stars = models.IntegerField(null=True, db_default=5)
            seen = models.DateTimeField(db_default=Now())
            made = models.DateTimeField(db_default=Now())
            angle = models.FloatField(db_default=Pi() / 2)
            dice = models.FloatField(db_default=Coalesce(Random(), 0.0))

            class Meta:
                app_label = "library"

    with appwrite.schema_editor() as editor:
        editor.create_model(Article)
    yield Article
    with appwrite.schema_editor() as editor:
        editor.delete_model(Article)


def test_a_new_object_has_its_defaults_without_being_read_again(article, requests):
    before = datetime.now(timezone.utc)
    made = article.objects.create()
    (request,) = requests.take()
    assert request.endswith("/tables/library_article/rows 201")
    assert (made.headline, made.cost, made.stars) == ("Untitled", Decimal("3.33"), 5)
    assert abs((made.seen - before).total_seconds()) < 60
    assert made.seen == made.made
    assert made.angle == pytest.approx(1.5707963)
    again = article.objects.get(pk=made.pk)
    for field in ("headline", "cost", "stars", "seen", "made"):
        assert getattr(again, field) == getattr(made, field), field
    # Floats lose their last digits on the server.
    assert (again.angle, again.dice) == pytest.approx((made.angle, made.dice))


def test_a_null_that_is_said_stays_one_through_every_later_update(article):
    made = article.objects.create(stars=None)
    assert made.stars is None
    made.headline = "Changed"
    made.save()
    made.refresh_from_db()
    assert (made.headline, made.stars) == ("Changed", None)
    article.objects.update(headline="All")
    assert article.objects.get().stars is None


def test_bulk_create_evaluates_an_expression_once_and_chance_for_each_row(article):
    made = article.objects.bulk_create([article(), article(headline="Mine"), article(stars=None)])
    assert [one.headline for one in made] == ["Untitled", "Mine", "Untitled"]
    assert [one.stars for one in made] == [5, 5, None]
    assert len({one.seen for one in made}) == 1
    assert len({one.dice for one in made}) == 3
    assert sorted(article.objects.values_list("headline", "stars"), key=str) == [
        ("Mine", 5),
        ("Untitled", 5),
        ("Untitled", None),
    ]


def test_inside_a_block(article):
    with transaction.atomic(using="appwrite"):
        made = article.objects.create()
        assert (made.headline, made.stars) == ("Untitled", 5)
        assert article.objects.get().cost == Decimal("3.33")
    assert article.objects.get().seen == made.seen


def test_an_existing_row_gets_the_default_back(article):
    """As ``SET column = DEFAULT`` does."""
    made = article.objects.create(headline="Mine", stars=None)
    article(pk=made.pk).save(force_update=True)
    made.refresh_from_db()
    assert (made.headline, made.stars) == ("Untitled", 5)


def test_other_clients_get_what_a_column_can_hold_and_have_to_write_the_rest(article, appwrite):
    table = appwrite.table_ref("library_article")
    said = {
        "seen": "2026-01-01T00:00:00.000+00:00",
        "made": "2026-01-01T00:00:00.000+00:00",
        "angle": 1.0,
        "dice": 0.5,
    }
    row = rows.create_row(appwrite.transport, table, "theirs", said)
    assert (row["headline"], row["cost"], row["stars"]) == ("Untitled", 333, None)
    assert article.objects.get(pk="theirs").stars is None
