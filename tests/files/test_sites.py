"""The demo's site, with an ``ImageField``: within a process, on a file, and over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from appwrite_local.server import LocalServer
from appwrite_local.wsgi import running_http_server
from tests.e2e.processes import ROOT, environment

pytestmark = pytest.mark.local_only("starts servers of its own")

# One process of the site. It obeys a line of JSON at a time, and answers with one.
PROGRAM = """
import io, json, sys
import django
django.setup()
import requests
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client
from PIL import Image
from testproject.world.models import Country

site = Client(headers={"host": "localhost"})

def set_up():
    call_command("migrate", verbosity=0, interactive=False)
    call_command("appwrite_migrate", verbosity=0, interactive=False)
    User.objects.create_superuser("ann", "", "secret")
    Country.objects.create(alpha_2="AD", alpha_3="AND", numeric="020", name="Andorra")

def upload(colour):
    site.force_login(User.objects.get(username="ann"))
    picture = io.BytesIO()
    Image.new("RGB", (60, 30), colour).save(picture, "PNG")
    form = {"alpha_2": "AD", "alpha_3": "AND", "numeric": "020", "name": "Andorra",
            "picture": ContentFile(picture.getvalue(), "flag.png")}
    form |= {f"{name}-{key}": 0 for name in ("names", "subdivisions") for key in ("TOTAL_FORMS", "INITIAL_FORMS")}
    response = site.post("/admin/world/country/AD/change/", form)
    assert response.status_code == 302, response.content.decode()

def clear():
    site.force_login(User.objects.get(username="ann"))
    form = {"alpha_2": "AD", "alpha_3": "AND", "numeric": "020", "name": "Andorra", "picture-clear": "on"}
    form |= {f"{name}-{key}": 0 for name in ("names", "subdivisions") for key in ("TOTAL_FORMS", "INITIAL_FORMS")}
    assert site.post("/admin/world/country/AD/change/", form).status_code == 302

def fetch(url):
    if url.startswith("http"):
        response = requests.get(url, timeout=60)
        return response.status_code, response.content
    response = site.get(url)
    return response.status_code, b"".join(response) if response.status_code == 200 else b""

def show():
    country = Country.objects.nocache().get(pk="AD")
    if not country.picture:
        return None
    url = country.picture.url
    image = Image.open(io.BytesIO(fetch(url)[1]))
    small = Image.open(io.BytesIO(fetch(country.picture.storage.url(country.picture.name, width=20))[1]))
    page = site.get("/countries/AD/").content.decode()
    return [url, image.getpixel((0, 0)), [country.picture.width, country.picture.height], small.size, "<img" in page]

def status(url):
    return fetch(url)[0]

for line in sys.stdin:
    name, *arguments = json.loads(line)
    print(json.dumps(globals()[name](*arguments)), flush=True)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Callable[..., Any]]]:
    """Return a function that starts a process of the site, and returns how to give it orders."""
    with ExitStack() as stack:

        def start(host: str) -> Callable[..., Any]:
            env = environment(
                tmp_path, APPWRITE_ENDPOINT=host, APPWRITE_API_KEY="secret",
                DJANGO_SETTINGS_MODULE="testproject.settings",
            )  # fmt: skip
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM],
                    cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )
            )  # fmt: skip

            def order(*what: str) -> Any:
                assert process.stdin is not None
                assert process.stdout is not None
                print(json.dumps(what), file=process.stdin, flush=True)
                return json.loads(process.stdout.readline())

            return order

        yield start


@pytest.mark.parametrize("where", ["memory", "file", "http"])
def test_a_site_with_pictures(start: Any, tmp_path: Path, where: str) -> None:
    with ExitStack() as stack:
        host = {"memory": "local:", "file": f"local:{tmp_path / 'dev.sqlite3'}"}.get(where)
        if host is None:
            server = LocalServer(str(tmp_path / "dev.sqlite3"))
            stack.callback(server.close)
            host = stack.enter_context(running_http_server(server))
        one = start(host)
        # A server in memory is one process's own.
        other = one if where == "memory" else start(host)

        one("set_up")
        assert other("show") is None
        one("upload", "red")
        url, *rest = other("show")
        assert url.startswith(host if where == "http" else "/files/appwrite/")
        assert rest == [[255, 0, 0], [60, 30], [20, 10], True]
        other("upload", "blue")
        replaced, *rest = one("show")
        assert rest == [[0, 0, 255], [60, 30], [20, 10], True]
        assert (one("status", url), one("status", replaced)) == (404, 200)
        one("upload", "lime")
        assert len({url, replaced, other("show")[0]}) == 3
        one("clear")
        assert other("show") is None
        assert other("status", replaced) == 404
