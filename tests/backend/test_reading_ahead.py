"""One request ahead, never two; none that outlives its reader; errors where the rows would have come."""

import threading
from contextvars import ContextVar

import pytest

from appwrite_orm_django.backend.execution.reader import Requests

name = ContextVar("name", default="")


def threads():
    return [
        thread for thread in threading.enumerate() if thread.name.startswith("appwrite-read-ahead")
    ]


def test_none_is_ahead_before_the_second_page():
    with Requests(ahead=True) as requests:
        assert requests.take(lambda: [1]) == [1]
        requests.begin(lambda: ["ahead"])
        assert requests.take(lambda: [2]) == [2]
        requests.begin(lambda: ["ahead"])
        assert requests.take(lambda: [3]) == ["ahead"]
        assert requests.take(lambda: [4]) == [4]
    assert not threads()


def test_one_is_ahead_from_the_first_page_for_who_takes_all():
    with Requests(ahead=True, first=1) as requests:
        assert requests.take(lambda: [1]) == [1]
        requests.begin(lambda: ["ahead"])
        assert requests.take(lambda: [2]) == ["ahead"]


def test_none_is_ahead_where_it_is_not_allowed():
    with Requests(ahead=False) as requests:
        for number in range(4):
            assert requests.take(lambda number=number: [number]) == [number]
            requests.begin(lambda: ["ahead"])
    assert not threads()


def test_it_runs_in_a_thread_with_the_readers_context():
    token = name.set("reader")
    try:
        with Requests(ahead=True) as requests:
            requests.take(list)
            requests.take(list)
            requests.begin(
                lambda: [name.get(), threading.current_thread() is threading.main_thread()]
            )
            assert requests.take(list) == ["reader", False]
    finally:
        name.reset(token)


def test_what_it_raises_is_raised_when_the_rows_would_have_come():
    def fail():
        raise LookupError

    with Requests(ahead=True) as requests:
        requests.take(list)
        requests.take(list)
        requests.begin(fail)
        with pytest.raises(LookupError):
            requests.take(list)
    assert not threads()


def test_leaving_waits_for_the_request_that_is_on_its_way():
    begun, go_on, done = threading.Event(), threading.Event(), []

    def ask():
        begun.set()
        go_on.wait(300)
        done.append(1)
        return []

    threading.Timer(0.1, go_on.set).start()
    with pytest.raises(KeyError), Requests(ahead=True) as requests:
        requests.take(list)
        requests.take(list)
        requests.begin(ask)
        begun.wait(300)
        raise KeyError
    assert done == [1]
    assert not threads()
