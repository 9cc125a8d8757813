"""Exact counts of more rows than the server counts."""

from __future__ import annotations

from collections.abc import Callable

# The server counts no further (recording ``total-cap``).
TOTAL_CAP = 5000

Ask = Callable[[str | None, int], tuple[int, str | None]]


def count(ask: Ask) -> int:
    """
    Return the number of rows that match, in one question up to the cap and in a logarithmic number of them beyond.

    A row far enough into the table tells two things: that so many rows come before it, and, by its ``$sequence``, where
    counting goes on. What is left behind the last such row is within the cap.

    Args:
        ask: for the rows whose ``$sequence`` is greater than the given one (all rows for None), in that order, returns their
            capped total and the ``$sequence`` of the row at an offset, None if there are not so many.
    """
    counted, after, stride, grows = 0, None, TOTAL_CAP, True
    while True:
        total, found = ask(after, stride)
        if found is not None:
            counted, after = counted + stride + 1, found
            stride = 2 * stride if grows else max(stride // 2, TOTAL_CAP)
        elif total < TOTAL_CAP or stride == TOTAL_CAP:
            return counted + total
        else:
            grows, stride = False, max(stride // 2, TOTAL_CAP)
