"""docs/howto/caching.md: its code runs, from top to bottom, and so do its commands."""

import io
import re
import shlex
from pathlib import Path

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.test.utils import isolate_apps

from appwrite_orm_django.backend.options import Options

pytestmark = pytest.mark.django_db(databases=["default", "appwrite"], transaction=True)

PAGE = Path("docs/howto/caching.md")
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_page_runs():
    text = PAGE.read_text()
    # Models that it defines belong to the library, but not to other tests.
    namespace = {"__name__": "tests.library.models"}
    caches["default"].clear()
    with isolate_apps("tests.library"):
        for block in BLOCK.finditer(text):
            language, code = block.groups()
            # Errors then name the line of the page.
            lines_above = text.count("\n", 0, block.start(2))
            if language == "python":
                exec(compile("\n" * lines_above + code, str(PAGE), "exec"), namespace)  # noqa: S102 - our own page
            else:
                run_commands(code)
    options = namespace["DATABASES"]["appwrite"]["OPTIONS"]
    assert Options.read("appwrite", options).cache.stale_on_error == 600


def run_commands(code):
    for line in code.splitlines():
        python, manage, command, *arguments = shlex.split(line.removeprefix("$ "))
        assert (python, manage) == ("python", "manage.py")
        if "--every" in arguments:  # never ends
            del arguments[arguments.index("--every") :]
        call_command(command, *arguments, stdout=io.StringIO(), stderr=io.StringIO())
