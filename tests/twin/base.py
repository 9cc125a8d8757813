"""
Django's SQLite backend with the rules of the engine under Appwrite.

``OPTIONS["ENGINE"]`` names it.
"""

from copy import copy

from django.db.backends.sqlite3 import base, creation, operations, schema
from django.db.models import DateTimeField
from django.db.models.constants import OnConflict
from django.db.models.expressions import OrderBy
from django.db.models.sql import compiler

from appwrite_orm_django.engines import ENGINES

TEXT_TYPES = (
    "CharField",
    "FileField",
    "FilePathField",
    "SlugField",
    "TextField",
    "GenericIPAddressField",
)


# What ``compiler_module`` has to have and is the same here.
SQLDeleteCompiler, SQLUpdateCompiler = compiler.SQLDeleteCompiler, compiler.SQLUpdateCompiler


class SQLInsertCompiler(compiler.SQLInsertCompiler):
    """
    Give objects the key of the row that they have updated, as our backend does.

    Django does so for objects without a key only. Every new ``AppwriteModel`` has one, and would be left with that of no row.
    """

    def execute_sql(self, returning_fields=None):
        if self.query.on_conflict is not OnConflict.UPDATE:
            return super().execute_sql(returning_fields)
        key = list(self.query.get_meta().pk_fields)
        rows = super().execute_sql([*(returning_fields or ()), *key])
        for obj, row in zip(self.query.objs, rows, strict=True):
            for field, value in zip(key, row[-len(key) :], strict=True):
                setattr(obj, field.attname, value)
        return [row[: -len(key)] for row in rows]


def _compare(key):
    def compare(one, two):
        left, right = key(one), key(two)
        return (left > right) - (left < right)

    return compare


def _or_none(function):
    return lambda value: None if value is None else function(str(value))


class _NullsInPlace:
    def compile(self, node):
        high = not self.connection.engine.nulls_are_low
        if type(node) is OrderBy and high and node.nulls_first is None and node.nulls_last is None:
            node = node.copy()
            setattr(node, "nulls_first" if node.descending else "nulls_last", True)
        return super().compile(node)


class SQLCompiler(_NullsInPlace, compiler.SQLCompiler):
    pass


class SQLAggregateCompiler(_NullsInPlace, compiler.SQLAggregateCompiler):
    pass


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "tests.twin.base"
    # The type of a CAST has no collation.
    cast_data_types = {
        **operations.DatabaseOperations.cast_data_types,
        **dict.fromkeys(TEXT_TYPES, "text"),
    }

    def lookup_cast(self, lookup_type, internal_type=None):
        if lookup_type == "iexact":
            return "FOLD(%s)"
        return "LIKE_FOLD(%s)" if lookup_type in ("icontains", "istartswith", "iendswith") else "%s"

    def prep_for_iexact_query(self, x):
        return x


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    def column_sql(self, model, field, include_default=False):
        """Let the moments that only Appwrite sets be null."""
        if isinstance(field, DateTimeField) and field.column.startswith("$"):
            field = copy(field)
            field.null = True
        return super().column_sql(model, field, include_default)


class DatabaseCreation(creation.DatabaseCreation):
    def _get_test_db_name(self):
        """In memory, also with xdist: pytest-django gives other engines than Django's own a name that would be a file."""
        return f"file:memory-{self.connection.alias}?mode=memory&cache=shared"


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = DatabaseSchemaEditor
    creation_class = DatabaseCreation
    display_name = "SQLite with Appwrite's collation"
    ops_class = DatabaseOperations
    data_types = {
        **base.DatabaseWrapper.data_types,
        **dict.fromkeys(TEXT_TYPES, "text COLLATE APPWRITE"),
    }
    operators = {
        **base.DatabaseWrapper.operators,
        "iexact": "= FOLD(%s)",
        "icontains": r"LIKE LIKE_FOLD(%s) ESCAPE '\'",
        "istartswith": r"LIKE LIKE_FOLD(%s) ESCAPE '\'",
        "iendswith": r"LIKE LIKE_FOLD(%s) ESCAPE '\'",
    }
    pattern_ops = {
        "contains": r"LIKE '%%' || {} || '%%' ESCAPE '\'",
        "icontains": r"LIKE '%%' || LIKE_FOLD({}) || '%%' ESCAPE '\'",
        "startswith": r"LIKE {} || '%%' ESCAPE '\'",
        "istartswith": r"LIKE LIKE_FOLD({}) || '%%' ESCAPE '\'",
        "endswith": r"LIKE '%%' || {} ESCAPE '\'",
        "iendswith": r"LIKE '%%' || LIKE_FOLD({}) ESCAPE '\'",
    }

    def __init__(self, settings_dict, *args, **kwargs):
        options = dict(settings_dict["OPTIONS"])
        self.engine = ENGINES[options.pop("ENGINE")]
        super().__init__({**settings_dict, "OPTIONS": options}, *args, **kwargs)

    def get_new_connection(self, conn_params):
        connection = super().get_new_connection(conn_params)
        connection.execute("PRAGMA case_sensitive_like = ON")
        engine = self.engine
        connection.create_collation("APPWRITE", _compare(engine.order_key))
        connection.create_function("FOLD", 1, _or_none(engine.iexact_key), deterministic=True)
        connection.create_function("LIKE_FOLD", 1, _or_none(engine.pattern_key), deterministic=True)
        return connection
