"""Values of unique indexes that are free before and after a write, but not at every moment of it."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat

from appwrite_orm_django.client.errors import TransactionConflict, UniqueViolation
from appwrite_orm_django.client.rows import update_row
from tests.kinds import KINDS, kind_settings, make_tables
from tests.library.models import Edition, Tag
from tests.steps import other_client
from tests.steps import steps as requests_made

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

NAMES = ("anna", "Bert", "carl")


@pytest.fixture(params=[kind for kind in KINDS if kind[0] == "1.9"], ids="-".join)
def server(request, connect):
    connection = connect(**kind_settings(*request.param, database="midway"))
    made = (Edition, Tag)
    make_tables(connection, made)
    yield connection
    for model in made:
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")


@pytest.fixture
def shelf(server):
    """Three editions of one house, with adjacent numbers."""
    Edition.objects.bulk_create(
        Edition(pk=name, isbn=name, shelfmark=name, house="House", number=number)
        for number, name in enumerate(NAMES, start=1)
    )


def directly(write):
    write()


def block(write):
    with transaction.atomic(using="appwrite"):
        write()


def block_that_has_read(write):
    """The commit compares the versions of all rows."""
    with transaction.atomic(using="appwrite"):
        list(Edition.objects.all())
        write()


def block_of_two_tables(write):
    with transaction.atomic(using="appwrite"):
        Tag.objects.create(name="t")
        write()


def savepoint(write):
    block(lambda: block(write))


def steps(*changes):
    def write():
        for name, values in changes:
            Edition.objects.filter(pk=name).update(**values)

    return write


def deleted_last():
    Edition.objects.create(pk="dora", isbn="Bert")
    Edition.objects.filter(pk="Bert").delete()


def replaced():
    Edition.objects.filter(pk="Bert").update(isbn="x")
    Edition.objects.filter(pk="carl").delete()
    Edition.objects.create(pk="carl", isbn="Bert")
    Edition.objects.filter(pk="anna").update(isbn="carl")


def created_in_two_steps():
    dora = Edition.objects.create(pk="dora", isbn="dora")
    Edition.objects.filter(pk="Bert").update(isbn="x")
    dora.isbn = "Bert"
    dora.save()


def bulk_updated(**by_name):
    editions = list(Edition.objects.filter(pk__in=by_name))
    for edition in editions:
        edition.isbn = by_name[edition.pk]
    Edition.objects.bulk_update(editions, ["isbn"])


def upserted(*pairs, **by_name):
    Edition.objects.bulk_create(
        [
            Edition(pk=f"new-{number}", isbn=name, shelfmark=mark)
            for number, (name, mark) in enumerate([*pairs, *by_name.items()])
        ],
        update_conflicts=True,
        unique_fields=["isbn"],
        update_fields=["shelfmark"],
    )


def rows(column):
    return dict(Edition.objects.values_list("pk", column))


def of(*values):
    return dict(zip((*NAMES, "dora"), values, strict=False))


# One statement: Django checks it as a whole, or row by row, in any order.
STATEMENTS = {
    "up": (lambda: Edition.objects.update(number=F("number") + 1), "number", of(2, 3, 4)),
    "up, the last first": (
        lambda: Edition.objects.order_by("-number").update(number=F("number") + 1),
        "number",
        of(2, 3, 4),
    ),
    "down": (lambda: Edition.objects.update(number=F("number") - 1), "number", of(0, 1, 2)),
    "bulk_update": (
        lambda: bulk_updated(anna="Bert", Bert="carl", carl="x"),
        "isbn",
        of("Bert", "carl", "x"),
    ),
    "upsert": (
        lambda: upserted(anna="Bert", Bert="carl", carl="x"),
        "shelfmark",
        of("Bert", "carl", "x"),
    ),
    "upsert of one row, twice": (
        lambda: upserted(("anna", "Bert"), ("anna", "x")),
        "shelfmark",
        of("x", "Bert", "carl"),
    ),
}  # fmt: skip

# Several statements, of which a later one frees what an earlier one takes.
SEQUENCES = {
    "up, one by one": (
        steps(*((name, {"number": F("number") + 1}) for name in NAMES)), "number", of(2, 3, 4),
    ),
    "down, one by one": (
        steps(*((name, {"number": F("number") - 1}) for name in reversed(NAMES))), "number", of(0, 1, 2),
    ),
    "twice, up": (
        steps(*((name, {"number": F("number") + 1}) for name in (*NAMES, *NAMES))), "number", of(3, 4, 5),
    ),
    "set and up": (
        steps(("anna", {"number": 2}), ("anna", {"number": F("number") + 1}), ("Bert", {"number": 7}), ("carl", {"number": 8})),
        "number",
        of(3, 7, 8),
    ),
    "taken before it is free": (steps(("anna", {"isbn": "Bert"}), ("Bert", {"isbn": "x"})), "isbn", of("Bert", "x", "carl")),
    "taken and given back": (steps(("anna", {"isbn": "Bert"}), ("anna", {"isbn": "x"})), "isbn", of("x", "Bert", "carl")),
    "a creation before the deletion": (deleted_last, "isbn", {"anna": "anna", "carl": "carl", "dora": "Bert"}),
}  # fmt: skip

# Several statements that are right in their order, but not in every other.
ORDERS = {
    "over a third value": (
        steps(("anna", {"isbn": "x"}), ("Bert", {"isbn": "anna"}), ("anna", {"isbn": "Bert"})), "isbn", of("Bert", "anna", "carl"),
    ),
    "over null": (
        steps(("anna", {"shelfmark": None}), ("Bert", {"shelfmark": "anna"}), ("anna", {"shelfmark": "Bert"})),
        "shelfmark",
        of("Bert", "anna", "carl"),
    ),
    "created in two steps": (created_in_two_steps, "isbn", of("anna", "x", "carl", "Bert")),
    "a row replaced": (replaced, "isbn", of("carl", "x", "Bert")),
}  # fmt: skip

BLOCKS = (block, block_that_has_read)


@pytest.mark.parametrize("how", [directly, *BLOCKS, savepoint])
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_in_an_order_that_passes(shelf, name, how):
    write, column, wanted = STATEMENTS[name]
    how(write)
    assert rows(column) == wanted


@pytest.mark.parametrize("how", BLOCKS)
@pytest.mark.parametrize("name", SEQUENCES)
def test_a_block_in_an_order_that_passes(shelf, name, how):
    write, column, wanted = SEQUENCES[name]
    how(write)
    assert rows(column) == wanted


def test_a_block_over_two_tables(shelf):
    write, column, wanted = SEQUENCES["up, one by one"]
    block_of_two_tables(write)
    assert rows(column) == wanted
    assert Tag.objects.count() == 1


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_savepoint_sees_each_statement(shelf, name):
    write, column, _ = SEQUENCES[name]
    before = rows(column)
    with pytest.raises(UniqueViolation, match="UNIQUE constraint failed: library_edition"):
        savepoint(write)
    assert rows(column) == before


@pytest.mark.parametrize("how", [*BLOCKS, savepoint])
@pytest.mark.parametrize("name", ORDERS)
def test_an_order_that_was_right_is_kept(shelf, name, how):
    write, column, wanted = ORDERS[name]
    how(write)
    assert rows(column) == wanted


EXCHANGES = {
    "two updates": (steps(("anna", {"isbn": "Bert"}), ("Bert", {"isbn": "anna"})), ("isbn",)),
    "of a pair": (steps(("anna", {"number": 2}), ("Bert", {"number": 1})), ("publishing_house", "number")),
    "in a circle": (steps(("anna", {"isbn": "Bert"}), ("Bert", {"isbn": "carl"}), ("carl", {"isbn": "anna"})), ("isbn",)),
    "by increments": (
        steps(("anna", {"number": F("number") + 1}), ("Bert", {"number": F("number") - 1})), ("publishing_house", "number"),
    ),
    "of two indexes": (
        steps(("anna", {"isbn": "Bert", "shelfmark": "x"}), ("Bert", {"isbn": "y", "shelfmark": "anna"})), ("isbn",),
    ),
    "bulk_update": (lambda: bulk_updated(anna="Bert", Bert="anna"), ("isbn",)),
    "upsert": (lambda: upserted(anna="Bert", Bert="anna"), ("shelfmark",)),
}  # fmt: skip


@pytest.mark.parametrize("how", [directly, *BLOCKS, savepoint])
@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_is_refused(shelf, name, how):
    write, columns = EXCHANGES[name]
    if how is directly and name not in ("bulk_update", "upsert"):
        pytest.skip("each statement is a write of its own")
    before = [rows(column) for column in ("isbn", "shelfmark", "number")]
    with pytest.raises(UniqueViolation) as caught:
        how(write)
    if name == "of two indexes":
        assert caught.value.columns in (("isbn",), ("shelfmark",))
    else:
        assert caught.value.columns == columns
    assert [rows(column) for column in ("isbn", "shelfmark", "number")] == before


@pytest.mark.parametrize("how", BLOCKS)
def test_an_exchange_says_what_to_do(shelf, how):
    with pytest.raises(IntegrityError, match="no order of these writes") as caught:
        how(EXCHANGES["two updates"][0])
    assert "Give one of the rows another value in between" in str(caught.value)
    assert "Nothing of the block was written." in str(caught.value)


VIOLATIONS = {
    "of the first of two updates": steps(("anna", {"isbn": "carl"}), ("anna", {"copies": 5}), ("Bert", {"copies": 5})),
    "of two increments": steps(("anna", {"number": F("number") + 1}), ("anna", {"number": F("number") + 1})),
    "of a value and an increment": steps(("anna", {"number": 2}), ("anna", {"number": F("number") + 1})),
    "over a value that another has": steps(
        ("anna", {"isbn": "carl"}), ("Bert", {"isbn": "anna"}), ("anna", {"isbn": "Bert"})
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", [*BLOCKS, savepoint])
@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_names_the_row_in_the_way(shelf, name, how):
    with pytest.raises(UniqueViolation) as caught:
        how(VIOLATIONS[name])
    # Only a savepoint sees the first of two clashes.
    clashes_at_once = how is savepoint and "increment" in name
    assert caught.value.existing_id == ("Bert" if clashes_at_once else "carl")
    assert rows("number") == of(1, 2, 3)
    assert rows("isbn") == dict(zip(NAMES, NAMES, strict=True))


@pytest.mark.parametrize("how", [directly, block, savepoint])
def test_a_single_increment_into_a_taken_value(shelf, how):
    with pytest.raises(UniqueViolation, match="Row Bert already has ") as caught:
        how(steps(("anna", {"number": F("number") + 1})))
    assert caught.value.columns == ("publishing_house", "number")
    assert rows("number") == of(1, 2, 3)


def test_a_conflict_that_no_index_explains_stays_one(shelf, server):
    """Another client changes a row that was staged; the block has not read it, so nothing else shows."""

    def exchange():
        for name, isbn in (("anna", "x"), ("Bert", "anna"), ("anna", "Bert"), ("Bert", "y")):
            Edition.objects.filter(pk=name).update(isbn=isbn)

    with requests_made() as made:
        block(exchange)
    commit = [line.startswith("PATCH tablesdb/transactions/") for line in made.lines].index(True)
    table = server.table_ref("library_edition")
    with (
        pytest.raises(TransactionConflict),
        requests_made(
            commit, before=lambda: update_row(other_client(), table, "Bert", {"copies": 3})
        ),
    ):
        block(exchange)
    assert rows("isbn") == of("Bert", "y", "carl")


MANY = 250


@pytest.fixture
def shelves(server):
    """Many editions, of which the first page has every second one."""
    order = [*range(0, MANY, 2), *range(1, MANY, 2)]
    Edition.objects.bulk_create(
        [Edition(pk=f"{n:03}", isbn=f"{n:03}", house="House", number=n) for n in order]
    )


@pytest.mark.parametrize("amount", [1, -1])
def test_more_rows_than_one_transaction_takes(shelves, amount):
    Edition.objects.update(number=F("number") + amount)
    assert rows("number") == {f"{n:03}": n + amount for n in range(MANY)}


def test_rows_that_are_written_one_by_one(shelf):
    Edition.objects.filter(pk="Bert").update(isbn="anna+")
    Edition.objects.filter(pk="carl").update(isbn="Bert+")
    Edition.objects.update(isbn=Concat("pk", Value("+")))
    assert rows("isbn") == of("anna+", "Bert+", "carl+")
