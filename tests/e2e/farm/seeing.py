"""What a process of the farm sees of a row, each way that the cache keeps it, and how it changes one."""

from __future__ import annotations

import os
from typing import Any

from testproject.world.models import Script


def seen(pk: str) -> dict[str, Any]:
    by_key = Script.objects.get(pk=pk).name
    listed = {script.pk: script.name for script in Script.objects.order_by("pk")}
    named = Script.objects.filter(name=by_key).count()
    return {"pid": os.getpid(), "by_key": by_key, "listed": listed.get(pk), "named": named}


def write(pk: str, name: str) -> dict[str, Any]:
    Script.objects.filter(pk=pk).update(name=name)
    return {"pid": os.getpid()}
