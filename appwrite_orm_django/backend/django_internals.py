"""
The undocumented names of Django that the library uses, each with its reason, and the versions of Django it was tested with.

``docs/explanation/django-internals.md`` is made from this list; a test compares it with the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import django
from django.core.exceptions import ImproperlyConfigured

__all__ = ["HOOKS_OF_OTHER_VERSIONS", "INTERNALS", "TESTED", "Internal", "check_version"]

#: The oldest and the newest release of Django that the test suite passes on.
TESTED = ((5, 2), (6, 1))


class Internal(NamedTuple):
    """
    A name that Django's reference does not describe.

    Attributes:
        name: its dotted path.
        reason: what it is used for, in Markdown.
        private: underscored attributes of it, or of what it stands for, that are used or overridden.
    """

    name: str
    reason: str
    private: tuple[str, ...] = ()


#: By the part of the library that uses them.
INTERNALS: Mapping[str, tuple[Internal, ...]] = {
    "Backends": (
        Internal(
            "django.db.backends.base.base.BaseDatabaseWrapper",
            "the connection",
            ("_close", "_commit", "_rollback", "_set_autocommit"),
        ),
        Internal("django.db.backends.base.client.BaseDatabaseClient", "`dbshell`, which is refused"),
        Internal(
            "django.db.backends.base.creation.BaseDatabaseCreation",
            "test databases",
            ("_create_test_db", "_destroy_test_db", "_get_test_db_name"),
        ),
        Internal("django.db.backends.base.features.BaseDatabaseFeatures", "which features the backend has"),
        Internal("django.db.backends.base.introspection.BaseDatabaseIntrospection", "`inspectdb` and `migrate`"),
        Internal("django.db.backends.base.introspection.FieldInfo", "`inspectdb` and `migrate`"),
        Internal("django.db.backends.base.introspection.TableInfo", "`inspectdb` and `migrate`"),
        Internal("django.db.backends.base.operations.BaseDatabaseOperations", "conversion of values"),
        Internal(
            "django.db.backends.base.schema.BaseDatabaseSchemaEditor",
            "migrations; `RenameModel` calls `_alter_many_to_many`",
            ("_alter_many_to_many",),
        ),
        Internal("django.db.backends.sqlite3.base", "the private SQLite of local evaluation"),
        Internal("django.db.backends.sqlite3.features", "the private SQLite of local evaluation"),
        Internal("django.db.backends.sqlite3.operations", "the private SQLite of local evaluation"),
        Internal(
            "django.db.backends.utils.CursorDebugWrapper",
            "the list of queries in debug mode",
            ("_execute_with_wrappers",),
        ),
        Internal("django.db.backends.utils.CursorWrapper", "the list of queries in debug mode, without debug mode"),
        Internal("django.db.backends.utils.names_digest", "names of indexes that are too long"),
    ),
    "Queries": (
        Internal("django.db.models.sql.compiler", "the compilers, which make commands here", ("_order_by_pairs",)),
        Internal("django.db.models.sql.compiler.PositionRef", "an order by a selected expression"),
        Internal("django.db.models.sql.Query", "the query of a queryset"),
        Internal("django.db.models.sql.AggregateQuery", "`aggregate()`"),
        Internal("django.db.models.sql.query.RawQuery", "`raw()`"),
        Internal("django.db.models.constants.OnConflict", "what `bulk_create()` does on conflict"),
        Internal("django.db.models.sql.constants.GET_ITERATOR_CHUNK_SIZE", "rows per chunk"),
        Internal("django.db.models.sql.constants.INNER", "joins"),
        Internal("django.db.models.sql.constants.LOUTER", "joins"),
        Internal("django.db.models.sql.constants.MULTI", "the kind of result that a compiler returns"),
        Internal("django.db.models.sql.constants.SINGLE", "the kind of result that a compiler returns"),
        Internal("django.db.models.sql.where.AND", "conditions"),
        Internal("django.db.models.sql.where.OR", "conditions"),
        Internal("django.db.models.sql.where.ExtraWhere", "`extra()`, which is evaluated locally"),
        Internal("django.db.models.sql.where.NothingNode", "`none()`"),
        Internal("django.db.models.sql.where.WhereNode", "conditions"),
        Internal("django.db.models.expressions.BaseExpression", "the two sides of a comparison"),
        Internal("django.db.models.expressions.Col", "a column of a query"),
        Internal("django.db.models.expressions.ExpressionList", "the expressions of an `IN`, from Django 5.2 on"),
        Internal("django.db.models.expressions.ColPairs", "the columns of a composite key"),
        Internal("django.db.models.expressions.Combinable", "operators of expressions"),
        Internal("django.db.models.expressions.CombinedExpression", '`F("stock") - 1`, which Appwrite does atomically'),
        Internal("django.db.models.expressions.DatabaseDefault", "a field left to `db_default`"),
        Internal("django.db.models.expressions.OrderBy", "orders"),
        Internal("django.db.models.expressions.Ref", "references to annotations"),
        Internal("django.db.models.expressions.ResolvedOuterRef", "subqueries"),
        Internal("django.db.models.expressions.Star", '`Count("*")`'),
        Internal("django.db.models.fields.json.ContainedBy", "lookups of JSON that SQLite lacks"),
        Internal("django.db.models.fields.json.DataContains", "lookups of JSON that SQLite lacks"),
        Internal("django.db.models.fields.related_lookups", "conditions on foreign keys"),
        Internal("django.db.models.fields.tuple_lookups", "conditions on composite keys"),
        Internal(
            "django.db.models.query.ModelIterable",
            "instances from cached rows; the private names are those of querysets",
            (
                "_iterator",
                "_known_related_objects",
                "_prefetch_related_lookups",
                "_prefetch_related_objects",
                "_result_cache",
            ),
        ),
        Internal(
            "django.db.models.query.RawModelIterable",
            "as `ModelIterable`: attributes that it sets while reading do not count as assigned",
        ),
    ),
    "Models": (
        Internal("django.db.models.base.ModelBase", "model options beside Django's"),
        Internal("django.db.models.base.ModelState", "instances from cached rows"),
        Internal(
            "django.db.models.query_utils.DeferredAttribute",
            "instances from cached rows: fields that may be set directly",
        ),
        Internal(
            "django.db.models.fields.files.FileDescriptor",
            "instances from cached rows: fields that may be set directly",
        ),
        Internal(
            "django.db.models.fields.related_descriptors.ForeignKeyDeferredAttribute",
            "instances from cached rows: fields that may be set directly",
        ),
        Internal(
            "django.db.models.deletion.Collector", "whether a deletion cascades; one that does not is a single request"
        ),
        Internal("django.db.migrations.loader.MigrationLoader", "whether an app has migrations, in tests"),
        Internal(
            "django.db.models.Model",
            "what a `save()` has written, and which rows an insert estimates",
            ("_save_table", "_do_insert", "_do_update"),
        ),
    ),
    "The rest": (
        Internal(
            "django.contrib.admin.views.main.ChangeList",
            "lists of the admin without a second count; `_registry` is the site's",
            ("_registry",),
        ),
        Internal("django.core.cache.backends.db.BaseDatabaseCache", "checks of cache settings"),
        Internal("django.core.handlers.asgi.ASGIRequest", "whether a download may be streamed"),
        Internal(
            "django.core.management.commands.migrate.Command",
            "`migrate`: Django's, but for what it prints about databases on Appwrite",
        ),
        Internal(
            "django.core.management.commands.inspectdb.Command", "`inspectdb`: Django's, but for databases on Appwrite"
        ),
        Internal(
            "django.utils.functional.LazyObject",
            "whether `request.user` was looked at; looking would use the session",
            ("_wrapped",),
        ),
    ),
}

#: Methods that only some of the tested releases call, with these releases.
HOOKS_OF_OTHER_VERSIONS: Mapping[str, str] = {}


def check_version(version: tuple[int, ...] = django.VERSION) -> None:
    """
    Refuse a Django that the library was not tested with.

    Raises:
        ImproperlyConfigured: names the version and the range.
    """
    oldest, newest = TESTED
    if not oldest <= version[:2] <= newest:
        raise ImproperlyConfigured(
            f"appwrite_orm_django does not know Django {'.'.join(map(str, version[:2]))}: it was tested with "
            f"{'.'.join(map(str, oldest))} to {'.'.join(map(str, newest))}, and overrides names that Django may change.\n"
            f"Install one of these, or a newer appwrite-orm-django."
        )
