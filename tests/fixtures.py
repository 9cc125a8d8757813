"""Data sets, loaded once a module into Appwrite and its twin: modules that use them only read."""

import datetime
import decimal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from appwrite_orm_django.backend.base import DatabaseWrapper
from appwrite_orm_django.client import tables
from appwrite_orm_django.client.errors import AppwriteError
from tests import differential, real
from tests.kinds import KINDS, kind_settings, kinds_of_servers, level_of, level_settings
from tests.library.models import Author, Book, Country, Cover, Everything, Numbered, Review, Tag

UTC = datetime.timezone.utc
D = decimal.Decimal


@contextmanager
def tables_of(*models, aliases=("appwrite",)) -> Iterator[None]:
    """Make the tables of models that are in no app, and delete them afterwards."""
    for alias in aliases:
        with connections[alias].schema_editor() as editor:
            for model in models:
                editor.create_model(model)
    yield
    for alias in aliases:
        with connections[alias].schema_editor() as editor:
            for model in reversed(models):
                editor.delete_model(model)


def moment(*parts):
    return datetime.datetime(*parts, tzinfo=UTC)


def library():
    """Make the rows of a small library: nulls in every nullable column, names that differ by case and accents only."""
    france, peru, japan = Country.objects.bulk_create(
        [
            Country(code="FR", name="France"),
            Country(code="PE", name="Perú"),
            Country(code="JP", name="Japan"),
        ]
    )
    zola, hugo, anon, vargas, basho, _ = Author.objects.bulk_create(
        [
            Author(
                name="Émile Zola",
                email="zola@example.org",
                country=france,
                born=datetime.date(1840, 4, 2),
                rating=4.5,
            ),
            Author(
                name="Victor Hugo",
                email="HUGO@example.org",
                country=france,
                born=datetime.date(1802, 2, 26),
                rating=4.5,
            ),
            Author(name="Anonymous"),
            Author(
                name="Mario Vargas Llosa",
                email="v@example.org",
                country=peru,
                born=datetime.date(1936, 3, 28),
            ),
            Author(name="Bashō", country=japan, rating=-1.25),
            Author(name="emile zola", rating=0),
        ]
    )
    tags = Tag.objects.bulk_create(
        [Tag(name=name) for name in ("novel", "poem", "french", "unused")]
    )
    books = Book.objects.bulk_create(
        [
            Book(title="Nana", author=zola, price=D("9.90"), pages=400, published=moment(1880, 2, 15), status="published"),
            Book(title="Germinal", author=zola, editor=hugo, price=D("12.00"), pages=591, published=moment(1885, 3, 21, 10, 30)),
            Book(title="germinal", author=hugo, editor=zola, pages=591, in_print=False),
            Book(title="Les Misérables", author=hugo, price=D("12.00"), pages=1900, published=moment(1862, 12, 31, 23, 59, 59, 999000)),
            Book(title="100% _true_", author=anon, price=D("0.00"), blurb='He said: "\\d+"'),
            Book(title="La casa verde", author=vargas, editor=vargas, price=D("-1.50"), pages=447, published=moment(1966, 1, 1)),
            Book(title="Oku no Hosomichi", author=basho, price=D("99999.99"), pages=-1, blurb="旅 🌸"),
        ]
    )  # fmt: skip
    for book, names in zip(
        books,
        ("novel french", "novel french", "", "novel french", "", "novel", "poem"),
        strict=True,
    ):
        book.tags.set([tag for tag in tags if tag.name in names.split()])
    Review.objects.bulk_create(
        [
            Review(book=books[number % 5], stars=number % 4, text=f"review {number}")
            for number in range(14)
        ]
    )
    Cover.objects.bulk_create(
        [Cover(book=books[0], colour="red"), Cover(book=books[3], colour="Red")]
    )


LIBRARY = (Country, Author, Tag, Book, Book.tags.through, Review, Cover)

TEXTS = (
    "plain", "Plain", "PLAÎN", "plain ", "", "%", "_", "100%", "a_b", "a\\b", "\\", "it's", 'say "hi"', "🌸 emoji", "ß",
    '{"method":"equal","attribute":"char","values":["x"]}', "tab\tline\nend",
)  # fmt: skip


def everything_rows():
    """Make rows of ``Everything``: each field null, at its ordinary, and at its odd values."""
    return [
        Everything(),
        Everything(
            char="", text="", slug="a", email="a@example.org", url="https://example.org/a", ip="10.0.0.1", integer=0, small=0,
            big=0, positive=0, boolean=False, float=0.0, decimal=D("0"), long_decimal=D("0"), datetime=moment(2024, 2, 29),
            date=datetime.date(2024, 2, 29), time=datetime.time(0), duration=datetime.timedelta(0),
            uuid=uuid.UUID(int=0), binary=b"", json={}, file="a.txt", array=[], numbers=[], enum="a",
        ),
        Everything(
            char="plain", text="plain text", slug="a-b", email="B@Example.org", url="http://example.org/?q=%25", ip="::1",
            integer=-1, small=-32768, big=2**53 + 1, positive=7, boolean=True, float=0.1, decimal=D("1.2345"),
            long_decimal=D("12345.6789"), datetime=moment(2024, 12, 31, 23, 59, 59, 999000), date=datetime.date(2024, 12, 31),
            time=datetime.time(23, 59, 59, 999999), duration=datetime.timedelta(days=1, microseconds=1),
            uuid=uuid.UUID("12345678-1234-5678-1234-567812345678"), binary=b"\x00\xff", json={"a": [1, None, "x"]},
            file="dir/b.txt", array=["x", "X", "y"], numbers=[3, 1, 3], enum="b",
        ),
        Everything(
            char="Plain", text="PLAÎN text", slug="A-B", email="c@example.org", url="https://example.org/%C3%A9", ip="10.0.0.2",
            integer=2**31 - 1, small=32767, big=-(2**63) + 1, positive=2**31 - 1, boolean=True, float=-1e300,
            decimal=D("-99999999.9999"), long_decimal=D("-0.0000000001"), datetime=moment(2025, 1, 1, 0, 0, 0, 1000),
            date=datetime.date(2025, 1, 1), time=datetime.time(12, 30), duration=-datetime.timedelta(hours=1),
            uuid=uuid.UUID(int=2**128 - 1), binary=b"bytes", json="text", file="c.txt", array=["é", "e"], numbers=[-5], enum="a",
        ),
        Everything(
            char="plain ", text="two\nlines", integer=5, boolean=False, float=3.0, decimal=D("1.2345"), json=[1, {"b": "é"}],
            datetime=moment(1000, 1, 1), date=datetime.date(1000, 1, 1), time=datetime.time(12, 30, 0, 1), array=["x"],
        ),
        Everything(
            char="100% a_b \\ ' \" 🌸", text="100% a_b \\ ' \" 🌸", integer=5, float=2.5, datetime=moment(9999, 12, 31),
            date=datetime.date(9999, 12, 31), json=None, numbers=[1, 2],
        ),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def shelves(django_db_setup, django_db_blocker):
    """Load the library on both sides."""
    with django_db_blocker.unblock():
        library()
        differential.copy_to_twin(*LIBRARY)
        yield
        differential.wipe(*reversed(LIBRARY))


@pytest.fixture(scope="session")
def servers_of_each_kind(django_db_setup, django_db_blocker):
    """Load the library, with the same ids, on a local server of each kind; return its rows."""
    ours, rows = connections["appwrite"], {}
    with django_db_blocker.unblock():
        for kind in kinds_of_servers():
            connection = DatabaseWrapper({**ours.settings_dict, **kind_settings(*kind)}, "appwrite")
            connections["appwrite"] = connection
            for model in connection.cached_models():
                if not model._meta.proxy:
                    with connection.schema_editor() as editor:
                        editor.create_model(model)
            if not rows:
                library()
                rows = {
                    model: list(model._base_manager.using("appwrite").all()) for model in LIBRARY
                }
                continue
            for model in LIBRARY:
                model._base_manager.using("appwrite").bulk_create(rows[model])
    connections["appwrite"] = ours
    return rows


@pytest.fixture(scope="module")
def shelves_of_each_kind(servers_of_each_kind, django_db_blocker):
    """Copy the library of those servers to the twins."""
    twins = sorted({settings.TWINS[engine] for _, engine in kinds_of_servers()})
    with django_db_blocker.unblock():
        for alias in twins:
            for model, rows in servers_of_each_kind.items():
                model._base_manager.using(alias).bulk_create(rows)
        yield
        for alias in twins:
            for model in reversed(LIBRARY):
                model._base_manager.using(alias).all().delete()


@pytest.fixture(params=KINDS, ids="-".join)
def kind(request, shelves_of_each_kind, connect):
    """Put the server of one kind behind the alias, with small pages, so that every list has several."""
    return connect(**kind_settings(*request.param, PAGE_SIZE=2))


@pytest.fixture(scope="module")
def everything(django_db_setup, django_db_blocker):
    """Load rows with every field type on both sides."""
    with django_db_blocker.unblock():
        Everything.objects.bulk_create(everything_rows())
        differential.copy_to_twin(Everything)
        yield
        differential.wipe(Everything)


@pytest.fixture
def connect():
    """Put another connection in the place of the alias ``appwrite`` for the time of a test: give the settings that differ."""
    ours = connections["appwrite"]

    def change(**settings):
        server = real.server()
        if server and settings.get("HOST", "").startswith("local:"):
            pytest.skip("uses a server in this process")
        if server and "HOST" not in settings and "OPTIONS" in settings:
            settings["OPTIONS"] = {**server.options, **settings["OPTIONS"]}
        connections["appwrite"] = DatabaseWrapper({**ours.settings_dict, **settings}, "appwrite")
        if server and "HOST" not in settings:
            # With other options a process asks anew for what appwrite_doctor has recorded; no test is to find this among its own requests.
            with suppress(AppwriteError, ImproperlyConfigured):
                list(
                    tables.list_tables(
                        connections["appwrite"].transport, connections["appwrite"].database_id
                    )
                )
        return connections["appwrite"]

    yield change
    connections["appwrite"] = ours


@pytest.fixture(params=["1.9", "2.x"])
def each_level(request, connect):
    """Put a server of each feature level, with a few empty tables, behind the alias; return the level."""
    connection = connect(**level_settings(request.param, "levels", CACHE={}))
    models = (Author, Book, Book.tags.through, Country, Cover, Numbered, Review, Tag)
    with connection.schema_editor() as editor:
        for model in models:
            editor.create_model(model)
    level_of(
        connection
    )  # asked once in each process; no test is to find this request among its own
    yield request.param
    for model in models:
        model._base_manager.using("appwrite").all()._raw_delete("appwrite")


@pytest.fixture
def appwrite():
    return connections["appwrite"]
