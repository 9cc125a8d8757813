"""docs/howto/{webhooks,realtime,end-users,tracing}.md and docs/explanation/security.md: their code and their commands run."""

import io
import shlex
import sys
import types
from pathlib import Path

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.test.utils import isolate_apps
from opentelemetry.instrumentation.requests import RequestsInstrumentor

from appwrite_orm_django import handlers
from appwrite_orm_django.backend.options import Options
from appwrite_orm_django.backend.users import accounts
from appwrite_orm_django.client import webhooks
from tests.docs.pages import DOCS, Page
from tests.library.models import Tag

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)
PAGES = ["howto/webhooks", "howto/realtime", "howto/end-users", "howto/tracing", "explanation/security"]


@pytest.fixture(autouse=True)
def site(live_server, monkeypatch, appwrite):
    """A site as the pages suppose it: it runs, has a shop, and is configured for webhooks."""
    caches["default"].clear()
    accounts.forget_all()
    shop = types.ModuleType("shop.models")
    shop.Product = Tag
    monkeypatch.setitem(sys.modules, "shop", types.ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.models", shop)
    given = {"URL": f"{live_server.url}/appwrite/webhook/", "SECRETS": ["a secret of the tests"]}
    monkeypatch.setitem(appwrite.settings_dict, "OPTIONS", {"WEBHOOK": given})
    appwrite.__dict__.pop("options", None)
    known = list(handlers._registered)
    yield
    for one in [one for one in handlers._registered if one not in known]:
        handlers.forget(one.function)
    for webhook in list(webhooks.list_webhooks(appwrite.transport)):
        webhooks.delete_webhook(appwrite.transport, webhook["$id"])
    RequestsInstrumentor().uninstrument()
    monkeypatch.undo()
    appwrite.__dict__.pop("options", None)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_runs(name, appwrite):
    page = Page(Path(DOCS / f"{name}.md"))
    assert (page.runner, page.front_matter["test"]) == ("elsewhere", "tests/backend/test_docs_outside.py")
    users = {user: appwrite.transport.call("POST", "/local/users", params={"userId": user}) for user in ("ann", "bob")}
    namespace = {
        # Models that it defines belong to the library, but not to other tests.
        "__name__": "tests.library.models",
        "jwt_of_ann": users["ann"]["jwt"],
        "session_of_bob": users["bob"]["session"],
    }
    with isolate_apps("tests.library"):
        for block in page.blocks():
            if block.language == "python":
                # Errors then name the line of the page.
                code = compile("\n" * (block.line - 1) + block.code, str(page.path), "exec")
                exec(code, namespace)  # noqa: S102 - our own page
            elif block.language == "console":
                run_commands(block.code)
    if "DATABASES" in namespace:
        options = namespace["DATABASES"]["appwrite"]["OPTIONS"]
        Options.read("appwrite", {**options, **shown_secrets(options)})


def shown_secrets(options):
    """What stands in angle brackets, as it would really be."""
    if "WEBHOOK" not in options:
        return {}
    assert options["WEBHOOK"]["SECRETS"] == ["<the secret>"]
    return {"WEBHOOK": {**options["WEBHOOK"], "SECRETS": ["a secret of the tests"]}}


def run_commands(code):
    for line in code.splitlines():
        python, manage, command, *arguments = shlex.split(line.removeprefix("$ "))
        assert (python, manage) == ("python", "manage.py")
        call_command(command, *arguments, stdout=io.StringIO(), stderr=io.StringIO())


def test_every_status_of_the_endpoint_is_on_the_page():
    text = (DOCS / "howto/webhooks.md").read_text()
    for status in (204, 400, 401, 403, 404, 405, 409):
        assert f"| {status} |" in text
    assert "| 413, 415 |" in text
