"""Which of Django's test apps are run when none is named."""

FIRST_SET = [
    "aggregation", "aggregation_regress", "annotations", "basic", "bulk_create", "custom_lookups",
    "custom_managers", "custom_pk", "datetimes", "dates", "db_functions", "defer", "delete", "expressions",
    "expressions_case", "expressions_window", "foreign_object", "get_earliest_or_latest", "get_or_create",
    "lookup", "m2m_through", "many_to_many", "many_to_one", "model_fields", "null_fk", "one_to_one", "or_lookups",
    "ordering", "pagination", "prefetch_related", "queries", "save_delete_hooks", "select_related", "serializers",
    "transactions", "update", "update_only_fields",
]  # fmt: skip
