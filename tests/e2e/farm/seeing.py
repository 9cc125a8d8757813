"""What a process of the farm sees of a row, each way that the cache keeps it, and how it changes one."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from django.db import close_old_connections, connections

from testproject.world.models import Language, Script


def seen(pk: str) -> dict[str, Any]:
    by_key = Script.objects.get(pk=pk).name
    listed = {script.pk: script.name for script in Script.objects.order_by("pk")}
    named = Script.objects.filter(name=by_key).count()
    return {"pid": os.getpid(), "by_key": by_key, "listed": listed.get(pk), "named": named}


def write(pk: str, name: str) -> dict[str, Any]:
    Script.objects.filter(pk=pk).update(name=name)
    return {"pid": os.getpid()}


def open_files(pid: int) -> int:
    """Count what a process has open: sockets, files, pipes."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def seen_in_threads(pk: str, rounds: int) -> dict[str, Any]:
    """Look in many threads that end, of which some close their connections by hand and some leave them; tell what stays open."""
    endings = (
        lambda: None,
        close_old_connections,
        lambda: connections["appwrite"].close(),
        connections.close_all,
    )
    before: tuple[int, int] | None = None
    for _ in range(rounds):
        threads = [threading.Thread(target=_look, args=(pk, ending)) for ending in endings]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        before = before or (open_files(os.getpid()), threading.active_count())
    return {"before": before, "after": (open_files(os.getpid()), threading.active_count())}


def _look(pk: str, end: Any) -> None:
    seen(pk)
    connections["appwrite"].close()
    seen(pk)
    end()


def fill_languages(rows: int) -> dict[str, Any]:
    Language.objects.bulk_create(
        [Language(pk=f"{n:03x}", name=f"Language {n}") for n in range(rows)]
    )
    return {}
