"""Declare the features of Appwrite as Django's feature flags, with the reasons behind some."""

from functools import cached_property

from django.db.backends.base.features import BaseDatabaseFeatures


class DatabaseFeatures(BaseDatabaseFeatures):
    empty_fetchmany_value: list[object] = []
    # Rows of a list are fetched a page at a time.
    can_use_chunked_reads = True

    # The answer to a create holds the whole row.
    can_return_columns_from_insert = True
    can_return_rows_from_bulk_insert = True
    has_bulk_insert = True
    supports_ignore_conflicts = True
    # The server's own upsert is not used: it changes another row that has the same unique value
    # (recording ``rows-upsert-unique``).
    supports_update_conflicts = True
    supports_update_conflicts_with_target = True
    # The server has no DEFAULT keyword: the code that makes the rows evaluates it
    # (``backend.defaults``).
    supports_default_keyword_in_insert = True
    supports_default_keyword_in_bulk_insert = True
    supports_expression_defaults = True

    # An update over joined tables selects the ids first.
    update_can_self_select = False
    delete_can_self_reference_subquery = True

    supports_foreign_keys = False
    can_create_inline_fk = False
    indexes_foreign_keys = True
    supports_column_check_constraints = False
    supports_table_check_constraints = False
    can_introspect_check_constraints = False
    # Of unique constraints, which are enforced by hidden columns (``schema.unique``). Without these
    # flags, Django would warn that no constraint is created. Indexes with conditions or expressions
    # are left out, with a warning of ``checks.models``.
    supports_partial_indexes = True
    supports_expression_indexes = True
    supports_nulls_distinct_unique_constraints = True
    # One index enforces them all, and MongoDB has no second one over the same columns.
    allows_multiple_constraints_on_same_fields = False
    supports_tablespaces = False
    supports_unspecified_pk = True
    # Integer keys are written as text and -0 has no meaning, but 0 is a key like any other.
    allows_auto_pk_0 = True

    # Text of 36 characters, and microseconds.
    has_native_uuid_field = False
    has_native_duration_field = False
    supports_json_field = True
    has_native_json_field = False
    supports_microsecond_precision = False
    supports_timezones = True
    truncates_names = True
    ignores_table_name_case = True
    # A CharField without max_length is a longtext.
    supports_unlimited_charfield = True
    supports_comments = False
    supports_collation_on_charfield = False
    supports_collation_on_textfield = False

    has_case_insensitive_like = False

    # Local evaluation gets these from SQLite.
    supports_over_clause = True
    supports_frame_range_fixed_distance = True
    supports_frame_exclusion = True
    supports_temporal_subtraction = True
    supports_cast_with_precision = False
    time_cast_precision = 3
    supports_aggregate_filter_clause = True
    supports_order_by_nulls_modifier = True
    supports_parentheses_in_compound = False
    supports_slicing_ordering_in_compound = False

    has_select_for_update = False
    test_db_allows_multiple_connections = True
    can_rollback_ddl = False
    # A block is staged and committed on the server as a whole; savepoints are marks in its log.
    supports_transactions = True
    uses_savepoints = True
    can_release_savepoints = True

    @cached_property
    def nulls_order_largest(self) -> bool:  # type: ignore[override]  # depends on the database under Appwrite
        return not self.connection.engine.nulls_are_low

    @cached_property
    def supports_sequence_reset(self) -> bool:  # type: ignore[override]  # only of keys from 1
        return self.connection.counted_keys is not None

    @cached_property
    def order_by_nulls_first(self) -> bool:  # type: ignore[override]
        return not self.nulls_order_largest
