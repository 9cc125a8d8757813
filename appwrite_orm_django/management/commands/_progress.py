"""Progress for people: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

#: Called with what is being done and how much more of it is done.
Advance = Callable[[str, int], None]


@contextmanager
def progress_bar(stream: Any, total: int | None) -> Iterator[Advance | None]:
    """
    Show a bar on a terminal for as long as the block runs; yield None where ``stream`` is none.

    Args:
        total: how much there is to do; None when that is not known.
    """
    if not (hasattr(stream, "isatty") and stream.isatty()):
        yield None
        return
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    # Written to below Django's wrapper, which would add line breaks.
    with Progress(*columns, console=Console(file=getattr(stream, "_out", stream)), transient=True) as bar:
        task = bar.add_task("", total=total)

        def advance(description: str, done: int) -> None:
            # What is to be done may grow on the way.
            expected = None if total is None else max(total, bar.tasks[0].completed + done)
            bar.update(task, description=description, advance=done, total=expected)

        yield advance
