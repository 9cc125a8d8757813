"""What a lock promises: not that others wait, but that the block which locked is refused if they changed the row."""

import threading

import pytest
from django.db import NotSupportedError, OperationalError, connections, transaction
from django.db.models import Count, Exists, F, OuterRef
from django.db.transaction import TransactionManagementError

from appwrite_orm_django.client.errors import WriteRefused
from tests.kinds import level_settings, make_tables
from tests.library.models import Author, Book, Country, Review

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


def atomic():
    return transaction.atomic(using="appwrite")


def elsewhere(change):
    """Run a change on a connection of its own, as another process would."""
    ours = connections["appwrite"]
    connections["appwrite"] = ours.copy()
    try:
        change()
    finally:
        connections["appwrite"] = ours


@pytest.fixture
def zola():
    return Author.objects.create(
        name="Zola", rating=1, country=Country.objects.create(code="FR", name="France")
    )


def test_a_block_is_refused_if_a_locked_row_has_changed(zola):
    with pytest.raises(OperationalError, match="was changed by another client"), atomic():
        locked = Author.objects.select_for_update().get(pk=zola.pk)
        elsewhere(lambda: Author.objects.filter(pk=zola.pk).update(rating=2))
        Book.objects.create(title="Nana", author=locked)
    assert not Book.objects.exists()


def test_without_a_lock_a_row_that_is_only_read_may_change(zola):
    with atomic():
        author = Author.objects.get(pk=zola.pk)
        elsewhere(lambda: Author.objects.filter(pk=zola.pk).update(rating=2))
        Book.objects.create(title="Nana", author=author)
    assert Book.objects.exists()


def test_no_update_of_a_locked_row_is_lost(zola):
    with pytest.raises(OperationalError), atomic():
        locked = Author.objects.select_for_update().get(pk=zola.pk)
        elsewhere(lambda: Author.objects.filter(pk=zola.pk).update(rating=2))
        locked.rating += 10
        locked.save()
    assert Author.objects.get(pk=zola.pk).rating == 2


def lines_at_the_end(requests, block):
    """Return the requests of a block from its first lock on; after the first time, which makes the lock row."""
    for _ in range(2):
        with atomic():
            locked = Author.objects.select_for_update().get()
            requests.clear()
            block(locked)
    return [line.split()[0] for line in requests.lines]


def test_what_a_lock_costs_if_another_row_is_changed(zola, requests):
    titles = iter("ab")
    lines = lines_at_the_end(
        requests, lambda locked: Book.objects.create(title=next(titles), author=locked)
    )
    # The lock row; open, stage, check (rows, lock row), commit.
    assert lines == ["GET", "POST", "POST", "GET", "GET", "PATCH"]


def test_what_a_lock_costs_if_the_row_itself_is_changed(zola, requests):
    lines = lines_at_the_end(
        requests,
        lambda locked: Author.objects.filter(pk=locked.pk).update(rating=1 + locked.rating),
    )
    assert lines == ["POST", "POST", "GET", "PATCH"]


def test_a_block_that_only_reads_sends_nothing_at_its_end(zola, requests):
    with atomic():
        Author.objects.select_for_update().get(pk=zola.pk)
        requests.clear()
    assert requests.lines == []


def test_the_cache_is_passed_by(zola, requests):
    Author.objects.get(pk=zola.pk)
    with atomic():
        requests.clear()
        Author.objects.select_for_update().get(pk=zola.pk)
    assert len(requests.lines) == 1


@pytest.mark.parametrize(
    "query",
    [
        lambda: list(Author.objects.select_for_update().select_related("country")),
        lambda: list(
            Author.objects.select_for_update()
            .filter(country__name="France")
            .select_related("country")
        ),
        lambda: list(
            Author.objects.select_for_update()
            .filter(country__name="France")
            .values("name", "country__name")
        ),
        lambda: list(Country.objects.select_for_update().iterator()),
    ],
)
def test_rows_of_joined_models_are_locked_as_well(zola, query):
    with pytest.raises(OperationalError), atomic():
        query()
        elsewhere(lambda: Country.objects.filter(pk="FR").update(name="La France"))
        Book.objects.create(title="Nana", author=zola)


def test_rows_that_the_query_did_not_bring_are_not_locked(zola):
    hugo = Author.objects.create(name="Hugo")
    with atomic():
        list(Author.objects.select_for_update().filter(name__regex="^Z"))
        elsewhere(lambda: Author.objects.filter(pk=hugo.pk).update(rating=2))
        Book.objects.create(title="Nana", author=zola)
    assert Book.objects.exists()


def test_update_or_create_locks(zola):
    with pytest.raises(OperationalError), atomic():
        Author.objects.select_for_update().get_or_create(name="Zola")
        elsewhere(lambda: Author.objects.filter(pk=zola.pk).update(rating=2))
        Book.objects.create(title="Nana", author=zola)


def test_outside_of_a_block_it_is_refused(zola):
    with pytest.raises(
        TransactionManagementError,
        match="select_for_update cannot be used outside of a transaction",
    ):
        list(Author.objects.select_for_update())


@pytest.mark.parametrize(
    "options", [{"nowait": True}, {"skip_locked": True}, {"of": ("self",)}, {"no_key": True}]
)
def test_what_can_not_be_promised_is_refused(options):
    with atomic(), pytest.raises(NotSupportedError, match=r"select_for_update\(\) does not take"):
        list(Author.objects.select_for_update(**options))


# Two blocks that lock one row come one after the other, whether they change it or not.


def both(*actions):
    """Run these in threads of their own, at the same moment; return what each of them raised."""
    begin, raised = threading.Barrier(len(actions)), {}

    def run(number, action):
        begin.wait()
        try:
            action()
        except WriteRefused as error:
            raised[number] = error
        finally:
            connections["appwrite"].close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def in_one_query():
    return {
        author.name: author
        for author in Author.objects.select_for_update().filter(name__in=["a", "b"])
    }


def in_two_queries():
    return {name: Author.objects.select_for_update().get(name=name) for name in "ab"}


def without_keys():
    Author.objects.get(name="a")  # a row that is known already is locked all the same
    names = list(Author.objects.select_for_update().filter(rating=1).values_list("name", flat=True))
    return {name: Author.objects.only("rating").get(name=name) for name in names}


@pytest.mark.parametrize("lock", [in_one_query, in_two_queries, without_keys])
def test_no_write_skew(lock):
    """Of two doctors on call each takes themselves off, if the other one is on call."""
    Author.objects.bulk_create([Author(name=name, rating=1) for name in "ab"])

    def take_off(name):
        with atomic():
            on_call = lock()
            if sum(author.rating for author in on_call.values()) == 2:
                on_call[name].rating = 0
                on_call[name].save()

    refused = 0
    for _ in range(150 if lock is in_one_query else 40):
        Author.objects.filter(rating=0).update(rating=1)
        refused += len(both(lambda: take_off("a"), lambda: take_off("b")))
        assert Author.objects.filter(rating=1).count() >= 1
    assert refused


def add_book(author, title, *, most=1):
    """Lock the author, and add a book if there are not too many: nothing of the locked row changes."""
    with atomic():
        Author.objects.select_for_update().get(pk=author.pk)
        if Book.objects.filter(author=author).count() < most:
            Book.objects.create(title=title, author=author)


def test_a_row_that_is_only_locked_keeps_others_out(zola):
    refused = 0
    for _ in range(60):
        Book.objects.all().delete()
        refused += len(both(lambda: add_book(zola, "Nana"), lambda: add_book(zola, "Germinal")))
        assert Book.objects.count() == 1
    assert refused


def test_a_row_that_is_locked_by_one_and_changed_by_the_other(zola):
    """Whoever reads, locks and changes the row is before or after the block that locks it for something else."""

    def change():
        with atomic():
            author = Author.objects.select_for_update().get(pk=zola.pk)
            author.rating = Book.objects.count()
            author.save()

    for _ in range(40):
        Book.objects.all().delete()
        Author.objects.filter(pk=zola.pk).update(rating=0)
        raised = both(change, lambda: add_book(zola, "Nana"))
        rating, books = Author.objects.get(pk=zola.pk).rating, Book.objects.count()
        assert (rating, books, set(raised)) in [
            (0, 1, set()),
            (1, 1, set()),
            (0, 0, {1}),
            (0, 1, {0}),
        ]


def test_locks_are_over_with_their_block(zola):
    """One after the other none is refused, although the row stays as it is."""
    for number in range(5):
        add_book(zola, str(number), most=10)
        with pytest.raises(ZeroDivisionError), atomic():
            Author.objects.select_for_update().get(pk=zola.pk)
            Book.objects.create(title="rolled back", author=zola)
            raise ZeroDivisionError
    assert Book.objects.count() == 5


def test_what_is_read_after_a_lock(zola, requests):
    """What is read after a lock is read past the cache: an entry may be from before."""
    list(Book.objects.all())
    with atomic():
        Author.objects.select_for_update().get(pk=zola.pk)
        requests.clear()
        list(Book.objects.all())
    assert [line.split("/tables/")[1].split("/")[0] for line in requests.lines] == [
        "appwrite_orm_django_claims",
        "library_book",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda: Author.objects.filter(name="Zola").delete(),
        lambda: add_book(Author.objects.get(name="Zola"), "Germinal"),
    ],
)
def test_a_locked_row_that_is_deleted_or_locked_by_another_block(zola, change):
    with pytest.raises(WriteRefused), atomic():
        Author.objects.select_for_update().get(pk=zola.pk)
        assert Book.objects.count() == 0
        elsewhere(change)
        Review.objects.create(book_id="none", stars=1)
    assert not Review.objects.exists()


def test_what_the_query_does_not_find_is_not_locked():
    """No row, no lock: a row that comes to fulfil the condition later is not noticed."""
    with atomic():
        assert not Author.objects.select_for_update().filter(name="Zola")
        elsewhere(lambda: Author.objects.create(name="Zola"))
        Review.objects.create(book_id="none", stars=1)
    assert Review.objects.exists()


def test_a_row_of_the_block_itself_is_locked_without_ado():
    with atomic():
        made = Author.objects.create(name="Zola")
        assert Author.objects.select_for_update().get(pk=made.pk) == made
        Author.objects.filter(pk=made.pk).update(rating=3)
    assert Author.objects.get().rating == 3


def test_a_locked_counter_is_not_counted_past_the_lock(zola):
    with pytest.raises(WriteRefused), atomic():
        if Author.objects.select_for_update().get(pk=zola.pk).rating == 1:
            Author.objects.filter(pk=zola.pk).update(rating=F("rating") - 1)
        elsewhere(lambda: Author.objects.filter(pk=zola.pk).update(rating=0))
    assert Author.objects.get(pk=zola.pk).rating == 0


@pytest.fixture(params=["1.9", "2.x"])
def two_authors(request, connect):
    connection = connect(**level_settings(request.param, "locks", CACHE={}))
    make_tables(connection, (Country, Author))
    country = Country.objects.create(code="FR", name="France")
    Author.objects.bulk_create([Author(name=name, rating=1, country=country) for name in "ab"])
    yield
    for model in (Author, Country):
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")
    connection.close()


@pytest.mark.parametrize(
    "lock",
    [
        lambda: (
            Country.objects.select_for_update()
            .filter(authors__name="b", authors__rating=1)
            .exists()
        ),
        lambda: bool(
            list(Country.objects.select_for_update().filter(authors__name="b", authors__rating=1))
        ),
        lambda: (
            list(Country.objects.select_for_update().values_list("pk", "authors__rating"))
            == [("FR", 1)] * 2
        ),
        lambda: (
            Country.objects.select_for_update().annotate(number=Count("authors")).get().number == 2
        ),
        lambda: (
            Country.objects.select_for_update()
            .annotate(
                other=Exists(Author.objects.filter(country=OuterRef("pk"), name="b", rating=1))
            )
            .get()
            .other
        ),
    ],
)
def test_what_a_locking_query_reads_of_other_rows_is_not_older_than_its_lock(two_authors, lock):
    """Two blocks lock the country, and each takes off one of its two authors if both are there."""

    def take_off(name, meanwhile=lambda: None):
        with atomic():
            if lock():
                meanwhile()
                Author.objects.filter(name=name).update(rating=0)

    with pytest.raises(WriteRefused):
        take_off("a", meanwhile=lambda: elsewhere(lambda: take_off("b")))
    assert {author.name: author.rating for author in Author.objects.all()} == {"a": 1, "b": 0}


@pytest.mark.parametrize(
    "queryset",
    [
        lambda: Author.objects.filter(pk__in=Book.objects.select_for_update().values("author")),
        lambda: Author.objects.annotate(
            has=Exists(Book.objects.select_for_update().filter(author=OuterRef("pk")))
        ),
        lambda: Author.objects.exclude(
            Exists(Book.objects.select_for_update().filter(author=OuterRef("pk")))
        ),
        lambda: Author.objects.values("pk").union(Author.objects.select_for_update().values("pk")),
    ],
)
def test_a_lock_that_would_lock_nothing_is_refused(zola, queryset):
    with (
        pytest.raises(
            NotSupportedError, match="in a subquery or a combined query would lock nothing"
        ),
        atomic(),
    ):
        list(queryset())
