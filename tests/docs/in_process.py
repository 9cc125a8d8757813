"""Pages whose Python runs in the process of the tests, with the models of ``tests/library``; their commands by ``call_command``."""

from __future__ import annotations

import io
import shlex
from typing import Any

from django.core.management import call_command
from django.test.utils import isolate_apps

from appwrite_orm_django.conf import Options
from tests.docs.pages import Page

SECRET = "a secret of the tests"


def run(page: Page, **names: Any) -> None:
    """Run a page's blocks in one namespace, which has these names from the start."""
    # Models that it defines belong to the library, but not to other tests.
    namespace: dict[str, Any] = {"__name__": "tests.library.models", **names}
    with isolate_apps("tests.library"):
        for block in page.blocks():
            if block.language == "python":
                # Errors then name the line of the page.
                code = compile("\n" * (block.line - 1) + block.code, str(page.path), "exec")
                exec(code, namespace)  # noqa: S102 - our own page
            elif block.language == "console":
                call_commands(block.code)
    if "DATABASES" in namespace:
        options = namespace["DATABASES"]["appwrite"].get("OPTIONS", {})
        Options.read("appwrite", {**options, **shown_secrets(options)})


def shown_secrets(options: dict[str, Any]) -> dict[str, Any]:
    """What stands in angle brackets, as it would really be."""
    if "WEBHOOK" not in options:
        return {}
    assert options["WEBHOOK"]["SECRETS"] == ["<the secret>"]
    return {"WEBHOOK": {**options["WEBHOOK"], "SECRETS": [SECRET]}}


def call_commands(code: str) -> None:
    for line in code.splitlines():
        python, manage, command, *arguments = shlex.split(line.removeprefix("$ "))
        assert (python, manage) == ("python", "manage.py")
        if "--every" in arguments:  # never ends
            del arguments[arguments.index("--every") :]
        errors = io.StringIO()
        try:
            call_command(command, *arguments, stdout=io.StringIO(), stderr=errors)
        except SystemExit as exc:
            raise AssertionError(f"{line}: {errors.getvalue()}") from exc
