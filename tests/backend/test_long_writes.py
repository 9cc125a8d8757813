"""Writes of many requests to a slow server: the cache knows of each of them all the time, and of the rest when the writer is killed."""

import pytest
from django.db import transaction
from django.db.models import F
from requests.adapters import BaseAdapter

from appwrite_orm_django.backend.transactions import staging as claims
from appwrite_orm_django.cache.service import QueryCache
from appwrite_orm_django.cache.statistics import observe_reads
from appwrite_orm_django.cache.writes import Batch, Write
from appwrite_orm_django.client import rows
from appwrite_orm_django.client.retries import Backoff
from appwrite_orm_django.schema import rows as schema_rows
from tests.cache.backends import TimedCache
from tests.kinds import level_of, level_settings
from tests.library.models import Author, Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

LOCK_TTL = 100
# A third of the lock's life is over, and what is left must outlast the next one.
PER_REQUEST = 60
#: What is written, and what is looked at when a tag is deleted.
MODELS = (
    Author,
    Tag,
    *(
        relation.related_model
        for relation in Tag._meta.get_fields(include_hidden=True)
        if relation.one_to_many
    ),
)


class Killed(BaseException):
    """The process is gone: nothing of it runs from here on."""


class Slow(BaseAdapter):
    """A server that takes its time over every request that is not a read; ``during`` is called in the middle of it."""

    def __init__(self, adapter, during):
        super().__init__()
        self.adapter, self.during, self.count, self.kill_at, self.held = (
            adapter,
            during,
            0,
            None,
            None,
        )

    def send(self, request, **kwargs):
        # A server of the 2.x line takes long queries by POST.
        if request.method != "GET" and not request.path_url.endswith("/rows/query"):
            self.count += 1
            if self.count == self.kill_at:
                self.held = lambda: self.adapter.send(request, **kwargs)
                raise Killed
            self.during()
            TimedCache.clock.pass_by(PER_REQUEST)
            self.during()
        return self.adapter.send(request, **kwargs)

    def close(self):
        self.adapter.close()


@pytest.fixture
def clock(settings):
    settings.CACHES = {
        "default": {"BACKEND": "tests.cache.backends.TimedCache", "LOCATION": "long-writes"}
    }
    return TimedCache.clock


@pytest.fixture(params=["1.9", "2.x"])
def ours(request, clock, connect):
    """The connection that writes, to a server of each level, by a clock that passes only when the server works."""
    cache = {"LOCK_TTL": LOCK_TTL, "JITTER": 0, "STATISTICS_INTERVAL": 0}
    settings = level_settings(
        request.param, "slow", CACHE=cache, CONNECT_TIMEOUT_S=1, READ_TIMEOUT_S=1
    )
    connection = connect(**settings)
    with connection.schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model)
    # Once for all, as the question for the level: no write is to find these among its own requests.
    claims.create_table(connection.transport, claims.table_in(connection.database_id))
    level_of(connection)
    assert connection.cache.core.protocol.lock_ttl == LOCK_TTL
    connection.cache.core.clock = clock
    connection.transport._backoff = Backoff(sleep=clock.pass_by)
    yield connection
    for model in MODELS:
        model.objects.all()._raw_delete("appwrite")


@pytest.fixture
def look(ours):
    """Another process reads the table; returns how that ended."""

    def read(model=Tag):
        table = ours.table_of(model)
        with observe_reads() as events:
            QueryCache(ours.cache.core, "appwrite").read(
                f"list {table}", [table], lambda: rows_of(model)
            )
        return f"{events[-1].outcome} {events[-1].reason}".strip()

    def rows_of(model):
        # Past the cache, and past the slow adapter's clock: reads take no time.
        return list(model.objects.nocache().values_list("pk"))

    return read


def tags(count):
    return [Tag(id=f"t{number}", name=f"tag-{number}") for number in range(count)]


def _update_each(ours):
    Author.objects.update(rating=F("rating") * 2 + 1)


def _update_in_a_block(ours):
    with transaction.atomic(using="appwrite"):
        for author in Author.objects.all()[:3]:
            author.name += "!"
            author.save()


def _upsert(ours):
    found = [Tag(id=f"t{number}", name=f"new-{number}") for number in range(250)]
    Tag.objects.bulk_create(
        found, update_conflicts=True, unique_fields=["pk"], update_fields=["name"]
    )


def _raw_rows(ours):
    for number in range(4):
        rows.create_row(
            ours.transport, ours.table_ref("library_tag"), f"raw{number}", {"name": f"raw-{number}"}
        )


def _fill(ours):
    schema_rows.fill(ours.transport, ours.table_ref("library_author"), "rating", 1.5)


WRITES = {
    "update that depends on the row": (Author, _update_each),
    "block": (Author, _update_in_a_block),
    "bulk_create": (Tag, lambda ours: Tag.objects.bulk_create([Tag(name=f"more-{n}") for n in range(450)])),
    "bulk_create of new rows only": (
        Tag,
        lambda ours: Tag.objects.bulk_create([Tag(name=f"more-{n}") for n in range(350)], ignore_conflicts=True),
    ),
    "upsert": (Tag, _upsert),
    "delete by many ids": (
        Tag,
        lambda ours: Tag.objects.filter(pk__in=[f"t{n}" for n in range(40)] + ["x" * 30 + str(n) for n in range(900)]).delete(),
    ),
    "client": (Tag, _raw_rows),
    "schema fill": (Author, _fill),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_nobody_caches_half_of_a_slow_write(ours, look, name):
    model, write = WRITES[name]
    Tag.objects.bulk_create(tags(60))
    Author.objects.bulk_create(
        [Author(name=f"author {number}", rating=number) for number in range(6)]
    )
    during = []
    look(model)
    assert look(model) == "hit"
    slow = None

    def wrap(adapter):
        nonlocal slow
        slow = Slow(adapter, lambda: during.append(look(model)))
        return slow

    with ours.transport.through(wrap):
        write(ours)
    assert slow.count >= 1
    assert set(during) == {"bypass writing"}
    assert look(model) == "miss"
    assert look(model) == "hit"


def test_nobody_caches_anything_between_the_attempts_of_a_request(ours, look, appwrite_faults):
    during = []
    ours.transport._backoff = Backoff(
        sleep=lambda seconds: (ours.cache.core.clock.pass_by(seconds), during.append(look()))
    )
    look()
    with appwrite_faults("rate-limit,method=POST,seconds=30,times=3"), ours.transport.through(lambda adapter: Slow(adapter, lambda: during.append(look()))):  # fmt: skip
        Tag.objects.create(name="once")
    # Four attempts of a minute each and three pauses of half a minute: more than three lives of a notice.
    assert during == ["bypass writing"] * 11
    assert look() == "miss"


@pytest.fixture
def dying(monkeypatch):
    """Whatever runs between a process's death and the end of the test does nothing."""
    for ending in (Write, Batch):
        monkeypatch.setattr(
            ending, "store_end" if ending is Write else "__exit__", lambda *args, **kwargs: None
        )


@pytest.mark.parametrize("kill_at", [1, 3, 6])
@pytest.mark.parametrize("applied", [True, False])
def test_a_writer_killed_in_the_middle_is_noticed(ours, look, clock, dying, kill_at, applied):
    Author.objects.bulk_create(
        [Author(name=f"author {number}", rating=number) for number in range(250)]
    )
    clock.pass_by(2 * LOCK_TTL)
    look(Author)
    assert look(Author) == "hit"
    slow = None

    def wrap(adapter):
        nonlocal slow
        slow = Slow(adapter, lambda: look(Author))
        slow.kill_at = kill_at
        return slow

    with ours.transport.through(wrap), pytest.raises(Killed):
        _update_each(ours)
    killed_at = clock()
    # The request that was on its way is applied for as long as the server may take.
    assert look(Author) == "bypass writing"
    clock.pass_by(LOCK_TTL / 2)
    assert look(Author) == "bypass writing"
    if applied:
        slow.held()
    ratings = sorted(Author.objects.nocache().values_list("rating", flat=True))
    # By now nothing that was cached before it is left, and what is cached from now on is what the server holds.
    clock.now = killed_at + LOCK_TTL
    assert look(Author) == "miss"
    assert look(Author) == "hit"
    assert sorted(author.rating for author in Author.objects.all()) == ratings


def test_a_request_is_announced_for_as_long_as_it_may_take(connect):
    connection = connect(
        OPTIONS={"CONNECT_TIMEOUT_S": 10, "READ_TIMEOUT_S": 200, "CACHE": {"LOCK_TTL": 5}}
    )
    protocol = connection.cache.core.protocol
    # A notice that is not yet due lives longer than both time limits and what the server goes on for.
    latest = max(age for age in range(1000) if not protocol.is_due(age))
    assert protocol.lock_ttl - latest >= 10 + 200 + 60
