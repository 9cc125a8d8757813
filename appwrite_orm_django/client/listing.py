"""List everything except rows, following the pages to the end."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from .queries import Query, check_limits, cursor_after, limit
from .secret import hidden
from .transport import Transport

#: The server documents no maximum. One page of this size holds the schema of nearly every project.
PAGE_SIZE = 500


def every_item(
    transport: Transport,
    path: str,
    name: str,
    queries: Sequence[Query] = (),
    *,
    cursor_key: str = "$id",
    secrets: Collection[str] = (),
) -> Iterator[dict[str, Any]]:
    """
    Yield every item of a list that the server returns in pages.

    Args:
        name: the key of the items in the answer, for example ``tables``.
        queries: filters and order; limit and cursor are added here.
        cursor_key: the key of an item that the server takes as a cursor: ``key`` for columns and
            indexes.
        secrets: keys of the values to wrap in ``Secret``.
    """
    after: list[Query] = []
    while True:
        params = {"queries": check_limits([*queries, limit(PAGE_SIZE), *after])}
        items = [hidden(item, secrets) for item in transport.call("GET", path, params=params)[name]]
        yield from items
        if len(items) < PAGE_SIZE:
            return
        after = [cursor_after(items[-1][cursor_key])]
