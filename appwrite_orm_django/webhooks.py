"""
The endpoint that Appwrite calls when rows have been written: what it believes, and what it refuses.

Only the body and the address are signed. So table and row are taken from the body; of the event names, which travel in a header, only
the action is, and only if they name the same row. Source: ``src/Appwrite/Platform/Workers/Webhooks.php`` and observation of 1.9.6.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from appwrite_orm_django.aliases import appwrite_aliases
from appwrite_orm_django.backend.listening import WebhookSettings
from appwrite_orm_django.cache.keys import digest
from appwrite_orm_django.client.secret import Secret, without_frames
from appwrite_orm_django.identity import appwrite_key, visitor_not_required
from appwrite_orm_django.incoming import ACTIONS, Notice, UnknownTable, incoming, model_of, outdate
from appwrite_orm_django.schema.own_tables import PROBES_TABLE
from appwrite_orm_django.webhook_setup import probe_arrived

__all__ = ["webhook"]

logger = logging.getLogger("appwrite_orm_django.webhooks")

SIGNATURE = "X-Appwrite-Webhook-Signature"
EVENTS = "X-Appwrite-Webhook-Events"
PROJECT = "X-Appwrite-Webhook-Project-Id"


class Refused(Exception):
    """
    A delivery that is not believed, or not understood.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a delivery says of one row, after everything about it has been checked."""

    alias: str
    table: str
    row_id: str
    action: str
    signature: str


@csrf_exempt
@login_not_required
@visitor_not_required
@transaction.non_atomic_requests
def webhook(request: HttpRequest) -> HttpResponse:
    """
    Take a delivery; 204 once the cache has been invalidated, by when handlers have been told or are about to be.

    Refused are: no endpoint configured, or a table that no model has (404), another method than POST (405), a body that is too large
    (413) or not JSON by its header (415), a missing or wrong signature (401), another project (403), what is not one row in JSON
    (400), and what has been delivered before (409). Appwrite tries each delivery once, and turns a webhook off after ten failures in a
    row, of whatever status.
    """
    try:
        settings = _settings(request)
        delivery = read(request, settings)
        # Whoever is asked for by the middleware of users: Appwrite is no visitor.
        with appwrite_key():
            _take(delivery, settings[delivery.alias])
    except Refused as refusal:
        logger.warning("A webhook delivery was refused with %s: %s", refusal.status, refusal)
        response = HttpResponse(f"{refusal}\n", status=refusal.status, content_type="text/plain; charset=utf-8")
        if refusal.status == 405:
            response["Allow"] = "POST"
        return response
    return HttpResponse(status=204)


def read(request: HttpRequest, settings: Mapping[str, WebhookSettings]) -> Delivery:
    """
    Check a request against the settings of each alias.

    Raises:
        Refused: see ``webhook``. Nothing has happened then.
    """
    body = _body(request, max(one.max_bytes for one in settings.values()))
    signature = request.headers.get(SIGNATURE, "")
    signed_for = [alias for alias, one in settings.items() if is_signed(signature, one, body)]
    if not signed_for:
        raise Refused(401, "the signature is missing or wrong")
    if any(len(body) > settings[alias].max_bytes for alias in signed_for):
        raise Refused(413, "the body is too large")
    project = request.headers.get(PROJECT, "")
    in_project = [alias for alias in signed_for if connections[alias].settings_dict["USER"] == project]
    if not in_project:
        raise Refused(403, "the delivery is of another project")
    row = _row(body)
    for alias in in_project:
        connection: Any = connections[alias]
        if connection.database_id.lower() == row["$databaseId"].lower():
            table = row.get("$tableId") or row["$collectionId"]
            action = _action(request.headers.get(EVENTS, ""), row["$databaseId"], table, row["$id"])
            return Delivery(alias, table, row["$id"], action, signature)
    raise Refused(404, "no database of these settings is meant")


def signatures(settings: WebhookSettings, body: bytes) -> Iterator[str]:
    """
    Yield every signature that the body may have.

    Appwrite signs the address as it keeps it: with percent signs decoded (observed), or as it was told (its source).
    """
    for secret in settings.secrets:
        for url in dict.fromkeys((unquote(settings.url), settings.url)):
            yield without_frames(_signature, secret, url.encode() + body)


def _signature(secret: Secret, message: bytes) -> str:
    # The algorithm is Appwrite's; SHA-1 in an HMAC is not known to be broken.
    return base64.b64encode(hmac.new(secret.encoded(), message, hashlib.sha1).digest()).decode()


def is_signed(signature: str, settings: WebhookSettings, body: bytes) -> bool:
    """Tell whether a body was signed with one of the secrets; in the same time whichever it was, and however wrong it is."""
    given, is_right = signature.encode("utf-8", "replace"), False
    # All are compared, so that the time does not tell which of them, or that none, was right.
    for one in signatures(settings, body):
        is_right |= hmac.compare_digest(given, one.encode())
    return is_right


def _settings(request: HttpRequest) -> dict[str, WebhookSettings]:
    if request.method != "POST":
        raise Refused(405, "only POST")
    found: dict[str, WebhookSettings] = {}
    for alias in appwrite_aliases():
        connection: Any = connections[alias]
        if connection.options.webhook.secrets:
            found[alias] = connection.options.webhook
    if not found:
        raise Refused(404, "no webhook is configured")
    return found


def _body(request: HttpRequest, max_bytes: int) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal():
        raise Refused(400, "the length of the body is no number")
    if int(length) > max_bytes:
        raise Refused(413, "the body is too large")
    if request.content_type != "application/json":
        raise Refused(415, "the body is not JSON")
    # One more than allowed: the length that was announced is not to be relied on.
    body: bytes = request.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise Refused(413, "the body is too large")
    return body


def _row(body: bytes) -> dict[str, Any]:
    try:
        row = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(row, dict):
        raise Refused(400, "the body is no row")
    if not all(isinstance(row.get(name), str) and row[name] for name in ("$id", "$databaseId")):
        raise Refused(400, "the body is no row")
    if not isinstance(row.get("$tableId") or row.get("$collectionId"), str):
        raise Refused(400, "the body is no row")
    return row


def _action(events: str, database: str, table: str, row_id: str) -> str:
    prefixes = (
        f"databases.{database}.tables.{table}.rows.{row_id}.",
        f"databases.{database}.collections.{table}.documents.{row_id}.",
    )
    for name in events.split(","):
        for prefix in prefixes:
            if name.strip().startswith(prefix) and (action := name.strip()[len(prefix) :]) in ACTIONS:
                return action
    raise Refused(400, "the events do not name the row in the body")


def _take(delivery: Delivery, settings: WebhookSettings) -> None:
    if delivery.table == PROBES_TABLE:
        probe_arrived(delivery.alias, delivery.row_id)
        return
    try:
        model = model_of(delivery.alias, delivery.table)
    except UnknownTable:
        if settings.ignore_unknown:
            return
        raise Refused(404, "no model has its rows in this table") from None
    connection: Any = connections[delivery.alias]
    store, keys = connection.cache.core.store, connection.cache.core.keys
    # Deliveries have no number. But a row's every version has a body of its own ($updatedAt), and so a signature of its own; and
    # Appwrite never delivers twice. The action is part of it because of rows that are deleted as they were created.
    seen = f"{keys.stem}d:{digest(delivery.signature, delivery.action)}"
    if settings.remember_s and store.get_many((seen,)):
        raise Refused(409, "this was delivered before")
    notice = Notice(delivery.row_id, ACTIONS[delivery.action], "webhook")
    outdate(delivery.alias, delivery.table, model, [notice])
    # Remembered only now: had this process been killed before, somebody who delivers again would be refused, and the news lost.
    if settings.remember_s and not store.lease(seen, settings.remember_s):
        raise Refused(409, "this was delivered before")
    incoming.tell(delivery.alias, delivery.table, notice, coalesce_s=settings.coalesce_s)
