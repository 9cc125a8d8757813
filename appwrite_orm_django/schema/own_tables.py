"""The tables that the library keeps for itself in a database, beside those of the models."""

from __future__ import annotations

from dataclasses import replace

from .definitions import Column, Database, Table
from .names import OWN_TABLES

CLAIM_COLUMN = "row"

#: Two transactions that changed the same version of a row both create the row of this table that stands for it; one of them commits.
CLAIMS = Table(f"{OWN_TABLES}claims", "Claims of appwrite-orm-django", (Column(CLAIM_COLUMN, "varchar", 100),))

#: How each column is encoded, a row for each (see ``records``). The old type ``string`` is the one that 1.9 takes with the table, in one request.
ENCODINGS = Table(
    f"{OWN_TABLES}encodings",
    "Encodings of appwrite-orm-django",
    (
        Column("table_id", "string", 36),
        Column("key", "string", 36),
        Column("encoding", "string", 255),
    ),
)

#: ``manage.py appwrite_webhook check`` makes a row here, to see that it is told of; the table is there for as long as that takes.
PROBES_TABLE = f"{OWN_TABLES}probes"


def with_own_tables(database: Database) -> Database:
    """Return a description that has the library's own tables as well."""
    return replace(database, tables=(*database.tables, CLAIMS, ENCODINGS))
