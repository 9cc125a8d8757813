"""Wrong settings, missing tables, servers that misbehave: one clear error of Django's family, and what to do."""

import socket
import threading
from contextlib import contextmanager

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError

from appwrite_orm_django.client import databases, tables
from tests import real
from tests.library.models import Author, Book, Tag
from tests.settled import columns

if real.server():
    RIGHT = {**real.server().settings, "NAME": real.database_id("shop")}
else:
    RIGHT = {
        "HOST": "local:?project=demo&key=secret#bad-input",
        "USER": "demo",
        "PASSWORD": "secret",
        "NAME": "shop",
    }
ONCE = {"CONNECT_TIMEOUT_S": 300, "READ_TIMEOUT_S": 300, "RETRIES": 0}

pytestmark = pytest.mark.usefixtures("_unblocked")


@pytest.fixture
def _unblocked(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def shop(connect):
    """A server of its own with the tables of authors and tags, reached with the right settings."""
    connection = connect(**RIGHT)
    databases.create_database(connection.transport, RIGHT["NAME"], "Shop")
    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Tag)
    yield connection
    databases.delete_database(connect(**RIGHT).transport, RIGHT["NAME"])


WORK = {
    "list": lambda: list(Author.objects.filter(name="x")),
    "get": lambda: Author.objects.filter(pk="x").first(),
    "count": lambda: Author.objects.count(),
    "local": lambda: list(Author.objects.filter(name__regex="x")),
    "create": lambda: Author.objects.create(name="x"),
    "bulk create": lambda: Author.objects.bulk_create([Author(name="x"), Author(name="y")]),
    "update": lambda: Author.objects.filter(name="x").update(name="y"),
    "update by key": lambda: Author.objects.filter(pk="x").update(name="y"),
    "delete": lambda: Author.objects.filter(name="x")._raw_delete("appwrite"),
}


@pytest.fixture(params=WORK)
def work(request):
    return WORK[request.param]


def refused(work, error=OperationalError):
    with pytest.raises(error) as caught:
        work()
    assert RIGHT["PASSWORD"] not in str(caught.value)
    return str(caught.value)


class TestSettings:
    def test_wrong_key(self, shop, connect, work):
        connect(**{**RIGHT, "PASSWORD": "wrong-key"})
        text = refused(work)
        assert 'DATABASES["appwrite"]["PASSWORD"]' in text
        assert "wrong-key" not in text

    def test_wrong_project(self, shop, connect, work):
        connect(**{**RIGHT, "USER": "nothing"})
        assert 'DATABASES["appwrite"]["USER"]' in refused(work)

    def test_missing_database(self, shop, connect, work):
        connect(**{**RIGHT, "NAME": "nowhere"})
        text = refused(work)
        assert 'DATABASES["appwrite"]["NAME"]' in text
        assert "manage.py migrate" in text

    @pytest.mark.parametrize("key", ["HOST", "NAME", "USER", "PASSWORD"])
    def test_empty_settings(self, connect, key):
        connect(
            **{
                "HOST": "https://appwrite.example.org/v1",
                "USER": "a",
                "PASSWORD": "b",
                "NAME": "c",
                key: "",
            }
        )
        with pytest.raises(
            ImproperlyConfigured, match=rf'DATABASES\["appwrite"\]\["{key}"\] is empty'
        ):
            Author.objects.count()

    @pytest.mark.parametrize(
        "host", ["appwrite.example.org", "ftp://appwrite.example.org/v1", "https://"]
    )
    def test_an_endpoint_that_is_none(self, connect, host):
        connect(HOST=host)
        with pytest.raises(ImproperlyConfigured, match=r'DATABASES\["appwrite"\]\["HOST"\]'):
            Author.objects.count()

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"PAGESIZE": 3}, "no key 'PAGESIZE'. Valid keys are"),
            ({"PAGE_SIZE": 0}, "positive integer"),
            ({"ENGINE": "utf8"}, "mariadb"),
        ],
    )
    def test_wrong_options(self, connect, options, reason):
        connect(OPTIONS=options)
        with pytest.raises(ImproperlyConfigured, match=reason):
            Author.objects.count()

    def test_an_unknown_option_of_the_local_server(self, connect):
        connect(HOST="local:?projekt=demo")
        with pytest.raises((ImproperlyConfigured, ValueError), match="projekt"):
            Author.objects.count()


class TestSchema:
    def test_missing_table(self, shop, work):
        tables.delete_table(shop.transport, shop.table_ref("library_author"))
        text = refused(work, ProgrammingError)
        assert "library_author" in text
        assert "manage.py migrate" in text

    @pytest.mark.parametrize(
        "work",
        [
            lambda: list(Author.objects.filter(rating=3)),
            lambda: list(Author.objects.order_by("rating")),
            lambda: list(Author.objects.all()),
            lambda: list(Author.objects.values("rating")),
            lambda: list(Author.objects.filter(name__regex="x", rating__gt=3)),
            lambda: list(Author.objects.filter(name__regex="x")),
            lambda: Author.objects.create(name="x"),
            lambda: Author.objects.bulk_create([Author(name="x"), Author(name="y")]),
            lambda: Author.objects.filter(name="there").update(rating=4),
            lambda: Author.objects.filter(pk="there").update(rating=4),
        ],
    )
    def test_missing_column(self, shop, work):
        Author.objects.create(pk="there", name="there")
        columns.delete_column(shop.transport, shop.table_ref("library_author"), "rating")
        text = refused(work, (ProgrammingError, DatabaseError))
        assert "library_author" in text
        assert "rating" in text
        assert "manage.py migrate" in text

    def test_a_table_of_a_relation(self, shop):
        with pytest.raises(ProgrammingError, match="library_book"):
            list(Author.objects.filter(books__title="x"))
        Author.objects.create(name="x")
        with pytest.raises(ProgrammingError, match="library_book"):
            list(Author.objects.prefetch_related("books"))
        with pytest.raises(ProgrammingError, match="library_book"):
            list(Book.objects.all())


@contextmanager
def server(behave):
    """Serve ``behave(connection)`` to whoever connects, and yield the endpoint."""
    listener = socket.create_server(("127.0.0.1", 0))
    held = []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            held.append(connection)
            try:
                connection.recv(65536)
                behave(connection)
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in held:
            connection.close()
        thread.join(60)


def answer(status, content_type, body):
    def behave(connection):
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)
        connection.close()

    return behave


class TestServer:
    def test_nobody_listens(self, connect, work):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        connect(HOST=f"http://127.0.0.1:{port}/v1", OPTIONS=ONCE)
        text = refused(work)
        assert 'DATABASES["appwrite"]["HOST"]' in text

    def test_a_name_that_does_not_exist(self, connect):
        connect(HOST="http://appwrite.invalid/v1", OPTIONS=ONCE)
        assert 'DATABASES["appwrite"]["HOST"]' in refused(WORK["list"])

    def test_hangs(self, connect):
        ended = threading.Event()
        with server(lambda connection: ended.wait(300)) as endpoint:
            connect(HOST=endpoint, OPTIONS={**ONCE, "READ_TIMEOUT_S": 0.3})
            for name in ("list", "create"):
                text = refused(WORK[name])
                assert 'DATABASES["appwrite"]["OPTIONS"]' in text
            ended.set()

    @pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "302 Found"])
    def test_answers_html(self, connect, work, status):
        with server(answer(status, "text/html", b"<html>Welcome</html>")) as endpoint:
            connect(HOST=endpoint, OPTIONS=ONCE)
            text = refused(work)
        assert 'DATABASES["appwrite"]["HOST"]' in text
        assert "Welcome" not in text

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b'"text"', b"null", b'{"rows": 5}', b'{"total": "x"}']
    )
    def test_answers_json_of_somebody_else(self, connect, body):
        with server(answer("200 OK", "application/json", body)) as endpoint:
            connect(HOST=endpoint, OPTIONS=ONCE)
            for work in WORK.values():
                assert 'DATABASES["appwrite"]["HOST"]' in refused(work)

    def test_bad_gateway(self, connect, work):
        with server(answer("502 Bad Gateway", "text/html", b"<html>nginx</html>")) as endpoint:
            connect(HOST=endpoint, OPTIONS=ONCE)
            assert "502" in refused(work)

    def test_cuts_the_connection(self, connect, work):
        with server(lambda connection: connection.close()) as endpoint:
            connect(HOST=endpoint, OPTIONS=ONCE)
            assert 'DATABASES["appwrite"]["HOST"]' in refused(work)

    def test_cuts_the_answer_short(self, connect):
        head = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"total": 1, "rows": ['

        def behave(connection):
            connection.sendall(head)
            connection.close()

        with server(behave) as endpoint:
            connect(HOST=endpoint, OPTIONS=ONCE)
            assert 'DATABASES["appwrite"]["HOST"]' in refused(WORK["list"])


@pytest.mark.django_db(databases=["appwrite"], transaction=True)
def test_nulls_are_refused_after_all_values_are_prepared():
    """As by a database, which sees no statement before Django has prepared it."""
    Book.objects.create(pk="a", title="a", author_id="a")
    with pytest.raises(ValueError, match="expected a number but got 'many'"):
        Book.objects.create(title=None, author_id="a", pages="many")
    with pytest.raises(ValueError, match="expected a number but got 'many'"):
        Book.objects.bulk_create(
            [Book(title=None, author_id="a"), Book(title="b", author_id="a", pages="many")]
        )
    with pytest.raises(ValueError, match="expected a number but got 'many'"):
        Book.objects.filter(pk="a").update(title=None, pages="many")
    for write in (
        lambda: Book.objects.create(title=None, author_id="a"),
        lambda: Book.objects.bulk_create([Book(title="b", author_id="a"), Book(author_id=None)]),
        lambda: Book.objects.filter(pk="a").update(title=None, pages=2),
    ):
        with pytest.raises(IntegrityError, match="may not be null"):
            write()
