"""
Manage webhooks through the API, and deliver events to them in a thread.

Deliveries are tried once, signed as the server signs them, and counted: ten consecutive failures
disable a webhook. A full queue drops deliveries instead of blocking writers. Source:
``src/Appwrite/Platform/Workers/Webhooks.php`` and observation of a 1.9.6 server.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import os
import queue
import secrets
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import requests

from appwrite_local import identifiers
from appwrite_local.datetimes import now_text
from appwrite_local.errors import REPORTED_VERSION, ApiError
from appwrite_local.events import Event
from appwrite_local.messages import Response, json_response, no_content
from appwrite_local.metadata_lists import Listing, select_entries
from appwrite_local.routing import Call, Param, Route
from appwrite_local.storage import Session, Storage
from appwrite_local.validators import (
    QUERIES,
    Boolean,
    CustomId,
    HttpUrl,
    Matching,
    Nullable,
    Text,
    Uid,
    list_of,
)

MAX_FAILURES = 10
MAX_QUEUED = 10_000
TIMEOUT_S = 15.0
READ = ("webhooks.read",)
WRITE = ("webhooks.write",)

_LISTING = Listing(
    "Webhook", {"name": "text", "url": "text", "enabled": "boolean", "attempts": "integer"}
)
_COLUMNS = "id, name, url, events, tls, username, password, secret, enabled, logs, attempts, created, updated"

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Webhook:
    id: str
    name: str
    url: str
    events: list[str]
    tls: bool
    username: str
    password: str = field(repr=False)
    secret: str = field(repr=False)
    enabled: bool
    logs: str
    attempts: int
    created: str
    updated: str


def _load(session: Session, where: str = "1", params: Sequence[Any] = ()) -> list[Webhook]:
    rows = session.all(f"SELECT {_COLUMNS} FROM _webhooks WHERE {where} ORDER BY seq", params)
    return [_webhook(dict(zip(_COLUMNS.split(", "), row, strict=True))) for row in rows]


def _webhook(values: dict[str, Any]) -> Webhook:
    shaped = {
        "events": json.loads(values["events"]),
        "tls": bool(values["tls"]),
        "enabled": bool(values["enabled"]),
    }
    return Webhook(**{**values, **shaped})


def webhook_json(webhook: Webhook, *, secret: str = "") -> dict[str, Any]:
    return {
        "$id": webhook.id, "$createdAt": webhook.created, "$updatedAt": webhook.updated, "name": webhook.name, "url": webhook.url,
        "events": webhook.events, "tls": webhook.tls, "authUsername": webhook.username, "authPassword": webhook.password,
        "secret": secret, "enabled": webhook.enabled, "logs": webhook.logs, "attempts": webhook.attempts,
    }  # fmt: skip


def _require(call: Call) -> Webhook:
    found = _load(call.session, "id = ?", (call.args["webhookId"],))
    if not found:
        raise ApiError("webhook_not_found")
    return found[0]


def create_webhook(call: Call) -> Response:
    args = call.args
    webhook_id = identifiers.new_id() if args["webhookId"] == "unique()" else args["webhookId"]
    if _load(call.session, "id = ?", (webhook_id,)):
        raise ApiError("webhook_already_exists")
    secret, now = args["secret"] or secrets.token_hex(64), now_text()
    call.session.execute(
        f"INSERT INTO _webhooks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, ?, ?)",
        (
            webhook_id, args["name"], args["url"], json.dumps(_listed(args["events"])), args["tls"], args["authUsername"],
            args["authPassword"], secret, args["enabled"], now, now,
        ),
    )  # fmt: skip
    return json_response(
        201, webhook_json(_load(call.session, "id = ?", (webhook_id,))[0], secret=secret)
    )


def _listed(value: Any) -> list[str]:
    return list(value.values() if isinstance(value, Mapping) else value)


def list_webhooks(call: Call) -> Response:
    entries = [webhook_json(webhook) for webhook in _load(call.session)]
    chosen, total = select_entries(_LISTING, entries, call.args["queries"], call.args["total"])
    return json_response(
        200, {"total": total, "webhooks": [entries[position] for position in chosen]}
    )


def get_webhook(call: Call) -> Response:
    return json_response(200, webhook_json(_require(call)))


def update_webhook(call: Call) -> Response:
    """Set all options. Omitted ones are reset; enabling resets the count of failures."""
    args, webhook = call.args, _require(call)
    call.session.execute(
        "UPDATE _webhooks SET name = ?, url = ?, events = ?, tls = ?, username = ?, password = ?, "
        "enabled = ?, attempts = ?, updated = ? WHERE id = ?",
        (
            args["name"], args["url"], json.dumps(_listed(args["events"])), args["tls"], args["authUsername"], args["authPassword"],
            args["enabled"], 0 if args["enabled"] else webhook.attempts, now_text(), webhook.id,
        ),
    )  # fmt: skip
    return json_response(200, webhook_json(_require(call)))


def renew_secret(call: Call) -> Response:
    webhook, secret = _require(call), call.args["secret"] or secrets.token_hex(64)
    call.session.execute(
        "UPDATE _webhooks SET secret = ?, updated = ? WHERE id = ?",
        (secret, now_text(), webhook.id),
    )
    return json_response(200, webhook_json(_require(call), secret=secret))


def delete_webhook(call: Call) -> Response:
    call.session.execute("DELETE FROM _webhooks WHERE id = ?", (_require(call).id,))
    return no_content()


def any_enabled(session: Session) -> bool:
    return session.one("SELECT 1 FROM _webhooks WHERE enabled") is not None


def deliveries(session: Session, events: Sequence[Event]) -> list[tuple[Webhook, Event]]:
    """Return the webhooks to call for each event, in the order of the events."""
    if not any_enabled(session):
        return []
    webhooks = _load(session, "enabled")
    found = []
    for event in events:
        names = set(event.names)
        found += [(webhook, event) for webhook in webhooks if not names.isdisjoint(webhook.events)]
    return found


def encode_payload(payload: Mapping[str, Any]) -> bytes:
    """Encode as PHP's ``json_encode`` does: ASCII only, slashes escaped."""
    return json.dumps(payload, separators=(",", ":")).replace("/", "\\/").encode()


def sign(secret: str, url: str, body: bytes) -> str:
    """
    Sign a delivery with HMAC-SHA1, in base64.

    The signature covers the percent-decoded URL and the body as it is sent.
    """
    digest = hmac.new(secret.encode(), unquote(url).encode() + body, hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def headers_of(webhook: Webhook, event: Event, body: bytes) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": f"Appwrite-Server v{REPORTED_VERSION}. Local server for development and tests",
        "X-Appwrite-Webhook-Id": webhook.id,
        "X-Appwrite-Webhook-Events": ",".join(event.names),
        "X-Appwrite-Webhook-Name": webhook.name,
        "X-Appwrite-Webhook-User-Id": event.user_id,
        "X-Appwrite-Webhook-Project-Id": event.project,
        "X-Appwrite-Webhook-Signature": sign(webhook.secret, webhook.url, body),
    }


class Deliverer:
    """
    Deliver in the order of the writes, one delivery at a time.

    The thread starts with the first delivery of a process.
    """

    def __init__(self, storage: Storage, timeout_s: float = TIMEOUT_S) -> None:
        self._storage = storage
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._queue: queue.Queue[tuple[Webhook, Event] | None] = queue.Queue(MAX_QUEUED)
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def enqueue(self, items: Sequence[tuple[Webhook, Event]]) -> None:
        """Enqueue a delivery. If the queue is full, it is dropped and logged."""
        if not items:
            return
        self._start()
        for item in items:
            try:
                self._queue.put_nowait(item)
            except queue.Full:
                logger.warning(
                    "The webhook queue is full; the delivery to %s of %s was dropped",
                    item[0].url,
                    item[1].names[0],
                )

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait for all enqueued deliveries; return whether they finished in time."""
        deadline = time.monotonic() + timeout_s
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return False
                self._queue.all_tasks_done.wait(left_s)
        return True

    def close(self) -> None:
        """Stop after the current delivery; the rest of the queue is dropped."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None or not thread.is_alive() or self._pid != os.getpid():
            return
        while True:
            try:
                self._queue.get_nowait()
                self._queue.task_done()
            except queue.Empty:
                break
        self._queue.put(None)
        thread.join(self._timeout_s)

    def _start(self) -> None:
        with self._lock:
            if self._pid != os.getpid():
                # Threads do not survive a fork.
                self._pid, self._thread, self._queue = os.getpid(), None, queue.Queue(MAX_QUEUED)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="local-appwrite-webhooks", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (item := self._queue.get()) is not None:
                try:
                    self._deliver(session, *item)
                except Exception:  # noqa: BLE001 - logged, and the next one is delivered all the same
                    # As text: the variables of the frames include the webhook's secret.
                    logger.error("A webhook could not be delivered\n%s", traceback.format_exc())  # noqa: TRY400
                finally:
                    self._queue.task_done()
            self._queue.task_done()

    def _deliver(self, session: requests.Session, webhook: Webhook, event: Event) -> None:
        body = encode_payload(event.payload)
        auth = (
            (webhook.username, webhook.password) if webhook.username or webhook.password else None
        )
        problem = ""
        try:
            response = session.post(
                webhook.url, data=body, headers=headers_of(webhook, event, body), auth=auth, timeout=self._timeout_s,
                verify=webhook.tls, allow_redirects=False,
            )  # fmt: skip
            if response.status_code >= 400:
                problem = f"Response code: {response.status_code}\nResponse body:\n{response.text[:10_000]}"
        except requests.RequestException as error:
            problem = f"{type(error).__name__}: {error}"
        self._record(webhook, problem)

    def _record(self, webhook: Webhook, problem: str) -> None:
        if not problem:
            if webhook.attempts:
                self._update("attempts = 0", (), webhook)
            return
        text = f"URL: {webhook.url}\nMethod: POST\n{problem}"
        self._update(
            "attempts = attempts + 1, logs = ?, enabled = enabled AND attempts + 1 < "
            f"{MAX_FAILURES}, updated = ?",
            (text, now_text()),
            webhook,
        )

    def _update(self, change: str, params: tuple[Any, ...], webhook: Webhook) -> None:
        with self._storage.session(writes=True) as session:
            session.execute(f"UPDATE _webhooks SET {change} WHERE id = ?", (*params, webhook.id))


_ID = Param("webhookId", Uid())
_EVENTS = list_of(
    Matching(r"[A-Za-z]+(\.([A-Za-z0-9*][A-Za-z0-9._-]*|\*))*", "Event is not valid."), None
)
_SECRET = Param("secret", Nullable(Text(256, 8)), None, nullable=True)
_OPTIONS = (
    Param("name", Text(128)), Param("url", HttpUrl()), Param("events", _EVENTS), Param("enabled", Boolean(), True),
    Param("tls", Boolean(), False), Param("authUsername", Text(256, 0), ""), Param("authPassword", Text(256, 0), ""),
)  # fmt: skip

ROUTES = [
    Route("POST", "/webhooks", create_webhook, WRITE, (Param("webhookId", CustomId()), *_OPTIONS, _SECRET)),
    Route("GET", "/webhooks", list_webhooks, READ, (Param("queries", QUERIES, []), Param("total", Boolean(loose=True), True)), writes=False),
    Route("GET", "/webhooks/{webhookId}", get_webhook, READ, (_ID,), writes=False),
    Route("PUT", "/webhooks/{webhookId}", update_webhook, WRITE, (_ID, *_OPTIONS)),
    Route("PATCH", "/webhooks/{webhookId}/secret", renew_secret, WRITE, (_ID, _SECRET)),
    Route("DELETE", "/webhooks/{webhookId}", delete_webhook, WRITE, (_ID,)),
]  # fmt: skip
