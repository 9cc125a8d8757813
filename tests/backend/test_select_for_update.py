"""What a lock promises: not that others wait, but that the block which locked is refused if they changed the row."""

import pytest
from django.db import NotSupportedError, OperationalError, connections, transaction
from django.db.transaction import TransactionManagementError

from tests.library.models import Author, Book, Country

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
    return Author.objects.create(name="Zola", rating=1, country=Country.objects.create(code="FR", name="France"))


def test_a_block_is_refused_if_a_locked_row_has_changed(zola):
    with pytest.raises(OperationalError, match="was changed by somebody else"), atomic():
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


def test_a_locked_row_that_nobody_changed_costs_one_more_request(zola, requests):
    with atomic():
        locked = Author.objects.select_for_update().get(pk=zola.pk)
        requests.clear()
        Book.objects.create(title="Nana", author=locked)
    methods = [line.split()[0] for line in requests.lines]
    assert methods == ["POST", "POST", "GET", "PATCH"]  # open, stage, check, commit


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
        lambda: list(Author.objects.select_for_update().filter(country__name="France").select_related("country")),
        lambda: list(Author.objects.select_for_update().filter(country__name="France").values("name", "country__name")),
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
    with pytest.raises(TransactionManagementError, match="select_for_update cannot be used outside of a transaction"):
        list(Author.objects.select_for_update())


@pytest.mark.parametrize("options", [{"nowait": True}, {"skip_locked": True}, {"of": ("self",)}, {"no_key": True}])
def test_what_can_not_be_promised_is_refused(options):
    with atomic(), pytest.raises(NotSupportedError, match=r"select_for_update\(\) does not take"):
        list(Author.objects.select_for_update(**options))
