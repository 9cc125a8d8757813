"""Define the tables that the library keeps for itself in a database."""

from __future__ import annotations

from dataclasses import replace

from .definitions import Column, Database, Table
from .names import OWN_TABLES

CLAIM_COLUMN = "row"

#: Transactions that change the same version of a row create the same row in this table, so only one
#: of them can commit.
CLAIMS = Table(
    f"{OWN_TABLES}claims", "Claims of appwrite-orm-django", (Column(CLAIM_COLUMN, "varchar", 100),)
)

#: The encodings of columns, a row for each column (see ``records``). Of the text types, 1.9 accepts
#: only the old type ``string`` in the request that creates the table.
ENCODINGS = Table(
    f"{OWN_TABLES}encodings",
    "Encodings of appwrite-orm-django",
    (
        Column("table_id", "string", 36),
        Column("key", "string", 36),
        Column("encoding", "string", 255),
    ),
)

#: ``manage.py appwrite_webhook check`` creates a row here to see whether the webhook delivers it.
#: The table only exists during the check.
PROBES_TABLE = f"{OWN_TABLES}probes"


def with_own_tables(database: Database) -> Database:
    """Return a description that includes the library's own tables."""
    return replace(database, tables=(*database.tables, CLAIMS, ENCODINGS))
