"""Webhooks of the project. The key needs the scopes ``webhooks.read`` and ``webhooks.write``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from appwrite_orm_django.client.references import path_segment

from .listing import every_item
from .secret import Secret, hidden, hide
from .transport import Transport

Webhook = dict[str, Any]

_SECRETS = ("secret", "authPassword")


def list_webhooks(transport: Transport) -> Iterator[Webhook]:
    """Yield every webhook; their secrets are not shown again."""
    return every_item(transport, "/webhooks", "webhooks", secrets=_SECRETS)


def get_webhook(transport: Transport, webhook_id: str) -> Webhook:
    """
    Return one webhook: ``name``, ``url``, ``events``, ``enabled``, ``attempts``, ``logs``.

    Raises:
        NotFound: there is none of this id.
    """
    return _without_secrets(transport.call("GET", f"/webhooks/{path_segment(webhook_id)}"))


def create_webhook(
    transport: Transport,
    webhook_id: str,
    name: str,
    url: str,
    events: Sequence[str],
    *,
    tls: bool = True,
    enabled: bool = True,
    secret: str | Secret | None = None,
) -> Webhook:
    """
    Create a webhook and return it, with its ``secret``, a ``Secret``, for the last time.

    Args:
        events: for example ``databases.*.tables.*.rows.*.create``.
        tls: verify the certificate of ``url``. The server's own default is not to.
        secret: 8 to 256 characters; made by the server when left out.
    """
    secret = hide(secret)
    body = {"webhookId": webhook_id, "name": name, "url": url, "events": list(events), "tls": tls, "enabled": enabled}
    if secret is not None:
        body["secret"] = secret
    return _without_secrets(transport.call("POST", "/webhooks", params=body))


def update_webhook(
    transport: Transport,
    webhook_id: str,
    *,
    name: str,
    url: str,
    events: Sequence[str],
    tls: bool = True,
    enabled: bool = True,
) -> Webhook:
    """Set all of a webhook's options; enabling one that failed ten times resets its count."""
    body = {"name": name, "url": url, "events": list(events), "tls": tls, "enabled": enabled}
    return _without_secrets(transport.call("PUT", f"/webhooks/{path_segment(webhook_id)}", params=body, safe=True))


def set_webhook_secret(transport: Transport, webhook_id: str, secret: str | Secret) -> None:
    """Sign with another secret from now on; 8 to 256 characters."""
    secret = Secret(secret)
    path = f"/webhooks/{path_segment(webhook_id)}/secret"
    transport.call("PATCH", path, params={"secret": secret}, safe=True)


def delete_webhook(transport: Transport, webhook_id: str) -> None:
    """Delete a webhook."""
    transport.call("DELETE", f"/webhooks/{path_segment(webhook_id)}")


def _without_secrets(webhook: Webhook) -> Webhook:
    """Return an answer with what is secret in it as a ``Secret``."""
    found: Webhook = hidden(webhook, _SECRETS)
    return found
