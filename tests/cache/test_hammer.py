"""The hammer, for as long as a test may take: the whole library, threads, and a cache in memory. `make hammer-all` is the long one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def hammered(*options: str, cache: str = "locmem", seconds: int = 0) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.hammer", "--cache", cache]
    command += ["--seconds", str(seconds), "--pause", "0.01"]
    environment = {
        name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"
    }
    done = subprocess.run(
        [*command, *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines, done.stderr
    return done.returncode, json.loads(lines[-1])


def test_no_read_is_older_than_a_write_that_had_returned():
    status, figures = hammered("--reads", "1500")
    assert (status, figures["old"], figures["errors"], figures["failed_writes"]) == (0, 0, 0, 0)
    assert figures["reads"] >= 1500
    assert figures["writes"] > 0


def test_a_broken_invalidation_is_noticed():
    """Without this, no old reads would mean nothing."""
    status, figures = hammered("--reads", "6000", "--deaf", "--chaos")
    assert (status, figures["old"] > 0) == (1, True)


@pytest.mark.slow
@pytest.mark.parametrize("cache", ["partition", "partition-replica"])
def test_a_reader_that_is_cut_off_with_an_old_primary_sees_nothing_old(cache):
    status, figures = hammered("--store", "driver", "--chaos", "faults", cache=cache, seconds=40)
    if "skipped" in figures:
        pytest.skip(f"{cache}: {figures['skipped']}")
    assert (status, figures["old"], figures["errors"], figures["failed_writes"]) == (0, 0, 0, 0)
    assert figures["trouble"]["cut"] > 0
    assert figures["hits"] > 0
