"""Requests as the end user: whose rows are seen, what the cache keeps apart, and that nothing falls back to the key."""

import ast
import asyncio
import datetime
import threading
import time
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from django.db import IntegrityError, NotSupportedError, OperationalError, connections, transaction
from django.db.models import F
from django.db.transaction import TransactionManagementError
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from appwrite_orm_django import backend
from appwrite_orm_django.backend.users import accounts
from appwrite_orm_django.client.errors import Unauthorized
from appwrite_orm_django.client.identity import Identity, current_identity
from appwrite_orm_django.conf import UserSettings
from appwrite_orm_django.users.accounts import (
    InvalidUserToken,
    appwrite_key,
    appwrite_user,
    user_id,
)
from appwrite_orm_django.users.middleware import AppwriteUserMiddleware, visitor_not_required
from tests.library.models import Diary

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


class Sent(list):
    """The headers of every request, as they leave."""

    def __init__(self, pool):
        self._send, self._pool = pool.send, pool

    def __enter__(self):
        self._pool.send = lambda request, timeouts: (
            self.append(dict(request.headers)),
            self._send(request, timeouts),
        )[1]
        return self

    def __exit__(self, *exc):
        del self._pool.send


@pytest.fixture
def sent(appwrite):
    with Sent(appwrite.transport._pool) as sent:
        yield sent


@pytest.fixture(autouse=True)
def forgotten():
    accounts.forget_all()


@pytest.fixture
def user(local_user):
    return local_user


@pytest.fixture
def ann(user):
    return user("ann")


@pytest.fixture
def bob(user):
    return user("bob")


def texts():
    return sorted(diary.text for diary in Diary.objects.all())


def write(text, owner):
    return Diary.objects.create(
        text=text,
        permissions=[f'{action}("user:{owner}")' for action in ("read", "update", "delete")],
    )


def test_each_user_sees_their_own_rows_and_no_key_is_sent(ann, bob, sent):
    write("of ann", "ann")
    write("of bob", "bob")
    sent.clear()
    for _ in range(2):  # the second time from the cache
        with appwrite_user(jwt=ann["jwt"]):
            assert texts() == ["of ann"]
        with appwrite_user(session=bob["session"]):
            assert texts() == ["of bob"]
        with appwrite_user(guest=True):
            assert texts() == []
    # Two tokens confirmed, three lists read.
    assert len(sent) == 5
    assert all("x-appwrite-key" not in {name.lower() for name in headers} for headers in sent)
    assert texts() == ["of ann", "of bob"]
    assert "x-appwrite-key" in {name.lower() for name in sent[-1]}


def test_reads_that_were_compiled_before_are_kept_apart_too(ann, bob):
    """By shape, prepared, by key, counted, with conditions: each has its own way to the cache."""
    rows = {owner: write(f"of {owner}", owner) for owner in ("ann", "bob")}
    prepared = Diary.objects.filter(mood=0).prepared()
    ways = [
        lambda: [diary.text for diary in Diary.objects.all()],
        lambda: [diary.text for diary in prepared],
        lambda: [diary.text for diary in prepared()],
        lambda: [diary.text for diary in Diary.objects.filter(text__startswith="of")],
        lambda: [
            text
            for text in (f"of {owner}" for owner in rows)
            if Diary.objects.filter(text=text).count()
        ],
        lambda: [
            rows[owner].text for owner in rows if Diary.objects.filter(pk=rows[owner].pk).first()
        ],
        lambda: list(Diary.objects.values_list("text", flat=True).order_by("-text")),
    ]
    for _ in range(2):
        for way in ways:
            assert sorted(way()) == ["of ann", "of bob"]
            for name, token in (("ann", ann), ("bob", bob)):
                with appwrite_user(jwt=token["jwt"]):
                    assert way() == [f"of {name}"]


def test_entries_outlive_a_jwt_and_belong_to_the_user(ann, user, sent):
    write("of ann", "ann")
    with appwrite_user(jwt=ann["jwt"]):
        assert texts() == ["of ann"]
    sent.clear()
    renewed = user("ann", jwtDuration=60)["jwt"]
    sent.clear()
    with appwrite_user(jwt=renewed):
        assert texts() == ["of ann"]
        assert user_id("appwrite") == "ann"
    assert len(sent) == 1, "only the new token is confirmed"


def test_a_claim_that_nobody_confirmed_opens_nothing(ann, bob):
    """A JWT with the id of somebody else in it must not find that user's entries."""
    write("of ann", "ann")
    with appwrite_user(jwt=ann["jwt"]):
        assert texts() == ["of ann"]
    head, claims, _ = ann["jwt"].split(".")
    forged = ".".join((head, claims, bob["jwt"].split(".")[2]))
    with appwrite_user(jwt=forged), pytest.raises(InvalidUserToken):
        texts()


def test_a_change_of_roles_makes_other_entries(user, appwrite):
    jwt = user("ann")["jwt"]
    with appwrite_user(jwt=jwt):
        before = appwrite.cache_identity
    user("ann", labels=["staff"])
    accounts.forget_all()
    with appwrite_user(jwt=jwt):
        assert appwrite.cache_identity != before
        assert jwt not in appwrite.cache_identity


@pytest.mark.parametrize(
    "token", [{"jwt": "a.b.c"}, {"session": "nonsense"}, {"jwt": "with blank"}]
)
def test_an_invalid_token_is_an_error_and_never_the_key(token, sent):
    write("of ann", "ann")
    sent.clear()
    with appwrite_user(**token):
        with pytest.raises(InvalidUserToken) as caught:
            texts()
        with pytest.raises(InvalidUserToken):
            Diary.objects.create(text="x")
        assert next(iter(token.values())) not in str(caught.value)
    assert all("x-appwrite-key" not in {name.lower() for name in headers} for headers in sent)
    assert Diary.objects.count() == 1


def test_an_expired_jwt_is_refused_even_where_its_rows_are_cached(ann, user, monkeypatch, requests):
    write("of ann", "ann")
    jwt = user("ann", jwtDuration=100)["jwt"]
    with appwrite_user(jwt=jwt):
        assert texts() == ["of ann"]
        requests.clear()
        now = time.time()
        monkeypatch.setattr("appwrite_orm_django.client.identity.time.time", lambda: now + 101)
        with pytest.raises(InvalidUserToken, match="expired"):
            texts()
    with pytest.raises(InvalidUserToken, match="expired"):
        appwrite_user(jwt=jwt)
    assert requests.lines == []


def test_a_session_that_ended_is_refused_once_the_confirmation_is_over(ann, appwrite):
    write("of ann", "ann")
    with appwrite_user(session=ann["session"]):
        assert texts() == ["of ann"]
    appwrite.transport.call("DELETE", "/local/users/ann")
    accounts.forget_all()
    with appwrite_user(session=ann["session"]), pytest.raises(InvalidUserToken):
        texts()


def test_who_is_refused_is_not_served_what_is_stale(ann, appwrite, connect):
    """``STALE_ON_ERROR`` is for a server that cannot be reached, and not for one that says no."""
    connection = connect(OPTIONS={"CACHE": {"STALE_ON_ERROR": 600}})
    write("of ann", "ann")
    with appwrite_user(jwt=ann["jwt"]):
        assert texts() == ["of ann"]
    connection.transport.call("DELETE", "/local/users/ann")
    Diary.objects.set_updated(False)
    with appwrite_user(jwt=ann["jwt"]), pytest.raises(InvalidUserToken):
        texts()


def test_blocks_nest_and_end_with_exceptions(ann, bob):
    write("of ann", "ann")
    write("of bob", "bob")
    with appwrite_user(jwt=ann["jwt"]):
        with appwrite_user(jwt=bob["jwt"]):
            assert texts() == ["of bob"]
            with appwrite_key():
                assert texts() == ["of ann", "of bob"]
        with pytest.raises(ZeroDivisionError), appwrite_user(jwt=bob["jwt"]):
            raise ZeroDivisionError
        assert texts() == ["of ann"]
        with appwrite_user(jwt=bob["jwt"], using="another"):
            assert texts() == ["of ann"]
    assert current_identity("appwrite") is None
    with pytest.raises(TypeError):
        appwrite_user()
    with pytest.raises(TypeError):
        appwrite_user(jwt="a", session="b")
    with pytest.raises(InvalidUserToken):
        appwrite_user(jwt="")


def test_a_user_writes_by_their_permissions(ann, bob, requests):
    with appwrite_user(jwt=ann["jwt"]):
        mine = Diary.objects.create(text="mine")
        mine.refresh_from_db()
        assert mine.permissions == ['read("user:ann")', 'update("user:ann")', 'delete("user:ann")']
        mine.mood = 3
        mine.save()
        assert Diary.objects.filter(mood=3).update(text="ours") == 1
        assert texts() == ["ours"]
    with appwrite_user(jwt=bob["jwt"]):
        assert not Diary.objects.filter(pk=mine.pk).exists()
        assert Diary.objects.filter(text="ours").delete()[0] == 0
        with pytest.raises(Unauthorized, match="without the API key"):
            Diary.objects.create(text="for others", permissions=['read("user:ann")'])
    with appwrite_user(jwt=ann["jwt"]):
        assert Diary.objects.filter(text="ours").delete()[0] == 1
    assert Diary.objects.count() == 0
    assert not [
        record
        for record in requests
        if record.path.endswith("/rows") and record.method in ("PATCH", "DELETE")
    ]


def test_a_user_makes_many_rows_at_once_or_none(ann):
    with appwrite_user(jwt=ann["jwt"]):
        Diary.objects.bulk_create([Diary(text=str(number)) for number in range(5)])
        assert texts() == list("01234")
        assert set(Diary.objects.first().permissions) == {
            'read("user:ann")', 'update("user:ann")', 'delete("user:ann")'
        }  # fmt: skip
        with pytest.raises(OperationalError):
            Diary.objects.bulk_create(
                [Diary(text="new"), Diary(text="for bob", permissions=['read("user:bob")'])]
            )
        assert texts() == list("01234")


def test_a_user_makes_rows_and_changes_those_that_are_there(ann, bob):
    options = {"update_conflicts": True, "unique_fields": ["pk"], "update_fields": ["text"]}
    hidden = write("of bob", "bob")
    with appwrite_user(jwt=ann["jwt"]):
        old = Diary.objects.create(text="old", mood=3)
        made = Diary.objects.bulk_create(
            [Diary(pk=old.pk, text="changed"), Diary(text="new")], **options
        )
        assert sorted(Diary.objects.values_list("text", "mood")) == [("changed", 3), ("new", 0)]
        assert made[0].created_at == old.created_at
        assert Diary.objects.get(text="new").permissions
        # A row that ann may not see is in the way, and is not changed.
        with pytest.raises(IntegrityError):
            Diary.objects.bulk_create(
                [Diary(pk=old.pk, text="again"), Diary(pk=hidden.pk, text="mine")], **options
            )
        assert texts() == ["changed", "new"]
    assert texts() == ["changed", "new", "of bob"]


@pytest.mark.parametrize("inside", [True, False])
def test_a_user_is_told_that_moments_are_not_theirs_to_set(ann, inside):
    when = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    write("old", "ann")
    with appwrite_user(jwt=ann["jwt"]):
        old = Diary.objects.get()
        old.created_at = when
        for change in (
            lambda: Diary.objects.create(text="new", created_at=when),
            lambda: Diary.objects.bulk_create(
                [Diary(text="new", updated_at=when), Diary(text="newer")]
            ),
            lambda: Diary.objects.update(created_at=when),
            lambda: Diary.objects.update(created_at=F("updated_at")),
            lambda: Diary.objects.filter(pk=old.pk).update(updated_at=when),
            old.save,
        ):
            with pytest.raises(
                NotSupportedError, match=r"only API keys set \$(cre|upd)atedAt.*nothing was written"
            ):
                if inside:
                    with transaction.atomic("appwrite"):
                        change()
                else:
                    change()
        assert texts() == ["old"]
        # Objects of a block that was rolled back hold estimates, which nobody has given.
        new = Diary(text="new")
        with pytest.raises(ZeroDivisionError), transaction.atomic("appwrite"):
            new.save()
            raise ZeroDivisionError
        new.save()
        made = Diary.objects.bulk_create([Diary(text="two"), Diary(text="three")])
        assert all(
            one.created_at == Diary.objects.nocache().get(pk=one.pk).created_at
            for one in (new, *made)
        )


def test_a_block_of_a_user_commits_and_notices_conflicts(ann):
    with appwrite_user(jwt=ann["jwt"]):
        one, two = Diary.objects.create(text="one"), Diary.objects.create(text="two")
        with transaction.atomic("appwrite"):
            for diary in Diary.objects.all():
                diary.mood += 1
                diary.save()
        assert set(Diary.objects.values_list("mood", flat=True)) == {1}
        with pytest.raises(OperationalError), transaction.atomic("appwrite"):
            for diary in Diary.objects.all():
                diary.mood += 1
                diary.save()
            update_elsewhere(one.pk)
    assert Diary.objects.get(pk=two.pk).mood == 1


def test_a_row_that_a_user_locks_has_to_be_changed(ann):
    """A user cannot keep others from a row; refused is better than promised."""
    with appwrite_user(jwt=ann["jwt"]):
        one, two = Diary.objects.create(text="one"), Diary.objects.create(text="two")
        with pytest.raises(NotSupportedError, match="was locked"), transaction.atomic("appwrite"):
            Diary.objects.select_for_update().get(pk=one.pk)
            Diary.objects.filter(pk=two.pk).update(mood=1)
        with transaction.atomic("appwrite"):
            for diary in Diary.objects.select_for_update():
                diary.mood += 2
                diary.save()
        Diary.objects.update_or_create(pk=one.pk, defaults={"mood": 5})
        assert set(Diary.objects.values_list("text", "mood")) == {("one", 5), ("two", 2)}


def update_elsewhere(pk):
    thread = threading.Thread(target=lambda: Diary.objects.filter(pk=pk).update(mood=9))
    thread.start()
    thread.join()


def test_one_block_belongs_to_one_identity(ann, bob):
    write("of ann", "ann")
    with transaction.atomic("appwrite"):
        assert texts() == ["of ann"]
        with (
            appwrite_user(jwt=ann["jwt"]),
            pytest.raises(TransactionManagementError, match="another identity"),
        ):
            texts()
    with (
        pytest.raises(TransactionManagementError),
        transaction.atomic("appwrite"),
        appwrite_user(jwt=ann["jwt"]),
    ):
        Diary.objects.create(text="staged as ann")
        Diary.objects.create(text="and again")
        # The commit would be the key's.
    assert texts() == ["of ann"]
    with appwrite_user(jwt=ann["jwt"]), transaction.atomic("appwrite"):
        Diary.objects.create(text="as ann")
    assert texts() == ["as ann", "of ann"]


def test_a_stream_that_outlives_its_block_is_refused(ann, settings, connect):
    connect(OPTIONS={"PAGE_SIZE": 1})
    for number in range(5):
        write(f"ann {number}", "ann")
        write(f"bob {number}", "bob")
    with appwrite_user(jwt=ann["jwt"]):
        rows = Diary.objects.order_by("text").iterator(chunk_size=1)
        next(rows)
    with pytest.raises(TransactionManagementError, match="another identity"):
        list(rows)


def test_without_a_user_required_aliases_refuse(connect, ann):
    connect(OPTIONS={"USERS": {"REQUIRED": True}})
    with pytest.raises(OperationalError, match="appwrite_user"):
        texts()
    with appwrite_key():
        write("of ann", "ann")
    with appwrite_user(jwt=ann["jwt"]):
        assert texts() == ["of ann"]
        caught = []
        thread = threading.Thread(target=lambda: caught.append(_refused()))
        thread.start()
        thread.join()
    assert caught == [True], (
        "a thread of one's own does not inherit the user, and is not given the key"
    )


def _refused():
    connection = connections["appwrite"]
    connection.settings_dict = {
        **connection.settings_dict,
        "OPTIONS": {"USERS": {"REQUIRED": True}},
    }
    try:
        texts()
    except OperationalError:
        return True
    return False


def test_commands_and_schemas_refuse_to_run_for_a_user(ann, appwrite):
    with appwrite_user(jwt=ann["jwt"]):
        for command in ("appwrite_migrate", "appwrite_export", "appwrite_cache"):
            arguments = {"appwrite_cache": ["status"]}.get(command, [])
            with pytest.raises(CommandError, match="needs the API key"):
                call_command(command, *arguments)
        with pytest.raises(NotSupportedError), appwrite.schema_editor():
            pass


def test_tokens_are_nowhere_to_be_seen(ann, appwrite):
    with appwrite_user(jwt=ann["jwt"]):
        assert ann["jwt"] not in repr(current_identity("appwrite")) + repr(appwrite.transport)
        texts()
    assert ann["jwt"] not in repr(vars(accounts))


def test_async_tasks_and_threads_of_django_keep_their_user(ann, bob):
    write("of ann", "ann")
    write("of bob", "bob")

    async def read(token):
        with appwrite_user(jwt=token):
            await asyncio.sleep(0)
            found = [diary.text async for diary in Diary.objects.all()]
            await asyncio.sleep(0)
            return found + await sync_to_async(texts)()

    async def both():
        return await asyncio.gather(*(read(one["jwt"]) for one in (ann, bob) * 3))

    assert asyncio.run(both()) == [["of ann"] * 2, ["of bob"] * 2] * 3


def test_threads_that_read_and_write_at_once_never_see_another_users_rows(user):
    """A hammer: hits, misses and invalidations of many threads on the same query, one of four users each time."""
    people = {name: user(name)["jwt"] for name in ("ann", "bob", "cay", "dan")}
    for name in people:
        write(f"{name} 0", name)
    wrong, reads = [], []

    def hammer(seed):
        for turn in range(seed, seed + 70):
            name = list(people)[turn % 4]
            with appwrite_user(jwt=people[name]):
                if turn % 23 == 0:
                    Diary.objects.create(text=f"{name} {turn}", mood=seed)
                found = {text.split()[0] for text in texts()} | {
                    diary.text.split()[0]
                    for diary in Diary.objects.filter(mood__gte=0).order_by("text")[:5]
                }
                reads.append(turn)
                if found != {name}:
                    wrong.append((name, found))
            if wrong:
                return

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(reads) == 6 * 70


# The middleware


def view(request):
    return HttpResponse(",".join(texts()))


def respond(view=view, method="get", session=None, **headers):
    request = getattr(RequestFactory(), method)("/", headers=headers)
    if session is not None:
        request.session = session
    middleware = AppwriteUserMiddleware(lambda request: _with_exceptions(middleware, view, request))
    return middleware(request)


def _with_exceptions(middleware, view, request):
    # What Django's handler does around a view.
    refused = middleware.process_view(request, view, (), {})
    if refused is not None:
        return refused
    try:
        return view(request)
    except Exception as error:
        response = middleware.process_exception(request, error)
        if response is None:
            raise
        return response


def test_the_middleware_takes_the_token_of_the_header(ann):
    write("of ann", "ann")
    for header in (ann["jwt"], f"Bearer {ann['jwt']}"):
        response = respond(**{"X-Appwrite-JWT": header})
        assert (response.content, response["Cache-Control"], response["Vary"]) == (
            b"of ann",
            "private",
            "X-Appwrite-JWT",
        )
    assert current_identity("appwrite") is None


@pytest.mark.parametrize("token", ["a.b.c", "nonsense"])
def test_a_bad_token_is_401(token):
    write("of ann", "ann")
    response = respond(**{"X-Appwrite-JWT": token})
    assert (response.status_code, response["Cache-Control"]) == (401, "private, no-store")
    assert token.encode() not in response.content


def test_an_expired_token_is_401_before_the_view_runs(user, monkeypatch):
    jwt = user("ann", jwtDuration=10)["jwt"]
    now = time.time()
    monkeypatch.setattr("appwrite_orm_django.client.identity.time.time", lambda: now + 11)
    assert (
        respond(lambda request: pytest.fail("the view ran"), **{"X-Appwrite-JWT": jwt}).status_code
        == 401
    )


def users(monkeypatch, settings, **options):
    databases = settings.DATABASES
    monkeypatch.setitem(databases["appwrite"], "OPTIONS", {"USERS": options})


def test_visitors_without_a_token(monkeypatch, settings):
    write("of ann", "ann")
    assert respond().content == b""  # a guest
    users(monkeypatch, settings, ANONYMOUS="refuse")
    assert respond().status_code == 401
    users(monkeypatch, settings, ANONYMOUS="key")
    assert respond().content == b"of ann"


def test_views_that_need_no_visitor(ann, monkeypatch, settings):
    """Who has no token, or an old one, must get as far as the page that gives one; as a guest."""
    write("of ann", "ann")

    @visitor_not_required
    def sign_in(request):
        return HttpResponse(f"{texts()}")

    users(monkeypatch, settings, ANONYMOUS="refuse")
    assert respond(sign_in).content == b"[]"
    old = Identity("jwt", ann["jwt"]).expires_at
    monkeypatch.setattr("appwrite_orm_django.client.identity.time.time", lambda: old + 1)
    assert respond(sign_in, **{"X-Appwrite-JWT": ann["jwt"]}).content == b"[]"
    assert respond(**{"X-Appwrite-JWT": ann["jwt"]}).status_code == 401


def test_the_middleware_within_django(ann, client, monkeypatch, settings):
    """The whole handler: other middleware, a URL, and the endpoint for webhooks, which is nobody's page."""
    users(monkeypatch, settings, ANONYMOUS="refuse")
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "appwrite_orm_django.users.middleware.AppwriteUserMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    assert client.get("/admin/").status_code == 401
    assert client.get("/admin/", headers={"X-Appwrite-JWT": ann["jwt"]}).status_code == 302
    assert client.post("/appwrite/webhook/").status_code == 404, (
        "it answers for itself: none is configured"
    )


def test_cookies_and_the_session_can_hold_the_token(ann, monkeypatch, settings):
    write("of ann", "ann")
    users(monkeypatch, settings, HEADER=None, COOKIE="jwt", ANONYMOUS="refuse")
    response = respond(Cookie=f"jwt={ann['jwt']}")
    assert (response.content, response["Vary"]) == (b"of ann", "Cookie")
    users(monkeypatch, settings, HEADER=None, SESSION_COOKIE="a_session_tests", ANONYMOUS="refuse")
    assert respond(Cookie=f"a_session_tests={ann['session']}").content == b"of ann"
    users(monkeypatch, settings, HEADER=None, SESSION_KEY="jwt", ANONYMOUS="refuse")
    assert respond(session={"jwt": ann["jwt"]}).content == b"of ann"
    users(monkeypatch, settings, HEADER=None, SESSION_SECRET_KEY="secret", ANONYMOUS="refuse")
    assert respond(session={"secret": ann["session"]}).content == b"of ann"


def test_a_streaming_response_reads_for_its_visitor(ann):
    write("of ann", "ann")
    write("of bob", "bob")
    response = respond(
        lambda request: StreamingHttpResponse(diary.text for diary in Diary.objects.iterator()),
        **{"X-Appwrite-JWT": ann["jwt"]},
    )
    assert b"".join(response) == b"of ann"


def test_async_views_and_streams(ann):
    write("of ann", "ann")

    async def stream():
        async for diary in Diary.objects.all():
            yield diary.text

    async def view(request):
        return StreamingHttpResponse(stream())

    async def run():
        request = RequestFactory().get("/", headers={"X-Appwrite-JWT": ann["jwt"]})
        response = await AppwriteUserMiddleware(view)(request)
        return b"".join([chunk async for chunk in response])

    assert asyncio.run(run()) == b"of ann"


def test_settings_of_users_are_checked():
    for options, text in (
        ({"ANONYMOUS": "all"}, "ANONYMOUS"),
        ({"CONFIRM_S": 10_000}, "CONFIRM_S"),
        ({"HEADER": ""}, "HEADER"),
        ({"REQUIRED": 1}, "REQUIRED"),
        ({"X": 1}, "no key 'X'"),
    ):
        with pytest.raises(Exception, match=text):
            UserSettings.read("appwrite", options)
    assert UserSettings.read("appwrite", {"COOKIE": "jwt"}).cookie == "jwt"


def test_identities_are_equal_by_token():
    assert Identity("jwt", "a") == Identity("jwt", "a") != Identity("session", "a")
    assert Identity("jwt", "a.b.c").expires_at is None


def test_every_way_to_the_cache_names_the_identity():
    """One that did not would hand the key's rows to users; it is easily forgotten, and shows in no other test of it."""
    forgotten = []
    for path in Path(backend.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value
            if node.func.attr in ("read", "is_cached") and getattr(owner, "attr", "") == "cache":
                given = {keyword.arg for keyword in node.keywords}
                never_cached = any(
                    k.arg == "timeout" and getattr(k.value, "value", 1) == 0 for k in node.keywords
                )
                if "identity" not in given and not never_cached:
                    forgotten.append(f"{path.name}:{node.lineno}")
    assert forgotten == []
