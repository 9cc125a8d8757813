"""
Define every error of the server: type, status and text in one table, and the response envelope.

Source: the ``message`` and ``type`` of every recorded 4xx and 5xx answer.
"""

from typing import Any

from appwrite_local.families import TABLES_DB, Family
from appwrite_local.messages import Response, json_response

REPORTED_VERSION = "1.9.6"
"""Both feature levels report this version, as the recorded servers do."""

# TablesDB's name of the error: status, text. Words of a route family stand in braces; other braces
# are values.
_ERRORS: dict[str, tuple[int, str]] = {
    "bare_400": (400, ""),
    "attribute_type_invalid": (400, '{service} "{key}" is not a number'),
    "column_already_exists": (409, "{Column} with the requested key '{key}' already exists. {Column} keys must be unique, try again with a different key."),
    "column_default_of_array": (400, "Cannot set default value for array {column}s"),
    "column_default_of_required": (400, "Cannot set default value for required {column}"),
    "column_index_already_exists": (409, "Index with the requested key '{key}' already exists. Try again with a different key."),
    "column_index_invalid": (400, "{message}"),
    "column_index_limit_exceeded": (400, "The maximum number of indexes for {table} '{id}' has been reached."),
    "column_index_not_found": (404, "Index with the requested key '{key}' could not be found."),
    "column_invalid_resize": (400, "Existing data is too large for new size, truncate your existing data then try again."),
    "column_limit_exceeded": (400, "{message}"),
    "column_limit_reached": (400, "The maximum number or size of {column}s for {table} '{id}' has been reached."),
    "column_not_available": (400, "The requested {column} '{key}' is not yet available. Please try again later."),
    "column_not_found": (404, "{Column} with the requested key '{key}' could not be found."),
    "column_type_invalid": (400, "{message}"),
    "column_unknown": (400, "The {column} '{key}' required for the index could not be found. Please confirm all your {column}s are in the available state."),
    "column_value_limit": (400, '{service} "{key}" has reached the {word} value of {limit}'),
    "column_value_invalid": (400, "{message}"),
    "database_already_exists": (409, "Database with the requested ID '{id}' already exists. Try again with a different ID or use ID.unique() to generate a unique ID."),
    "database_not_found": (404, "Database with the requested ID '{id}' could not be found."),
    "database_query_order_null": (400, "The order {column} '{key}' had a null value. Cursor pagination requires all {row}s order {column} values are non-null."),
    "fault_not_found": (404, "Fault with the requested ID '{id}' could not be found."),
    "general_access_forbidden": (401, "No Appwrite project was specified. Please specify your project ID when initializing your Appwrite SDK."),
    "general_argument_invalid": (400, "{message}"),
    "general_bad_request": (400, "{message}"),
    "general_cursor_not_found": (400, "{noun} '{id}' for the 'cursor' value not found."),
    "general_query_invalid": (400, "{message}"),
    "general_unauthorized_scope": (401, "{message}"),
    "general_feature_unsupported": (400, "{message}"),
    "general_rate_limit_exceeded": (429, "Rate limit for the current endpoint has been exceeded. Please try again after some time."),
    "general_unavailable": (503, "Service Unavailable"),
    "general_unknown": (500, "Server Error"),
    "index_invalid": (400, "{message}"),
    "key_not_found": (404, "Key with the requested ID could not be found."),
    "legacy_row_not_found": (404, "Document with the requested ID '{id}' could not be found."),
    "legacy_table_not_found": (404, "Collection with the requested ID '{id}' could not be found."),
    "project_id_missing": (403, "When using project API key, make sure to pass x-appwrite-project header with your project ID."),
    "project_key_expired": (401, "The project key has expired. Please generate a new key using the Appwrite console."),
    "project_not_found": (404, "Project with the requested ID could not be found. Please check the value of the X-Appwrite-Project header to ensure the correct project ID is being used."),
    "row_already_exists": (409, "{Row} with the requested ID '{id}' already exists. Try again with a different ID or use ID.unique() to generate a unique ID."),
    "relationship_exists": (409, 'Creating more than one "manyToMany" relationship on the same {table} is currently not permitted.'),
    "relationship_value_invalid": (400, "{message}"),
    "row_delete_restricted": (403, "{Row} cannot be deleted because it is referenced by another {row}."),
    "row_id_missing": (400, "{Row} ID is required when creating a single {row}."),
    "row_invalid_structure": (400, "{message}"),
    "row_missing_data": (400, "The {row} data is missing. Try again with {row} data populated{stop}"),
    "row_missing_payload": (400, "The {row} data and permissions are missing. You must provide either {row} data or permissions to be updated."),
    "row_not_found": (404, "{Row} with the requested ID '{id}' could not be found."),
    "row_unique_constraint_violation": (409, "{Row} violates a unique {column} constraint. Try again with different value(s)."),
    "row_update_conflict": (409, "Remote {row} is newer than local."),
    "storage_bucket_already_exists": (409, "A storage bucket with the requested ID already exists. Try again with a different ID or use ID.unique() to generate a unique ID."),
    "storage_bucket_not_found": (404, "Storage bucket with the requested ID could not be found."),
    "storage_bucket_transformations_disabled": (403, "Image transformations are disabled for the requested bucket."),
    "storage_file_already_exists": (409, "A storage file with the requested ID already exists."),
    "storage_file_empty": (400, "Empty file passed to the endpoint."),
    "storage_file_incomplete": (404, "File not found in {path}"),
    "storage_file_not_found": (404, "The requested file could not be found."),
    "storage_file_type_unsupported": (400, "{message}"),
    "storage_invalid_appwrite_id": (400, "The value for x-appwrite-id header is invalid. Please check the value of the x-appwrite-id header is a valid id and not unique()."),
    "storage_invalid_content_range": (400, "The content range is invalid. Please check the value of the Content-Range header."),
    "storage_invalid_file": (403, "The uploaded file is invalid. Please check the file and try again."),
    "storage_invalid_file_size": (400, "File size not allowed"),
    "storage_invalid_range": (416, "The requested range is not satisfiable. Please check the value of the Range header."),
    "storage_preview_unavailable": (501, "{message}"),
    "table_already_exists": (409, "A {table} with the requested ID '{id}' already exists. Try again with a different ID or use ID.unique() to generate a unique ID."),
    "table_not_found": (404, "{Table} with the requested ID '{id}' could not be found."),
    "token_not_found": (404, "The requested file token could not be found."),
    "transaction_conflict": (409, "The transaction has a conflict. Please resolve the conflict and try again."),
    "transaction_expired": (410, "The transaction has expired. Please create a new transaction and try again."),
    "transaction_expired_unmapped": (500, "Server Error"),
    "transaction_failed": (400, "The transaction has failed. Please try again."),
    "transaction_limit_exceeded": (400, "Transaction already has {existing} operations, adding {adding} would exceed the maximum of {maximum}"),
    "transaction_not_ready": (400, "The transaction is not ready yet. Please try again later."),
    "transaction_not_found": (404, "Transaction with the requested ID '{id}' could not be found."),
    "user_already_exists": (409, "A user with the same id, email, or phone already exists in this project."),
    "user_jwt_and_cookie_set": (403, "JWT and cookie can't be used in the same request"),
    "user_not_found": (404, "User with the requested ID could not be found."),
    "user_jwt_invalid": (401, "Failed to verify JWT. {reason}"),
    "user_unauthorized": (401, "{message}"),
    "webhook_already_exists": (409, "Webhook with the same ID already exists. Try again with a different ID."),
    "webhook_not_found": (404, "Webhook with the requested ID could not be found."),
}  # fmt: skip

# Types with several texts.
_SENT_AS = {
    "column_default_of_array": "column_default_unsupported",
    "column_default_of_required": "column_default_unsupported",
    "column_limit_reached": "column_limit_exceeded",
    "column_value_limit": "column_limit_exceeded",
    "general_unavailable": "general_unknown",
    "legacy_row_not_found": "document_not_found",
    "relationship_exists": "column_already_exists",
    "legacy_table_not_found": "collection_not_found",
    "row_id_missing": "row_missing_data",
    "storage_file_incomplete": "storage_file_not_found",
    "transaction_expired_unmapped": "transaction_expired",
}


class ApiError(Exception):
    """
    An error response, raised anywhere below the server's ``handle``.

    Args:
        error_type: TablesDB's name of the error, a key of the table above. The legacy family
            translates it in the response.
        values: the values of the braces in the text.
    """

    def __init__(self, error_type: str, **values: Any) -> None:
        super().__init__(error_type, values)
        self.error_type = error_type
        self.keeps_writes = False
        self.values = values

    @property
    def status(self) -> int:
        return _ERRORS[self.error_type][0]

    def response(self, family: Family = TABLES_DB) -> Response:
        """Return the error response in a family's words."""
        status, text = _ERRORS[self.error_type]
        if not text:  # turned away before Appwrite saw the request
            return Response(status)
        envelope = {
            "message": text.format(**family.words, **self.values),
            "code": status,
            "type": family.error_type(_SENT_AS.get(self.error_type, self.error_type)),
            "version": REPORTED_VERSION,
        }
        return json_response(
            status, envelope, {"Cache-Control": "no-cache, no-store, must-revalidate"}
        )


def unauthorized(
    message: str = "The current user is not authorized to perform the requested action.",
) -> ApiError:
    return ApiError("user_unauthorized", message=message)


def invalid_query(message: str) -> ApiError:
    return ApiError("general_query_invalid", message=f"Invalid query: {message}")


def invalid_argument(message: str) -> ApiError:
    return ApiError("general_argument_invalid", message=message)


def invalid_structure(problem: str) -> ApiError:
    return ApiError("row_invalid_structure", message=f"Invalid document structure: {problem}")
