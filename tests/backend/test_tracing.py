"""Spans: one for each request by the instrumentation of ``requests``, one for each query by Django's ``execute_wrapper``."""

import pytest
from django.db import connection, connections
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from appwrite_orm_django.client.errors import RowNotFound
from appwrite_orm_django.users.accounts import appwrite_user
from tests.library.models import Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    RequestsInstrumentor().instrument(tracer_provider=provider)
    yield exporter
    RequestsInstrumentor().uninstrument()


def attributes(span):
    """Method and status, in the words of either version of the conventions."""
    values = span.attributes
    method = values.get("http.request.method") or values.get("http.method")
    status = values.get("http.response.status_code") or values.get("http.status_code")
    return method, status


def test_each_request_is_one_span_with_method_and_status(spans, appwrite):
    Tag.objects.create(name="one")
    assert [tag.name for tag in Tag.objects.all()] == ["one"]
    assert [tag.name for tag in Tag.objects.all()] == ["one"]  # from the cache
    with pytest.raises(RowNotFound):
        appwrite.transport.call(
            "GET", f"/tablesdb/{appwrite.database_id}/tables/library_tag/rows/none"
        )
    assert [attributes(span) for span in spans.get_finished_spans()] == [
        ("POST", 201),
        ("GET", 200),
        ("GET", 404),
    ]


def test_no_secret_is_in_a_span(spans, local_user):
    made = local_user("ann")
    with appwrite_user(session=made["session"]):
        list(Tag.objects.none())
        with pytest.raises(Exception, match="not authorized"):
            list(Tag.objects.all())
    shown = "".join(span.to_json() for span in spans.get_finished_spans())
    assert len(spans.get_finished_spans()) == 3
    assert made["session"] not in shown
    assert made["jwt"] not in shown
    assert "x-appwrite-key" not in shown.lower()


@pytest.mark.parametrize("logged", [False, True])
def test_execute_wrapper_sees_each_query_as_text(appwrite, monkeypatch, logged):
    monkeypatch.setattr(appwrite, "force_debug_cursor", logged)
    appwrite.queries_log.clear()
    seen = []

    def wrapper(execute, sql, params, many, context):
        seen.append((type(sql), sql, many, context["connection"].alias))
        return execute(sql + " /* traceparent=00 */", params, many, context)

    with appwrite.execute_wrapper(wrapper):
        Tag.objects.create(name="one")
        assert Tag.objects.get(name="one").name == "one"
    assert [(kind, many, alias) for kind, _, many, alias in seen] == [(str, False, "appwrite")] * 2
    assert seen[1][1].startswith("LIST library_tag ")
    if logged:
        assert [query["sql"] for query in appwrite.queries_log] == [text for _, text, _, _ in seen]


def test_a_wrapper_can_refuse(appwrite):
    def refuse(*_):
        raise ZeroDivisionError

    with appwrite.execute_wrapper(refuse), pytest.raises(ZeroDivisionError):
        Tag.objects.count()
    assert Tag.objects.count() == 0


def test_other_databases_keep_their_own_wrappers():
    assert type(connection.cursor()).__module__ == "django.db.backends.utils"
    assert connections["appwrite"].execute_wrappers == []
