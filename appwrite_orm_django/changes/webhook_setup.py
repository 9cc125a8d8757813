"""
Create, inspect, test and delete a database's webhook on the server.

Plain data in and out: ``manage.py appwrite_webhook`` parses the arguments, calls this and prints.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from django.core.cache import caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.backend.row_ids import new_row_id
from appwrite_orm_django.cache.keys import digest
from appwrite_orm_django.client import rows, tables, webhooks
from appwrite_orm_django.client.errors import AlreadyExists, NotFound, TableNotFound
from appwrite_orm_django.schema.own_tables import PROBES_TABLE

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper

__all__ = ["Checked", "check", "create", "delete", "listed", "probe_arrived", "webhook_id_for"]

#: Maximum number of events that Appwrite accepts for a webhook.
MAX_EVENTS = 100
_PROBE_LIFE_S = 300.0


def webhook_id_for(alias: str) -> str:
    """Return the id of a database's webhook. It never changes, so creating it twice makes one."""
    connection = appwrite_connection(alias)
    return f"appwrite-orm-{digest(connection.database_id.lower())[:16]}"


def events_for(alias: str) -> list[str]:
    """
    Return the events to subscribe to.

    These are all row events of the models' tables, and of the table that ``check`` uses. They are
    those of every table if there are more tables than a webhook can have events.
    """
    connection = appwrite_connection(alias)
    base = f"databases.{connection.database_id}.tables"
    names = dict.fromkeys(
        [*(connection.table_of(model) for model in connection.cached_models()), PROBES_TABLE]
    )
    if len(names) > MAX_EVENTS:
        return [f"{base}.*.rows.*"]
    return [f"{base}.{name}.rows.*" for name in names]


def create(alias: str) -> tuple[Literal["created", "updated"], webhooks.Webhook]:
    """
    Create the webhook, or update the address, events and secret of the existing one.

    A webhook that was turned off is turned on again.

    Raises:
        ImproperlyConfigured: there is no address or no secret.
        AppwriteError: the key lacks the scope ``webhooks.write``, or the server rejects the
            address.
    """
    connection = appwrite_connection(alias)
    settings, transport = connection.options.webhook, connection.transport
    if not settings.secrets:
        raise ImproperlyConfigured(
            f'DATABASES["{alias}"]["OPTIONS"]["WEBHOOK"] needs a URL and SECRETS; '
            'generate a secret with: python -c "import secrets; print(secrets.token_urlsafe(48))".'
        )
    id_, name = webhook_id_for(alias), f"appwrite-orm-django {connection.database_id}"
    events, tls, secret = events_for(alias), settings.url.startswith("https:"), settings.secrets[0]
    try:
        return "created", webhooks.create_webhook(
            transport, id_, name, settings.url, events, tls=tls, secret=secret
        )
    except AlreadyExists:
        # Set the secret first: the new address would reject every delivery signed with the old
        # secret.
        webhooks.set_webhook_secret(transport, id_, secret)
        found = webhooks.update_webhook(
            transport, id_, name=name, url=settings.url, events=events, tls=tls
        )
        return "updated", found


def listed(alias: str) -> Iterator[tuple[bool, webhooks.Webhook]]:
    """Yield the project's webhooks, each with whether it is the one that ``create`` makes."""
    connection = appwrite_connection(alias)
    ours = webhook_id_for(alias)
    for webhook in webhooks.list_webhooks(connection.transport):
        yield webhook["$id"] == ours, webhook


def delete(alias: str) -> bool:
    """Delete the webhook, and return whether it existed."""
    connection = appwrite_connection(alias)
    try:
        webhooks.delete_webhook(connection.transport, webhook_id_for(alias))
    except NotFound:
        return False
    return True


# Tests of the delivery


@dataclass(frozen=True, slots=True)
class Checked:
    """
    The result of ``check``.

    Attributes:
        arrived: whether a process that shares the cache received a delivery at its endpoint.
        after_s: seconds until it arrived.
        problem: a sentence about what is wrong, if anything is.
    """

    arrived: bool
    after_s: float = 0.0
    problem: str = ""


def probe_arrived(alias: str, row_id: str) -> None:
    """Record that the endpoint received the delivery for a row of ``check``."""
    connection = appwrite_connection(alias)
    core = connection.cache.core
    core.store.put(_probe_key(core, row_id), "arrived", _PROBE_LIFE_S)


def _probe_key(core: Any, row_id: str) -> str:
    return f"{core.keys.stem}p:{row_id}"


def check(
    alias: str,
    *,
    wait_s: float = 15.0,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Checked:
    """
    Create a row in a table of our own, wait for its delivery to the endpoint, and delete both.

    Raises:
        AppwriteError: the key lacks the scopes ``webhooks.read``, ``tables.write`` or
            ``rows.write``.
    """
    connection = appwrite_connection(alias)
    transport, table = connection.transport, connection.table_ref(PROBES_TABLE)
    try:
        before = webhooks.get_webhook(transport, webhook_id_for(alias))
    except NotFound:
        return Checked(
            False, problem="There is no webhook: create it with appwrite_webhook create."
        )
    if problem := _obstacle(alias, before):
        return Checked(False, problem=problem)
    row_id = new_row_id()
    with suppress(AlreadyExists):  # of an interrupted check, or of one that is running
        tables.create_table(transport, table, "Probes of appwrite-orm-django")
    try:
        started = clock()
        rows.create_rows(transport, table, [{"$id": row_id}])
        core = connection.cache.core
        while clock() - started < wait_s:
            key = _probe_key(core, row_id)
            if (core.store.get_many((key,)) or {}).get(key):
                return Checked(True, clock() - started)
            after = webhooks.get_webhook(transport, webhook_id_for(alias))
            if after["attempts"] > before["attempts"]:
                return Checked(
                    False, problem=f"Appwrite could not deliver: {_first_lines(after['logs'])}"
                )
            sleep(0.1)
        return Checked(False, problem=_silence(connection, wait_s))
    finally:
        with suppress(TableNotFound):
            tables.delete_table(transport, table)


def _obstacle(alias: str, webhook: webhooks.Webhook) -> str:
    connection = appwrite_connection(alias)
    settings = connection.options.webhook
    if not webhook["enabled"]:
        return (
            f"Appwrite has turned the webhook off after {webhook['attempts']} failures, "
            f"the last one: {_first_lines(webhook['logs'])}. "
            "Fix that, then run appwrite_webhook create."
        )
    if webhook["url"] != settings.url:
        return f"Appwrite calls {webhook['url']}, but the settings say {settings.url}: run appwrite_webhook create."
    wanted = set(events_for(alias))
    if missing := sorted(wanted - set(webhook["events"])):
        return (
            f"The webhook is not subscribed to {missing[0]} ({len(missing)} events in all): "
            "run appwrite_webhook create."
        )
    return ""


def _silence(connection: DatabaseWrapper, wait_s: float) -> str:
    name = connection.cache.settings.alias
    if isinstance(caches[name], LocMemCache | DummyCache):
        return (
            "Appwrite reports no failure, but this process cannot see whether the delivery "
            f'arrived: CACHES["{name}"] is in the memory of each process. '
            "Use a shared cache, such as Redis."
        )
    return (
        f"Nothing arrived within {wait_s:g} s, and Appwrite reports no failure. Check that its "
        "webhooks worker is running, and that the processes that serve the address use this "
        f'CACHES["{name}"].'
    )


def _first_lines(log: str) -> str:
    return " ".join(log.split())[:300]
