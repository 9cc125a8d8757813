"""Django's SQLite backend with the text rules of ``utf8mb4_general_ci``."""

from django.db.backends.sqlite3 import base

from appwrite_orm_django import collation

TEXT_TYPES = ("CharField", "FileField", "FilePathField", "SlugField", "TextField", "GenericIPAddressField")


def _compare(one, two):
    left, right = collation.fold(one), collation.fold(two)
    return (left > right) - (left < right)


def _or_none(function):
    return lambda value: None if value is None else function(str(value))


class DatabaseWrapper(base.DatabaseWrapper):
    display_name = "SQLite with Appwrite's collation"
    data_types = {**base.DatabaseWrapper.data_types, **dict.fromkeys(TEXT_TYPES, "text COLLATE APPWRITE")}
    operators = {
        **base.DatabaseWrapper.operators,
        "iexact": "= %s COLLATE APPWRITE",
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

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.ops.lookup_cast = self._lookup_cast

    def _lookup_cast(self, lookup_type, internal_type=None):
        if lookup_type in ("icontains", "istartswith", "iendswith"):
            return "LIKE_FOLD(%s)"
        return "%s"

    def get_new_connection(self, conn_params):
        connection = super().get_new_connection(conn_params)
        connection.execute("PRAGMA case_sensitive_like = ON")
        connection.create_collation("APPWRITE", _compare)
        connection.create_function("LIKE_FOLD", 1, _or_none(collation.like_fold), deterministic=True)
        return connection
