"""The processes, the trouble, and what is counted. Apart from ``__main__``, so that spawned processes can import it."""

import contextlib
import multiprocessing
import random
import sys
import threading
import time
from collections.abc import Callable, Mapping
from ctypes import c_int64
from multiprocessing.context import SpawnContext
from typing import Any, NamedTuple

from benchmarks.hammer.network import enter
from benchmarks.hammer.stores import RemovingSession, Session, Store

Worker = Any  # a thread or a process: both have start, join and is_alive
ONLY_READS_S = 120
CHAOS = ("kill", "invalidate", "flush", "faults")


class Board:
    """
    What the processes tell each other, in shared memory without locks: a process that is killed
    holds none.

    Every cell has one writer. ``returned[writer][row]`` is the newest version of which that
    writer's write has returned. Each row is removed and restored by one writer only: ``gone[row]``
    is odd from before the removal until after the restoration, ``removed[row]`` equals it while the
    row is certain not to be there, and is 0 otherwise.
    """

    def __init__(self, context: SpawnContext, readers: int, writers: int, rows: int) -> None:
        self.returned = [context.RawArray(c_int64, rows) for _ in range(writers)]
        self.reads = context.RawArray(c_int64, readers)
        self.old = context.RawArray(c_int64, readers)
        self.old_reads = context.RawArray(c_int64, readers)
        self.errors = context.RawArray(c_int64, readers)
        self.hits = context.RawArray(c_int64, readers)
        self.failed = context.RawArray(c_int64, writers)
        self.refused = context.RawArray(c_int64, writers)
        self.writes = context.RawArray(c_int64, writers)
        self.removals = context.RawArray(c_int64, writers)
        self.gone = context.RawArray(c_int64, rows)
        self.removed = context.RawArray(c_int64, rows)
        # Of each row, the newest version of which a write has begun; only ``values`` uses it.
        self.begun = context.RawArray(c_int64, rows)
        self.over = context.RawValue(c_int64, 0)

    def least(self, index: int) -> int:
        return max(cells[index] for cells in self.returned)

    def before(self, index: int) -> "Before":
        return Before(self.gone[index], self.removed[index], self.least(index))

    def why_old(self, index: int, before: "Before", seen: int | None) -> str:
        """Tell what is wrong with what a read has seen of a row; empty if nothing is."""
        if seen is None:
            may_be_gone = before.gone % 2 or self.gone[index] != before.gone
            return "" if may_be_gone else f"not there, had returned as {before.least}"
        if before.removed and self.removed[index] == before.removed:
            return f"{seen}, its removal had returned"
        return f"{seen}, had returned as {before.least}" if seen < before.least else ""


class Before(NamedTuple):
    """What the board said of a row before a read."""

    gone: int
    removed: int
    least: int


def read_on(store: Store, board: Board, number: int, tell: bool, place: str) -> None:
    """Read until it is over: what had returned before a read has to be seen by it."""
    if place:
        enter(place)
    session = store.session()
    throw = random.Random(number)
    index = {row: position for position, row in enumerate(store.rows)}
    while not board.over.value:
        row = throw.choice(store.rows) if throw.random() < 0.3 else None
        before = {name: board.before(index[name]) for name in ([row] if row else store.rows)}
        try:
            seen = session.read(row)
        except Exception as exc:  # noqa: BLE001 - a reader must never notice the cache's faults: counted as a failure
            board.errors[number] += 1
            print(f"reader {number}: {exc!r}", file=sys.stderr)
            continue
        board.reads[number] += 1
        if board.reads[number] % 20 == 0:
            board.hits[number] = session.hits()
        wrong = [
            (name, why)
            for name, told in before.items()
            if (why := board.why_old(index[name], told, seen.get(name)))
        ]
        board.old[number] += len(wrong)
        board.old_reads[number] += bool(wrong)
        if tell:
            for name, why in wrong:
                print(f"reader {number}: {name} is {why}", file=sys.stderr)


def write_on(store: Store, board: Board, number: int, pause_s: float) -> None:
    """Write until it is over, or killed."""
    session = store.session()
    throw = random.Random()
    own = range(number, len(store.rows), len(board.returned))
    left_gone = [position for position in own if board.gone[position] % 2]
    if left_gone:
        time.sleep(1)  # until nothing that the process before this one had sent is under way
    while not board.over.value:
        position = left_gone.pop() if left_gone else throw.randrange(len(store.rows))
        try:
            version = _write(
                session,
                store,
                board,
                number,
                position,
                throw.uniform(0, pause_s),
                mine=position in own,
            )
        except Exception as exc:  # noqa: BLE001 - like a reader: no fault of the cache may reach a writer
            board.failed[number] += 1
            print(f"writer {number}: {exc!r}", file=sys.stderr)
            version = None
        else:
            board.refused[number] += version is None
        if version is not None:
            cells = board.returned[number]
            cells[position] = max(cells[position], version)
            board.writes[number] += 1
            board.gone[position] += board.gone[position] % 2 if position in own else 0
        time.sleep(throw.uniform(0, 2 * pause_s))


def _write(
    session: Session,
    store: Store,
    board: Board,
    number: int,
    position: int,
    pause_s: float,
    *,
    mine: bool,
) -> int | None:
    row = store.rows[position]
    removes = (
        isinstance(session, RemovingSession)
        and mine
        and (board.gone[position] % 2 or random.random() < 0.2)
    )
    if removes and isinstance(session, RemovingSession):
        return _remove_and_restore(session, row, board, number, position, pause_s)
    return session.write(row)


def _remove_and_restore(
    session: RemovingSession, row: str, board: Board, number: int, position: int, pause_s: float
) -> int | None:
    if board.gone[position] % 2 == 0:
        board.gone[position] += 1
        if session.remove(row):
            board.removed[position] = board.gone[position]
            board.removals[number] += 1
            time.sleep(pause_s)
    board.removed[position] = 0
    return session.restore(row)


def hammer(
    store: Store,
    *,
    readers: int,
    writers: int,
    seconds: float,
    reads: int,
    pause_s: float,
    chaos: set[str],
    faults: Mapping[str, Callable[[], None]],
    threads: bool = False,
    tell: bool = True,
    place: Callable[[int], str] | None = None,
    read: Callable[..., None] = read_on,
    write: Callable[..., None] = write_on,
) -> dict[str, Any]:
    """
    Hammer a started store for at least this long and this many reads, four times as long at most;
    return the figures.

    ``faults`` are what may happen to the cache's servers. Without ``seconds`` the number of reads alone decides, and ``ONLY_READS_S`` is the end.

    ``place`` returns the network namespace of a reader, or an empty text. ``read`` and ``write`` are
    what the readers and writers do.

    With ``threads``, readers and writers are threads of this process, which share a cache in its
    memory; none of them can be killed.
    """
    context = multiprocessing.get_context("spawn")
    board = Board(context, readers, writers, len(store.rows))
    if threads:
        store.session()  # sets up Django, before the threads do so at the same time

    def begin(target: Any, *arguments: Any) -> Worker:
        make = threading.Thread if threads else context.Process
        worker: Worker = make(target=target, args=(store, board, *arguments), daemon=True)
        worker.start()
        return worker

    reading = [
        begin(read, number, tell, place(number) if place else "") for number in range(readers)
    ]
    writing = [begin(write, number, pause_s) for number in range(writers)]
    kinds = sorted(chaos - {"faults"}) + ["faults"] * bool("faults" in chaos and faults)
    trouble = dict.fromkeys(
        sorted({*kinds, *(faults if "faults" in kinds else ())} - {"faults"}), 0
    )
    written = [0] * writers  # when the process of each writer was started
    session = store.session() if chaos else None
    _wait_for(lambda: all(board.reads), 120)
    started = time.monotonic()
    longest_s = 4 * seconds or ONLY_READS_S
    try:
        while (spent := time.monotonic() - started) < longest_s and (
            spent < seconds or sum(board.reads) < reads
        ):
            time.sleep(random.uniform(0.1, 0.5))
            kind = random.choice(kinds) if kinds else ""
            if kind == "kill":
                number = random.randrange(writers)
                if board.writes[number] == written[number]:
                    continue  # still being started: nothing would ever be written
                writing[number].kill()
                writing[number].join()
                written[number] = board.writes[number]
                writing[number] = begin(write, number, pause_s)
            elif kind == "invalidate" and session is not None:
                session.invalidate()
            elif kind == "flush" and session is not None:
                with contextlib.suppress(Exception):
                    session.flush()
            elif kind == "faults" and random.random() < 0.3:
                kind = random.choice(sorted(faults))
                faults[kind]()
            else:
                continue
            trouble[kind] += 1
    finally:
        board.over.value = 1
        for process in (*reading, *writing):
            process.join(20)
            if not threads and process.is_alive():
                process.kill()
    return {
        "reads": sum(board.reads),
        "hits": sum(board.hits),
        "old": sum(board.old),
        "old_reads": sum(board.old_reads),
        "errors": sum(board.errors),
        "failed_writes": sum(board.failed),
        "refused_writes": sum(board.refused),
        "writes": sum(board.writes),
        "removals": sum(board.removals),
        "trouble": trouble,
        "readers": readers,
        "writers": writers,
        "seconds": round(time.monotonic() - started, 1),
    }


def _wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
