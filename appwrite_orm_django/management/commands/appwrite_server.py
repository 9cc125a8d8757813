"""``manage.py appwrite_server``: run a local Appwrite over HTTP, for development and tests."""

import signal
import sqlite3
import sys
import time
from argparse import ArgumentParser
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandError

from appwrite_local.engines import EngineName
from appwrite_local.faults import parse_fault
from appwrite_local.server import LocalServer
from appwrite_local.state import DEFAULT_KEY, MAX_FILE_BYTES, FeatureLevel
from appwrite_local.storage import WrongFormat
from appwrite_local.wsgi import THREADS, OpenToOthers, make_http_server
from appwrite_orm_django.client.secret import Secret
from appwrite_orm_django.documentation import address


class Command(BaseCommand):
    help = (
        "Run a local Appwrite server for development and tests. Real deployments point at Appwrite."
    )
    # The server needs no database or model of this project.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--addrport",
            default="127.0.0.1:8090",
            help="address and port to listen on (default: %(default)s)",
        )
        parser.add_argument(
            "--project", default="demo", help="the project id (default: %(default)s)"
        )
        parser.add_argument(
            "--key",
            type=Secret,
            default=Secret(DEFAULT_KEY),
            metavar="KEY",
            help=f"an API key with all scopes (default: {DEFAULT_KEY}, which is rejected if other machines can reach the server)",
        )
        parser.add_argument(
            "--storage", default=":memory:", metavar="PATH", help="an SQLite file, or %(default)s"
        )
        parser.add_argument(
            "--feature-level",
            default="1.9",
            choices=get_args(FeatureLevel),
            help="the Appwrite version to behave like (default: %(default)s)",
        )
        parser.add_argument(
            "--engine",
            default="mariadb",
            choices=get_args(EngineName),
            help="the database below the server (default: %(default)s)",
        )
        parser.add_argument(
            "--column-delay",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="how long columns and indexes stay in processing (default: %(default)s)",
        )
        parser.add_argument(
            "--max-file-size",
            type=int,
            default=MAX_FILE_BYTES,
            metavar="BYTES",
            help="the largest file that a bucket may allow (default: %(default)s)",
        )
        parser.add_argument(
            "--realtime-port",
            type=int,
            metavar="PORT",
            help="port for WebSocket connections; 0 for none (default: the port after that of --addrport)",
        )
        parser.add_argument(
            "--fault",
            action="append",
            default=[],
            dest="faults",
            metavar="TEXT",
            help="a fault to simulate, such as cut,method=POST,times=1 or latency,seconds=2; may be repeated",
        )
        parser.add_argument(
            "--threads",
            type=int,
            default=THREADS,
            help="number of concurrent requests (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        options["key"] = Secret(options["key"])
        host, port = _address(options["addrport"])
        try:
            faults = [parse_fault(text) for text in options["faults"]]
        except ValueError as error:
            raise CommandError(f"--fault: {error}.") from error
        try:
            server = LocalServer(
                options["storage"], options["project"], options["key"].reveal(), options["feature_level"], options["engine"],
                options["column_delay"], faults=faults, max_file_bytes=options["max_file_size"],
            )  # fmt: skip
        except WrongFormat as error:
            raise CommandError(f"--storage {error}") from error
        except ValueError as error:
            raise CommandError(f"--engine: {error}.") from error
        except sqlite3.DatabaseError as error:
            raise CommandError(
                f"--storage {options['storage']} is not a usable SQLite file: {error}."
            ) from error
        try:
            http = make_http_server(server, host, port, options["threads"])
        except OpenToOthers as error:
            server.close()
            raise CommandError(
                f"--addrport {options['addrport']}: {error} Set the key with --key; see "
                f"{address('reference/local-server', 'starting-the-server')}"
            ) from error
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {options['addrport']}: {error.strerror or error}. Choose "
                "another --addrport."
            ) from error
        signal.signal(signal.SIGTERM, _stop)
        shown_host = f"[{host}]" if ":" in host else host
        self.stdout.write(
            f"Local Appwrite {options['feature_level']} for development and tests only: no real "
            "deployment runs on it."
        )
        self.stdout.write(
            f"Endpoint http://{shown_host}:{http.effective_port}/v1, project {options['project']}, "
            f"storage {options['storage']}"
        )
        realtime = self._start_realtime(
            server, host, int(http.effective_port), options["realtime_port"]
        )
        self.stdout.flush()
        try:
            http.run()
        except (KeyboardInterrupt, SystemExit):
            pass
        finally:
            http.close()
            if realtime is not None:
                realtime.close()
            # Requests in flight use the storage until their thread releases it.
            time.sleep(0)
            server.close()

    def _start_realtime(
        self, server: LocalServer, host: str, http_port: int, wanted: int | None
    ) -> Any:
        """
        Serve realtime beside HTTP.

        A port in use and a missing package are errors only if ``--realtime-port`` was given.
        """
        if wanted == 0:
            return None
        try:
            from appwrite_local.realtime_server import RealtimeServer

            realtime = RealtimeServer(server, host, wanted or http_port + 1)
        except (ImportError, OSError, OverflowError) as error:
            if wanted is not None:
                raise CommandError(f"Cannot serve realtime on port {wanted}: {error}.") from error
            way_out = (
                ' (pip install "appwrite-orm-django[realtime]")'
                if isinstance(error, ImportError)
                else ""
            )
            self.stdout.write(f"No realtime: {error}{way_out}.")
            return None
        self.stdout.write(
            f"Realtime ws://{f'[{host}]' if ':' in host else host}:{realtime.port}/v1/realtime"
        )
        return realtime


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        raise CommandError(
            f"--addrport {text!r} is not an address and port such as 127.0.0.1:8090."
        )
    return host.strip("[]") or "127.0.0.1", int(port)


def _stop(*_: object) -> None:
    sys.exit(0)
