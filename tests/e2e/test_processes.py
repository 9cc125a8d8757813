"""Processes that end, and processes that fork: nothing hangs, nothing that was promised is left undone."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from tests.e2e.processes import ROOT, environment

BEGIN = """
import os, threading, time
import django
django.setup()
from django.core.management import call_command
from django.db import connections
from appwrite_orm_django.changes import handlers
from appwrite_orm_django.changes.dispatch import Notice, incoming
from testproject.world.models import Script
call_command("appwrite_migrate", interactive=False, verbosity=0)
"""


def run(tmp_path, code, **given):
    """Run a program with the demo's settings on a local server in its memory, to its end."""
    env = environment(
        tmp_path, APPWRITE_ENDPOINT="local:", DJANGO_SETTINGS_MODULE="testproject.settings", **given
    )
    return subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(code)],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def test_what_was_collected_is_handled_before_a_process_ends(tmp_path):
    ended = run(
        tmp_path,
        """
        @handlers.on_rows_changed(Script)
        def note(change):
            time.sleep(0.2)
            print(*change.pks)

        handlers._LAST_WORDS_S = 300

        for pk in ("Arab", "Latn", "Cyrl"):
            incoming.tell("appwrite", "world_script", Notice(pk, "update", "webhook"), coalesce_s=60)
        """,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == ["Arab", "Latn Cyrl"]


def test_a_thread_that_reads_on_while_the_process_ends_gets_all_its_rows(tmp_path):
    """As a thread of a script does, or a streamed answer when the server is asked to stop."""
    ended = run(
        tmp_path,
        """
        from concurrent.futures import thread as pools
        from testproject.world.models import Language
        Language.objects.bulk_create([Language(pk=f"{n:03x}", name=f"Language {n}") for n in range(3000)])

        def read():
            rows = iter(Language.objects.order_by("pk").iterator(chunk_size=100))
            seen = [next(rows) for _ in range(1500)]
            while not pools._shutdown:  # the main thread is at its end
                time.sleep(0.01)
            seen += rows
            print(len(seen))

        threading.Thread(target=read).start()
        """,
    )
    assert (ended.stdout.strip(), ended.stderr) == ("3000", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_does_not_wait_for_what_a_thread_of_its_parent_held(tmp_path):
    ended = run(
        tmp_path,
        """
        import signal
        from appwrite_orm_django.backend import row_ids, transport, users
        from appwrite_orm_django.cache import core
        from appwrite_orm_django.cache.protocol import Mint
        from appwrite_local import registry

        appwrite = connections["appwrite"]
        store, flights = appwrite.cache.core.store, appwrite.cache.core.flights

        def open_cache():
            appwrite._cache = None
            Script.objects.count()

        cases = [
            (transport._transports_lock, lambda: Script.objects.nocache().count()),
            (row_ids._row_ids._lock, row_ids.new_row_id),
            (row_ids._integer_ids._lock, row_ids.new_integer_id),
            (users.accounts._lock, users.accounts.forget_all),
            (registry._lock, lambda: registry.local_server("local:#another")),
            (incoming._lock, incoming.flush),
            (handlers._worker._changed, lambda: handlers.wait(300)),
            (core._lock, open_cache),
            (store._owed_lock, lambda: store.owe(["key"])),
            (store._mint_lock, lambda: store.mint(Mint({"key": 1}, 1, True), 0)),
            (flights._lock, lambda: flights.join(("entry", ()), 0)),
        ]
        for number, (lock, use) in enumerate(cases):
            with lock:
                child = os.fork()
                if not child:
                    signal.alarm(120)
                    use()
                    os._exit(7)
            print(number, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        """,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [f"{number} 7" for number in range(11)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_leaves_to_its_parent_what_the_parent_was_told(tmp_path):
    ended = run(
        tmp_path,
        """
        go_on = threading.Event()

        @handlers.on_rows_changed(Script)
        def note(change):
            go_on.wait(60)
            print(os.getpid() == parent, *change.pks, flush=True)

        parent = os.getpid()
        for pk in ("Arab", "Latn"):
            incoming.tell("appwrite", "world_script", Notice(pk, "update", "webhook"), coalesce_s=60)
        child = os.fork()
        if not child:
            handlers._LAST_WORDS_S = 3600  # one that waited for its parent's handlers would hang
            import atexit; atexit._run_exitfuncs()  # what an ordinary end does
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        go_on.set()
        """,
    )
    assert (ended.stdout.splitlines(), ended.stderr) == (["0", "True Arab", "True Latn"], "")
