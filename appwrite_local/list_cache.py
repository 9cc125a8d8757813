"""Lists that a client asked to be kept for a while: writes to rows do not show in them until they expire (recording ``list-cache``)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace

from appwrite_local.messages import Response

MAX_LISTS = 1_000


class ListCache:
    """Answers of one process, by request. Schema changes and ``purge`` drop a table's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[tuple[Hashable, ...], tuple[float, Response]] = OrderedDict()

    def answer(self, key: tuple[Hashable, ...], ttl_s: int, make: Callable[[], Response]) -> Response:
        """Give the kept answer, or make and keep one. ``key`` starts with the table's sequence."""
        with self._lock:
            until, kept = self._answers.get(key, (0.0, None))
        if kept is not None and until > time.monotonic():
            return _marked(kept, "hit")
        made = make()
        with self._lock:
            self._answers[key] = (time.monotonic() + ttl_s, made)
            while len(self._answers) > MAX_LISTS:
                self._answers.popitem(last=False)
        return _marked(made, "miss")

    def purge(self, table_seq: int) -> None:
        with self._lock:
            for key in [key for key in self._answers if key[0] == table_seq]:
                del self._answers[key]


def _marked(response: Response, cache: str) -> Response:
    return replace(response, headers={**response.headers, "X-Appwrite-Cache": cache})
