"""
Recordings of real servers, replayed against the local one.

The folder lies beside the checkout, or where APPWRITE_CONFORMANCE says. Recordings are replayed in the process; with
APPWRITE_CONFORMANCE_HTTP=1 (``make conformance``) also over a socket.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests

from appwrite_local.adapter import local_session
from appwrite_local.server import LocalServer
from appwrite_local.wsgi import running_http_server

FOLDER = Path(
    os.environ.get("APPWRITE_CONFORMANCE") or Path(__file__).parents[3] / "shared" / "conformance"
)
#: Folder of recordings: feature level and engine of the server that they are replayed against.
SERVERS = {
    "stable": ("1.9", "mariadb"),
    "postgresql": ("1.9", "postgresql"),
    "preview": ("2.x", "mariadb"),
    "storage": ("1.9", "mariadb"),
}
CARRIERS = ["in-process", "http"] if os.environ.get("APPWRITE_CONFORMANCE_HTTP") else ["in-process"]
HEADERS = {"X-Appwrite-Project": "demo", "X-Appwrite-Key": "secret"}

pytestmark = pytest.mark.conformance


def _load_replay() -> ModuleType | None:
    path = FOLDER / "replay.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("conformance_replay", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


replay = _load_replay()


def _scenarios() -> list[Any]:
    if replay is None:
        reason = f"no recordings in {FOLDER.name}/: set APPWRITE_CONFORMANCE"
        return [pytest.param(None, None, None, marks=pytest.mark.skip(reason=reason))]
    return [
        pytest.param(carrier, folder, path, id=f"{carrier}-{folder}-{path.stem}")
        for carrier in CARRIERS
        for folder in SERVERS
        for path in sorted((FOLDER / folder).glob("*.json"))
    ]


@pytest.fixture(scope="module")
def sessions() -> Iterator[dict[tuple[str, str], tuple[requests.Session, str]]]:
    """For each carrier and folder a server, reached by a session under a base URL."""
    made: dict[tuple[str, str], tuple[requests.Session, str]] = {}
    running = ExitStack()
    for folder, (level, engine) in SERVERS.items():
        server = LocalServer(feature_level=level, engine=engine)  # type: ignore[arg-type]
        made["in-process", folder] = local_session(server), "http://local.appwrite.test/v1"
        running.callback(server.close)
        if "http" in CARRIERS:
            endpoint = running.enter_context(running_http_server(server))
            made["http", folder] = running.enter_context(requests.Session()), endpoint
    with running:
        yield made


@pytest.mark.parametrize(("carrier", "folder", "path"), _scenarios())
def test_the_server_answers_as_recorded(
    sessions: Any, carrier: str, folder: str, path: Path
) -> None:
    assert replay is not None
    session, base_url = sessions[carrier, folder]
    (scenario,) = replay.iter_scenarios([path])
    mismatches = replay.run_scenario(scenario, session, base_url, HEADERS)
    assert not mismatches, "\n".join(map(str, mismatches[:20]))
