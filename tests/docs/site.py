"""A site as the pages about other clients and end users suppose it: it runs, has a shop and users, and is configured for webhooks."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections
from opentelemetry.instrumentation.requests import RequestsInstrumentor

from appwrite_local.registry import local_server
from appwrite_orm_django.backend.users import accounts
from appwrite_orm_django.changes import handlers
from appwrite_orm_django.client import webhooks
from tests.docs.in_process import SECRET
from tests.library.models import Tag


@contextmanager
def running_site(url: str) -> Iterator[dict[str, Any]]:
    """Configure the site that is served at ``url``; yields the names that its pages use, and takes away what they have registered."""
    connection: Any = connections["appwrite"]
    accounts.forget_all()
    known = list(handlers._registered)
    with pytest.MonkeyPatch.context() as patch:
        shop = types.ModuleType("shop.models")
        shop.Product = Tag  # type: ignore[attr-defined]
        patch.setitem(sys.modules, "shop", types.ModuleType("shop"))
        patch.setitem(sys.modules, "shop.models", shop)
        given = {"URL": f"{url}/appwrite/webhook/", "SECRETS": [SECRET]}
        patch.setitem(connection.settings_dict, "OPTIONS", {"WEBHOOK": given})
        connection.__dict__.pop("options", None)
        users = {
            user: connection.transport.call("POST", "/local/users", params={"userId": user})
            for user in ("ann", "bob")
        }
        try:
            yield {"jwt_of_ann": users["ann"]["jwt"], "session_of_bob": users["bob"]["session"]}
        finally:
            for one in [one for one in handlers._registered if one not in known]:
                handlers.forget(one.function)
            for webhook in list(webhooks.list_webhooks(connection.transport)):
                webhooks.delete_webhook(connection.transport, webhook["$id"])
            RequestsInstrumentor().uninstrument()
            # Deliveries wait for each other. One that is still tried counts against the next webhook of the same id, and delays its own.
            assert local_server(connection.settings_dict["HOST"]).flush(60)
    connection.__dict__.pop("options", None)
