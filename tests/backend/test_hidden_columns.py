"""Unique constraints that no unique index of the server enforces: each write that can violate one is refused."""

import contextlib
import datetime
import itertools
import uuid

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connections, models, transaction
from django.db.models import Case, F, Q, UniqueConstraint, Value, When
from django.db.models.functions import Lower
from django.test.utils import isolate_apps

from appwrite_orm_django.backend import by_value
from appwrite_orm_django.backend.execution.hidden_columns import HiddenValues
from appwrite_orm_django.backend.uniqueness import uniqueness_of
from appwrite_orm_django.backend.users import accounts
from appwrite_orm_django.client import rows
from appwrite_orm_django.client.errors import UniqueViolation, WriteRefused
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.definitions import Table
from appwrite_orm_django.schema.from_server import read_table
from appwrite_orm_django.users.accounts import appwrite_user
from tests.kinds import KINDS, kind_settings, make_tables
from tests.steps import steps

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

with isolate_apps("tests.library"):

    class Address(AppwriteModel):
        """An e-mail address, one of which is a person's primary one."""

        appwrite_permissions = ('read("users")', 'write("users")')

        person = models.IntegerField(null=True, blank=True)
        email = models.CharField(max_length=80)
        primary = models.BooleanField(default=False)
        verified = models.BooleanField(default=False)
        visits = models.IntegerField(default=0)

        class Meta:
            app_label = "library"
            constraints = [
                UniqueConstraint(
                    fields=["person"],
                    condition=Q(primary=True, verified=True),
                    name="one_primary_address",
                ),
                UniqueConstraint(
                    Lower("email"), condition=Q(visits__gt=1), name="email_without_case"
                ),
            ]

    class Seat(models.Model):
        """A seat of a row; the seat of no row and no number is one, too."""

        line = models.CharField(max_length=10, null=True)
        number = models.IntegerField(null=True)
        taken_by = models.CharField(max_length=20, default="")

        class Meta:
            app_label = "library"
            constraints = [
                UniqueConstraint(fields=["line", "number"], nulls_distinct=False, name="one_seat")
            ]

    class PrimaryAddress(Address):
        class Meta:
            app_label = "library"
            proxy = True

    class Contact(models.Model):
        """Some of the columns of the addresses, as another app may see them."""

        id = models.CharField(max_length=36, primary_key=True)
        email = models.CharField(max_length=80)

        class Meta:
            app_label = "library"
            managed = False
            db_table = "library_address"

    class Owner(models.Model):
        name = models.CharField(max_length=10)

        class Meta:
            app_label = "library"

    class Thing(models.Model):
        owner = models.ForeignKey(Owner, models.SET_NULL, null=True)
        position = models.IntegerField()
        name = models.TextField(unique=True)

        class Meta:
            app_label = "library"
            constraints = [
                UniqueConstraint(
                    fields=["owner", "position"], nulls_distinct=False, name="thing_place"
                )
            ]

    class Page(AppwriteModel):
        """A model without such a constraint."""

        number = models.IntegerField(unique=True)
        text = models.CharField(max_length=20)

        class Meta:
            app_label = "library"


MODELS = (Address, Seat, Owner, Thing, Page)


@contextlib.contextmanager
def tables(connection):
    make_tables(connection, MODELS)
    yield connection
    for model in MODELS:
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")


@pytest.fixture(params=KINDS, ids="-".join)
def server(request, connect):
    with tables(connect(**kind_settings(*request.param, database="hidden"))) as connection:
        yield connection


@pytest.fixture(autouse=True)
def on_appwrite(settings):
    settings.DATABASE_ROUTERS = [Everything()]


class Everything:
    def db_for_read(self, model, **hints):
        return "appwrite" if model in (*MODELS, PrimaryAddress, Contact) else None

    db_for_write = db_for_read


def atomic():
    return transaction.atomic(using="appwrite")


def wrong_rows(connection, *of):
    """Return the rows whose hidden columns do not hold what the rest of the row says."""
    values, found = HiddenValues(connection), []
    for model in of or MODELS:
        ref = connection.table_ref(model._meta.db_table)
        listed = rows.list_rows(connection.transport, ref)["rows"]
        for hidden in uniqueness_of(model, connection.engine).columns:
            for row, value in zip(listed, values.of(hidden, listed), strict=True):
                if row[hidden.key] != value:
                    found.append((row["$id"], hidden.name, row[hidden.key], value))
    return found


def two():
    """Two addresses of a person; the second one is about to become too like the first."""
    common = {"person": 1, "verified": True, "visits": 2}
    first = Address.objects.create(email="Ann@example.org", primary=True, **common)
    second = Address.objects.create(email="ann@example.net", primary=False, **common)
    return first, second


def saved(one, **values):
    for name, value in values.items():
        setattr(one, name, value)
    one.save()


def bulk_updated(one, **values):
    for name, value in values.items():
        setattr(one, name, value)
    Address.objects.bulk_update([one], list(values))


PRIMARY, EMAIL = ("person",), ("email", "visits")

# What is done, and which columns the refused constraint is over.
WRITES = {
    "create": (
        lambda one, two: Address.objects.create(email="x", person=1, primary=True, verified=True),
        PRIMARY,
    ),
    "create, expression": (
        lambda one, two: Address.objects.create(email="ANN@EXAMPLE.ORG", visits=2),
        EMAIL,
    ),
    "bulk_create": (
        lambda one, two: Address.objects.bulk_create(
            [Address(email="x"), Address(email="ann@example.org", visits=3)]
        ),
        EMAIL,
    ),
    "bulk_create, of each other": (
        lambda one, two: Address.objects.bulk_create(
            [Address(email="x", visits=2), Address(email="X", visits=3)]
        ),
        EMAIL,
    ),
    "save": (lambda one, two: saved(two, primary=True), PRIMARY),
    "save of everything": (
        lambda one, two: saved(two, primary=True, person=1, verified=True),
        PRIMARY,
    ),
    "save, expression": (lambda one, two: saved(two, email="ANN@example.ORG"), EMAIL),
    "save, some fields": (
        lambda one, two: (setattr(two, "primary", True), two.save(update_fields=["primary"])),
        PRIMARY,
    ),
    "update by key": (
        lambda one, two: Address.objects.filter(pk=two.pk).update(primary=True),
        PRIMARY,
    ),
    "update": (
        lambda one, two: Address.objects.filter(primary=False).update(primary=True),
        PRIMARY,
    ),
    "update of all": (lambda one, two: Address.objects.update(email="both"), EMAIL),
    "update to F()": (
        lambda one, two: Address.objects.filter(pk=two.pk).update(primary=F("verified")),
        PRIMARY,
    ),
    "update to Case": (
        lambda one, two: Address.objects.update(
            email=Case(When(primary=True, then=Value("Y")), default=Value("y"))
        ),
        EMAIL,
    ),
    "bulk_update": (lambda one, two: bulk_updated(two, email="ANN@example.org"), EMAIL),
    "update_or_create": (
        lambda one, two: Address.objects.update_or_create({"primary": True}, email=two.email),
        PRIMARY,
    ),
    "bulk_create, update_conflicts": (
        lambda one, two: Address.objects.bulk_create(
            [Address(pk=two.pk, email="z", primary=True)],
            update_conflicts=True,
            unique_fields=["pk"],
            update_fields=["primary"],
        ),
        PRIMARY,
    ),
}


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "in a block"])
@pytest.mark.parametrize("name", WRITES)
def test_a_violation_is_refused_and_named(name, inside, server):
    write, columns = WRITES[name]
    one, other = two()
    before = list(Address.objects.order_by("pk").values())
    with pytest.raises(IntegrityError) as refused, atomic() if inside else contextlib.nullcontext():
        write(one, other)
    constraint = {PRIMARY: "one_primary_address", EMAIL: "email_without_case"}[columns]
    assert isinstance(refused.value, UniqueViolation)
    assert f"UNIQUE constraint failed: {constraint} (" in str(refused.value)
    assert refused.value.columns == columns
    assert refused.value.constraint == constraint
    assert list(Address.objects.order_by("pk").values()) == before
    assert wrong_rows(server) == []


@pytest.mark.parametrize("name", WRITES)
def test_a_violation_in_a_savepoint_leaves_the_block(name, server):
    write, _columns = WRITES[name]
    one, other = two()
    before = list(Address.objects.order_by("pk").values())
    with atomic():
        with pytest.raises(IntegrityError), atomic():
            write(one, other)
        Address.objects.create(email="free")
    assert list(Address.objects.exclude(email="free").order_by("pk").values()) == before
    assert Address.objects.count() == 3
    assert wrong_rows(server) == []


# What may be done, as the constraint does not apply or the value becomes free.
ALLOWED = {
    "the condition ends": lambda one, two: (
        saved(one, primary=False),
        saved(two, primary=True),
    ),
    "another person": lambda one, two: (saved(two, person=2), saved(two, primary=True)),
    "no person": lambda one, two: (saved(two, person=None), saved(two, primary=True)),
    "an increment": lambda one, two: (
        Address.objects.filter(pk=one.pk).update(visits=F("visits") - 1),
        saved(two, email="ann@example.org"),
    ),
    "an exchange": lambda one, two: (
        Address.objects.update(primary=False),
        Address.objects.filter(pk=two.pk).update(primary=True),
        Address.objects.filter(pk=one.pk).update(verified=False),
        Address.objects.filter(pk=one.pk).update(primary=True),
    ),
    "a deletion": lambda one, two: (one.delete(), saved(two, primary=True)),
    "ignored": lambda one, two: Address.objects.bulk_create(
        [Address(email="new", visits=4), Address(email="NEW", visits=4)], ignore_conflicts=True
    ),
    "changed, not created": lambda one, two: Address.objects.bulk_create(
        [Address(pk=two.pk, email="z", visits=1), Address(pk="new", email="ZZ", visits=5)],
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=["visits", "email"],
    ),
}


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "in a block"])
@pytest.mark.parametrize("name", ALLOWED)
def test_what_violates_nothing_is_written(name, inside, server):
    one, other = two()
    with atomic() if inside else contextlib.nullcontext():
        ALLOWED[name](one, other)
    assert wrong_rows(server) == []
    if name == "ignored":
        assert Address.objects.filter(email__iexact="new").count() == 1


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "in a block"])
def test_nulls_are_values_if_they_are_not_distinct(inside, server):
    block = atomic if inside else contextlib.nullcontext
    Seat.objects.create(line="A")
    Seat.objects.create(number=1)
    empty = Seat.objects.create()
    for double in ({"line": "A"}, {"number": 1}, {}):
        with pytest.raises(IntegrityError, match="one_seat"), block():
            Seat.objects.create(**double)
    with block():
        Seat.objects.filter(pk=empty.pk).update(line="A", number=1)
        Seat.objects.create()
    with pytest.raises(
        IntegrityError, match=r"one_seat \(library_seat.line, library_seat.number\)"
    ):
        Seat.objects.filter(pk=empty.pk).update(number=None)
    assert wrong_rows(server) == []


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "in a block"])
def test_an_upsert_finds_rows_by_nulls_that_are_not_distinct(inside, server):
    Seat.objects.create(line="A", taken_by="before")
    with atomic() if inside else contextlib.nullcontext():
        Seat.objects.bulk_create(
            [Seat(line="A", taken_by="Ann"), Seat(number=3, taken_by="Bob")],
            update_conflicts=True,
            unique_fields=["line", "number"],
            update_fields=["taken_by"],
        )
    assert set(Seat.objects.values_list("line", "number", "taken_by")) == {
        ("A", None, "Ann"),
        (None, 3, "Bob"),
    }
    assert wrong_rows(server) == []


def test_equal_texts_are_those_of_the_engine(server):
    Seat.objects.create(line="é", number=1)
    if server.engine.folds_text:
        with pytest.raises(IntegrityError, match="one_seat"):
            Seat.objects.create(line="E ", number=1)
    else:
        Seat.objects.create(line="E ", number=1)
        with pytest.raises(IntegrityError, match="one_seat"):
            Seat.objects.create(line="é", number=1)


def test_full_clean_checks_as_django_does(server):
    two()
    with pytest.raises(ValidationError, match="one_primary_address"):
        Address(email="x", person=1, primary=True, verified=True).full_clean()
    Address(email="x", person=1, primary=True, verified=False).full_clean()
    with pytest.raises(ValidationError, match="email_without_case"):
        Address(email="ANN@example.org", visits=2).full_clean()
    Address(email="ANN@example.org", visits=1).full_clean()


# What is written, and how many requests it takes outside a block.
COSTS = {
    "create": (lambda one, two: Address.objects.create(email="x"), 1),
    "save of other columns": (lambda one, two: save_new_id(two), 0),
    "delete": (lambda one, two: Address.objects.filter(pk=two.pk).delete(), 1),
    "all columns of the constraint": (
        lambda one, two: Address.objects.filter(pk=two.pk).update(
            person=2, primary=True, verified=True
        ),
        1,
    ),
    "many rows, all columns": (
        lambda one, two: Address.objects.update(person=None, primary=True, verified=False),
        1,
    ),
    "the condition ends": (lambda one, two: Address.objects.update(primary=False), 1),
    "a null": (lambda one, two: Address.objects.update(person=None), 1),
    # The row, the transaction, its operations, the check of the version, the commit, and the row.
    "one of the columns": (lambda one, two: saved(two, person=7), 6),
}


def save_new_id(one):
    one.save(update_fields=[])


@pytest.mark.parametrize("name", COSTS)
def test_the_cost_of_a_write(name, server, requests_of):
    write, expected = COSTS[name]
    one, other = two()
    Address.objects.filter(pk=one.pk).update(person=3)  # makes the table of claims
    with requests_of(server) as made:
        write(one, other)
    assert len(made) == expected, made
    assert wrong_rows(server) == []


def test_a_table_without_such_a_constraint_pays_nothing(server, requests_of):
    with requests_of(server) as made:
        page = Page.objects.create(number=1, text="a")
        page.text = "b"
        page.save()
        Page.objects.filter(pk=page.pk).update(number=2)
        Page.objects.filter(number=2).update(text="c")
        Page.objects.bulk_create([Page(number=3), Page(number=4)])
    assert len(made) == 5, made


@pytest.fixture
def requests_of():
    @contextlib.contextmanager
    def collect(connection):
        made = []
        note = made.append
        connection.transport.add_listener(note)
        try:
            yield made
        finally:
            connection.transport.remove_listener(note)

    return collect


PARTIAL = {
    "save": lambda pk: saved(Address.objects.get(pk=pk), primary=True),
    "update": lambda pk: Address.objects.filter(pk=pk).update(primary=True),
    "update of several": lambda pk: Address.objects.filter(primary=False).update(primary=True),
    "update to F()": lambda pk: Address.objects.filter(pk=pk).update(primary=F("verified")),
    "increment": lambda pk: Address.objects.filter(pk=pk).update(visits=F("visits") + 1),
    "upsert": lambda pk: Address.objects.bulk_create(
        [Address(pk=pk, primary=True)],
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=["primary"],
    ),
    "in a block": lambda pk: in_a_block(pk),
}


def in_a_block(pk):
    with atomic():
        Address.objects.filter(pk=pk).update(primary=True)
        Address.objects.create(email=f"made {uuid.uuid4().hex[:8]}")


ELSEWHERE = {
    "a part": lambda pk: Address.objects.filter(pk=pk).update(person=F("person") + 1, email="else"),
    "the whole": lambda pk: Address.objects.filter(pk=pk).update(
        person=8, primary=True, verified=True, email="else", visits=3
    ),
    "the condition": lambda pk: Address.objects.filter(pk=pk).update(verified=False, visits=0),
}


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
@pytest.mark.parametrize("name", PARTIAL)
def test_two_writes_of_different_columns_leave_the_value_of_both(name, elsewhere, connect):
    """The other one runs before each request of the first."""
    with tables(connect(**kind_settings("1.9", "mariadb", database="races"))) as server:
        for number in itertools.count():
            Address.objects.all().delete()
            address = Address.objects.create(email="a", person=1, verified=True, visits=2)
            done = []

            def other(pk=address.pk, done=done):
                ours = connections["appwrite"]
                connections["appwrite"] = ours.copy()
                try:
                    ELSEWHERE[elsewhere](pk)
                finally:
                    connections["appwrite"] = ours
                done.append(True)

            with steps(number, before=other) as made, contextlib.suppress(WriteRefused):
                PARTIAL[name](address.pk)
            assert wrong_rows(server, Address) == [], made.lines
            if not done:
                break
        assert number > 3


def test_on_delete(server):
    """``SET_NULL`` and the like write a part of the row, too."""
    owner = Owner.objects.create(name="Ann")
    for position in (1, 2):
        Thing.objects.create(owner=owner, position=position, name=f"n{position}")
    free = Thing.objects.create(owner=None, position=3, name="n3")
    owner.delete()
    assert set(Thing.objects.values_list("owner", "position")) == {(None, 1), (None, 2), (None, 3)}
    assert wrong_rows(server, Thing) == []
    with pytest.raises(IntegrityError, match=r"thing_place \(library_thing.owner_id, "):
        Thing.objects.filter(pk=free.pk).update(position=1)


def test_raw_saves(server):
    """``loaddata`` saves objects this way."""
    Seat(line=None, number=4).save_base(using="appwrite", raw=True)
    assert wrong_rows(server, Seat) == []
    with pytest.raises(IntegrityError, match="one_seat"):
        Seat.objects.create(number=4)


def test_other_models_of_the_table_write_it_too(server):
    """A proxy, and a model of some of the columns."""
    one, _other = two()
    PrimaryAddress.objects.filter(pk=one.pk).update(person=5)
    Contact.objects.filter(pk=one.pk).update(email="z")
    with pytest.raises(DataError, match="primary"):
        Contact.objects.create(pk="contact", email="y")
    assert wrong_rows(server, Address) == []


def test_end_users_write_it_too(server):
    accounts.forget_all()
    ann = server.transport.call("POST", "/local/users", params={"userId": "ann"})
    with appwrite_user(jwt=ann["jwt"]):
        _one, other = two()
        saved(other, email="b@example.org")
        with pytest.raises(IntegrityError, match="email_without_case"):
            saved(other, email="ANN@example.org")
    assert wrong_rows(server, Address) == []


VALUES = {
    "boolean": (models.BooleanField(null=True), [True, False]),
    "integer": (models.IntegerField(null=True), [0, -5, 2**40]),
    "float": (models.FloatField(null=True), [3.0, -0.0, 0.1, 1e20, 12345.678901234]),
    "decimal": (
        models.DecimalField(max_digits=9, decimal_places=3, null=True),
        ["1.500", "0.001", "-7"],
    ),
    "long decimal": (
        models.DecimalField(max_digits=30, decimal_places=10, null=True),
        ["1.5", "12345678901234567890.0123456789"],
    ),
    "text": (models.CharField(max_length=30, null=True), ["", "a ", "Ö", "🌸", '{"method":"x"}']),
    "long text": (models.TextField(null=True), ["x" * 5000]),
    "datetime": (
        models.DateTimeField(null=True),
        ["2024-02-29T12:00:00.123456Z", "1999-12-31T23:59:59+05:00"],
    ),
    "date": (models.DateField(null=True), ["2024-02-29"]),
    "time": (models.TimeField(null=True), ["12:30:00.000001", "23:59:59"]),
    "duration": (models.DurationField(null=True), [datetime.timedelta(days=3, microseconds=7)]),
    "uuid": (models.UUIDField(null=True), [uuid.UUID(int=5)]),
    "json": (models.JSONField(null=True), [{"a": [1, None, "é"]}, "text", 7]),
    "binary": (models.BinaryField(null=True), [b"a", b"A", b""]),
    "ip": (models.GenericIPAddressField(null=True), ["10.0.0.1", "2001:db8::1"]),
}


@pytest.mark.parametrize("expression", [False, True], ids=["field", "expression"])
@pytest.mark.parametrize("kind", VALUES)
def test_a_value_has_the_same_digest_as_written_and_as_read(kind, expression, connect):
    """Each value once: the second time it is refused, whether it was sent or read before."""
    field, values = VALUES[kind]
    of = F("value") if expression else "value"
    constraint = (
        UniqueConstraint(of, name="one_value")
        if expression
        else UniqueConstraint(fields=["value"], name="one_value", nulls_distinct=False)
    )
    with isolate_apps("tests.library"):
        options = {"app_label": "library", "constraints": [constraint]}
        body = {"value": field.clone(), "other": models.IntegerField(default=0)}
        Kind = type(
            "Kind",
            (models.Model,),
            {"__module__": __name__, "Meta": type("Meta", (), options), **body},
        )
    server = connect(**kind_settings("1.9", "mariadb", database="values"))
    with server.schema_editor() as editor:
        editor.create_model(Kind)
    objects = Kind._base_manager.using("appwrite")
    try:
        for number, value in enumerate(values):
            made = objects.create(value=value, other=number)
            objects.filter(pk=made.pk).update(other=F("other") + 1)
            with pytest.raises(IntegrityError, match="one_value"):
                objects.create(value=value)
            with pytest.raises(IntegrityError, match="one_value"):
                objects.create(value=objects.get(pk=made.pk).value)
        assert wrong_rows(server, Kind) == []
    finally:
        with server.schema_editor() as editor:
            editor.delete_model(Kind)


def test_keys_in_a_condition_are_compared_as_the_engine_does(connect):
    """A key that was written by hand may have another spelling than the row's."""
    with isolate_apps("tests.library"):

        class Author(models.Model):
            id = models.CharField(max_length=20, primary_key=True)

            class Meta:
                app_label = "library"
                db_table = "keys_author"

        class Work(models.Model):
            author = models.ForeignKey(Author, models.CASCADE)
            title = models.CharField(max_length=9)

            class Meta:
                app_label = "library"
                db_table = "keys_work"
                constraints = [
                    UniqueConstraint(
                        fields=["title"], condition=Q(author="Ann"), name="title_of_ann"
                    )
                ]

    connection = connect(**kind_settings("1.9", "mariadb", database="keys"))
    with connection.schema_editor() as editor:
        editor.create_model(Work)
    works = Work._base_manager.using("appwrite")
    works.create(author_id="ann", title="a")
    assert works.filter(author="Ann").exists()
    with pytest.raises(IntegrityError, match="title_of_ann"):
        works.create(author_id="ANN", title="a")
    with connection.schema_editor() as editor:
        editor.delete_model(Work)


@pytest.fixture
def texts_only(connect):
    """A server that enforces unique indexes over texts alone, and a model that does not know."""
    with isolate_apps("tests.library"):

        class Ticket(models.Model):
            number = models.IntegerField(unique=True, null=True)
            code = models.CharField(max_length=9, unique=True)
            day = models.DateField(null=True)
            name = models.CharField(max_length=9, default="")

            class Meta:
                app_label = "library"
                unique_together = [("day", "name")]

    connection = connect(**kind_settings("1.9", "mongodb", database="texts"))
    with connection.schema_editor() as editor:
        editor.create_model(Ticket)
    yield connection, Ticket, Ticket._base_manager.using("appwrite")
    with connection.schema_editor() as editor:
        editor.delete_model(Ticket)


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "in a block"])
def test_columns_over_which_the_engine_enforces_nothing(texts_only, inside):
    block = atomic if inside else contextlib.nullcontext
    server, Ticket, tickets = texts_only
    table = read_table(server.transport, server.database_id, Table("library_ticket"))
    # Only the index over the texts is one that the server could enforce.
    assert {one.columns for one in table.indexes if one.type == "unique"} == {
        ("code",),
        *((one.key,) for one in uniqueness_of(Ticket, server.engine).columns),
    }
    day = datetime.date(2024, 1, 1)
    one = tickets.create(number=1, code="a", day=day, name="x")
    two = tickets.create(number=None, code="b", day=None, name="x")
    refused = [
        (lambda: tickets.create(number=1, code="c"), "number"),
        (lambda: tickets.filter(pk=two.pk).update(number=1), "number"),
        (lambda: tickets.filter(pk=two.pk).update(day=day), "day, library_ticket.name"),
        (lambda: tickets.create(number=2, code="a"), "code"),
    ]
    for write, columns in refused:
        with pytest.raises(IntegrityError, match=rf"failed: library_ticket\.{columns}\n"), block():
            write()
    with block():
        tickets.bulk_create(
            [Ticket(number=1, code="d"), Ticket(number=3, code="e")], ignore_conflicts=True
        )
        tickets.bulk_create(
            [Ticket(number=1, code="f", name="y"), Ticket(number=4, code="g")],
            update_conflicts=True,
            unique_fields=["number"],
            update_fields=["code", "name"],
        )
    assert set(tickets.values_list("number", "code", "name")) == {
        (1, "f", "y"),
        (None, "b", "x"),
        (3, "e", ""),
        (4, "g", ""),
    }
    assert tickets.get(pk=one.pk).code == "f"
    assert wrong_rows(server, Ticket) == []


def test_what_is_cached_by_value_is_seen_after_a_write_of_several_requests(server, monkeypatch):
    column = by_value.Column("person", by_value._number)
    monkeypatch.setattr(by_value, "_tables", lambda: {"library_address": {"person": column}})
    first = Address.objects.create(email="a@example.org", person=1, primary=True)
    of_one = Address.objects.filter(person=1)
    assert [one.verified for one in of_one] == [False]
    Address.objects.filter(pk=first.pk).update(verified=True)
    assert [one.verified for one in of_one.all()] == [True]
    Address.objects.filter(pk=first.pk).update(person=2)
    assert not of_one.all()
    assert not wrong_rows(server, Address)
