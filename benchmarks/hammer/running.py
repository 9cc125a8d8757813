"""The processes, the trouble, and what is counted. Apart from ``__main__``, so that spawned processes can import it."""

import contextlib
import multiprocessing
import random
import sys
import time
from ctypes import c_int64
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any

from benchmarks.hammer.stores import Store

CHAOS = ("kill", "invalidate", "flush", "restart")


class Board:
    """
    What the processes tell each other, in shared memory without locks: a process that is killed holds none.

    Every cell has one writer. ``returned[writer][row]`` is the newest version of which that writer's write has returned.
    """

    def __init__(self, context: SpawnContext, readers: int, writers: int, rows: int) -> None:
        self.returned = [context.RawArray(c_int64, rows) for _ in range(writers)]
        self.reads = context.RawArray(c_int64, readers)
        self.old = context.RawArray(c_int64, readers)
        self.errors = context.RawArray(c_int64, readers)
        self.writes = context.RawArray(c_int64, writers)
        self.over = context.RawValue(c_int64, 0)

    def least(self, index: int) -> int:
        return max(cells[index] for cells in self.returned)


def read_on(store: Store, board: Board, number: int) -> None:
    """Read until it is over: what had returned before a read has to be seen by it."""
    session = store.session()
    throw = random.Random(number)
    index = {row: position for position, row in enumerate(store.rows)}
    while not board.over.value:
        row = throw.choice(store.rows) if throw.random() < 0.3 else None
        least = {name: board.least(index[name]) for name in ([row] if row else store.rows)}
        try:
            seen = session.read(row)
        except Exception as exc:  # noqa: BLE001 - a reader must never notice the cache's faults: counted as a failure
            board.errors[number] += 1
            print(f"reader {number}: {exc!r}", file=sys.stderr)
            continue
        board.reads[number] += 1
        for name, version in least.items():
            if seen[name] < version:
                board.old[number] += 1
                print(f"reader {number}: {name} is {seen[name]}, had returned as {version}", file=sys.stderr)


def write_on(store: Store, board: Board, number: int, pause_s: float) -> None:
    """Write until it is over, or killed."""
    session = store.session()
    throw = random.Random()
    while not board.over.value:
        position = throw.randrange(len(store.rows))
        version = session.write(store.rows[position])
        if version is not None:
            cells = board.returned[number]
            cells[position] = max(cells[position], version)
            board.writes[number] += 1
        time.sleep(throw.uniform(0, 2 * pause_s))


def hammer(
    store: Store, *, readers: int, writers: int, seconds: float, reads: int, pause_s: float, chaos: set[str], redis: Any
) -> dict[str, Any]:
    """Hammer a started store for at least this long and this many reads, four times as long at most; return the figures."""
    context = multiprocessing.get_context("spawn")
    board = Board(context, readers, writers, len(store.rows))
    begin = lambda target, *arguments: _started(context, target, store, board, *arguments)  # noqa: E731
    reading = [begin(read_on, number) for number in range(readers)]
    writing = [begin(write_on, number, pause_s) for number in range(writers)]
    trouble = dict.fromkeys(sorted(chaos), 0)
    session = store.session()
    started = time.monotonic()
    try:
        while (spent := time.monotonic() - started) < 4 * seconds and (spent < seconds or sum(board.reads) < reads):
            time.sleep(random.uniform(0.1, 0.5))
            kind = random.choice(sorted(chaos)) if chaos else ""
            if kind == "kill":
                number = random.randrange(writers)
                writing[number].kill()
                writing[number].join()
                writing[number] = begin(write_on, number, pause_s)
            elif kind == "invalidate":
                session.invalidate()
            elif kind == "flush":
                with contextlib.suppress(Exception):
                    session.flush()
            elif kind == "restart" and random.random() < 0.3:
                redis.kill()
                time.sleep(random.uniform(0, 0.3))
                redis.start()
            else:
                continue
            trouble[kind] += 1
    finally:
        board.over.value = 1
        for process in (*reading, *writing):
            process.join(20)
            if process.is_alive():
                process.kill()
    return {
        "reads": sum(board.reads),
        "old": sum(board.old),
        "errors": sum(board.errors),
        "writes": sum(board.writes),
        "trouble": trouble,
        "readers": readers,
        "writers": writers,
        "seconds": round(time.monotonic() - started, 1),
    }


def _started(context: SpawnContext, target: Any, *arguments: Any) -> BaseProcess:
    process = context.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process
