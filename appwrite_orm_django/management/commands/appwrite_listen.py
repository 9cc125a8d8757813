"""``manage.py appwrite_listen``: invalidate the cache by realtime when other clients write."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.changes.handlers import wait
from appwrite_orm_django.changes.realtime import Listener
from appwrite_orm_django.management.commands._choice import chosen_alias
from appwrite_orm_django.management.commands._key import WithKey


class Command(WithKey, BaseCommand):
    help = (
        "Listen to Appwrite's realtime and invalidate what other clients write. Runs until SIGTERM "
        "or SIGINT, and needs the extra appwrite-orm-django[realtime] and a cache that all "
        "processes share."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--database", help="alias of the database; needed only when several are on Appwrite"
        )
        parser.add_argument(
            "--health",
            type=float,
            default=60.0,
            metavar="SECONDS",
            help="interval between lines about the listener's health; 0 for none (default: %(default)g)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        alias = chosen_alias(options["database"])
        try:
            listener = Listener(alias)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        self._warn(alias, listener)
        with _stopped_by_signals(listener):
            # The main thread only waits, so that it handles signals without delay.
            thread = threading.Thread(target=listener.run, name="appwrite-realtime", daemon=True)
            thread.start()
            while thread.is_alive():
                thread.join(options["health"] or 3600)
                if options["health"] and thread.is_alive():
                    self._say(str(listener.health))
        # Let handlers finish.
        wait(10)
        self._say(
            f"Stopped: {listener.health.events} events in {listener.health.connections} "
            "connections."
        )

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _warn(self, alias: str, listener: Listener) -> None:
        connection = appwrite_connection(alias)
        name = connection.cache.settings.alias
        if isinstance(caches[name], LocMemCache):
            self.stderr.write(
                self.style.WARNING(
                    f'CACHES["{name}"] is local to each process, so this command invalidates no '
                    "other process. "
                    "Use a shared cache such as Redis."
                )
            )
        if not listener.settings.session_secret:
            self.stderr.write(
                self.style.WARNING(
                    'Without OPTIONS["REALTIME"]["SESSION_SECRET"], realtime reports only rows '
                    "that anyone may read, "
                    "because it accepts no API key."
                )
            )


@contextmanager
def _stopped_by_signals(listener: Listener) -> Iterator[None]:
    if (
        threading.current_thread() is not threading.main_thread()
    ):  # in a test; only the main thread may handle signals
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda *_: listener.stop())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
