"""Reads do not wait for a server that does not answer: deadline, gate and breaker."""

from __future__ import annotations

import threading

import pytest
import requests

from appwrite_orm_django.client import errors, guard, rows
from appwrite_orm_django.client.answers import Request
from appwrite_orm_django.client.guard import Guard, deadline, remaining_s
from appwrite_orm_django.client.retries import Failure
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.contrib.deadline import AppwriteDeadlineMiddleware

from .conftest import ENDPOINT, KEY, ROWS, TABLE

READ = Request("GET", "/x", "DATABASES[...]", as_user=False)
WRITE = Request("POST", "/x", "DATABASES[...]", as_user=False)
EMPTY = {"total": 0, "rows": []}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(guard, "monotonic", clock)
    return clock


@pytest.fixture
def before(clock: Clock) -> Guard:
    return Guard(clock=clock)


def timed_out() -> Failure:
    return Failure(READ.error(errors.RequestTimeout, "no answer"))


def test_two_unanswered_reads_open_it_and_one_probe_is_let_through(before: Guard, clock: Clock):
    for _ in range(2):
        assert before.refusal(READ) is None
        before.note(READ, timed_out())
    refusal = before.refusal(READ)
    assert refusal is not None
    assert isinstance(refusal.error, errors.ConnectionFailed)
    assert refusal.never_sent
    assert before.refusal(WRITE) is None, "writes are always sent"
    clock.now += 1
    probe = Request("GET", "/y", "DATABASES[...]", as_user=False)
    assert before.refusal(probe) is None
    clock.now += 30
    assert before.refusal(READ) is not None, "there is one probe at a time"
    before.note(probe, timed_out())
    assert before.refusal(READ) is not None
    clock.now += 1
    assert before.refusal(probe) is None
    before.note(probe, None)
    assert before.refusal(READ) is None


def test_five_quick_failures_open_it(before: Guard):
    for _ in range(5):
        assert before.refusal(READ) is None
        before.note(READ, Failure(READ.error(errors.ConnectionFailed, "refused"), never_sent=True))
    assert before.refusal(READ) is not None


def test_an_error_of_the_server_is_an_answer(before: Guard):
    before.note(READ, timed_out())
    before.note(READ, Failure(READ.error(errors.ServerError, "oh", code=500)))
    before.note(READ, timed_out())
    assert before.refusal(READ) is None


def test_a_query_that_is_always_too_slow_counts_once(before: Guard):
    before.note(READ, timed_out())
    before.note(READ, timed_out(), is_retry=True)
    assert before.refusal(READ) is None


def test_reads_that_hang_together_open_it_before_they_time_out(before: Guard, clock: Clock):
    with before.waiting(READ):
        clock.now += 0.02  # what an answer usually takes
    hanging = [before.waiting(READ) for _ in range(4)]
    for one in hanging:
        one.__enter__()
    clock.now += 0.4
    assert before.refusal(READ) is None
    clock.now += 0.2
    assert before.refusal(READ) is not None
    before.note(READ, None)
    assert before.refusal(READ) is None, "an answer has come meanwhile"
    for one in hanging:
        one.__exit__(None, None, None)


def test_few_reads_sleep_through_a_pause_and_the_others_fail_at_once(before: Guard, clock: Clock):
    limited = Failure(READ.error(errors.RateLimited, "slow", code=429), retry_after_s=5.0)
    for _ in range(2):
        before.note(READ, limited)
        assert before.may_sleep(READ, 5.0)
    assert not before.may_sleep(READ, 5.0)
    assert before.may_sleep(READ, 0.1), "a short pause does no harm"
    assert before.may_sleep(WRITE, 5.0)
    refusal = before.refusal(READ)
    assert refusal is not None
    assert isinstance(refusal.error, errors.RateLimited)
    before.wake(READ, 5.0)
    clock.now += 5
    assert before.refusal(READ) is None


def test_it_can_be_turned_off(clock: Clock):
    off = Guard(enabled=False, clock=clock)
    for _ in range(5):
        off.note(READ, timed_out())
    assert off.refusal(READ) is None


def test_a_deadline_cuts_reads_short_and_not_writes(before: Guard, clock: Clock):
    assert remaining_s() is None
    with deadline(3), deadline(10):
        assert before.timeouts_s(READ, (5.0, 30.0)) == (3.0, 3.0)
        assert before.timeouts_s(WRITE, (5.0, 30.0)) == (5.0, 30.0)
        assert not before.may_sleep(WRITE, 4.0)
        clock.now += 3
        for request in (READ, WRITE):
            refusal = before.refusal(request)
            assert refusal is not None
            assert "the deadline of this web request is over" in str(refusal.error)
    assert remaining_s() is None


def test_a_read_without_an_answer_is_not_repeated_beyond_the_deadline(server, backoff, pauses):
    server.get(ROWS, body=requests.exceptions.ReadTimeout())
    transport = Transport(ENDPOINT, "demo", KEY, backoff=backoff)
    with deadline(0.05), pytest.raises(errors.RequestTimeout):
        rows.list_rows(transport, TABLE)
    assert len(server.calls) == 1
    assert pauses == []


def test_users_share_the_breaker_of_their_server(server, backoff):
    from appwrite_orm_django.client.identity import Identity

    server.get(ROWS, body=requests.exceptions.ReadTimeout())
    transport = Transport(ENDPOINT, "demo", KEY, backoff=backoff, retries=0)
    for _ in range(2):
        with pytest.raises(errors.RequestTimeout):
            rows.list_rows(transport, TABLE)
    with pytest.raises(errors.ConnectionFailed, match="did not answer the last reads"):
        rows.list_rows(transport.acting_as(Identity("jwt", "eyJhbGciOi")), TABLE)
    assert len(server.calls) == 2


def test_the_middleware_sets_the_deadline_of_a_request(settings):
    settings.APPWRITE_DEADLINE_S = 2
    seen = AppwriteDeadlineMiddleware(lambda request: remaining_s())(None)
    assert 1 < seen <= 2
    settings.APPWRITE_DEADLINE_S = None
    from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed

    with pytest.raises(MiddlewareNotUsed):
        AppwriteDeadlineMiddleware(lambda request: None)
    settings.APPWRITE_DEADLINE_S = -1
    with pytest.raises(ImproperlyConfigured):
        AppwriteDeadlineMiddleware(lambda request: None)


def test_a_deadline_is_of_one_thread():
    seen = []
    with deadline(5):
        thread = threading.Thread(target=lambda: seen.append(remaining_s()))
        thread.start()
        thread.join()
    assert seen == [None]
