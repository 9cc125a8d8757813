"""What an endpoint function acts on."""

from __future__ import annotations

from typing import NamedTuple

from .identifiers import path_segment


class TableRef(NamedTuple):
    """A table by its two ids."""

    database: str
    table: str

    @property
    def path(self) -> str:
        """The table's path after the endpoint, for example ``/tablesdb/shop/tables/product``."""
        return f"/tablesdb/{path_segment(self.database)}/tables/{path_segment(self.table)}"

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"
