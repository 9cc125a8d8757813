"""
Define the two families of routes over the same data, and their words.

``/databases/{}/collections/{}/documents`` is the older spelling of ``/tablesdb/{}/tables/{}/rows``.
Every route is implemented once, in TablesDB's words. The legacy family translates path segments,
parameters, answers and error types (recordings ``legacy-*``).
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Family:
    """
    One spelling of the API.

    Attributes:
        words: the words of error texts.
        segments: maps TablesDB's path segments to this family's.
        names: maps TablesDB's parameters and answer keys to this family's; all others are the same.
    """

    service: str
    words: dict[str, str]
    segments: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    error_prefixes: tuple[tuple[str, str], ...] = ()

    def error_type(self, name: str) -> str:
        for prefix, ours in self.error_prefixes:
            if name.startswith(prefix):
                return ours + name[len(prefix) :]
        return name

    def name(self, word: str) -> str:
        return self.names.get(word, word)


TABLES_DB = Family(
    service="tablesDB",
    words={"service": "tablesDB", "Row": "Row", "row": "row", "Column": "Column", "column": "column", "Table": "Table", "table": "table", "stop": "."},
)  # fmt: skip

LEGACY = Family(
    service="databases",
    words={
        "service": "databases", "Row": "Document", "row": "document", "Column": "Attribute", "column": "attribute",
        "Table": "Collection", "table": "collection", "stop": "",
    },
    segments={"tablesdb": "databases", "tables": "collections", "columns": "attributes", "rows": "documents"},
    names={
        "tableId": "collectionId", "rowId": "documentId", "rows": "documents", "columns": "attributes", "rowSecurity": "documentSecurity",
        "tables": "collections", "$tableId": "$collectionId", "column": "attribute", "relatedTable": "relatedCollection",
        "relatedTableId": "relatedCollectionId",
    },
    error_prefixes=(
        ("column_index_", "index_"), ("column_", "attribute_"), ("row_", "document_"), ("table_", "collection_"),
    ),
)  # fmt: skip
