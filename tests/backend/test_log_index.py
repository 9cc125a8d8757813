"""The rows of a log by the values of columns: reads inside a block look at the rows that they may find, and at no others."""

import itertools

import pytest
from django.db import connections, transaction
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st

from appwrite_orm_django.backend.commands import Condition, Membership
from appwrite_orm_django.backend.evaluation.run import Loader
from appwrite_orm_django.backend.transactions.index import Held, Index
from appwrite_orm_django.backend.transactions.log import Log, Operation
from appwrite_orm_django.client import queries, rows
from appwrite_orm_django.client.errors import WriteRefused
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.engines import ENGINES, MARIADB
from tests.library.models import Author, Book, Country, Tag

BOTH = ["default", "appwrite"]
T = TableRef("shop", "product")


def index_of(rows):
    index = Index()
    index.changed += rows
    return index


def found(rows, *conditions, engine=MARIADB):
    def value(row_id, column):
        return rows[row_id].get(column, Held.UNKNOWN) if row_id in rows else Held.NO_ROW

    ids = index_of(rows).matching(Condition(conditions), value, engine)
    return None if ids is None else sorted(ids)


ROWS = {
    "a": {"name": "Nana", "n": 1, "at": "2024-02-29T00:00:00.000+00:00", "tags": ["x"]},
    "b": {"name": "nana ", "n": 1.0, "at": "2024-02-29T01:00:00.000+01:00", "tags": None},
    "c": {"name": None, "n": None, "at": None, "tags": None},
    "d": {"n": 2},
}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([queries.equal("name", "NANA")], ["a", "b", "d"]),
        ([queries.equal("n", 1)], ["a", "b"]),
        ([queries.equal("n", True)], ["a", "b"]),
        ([queries.equal("n", 2, 3)], ["d"]),
        ([queries.equal("at", "2024-02-29T00:00:00.000+00:00")], ["a", "b", "d"]),
        ([queries.is_null("name")], ["c", "d"]),
        ([queries.equal("tags", "y")], ["a", "d"]),
        ([queries.equal("$id", "A", "z")], ["a", "z"]),
        ([queries.equal("name", "x"), queries.equal("n", 1)], ["d"]),
        ([queries.or_(queries.equal("n", 2), queries.equal("name", "x"))], ["d", "d"]),
        ([queries.and_(queries.equal("n", 2), queries.equal("n", 1))], ["d"]),
    ],
)
def test_a_condition_finds_every_row_that_may_satisfy_it(conditions, expected):
    assert found(ROWS, *conditions) == expected


@pytest.mark.parametrize(
    "condition",
    [
        queries.greater_than("n", 1),
        queries.not_equal("n", 1),
        queries.equal("$sequence", 1),
        queries.equal("author.name", "x"),
        queries.equal("at", "2024-99-99T00:00:00.000+00:00"),
        queries.or_(queries.equal("n", 1), queries.greater_than("n", 1)),
    ],
)
def test_other_conditions_may_find_any_row(condition):
    assert found(ROWS, condition) is None


TEXTS = st.sampled_from(
    [
        "a",
        "A",
        "á",
        "a ",
        "",
        "2024-01-01",
        "2024-01-01T00:00:00.000+00:00",
        "2024-01-01 ",
        "2024-01-1",
        "S",
    ]
)


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@given(
    values=st.lists(st.one_of(st.none(), TEXTS, st.integers(-2, 2), st.just(2**53 + 1)), max_size=8)
)
def test_values_that_the_engine_takes_as_equal_share_a_key(engine, values):
    rows = {str(number): {"x": value} for number, value in enumerate(values)}

    def folded(value):
        return engine.equality_key(value) if isinstance(value, str) else value

    for wanted in values:
        equal = {row_id for row_id, row in rows.items() if folded(row["x"]) == folded(wanted)}
        assert equal <= set(found(rows, queries.equal("x", wanted), engine=engine))


def test_a_list_of_values_narrows_as_well():
    condition = Condition((), (Membership("n", (2, 5)),))
    assert list(index_of(ROWS).matching(condition, lambda one, key: ROWS[one][key], MARIADB)) == [
        "d"
    ]


operations = st.lists(
    st.one_of(
        st.builds(
            lambda action, row_id, n: Operation(action, T, row_id, {"n": n}),
            st.sampled_from(["create", "update", "increment"]),
            st.sampled_from(["a", "B", "b", "c"]),
            st.integers(0, 3),
        ),
        st.builds(lambda row_id: Operation("delete", T, row_id), st.sampled_from(["a", "b", "C"])),
    ),
    max_size=6,
)


def states(log):
    return [
        (state.row_id, state.created, state.deleted, state.data, state.increments, state.number)
        for state in log.touched(T).states.values()
    ]


@given(before=operations, discarded=operations, after=operations)
def test_after_a_rollback_the_log_is_as_if_nothing_had_happened(before, discarded, after):
    log, other = Log(), Log()
    for operation in before:
        log.append(operation)
        other.append(operation)
    log.mark("one")
    for operation in discarded:
        log.append(operation)
    log.roll_back_to("one")
    assert (states(log), log.operations, log.touches(T)) == (states(other), before, bool(before))
    for operation in after:
        log.append(operation)
        other.append(operation)
    assert states(log) == states(other)


@pytest.fixture
def loaded(monkeypatch):
    """Count the rows that are loaded for local evaluation."""
    counts = []
    add = Loader.add
    monkeypatch.setattr(
        Loader, "add", lambda self, rows: counts.append(len(rows)) or add(self, rows)
    )
    return counts


@pytest.mark.django_db(databases=BOTH)
class TestReadsInABlock:
    def test_what_a_read_looks_at_does_not_grow_with_the_block(self, loaded, requests):
        seen = []
        for number in range(40):
            loaded.clear()
            requests.clear()
            Author.objects.get_or_create(
                name=f"author {number}", defaults={"email": f"{number}@example.org"}
            )
            seen.append((sum(loaded), len(requests)))
        assert len(set(seen)) == 1
        assert seen[0][0] == 0
        loaded.clear()
        assert Author.objects.get(name="author 7").email == "7@example.org"
        assert sum(loaded) == 1

    def test_rows_are_found_by_what_the_block_has_made_of_them(self, loaded):
        france = Country.objects.create(code="FR", name="France")
        authors = Author.objects.bulk_create(
            [Author(name=f"author {number}", rating=number) for number in range(20)]
        )
        assert not Author.objects.filter(country=france).exists()
        authors[3].country = france
        authors[3].save()
        Author.objects.filter(name="author 4").update(name="author 5")
        loaded.clear()
        assert list(Author.objects.filter(country=france)) == [authors[3]]
        assert sum(loaded) == 1
        assert set(Author.objects.filter(name="author 5")) == {authors[4], authors[5]}
        assert not Author.objects.filter(name="author 4").exists()
        authors[5].delete()
        assert list(Author.objects.filter(name="author 5")) == [authors[4]]

    def test_a_rollback_gives_back_the_values(self):
        tag = Tag.objects.create(name="one")
        for error in (False, True):
            with pytest.raises(ZeroDivisionError), transaction.atomic(using="appwrite"):
                Tag.objects.filter(pk=tag.pk).update(name="two")
                Tag.objects.create(name="three")
                assert list(Tag.objects.filter(name="two")) == [tag]
                assert not Tag.objects.filter(name="one").exists()
                assert error or Tag.objects.filter(name="three").exists()
                raise ZeroDivisionError
            assert list(Tag.objects.filter(name="one")) == [tag]
            assert not Tag.objects.filter(name__in=["two", "three"]).exists()


@pytest.mark.django_db(databases=BOTH, transaction=True)
class TestCommittedRows:
    @pytest.fixture(autouse=True)
    def _rows(self):
        Author.objects.bulk_create(
            [Author(name=f"author {number}", rating=number) for number in range(20)]
        )

    def test_changed_rows_are_found_by_columns_that_the_block_did_not_write(self):
        with transaction.atomic(using="appwrite"):
            Author.objects.update(rating=7)
            assert Author.objects.get(name="author 3").rating == 7
            assert Author.objects.filter(rating=3).count() == 0
            assert Author.objects.filter(rating=7).count() == 20
            Author.objects.filter(name="author 3").update(name="other")
            assert not Author.objects.filter(name="author 3").exists()
            assert Author.objects.get(name="other").rating == 7

    def test_reading_the_committed_rows_is_not_repeated(self, requests):
        with transaction.atomic(using="appwrite"):
            Author.objects.update(rating=7)
            Author.objects.get(name="author 3")
            counts = []
            for number in range(4, 9):
                requests.clear()
                Author.objects.get(name=f"author {number}")
                counts.append(len(requests))
        assert counts == [1] * 5

    def test_a_row_that_another_client_has_brought_under_the_condition_is_a_conflict(self):
        connection = connections["appwrite"]
        book = Book.objects.create(title="Nana", author=Author.objects.first(), pages=1)
        with pytest.raises(WriteRefused), transaction.atomic(using="appwrite"):
            # The second increment knows the committed row, but the block has not seen it.
            for _ in range(2):
                Book.objects.filter(pk=book.pk).update(pages=F("pages") + 1)
            table = connection.table_ref("library_book")
            rows.update_row(connection.transport, table, book.pk, {"title": "renamed"})
            assert not Book.objects.filter(title="renamed").exists()


def test_numbers_of_created_rows_go_up():
    log = Log()
    for row_id in "abc":
        log.append(Operation("create", T, row_id))
    numbers = [state.number for state in log.touched(T).states.values()]
    assert all(one < two for one, two in itertools.pairwise(numbers))
