"""``bulk_create(update_conflicts=True)``: what becomes of rows that exist, of those that do not, and of the other unique indexes."""

import asyncio
import random
from contextlib import nullcontext

import pytest
from django.conf import settings
from django.db import IntegrityError, OperationalError, ProgrammingError, connections, transaction
from django.db.models import QuerySet
from django.utils import timezone

from appwrite_orm_django.client import rows, transactions
from appwrite_orm_django.client.errors import TransactionLimitExceeded
from appwrite_orm_django.managers import AppwriteQuerySet
from appwrite_orm_django.signals import rows_changed
from tests import differential
from tests.backend.test_transactions import elsewhere
from tests.fixtures import moment
from tests.kinds import KINDS, kind_settings, make_tables, respelled
from tests.library.models import Author, Book, Country, Cover, Edition, Numbered, Tag, Writer
from tests.steps import other_client

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
ISBN = {"update_conflicts": True, "unique_fields": ["isbn"], "update_fields": ["copies"]}


def atomic():
    return transaction.atomic(using="appwrite")


def upsert(*editions, **options):
    return Edition.objects.bulk_create(editions, **{**ISBN, **options})


def copies():
    return dict(Edition.objects.values_list("isbn", "copies"))


class Rollback(Exception):
    pass


@pytest.fixture(params=KINDS, ids="-".join)
def server(request, connect):
    """Put a server of one kind, of its own, behind the alias."""
    connection = connect(**kind_settings(*request.param, database="conflicts"))
    models = (Edition, Numbered, Country)
    make_tables(connection, models)
    yield connection
    for model in models:
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")


class TestOnEveryServer:
    def test_what_is_new_is_created_and_what_is_there_is_changed(self, server):
        old = Edition.objects.create(isbn="a", house="Charpentier", number=1, copies=1)
        made = upsert(Edition(isbn="a", house="other", copies=5), Edition(isbn="b", copies=7))
        assert copies() == {"a": 5, "b": 7}
        assert Edition.objects.get(isbn="a").house == "Charpentier"
        assert [row.pk for row in made] == [old.pk, Edition.objects.get(isbn="b").pk]
        assert made[0].created_at == old.created_at
        assert not any(row._state.adding for row in made)

    def test_text_is_compared_as_the_server_does(self, server):
        upsert(Edition(isbn="Élan", copies=1))
        upsert(Edition(isbn="elan ", copies=2))
        expected = {"Élan": 2} if server.engine.name == "mariadb" else {"Élan": 1, "elan ": 2}
        assert copies() == expected

    def test_the_last_of_several_with_the_same_value_wins(self, server):
        """As on SQLite and MariaDB, where each row is inserted by itself: the first one makes the row, later ones change it."""
        made = upsert(
            Edition(isbn="a", house="first", copies=1),
            Edition(isbn="b"),
            Edition(isbn="a", house="last", copies=3),
        )
        assert Edition.objects.values_list("house", "copies").get(isbn="a") == ("first", 3)
        assert made[0].pk == made[2].pk != made[1].pk
        upsert(Edition(isbn="a", copies=4), Edition(isbn="a", copies=5))
        assert copies() == {"a": 5, "b": 0}

    @pytest.mark.django_db(
        databases=["default", "appwrite", *settings.TWINS.values()], transaction=True
    )
    def test_objects_get_the_key_of_their_row(self, server):
        """Also those that came with another one, which is then that of no row; the same here and on the twin."""
        twin = differential.twin()
        for alias in ("appwrite", twin):
            Edition.objects.using(alias).all().delete()
            Edition.objects.using(alias).create(pk="old", isbn="a")
            given = [("one", "a"), ("two", "b"), ("three", "b"), ("four", "a"), ("five", "c")]
            made = Edition.objects.using(alias).bulk_create(
                [Edition(pk=key, isbn=isbn) for key, isbn in given], **ISBN
            )
            assert [row.pk for row in made] == ["old", "two", "two", "old", "five"], alias
            assert set(Edition.objects.using(alias).values_list("pk", flat=True)) == {
                "old",
                "two",
                "five",
            }
        Edition.objects.using(twin).all().delete()

    def test_nulls_conflict_with_nothing(self, server):
        by_shelfmark = {"unique_fields": ["shelfmark"]}
        upsert(
            Edition(isbn="a"), Edition(isbn="b"), Edition(isbn="c", shelfmark="x"), **by_shelfmark
        )
        upsert(
            Edition(isbn="d", copies=1), Edition(isbn="e", shelfmark="x", copies=2), **by_shelfmark
        )
        assert copies() == {"a": 0, "b": 0, "c": 2, "d": 1}

    def test_several_columns(self, server):
        both = {"unique_fields": ["number", "house"]}
        upsert(
            *(
                Edition(isbn=f"{house}{n}", house=house, number=n)
                for house in "AB"
                for n in range(3)
            ),
            **both,
        )
        upsert(
            Edition(isbn="x", house="A", number=1, copies=5),
            Edition(isbn="y", house="B", number=7, copies=6),
            Edition(isbn="z", house="A", number=None, copies=7),
            **both,
        )
        assert {isbn: n for isbn, n in copies().items() if n} == {"A1": 5, "y": 6, "z": 7}
        assert Edition.objects.count() == 8

    def test_another_unique_index_is_an_integrity_error(self, server):
        """The trap: the server's own upsert would change the row ``b``, and say 200."""
        Edition.objects.create(isbn="a", shelfmark="one")
        Edition.objects.create(isbn="b", shelfmark="two", copies=9)
        for new in (
            Edition(isbn="c", shelfmark="two", copies=1),
            Edition(isbn="c", pk=Edition.objects.get(isbn="b").pk),
        ):
            with pytest.raises(IntegrityError, match=r"failed: library_edition.(shelfmark|\$id)"):
                upsert(Edition(isbn="a", copies=3), new)
        assert copies() == {"a": 0, "b": 9}

    def test_a_changed_field_of_another_unique_index(self, server):
        Edition.objects.create(isbn="a", shelfmark="one")
        Edition.objects.create(isbn="b", shelfmark="two", copies=9)
        fields = {"update_fields": ["shelfmark", "copies"]}
        for editions in (
            [Edition(isbn="a", shelfmark="two")],
            [Edition(isbn="a", shelfmark="two"), Edition(isbn="c", shelfmark="three")],
            [Edition(isbn="a", shelfmark="same"), Edition(isbn="b", shelfmark="same")],
        ):
            with pytest.raises(IntegrityError, match="shelfmark"):
                upsert(*editions, **fields)
        assert list(
            Edition.objects.order_by("isbn").values_list("isbn", "shelfmark", "copies")
        ) == [
            ("a", "one", 0),
            ("b", "two", 9),
        ]
        upsert(
            Edition(isbn="a", shelfmark="three", copies=1),
            Edition(isbn="c", shelfmark="one"),
            **fields,
        )
        assert dict(Edition.objects.values_list("isbn", "shelfmark")) == {
            "a": "three",
            "b": "two",
            "c": "one",
        }

    def test_an_existing_row_is_found_by_the_target_alone(self, server):
        """Its other unique values are not inserted, so they can not clash."""
        Edition.objects.create(isbn="a", shelfmark="one")
        Edition.objects.create(isbn="b", shelfmark="two")
        upsert(Edition(isbn="a", shelfmark="two", copies=4))
        assert Edition.objects.values_list("shelfmark", "copies").get(isbn="a") == ("one", 4)

    def test_a_moment(self, server):
        released = moment(2024, 2, 29, 12, 30, 15, 123456)
        for number in (1, 2):
            upsert(
                Edition(isbn=f"{number}", released=released, copies=number),
                unique_fields=["released"],
            )
        assert Edition.objects.values_list("isbn", "released", "copies").get() == (
            "1", released.replace(microsecond=123000), 2,
        )  # fmt: skip

    def test_the_primary_key(self, server):
        options = {"update_conflicts": True, "unique_fields": ["pk"], "update_fields": ["name"]}
        Country.objects.create(code="FR", name="France")
        Country.objects.bulk_create(
            [Country(code="fr", name="Frankreich"), Country(code="PE", name="Peru")], **options
        )
        assert dict(Country.objects.values_list("code", "name")) == {
            "FR": "Frankreich",
            "PE": "Peru",
        }
        old = Numbered.objects.create(name="old")
        made = Numbered.objects.bulk_create(
            [Numbered(pk=old.pk, name="new"), Numbered(name="another")], **options
        )
        assert dict(Numbered.objects.values_list("pk", "name")) == {
            old.pk: "new",
            made[1].pk: "another",
        }

    @pytest.mark.parametrize("place", [nullcontext, atomic])
    @pytest.mark.parametrize("others", [[], ["PE"], ["PE", "CU"], ["CU"]])
    @pytest.mark.parametrize("stored", ["FR", "fr", "fR"])
    def test_a_primary_key_in_another_case(self, server, stored, others, place):
        """Row ids exclude each other without case. Where they are looked up with it, those of mixed case are not found."""
        Country.objects.create(code=stored, name="France")
        Country.objects.create(code="CU", name="Cuba")
        is_found = stored != "fR" or server.engine.finds_ids_without_case
        with nullcontext() if is_found else pytest.raises(IntegrityError) as caught, place():
            Country.objects.bulk_create(
                [Country(code=code, name=f"new {code}") for code in ["Fr", *others]],
                update_conflicts=True,
                unique_fields=["pk"],
                update_fields=["name"],
            )
        if caught:
            assert "Row Fr already exists as fR; row ids are case-insensitive." in str(caught.value)
        assert dict(Country.objects.values_list("code", "name")) == {
            "CU": "Cuba",
            stored: "new Fr" if is_found else "France",
            **({code: f"new {code}" for code in others} if is_found else {}),
        }

    @pytest.mark.django_db(
        databases=["default", "appwrite", *settings.TWINS.values()], transaction=True
    )
    def test_as_sqlite_does(self, server):
        """The same lists, repeated values, nulls and columns of either index, here and on Django's own backend."""
        twin, rng = differential.twin(), random.Random(7)
        Edition.objects.using(twin).all().delete()
        pools = {
            "isbn": ["a", "A", "é", "b", "c", "d"],
            "shelfmark": [None],
            "number": [1, 2, None],
            "house": ["X", "x", None],
        }

        def drawn():
            return {name: rng.choice(values) for name, values in pools.items()} | {
                "copies": rng.randrange(100)
            }

        agreed = 0
        for _ in range(60):
            target = rng.choice([["isbn"], ["house", "number"]])
            given = [drawn() for _ in range(rng.randrange(1, 6))]
            if target == ["isbn"]:
                given = [{**one, "number": None} for one in given]
            else:
                given = [{**one, "isbn": f"{rng.random()}"} for one in given]
            moments = {"created_at": moment(2024, 1, 1), "updated_at": moment(2024, 1, 1)}
            for alias in ("appwrite", twin):
                Edition.objects.using(alias).bulk_create(
                    [Edition(**one, **moments) for one in given],
                    **{**ISBN, "unique_fields": target},
                )
            stored = [
                sorted(
                    Edition.objects.using(alias).values_list("isbn", "house", "number", "copies"),
                    key=repr,
                )
                for alias in ("appwrite", twin)
            ]
            assert stored[0] == stored[1]
            agreed += len(stored[0])
        assert agreed > 500
        Edition.objects.using(twin).all().delete()


class TestFields:
    def test_moments_that_django_sets(self):
        """Those of ``update_fields`` are set as on an insert; others stay."""
        old = Edition.objects.create(isbn="a")
        listed, counted = Edition.objects.values_list("listed", "counted").get()
        assert upsert(Edition(isbn="a", copies=1))[0].pk == old.pk
        assert Edition.objects.values_list("listed", "counted", "copies").get() == (
            listed,
            counted,
            1,
        )
        before = timezone.now()
        upsert(Edition(isbn="a", copies=2), update_fields=["copies", "counted", "updated_at"])
        found = Edition.objects.get()
        assert found.counted > counted
        assert (found.listed, found.updated_at > before) == (listed, True)

    def test_a_field_with_a_column_name_of_its_own(self):
        upsert(Edition(isbn="a", house="one", number=1))
        upsert(Edition(isbn="a", house="two"), update_fields=["house"])
        upsert(
            Edition(isbn="b", house="two", number=1, copies=3), unique_fields=["house", "number"]
        )
        assert Edition.objects.values_list("isbn", "house", "number", "copies").get() == (
            "a",
            "two",
            1,
            3,
        )

    def test_foreign_keys(self):
        zola, hugo = Author.objects.bulk_create([Author(name="Zola"), Author(name="Hugo")])
        options = {
            "update_conflicts": True,
            "unique_fields": ["author", "title"],
            "update_fields": ["editor", "pages"],
        }
        Book.objects.bulk_create([Book(author=zola, title="Nana", pages=1)], **options)
        Book.objects.bulk_create(
            [
                Book(author=zola, title=respelled("Nana"), editor=hugo, pages=2),
                Book(author=hugo, title="Nana"),
            ],
            **options,
        )
        assert Book.objects.count() == 2
        assert Book.objects.values_list("title", "editor__name", "pages").get(author=zola) == (
            "Nana",
            "Hugo",
            2,
        )

    def test_a_one_to_one_field(self):
        book = Book.objects.create(title="Nana", author=Author.objects.create(name="Zola"))
        for colour in ("red", "blue"):
            Cover.objects.bulk_create(
                [Cover(book=book, colour=colour)],
                update_conflicts=True,
                unique_fields=["book"],
                update_fields=["colour"],
            )
        assert book.cover.colour == "blue"

    def test_a_proxy_has_the_unique_fields_of_its_model(self):
        for rating in (1, 2):
            Writer.objects.bulk_create(
                [Writer(name="Zola", email="z@example.org", rating=rating)],
                update_conflicts=True,
                unique_fields=["email"],
                update_fields=["rating"],
            )
        assert Author.objects.get().rating == 2

    def test_null_is_a_value_to_write(self):
        upsert(Edition(isbn="a", shelfmark="x"))
        upsert(Edition(isbn="a", shelfmark=None), update_fields=["shelfmark"])
        assert Edition.objects.get().shelfmark is None

    @pytest.mark.engine(
        "mariadb", "postgresql", reason="an update destroys text that looks like an operator"
    )
    def test_text_that_the_server_would_run_is_stored_as_text(self):
        text = '{"method":"increment","values":[1]}'
        upsert(Edition(isbn="a"), Edition(isbn="b"))
        upsert(
            *(Edition(isbn=isbn, house=text, number=number) for number, isbn in enumerate("abc")),
            update_fields=["house"],
        )
        assert set(Edition.objects.values_list("house", flat=True)) == {text}

    def test_nothing_that_could_be_changed(self):
        old = Edition.objects.create(isbn="a", copies=4)
        (same,) = upsert(Edition(isbn="a", copies=9), update_fields=["updated_at"])
        assert (same.pk, copies()) == (old.pk, {"a": 4})

    def test_columns_without_a_unique_index_are_refused(self):
        with pytest.raises(
            ProgrammingError, match=r"no unique index covers exactly \(publishing_house\)"
        ):
            upsert(Edition(isbn="a"), unique_fields=["house"])
        with pytest.raises(
            ValueError, match="Unique fields that can trigger the upsert must be provided"
        ):
            upsert(Edition(isbn="a"), unique_fields=None)

    def test_an_object_that_was_read_is_saved_whole_afterwards(self):
        Edition.objects.create(isbn="a", copies=1)
        edition = Edition.objects.get()
        edition.copies = 2
        upsert(edition)
        edition.copies = 1
        edition.save()
        assert copies() == {"a": 1}

    def test_asynchronously(self):
        async def twice():
            for number in (1, 2):
                made = await Edition.objects.abulk_create(
                    [Edition(isbn="a", copies=number)], **ISBN
                )
            return made

        (made,) = asyncio.run(twice())
        assert Edition.objects.get() == made
        assert copies() == {"a": 2}

    def test_keys_of_djangos_own_type_are_told(self):
        Country.objects.create(code="FR", name="France")
        old = Numbered.objects.bulk_create([Numbered(name=str(n)) for n in range(3)])
        made = Numbered.objects.bulk_create(
            [Numbered(pk=old[1].pk, name="x"), Numbered(name="y")],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["name"],
        )
        assert made[0].pk == old[1].pk
        assert Numbered.objects.get(name="y").pk == made[1].pk


class TestRequests:
    def made(self, requests):
        return [f"{record.method} {record.path.rsplit('/', 1)[1]}" for record in requests]

    def test_only_new_rows(self, requests):
        upsert(*(Edition(isbn=f"{n:03}") for n in range(99)))
        assert self.made(requests) == ["GET rows", "POST rows"]

    def test_one_row_that_exists(self, requests):
        old = Edition.objects.create(isbn="a")
        requests.clear()
        upsert(Edition(isbn="a", copies=2))
        assert [line.split()[0] for line in self.made(requests)] == [
            "GET",
            "POST",
            "POST",
            "GET",
            "PATCH",
        ]
        assert Edition.objects.get().pk == old.pk

    def test_new_and_old_ones(self, requests):
        upsert(*(Edition(isbn=f"{n:03}") for n in range(50)))
        upsert(Edition(isbn="000", copies=1), Edition(isbn="x"))  # makes the table of claims
        requests.clear()
        upsert(*(Edition(isbn=f"{n:03}", copies=n) for n in range(99)))
        kinds = [line.split()[0] for line in self.made(requests)]
        # Look up, open, stage, compare versions, commit.
        assert kinds == ["GET", "POST", "POST", "GET", "PATCH"]
        assert copies() == {**{f"{n:03}": n for n in range(99)}, "x": 0}

    def test_by_primary_key_no_versions_are_compared(self, requests):
        options = {"update_conflicts": True, "unique_fields": ["code"], "update_fields": ["name"]}
        Country.objects.bulk_create([Country(code=code, name=code) for code in ("AA", "BB")])
        requests.clear()
        Country.objects.bulk_create(
            [Country(code=code, name="x") for code in ("AA", "BB", "CC")], **options
        )
        assert [line.split()[0] for line in self.made(requests)] == ["GET", "POST", "POST", "PATCH"]

    def test_more_rows_than_a_transaction_takes(self, requests):
        upsert(*(Edition(isbn=f"{n:03}") for n in range(250)))
        assert self.made(requests) == ["GET rows", "POST rows"] * 3
        upsert(Edition(isbn="000", copies=1), Edition(isbn="x"))
        requests.clear()
        made = upsert(*(Edition(isbn=f"{n:03}", copies=n) for n in range(300)))
        assert copies() == {**{f"{n:03}": n for n in range(300)}, "x": 0}
        assert {row.isbn: row.pk for row in made} == {
            isbn: pk for isbn, pk in Edition.objects.values_list("isbn", "pk") if isbn != "x"
        }
        # Two batches of changes, one of both, one of new rows; old claims may be swept at any time.
        assert sum(record.method != "DELETE" for record in requests) - 2 == 5 + 5 + 5 + 2

    def test_a_value_that_comes_again_in_a_later_batch(self):
        made = upsert(*(Edition(isbn="a", house=str(n), copies=n) for n in range(150)))
        assert Edition.objects.values_list("house", "copies").get() == ("0", 149)
        assert {row.pk for row in made} == {Edition.objects.get().pk}

    def test_a_batch_that_is_refused_leaves_those_before_it(self):
        """As ``bulk_create()`` without conflicts, of more rows than a request takes; ``atomic`` makes it all or nothing."""
        Edition.objects.create(isbn="taken", shelfmark="x")
        editions = [
            *(Edition(isbn=f"{n:03}") for n in range(99)),
            Edition(isbn="100"),
            Edition(isbn="101", shelfmark="x"),
        ]
        with pytest.raises(IntegrityError), atomic():
            upsert(*editions, Edition(isbn="102", shelfmark="x"))
        assert Edition.objects.count() == 1
        with pytest.raises(IntegrityError, match="shelfmark"):
            upsert(*editions)
        assert Edition.objects.count() == 100

    def test_pairs_are_looked_up_exactly_where_lists_would_find_too_much(self, requests):
        pairs = [Edition(isbn=f"{n:03}", house=f"house {n}", number=n, copies=1) for n in range(60)]
        upsert(*pairs[:30], unique_fields=["house", "number"])
        assert self.made(requests) == ["GET rows", "POST rows"]
        requests.clear()
        upsert(*pairs, unique_fields=["house", "number"])
        lookups = [
            record
            for record in requests
            if record.method == "GET" and record.path.endswith("library_edition/rows")
        ]
        # A hidden column, where the engine does not enforce uniqueness of numbers, has one value for a pair.
        is_pair = connections["appwrite"].engine.unique_types is None
        assert ('"or"' in str(lookups[0].params)) == is_pair
        assert Edition.objects.count() == 60


class TestBlocks:
    def test_own_uncommitted_rows_are_seen(self):
        Edition.objects.create(isbn="renamed", copies=1)
        Edition.objects.create(isbn="deleted", copies=1)
        with atomic():
            new = Edition.objects.create(isbn="new", copies=1)
            Edition.objects.filter(isbn="renamed").update(isbn="other")
            Edition.objects.get(isbn="deleted").delete()
            made = upsert(
                *(Edition(isbn=isbn, copies=5) for isbn in ("new", "other", "renamed", "deleted"))
            )
            assert made[0].pk == new.pk
            assert copies() == {"new": 5, "other": 5, "renamed": 5, "deleted": 5}
        assert copies() == {"new": 5, "other": 5, "renamed": 5, "deleted": 5}

    def test_a_rollback_takes_everything_back(self, requests):
        Edition.objects.create(isbn="a", copies=1)
        requests.clear()
        with pytest.raises(Rollback), atomic():
            upsert(Edition(isbn="a", copies=5), Edition(isbn="b"))
            raise Rollback
        assert [line for line in requests.lines if not line.startswith("GET")] == []
        assert copies() == {"a": 1}

    def test_a_savepoint_drops_what_came_after_it(self):
        Edition.objects.create(isbn="a", copies=1)
        with atomic():
            upsert(Edition(isbn="a", copies=2), Edition(isbn="b", copies=2))
            with pytest.raises(Rollback), atomic():
                upsert(Edition(isbn="a", copies=3), Edition(isbn="b", copies=3), Edition(isbn="c"))
                assert copies() == {"a": 3, "b": 3, "c": 0}
                raise Rollback
            assert copies() == {"a": 2, "b": 2}
        assert copies() == {"a": 2, "b": 2}

    def test_inside_a_savepoint_a_violation_is_found_at_once(self):
        Edition.objects.create(isbn="a", shelfmark="one")
        Edition.objects.create(isbn="b", shelfmark="two")
        with atomic():
            for editions in (
                [Edition(isbn="c", shelfmark=respelled("one"))],
                [Edition(isbn="b", shelfmark="one")],
                [Edition(isbn="c", shelfmark="x"), Edition(isbn="d", shelfmark="x")],
                [Edition(isbn="c", pk=Edition.objects.get(isbn="a").pk)],
            ):
                with (
                    pytest.raises(
                        IntegrityError, match=r"failed: library_edition.(shelfmark|\$id)"
                    ),
                    atomic(),
                ):
                    upsert(*editions, update_fields=["shelfmark"])
            upsert(Edition(isbn="b", shelfmark="three"), update_fields=["shelfmark"])
        assert dict(Edition.objects.values_list("isbn", "shelfmark")) == {"a": "one", "b": "three"}

    def test_it_takes_part_in_all_or_nothing(self):
        Edition.objects.create(isbn="a", shelfmark="one")
        with pytest.raises(IntegrityError), atomic():
            Tag.objects.create(name="novel")
            upsert(Edition(isbn="a", copies=5), Edition(isbn="b", shelfmark="one"))
        assert copies() == {"a": 0}
        assert not Tag.objects.exists()

    def test_more_changes_than_a_block_takes(self):
        Edition.objects.bulk_create([Edition(isbn=f"{n:03}") for n in range(101)])
        with (
            pytest.raises(TransactionLimitExceeded, match="101 for its changes and 2 for claims"),
            atomic(),
        ):
            upsert(*(Edition(isbn=f"{n:03}", copies=n + 1) for n in range(101)))
        assert set(copies().values()) == {0}

    def test_djangos_own_querysets(self):
        Edition.objects.create(isbn="a", copies=1)
        editions = QuerySet(Edition, using="appwrite")
        editions.bulk_create([Edition(isbn="a", copies=5), Edition(isbn="b", copies=6)], **ISBN)
        assert copies() == {"a": 5, "b": 6}


class TestConcurrency:
    """Somebody else writes between the look-up and the commit."""

    @pytest.fixture
    def between(self, monkeypatch):
        """Let something happen once, right before a transaction is committed, or right before rows are created or changed at once."""
        pending = []

        def hooked(function):
            def call(*args, **kwargs):
                if pending:
                    elsewhere(pending.pop())
                return function(*args, **kwargs)

            return call

        for module, name in (
            (transactions, "create_transaction"),
            (rows, "create_rows"),
            (rows, "update_row"),
        ):
            monkeypatch.setattr(module, name, hooked(getattr(module, name)))
        return pending.append

    def test_a_row_that_is_made_meanwhile_is_changed(self, between):
        between(lambda: Edition.objects.create(isbn="b", copies=1, house="theirs"))
        upsert(Edition(isbn="a", copies=5), Edition(isbn="b", copies=6))
        assert copies() == {"a": 5, "b": 6}
        assert Edition.objects.get(isbn="b").house == "theirs"

    @pytest.mark.parametrize("more", [0, 1], ids=["one change", "several"])
    def test_a_row_that_is_renamed_meanwhile_is_left_alone(self, between, more):
        Edition.objects.create(isbn="a", copies=1)
        between(lambda: Edition.objects.filter(isbn="a").update(isbn="renamed"))
        upsert(Edition(isbn="a", copies=5), *(Edition(isbn="b") for _ in range(more)))
        assert copies() == {"renamed": 1, "a": 5, **({"b": 0} if more else {})}

    @pytest.mark.parametrize("more", [0, 1], ids=["one change", "several"])
    def test_a_row_that_is_deleted_meanwhile_is_made(self, between, more):
        Edition.objects.create(isbn="a", copies=1)
        between(lambda: Edition.objects.filter(isbn="a").delete())
        upsert(Edition(isbn="a", copies=5), *(Edition(isbn="b") for _ in range(more)))
        assert copies() == {"a": 5, **({"b": 0} if more else {})}

    def test_a_row_that_is_deleted_meanwhile_is_made_by_primary_key(self, between):
        options = {"update_conflicts": True, "unique_fields": ["pk"], "update_fields": ["name"]}
        Country.objects.bulk_create([Country(code=code, name=code) for code in ("AA", "BB")])
        between(lambda: Country.objects.filter(code="AA").delete())
        Country.objects.bulk_create(
            [Country(code=code, name="x") for code in ("AA", "BB")], **options
        )
        assert dict(Country.objects.values_list("code", "name")) == {"AA": "x", "BB": "x"}

    def test_in_a_block_it_is_a_conflict(self, between):
        Edition.objects.create(isbn="a", copies=1)
        with pytest.raises(OperationalError, match="changed by another client"), atomic():
            upsert(Edition(isbn="a", copies=5), Edition(isbn="b"))
            elsewhere(lambda: Edition.objects.filter(isbn="a").update(isbn="renamed"))
        assert copies() == {"renamed": 1}

    def test_others_changes_of_other_columns_are_kept(self, between):
        Edition.objects.create(isbn="a", copies=1)
        between(lambda: Edition.objects.filter(isbn="a").update(house="theirs"))
        upsert(Edition(isbn="a", copies=5, house="ours"), Edition(isbn="b"))
        assert Edition.objects.values_list("house", "copies").get(isbn="a") == ("theirs", 5)

    def test_giving_up(self, monkeypatch):
        Edition.objects.create(isbn="a", copies=1)
        stage = transactions.create_operations

        def outrun(*args, **kwargs):
            rows.increment_column(client, table, pk, "copies", 1)
            return stage(*args, **kwargs)

        from appwrite_orm_django.backend.execution import retries

        client, pk = other_client(), Edition.objects.get().pk
        table = connections["appwrite"].table_ref("library_edition")
        monkeypatch.setattr(transactions, "create_operations", outrun)
        monkeypatch.setattr(retries, "MAX_ATTEMPTS", 3)
        with pytest.raises(OperationalError):
            upsert(Edition(isbn="a", copies=50))
        assert copies() == {"a": 4}

    def test_a_key_of_ours_that_is_taken_is_made_anew(self, monkeypatch):
        from appwrite_orm_django.backend import row_ids

        taken = Numbered.objects.create(name="theirs")
        new = row_ids.new_integer_id
        answers = [taken.pk]
        monkeypatch.setattr(row_ids, "new_integer_id", lambda: answers.pop() if answers else new())
        options = {"update_conflicts": True, "unique_fields": ["pk"], "update_fields": ["name"]}
        AppwriteQuerySet(Numbered, using="appwrite").bulk_create([Numbered(name="ours")], **options)
        assert sorted(Numbered.objects.values_list("name", flat=True)) == ["ours", "theirs"]


class TestCache:
    @pytest.mark.parametrize("in_block", [False, True], ids=["at once", "in a block"])
    def test_those_who_listen_are_told_of_a_change(self, in_block):
        told = []

        def listen(sender, operation, pks, **kwargs):
            told.append((sender, operation, pks))

        rows_changed.connect(listen)
        with atomic() if in_block else nullcontext():
            upsert(Edition(isbn="a"))
            assert bool(told) is not in_block
        rows_changed.disconnect(listen)
        assert told == [(Edition, "change", None)]

    def test_reads_see_what_was_created_and_changed(self):
        old = Edition.objects.create(isbn="a", copies=1)

        def seen():
            return (
                copies(),
                Edition.objects.get(pk=old.pk).copies,
                Edition.objects.filter(isbn="b").exists(),
            )

        assert seen() == ({"a": 1}, 1, False)
        upsert(Edition(isbn="a", copies=2), Edition(isbn="b", copies=3))
        assert seen() == ({"a": 2, "b": 3}, 2, True)
        with atomic():
            upsert(Edition(isbn="a", copies=4), Edition(isbn="b", copies=5))
        assert seen() == ({"a": 4, "b": 5}, 4, True)
