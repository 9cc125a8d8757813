"""
Keys, tokens and secrets: shown by nothing, whatever fails and wherever.

An exception is raised at every single call that a step makes, in this library and in those below it, and what an error reporter would
find in the traceback is searched.
"""

import copy
import itertools
import logging
import pickle
import pprint
import sys
import traceback
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path

import pytest
import requests as http
import responses
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections, transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.test import RequestFactory
from django.views.debug import ExceptionReporter, get_default_exception_reporter_filter

import appwrite_local
import appwrite_orm_django
from appwrite_local.messages import Request
from appwrite_local.server import LocalServer
from appwrite_local.wsgi import running_http_server
from appwrite_orm_django.backend import transport as backend_transport
from appwrite_orm_django.backend.users import accounts
from appwrite_orm_django.changes.realtime import Listener
from appwrite_orm_django.changes.webhooks import webhook
from appwrite_orm_django.checks.databases import check_settings
from appwrite_orm_django.checks.security import check_webhooks
from appwrite_orm_django.client import webhooks as client_webhooks
from appwrite_orm_django.client.identity import current_identity
from appwrite_orm_django.client.retries import Backoff
from appwrite_orm_django.client.secret import Secret, without_frames
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.conf import Options
from appwrite_orm_django.users.accounts import appwrite_user
from appwrite_orm_django.users.middleware import AppwriteUserMiddleware
from appwrite_orm_django.users.reporting import ExceptionReporterFilter, reporter_filter
from tests import real
from tests.library.models import Diary, Tag

pytestmark = [
    pytest.mark.django_db(databases=["default", "appwrite"], transaction=True),
    # Sockets that an exception tears out of the hands of the HTTP client.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ROOT = str(Path(appwrite_orm_django.__file__).parent)
LOCAL_ROOT = str(Path(appwrite_local.__file__).parent)
# No local variable of a test holds them: those are shown too.
KEY = "standard_0123456789abcdef0123456789"
HOOK = "webhook-secret-0123456789"
LISTENER = "listener-secret-0123456789"
TOKENS = {}
REQUESTS = []
NUMBERS = itertools.count()
URL = "https://shop.example.org/appwrite/webhook/"


def secrets():
    return [KEY, HOOK, LISTENER, *TOKENS.values()]


def shown_in(text):
    return [secret for secret in secrets() if secret in text]


class Injected(BaseException):
    """Like what a task queue or a server raises in the middle of anything when time is up."""


@pytest.fixture(scope="module")
def endpoint():
    server = LocalServer(project="demo", key=KEY)
    with running_http_server(server) as endpoint:
        yield endpoint
    server.close()


@pytest.fixture(params=["http", "in the process"])
def shop(request, endpoint, connect, monkeypatch):
    """Connect to a server with a key of its own, over a socket or in the process, and make two tables and a user there."""
    if real.server():
        pytest.skip("needs users of the local server")
    monkeypatch.setattr(backend_transport, "_transports", {})
    host = (
        endpoint if request.param == "http" else f"local:?project=demo#secrets-{request.node.name}"
    )
    options = {
        "WEBHOOK": {"URL": URL, "SECRETS": [HOOK], "REMEMBER_S": 0},
        "REALTIME": {"URL": "ws://127.0.0.1:1/v1/realtime", "SESSION_SECRET": LISTENER},
        "CONNECT_TIMEOUT_S": 60.0,
        "READ_TIMEOUT_S": 60.0,
    }
    connection = connect(HOST=host, USER="demo", PASSWORD=KEY, NAME="library", OPTIONS=options)
    for model in (Tag, Diary):
        if (
            not connection.introspection.table_names()
            or model._meta.db_table not in connection.introspection.table_names()
        ):
            with connection.schema_editor() as editor:
                editor.create_model(model)
    user = connection.transport.call("POST", "/local/users", params={"userId": "ann"})
    TOKENS.update(jwt=user["jwt"], session=user["session"])
    REQUESTS[:] = [RequestFactory().get("/", headers={"x-appwrite-jwt": user["jwt"]})]
    accounts.forget_all()
    yield connection
    TOKENS.clear()
    for model in (Tag, Diary):
        model.objects.all()._raw_delete("appwrite")


# The steps


def read():
    list(Tag.objects.nocache().filter(name="a").order_by("name"))


def read_cached():
    list(Tag.objects.all())


def count():
    Tag.objects.nocache().filter(name__regex="a").count()


def write():
    tag = Tag.objects.create(name=f"b{next(NUMBERS)}")
    tag.name = f"c{next(NUMBERS)}"
    tag.save()
    Tag.objects.filter(pk=tag.pk)._raw_delete("appwrite")


def write_many():
    Tag.objects.bulk_create([Tag(name=f"x{next(NUMBERS)}"), Tag(name=f"x{next(NUMBERS)}")])
    Tag.objects.filter(name="nobody").update(name="z")


def block():
    with transaction.atomic(using="appwrite"):
        Tag.objects.create(name=f"in a block {next(NUMBERS)}")
        list(Tag.objects.all())
        with transaction.atomic(using="appwrite"):
            Diary.objects.filter(text="nothing").delete()


def as_jwt():
    accounts.forget_all()
    with appwrite_user(jwt=TOKENS["jwt"]):
        Diary.objects.nocache().count()


def as_session():
    accounts.forget_all()
    with appwrite_user(session=TOKENS["session"]):
        list(Diary.objects.all())


def through_middleware():
    accounts.forget_all()
    middleware = AppwriteUserMiddleware(
        lambda request: HttpResponse(Diary.objects.nocache().count())
    )
    assert middleware(REQUESTS[0]).status_code == 200


def calls_of_the_sdk():
    from appwrite.services.users import Users

    transport = connections["appwrite"].transport
    transport.call("GET", "/tablesdb", {"x-appwrite-key": KEY})
    Users(transport)


def webhook_made():
    transport = connections["appwrite"].transport
    client_webhooks.create_webhook(
        transport, "w", "W", URL, ["databases.*.tables.*.rows.*.create"], secret=HOOK
    )
    client_webhooks.set_webhook_secret(transport, "w", HOOK)
    list(client_webhooks.list_webhooks(transport))
    client_webhooks.delete_webhook(transport, "w")


def delivery_verified():
    body = b'{"$id": "r", "$databaseId": "library", "$tableId": "library_tag"}'
    request = RequestFactory().post(
        "/appwrite/webhook/",
        body,
        content_type="application/json",
        headers={"x-appwrite-webhook-signature": "wrong"},
    )
    assert webhook(request).status_code == 401


def realtime_connected():
    with pytest.raises(OSError, match=r"."):
        Listener("appwrite")._listen()


def settings_read():
    connection = connections["appwrite"]
    Options.read("appwrite", connection.settings_dict["OPTIONS"])
    backend_transport._transports.clear()
    assert connection.transport
    connection.get_connection_params()
    check_settings(None)
    check_webhooks(None)


def commands():
    call_command("appwrite_webhook", "list", database="appwrite", stdout=Discard())
    call_command(
        "appwrite_schema", database="appwrite", app_label="library", model="Tag", stdout=Discard()
    )


class Discard:
    def write(self, text):
        return len(text)

    def flush(self):
        return None

    def isatty(self):
        return False


STEPS = [
    read, read_cached, count, write, write_many, block, as_jwt, as_session, through_middleware, calls_of_the_sdk, webhook_made,
    delivery_verified, realtime_connected, settings_read, commands,
]  # fmt: skip


# What an error reporter finds


def frames_of(error):
    """Yield the frames of an exception and of those it is chained to, but for the tests' own and pytest's."""
    seen, found = set(), [error]
    while found:
        one = found.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        found += [one.__cause__, one.__context__]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            name = frame.f_code.co_filename
            if "/tests/" not in name and "pytest" not in name and "pluggy" not in name:
                yield frame


def found_in(error):
    found = []
    for frame in frames_of(error):
        for name, value in frame.f_locals.items():
            # A queryset would be evaluated, and the server asked.
            if not isinstance(value, QuerySet) and shown_in(shown(value)):
                found.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {name}")
    return found


def shown(value):
    try:
        return pprint.pformat(value, compact=True)
    except Exception:  # noqa: BLE001 - of an object that was not finished
        return ""


# Not stopped: what would keep a lock, a transaction or a load that others wait for, ...
LEFT_ALONE = (
    Path(__file__).name, "/threading.py", "/queue.py", "/contextlib.py", "/logging/__init__.py", "/cache/single_flight.py", "<frozen abc>",
    # ... and where a secret comes in: who passes it has it in clear.
    "/client/secret.py",
)  # fmt: skip
ENTRIES = {
    "appwrite_user",
    "call",
    "create_webhook",
    "read",
    "set_webhook_secret",
    "without_secrets_in_clear",
}
OF_THE_SERVER = ("adapter.py", "server.py", "bodies.py", "keys.py", "routing.py", "messages.py")


def raising_at(number, kind=Injected):
    """Trace calls, and raise at the one of this number."""
    left = [number]

    def trace(frame, event, arg):
        name = frame.f_code.co_filename
        if (
            name.endswith(LEFT_ALONE)
            or {frame.f_code.co_name, frame.f_back.f_code.co_name} & ENTRIES
        ):
            return
        if name.startswith(LOCAL_ROOT) and not name.endswith(OF_THE_SERVER):
            return
        left[0] -= 1
        if left[0] == 0:
            raise kind(
                frame.f_code.co_qualname
                if hasattr(frame.f_code, "co_qualname")
                else frame.f_code.co_name
            )
        return

    return trace, left


def run_with(trace, step):
    """Take a step in a context of its own: one that is interrupted leaves variables as they are."""
    context, before = copy_context(), sys.gettrace()
    sys.settrace(trace)
    try:
        context.run(step)
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_an_exception_at_any_call_shows_no_secret(shop, step, caplog):
    caplog.set_level(logging.DEBUG)
    trace, left = raising_at(10**9)
    copy_context().run(step)
    run_with(trace, step)
    calls = 10**9 - left[0]
    assert calls > 50
    # Some of them, evenly: all of them take minutes.
    stride = max(1, calls // 60)
    found, on_pages = {}, []
    for number in range(1, calls, stride):
        try:
            run_with(raising_at(number)[0], step)
        except BaseException as error:  # noqa: BLE001 - whatever comes of it
            for place in found_in(error):
                found.setdefault(place, number)
            if number % (stride * 20) == 1:
                on_pages += shown_in(report(error))
        connections["appwrite"].close()
        connections["appwrite"].needs_rollback = False
        connections["appwrite"].in_atomic_block = False
        connections["appwrite"].savepoint_ids = []
        connections["appwrite"].atomic_blocks = []
    assert found == {}
    assert on_pages == []
    assert shown_in(caplog.text) == []


def report(error, request=None):
    """Return Django's debug page and error mail, without the lines of this file's own source."""
    reporter = ExceptionReporter(request, type(error), error, error.__traceback__)
    return reporter.get_traceback_html() + reporter.get_traceback_text()


def raised_by(step):
    try:
        step()
    except Exception as error:  # noqa: BLE001 - whatever comes of it
        return error
    raise AssertionError("nothing was raised")


def walked(error):
    """Return what a reporter that walks everything finds: texts, attributes, pickles, and the variables of all frames."""
    texts = [*found_in(error)]
    one = error
    while one is not None:
        texts += [str(one), repr(one), repr(one.args), repr(vars(one))]
        texts.append(
            "".join(traceback.StackSummary.extract(clean_tb(one), capture_locals=True).format())
        )
        one = one.__cause__ or one.__context__
    texts.append(pickle.dumps(error).decode("latin-1"))
    return "\n".join(texts)


def clean_tb(error):
    return [
        pair
        for pair in traceback.walk_tb(error.__traceback__)
        if pair[0].f_code.co_filename.startswith((ROOT, LOCAL_ROOT))
        and "/hydration.py" not in pair[0].f_code.co_filename
    ]


FAILING = {
    "half of a surrogate pair in a filter": lambda: list(Tag.objects.nocache().filter(name="\ud800")),
    "half of a surrogate pair in a value": lambda: Tag.objects.create(name="\ud800"),
    "a list that is too long": lambda: connections["appwrite"].transport.call("GET", "/x", params={"q": "x" * 70_000}),
    "a value that JSON does not know": lambda: connections["appwrite"].transport.call("POST", "/x", params={"q": float("nan")}),
    "a value that cannot be sent": lambda: connections["appwrite"].transport.call("POST", "/x", params={"q": object()}),
    "a header that cannot be sent": lambda: connections["appwrite"].transport.call("GET", "/x", {"x-y": "a\nb"}),
    "a path that is not there": lambda: connections["appwrite"].transport.call("GET", "/nothing"),
    "a table that is not there": lambda: connections["appwrite"].transport.call("GET", "/tablesdb/library/tables/no/rows"),
    "a JWT that holds no more": lambda: appwrite_user(jwt=EXPIRED),
    "a JWT that nobody made": lambda: read_as_jwt(),
    "a token with a line end": lambda: read_as_session(),
}  # fmt: skip
EXPIRED = "e30.eyJleHAiOjF9.0123456789-expired"


def read_as_jwt():
    with appwrite_user(jwt=EXPIRED.replace("eyJleHAiOjF9", "e30")):
        list(Diary.objects.all())


def read_as_session():
    with appwrite_user(session=f"{HOOK}\n"):
        list(Diary.objects.all())


@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_what_fails_shows_no_secret(shop, failing):
    TOKENS["expired"] = EXPIRED
    error = raised_by(failing)
    assert shown_in(report(error).replace(f"EXPIRED = &quot;{EXPIRED}&quot;", "")) == []
    if not isinstance(error, TypeError):
        assert shown_in(walked(error)) == []


ANSWERS = {
    "401 that repeats the key": {
        "json": {"message": f"no such key {KEY}", "type": "user_unauthorized"},
        "status": 401,
    },
    "500 that repeats it in a page": {"body": f"<html>{KEY}</html>", "status": 500},
    "502": {"body": KEY, "status": 502},
    "429": {"body": KEY, "status": 429, "content_type": f"text/{KEY}"},
    "200 that is not JSON": {"body": f"<html>{KEY}</html>", "content_type": f"text/html; {KEY}"},
    "200 that is broken JSON": {"body": f'{{"a": "{KEY}', "content_type": "application/json"},
    "redirect": {"status": 302, "headers": {"Location": f"https://elsewhere.example/{KEY}"}},
    "connection that breaks": {"body": http.ConnectionError(f"reset {KEY}")},
    "timeout": {"body": http.ReadTimeout(KEY)},
    "certificate": {"body": http.exceptions.SSLError(KEY)},
    "error of the HTTP client's": {"body": http.exceptions.InvalidHeader(KEY)},
    "error that nobody expects": {"body": ZeroDivisionError("divided")},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_whatever_the_server_answers_shows_no_secret(answer, caplog):
    caplog.set_level(logging.DEBUG)
    transport = Transport(
        "https://appwrite.example/v1", "demo", Secret(KEY), backoff=Backoff(sleep=lambda _: None)
    )
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        for method in ("GET", "POST"):
            server.add(method, "https://appwrite.example/v1/tablesdb", **answer)
        for call in (
            lambda: transport.call("GET", "/tablesdb"),
            lambda: transport.call("POST", "/tablesdb", params={"a": 1}),
        ):
            error = raised_by(call)
            assert shown_in(report(error).replace("KEY", "")) == []
            assert shown_in(walked(error)) == []
    assert shown_in(caplog.text) == []


def test_warnings_of_the_server_are_blanked(caplog):
    transport = Transport("https://appwrite.example/v1", "demo", KEY)
    with responses.RequestsMock() as server:
        server.get(
            "https://appwrite.example/v1/x",
            json={},
            headers={"x-appwrite-warning": f"old key {KEY}"},
        )
        transport.call("GET", "/x")
    assert "old key ***" in caplog.text
    assert shown_in(caplog.text) == []


def test_the_settings_on_a_debug_page(monkeypatch):
    databases = copy.deepcopy(settings.DATABASES)
    databases["appwrite"] |= {
        "PASSWORD": KEY,
        "OPTIONS": {
            "WEBHOOK": {"URL": URL, "SECRETS": [HOOK]},
            "REALTIME": {"SESSION_SECRET": LISTENER},
        },
    }
    monkeypatch.setattr(settings._wrapped, "DATABASES", databases)
    error = raised_by(lambda: 1 / 0)
    assert shown_in(report(error)) == []
    assert "SESSION_SECRET" in report(error)


def test_the_name_under_which_it_would_be_shown_is_refused():
    with pytest.raises(ImproperlyConfigured, match=r"must be renamed to .SESSION_SECRET") as caught:
        Options.read(
            "appwrite",
            {"REALTIME": {"SESSION": LISTENER}, "WEBHOOK": {"URL": URL, "SECRETS": [HOOK]}},
        )
    assert HOOK not in report(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"WEBHOOK": {"URL": "ftp://x", "SECRETS": [HOOK]}},
        {"WEBHOOK": {"URL": URL, "SECRETS": HOOK}},
        {"WEBHOOK": {"URL": URL, "SECRETS": [HOOK + "\ud800"]}},
        {"WEBHOOK": {"URL": URL, "SECRETS": [HOOK], "NOTHING": 1}},
        {"WEBHOOK": [HOOK]},
        {"REALTIME": {"SESSION_SECRET": LISTENER, "PING_S": 0}},
        {"REALTIME": {"SESSION_SECRET": f"{LISTENER}\n"}},
        {"REALTIME": {"SESSION_SECRET": [LISTENER]}},
        {"NOTHING": 1, "REALTIME": {"SESSION_SECRET": LISTENER}},
    ],
)
def test_settings_that_cannot_be_are_refused_without_the_secrets(options):
    error = raised_by(lambda: Options.read("appwrite", options))
    assert isinstance(error, ImproperlyConfigured)
    assert shown_in(walked(error).replace(repr([HOOK]), "")) == []


def test_the_request_on_a_debug_page(shop, monkeypatch):
    """Django hides headers and cookies by their names, of which Appwrite's tokens have others."""
    options = {
        "USERS": {
            "HEADER": "X-Shop-Visitor",
            "COOKIE": "visitor",
            "SESSION_COOKIE": "a_session_demo",
            "ANONYMOUS": "guest",
        }
    }
    monkeypatch.setitem(settings.DATABASES["appwrite"], "OPTIONS", options)
    seen = []
    middleware = AppwriteUserMiddleware(lambda request: seen.append(request) or HttpResponse())
    for name in ("x-shop-visitor", "X-Appwrite-JWT", "X-Appwrite-Session"):
        request = RequestFactory().get("/", headers={name: TOKENS["jwt"]})
        request.COOKIES = {
            "visitor": TOKENS["jwt"],
            "a_session_demo": TOKENS["session"],
            "colour": "green",
        }
        middleware(request)
        text = report(raised_by(lambda: 1 / 0), seen.pop())
        assert shown_in(text) == []
        assert "green" in text


def test_a_filter_for_sites_without_the_middleware(shop, monkeypatch):
    monkeypatch.setattr(
        settings,
        "DEFAULT_EXCEPTION_REPORTER_FILTER",
        "appwrite_orm_django.users.reporting.ExceptionReporterFilter",
    )
    get_default_exception_reporter_filter.cache_clear()
    request = RequestFactory().get("/", headers={"x-appwrite-jwt": TOKENS["jwt"]})
    try:
        assert shown_in(report(raised_by(lambda: 1 / 0), request)) == []
        assert isinstance(reporter_filter(), ExceptionReporterFilter)
    finally:
        get_default_exception_reporter_filter.cache_clear()


def test_nothing_that_holds_a_secret_shows_it(shop):
    transport = shop.transport
    with appwrite_user(jwt=TOKENS["jwt"]):
        acting = shop.transport
        holders = [
            shop,
            transport,
            acting,
            acting.identity,
            shop.options,
            shop.options.webhook,
            shop.options.realtime,
            vars(transport),
        ]
        assert (
            shown_in(
                " ".join([pprint.pformat(one) for one in holders] + [repr(one) for one in holders])
            )
            == []
        )
        assert shown_in(repr(backend_transport._transports)) == []
    assert acting.get_headers().get("x-appwrite-key") is None
    assert transport.get_headers()["x-appwrite-key"] == KEY
    assert transport.get_config("key") == KEY


def test_a_secret_is_a_text_that_is_not_shown():
    secret = Secret("0123456789")
    assert "0123456789" not in f"{secret} {secret!r} {pprint.pformat([secret])} {'%s' % secret}"  # noqa: UP031
    assert secret.reveal() == "0123456789"
    assert secret == Secret(secret)
    assert hash(secret) == hash(Secret("0123456789"))
    assert secret != Secret("012345678")
    assert secret != "0123456789"
    assert len(secret) == 10
    assert secret
    assert not Secret("")
    assert copy.deepcopy(secret) is copy.copy(secret) is secret
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError, match="must be a string"):
        Secret(123456789)
    with pytest.raises(ValueError, match="contains a lone surrogate") as caught:
        Secret("0123456789\ud800").encoded()
    assert "0123456789" not in walked(caught.value)
    assert (
        Secret("a/b+c=de").blanked_in(b'"a\\/b+c=de" a/b+c=de a%2Fb%2Bc%3Dde') == b'"***" *** ***'
    )
    assert Secret("abc").blanked_in(b"abc") == b"abc"


def test_bytes_are_a_text_as_well():
    assert Secret(b"0123456789").reveal() == "0123456789"
    with appwrite_user(session=b"0123456789"):
        assert current_identity("appwrite").token == Secret("0123456789")


def test_what_is_no_text_is_not_shown_either():
    with pytest.raises(TypeError) as caught:
        Secret([KEY])
    innermost = traceback.StackSummary.extract(
        traceback.walk_tb(caught.value.__traceback__), capture_locals=True, lookup_lines=False
    )[-1]
    assert KEY not in str(innermost.locals)


def test_frames_are_left_behind_and_what_was_handled_before_is_not():
    def inner(value):
        try:
            return {}["inner"]
        except KeyError:
            raise ValueError("outer") from OSError("cause")

    before = LookupError("before")
    with suppress(LookupError):
        try:
            raise before
        finally:
            error = raised_by(lambda: without_frames(inner, "0123456789"))
    assert before.__traceback__ is not None
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
    assert names[-1] == "without_frames"
    assert isinstance(error.__cause__, OSError)
    assert error.__context__.__traceback__ is None
    assert error.__context__.__context__ is before
    assert without_frames(inner.__eq__, inner) is True


def test_the_local_server_logs_what_nobody_foresaw_without_variables(monkeypatch, caplog):
    server = LocalServer(key=KEY)
    monkeypatch.setattr("appwrite_local.server.read_params", None)
    request = Request(
        "GET", "/v1/tablesdb", "", {"x-appwrite-project": "demo", "x-appwrite-key": KEY}
    )
    assert server.handle(request).status == 500
    assert "TypeError" in caplog.text
    assert [record.exc_info for record in caplog.records] == [None]
    assert shown_in(caplog.text + repr(request) + repr(server) + repr(vars(server))) == []
    server.close()


def test_nothing_on_the_wire_of_realtime_is_logged(shop, caplog):
    with caplog.at_level(logging.DEBUG):
        raised_by(Listener("appwrite")._listen)
    assert shown_in(caplog.text) == []
