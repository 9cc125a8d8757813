"""Every assumption holds on the local server, and a server on which one does not is found out."""

from __future__ import annotations

import pytest

from appwrite_local.adapter import LocalAdapter
from appwrite_orm_django.client import databases
from appwrite_orm_django.client.errors import AppwriteError
from appwrite_orm_django.client.retries import Backoff
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.doctor.assumptions import ASSUMPTIONS, Server
from appwrite_orm_django.doctor.examination import Finding, examine
from appwrite_orm_django.doctor.scratch import DATABASE_PREFIX, ScratchRefused, scratch

from .deviations import DEVIATIONS, DeviatingServer, Deviation

pytestmark = pytest.mark.local_only("examines local servers that deviate; test_command examines the real one")

MEASUREMENTS = {assumption.name for assumption in ASSUMPTIONS if assumption.expected == ()}
BY_NAME = {assumption.name: assumption for assumption in ASSUMPTIONS}


def transport_to(server: DeviatingServer) -> Transport:
    transport = Transport("http://appwrite.example/v1", "demo", "secret", backoff=Backoff(sleep=lambda _s: None))
    transport._pool.session.mount("http://", LocalAdapter(server))
    return transport


def findings(server: DeviatingServer, assumed: Server, *only: str) -> list[Finding]:
    with scratch(transport_to(server)) as laboratory:
        return list(examine(laboratory, assumed, only))


@pytest.mark.parametrize("level", ["1.9", "2.x"])
def test_every_assumption_holds_on_the_local_server(level):
    found = findings(DeviatingServer(feature_level=level), Server("mariadb", level))
    assert [finding for finding in found if not finding.holds] == []
    assert {finding.assumption.name for finding in found} == set(BY_NAME)


def test_every_assumption_has_a_deviation():
    assert set(DEVIATIONS) == set(BY_NAME) - MEASUREMENTS


@pytest.mark.parametrize("name", sorted(DEVIATIONS))
def test_a_deviation_is_found(name):
    deviation = DEVIATIONS[name]
    server = DeviatingServer(**deviation) if isinstance(deviation, dict) else DeviatingServer()
    with scratch(transport_to(server)) as laboratory:
        if not isinstance(deviation, dict):
            server.deviation = deviation
        (finding,) = examine(laboratory, Server("mariadb", "1.9"), [name])
        server.deviation = None
    assert not finding.holds, finding.found
    assert BY_NAME[name].otherwise


def test_other_experiments_go_on_after_one_that_fails():
    server = DeviatingServer()
    with scratch(transport_to(server)) as laboratory:
        server.deviation = DEVIATIONS["blocks.created_at"]
        found = {
            finding.assumption.name: finding for finding in examine(laboratory, Server("mariadb", "1.9"), ["blocks"])
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
            pytest.raises(ScratchRefused, match='no database "missing"'),
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
