"""
Export a schema as text, JSON, SQL, a Mermaid diagram, an Appwrite CLI project or Firestore rules.

Each module has a pure function from a ``Database`` to text. Tested in
``tests/schema/test_exports.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

from appwrite_orm_django.schema.definitions import Database
from appwrite_orm_django.schema.unique import without_hidden

from .appwrite_cli import project_file
from .firebase import firestore_rules
from .mermaid import diagram
from .plain import as_json, as_text
from .relations import Relation, relations_of
from .sql import DIALECTS, ddl

__all__ = ["DIALECTS", "FORMATS", "Relation", "export", "relations_of"]

#: The formats for other databases and for readers of the data model. Hidden columns are how Appwrite
#: enforces unique constraints.
_WITHOUT_HIDDEN = frozenset({"sql", "mermaid", "firebase"})

FORMATS = ("text", "json", "sql", "mermaid", "appwrite", "firebase")


def export(
    database: Database,
    format_: str,
    *,
    relations: Sequence[Relation] = (),
    dialect: str = "postgresql",
    endpoint: str = "",
    project: str = "",
) -> str:
    """
    Return a schema in a format, as text that ends with a line break.

    Args:
        database: the schema.
        format_: one of ``FORMATS``.
        relations: the foreign keys; used by ``sql``, ``mermaid``, ``text`` and ``json``.
        dialect: one of ``DIALECTS``; used by ``sql``.
        endpoint: the endpoint of the server; used by ``appwrite``.
        project: the id of the project; used by ``appwrite``.
    """
    if format_ in _WITHOUT_HIDDEN:
        database = without_hidden(database)
    if format_ == "sql":
        return ddl(database, relations, dialect)
    if format_ == "mermaid":
        return diagram(database, relations)
    if format_ == "appwrite":
        return project_file(database, endpoint=endpoint, project=project)
    if format_ == "firebase":
        return firestore_rules(database)
    return as_json(database, relations) if format_ == "json" else as_text(database, relations)
