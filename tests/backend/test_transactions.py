"""Blocks: what they see, what they leave behind, what they cost."""

import threading

import pytest
from django.db import DataError, IntegrityError, OperationalError, connections, transaction
from django.db.models import F, Sum, Value
from django.db.models.functions import Concat

from appwrite_orm_django.client import transactions
from tests.kinds import respelled
from tests.library.models import Author, Book, Country, Review, Tag

BOTH = ["default", "appwrite"]


def atomic(**kwargs):
    return transaction.atomic(using="appwrite", **kwargs)


class Rollback(Exception):
    pass


@pytest.mark.django_db(databases=BOTH)
class TestReadYourWrites:
    """Inside a block that never commits: nothing is sent, everything is seen."""

    def test_nothing_is_sent(self, requests):
        Author.objects.create(name="Zola")
        assert [line for line in requests.lines if not line.startswith("GET")] == []

    def test_created_rows_are_found_by_every_kind_of_query(self):
        zola = Author.objects.create(name="Zola", rating=4)
        Author.objects.create(name="Hugo", rating=5)
        assert Author.objects.get(pk=zola.pk) == zola
        assert Author.objects.count() == 2
        assert Author.objects.filter(name=respelled("Zola")).exists()
        assert [author.name for author in Author.objects.order_by("-rating")] == ["Hugo", "Zola"]
        assert Author.objects.aggregate(total=Sum("rating")) == {"total": 9}
        assert list(Author.objects.order_by("name").values_list("name", flat=True)[:1]) == ["Hugo"]

    def test_what_an_object_holds_is_what_is_read(self):
        made = Author.objects.create(name="Zola")
        read = Author.objects.get(pk=made.pk)
        assert read.created_at == made.created_at

    def test_rows_that_the_block_has_made_are_not_asked_for(self, requests):
        zola, hugo = (Author.objects.create(name=name) for name in ("Zola", "Hugo"))
        requests.clear()
        assert Author.objects.get(pk=zola.pk, name="Zola") == zola
        assert set(Author.objects.filter(pk__in=[zola.pk, hugo.pk])) == {zola, hugo}
        assert not Author.objects.filter(pk__in=[zola.pk], name="Hugo").exists()
        assert not requests
        assert list(Author.objects.filter(pk__in=[zola.pk, "other"])) == [zola]
        (asked,) = requests
        assert any('"values":["other"]' in query for query in asked.params["queries"])
        hugo.delete()
        requests.clear()
        assert list(Author.objects.filter(pk__in=[zola.pk, hugo.pk])) == [zola]
        assert not requests

    def test_a_row_that_is_found_through_several_others_is_updated_once(self):
        book = Book.objects.create(title="Nana", author=Author.objects.create(name="Zola"), pages=1)
        book.tags.set(Tag.objects.bulk_create([Tag(name=name) for name in ("novel", "french")]))
        chosen = Book.objects.filter(tags__name__in=["novel", "french"])
        assert chosen.update(pages=F("pages") + Value(1) * 2) == 1
        assert chosen.update(pages=F("pages") + 1, blurb=Concat("title", Value("!"))) == 1
        assert Book.objects.values_list("pages", "blurb").get() == (4, "Nana!")

    def test_updates_deletes_and_increments_are_seen(self):
        author = Author.objects.create(name="Zola")
        one, two = (
            Book.objects.create(title=title, author=author, pages=100)
            for title in ("Nana", "Germinal")
        )
        assert Book.objects.filter(pk=one.pk).update(pages=F("pages") + 20) == 1
        assert Book.objects.filter(pages=100).update(in_print=False) == 1
        assert Book.objects.filter(pages=F("pages")).update(pages=F("pages") * 2) == 2
        assert set(Book.objects.values_list("title", "pages", "in_print")) == {
            ("Nana", 240, True),
            ("Germinal", 200, False),
        }
        two.delete()
        assert [book.title for book in Book.objects.select_related("author")] == ["Nana"]
        assert author.delete() == (2, {"library.Book": 1, "library.Author": 1})
        assert not Author.objects.exists()

    def test_relations_see_the_log_on_every_side(self):
        author = Author.objects.create(
            name="Zola", country=Country.objects.create(code="FR", name="France")
        )
        book = Book.objects.create(title="Nana", author=author)
        book.tags.add(Tag.objects.create(name="novel"))
        assert [
            found.title
            for found in Book.objects.filter(author__country__name="France", tags__name="novel")
        ] == ["Nana"]
        assert [tag.name for tag in book.tags.all()] == ["novel"]
        book.tags.clear()
        assert not Tag.objects.filter(books=book).exists()

    def test_adding_a_relation_twice_adds_it_once(self):
        book = Book.objects.create(title="Nana", author=Author.objects.create(name="Zola"))
        tag = Tag.objects.create(name="novel")
        book.tags.add(tag)
        book.tags.add(tag)
        assert book.tags.through.objects.count() == 1

    def test_a_savepoint_drops_what_came_after_it(self):
        Author.objects.create(name="Zola")
        with pytest.raises(Rollback), atomic():
            Author.objects.update(name="Hugo")
            Author.objects.create(name="Verne")
            raise Rollback
        assert [author.name for author in Author.objects.all()] == ["Zola"]

    def test_unique_values_are_refused_where_it_can_be_caught(self):
        Author.objects.create(name="Zola", email="z@example.org")
        with pytest.raises(IntegrityError, match="email"), atomic():
            Author.objects.create(name="Zo", email=respelled("z@example.org"))
        other = Author.objects.create(name="Hugo", email="h@example.org")
        with pytest.raises(IntegrityError, match="email"), atomic():
            Author.objects.filter(pk=other.pk).update(email="z@example.org")
        other.email = "h2@example.org"
        other.save()
        assert Author.objects.get_or_create(email=respelled("h2@example.org"))[1] is False

    def test_an_id_is_taken_once(self):
        Country.objects.create(code="FR", name="France")
        with pytest.raises(IntegrityError), atomic():
            Country.objects.create(code="fr", name="Frankreich")

    def test_an_increment_keeps_the_bounds_of_its_column(self):
        book = Book.objects.create(title="Nana", author=Author.objects.create(name="Zola"))
        review = Review.objects.create(book=book, stars=3)
        with pytest.raises(DataError, match="is below the minimum 0"), atomic():
            Review.objects.filter(pk=review.pk).update(stars=F("stars") - 4)
        Review.objects.filter(pk=review.pk).update(stars=F("stars") - 3)
        assert Review.objects.get().stars == 0

    def test_more_than_100_writes_are_no_matter_if_nothing_is_committed(self):
        author = Author.objects.create(name="Zola")
        for number in range(150):
            Book.objects.create(title=str(number), author=author)
        assert Book.objects.count() == 150


@pytest.mark.django_db(databases=BOTH)
def test_the_block_of_one_test_is_gone_in_the_next_one():
    assert not Author.objects.exists()
    Author.objects.create(name="Zola")


@pytest.mark.django_db(databases=BOTH)
def test_the_block_of_one_test_is_gone_in_the_next_two():
    assert not Author.objects.exists()
    Author.objects.create(name="Zola")


@pytest.mark.django_db(databases=BOTH, transaction=True)
class TestCommit:
    def test_a_block_that_only_reads_costs_nothing_more(self, requests):
        with atomic():
            list(Author.objects.all())
        assert len(requests) == 1

    def test_a_single_write_is_a_single_request(self, requests):
        with atomic():
            Author.objects.create(name="Zola")
        assert [line.split()[0] for line in requests.take()] == ["POST"]
        assert Author.objects.get().name == "Zola"

    def test_several_writes_are_three_requests(self, requests):
        with atomic():
            author = Author.objects.create(name="Zola")
            for title in ("Nana", "Germinal"):
                Book.objects.create(title=title, author=author)
        assert len(requests) == 3
        assert Book.objects.count() == 2

    def test_a_rollback_sends_nothing(self, requests):
        with pytest.raises(Rollback), atomic():
            Author.objects.create(name="Zola")
            raise Rollback
        assert not requests
        assert not Author.objects.exists()

    def test_a_row_that_is_made_again_is_read_as_the_block_made_it(self):
        Author.objects.create(pk="zola", name="Zola")
        with atomic():
            Author.objects.filter(pk="zola").delete()
            assert not Author.objects.filter(pk__in=["zola"]).exists()
            Author.objects.create(pk="zola", name="Nana")
            (again,) = Author.objects.filter(pk__in=["zola", "other"])
            assert again.name == "Nana"
        assert Author.objects.get(pk="zola").name == "Nana"

    def test_objects_hold_what_the_rows_hold(self):
        with atomic():
            author = Author.objects.create(name="Zola")
            Author.objects.create(name="Hugo")
        assert Author.objects.get(pk=author.pk).created_at == author.created_at

    def test_a_failing_write_takes_all_others_with_it(self):
        Author.objects.create(name="Zola", email="z@example.org")
        with pytest.raises(IntegrityError), atomic():
            Country.objects.create(code="FR", name="France")
            Author.objects.create(name="Zo", email="z@example.org")
        assert not Country.objects.exists()

    def test_a_value_that_does_not_fit_takes_all_others_with_it(self):
        with pytest.raises(DataError), atomic():
            Country.objects.create(code="FR", name="France")
            Country.objects.create(code="DE", name="x" * 101)
        assert not Country.objects.exists()

    def test_more_operations_than_the_server_takes_are_refused_before_the_commit(self, requests):
        from appwrite_orm_django.client.errors import TransactionLimitExceeded

        authors = Author.objects.bulk_create([Author(name=str(number)) for number in range(101)])
        requests.clear()
        with pytest.raises(TransactionLimitExceeded, match="101 operations"), atomic():
            for number, author in enumerate(authors):
                author.rating = number
                author.save()
        assert not [line for line in requests.lines if line.startswith(("POST", "PATCH"))]

    def test_many_rows_in_bulk_fit(self):
        with atomic():
            author = Author.objects.create(name="Zola")
            Book.objects.bulk_create(
                [Book(title=str(number), author=author) for number in range(300)]
            )
            Book.objects.filter(author=author).update(in_print=False)
            Review.objects.bulk_create([Review(book_id="none", stars=1) for number in range(300)])
        assert Book.objects.filter(in_print=False).count() == 300
        assert Review.objects.count() == 300

    @pytest.mark.engine("mariadb", "postgresql", reason="such text is destroyed, and so refused")
    def test_text_that_the_server_would_run_is_stored_as_text(self):
        text = '{"method":"increment","values":[1]}'
        with atomic():
            author = Author.objects.create(name=text)
            book = Book.objects.create(title="Nana", author=author)
        with atomic():
            Book.objects.filter(pk=book.pk).update(blurb=text)
            Author.objects.filter(pk=author.pk).update(rating=1)
        assert Author.objects.get().name == text
        assert Book.objects.get().blurb == text

    def test_deleting_with_cascades_is_one_transaction(self, requests):
        author = Author.objects.create(name="Zola")
        Book.objects.bulk_create([Book(title=str(number), author=author) for number in range(5)])
        requests.clear()
        assert author.delete()[0] == 6
        assert len([line for line in requests.lines if not line.startswith("GET")]) == 3
        assert not Book.objects.exists()

    def test_a_row_that_somebody_changed_meanwhile_is_a_conflict(self):
        first = Author.objects.create(name="Zola", rating=1)
        with pytest.raises(OperationalError, match="changed by another client"), atomic():
            author = Author.objects.get(pk=first.pk)
            elsewhere(lambda: Author.objects.filter(pk=first.pk).update(rating=7))
            author.rating += 1
            author.save()
            Country.objects.create(code="FR", name="France")
        assert Author.objects.get().rating == 7
        assert not Country.objects.exists()

    def test_a_single_change_of_a_row_that_somebody_changed_is_a_conflict(self):
        first = Author.objects.create(name="Zola", rating=1)
        with pytest.raises(OperationalError), atomic():
            author = Author.objects.get(pk=first.pk)
            elsewhere(lambda: Author.objects.filter(pk=first.pk).update(rating=7))
            author.rating += 1
            author.save()
        assert Author.objects.get().rating == 7

    def test_a_row_that_somebody_deleted_meanwhile_is_a_conflict(self):
        first = Author.objects.create(name="Zola", rating=1)
        with pytest.raises(OperationalError), atomic():
            author = Author.objects.get(pk=first.pk)
            elsewhere(lambda: Author.objects.filter(pk=first.pk).delete())
            author.rating = 2
            author.save()
            Country.objects.create(code="FR", name="France")
        assert not Country.objects.exists()

    def test_a_row_that_somebody_deletes_between_the_check_and_the_commit_is_a_conflict(
        self, monkeypatch
    ):
        first, commit = Author.objects.create(name="Zola", rating=1), transactions.commit

        def late(*args):
            elsewhere(lambda: Author.objects.filter(pk=first.pk).delete())
            commit(*args)

        monkeypatch.setattr(transactions, "commit", late)
        with pytest.raises(OperationalError, match="by another client"), atomic():
            Author.objects.filter(pk=first.pk).update(rating=2)
            Country.objects.create(code="FR", name="France")
        assert not Country.objects.exists()

    @pytest.mark.parametrize("alone", [True, False])
    def test_conflicts_to_ignore_are_ignored_at_the_commit_as_well(self, alone):
        with atomic():
            Tag.objects.bulk_create(
                [Tag(name="theirs"), *([] if alone else [Tag(name="ours")])], ignore_conflicts=True
            )
            elsewhere(lambda: Tag.objects.create(name=respelled("theirs")))
        expected = [respelled("theirs"), *([] if alone else ["ours"])]
        assert sorted(Tag.objects.values_list("name", flat=True)) == sorted(expected)

    def test_what_was_changed_since_is_no_conflict_to_ignore(self):
        with pytest.raises(IntegrityError), atomic():
            Tag.objects.bulk_create([Tag(name="theirs"), Tag(name="ours")], ignore_conflicts=True)
            Tag.objects.filter(name="theirs").update(name="theirs, too")
            elsewhere(lambda: Tag.objects.create(name="theirs, too"))
        assert Tag.objects.get().name == "theirs, too"

    def test_a_change_that_was_none_does_not_keep_others_from_the_row(self):
        first = Author.objects.create(name="Zola", rating=1)
        for _ in range(2):
            with atomic():
                author = Author.objects.get(pk=first.pk)
                Author.objects.filter(pk=author.pk).update(name="Zola")
                Country.objects.get_or_create(code="FR", defaults={"name": "France"})
                Country.objects.filter(pk="FR").update(name="Frankreich")
        with atomic():
            author = Author.objects.get(pk=first.pk)
            author.rating = 5
            author.save()
            Country.objects.create(code="DE", name="Germany")
        assert Author.objects.get().rating == 5

    def test_an_increment_beyond_the_bounds_takes_everything_with_it(self):
        review = Review.objects.create(book_id="none", stars=3)
        with pytest.raises(DataError), atomic():
            Country.objects.create(code="FR", name="France")
            Review.objects.filter(pk=review.pk).update(stars=F("stars") - 4)
        assert Review.objects.get().stars == 3
        assert not Country.objects.exists()

    def test_hooks_run_after_the_commit_and_only_then(self):
        seen = []
        with atomic():
            Author.objects.create(name="Zola")
            transaction.on_commit(lambda: seen.append(Author.objects.count()), using="appwrite")
            assert seen == []
        assert seen == [1]
        with pytest.raises(Rollback), atomic():
            transaction.on_commit(lambda: seen.append("never"), using="appwrite")
            raise Rollback
        assert seen == [1]

    def test_nested_blocks_and_durability(self):
        with atomic(durable=True):
            Author.objects.create(name="Zola")
            with pytest.raises(Rollback), atomic():
                Author.objects.create(name="Hugo")
                raise Rollback
            with atomic():
                Author.objects.create(name="Verne")
            with pytest.raises(RuntimeError), atomic(durable=True):
                pass
        assert {author.name for author in Author.objects.all()} == {"Zola", "Verne"}

    def test_no_update_is_lost_between_blocks_that_read_and_write(self):
        account = Author.objects.create(name="account", rating=0)
        failures = []

        def add_ten():
            for _ in range(10):
                for _attempt in range(200):
                    try:
                        with atomic():
                            mine = Author.objects.get(pk=account.pk)
                            mine.rating += 1
                            mine.save()
                            Review.objects.create(book_id="none", stars=1)
                    except OperationalError:
                        continue
                    else:
                        break
                else:
                    failures.append("gave up")
            connections["appwrite"].close()

        threads = [threading.Thread(target=add_ten) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert Author.objects.get(pk=account.pk).rating == 40
        assert Review.objects.count() == 40


def elsewhere(action):
    """Run in another thread, and so on another connection."""
    errors = []

    def run():
        try:
            action()
        except Exception as error:  # noqa: BLE001 - carried over to the test's own thread
            errors.append(error)
        finally:
            connections["appwrite"].close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not errors, errors


@pytest.mark.django_db(databases=BOTH, transaction=True)
class TestOddEnds:
    def test_a_savepoint_that_was_released_is_none(self, appwrite):
        with atomic():
            with atomic():
                released = appwrite.savepoint_ids[-1]
            with pytest.raises(
                OperationalError, match=f"no savepoint '{released}' to roll back to"
            ):
                appwrite.savepoint_rollback(released)
            transaction.set_rollback(True, using="appwrite")

    def test_closing_the_connection_drops_the_block(self, appwrite):
        with pytest.raises(transaction.TransactionManagementError), atomic():
            Author.objects.create(name="lost")
            appwrite.close()
            Author.objects.create(name="lost, too")
        Author.objects.create(name="later")
        with atomic():
            Author.objects.create(name="in a new block")
        assert sorted(Author.objects.values_list("name", flat=True)) == ["in a new block", "later"]

    def test_a_block_that_was_interrupted_as_it_began_is_not_open(self, appwrite, monkeypatch):
        """As by an exception that a signal's handler raises: what is read later must be cached."""

        def interrupted(**_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(appwrite, "_new_block", interrupted)
            with pytest.raises(KeyboardInterrupt), atomic():
                pass
        assert not appwrite.cache.in_atomic
        list(Author.objects.all())
        assert Author.objects.all().is_cached()

    @pytest.mark.parametrize("then", ["a block", "a close"])
    def test_the_cache_leaves_what_the_connection_is_no_longer_in(self, appwrite, then):
        appwrite.ensure_connection()
        appwrite.cache.enter_atomic()  # and the exception came before the next step
        if then == "a close":
            appwrite.close()
        else:
            with atomic():
                pass
        assert not appwrite.cache.in_atomic

    def test_an_update_by_expression_inside_a_savepoint_finds_what_is_taken(self):
        Tag.objects.bulk_create([Tag(name="one"), Tag(name="two")])
        with atomic(), pytest.raises(IntegrityError, match=r"failed: library_tag\.name"), atomic():
            Tag.objects.filter(name="two").update(name=Concat(Value("o"), Value("ne")))
        assert Tag.objects.filter(name="two").exists()

    def test_an_update_of_a_row_that_was_read_is_told_what_is_taken(self):
        """The server has one answer for this and for a row that somebody changed."""
        Author.objects.bulk_create(
            [Author(name="Zola", email="z@example.org"), Author(name="Hugo")]
        )
        with (
            pytest.raises(
                IntegrityError,
                match=r"failed: library_author.email\nRow \S+ already has '(?i:z@example.org)'",
            ),
            atomic(),
        ):
            for author in Author.objects.filter(name="Hugo"):
                author.email = respelled("z@example.org")
                author.save()
                Tag.objects.create(name="two changes").delete()
                Author.objects.filter(name="Zola").update(rating=1)
        assert Author.objects.get(name="Hugo").email is None

    def test_what_is_ignored_does_not_keep_others_out(self):
        """Of rows that are created with ignore_conflicts only those that are created clash with later ones."""
        Author.objects.create(pk="taken", name="Zola")
        new = [
            Author(pk="taken", name="Hugo", email="one@example.org"),
            Author(pk="other", email="one@example.org"),
        ]
        new += [
            Author(pk="third", email="one@example.org"),
            Author(pk="other", email="two@example.org"),
        ]
        with atomic():
            Author.objects.bulk_create(new, ignore_conflicts=True)
            assert set(Author.objects.values_list("pk", "email")) == {
                ("taken", None),
                ("other", "one@example.org"),
            }
        assert set(Author.objects.values_list("pk", "email")) == {
            ("taken", None),
            ("other", "one@example.org"),
        }
