"""
List the library's assumptions about the server, as data.

``manage.py appwrite_doctor`` tests each assumption on a server. ``docs/reference/assumptions.md``
is generated from this list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from appwrite_orm_django.engines import ENGINES, Engine

from . import experiments, telling
from .scratch import Scratch


@dataclass(frozen=True, slots=True)
class Server:
    """
    The server as the settings of an alias describe it.

    Attributes:
        engine: as in ``OPTIONS["ENGINE"]``.
        level: ``1.9`` or ``2.x``.
    """

    engine: str
    level: str

    @property
    def rules(self) -> Engine:
        return ENGINES[self.engine]


@dataclass(frozen=True, slots=True)
class Assumption:
    """
    An answer of the server that the library relies on.

    Attributes:
        name: stable, for ``--only`` and the JSON report.
        question: the subject of the experiment, as a noun phrase for the table.
        expected: the acceptable answers, or a function if they depend on the server. Empty for a
            measurement.
        otherwise: the consequences of another answer for the user, and what to do.
        experiment: queries the server and returns the answer.
        on_request: whether the experiment needs more than a scratch database, and is skipped unless
            its area is requested.
    """

    name: str
    question: str
    expected: tuple[str, ...] | Callable[[Server], tuple[str, ...]]
    otherwise: str
    experiment: Callable[[Scratch], str]
    on_request: bool = False

    @property
    def area(self) -> str:
        return self.name.partition(".")[0]

    def answers(self, server: Server) -> tuple[str, ...]:
        """Return the acceptable answers of this server; the first is the usual one."""
        return self.expected(server) if callable(self.expected) else self.expected


def _by(
    rule: Callable[[Engine], object], holds: str, fails: str
) -> Callable[[Server], tuple[str, ...]]:
    """Expect an answer if a rule of the engine holds, and another one if not."""
    return lambda server: (holds,) if rule(server.rules) else (fails,)


def _folds(holds: str, fails: str) -> Callable[[Server], tuple[str, ...]]:
    return _by(lambda engine: engine.folds_text, holds, fails)


def _text_order(server: Server) -> tuple[str, ...]:
    return (experiments.in_order(server.rules.order_key),)


_ENGINE_OPTION = (
    'Remove OPTIONS["ENGINE"], and the engine is found out, or set it to the engine under Appwrite.'
)
_REPORT = "Please report this server's version and engine."

ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption(
        "server.engine", "kind of engine", _by(lambda engine: engine.numbers_rows, "SQL", "MongoDB"),
        f"Text, nulls, row ids and unique indexes follow the engine. {_ENGINE_OPTION}",
        experiments.engine,
    ),
    Assumption(
        "server.level", "feature level", lambda server: (server.level,),
        'OPTIONS["FEATURE_LEVEL"] names another level: remove it, or set it to the level found.',
        experiments.feature_level,
    ),
    Assumption(
        "server.guests", "a guest's read of a table without permissions", ("refused",),
        "Rows of tables without permissions are public on this server. Do not use it for private "
        "data.",
        experiments.guest_access,
    ),
    Assumption(
        "server.latency", "time of a request", (),
        "", experiments.latency,
    ),
    Assumption(
        "text.case", "'Zola' and 'zola' in a filter", _folds("equal", "different"),
        f"exact, in and distinct() return other rows than documented. {_ENGINE_OPTION}",
        experiments.text_case,
    ),
    Assumption(
        "text.accents", "'Zoé' and 'Zoe' in a filter", _folds("equal", "different"),
        f"exact, in and distinct() return other rows than documented. {_ENGINE_OPTION}",
        experiments.text_accents,
    ),
    Assumption(
        "text.blanks", "'Zola' and 'Zola ' in a filter", _folds("equal", "different"),
        f"exact, in and distinct() return other rows than documented. {_ENGINE_OPTION}",
        experiments.text_blanks,
    ),
    Assumption(
        "text.order", "order of some texts", _text_order,
        "Lists ordered by text, and comparisons of text by order, that are evaluated locally would "
        "differ. If the engine is the one expected, its database has another locale: the command "
        "records that, and such queries are refused, or follow code points in the locale C.",
        experiments.text_order,
    ),
    Assumption(
        "text.contains", "contains 'OL' in 'Zola'", ("without case",),
        "icontains and the like miss rows.", experiments.text_contains,
    ),
    Assumption(
        "text.prefix", "startsWith 'Zol'",
        _by(lambda engine: engine.anchors_prefixes, "anchored", "anywhere in the text"),
        "Prefix filters fetch more rows than needed, and counts are too high.",
        experiments.text_prefix,
    ),
    Assumption(
        "text.wildcards", "'%' in contains", ("literal",),
        "contains, startswith and endswith match too many rows.", experiments.text_wildcards,
    ),
    Assumption(
        "text.stored", "text that is written", ("unchanged",),
        "This server changes text when it is saved.", experiments.text_round_trip,
    ),
    Assumption(
        "ids.clash", "a row id that differs only in case", ("refused",),
        "Keys that differ only in case name two rows on this server, but one row on others.",
        experiments.id_clash,
    ),
    Assumption(
        "ids.lookup", "row ids in a filter", _by(lambda engine: engine.finds_ids_without_case, "without case", "with case"),
        f"get() and atomic may miss rows whose key is written in another case. {_ENGINE_OPTION}",
        experiments.id_lookup,
    ),
    Assumption(
        "ids.sequence", "$sequence",
        _by(lambda engine: engine.numbers_rows, "growing numbers", "growing texts"),
        "Paged lists, and rows read inside atomic, have another order.", experiments.sequence,
    ),
    Assumption(
        "nulls.order", "nulls in an ascending order", _by(lambda engine: engine.nulls_are_low, "first", "last"),
        "Ordered lists with nulls are paged and evaluated locally in another order. "
        f"{_ENGINE_OPTION}",
        experiments.null_order,
    ),
    Assumption(
        "nulls.negation", "null in notEqual",
        _by(lambda engine: engine.negations_match_nulls, "matched", "left out"),
        "exclude() returns rows without a value, or returns them twice.",
        experiments.null_in_negation,
    ),
    Assumption(
        "nulls.patterns", "null in notContains",
        _by(lambda engine: engine.negations_match_nulls, "matched", "left out"),
        "exclude() returns rows without a value.", experiments.null_in_pattern,
    ),
    Assumption(
        "nulls.unique", "a second null in a unique column", ("accepted",),
        "Unique nullable fields allow only one row without a value.", experiments.null_uniqueness,
    ),
    Assumption(
        "numbers.integers", "integers beyond 2**53", ("exact",),
        "Integer keys and decimals lose digits. Do not store money here.", experiments.integers,
    ),
    Assumption(
        "numbers.float_digits", "significant digits of a float", lambda server: ("14",) if server.level == "1.9" and server.rules.numbers_rows else ("all", "14"),
        "A saved float cannot be found by the value on the object.", experiments.float_digits,
    ),
    Assumption(
        "numbers.float_filter", "a filter on a float as it was read", ("found",),
        "Filters on floats miss rows. Use ranges.", experiments.float_filter,
    ),
    Assumption(
        "numbers.increment", "40 incremented by 2", ("42",),
        "F() expressions in updates write wrong numbers.", experiments.increment,
    ),
    Assumption(
        "numbers.increment_null", "an increment of a missing value",
        _by(lambda engine: engine.increments_nulls, "starts at 0", "stays null"),
        "F() expressions in updates write a number where null must stay.",
        experiments.increment_of_null,
    ),
    Assumption(
        "numbers.races", "20 increments at the same time", (),
        "", experiments.concurrent_increments,
    ),
    Assumption(
        "moments.precision", "a datetime with zone and microseconds", ("UTC, milliseconds, cut",),
        "A saved datetime cannot be found by the value on the object.",
        experiments.moment_precision,
    ),
    Assumption(
        "moments.range", "first and last datetime", ("years 1000 to 9999",),
        "Dates at the ends of the range are rejected.", experiments.moment_range,
    ),
    Assumption(
        "moments.created_at", "$createdAt written with an API key", ("kept",),
        "loaddata and appwrite_import lose the rows' creation times.", experiments.created_at,
    ),
    Assumption(
        "moments.updated_at", "$updatedAt after a write", ("moves",),
        "atomic does not detect changes by other clients: updates can be lost.",
        experiments.updated_at,
    ),
    Assumption(
        "unique.create", "a row with a taken unique value", ("refused",),
        "Unique fields are not enforced on this server.", experiments.unique_create,
    ),
    Assumption(
        "unique.case", "a unique value that differs only in case", _folds("refused", "accepted"),
        f"Unique fields compare values differently than documented. {_ENGINE_OPTION}",
        experiments.unique_case,
    ),
    Assumption(
        "unique.integers", "a taken value under a unique index over integers",
        _by(lambda engine: engine.unique_types is None, "refused", "accepted"),
        "Unique fields are not enforced as documented.", experiments.unique_integers,
    ),
    Assumption(
        "unique.mixed", "a taken pair under a unique index over text and integer",
        _by(lambda engine: engine.unique_types is None, "refused", "accepted"),
        "Unique fields are not enforced as documented.", experiments.unique_mixed,
    ),
    Assumption(
        "unique.upsert", "an upsert that meets another row's unique value", (),
        "", experiments.unique_upsert,
    ),
    Assumption(
        "unique.update", "an update to a taken unique value", ("refused",),
        "Unique fields are not enforced on this server.", experiments.unique_update,
    ),
    Assumption(
        "unique.bulk_update", "a bulk update to one unique value", ("refused, nothing changed",),
        "update() of unique fields may change some rows before it fails.",
        experiments.unique_bulk_update,
    ),
    Assumption(
        "unique.duplicates", "a unique index over duplicates", ("available, absent", "failed"),
        _REPORT, experiments.unique_over_duplicates,
    ),
    Assumption(
        "bulk.create", "rows in one bulk create", ("100 rows",),
        "bulk_create() of many objects fails.", experiments.bulk_create,
    ),
    Assumption(
        "bulk.atomic", "a bulk create with a taken id", ("all or nothing",),
        "bulk_create() may store part of a batch before it fails.", experiments.bulk_create_atomic,
    ),
    Assumption(
        "bulk.update", "rows that a bulk update changes", ("every match",),
        "update() changes only some of the rows.", experiments.bulk_update,
    ),
    Assumption(
        "bulk.delete", "rows that a bulk delete removes", ("every match",),
        "delete() removes only some of the rows.", experiments.bulk_delete,
    ),
    Assumption(
        "pages.size", "a page of 60 rows", ("as asked",),
        "Lists are truncated.", experiments.page_size,
    ),
    Assumption(
        "pages.cursor", "60 rows by cursor, 20 at a time", ("every row once",),
        "Lists of several pages miss or repeat rows.", experiments.page_cursor,
    ),
    Assumption(
        "pages.total", "total of 60 rows", ("exact",),
        "count() and paginators are wrong.", experiments.total,
    ),
    Assumption(
        "limits.values", "500 values in one filter", ("accepted",),
        "Long __in filters and prefetch_related() fail.", experiments.filter_values,
    ),
    Assumption(
        "limits.query", "a query of 4,096 characters", ("accepted",),
        "Long __in filters and prefetch_related() fail.", experiments.query_length,
    ),
    Assumption(
        "limits.queries", "100 queries in a request", ("accepted",),
        "Filters with many conditions fail.", experiments.query_count,
    ),
    Assumption(
        "limits.url", "a URL of 55,000 characters", ("accepted",),
        "A proxy in front of Appwrite rejects long URLs, so long filters fail: raise its limit "
        "(nginx: large_client_header_buffers).",
        experiments.url_length,
    ),
    Assumption(
        "blocks.updates", "two transactions that update one row", ("refused",),
        "Updates inside atomic can be lost. Do not use atomic for money here.",
        experiments.conflicting_updates,
    ),
    Assumption(
        "blocks.creates", "two transactions that create one id", ("refused",),
        "Updates inside atomic can be lost. Do not use atomic for money here.",
        experiments.conflicting_creates,
    ),
    Assumption(
        "blocks.outside", "a change outside the transaction", ("refused",),
        "atomic overwrites writes by other clients.", experiments.outside_change,
    ),
    Assumption(
        "blocks.atomic", "a transaction with a taken unique value", ("all or nothing",),
        "atomic may apply part of a block.", experiments.commit_atomic,
    ),
    Assumption(
        "blocks.size", "operations in one transaction", ("100 operations",),
        "Blocks with many changes are rejected.", experiments.commit_size,
    ),
    Assumption(
        "blocks.bulk", "size of a staged bulk create of 3 rows", ("one operation",),
        "Blocks hold fewer changes than documented.", experiments.commit_bulk_count,
    ),
    Assumption(
        "blocks.created_at", "$createdAt in a transaction", ("ignored", "kept"),
        _REPORT, experiments.commit_created_at,
    ),
    Assumption(
        "blocks.rollback", "a transaction that is rolled back", ("nothing stored",),
        "Blocks that are rolled back leave rows behind.", experiments.rolled_back,
    ),
    Assumption(
        "columns.new", "a new column with a default", ("null in old rows",),
        "Old rows already have the default; appwrite_migrate leaves them alone.",
        experiments.new_column,
    ),
    Assumption(
        "columns.rename", "renamed columns of a table with an index",
        _by(lambda engine: engine.alters_indexed_tables, "values kept", "refused"),
        "appwrite_migrate --rename and RenameField lose values of these types: add a field and "
        "copy the values instead.",
        experiments.renamed_columns,
    ),
    Assumption(
        "columns.rename_datetime", "a renamed datetime column",
        _by(lambda engine: engine.renames_datetimes, "values kept", "table broken"),
        "appwrite_migrate --rename and RenameField lose datetimes: add a field and copy the values "
        "instead.",
        experiments.renamed_datetime,
    ),
    Assumption(
        "columns.identical", "a second index over the same columns",
        lambda server: ("accepted",) if server.rules.takes_identical_indexes else ("refused", "accepted"),
        "appwrite_migrate cannot create all indexes.", experiments.identical_index,
    ),
    Assumption(
        "columns.indexed", "the index of a dropped column", ("dropped with it",),
        "Dropped columns leave indexes behind: drop these in the console.",
        experiments.dropped_column,
    ),
    Assumption(
        "arrays.contains", "an element in an array", ("exact",),
        "contains and overlap on array fields match other rows.", experiments.array_contains,
    ),
    Assumption(
        "arrays.empty", "an empty array", ("empty list",),
        "Array fields return another value than was saved.", experiments.array_empty,
    ),
    Assumption(
        "webhook.state", "the webhook of this database", ("on",),
        "Writes by other clients are not delivered, and cached rows stay stale until they expire: "
        "fix the failure, then run appwrite_webhook create.",
        telling.webhook_state, on_request=True,
    ),
    Assumption(
        "webhook.address", "the URL that it calls", ("as in the settings",),
        "Deliveries go to another URL, and signatures do not match, because they include the URL: "
        "run appwrite_webhook create.",
        telling.webhook_address, on_request=True,
    ),
    Assumption(
        "webhook.events", "the events that it subscribes to", ("all rows of the models",),
        "Writes to the other tables are not delivered: run appwrite_webhook create.",
        telling.webhook_events, on_request=True,
    ),
    Assumption(
        "webhook.failures", "failed deliveries", ("none",),
        "After ten failures in a row Appwrite turns the webhook off. The text is the endpoint's "
        "response.",
        telling.webhook_failures, on_request=True,
    ),
    Assumption(
        "webhook.delivery", "a signed delivery of a row", ("arrived",),
        "Deliveries do not reach the endpoint, or it rejects them: it accepts those signed with "
        "one of the SECRETS, and records them in CACHES.",
        telling.webhook_delivery, on_request=True,
    ),
    Assumption(
        "realtime.connection", "a connection to realtime", ("accepted",),
        "appwrite_listen receives no events.", telling.realtime_connection, on_request=True,
    ),
    Assumption(
        "realtime.names", "names of a row's event", (telling.ALL_NAMED,),
        "appwrite_listen cannot tell which row was written and how, so it invalidates more, or "
        "receives no events of rows that anyone may read.",
        telling.realtime_names, on_request=True,
    ),
    Assumption(
        "realtime.payload", "keys that locate a row", ("$id, $tableId, $databaseId", "$id, $collectionId, $databaseId"),
        "Webhooks and appwrite_listen cannot tell which row was written, so they invalidate more.",
        telling.realtime_payload, on_request=True,
    ),
    Assumption(
        "realtime.commit_names", "names of a committed row's event", (telling.ALL_NAMED,),
        "For rows written in transactions, only the names identify the database: either the whole "
        "table is invalidated, or nothing.",
        telling.realtime_commit_names, on_request=True,
    ),
    Assumption(
        "realtime.commit_payload", "keys that locate a committed row", ("$id, $tableId", "$id, $tableId, $databaseId"),
        "Webhooks and appwrite_listen cannot tell which row a transaction wrote, so they "
        "invalidate more.",
        telling.realtime_commit_payload, on_request=True,
    ),
)  # fmt: skip

#: The assumptions that determine a server's text semantics.
TEXT_RULES = ("text.case", "text.accents", "text.blanks", "nulls.order", "unique.case")
