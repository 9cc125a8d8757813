"""
Test how the server reports writes, by a webhook and by realtime.

These experiments run on request, because they need more than the scratch database: the webhook of
the database in the settings, and a connection to realtime.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from appwrite_orm_django.client import rows, webhooks
from appwrite_orm_django.client.errors import NotFound

from .scratch import Ears, Event, Heard, Scratch, WebhookSetUp, new_id

NO_WEBHOOK, NO_CONNECTION = "no webhook", "no connection"
ALL_NAMED = "database, table, row, action"
#: Keys that locate a row in a payload. The table has one of two names.
_PLACES = ("$id", "$tableId", "$collectionId", "$databaseId")
_ANYBODY = ['read("any")']


# Webhook


def _set_up(scratch: Scratch) -> WebhookSetUp:
    if scratch.webhook is None:
        raise TypeError("This experiment needs the webhook: scratch.webhook is None.")
    return scratch.webhook


def _webhook(scratch: Scratch) -> webhooks.Webhook | None:
    try:
        return webhooks.get_webhook(scratch.transport, _set_up(scratch).id)
    except NotFound:
        return None


def _failures(webhook: webhooks.Webhook) -> str:
    last = " ".join(webhook["logs"].split())[:200]
    return f"{webhook['attempts']} in a row{f', the last one: {last}' if last else ''}"


def webhook_state(scratch: Scratch) -> str:
    webhook = _webhook(scratch)
    if webhook is None:
        return NO_WEBHOOK
    return "on" if webhook["enabled"] else f"off after failures: {_failures(webhook)}"


def webhook_address(scratch: Scratch) -> str:
    webhook = _webhook(scratch)
    if webhook is None:
        return NO_WEBHOOK
    return "as in the settings" if webhook["url"] == _set_up(scratch).url else str(webhook["url"])


def webhook_events(scratch: Scratch) -> str:
    webhook = _webhook(scratch)
    if webhook is None:
        return NO_WEBHOOK
    missing = sorted(set(_set_up(scratch).events) - set(webhook["events"]))
    return f"{len(missing)} missing: {missing[0]}" if missing else "all rows of the models"


def webhook_failures(scratch: Scratch) -> str:
    webhook = _webhook(scratch)
    if webhook is None:
        return NO_WEBHOOK
    return _failures(webhook) if webhook["attempts"] else "none"


def webhook_delivery(scratch: Scratch) -> str:
    """
    Return whether a delivery reaches the endpoint.

    The endpoint accepts only deliveries signed with a secret in the settings.
    """
    return _set_up(scratch).deliver() or "arrived"


# Realtime


def _ears(scratch: Scratch) -> Ears:
    if scratch.ears is None:
        raise TypeError("This experiment needs a connection to realtime: scratch.ears is None.")
    return scratch.ears


def _heard(scratch: Scratch) -> Heard:
    """Listen once for all experiments while creating a row outside and one inside a transaction."""
    ears = _ears(scratch)
    if ears.heard is None:
        ears.heard = Heard()
        with ears.listen(
            [f"databases.{scratch.database}.tables.{scratch.table.table}.rows"]
        ) as hear:
            outside, inside = new_id(), new_id()
            rows.create_row(
                scratch.transport, scratch.table, outside, {"text": "x"}, permissions=_ANYBODY
            )
            row = _of_row(hear, outside, ears.wait_s)
            with scratch.transaction() as transaction:
                data = {"text": "x", "$permissions": _ANYBODY}
                scratch.stage(transaction, scratch.operation("create", inside, data))
                scratch.commit(transaction)
            ears.heard = Heard(True, (outside, row), (inside, _of_row(hear, inside, ears.wait_s)))
    return ears.heard


def _of_row(hear: Callable[[float], Event | None], row_id: str, wait_s: float) -> Event | None:
    until = time.monotonic() + wait_s
    while (event := hear(until - time.monotonic())) is not None:
        if _payload(event).get("$id") == row_id or any(row_id in name for name in _names(event)):
            return event
    return None


def _names(event: Event) -> list[str]:
    return [str(name) for name in event.get("events") or ()]


def _payload(event: Event) -> Mapping[str, Any]:
    payload = event.get("payload")
    return payload if isinstance(payload, dict) else {}


def realtime_connection(scratch: Scratch) -> str:
    return "accepted" if _heard(scratch).connected else NO_CONNECTION


def _named(scratch: Scratch, row_id: str, event: Event | None) -> str:
    if event is None:
        return _silence(scratch)
    names = _names(event)
    place = f"{scratch.database}.tables.{scratch.table.table}.rows.{row_id}.create"
    if {f"databases.{place}", f"tablesdb.{place}"}.intersection(names):
        return ALL_NAMED
    return f"{len(names)} names: {', '.join(names[:2])}" if names else "no names"


def _placed(scratch: Scratch, event: Event | None) -> str:
    if event is None:
        return _silence(scratch)
    found = [key for key in _PLACES if key in _payload(event)]
    # Events of commits have both names, of which one is enough.
    if "$tableId" in found and "$collectionId" in found:
        found.remove("$collectionId")
    return ", ".join(found) or "none of these keys"


def _silence(scratch: Scratch) -> str:
    return (
        f"nothing within {_ears(scratch).wait_s:g} s"
        if _heard(scratch).connected
        else NO_CONNECTION
    )


def realtime_names(scratch: Scratch) -> str:
    return _named(scratch, *_heard(scratch).outside)


def realtime_payload(scratch: Scratch) -> str:
    return _placed(scratch, _heard(scratch).outside[1])


def realtime_commit_names(scratch: Scratch) -> str:
    return _named(scratch, *_heard(scratch).committed)


def realtime_commit_payload(scratch: Scratch) -> str:
    return _placed(scratch, _heard(scratch).committed[1])
