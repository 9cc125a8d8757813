"""
What the benchmarks of speed have in common: programs in processes of their own, timed in turn, and
ratios between them.

A contender is a module with ``prepare(*arguments)``, which returns named calls. Each runs in a
process of its own (``python -m benchmarks.worker``), for packages patch Django and memory adds up.
In every round each contender does the same task once, in an order drawn anew, so that whatever else
the machine does falls on all alike. What is reported is the median over the rounds of the ratio to
another contender *of the same round*, with the quartiles beside it. Wall time is what a user waits;
CPU time is what another program on the same machine disturbs less.
"""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
Sample = dict[str, float]


class Contender:
    """A process with calls that can be timed; a context manager."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = [sys.executable, "-m", "benchmarks.worker", module, *arguments]

    def __enter__(self) -> Contender:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def call(self, name: str, **parameters: Any) -> Sample:
        """Call ``name`` and return ``wall`` and ``cpu`` in seconds, and whatever numbers the call itself returned."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, parameters]) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Sample:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(self._command)} ended")
        answer: Sample = json.loads(line)
        return answer


@dataclass
class Figures:
    """
    What one task took each contender, round by round.

    Attributes:
        work: how much of ``unit`` the task is, for rates and for growth.
    """

    task: str
    work: float
    unit: str
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def ratios(self, mine: str, other: str, what: str = "wall") -> list[float]:
        """Return ``mine`` over ``other`` of each round; below 1 is faster. Each has as many seconds as its own work took."""
        pairs = zip(self.samples[mine], self.samples[other], strict=True)
        return [one[what] / max(two[what], 1e-9) for one, two in pairs]

    def median(self, name: str, what: str = "wall") -> float:
        return statistics.median(sample[what] for sample in self.samples[name])


Call = Callable[[], Sample]


def interleave(figures: Figures, calls: Mapping[str, Call], rounds: int) -> Figures:
    """Call each once a round, in an order drawn anew, and note what it says."""
    for _ in range(rounds):
        for name in random.sample(list(calls), len(calls)):
            figures.samples.setdefault(name, []).append(calls[name]())
    return figures


@dataclass
class Target:
    """
    ``mine`` over ``other`` is to be at most ``limit``, in wall time.

    Attributes:
        tasks: of which tasks; all if left out.
    """

    mine: str
    other: str
    limit: float
    tasks: tuple[str, ...] = ()


@dataclass
class Report:
    """Everything a benchmark has to say."""

    name: str
    title: str
    about: str
    figures: list[Figures] = field(default_factory=list)
    comparisons: Sequence[tuple[str, str]] = ()
    targets: Sequence[Target] = ()
    notes: list[str] = field(default_factory=list)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])
    load_after: float = 0.0

    def markdown(self) -> str:
        """Return the section of the report: a table of ratios, the targets, the notes."""
        lines = [f"## {self.title}", "", self.about, ""]
        if self.figures:
            lines += [
                "| task | compared | wall: median (quartiles) | CPU | rounds |",
                "|---|---|---|---|---|",
            ]
            lines += [line for figures in self.figures for line in self._rows(figures)]
            lines.append("")
        lines += [f"- {text}" for text in (*self.verdicts(), *self.notes)]
        load = f"Load of the machine {self.load_before:.1f} before and {self.load_after:.1f} after, {os.cpu_count()} cores."
        return "\n".join([*lines, "", load, ""])

    def _rows(self, figures: Figures) -> Iterable[str]:
        for mine, other in self.comparisons:
            if mine in figures.samples and other in figures.samples:
                wall = figures.ratios(mine, other)
                # Where the work is done in other processes than the one that is timed, nobody has
                # its CPU time.
                known = "cpu" in figures.samples[mine][0]
                cpu = (
                    f"{statistics.median(figures.ratios(mine, other, 'cpu')):.2f}" if known else ""
                )
                yield f"| {figures.task} | {mine} / {other} | {spread(wall)} | {cpu} | {len(wall)} |"

    def verdicts(self) -> Iterable[str]:
        """Say of each target whether it is met."""
        for target in self.targets:
            for figures in self.figures:
                known = target.mine in figures.samples and target.other in figures.samples
                if not known or (target.tasks and figures.task not in target.tasks):
                    continue
                ratio = statistics.median(figures.ratios(target.mine, target.other))
                word = "met" if ratio <= target.limit else "MISSED"
                yield f"{word}: {figures.task}, {target.mine} at most {target.limit:.2f} x {target.other}: {ratio:.2f}"

    def save(self) -> None:
        """Write everything there is to ``benchmarks/results``."""
        self.load_after = os.getloadavg()[0]
        RESULTS.mkdir(exist_ok=True)
        about = {
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
        data = {**about, **asdict(self), "verdicts": list(self.verdicts())}
        (RESULTS / f"{self.name}.json").write_text(json.dumps(data, indent=1) + "\n")


def spread(values: Sequence[float]) -> str:
    """Write the median and the quartiles."""
    if len(values) < 2:
        return f"**{values[0]:.2f}**"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"**{middle:.2f}** ({low:.2f} to {high:.2f})"
