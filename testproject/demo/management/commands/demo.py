"""``manage.py demo``: from a fresh clone to a site full of data."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from contextlib import closing
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections

from appwrite_orm_django.client.transport import RequestRecord
from testproject.demo import preparing, serving
from testproject.demo.checking import CheckFailed, check_site
from testproject.world import loading

# A check serves to itself alone.
_LOOPBACK = "127.0.0.1"


class Command(BaseCommand):
    help = "Make the databases, load the catalogue, create a login, and serve the site."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--addrport", default="127.0.0.1:8000", help="Where to serve (default: %(default)s)."
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="Do not stay up: visit the pages over HTTP on a free port, print one line of JSON, exit with 0 if all is well.",
        )
        parser.add_argument(
            "--rows", type=int, metavar="N", help="Load at most N rows of each table."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            host, port = serving.parse_addrport(options["addrport"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        if options["rows"] is not None and options["rows"] < 1:
            raise CommandError("--rows must be 1 or more.")
        try:
            if options["check"]:
                self._check(options["rows"])
            else:
                self._serve(host, port, options["rows"])
        except (Error, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        except CheckFailed as error:
            raise CommandError(f"The check failed. {error}") from error

    def _serve(self, host: str, port: int, rows: int | None) -> None:
        try:
            # Before anything else: that a port is taken should not turn out when all is loaded.
            server = serving.make_server(host, port)
        except OSError as error:
            raise CommandError(
                f"{host}:{port}: {error.strerror or error}. Choose another address: "
                "make demo ADDRPORT=127.0.0.1:8001, or --addrport 127.0.0.1:8001."
            ) from error
        with closing(server):
            settings = connections["appwrite"].settings_dict
            self.stdout.write(f"Appwrite   {settings['HOST']}, database {settings['NAME']}")
            password = preparing.password_for(host)
            started = time.monotonic()
            self._say("Tables     manage.py migrate")
            preparing.make_databases()
            self._say("Loading   ", ending="")
            created = loading.load(
                rows=rows,
                report=lambda table, _made, held: self._say(f" {table} {held:,}", ending=""),
            )
            self._say("")
            preparing.set_login(password)
            self.stdout.write(
                f"Rows       {sum(loading.counts().values()):,}, of which {sum(created.values()):,} are new "
                f"({time.monotonic() - started:.1f} s)\n\n"
                f"Site       http://{host}:{server.effective_port}/\n"
                f"Admin      http://{host}:{server.effective_port}/admin/\n"
                f"Login      {preparing.USERNAME}, password {password}\n\n"
                f"Ctrl-C stops the server; the rows stay."
            )
            self.stdout.flush()
            server.run()

    def _say(self, text: str, ending: str = "\n") -> None:
        self.stdout.write(text, ending=ending)
        self.stdout.flush()

    def _check(self, rows: int | None) -> None:
        sent = _Counter()
        transport: Any = connections["appwrite"].transport
        transport.add_listener(sent)
        try:
            preparing.make_databases()
            migrating = sent.take()
            started = time.monotonic()
            created = loading.load(rows=rows)
            load_s = time.monotonic() - started
            load_requests = sent.take()
            password = preparing.password_for(_LOOPBACK)
            preparing.set_login(password)
            server = serving.make_server(_LOOPBACK, 0)
            serving.serve_in_background(server)
            pages = check_site(f"http://{_LOOPBACK}:{server.effective_port}", password)
            total = migrating + load_requests + sent.take()
        finally:
            transport.remove_listener(sent)
        result = {
            "endpoint": connections["appwrite"].settings_dict["HOST"],
            "rows": loading.counts(),
            "created": sum(created.values()),
            "load_s": round(load_s, 2),
            "requests": {"total": total, "migrate": migrating, "load": load_requests},
            "pages": pages,
        }
        self.stdout.write(json.dumps(result))


class _Counter:
    """Counts HTTP requests, repeated attempts included."""

    def __init__(self) -> None:
        self.requests = 0

    def __call__(self, record: RequestRecord) -> None:
        self.requests += record.attempts

    def take(self) -> int:
        """Return the count so far and begin anew."""
        count, self.requests = self.requests, 0
        return count
