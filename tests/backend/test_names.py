"""Tables and columns whose names SQL has to quote, and those that a check refuses."""

import pytest
from django.db import NotSupportedError, connections, models, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, Sum
from django.test.utils import isolate_apps

from appwrite_orm_django.checks.models import check_model
from appwrite_orm_django.fields import RowIdField
from appwrite_orm_django.models import AppwriteModel
from tests.kinds import by_nulls, level_settings, respelled
from tests.library.models import OddNames

pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"], transaction=True)


@pytest.fixture(params=["1.9", "2.x"])
def rows(request, connect):
    connection = connect(**level_settings(request.param, "names", CACHE={}))
    with connection.schema_editor() as editor:
        editor.create_model(OddNames)
    one = OddNames.objects.create(
        capital="One", percent=1, quote=10, keyword=5, blank=7, placeholder=3, quoted=4
    )
    two = OddNames.objects.create(
        capital="Two", percent=2, quote=20, keyword=5, blank=8, placeholder=4, parent=one
    )
    yield one, two
    OddNames.objects.all()._raw_delete("appwrite")
    connections["appwrite"].close()


def names(queryset):
    return [row[0] for row in queryset.values_list("capital")]


QUESTIONS = [
    (
        lambda q: list(
            q.order_by("percent").values_list(
                "capital", "percent", "quote", "keyword", "blank", "placeholder", "quoted"
            )
        ),
        [("One", 1, 10, 5, 7, 3, 4), ("Two", 2, 20, 5, 8, 4, 0)],
    ),
    (lambda q: names(q.filter(percent=F("percent")).order_by("-quote")), ["Two", "One"]),
    (
        lambda q: list(
            q.annotate(n=F("percent") + F("placeholder") * F("quoted"))
            .filter(n__gt=6)
            .values_list("capital", "n")
        ),
        [("One", 13)],
    ),
    (
        lambda q: list(q.values_list("keyword").annotate(n=Count("pk"), total=Sum("percent"))),
        [(5, 2, 3)],
    ),
    (
        lambda q: list(
            q.values_list("parent__capital")
            .annotate(total=Sum("placeholder"))
            .order_by("parent__capital")
        ),
        lambda: by_nulls([(None, 3), ("One", 4)], [("One", 4), (None, 3)]),
    ),
    (
        lambda q: [
            row.parent.percent for row in q.select_related("parent").filter(parent__percent=1)
        ],
        [1],
    ),
    (
        lambda q: names(q.filter(Q(parent__capital__startswith="O") | Q(percent=F("quote")))),
        ["Two"],
    ),
    (
        lambda q: names(
            q.filter(
                Exists(
                    OddNames.objects.filter(parent=OuterRef("pk"), percent__gt=OuterRef("percent"))
                )
            )
        ),
        ["One"],
    ),
    (
        lambda q: names(
            q.filter(pk__in=OddNames.objects.filter(blank=F("blank")).values("parent"))
        ),
        ["One"],
    ),
    (lambda q: sorted(names(q.union(q.filter(percent=2)))), ["One", "Two"]),
    (lambda q: names(q.filter(capital__contains="%")), []),
    (
        lambda q: names(
            q.filter(percent=F("percent"), capital=respelled("Two")).order_by("percent")[:1]
        ),
        ["Two"],
    ),
    (
        lambda q: q.aggregate(
            a=Sum("percent", filter=Q(capital="One")), b=Count("capital", distinct=True)
        ),
        {"a": 1, "b": 2},
    ),
    (
        lambda q: names(q.select_related("parent").order_by("parent__percent", "percent")[:1]),
        lambda: by_nulls(["One"], ["Two"]),
    ),
    (lambda q: names(q.filter(children__percent__gt=1).distinct()), ["One"]),
    (lambda q: q.filter(percent=F("percent")).count(), 2),
]


@pytest.mark.parametrize("block", [False, True])
@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_questions(rows, number, block):
    question, answer = QUESTIONS[number]
    answer = answer() if callable(answer) else answer
    if not block:
        assert question(OddNames.objects.all()) == answer
        return
    with transaction.atomic(using="appwrite"):
        OddNames.objects.filter(capital="One").update(blank=7)
        assert question(OddNames.objects.all()) == answer


def test_sql(rows):
    (found,) = OddNames.objects.raw(
        'SELECT * FROM "odd names" WHERE "100%% of" = %s AND "say ""hi""" = 20', [2]
    )
    assert (found.capital, found.quote) == ("Two", 20)
    with connections["appwrite"].cursor() as cursor:
        cursor.execute(
            'SELECT "ID", "two words" FROM "odd names" WHERE "select" = %s AND "a%%s" = 3', [5]
        )
        assert cursor.fetchall() == [("One", 7)]
    assert names(OddNames.objects.extra(where=['"two words" = %s'], params=[8])) == ["Two"]


def test_writes(rows):
    one, two = rows
    assert (
        OddNames.objects.filter(percent__gte=F("percent")).update(
            percent=F("percent") + F("placeholder")
        )
        == 2
    )
    assert OddNames.objects.filter(pk=one.pk).update(placeholder=F("placeholder") + 1) == 1
    one.refresh_from_db()
    assert (one.percent, one.placeholder) == (4, 4)
    two.capital = "two"
    assert OddNames.objects.bulk_update([one, two], ["capital", "percent"]) == 2
    assert one.delete()[0] == 2
    assert not OddNames.objects.exists()


@isolate_apps("tests.library")
def test_joins_by_names_with_placeholders(connect):
    class Shelf(AppwriteModel):
        label = models.CharField(max_length=5, db_column="%s")

        class Meta:
            app_label = "library"
            db_table = "shelf %s 100%%"

    class Item(AppwriteModel):
        shelf = models.ForeignKey(Shelf, models.CASCADE, db_column="on %s %%", related_name="items")
        number = models.IntegerField()

        class Meta:
            app_label = "library"
            db_table = "%s item"

    connection = connect(HOST="local:#placeholders")
    with connection.schema_editor() as editor:
        editor.create_model(Shelf)
        editor.create_model(Item)
    top = Shelf.objects.create(label="top")
    Item.objects.create(shelf=top, number=3)
    items = Item.objects.filter(shelf__label="top", number=F("number"))
    assert list(items.values_list("number", "shelf__label")) == [(3, "top")]
    assert Item.objects.select_related("shelf").get().shelf.label == "top"
    assert Shelf.objects.annotate(total=Sum("items__number")).get(total__gt=2).total == 3


class TestNamesThatDifferByCase:
    @isolate_apps("tests.library")
    def test_columns(self):
        class Clash(AppwriteModel):
            label = models.CharField(max_length=5, db_column="ID")

            class Meta:
                app_label = "library"

        (error,) = [message for message in check_model(Clash) if message.id == "appwrite.E006"]
        assert "ID" in error.msg
        assert "db_column" in error.hint
        with pytest.raises(
            NotSupportedError, match=r"id and ID differ only by case.*\n.*db_column"
        ):
            list(Clash.objects.filter(label=F("label")))

        class Free(AppwriteModel):
            id = RowIdField(db_column="$id")
            label = models.CharField(max_length=5, db_column="ID")

            class Meta:
                app_label = "library"

        assert not check_model(Free)

    @isolate_apps("tests.library")
    def test_two_columns_of_the_server(self):
        class Clash(AppwriteModel):
            one = models.CharField(max_length=5, db_column="name")
            two = models.CharField(max_length=5, db_column="Name")

            class Meta:
                app_label = "library"

        assert [message.id for message in check_model(Clash)] == ["appwrite.E006"]
