"""A contender's process: reads ``[name, parameters]`` lines, makes the call, answers what it took as JSON."""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time


def main() -> None:
    module, *arguments = sys.argv[1:]
    calls = importlib.import_module(module).prepare(*arguments)
    print("{}", flush=True)
    for line in sys.stdin:
        name, parameters = json.loads(line)
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        more = calls[name](**parameters) or {}
        taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps({**taken, **more}), flush=True)


if __name__ == "__main__":
    main()
