"""Every route there is, in one list."""

from collections.abc import Iterator

from appwrite_local import (
    bulk,
    columns,
    databases,
    faults,
    health,
    increments,
    indexes,
    keys,
    relation_columns,
    rows,
    tables,
    transactions,
    users,
    webhooks,
)
from appwrite_local.routing import Route


def all_routes() -> Iterator[Route]:
    """Yield all routes: those under ``/tablesdb`` also in the legacy family's spelling."""
    for module in (databases, tables, columns, relation_columns, indexes, rows, bulk, increments, transactions):
        for route in module.ROUTES:
            yield route
            yield route.in_legacy_words()
    for module in (health, keys, webhooks, faults, users):
        yield from module.ROUTES
