"""Every assumption holds on the local server, and a server on which one does not is found out."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial

import pytest

from appwrite_local.adapter import LocalAdapter
from appwrite_local.engines import ENGINES
from appwrite_local.realtime_server import RealtimeServer
from appwrite_orm_django.client import databases, webhooks
from appwrite_orm_django.client.errors import AppwriteError
from appwrite_orm_django.client.retries import Backoff
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.doctor.assumptions import ASSUMPTIONS, TEXT_RULES, Server
from appwrite_orm_django.doctor.examination import Finding, engine_found, examine
from appwrite_orm_django.doctor.scratch import (
    DATABASE_PREFIX,
    Ears,
    Scratch,
    ScratchRefused,
    WebhookSetUp,
    scratch,
)
from appwrite_orm_django.management.commands.appwrite_doctor import _listen

from .deviations import DEVIATIONS, TOLD, DeviatingServer, Deviation, is_committed

pytestmark = pytest.mark.local_only(
    "examines local servers that deviate; test_command examines the real one"
)

MEASUREMENTS = {assumption.name for assumption in ASSUMPTIONS if assumption.expected == ()}
BY_NAME = {assumption.name: assumption for assumption in ASSUMPTIONS}
ON_REQUEST = {assumption.name for assumption in ASSUMPTIONS if assumption.on_request}
#: Those that stand for something outside of the server.
OUTSIDE = {"webhook.delivery", "realtime.connection"}
ASKED = ("webhook", "realtime")
WEBHOOK_URL, WEBHOOK_EVENTS = "https://shop.example/webhook/", ["databases.d.tables.t.rows.*"]


def transport_to(server: DeviatingServer) -> Transport:
    transport = Transport(
        "http://appwrite.example/v1", "demo", "secret", backoff=Backoff(sleep=lambda _s: None)
    )
    transport._pool.session.mount("http://", LocalAdapter(server))
    return transport


def findings(server: DeviatingServer, assumed: Server, *only: str) -> list[Finding]:
    with scratch(transport_to(server)) as laboratory:
        return list(examine(laboratory, assumed, only))


KINDS = [(name, level) for name, engine in ENGINES.items() for level in engine.levels]


@pytest.mark.parametrize(("engine", "level"), KINDS)
def test_every_assumption_holds_on_the_local_server(engine, level):
    found = findings(DeviatingServer(engine=engine, feature_level=level), Server(engine, level))
    assert [finding for finding in found if not finding.holds] == []
    assert {finding.assumption.name for finding in found} == set(BY_NAME) - ON_REQUEST


@pytest.mark.parametrize("level", ["1.9", "2.x"])
def test_what_is_asked_for_holds_on_the_local_server(level, told):
    with told(feature_level=level) as laboratory:
        found = list(examine(laboratory, Server("mariadb", level), asked=ASKED))
    assert [finding for finding in found if not finding.holds] == []
    assert {finding.assumption.name for finding in found} == set(BY_NAME)


def test_every_assumption_has_a_deviation():
    assert {*DEVIATIONS, *TOLD} | OUTSIDE == set(BY_NAME) - MEASUREMENTS


@pytest.mark.parametrize("name", sorted(DEVIATIONS))
def test_a_deviation_is_found(name):
    deviation = DEVIATIONS[name]
    server = DeviatingServer(**deviation) if isinstance(deviation, dict) else DeviatingServer()
    with scratch(transport_to(server)) as laboratory:
        if not isinstance(deviation, dict):
            server.deviation = deviation
        laboratory.webhook = webhook_of(laboratory)
        (finding,) = examine(laboratory, Server("mariadb", "1.9"), [name], ASKED)
        server.deviation = None
    assert not finding.holds, finding.found
    assert finding.found not in ("no webhook", "no connection")
    assert BY_NAME[name].otherwise


def webhook_of(laboratory: Scratch, problem: str = "") -> WebhookSetUp:
    webhooks.create_webhook(laboratory.transport, "ours", "Ours", WEBHOOK_URL, WEBHOOK_EVENTS)
    return WebhookSetUp("ours", WEBHOOK_URL, WEBHOOK_EVENTS, lambda: problem)


class Told:
    """A server with realtime, and what it tells instead of an event."""

    def __init__(self, monkeypatch, appwrite):
        self.monkeypatch, self.appwrite = monkeypatch, appwrite

    @contextmanager
    def __call__(
        self,
        outside=lambda event: event,
        committed=lambda event: event,
        *,
        wait_s=60.0,
        **arguments,
    ):
        server = DeviatingServer(project=None, **arguments)
        publish = server.realtime.publish

        def tell(events):
            changed = (
                committed(event) if is_committed(event) else outside(event) for event in events
            )
            publish([event for event in changed if event is not None])

        self.monkeypatch.setattr(server.realtime, "publish", tell)
        line = RealtimeServer(server)
        options = {"REALTIME": {"URL": f"ws://127.0.0.1:{line.port}/v1/realtime"}}
        self.monkeypatch.setitem(self.appwrite.settings_dict, "OPTIONS", options)
        self.appwrite.__dict__.pop("options", None)
        try:
            with scratch(transport_to(server)) as laboratory:
                laboratory.webhook = webhook_of(laboratory)
                laboratory.ears = Ears(partial(_listen, "appwrite"), wait_s)
                yield laboratory
        finally:
            line.close()


@pytest.fixture
def told(monkeypatch, appwrite):
    yield Told(monkeypatch, appwrite)
    monkeypatch.undo()
    appwrite.__dict__.pop("options", None)


@pytest.mark.parametrize("name", sorted(TOLD))
def test_another_event_is_found(name, told):
    # Where nothing comes, any time is too long.
    with told(
        *TOLD[name], wait_s=0.05 if name == "realtime.commit_payload" else 60.0
    ) as laboratory:
        found = {
            each.assumption.name: each
            for each in examine(laboratory, Server("mariadb", "1.9"), ["realtime"], ASKED)
        }
    assert not found[name].holds, found[name].found
    assert found["realtime.connection"].holds
    assert found[name].assumption.otherwise


def test_silence_is_a_finding(told):
    with told(lambda _: None, lambda _: None, wait_s=0.05) as laboratory:
        found = {
            each.found
            for each in examine(laboratory, Server("mariadb", "1.9"), ["realtime"], ASKED)
        }
    assert found == {"accepted", "nothing within 0.05 s"}


def test_a_connection_that_is_refused_is_a_finding(told, monkeypatch):
    with told() as laboratory:
        line = RealtimeServer(DeviatingServer(project="another"))
        monkeypatch.setitem(
            told.appwrite.settings_dict["OPTIONS"]["REALTIME"],
            "URL",
            f"ws://127.0.0.1:{line.port}/v1/realtime",
        )
        told.appwrite.__dict__.pop("options", None)
        first, *others = examine(laboratory, Server("mariadb", "1.9"), ["realtime"], ASKED)
        line.close()
    assert (first.holds, first.found) == (False, "Appwrite refuses: Missing or unknown project ID")
    assert {each.found for each in others} == {"no connection"}


def test_a_server_inside_the_process_has_no_realtime(appwrite):
    with scratch(transport_to(DeviatingServer())) as laboratory:
        laboratory.ears = Ears(partial(_listen, "appwrite"), 60.0)
        first, *_ = examine(laboratory, Server("mariadb", "1.9"), ["realtime"], ASKED)
    assert "has no realtime; run manage.py appwrite_server" in first.found


def test_a_delivery_that_does_not_arrive_is_a_finding():
    with scratch(transport_to(DeviatingServer())) as laboratory:
        laboratory.webhook = webhook_of(laboratory, "Nothing arrived within 15 s.")
        (finding,) = examine(laboratory, Server("mariadb", "1.9"), ["webhook.delivery"], ASKED)
    assert (finding.holds, finding.found) == (False, "Nothing arrived within 15 s.")


def test_a_missing_webhook_is_a_finding():
    with scratch(transport_to(DeviatingServer())) as laboratory:
        laboratory.webhook = WebhookSetUp(
            "ours", WEBHOOK_URL, WEBHOOK_EVENTS, lambda: "There is no webhook."
        )
        found = list(examine(laboratory, Server("mariadb", "1.9"), ["webhook"], ASKED))
    assert not any(finding.holds for finding in found)
    assert found[0].found == "no webhook"


@pytest.mark.parametrize(("engine", "level"), KINDS)
@pytest.mark.parametrize("assumed", list(ENGINES))
def test_the_rules_for_text_are_told_from_findings(engine, level, assumed):
    found = findings(
        DeviatingServer(feature_level=level, engine=engine), Server(assumed, level), *TEXT_RULES
    )
    assert engine_found(found, level) == engine
    assert engine_found(found[1:], level) == ""


def test_mongodb_is_found():
    (kind, sequence) = findings(
        DeviatingServer(engine="mongodb"), Server("mariadb", "1.9"), "server.engine", "ids.sequence"
    )
    assert (kind.found, sequence.found) == ("MongoDB", "growing texts")


def test_other_experiments_go_on_after_one_that_fails():
    server = DeviatingServer()
    with scratch(transport_to(server)) as laboratory:
        server.deviation = DEVIATIONS["blocks.created_at"]
        found = {
            finding.assumption.name: finding
            for finding in examine(laboratory, Server("mariadb", "1.9"), ["blocks"])
        }
        server.deviation = None
    assert "general_unknown" in found["blocks.created_at"].found
    assert found["blocks.rollback"].holds


class TestScratch:
    def databases(self, server: DeviatingServer) -> list[str]:
        return [each["$id"] for each in databases.list_databases(transport_to(server))]

    def test_the_database_is_deleted_after_an_exception(self):
        server = DeviatingServer()
        with pytest.raises(KeyboardInterrupt), scratch(transport_to(server)):
            assert len(self.databases(server)) == 1
            raise KeyboardInterrupt
        assert self.databases(server) == []

    def test_the_database_is_deleted_when_the_table_cannot_be_made(self):

        server = DeviatingServer(_refusing_tables)
        with pytest.raises(AppwriteError), scratch(transport_to(server)):
            pass
        assert self.databases(server) == []

    def test_a_database_that_a_killed_run_left_is_deleted_later(self, monkeypatch):
        server = DeviatingServer()
        databases.create_database(transport_to(server), f"{DATABASE_PREFIX}left", "left")
        databases.create_database(transport_to(server), "mine", "mine")
        with scratch(transport_to(server)):
            assert f"{DATABASE_PREFIX}left" in self.databases(server)  # another run may be using it
        monkeypatch.setattr("appwrite_orm_django.doctor.scratch.time.time", lambda: 4_000_000_000.0)
        with scratch(transport_to(server)):
            assert f"{DATABASE_PREFIX}left" not in self.databases(server)
        assert self.databases(server) == ["mine"]

    def test_a_given_database_stays(self):
        server = DeviatingServer()
        databases.create_database(transport_to(server), "mine", "mine")
        with scratch(transport_to(server), "mine") as laboratory:
            laboratory.create(text="x")
        assert self.databases(server) == ["mine"]

    def test_a_given_database_must_be_there(self):
        with (
            pytest.raises(ScratchRefused, match='The database "missing" does not exist'),
            scratch(transport_to(DeviatingServer()), "missing"),
        ):
            pass

    def test_kept(self):
        server = DeviatingServer()
        with scratch(transport_to(server), keep=True) as laboratory:
            pass
        assert self.databases(server) == [laboratory.database]


def _refusing_tables(request, handle) -> Deviation:
    from .deviations import refusal

    if request.method == "POST" and request.path.endswith("/tables"):
        return refusal(500, "general_unknown")
    return handle(request)
