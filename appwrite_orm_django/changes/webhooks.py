"""
The endpoint that Appwrite calls when rows have been written: what it believes, and what follows.

Only the body and the address are signed, so what the body says counts more than the event names, which travel in a header. A commit's
bodies do not say of which database they are, and only the names do. Source: ``src/Appwrite/Platform/Workers/Webhooks.php`` and
observation of 1.9.6 and the 2.x preview.

Appwrite turns a webhook off after ten failures in a row. So whatever is signed is answered with 204, also what is of no use.
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

#: A larger body is refused before it is read. Appwrite takes requests of 12 MB, which six bytes for a character make larger.
MOST_BYTES = 80 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024


class Refused(Exception):
    """
    A request that is not a delivery of Appwrite's, as far as can be told.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    A delivery that is signed.

    Attributes:
        aliases: the databases whose secret it was signed with.
        project: as the header says it.
        events: names of the event, as the header says them.
        payload: what the body says; None if it is no JSON, or larger than ``MAX_BYTES``.
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
    Take a delivery; 204 once the cache has been invalidated, by when handlers have been told or are about to be.

    Refused is only what Appwrite does not send: another method than POST (405), a body that is larger than any row (413) or not JSON by
    its header (415), a missing or wrong signature (401), and everything while no secret is configured (404). What is signed and of no
    use (another database, a table without a model, no row) is answered with 204 as well, and logged.
    """
    try:
        settings = _settings(request)
        delivery = read(request, settings)
    except Refused as refusal:
        logger.warning("A webhook delivery was refused with %s: %s", refusal.status, refusal)
        response = HttpResponse(f"{refusal}\n", status=refusal.status, content_type="text/plain; charset=utf-8")
        if refusal.status == 405:
            response["Allow"] = "POST"
        return response
    # Whoever is asked for by the middleware of users: Appwrite is no visitor.
    with appwrite_key():
        _take(delivery, settings)
    return HttpResponse(status=204)


def read(request: HttpRequest, settings: Mapping[str, WebhookSettings]) -> Delivery:
    """
    Read a request, and check it against the settings of each alias.

    Raises:
        Refused: see ``webhook``. Nothing has happened then.
    """
    _check_form(request)
    signed = {alias: _signers(one) for alias, one in settings.items()}
    kept, length = bytearray(), 0
    most = max(one.max_bytes for one in settings.values())
    # The signature covers all of the body, also where it is too large to be kept.
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
    Return what computes each signature that a body may have, once it has been given the body.

    Appwrite signs the address as it keeps it: with percent signs decoded (observed), or as it was told (its source).
    """
    return [
        without_frames(_keyed, secret, url)
        for secret in settings.secrets
        for url in dict.fromkeys((unquote(settings.url), settings.url))
    ]


def _keyed(secret: Secret, url: str) -> hmac.HMAC:
    # The algorithm is Appwrite's; SHA-1 in an HMAC is not known to be broken.
    return hmac.new(secret.encoded(), url.encode(), hashlib.sha1)


def _is_signed(signature: str, signers: list[hmac.HMAC]) -> bool:
    """Return whether a signature is one of these; in the same time whichever it is, and however wrong it is."""
    given, is_right = signature.encode("utf-8", "replace"), False
    # All are compared, so that the time does not tell which of them, or that none, was right.
    for signer in signers:
        is_right |= hmac.compare_digest(given, base64.b64encode(signer.digest()))
    return is_right


def _settings(request: HttpRequest) -> dict[str, WebhookSettings]:
    if request.method != "POST":
        raise Refused(405, "only POST")
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
        raise Refused(400, "the length of the body is no number")
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
    """Invalidate what the delivery may be about in each database that it may be of, and log what is of no use in any."""
    unused = f"it is of the project {delivery.project}"
    is_used = False
    for alias in delivery.aliases:
        connection = appwrite_connection(alias)
        if delivery.project and delivery.project != connection.settings_dict["USER"]:
            continue
        tables = [*tables_of(alias), PROBES_TABLE]
        written = read_event(delivery.events, delivery.payload, connection.database_id, tables)
        if written.tables:
            is_used = True
            _outdate(alias, written, delivery, settings[alias])
        else:
            unused = written.problem
    if not is_used:
        level = logging.DEBUG if all(settings[alias].ignore_unknown for alias in delivery.aliases) else logging.WARNING
        logger.log(level, "A webhook delivery is of no use here: %s", unused)


def _outdate(alias: str, written: Written, delivery: Delivery, settings: WebhookSettings) -> None:
    if written.problem:
        logger.warning(
            "A webhook delivery outdates %s: %s",
            f"every row of {len(written.tables)} tables" if len(written.tables) > 1 else written.tables[0],
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
            logger.info("A webhook delivery for a row of %s came again", table)
            continue
        incoming.tell(alias, table, notice, coalesce_s=settings.coalesce_s)
        # Only now: had this process been killed before, the news would be lost to whoever delivers it again.
        if settings.remember_s:
            memory.keep(settings.remember_s)


class _Memory:
    """
    The last delivery for a row, which processes share.

    Commits tell of each operation on a row with the row as it is after all of them, so that two such deliveries are alike. Only the
    last one is kept: a row may come to be again what it was before.
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
