"""
A contender's process: reads ``<rows> <seconds>`` lines, times its calls for about that long,
answers with JSON.

The answer maps each way of calling to the seconds of one call: the least of five equal parts of the
time, which is what the machine can do when nothing else runs.
"""

import gc
import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any


def time_call(call: Callable[[], Any], rows: int, seconds: float) -> float:
    if len(call()) != rows:
        raise SystemExit(f"expected {rows} rows")
    call()
    gc.collect()
    gc.disable()
    best = float("inf")
    try:
        for _ in range(5):
            count, started = 0, time.perf_counter()
            while (spent := time.perf_counter() - started) < seconds / 5:
                call()
                count += 1
            best = min(best, spent / count)
    finally:
        gc.enable()
    return best


def main() -> None:
    name, redis_url = sys.argv[1:]
    calls = importlib.import_module(f"benchmarks.contenders.{name}").prepare(redis_url)
    print("ready", flush=True)
    for line in sys.stdin:
        rows, seconds = int(line.split()[0]), float(line.split()[1])
        print(
            json.dumps(
                {label: time_call(call, rows, seconds) for label, call in calls(rows).items()}
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
