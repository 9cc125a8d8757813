"""Relations from Appwrite to models on other databases, and what can not cross the border."""

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import NotSupportedError, router

from tests.library.models import Author, Book, Loan, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def loans():
    book = Book.objects.create(title="Nana", author=Author.objects.create(name="Zola"))
    readers = [User.objects.create_user(name) for name in ("ann", "bob")]
    return [Loan.objects.create(book=book, reader=reader) for reader in (*readers, readers[0])] + [
        Loan.objects.create(book=book)
    ]


class TestRelationToAnotherDatabase:
    def test_assign_save_and_follow(self, loans):
        loan = Loan.objects.get(pk=loans[1].pk)
        assert loan.reader.username == "bob"
        assert loan.reader._state.db == "default"
        loan.reader = User.objects.get(username="ann")
        loan.save()
        assert Loan.objects.get(pk=loan.pk).reader.username == "ann"
        loan.reader = None
        loan.save()
        assert Loan.objects.get(pk=loan.pk).reader is None

    def test_filter_by_the_key(self, loans):
        ann = User.objects.get(username="ann")
        assert Loan.objects.filter(reader=ann).count() == 2
        assert Loan.objects.filter(reader__in=[ann, ann.pk + 100]).count() == 2
        assert Loan.objects.exclude(reader=ann).count() == 2
        assert Loan.objects.filter(reader__isnull=True).count() == 1
        assert Loan.objects.filter(reader_id__gt=ann.pk).count() == 1
        assert (
            Loan.objects.filter(
                reader__in=list(User.objects.filter(username__startswith="a"))
            ).count()
            == 2
        )
        assert sorted(
            set(Loan.objects.exclude(reader=None).values_list("reader", flat=True))
        ) == sorted(User.objects.values_list("pk", flat=True))

    def test_backwards(self, loans):
        ann = User.objects.get(username="ann")
        assert ann.loans.count() == 2
        assert ann.loans.filter(book__title="Nana").count() == 2
        assert ann.loans.create(book=loans[0].book).reader == ann

    def test_prefetch_both_ways(self, loans, requests, django_assert_num_queries):
        requests.clear()
        with django_assert_num_queries(1, using="default"):
            found = list(Loan.objects.prefetch_related("reader").order_by("pk"))
            assert [loan.reader and loan.reader.username for loan in found] == [
                "ann",
                "bob",
                "ann",
                None,
            ]
        assert len(requests) == 1
        requests.clear()
        users = list(User.objects.prefetch_related("loans__book").order_by("username"))
        assert [[loan.book.title for loan in user.loans.all()] for user in users] == [
            ["Nana", "Nana"],
            ["Nana"],
        ]
        assert len(requests) == 2

    def test_deleting_a_user_leaves_the_rows_alone(self, loans):
        User.objects.get(username="ann").delete()
        assert Loan.objects.exclude(reader=None).count() == 3
        with pytest.raises(User.DoesNotExist):
            _ = Loan.objects.get(pk=loans[0].pk).reader

    @pytest.mark.parametrize(
        "question",
        [
            lambda: Loan.objects.filter(reader__username="ann"),
            lambda: Loan.objects.exclude(reader__username="ann"),
            lambda: Loan.objects.select_related("reader"),
            lambda: Loan.objects.order_by("reader__username"),
            lambda: Loan.objects.values("reader__username"),
            lambda: Loan.objects.filter(reader__in=User.objects.filter(username="ann")),
            lambda: Loan.objects.filter(reader__groups__name="staff"),
        ],
    )
    def test_joins_are_refused_clearly(self, loans, question):
        with pytest.raises(NotSupportedError) as caught:
            list(question())
        assert "auth.User" in str(caught.value) or "auth.Group" in str(caught.value)
        assert "no query can join the two" in str(caught.value)

    def test_a_subquery_towards_another_database_is_refused(self, loans):
        with pytest.raises(
            (NotSupportedError, ValueError), match=r"different databases|no query can join"
        ):
            list(User.objects.filter(pk__in=Loan.objects.using("appwrite").values("reader")))
        assert (
            User.objects.filter(
                pk__in=list(Loan.objects.exclude(reader=None).values_list("reader", flat=True))
            ).count()
            == 2
        )


class TestRouter:
    def test_where_models_live(self):
        assert router.db_for_read(Book) == router.db_for_write(Book) == "appwrite"
        assert router.db_for_read(Book.tags.through) == "appwrite"
        assert router.db_for_read(User) == "default"

    def test_a_model_reached_from_ours_lives_where_it_lives(self, loans):
        assert router.db_for_read(User, instance=loans[0]) == "default"
        assert router.db_for_write(User, instance=loans[0]) == "default"
        assert router.db_for_read(Book, instance=User.objects.first()) == "appwrite"

    def test_what_is_migrated_where(self):
        assert router.allow_migrate_model("appwrite", Book)
        assert not router.allow_migrate_model("default", Book)
        assert not router.allow_migrate_model("appwrite", User)
        assert router.allow_migrate_model("default", User)
        assert not router.allow_migrate("appwrite", "auth")
        assert router.allow_migrate("appwrite", "library")
        assert router.allow_migrate("default", "auth")

    def test_contrib_tables_are_not_on_appwrite(self, appwrite):
        tables = appwrite.introspection.table_names()
        assert Book._meta.db_table in tables
        assert not {model._meta.db_table for model in (User, Permission, ContentType)} & set(tables)

    def test_permissions_of_our_models_are_on_the_other_database(self, permissions):
        assert Permission.objects.filter(
            content_type__app_label="library", codename="change_book"
        ).exists()

    def test_using_the_wrong_alias_says_so(self):
        from django.db import OperationalError, ProgrammingError

        with pytest.raises(OperationalError, match="no such table"):
            Tag.objects.using("default").count()
        with pytest.raises((ProgrammingError, NotSupportedError), match="auth_user"):
            User.objects.using("appwrite").count()


class TestSeveralAliases:
    """An object stays where it was read, if its model may be there: the twin stands for a second alias on Appwrite."""

    pytestmark = pytest.mark.django_db(databases=["default", "appwrite", "twin"], transaction=True)

    def test_what_was_read_elsewhere_is_saved_there(self):
        here = Author.objects.create(pk="zola", name="here")
        Author(
            pk="zola", name="there", created_at=here.created_at, updated_at=here.updated_at
        ).save(using="twin")
        there = Author.objects.using("twin").get()
        there.name = "changed"
        there.save()
        assert Author.objects.get().name == "here"
        assert Author.objects.using("twin").get().name == "changed"

    def test_what_is_reached_from_it_is_there_too(self):
        Author(pk="zola", name="there").save(using="twin")
        there = Author.objects.using("twin").get()
        book = there.books.create(title="Nana")
        book.tags.create(name="novel")
        assert not Book.objects.exists()
        assert not Tag.objects.exists()
        assert Book.objects.using("twin").get().author.name == "there"
        assert there.delete() == (
            3,
            {"library.Book_tags": 1, "library.Book": 1, "library.Author": 1},
        )

    def test_other_models_have_their_own_place(self):
        author = Author(pk="zola")
        author._state.db = "twin"
        assert router.db_for_write(User, instance=author) == "default"
        assert router.db_for_read(Author) == "appwrite"
