"""
What the app costs a process before its first request: ``python -m benchmarks.import_time
[--quick]``.

*library* is ``django.setup()`` with the app, a model and the backend's module; *floor* the same
with SQLite's backend and ``requests`` imported. Each process is new; the time is that within it.
All find their bytecode, as an installed package does: it lies in a directory of this run, and each
program starts once before it counts. Else where ``PYTHONDONTWRITEBYTECODE`` is set the library
would be compiled anew in each process, and Django, which ``pip`` has compiled, would not.

Much of the library, as of Django, is imported by the first query: how it is compiled, and for the
library the HTTP client and the cache. So the same is measured a second time up to where a first
query would be sent; of that, Django's own share is small, and there is no target. Python's garbage
collector is left as it is, as users have it. Where *floor* ends just short of a whole collection, a
few thousand objects more bring one, of everything that Django has made as well, into the library's
time; so it is also measured with the collector off.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import partial

from benchmarks.options import parse
from benchmarks.rounds import Figures, Report, Sample, Target, interleave

PROGRAM = """
{before}
import time
wall, cpu = time.perf_counter(), time.process_time()
import django, requests
from django.conf import settings
sqlite = {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
{settings}
django.setup()
from django.db import connections
connections["{alias}"].ops
from {module} import {model}
{query}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
import json, resource
print(json.dumps({{"wall": wall, "cpu": cpu, "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}}))
"""
FLOOR = partial(
    PROGRAM.format,
    settings='settings.configure(USE_TZ=True, DATABASES={"default": sqlite}, INSTALLED_APPS=["benchmarks.shop"])',
    alias="default",
    module="benchmarks.shop.models",
    model="Product",
)
LIBRARY = partial(
    PROGRAM.format,
    settings="""
appwrite = {"ENGINE": "appwrite_orm_django.backend", "HOST": "http://127.0.0.1/v1", "USER": "p", "PASSWORD": "k", "NAME": "d"}
settings.configure(USE_TZ=True, DATABASES={"default": sqlite, "appwrite": appwrite},
    DATABASE_ROUTERS=["appwrite_orm_django.routers.AppwriteRouter"], INSTALLED_APPS=["appwrite_orm_django", "benchmarks.shop"])
""",
    alias="appwrite",
    module="benchmarks.shop.items",
    model="Item",
)
COMPILED = '{model}.objects.filter(active=True, stock__gt=3).order_by("name")[:10].query.get_compiler("{alias}").as_sql()'
NO_QUERY = {"floor": "", "library": ""}
FIRST_QUERY = {
    "floor": f'{COMPILED.format(model="Product", alias="default")}; connections["default"].ensure_connection()',
    "library": f"""
{COMPILED.format(model="Item", alias="appwrite")}
connection = connections["appwrite"]
connection.reader, connection.transport, connection.cache
""",
}


def environment(bytecode: str) -> dict[str, str]:
    """Return that of a process which keeps and finds bytecode in the directory ``bytecode``."""
    inherited = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**inherited, "PYTHONPYCACHEPREFIX": bytecode}


def started(program: str, bytecode: str) -> Sample:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(bytecode),
        capture_output=True,
        text=True,
        check=True,
    )
    sample: Sample = json.loads(done.stdout)
    return sample


def measured(
    task: str, queries: dict[str, str], bytecode: str, quick: bool, before: str = ""
) -> Figures:
    programs = {
        "floor": FLOOR(query=queries["floor"], before=before),
        "library": LIBRARY(query=queries["library"], before=before),
    }
    for program in programs.values():
        started(program, bytecode)
    calls = {name: partial(started, program, bytecode) for name, program in programs.items()}
    return interleave(Figures(task, 1, "processes"), calls, 5 if quick else 21)


def run(quick: bool) -> Report:
    report = Report(
        "import_time",
        "Import time and memory",
        "A new process up to a set-up Django with the app, against Django and `requests` alone.",
        comparisons=(("library", "floor"),),
        targets=(Target("library", "floor", 1.15, ("django.setup()",)),),
    )
    with tempfile.TemporaryDirectory() as bytecode:
        report.figures = [
            measured("django.setup()", NO_QUERY, bytecode, quick),
            measured(
                "django.setup(), no collector", NO_QUERY, bytecode, quick, "import gc; gc.disable()"
            ),
            measured("up to a first query", FIRST_QUERY, bytecode, quick),
        ]
    memory = {name: report.figures[0].median(name, "memory_mb") for name in ("floor", "library")}
    ratio = memory["library"] / memory["floor"]
    word = "met" if ratio <= 1.15 else "MISSED"
    report.notes = [
        f"{word}: memory, library at most 1.15 x floor: {ratio:.2f} ({memory['floor']:.0f} MiB)"
    ]
    report.save()
    return report


if __name__ == "__main__":
    parse(__doc__, run)
