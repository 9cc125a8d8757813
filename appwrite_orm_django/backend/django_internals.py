"""
List the undocumented names of Django that the library uses, each with its reason.

It also states the tested versions of Django. ``docs/explanation/django-internals.md`` is generated
from this list, and a test compares it with the code.
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
        reason: the use of it, in Markdown.
        private: underscored attributes used or overridden, of the name or of the objects that it
            stands for.
    """

    name: str
    reason: str
    private: tuple[str, ...] = ()


#: Grouped by the part of the library that uses them.
INTERNALS: Mapping[str, tuple[Internal, ...]] = {
    "Backends": (
        Internal(
            "django.db.backends.base.base.BaseDatabaseWrapper",
            "the connection",
            ("_close", "_commit", "_rollback", "_set_autocommit"),
        ),
        Internal(
            "django.db.backends.base.client.BaseDatabaseClient", "`dbshell`, which is refused"
        ),
        Internal(
            "django.db.backends.base.creation.BaseDatabaseCreation",
            "test databases",
            ("_create_test_db", "_destroy_test_db", "_get_test_db_name"),
        ),
        Internal(
            "django.db.backends.base.features.BaseDatabaseFeatures", "the features of the backend"
        ),
        Internal(
            "django.db.backends.base.introspection.BaseDatabaseIntrospection",
            "`inspectdb` and `migrate`",
        ),
        Internal("django.db.backends.base.introspection.TableInfo", "`inspectdb` and `migrate`"),
        Internal(
            "django.db.backends.base.operations.BaseDatabaseOperations", "conversion of values"
        ),
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
            "cursors, when queries are logged",
            ("_execute_with_wrappers",),
        ),
        Internal("django.db.backends.utils.CursorWrapper", "cursors, when queries are not logged"),
        Internal("django.db.backends.utils.names_digest", "names of indexes that are too long"),
    ),
    "Queries": (
        Internal(
            "django.db.models.sql.compiler",
            "the compilers, which make commands here",
            ("_order_by_pairs",),
        ),
        Internal("django.db.models.sql.compiler.PositionRef", "ordering by a selected expression"),
        Internal("django.db.models.sql.Query", "the query of a queryset"),
        Internal("django.db.models.sql.AggregateQuery", "`aggregate()`"),
        Internal("django.db.models.sql.query.RawQuery", "`raw()`"),
        Internal("django.db.models.sql.InsertQuery", "the new rows of SQL that writes"),
        Internal("django.db.models.constants.OnConflict", "conflicts in `bulk_create()`"),
        Internal("django.db.models.sql.constants.GET_ITERATOR_CHUNK_SIZE", "rows per chunk"),
        Internal("django.db.models.sql.constants.INNER", "joins"),
        Internal("django.db.models.sql.constants.LOUTER", "joins"),
        Internal(
            "django.db.models.sql.constants.MULTI", "the kind of result that a compiler returns"
        ),
        Internal(
            "django.db.models.sql.constants.SINGLE", "the kind of result that a compiler returns"
        ),
        Internal("django.db.models.sql.where.AND", "conditions"),
        Internal("django.db.models.sql.where.OR", "conditions"),
        Internal("django.db.models.sql.where.ExtraWhere", "`extra()`, which is evaluated locally"),
        Internal("django.db.models.sql.where.NothingNode", "`none()`"),
        Internal("django.db.models.sql.where.WhereNode", "conditions"),
        Internal("django.db.models.expressions.BaseExpression", "the two sides of a comparison"),
        Internal("django.db.models.expressions.Col", "a column of a query"),
        Internal(
            "django.db.models.functions.datetime.Extract",
            "a value that may depend on the current time zone, in a unique constraint",
        ),
        Internal(
            "django.db.models.functions.datetime.TruncBase",
            "the same, for moments that are truncated",
        ),
        Internal(
            "django.db.models.expressions.ExpressionList",
            "the expressions of an `IN`, since Django 5.2",
        ),
        Internal("django.db.models.expressions.ColPairs", "the columns of a composite key"),
        Internal("django.db.models.expressions.Combinable", "operators of expressions"),
        Internal(
            "django.db.models.expressions.CombinedExpression",
            '`F("stock") - 1`, which Appwrite does atomically',
        ),
        Internal("django.db.models.expressions.DatabaseDefault", "a field left to `db_default`"),
        Internal("django.db.models.expressions.OrderBy", "ordering"),
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
        Internal("django.db.models.base.ModelBase", "model options in addition to Django's"),
        Internal("django.db.models.base.ModelState", "instances from cached rows"),
        Internal(
            "django.db.models.options.Options",
            "models with one field changed, for fields that the schema editor gets without a model",
            ("_expire_cache",),
        ),
        Internal(
            "django.apps.registry.Apps",
            "models of tables that SQL reads and no model of an app has",
        ),
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
            "django.db.models.deletion.Collector",
            "whether a deletion cascades; one that does not is a single request",
        ),
        Internal(
            "django.db.migrations.executor.MigrationExecutor",
            "unapplied migrations, when `runserver` starts",
        ),
        Internal(
            "django.db.migrations.loader.MigrationLoader", "whether a migration creates a model"
        ),
        Internal(
            "django.db.models.Model",
            "the values that `save()` has written, and the rows that an insert estimates",
            ("_save_table", "_do_insert", "_do_update"),
        ),
    ),
    "The rest": (
        Internal(
            "django.contrib.admin.views.main.ChangeList",
            "admin lists without a second count; `_registry` belongs to the site",
            ("_registry",),
        ),
        Internal(
            "django.contrib.auth.management", "permissions of models that no migration creates"
        ),
        Internal("django.core.cache.backends.db.BaseDatabaseCache", "checks of cache settings"),
        Internal(
            "django.core.cache.backends.memcached.BaseMemcachedCache", "checks of cache settings"
        ),
        Internal("django.core.handlers.asgi.ASGIRequest", "whether a download may be streamed"),
        Internal("django.template.defaultfilters.pluralize", "counts in what commands print"),
        Internal(
            "django.core.management.commands.migrate.Command",
            "`migrate`: Django's, except its output for databases on Appwrite",
        ),
        Internal(
            "django.core.management.commands.inspectdb.Command",
            "`inspectdb`: Django's, except for databases on Appwrite",
        ),
        Internal(
            "django.utils.functional.LazyObject",
            "whether `request.user` was evaluated; evaluating it would access the session",
            ("_wrapped",),
        ),
    ),
}

#: Methods that only some of the tested releases call, mapped to these releases.
HOOKS_OF_OTHER_VERSIONS: Mapping[str, str] = {}


def check_version(version: tuple[int, ...] = django.VERSION) -> None:  # type: ignore[assignment]  # a tuple that begins with two numbers
    """
    Reject a version of Django that the library was not tested with.

    Raises:
        ImproperlyConfigured: names the version and the supported range.
    """
    oldest, newest = TESTED
    if not oldest <= version[:2] <= newest:
        raise ImproperlyConfigured(
            f"appwrite_orm_django does not support Django {'.'.join(map(str, version[:2]))}: it "
            f"was tested with {'.'.join(map(str, oldest))} to {'.'.join(map(str, newest))}, and "
            "uses names that Django may change.\n"
            "Install one of these versions, or a newer appwrite-orm-django."
        )
