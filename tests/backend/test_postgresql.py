"""What only PostgreSQL does: the order of a language, ids found with case only, text cut at NUL, exact increments, refused upserts."""

from __future__ import annotations

import functools
import itertools
from contextlib import nullcontext

import pytest
from django.db import DataError, IntegrityError, NotSupportedError, connections, transaction
from django.db.models import F, Max, Min, Q, Value, Window
from django.db.models.functions import Concat, Lower, RowNumber

from appwrite_orm_django.client import rows
from appwrite_orm_django.engines import POSTGRESQL, locale_order
from appwrite_orm_django.testing import captured_requests
from tests.kinds import kind_settings, make_tables
from tests.library.models import Author, Country, Edition, Everything, Lists, Numbered, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
MODELS = (Author, Country, Edition, Everything, Lists, Numbered, Tag)


@pytest.fixture(params=["1.9", "2.x"], autouse=True)
def postgresql(request, connect):
    """Put a server on PostgreSQL behind the alias."""
    connection = connect(**kind_settings(request.param, "postgresql", "postgresql"))
    make_tables(connection, MODELS)
    assert connection.engine is POSTGRESQL
    yield connection
    for model in reversed(MODELS):
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")


@pytest.fixture(params=["alone", "block"])
def place(request):
    """Return what opens a block, or nothing."""
    return lambda: (
        transaction.atomic(using="appwrite") if request.param == "block" else nullcontext()
    )


# Row ids


class TestIdsWithCapitals:
    @pytest.fixture(autouse=True)
    def stored(self):
        Country.objects.bulk_create(
            [Country(pk=pk, name=pk) for pk in ("Aa", "bB", "cc")],
        )

    def names(self):
        return dict(Country.objects.values_list("pk", "name"))

    def test_a_block_changes_several(self):
        with transaction.atomic(using="appwrite"):
            for country in Country.objects.filter(pk__in=["Aa", "bB"]):
                country.name = country.name.lower()
                country.save()
        assert self.names() == {"Aa": "aa", "bB": "bb", "cc": "cc"}

    def test_a_block_reads_one_and_changes_it_twice(self):
        with transaction.atomic(using="appwrite"):
            one = Country.objects.get(pk="Aa")
            one.name = "x"
            one.save()
            Country.objects.filter(pk="Aa").update(name=Concat("name", Value("y")))
            assert Country.objects.get(pk="Aa").name == "xy"
        assert self.names()["Aa"] == "xy"

    def test_a_block_locks_one(self):
        with transaction.atomic(using="appwrite"):
            Country.objects.select_for_update().get(pk="bB")
            Country.objects.filter(pk="Aa").update(name="x")
        assert self.names()["Aa"] == "x"

    def test_some_are_deleted(self, place):
        with place():
            assert Country.objects.filter(pk__in=["Aa", "bB"]).delete()[0] == 2
            assert self.names() == {"cc": "cc"}
        assert self.names() == {"cc": "cc"}

    @pytest.mark.parametrize("was_read", [False, True])
    def test_another_spelling_finds_nothing(self, place, was_read):
        if was_read:
            assert Country.objects.get(pk="Aa").pk == "Aa"  # the server's cache has it now
        with place():
            assert not Country.objects.filter(pk="AA").exists()
            assert not Country.objects.filter(pk__in=["AA", "BB", "aa"]).exists()
            assert Country.objects.exclude(pk="AA").count() == 3
            with pytest.raises(Country.DoesNotExist):
                Country.objects.get(pk="AA")
            # Evaluated here.
            lower = Country.objects.annotate(lower=Lower("pk"))
            assert lower.filter(lower="aa").get().pk == "Aa"
            assert not lower.filter(Q(pk="AA") | Q(lower="x")).exists()

    def test_another_spelling_changes_nothing(self, place):
        with place():
            assert Country.objects.filter(pk="AA").update(name="x") == 0
            assert Country.objects.filter(pk="AA").update(name=Concat("name", Value("y"))) == 0
            assert Country.objects.filter(pk="AA").delete()[0] == 0
        assert self.names() == {"Aa": "Aa", "bB": "bB", "cc": "cc"}

    def test_another_spelling_is_not_created(self):
        for write in (
            lambda: Country.objects.create(pk="AA", name="x"),
            lambda: Country.objects.bulk_create([Country(pk="AA", name="x")]),
            lambda: Country.objects.bulk_create([Country(pk="DD"), Country(pk="dd")]),
        ):
            with pytest.raises(IntegrityError):
                write()
            with pytest.raises(IntegrityError), transaction.atomic(using="appwrite"):
                write()
        Country.objects.bulk_create([Country(pk="AA", name="x")], ignore_conflicts=True)
        assert self.names() == {"Aa": "Aa", "bB": "bB", "cc": "cc"}

    def test_order_and_ranges_are_those_of_words(self):
        Country.objects.bulk_create([Country(pk=pk, name="") for pk in ("a-", "a1", "B0", "b_")])
        every = sorted(["Aa", "bB", "cc", "a-", "a1", "B0", "b_"], key=locale_order.key)
        assert list(Country.objects.order_by("pk").values_list("pk", flat=True)) == every
        here = Country.objects.annotate(x=Lower("name"))
        assert list(here.order_by("pk").values_list("pk", flat=True)) == every
        for bound in every:
            after = [pk for pk in every if locale_order.key(pk) > locale_order.key(bound)]
            for found in (Country.objects.all(), here.filter(x=F("x"))):
                assert set(found.filter(pk__gt=bound).values_list("pk", flat=True)) == set(after)


# Order


WORDS = [
    "b", "B", "a", "é", "e", "Z", "_", "10", "9", " x", "ab", "a b", "a-b", "a.b", "A", "á", "ß", "ss",
    "co-op", "coop", "CO-OP", "", "я", "日", "😀", "-",
]  # fmt: skip
IN_ORDER = sorted(WORDS, key=locale_order.key)


class TestOrder:
    @pytest.fixture(autouse=True)
    def stored(self):
        Everything.objects.bulk_create([Everything(char=word, integer=1) for word in WORDS])
        Everything.objects.create(char=None, integer=1)

    @staticmethod
    def ways():
        """The same rows, asked of the server and evaluated here."""
        return (
            Everything.objects.all(),
            Everything.objects.annotate(n=F("integer") * 1).filter(n=1),
        )

    def test_orders(self):
        for found in self.ways():
            assert list(found.order_by("char").values_list("char", flat=True)) == [*IN_ORDER, None]
            assert list(found.order_by("-char").values_list("char", flat=True)) == [
                None,
                *reversed(IN_ORDER),
            ]
            assert list(found.order_by("char")[3:7].values_list("char", flat=True)) == IN_ORDER[3:7]
            assert found.order_by("char").first().char == IN_ORDER[0]
            assert found.exclude(char=None).order_by("char").last().char == IN_ORDER[-1]

    def test_ranges(self):
        place = {word: number for number, word in enumerate(IN_ORDER)}
        for found, word in itertools.product(self.ways(), WORDS):
            at = place[word]
            for lookup, expected in {
                "gt": IN_ORDER[at + 1 :],
                "gte": IN_ORDER[at:],
                "lt": IN_ORDER[:at],
                "lte": IN_ORDER[: at + 1],
                "exact": [word],
            }.items():
                answer = found.filter(**{f"char__{lookup}": word}).values_list("char", flat=True)
                assert sorted(answer, key=place.get) == expected
            answer = found.filter(char__range=(word, "é")).values_list("char", flat=True)
            assert sorted(answer, key=place.get) == IN_ORDER[at : place["é"] + 1]

    def test_ends_and_distinct_values(self):
        for found in self.ways():
            assert found.aggregate(low=Min("char"), high=Max("char")) == {
                "low": IN_ORDER[0],
                "high": IN_ORDER[-1],
            }
            distinct = found.order_by("char").values_list("char", flat=True).distinct()
            assert list(distinct) == [*IN_ORDER, None]
            assert found.values("char").distinct().count() == len(WORDS) + 1

    def test_windows(self):
        numbered = Everything.objects.annotate(
            n=Window(RowNumber(), order_by=F("char").asc())
        ).order_by("n")
        assert list(numbered.values_list("char", flat=True)) == [*IN_ORDER, None]

    def test_in_a_block(self):
        with transaction.atomic(using="appwrite"):
            Everything.objects.create(char="a_b", integer=1)
            every = sorted([*WORDS, "a_b"], key=locale_order.key)
            found = Everything.objects.exclude(char=None).order_by("char")
            assert list(found.values_list("char", flat=True)) == every
            assert Everything.objects.aggregate(high=Max("char"))["high"] == every[-1]


# NUL


def _nul_writes(row):
    text = "a\0b"
    return {
        "create": lambda: Everything.objects.create(char=text),
        "save": lambda: Everything(pk=row.pk, char=text).save(),
        "text": lambda: Everything.objects.create(text=text),
        "slug": lambda: Everything.objects.create(slug=text),
        "file": lambda: Everything.objects.create(file=text),
        "array": lambda: Everything.objects.create(array=["x", text]),
        "bulk": lambda: Everything.objects.bulk_create([Everything(), Everything(char=text)]),
        "ignoring": lambda: Everything.objects.bulk_create(
            [Everything(char=text)], ignore_conflicts=True
        ),
        "upsert": lambda: Tag.objects.bulk_create(
            [Tag(name=text)],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["name"],
        ),
        "update": lambda: Everything.objects.update(char=text),
        "update one": lambda: Everything.objects.filter(pk=row.pk).update(text=text),
        "update array": lambda: Everything.objects.update(array=[text]),
        "bulk update": lambda: Everything.objects.bulk_update(
            [Everything(pk=row.pk, char=text)], ["char"]
        ),
        "computed": lambda: Everything.objects.update(char=Concat("char", Value(text))),
        "computed alone": lambda: Everything.objects.update(char=Value(text)),
        "computed in a create": lambda: Everything.objects.create(
            char=Concat(Value(text), Value("x"))
        ),
        "key": lambda: Country.objects.create(pk="\0", name="x"),
    }


@pytest.mark.parametrize("way", _nul_writes(Everything(pk="x")))
def test_nul_is_refused_before_it_is_sent(place, way):
    """The server would store what comes before it, and say nothing."""
    row = Everything.objects.create(char="kept", text="kept")
    write = _nul_writes(row)[way]
    with captured_requests() as sent, pytest.raises(DataError, match=r"NUL|letter"), place():
        write()
    assert not [one for one in sent if one.method != "GET" and "/rows" in one.path]
    assert Everything.objects.get().char == Everything.objects.get().text == "kept"
    assert not Tag.objects.exists()
    assert not Country.objects.exists()


def test_json_keeps_nul():
    """It is escaped there, in keys and in values."""
    value = {"a\0b": ["\0", {"x": "y\0"}]}
    row = Everything.objects.create(json=value)
    Everything.objects.filter(pk=row.pk).update(json=value)
    assert Everything.objects.get().json == value
    assert Everything.objects.filter(json=value).get() == row


def test_filters_with_nul_find_nothing(place):
    with place():
        Everything.objects.bulk_create([Everything(char=word) for word in ("", "a", "ab", None)])
        for lookup, text in itertools.product(("exact", "iexact", *PATTERNS), ("\0", "a\0", "\0b")):
            condition = Q(**{f"char__{lookup}": text})
            for found in (
                Everything.objects.all(),
                Everything.objects.annotate(lower=Lower("char")).filter(lower=Lower("char")),
            ):
                assert not found.filter(condition).exists()
                assert found.filter(~condition, char__isnull=False).count() == 3
        assert not Everything.objects.filter(char__in=["\0", "a\0"]).exists()
        assert Everything.objects.filter(char__in=["\0", "a"]).get().char == "a"
        # As text, "a" < "a\0" < "ab".
        assert {row.char for row in Everything.objects.filter(char__gt="a\0")} == {"ab"}
        with pytest.raises(DataError, match="NUL"):
            Lists.objects.filter(texts__contains=["a\0"]).exists()


# Numbers


class TestIncrements:
    @pytest.mark.parametrize(
        ("before", "amount"),
        [
            (2**62, -1),
            (2**62, 1),
            (2**63 - 1, -1),
            (2**63 - 1, -2),
            (-(2**63) + 1, 2**62),
            (5, 2**61),
        ],
    )
    def test_they_are_exact_and_one_request(self, place, before, amount):
        row = Everything.objects.create(big=before)
        with place(), captured_requests() as sent:
            Everything.objects.filter(pk=row.pk).update(big=F("big") + amount)
        assert Everything.objects.get().big == before + amount
        writes = [one for one in sent if one.method != "GET"]
        assert len(writes) <= 1

    def test_overflow_is_refused(self, place):
        row = Everything.objects.create(big=2**63 - 3, small=2**15 - 1, positive=1)
        mine = Everything.objects.filter(pk=row.pk)
        for changes in (
            {"big": F("big") + 3},
            {"big": F("big") + 2**62},
            {"big": F("big") + (2**63 - 1)},
            {"small": F("small") + 1},
            {"positive": F("positive") - 2},
        ):
            with pytest.raises(DataError), place():
                mine.update(**changes)
        row.refresh_from_db()
        assert (row.big, row.small, row.positive) == (2**63 - 3, 2**15 - 1, 1)
        with place():
            mine.update(big=F("big") + 2)
        assert mine.get().big == 2**63 - 1

    def test_fractions_never_reach_the_server(self, place):
        """A fraction is a 500 there; it is added here, and rounded."""
        row = Everything.objects.create(big=7)
        with place(), captured_requests() as sent:
            Everything.objects.filter(pk=row.pk).update(big=F("big") + 0.5)
        assert Everything.objects.get().big == 8
        assert not [one for one in sent if "crement" in one.path]


@pytest.mark.parametrize(
    "number", [9007199254740993.0, 1 / 3, 123456789012345678.0, 1e15 + 0.5, -2 / 3, 1e-7 / 3, 0.1]
)
@pytest.mark.parametrize("way", ["create", "save", "bulk"])
def test_floats_are_shown_as_they_are_held(way, number):
    if way == "create":
        row = Everything.objects.create(float=number)
    elif way == "save":
        row = Everything.objects.create()
        row.float = number
        row.save()
    else:
        (row,) = Everything.objects.bulk_create([Everything(float=number)])
    held = Everything.objects.get()
    assert held.float == row.float
    connection = connections["appwrite"]
    table = connection.table_ref("library_everything")
    assert rows.get_row(connection.transport, table, row.pk)["float"] == row.float
    assert Everything.objects.filter(float=number).get() == row
    assert Everything.objects.filter(float__lte=number, float__gte=number).get() == row


# Unique values


def test_unique_values_differ_by_case():
    Tag.objects.bulk_create([Tag(name=name) for name in ("a", "A")])
    Tag.objects.create(name="aa")
    with pytest.raises(IntegrityError):
        Tag.objects.create(name="a")
    with pytest.raises(IntegrityError), transaction.atomic(using="appwrite"):
        Tag.objects.create(name="A")
    Tag.objects.bulk_create([Tag(name="a"), Tag(name="AA")], ignore_conflicts=True)
    assert set(Tag.objects.values_list("name", flat=True)) == {"a", "A", "aa", "AA"}
    Tag.objects.filter(name="aa").update(name="Aa")
    assert Tag.objects.filter(name__in=["aa", "Aa"]).get().name == "Aa"


def upsert(model, objects, target, fields):
    return model.objects.bulk_create(
        objects, update_conflicts=True, unique_fields=[target], update_fields=fields
    )


class TestUpserts:
    def test_another_spelling_of_the_target_is_another_row(self, place):
        Tag.objects.create(name="a")
        with place():
            upsert(Tag, [Tag(name="A"), Tag(name="a")], "name", ["name"])
        assert set(Tag.objects.values_list("name", flat=True)) == {"a", "A"}

    def test_a_clash_with_another_unique_value_changes_nothing(self, place):
        one = Edition.objects.create(isbn="1", shelfmark="s")
        Edition.objects.create(isbn="2", shelfmark="t")
        for objects in (
            [Edition(isbn="2", shelfmark="s")],
            [Edition(isbn="3", shelfmark="s")],
            [Edition(isbn="4", shelfmark="u"), Edition(isbn="5", shelfmark="u")],
        ):
            with pytest.raises(IntegrityError), place():
                upsert(Edition, objects, "isbn", ["shelfmark"])
        assert set(Edition.objects.values_list("isbn", "shelfmark")) == {("1", "s"), ("2", "t")}
        assert Edition.objects.get(isbn="1") == one

    def test_an_id_in_another_case_is_no_new_row(self):
        """The server would answer 200, and change the other row."""
        Country.objects.create(pk="Aa", name="kept")
        for place in (nullcontext, functools.partial(transaction.atomic, using="appwrite")):
            with pytest.raises(IntegrityError), place():
                upsert(Country, [Country(pk="AA", name="x")], "pk", ["name"])
        assert list(Country.objects.values_list("pk", "name")) == [("Aa", "kept")]


# Patterns


PATTERNS = ("contains", "icontains", "startswith", "istartswith", "endswith", "iendswith")


@pytest.mark.parametrize("lookup", PATTERNS)
@pytest.mark.parametrize(
    "field", ["integer", "big", "float", "boolean", "datetime", "date", "decimal"]
)
def test_patterns_over_other_than_text_are_evaluated_here(lookup, field):
    """The server answers 500 to them."""
    values = dict.fromkeys(("integer", "big", "float", "decimal"), 12)
    Everything.objects.create(
        **values, boolean=True, datetime="2012-01-01T00:00:00Z", date="2012-01-01"
    )
    Everything.objects.filter(**{f"{field}__{lookup}": "1"}).count()
    Everything.objects.exclude(**{f"{field}__{lookup}": "1"}).count()


@pytest.mark.parametrize("lookup", PATTERNS)
def test_backslashes_and_wildcards_are_themselves(lookup, place):
    with place():
        Everything.objects.bulk_create(
            [Everything(char=word) for word in ("\\", "%", "_", "a\\", "\\a", "a%", "%a", "a", "")]
        )
        every = list(Everything.objects.values_list("char", flat=True))
        compare = {
            "contains": str.__contains__,
            "startswith": str.startswith,
            "endswith": str.endswith,
        }[lookup.removeprefix("i")]
        for part in ("\\", "a\\", "%", "_", "\\a", "\\%", "%\\"):
            found = Everything.objects.filter(**{f"char__{lookup}": part})
            assert sorted(found.values_list("char", flat=True)) == sorted(
                word for word in every if compare(word, part)
            )
            others = Everything.objects.exclude(**{f"char__{lookup}": part})
            assert others.count() == len(every) - found.count()


@pytest.mark.parametrize(
    ("lookup", "part", "found"),
    [
        ("icontains", "É", {"é", "xé"}),
        ("istartswith", "я", {"Яя"}),
        ("iexact", "É", {"é"}),
        ("iexact", "ss", {"ss", "SS"}),
        ("icontains", "e", set()),
        ("contains", "S", {"SS"}),
        ("startswith", "s", {"ss"}),
    ],
)
def test_case_does_not_count_and_accents_do(lookup, part, found):
    Everything.objects.bulk_create(
        [Everything(char=word) for word in ("é", "xé", "Яя", "ss", "SS", "ß", "e\u0301"[1:])]
    )
    condition = Q(**{f"char__{lookup}": part})
    answers = (
        Everything.objects.filter(condition),
        Everything.objects.annotate(x=Lower("pk")).filter(condition, x=F("x")),
    )
    for answer in answers:
        assert set(answer.values_list("char", flat=True)) == found


# Negative keys


def test_negative_keys_are_refused(place):
    """They would come behind all others: the sign of a row id hardly counts in the order of words."""
    reason = "negative key -1 cannot be stored on PostgreSQL"
    with pytest.raises(NotSupportedError, match=reason), place():
        Numbered.objects.create(pk=-1, name="x")
    Numbered.objects.create(pk=0, name="0")
    assert Numbered.objects.filter(pk__gt=-5).count() == 1
    assert not Numbered.objects.filter(pk__lt=-5).exists()
