"""
Receive webhook deliveries: verify the signature, invalidate the cache and notify handlers.

Only the body and the address are signed, so the body takes precedence over the event names, which
come in a header. The bodies of a commit do not name their database; only the event names do.
Source: ``src/Appwrite/Platform/Workers/Webhooks.php`` and observation of 1.9.6 and the 2.x preview.

Appwrite turns a webhook off after ten failures in a row. Every signed delivery is therefore
answered with 204, even if it does not apply here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.cache.keys import digest, fold
from appwrite_orm_django.changes.dispatch import Notice, incoming, outdate, tables_of
from appwrite_orm_django.changes.event_names import Written, read_event
from appwrite_orm_django.changes.webhook_setup import probe_arrived
from appwrite_orm_django.client.secret import Secret, without_frames
from appwrite_orm_django.conf import WebhookSettings, appwrite_aliases
from appwrite_orm_django.schema.own_tables import PROBES_TABLE
from appwrite_orm_django.users.accounts import appwrite_key
from appwrite_orm_django.users.middleware import visitor_not_required

__all__ = ["webhook"]

logger = logging.getLogger("appwrite_orm_django.webhooks")

SIGNATURE = "X-Appwrite-Webhook-Signature"
EVENTS = "X-Appwrite-Webhook-Events"
PROJECT = "X-Appwrite-Webhook-Project-Id"

#: A larger body is rejected before it is read. Appwrite accepts requests of 12 MB, which escapes of
#: six bytes per character enlarge.
MOST_BYTES = 80 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024


class Refused(Exception):
    """
    A request that cannot be verified as a delivery from Appwrite.

    Attributes:
        status: HTTP status of the response.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    A signed delivery.

    Attributes:
        aliases: the databases whose secret signed it.
        project: project id, from the header.
        events: names of the event, from the header.
        payload: the parsed body; None if it is not JSON, or larger than ``MAX_BYTES``.
    """

    aliases: tuple[str, ...]
    project: str
    events: tuple[str, ...]
    payload: Any
    signature: str


@csrf_exempt
@login_not_required
@visitor_not_required
@transaction.non_atomic_requests
def webhook(request: HttpRequest) -> HttpResponse:
    """
    Process a delivery; answer 204 once the cache is invalidated.

    Handlers have been called by then, or will be soon. Only requests that Appwrite does not send
    are rejected: methods other than POST (405), a body larger than any row (413) or not JSON by its
    header (415), a missing or wrong signature (401), and all requests while no secret is configured
    (404). A signed delivery that does not apply here (another database, a table without a model, no
    row) is also answered with 204, and logged.
    """
    try:
        settings = _settings(request)
        delivery = read(request, settings)
    except Refused as refusal:
        logger.warning("Rejected a webhook delivery with %s: %s", refusal.status, refusal)
        response = HttpResponse(
            f"{refusal}\n", status=refusal.status, content_type="text/plain; charset=utf-8"
        )
        if refusal.status == 405:
            response["Allow"] = "POST"
        return response
    # Ignore the identity that the user middleware set: Appwrite is not a visitor.
    with appwrite_key():
        _take(delivery, settings)
    return HttpResponse(status=204)


def read(request: HttpRequest, settings: Mapping[str, WebhookSettings]) -> Delivery:
    """
    Read a request, and verify it against the settings of each alias.

    Raises:
        Refused: see ``webhook``. Nothing has been done then.
    """
    _check_form(request)
    signed = {alias: _signers(own) for alias, own in settings.items()}
    kept, length = bytearray(), 0
    most = max(own.max_bytes for own in settings.values())
    # The signature covers the whole body, even if it is too large to keep.
    while chunk := request.read(_CHUNK_BYTES):
        length += len(chunk)
        if length > MOST_BYTES:
            raise Refused(413, "the body is too large")
        for signers in signed.values():
            for signer in signers:
                signer.update(chunk)
        if length <= most:
            kept += chunk
    signature = request.headers.get(SIGNATURE, "")
    aliases = tuple(alias for alias, signers in signed.items() if _is_signed(signature, signers))
    if not aliases:
        raise Refused(401, "the signature is missing or wrong")
    events = tuple(name.strip() for name in request.headers.get(EVENTS, "").split(","))
    payload = _json(bytes(kept)) if length <= most else None
    return Delivery(aliases, request.headers.get(PROJECT, ""), events, payload, signature)


def _signers(settings: WebhookSettings) -> list[hmac.HMAC]:
    """
    Return an HMAC object for each possible signature, to be updated with the body.

    Appwrite signs the address as it stores it: percent-decoded (observed), or as registered (its
    source).
    """
    return [
        without_frames(_keyed, secret, url)
        for secret in settings.secrets
        for url in dict.fromkeys((unquote(settings.url), settings.url))
    ]


def _keyed(secret: Secret, url: str) -> hmac.HMAC:
    # Appwrite uses SHA-1; as an HMAC it is not known to be broken.
    return hmac.new(secret.encoded(), url.encode(), hashlib.sha1)


def _is_signed(signature: str, signers: list[hmac.HMAC]) -> bool:
    """Return whether a signature is valid, in constant time."""
    given, is_right = signature.encode("utf-8", "replace"), False
    # Compare all of them, so that the time does not reveal which one matched, if any.
    for signer in signers:
        is_right |= hmac.compare_digest(given, base64.b64encode(signer.digest()))
    return is_right


def _settings(request: HttpRequest) -> dict[str, WebhookSettings]:
    if request.method != "POST":
        raise Refused(405, "only POST is allowed")
    found: dict[str, WebhookSettings] = {}
    for alias in appwrite_aliases():
        connection = appwrite_connection(alias)
        if connection.options.webhook.secrets:
            found[alias] = connection.options.webhook
    if not found:
        raise Refused(404, "no webhook is configured")
    return found


def _check_form(request: HttpRequest) -> None:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal():
        raise Refused(400, "the content length is not a number")
    if int(length) > MOST_BYTES:
        raise Refused(413, "the body is too large")
    if request.content_type != "application/json":
        raise Refused(415, "the body is not JSON")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _take(delivery: Delivery, settings: Mapping[str, WebhookSettings]) -> None:
    """
    Invalidate what the delivery may affect in each database that it may belong to.

    Log it if it applies to none.
    """
    unused = f"it belongs to the project {delivery.project}"
    is_used = False
    for alias in delivery.aliases:
        connection = appwrite_connection(alias)
        if delivery.project and delivery.project != connection.settings_dict["USER"]:
            continue
        tables = [*tables_of(alias), PROBES_TABLE]
        written = read_event(delivery.events, delivery.payload, connection.database_id, tables)
        if written.tables:
            is_used = True
            _invalidate(alias, written, delivery, settings[alias])
        else:
            unused = written.problem
    if not is_used:
        level = (
            logging.DEBUG
            if all(settings[alias].ignore_unknown for alias in delivery.aliases)
            else logging.WARNING
        )
        logger.log(level, "Ignored a webhook delivery: %s", unused)


def _invalidate(
    alias: str, written: Written, delivery: Delivery, settings: WebhookSettings
) -> None:
    if written.problem:
        logger.warning(
            "A webhook delivery invalidates %s: %s",
            f"every row of {len(written.tables)} tables"
            if len(written.tables) > 1
            else written.tables[0],
            written.problem,
        )
    models = tables_of(alias)
    notice = Notice(written.row_id, written.operation, "webhook")
    for table in written.tables:
        if table in models:
            outdate(alias, table, models[table], [notice])
        elif written.row_id is not None:
            probe_arrived(alias, written.row_id)
    for table in written.tables:
        if table not in models:
            continue
        memory = _Memory(alias, table, written, delivery)
        if settings.remember_s and memory.is_of_this():
            logger.info("Ignored a repeated webhook delivery for a row of %s", table)
            continue
        incoming.tell(alias, table, notice, coalesce_s=settings.coalesce_s)
        # Remember it last: if the process is killed before, a repeated delivery must count as new.
        if settings.remember_s:
            memory.keep(settings.remember_s)


class _Memory:
    """
    The last delivery for a row, shared between processes.

    A commit reports each operation on a row with the row's final state, so such deliveries are
    identical. Only the last one is kept, because a row may return to an earlier state.
    """

    def __init__(self, alias: str, table: str, written: Written, delivery: Delivery) -> None:
        connection = appwrite_connection(alias)
        self._store, stem = connection.cache.core.store, connection.cache.core.keys.stem
        self._key = f"{stem}d:{digest(fold(table), fold(written.row_id))}" if written.row_id else ""
        self._value = digest(delivery.signature, written.operation)

    def is_of_this(self) -> bool:
        found = self._store.get_many((self._key,)) if self._key else None
        return found is not None and found.get(self._key) == self._value.encode()

    def keep(self, for_s: float) -> None:
        if self._key:
            self._store.put(self._key, self._value, for_s)
