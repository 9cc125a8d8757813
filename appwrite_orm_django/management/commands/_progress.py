"""Show a progress bar on a terminal, and nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

#: Called with a description of the current work and the amount just completed.
Advance = Callable[[str, int], None]


@contextmanager
def progress_bar(stream: Any, total: int | None) -> Iterator[Advance | None]:
    """
    Show a bar while the block runs; yield None if ``stream`` is not a terminal.

    Args:
        total: the total amount of work; None if it is unknown.
    """
    if not (hasattr(stream, "isatty") and stream.isatty()):
        yield None
        return
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    # Write to the stream below Django's wrapper, which would add line breaks.
    with Progress(
        *columns, console=Console(file=getattr(stream, "_out", stream)), transient=True
    ) as bar:
        task = bar.add_task("", total=total)

        def advance(description: str, done: int) -> None:
            # The amount of work may grow.
            expected = None if total is None else max(total, bar.tasks[0].completed + done)
            bar.update(task, description=description, advance=done, total=expected)

        yield advance
