from __future__ import annotations

import copy
import pickle

import pytest
from django.db import utils

from appwrite_orm_django.client import columns, databases, errors, indexes, rows, tables
from appwrite_orm_django.client.references import TableRef

from .conftest import ENDPOINT, ROWS, TABLE

ALL = [
    cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, errors.AppwriteError)
]


def refuse(server, status, type_, message="Refused."):
    server.get(
        f"{ROWS}/r",
        status=status,
        json={"message": message, "code": status, "type": type_, "version": "1.9.6"},
    )


@pytest.mark.parametrize(
    ("status", "type_", "ours", "django"),
    [
        (400, "general_argument_invalid", errors.InvalidRequest, utils.ProgrammingError),
        (400, "general_bad_request", errors.InvalidRequest, utils.ProgrammingError),
        (400, "general_query_invalid", errors.InvalidQuery, utils.ProgrammingError),
        (400, "general_cursor_not_found", errors.InvalidQuery, utils.ProgrammingError),
        (400, "database_query_order_null", errors.InvalidQuery, utils.ProgrammingError),
        (400, "general_feature_unsupported", errors.FeatureUnsupported, utils.NotSupportedError),
        (400, "row_invalid_structure", errors.InvalidStructure, utils.DataError),
        (400, "document_invalid_structure", errors.InvalidStructure, utils.DataError),
        (400, "relationship_value_invalid", errors.InvalidStructure, utils.DataError),
        (400, "row_missing_data", errors.InvalidRequest, utils.ProgrammingError),
        (400, "column_limit_exceeded", errors.LimitExceeded, utils.DataError),
        (400, "column_not_available", errors.ColumnNotAvailable, utils.ProgrammingError),
        (400, "column_default_unsupported", errors.InvalidSchema, utils.ProgrammingError),
        (400, "attribute_type_invalid", errors.InvalidSchema, utils.ProgrammingError),
        (400, "COLUMN_TYPE_NOT_SUPPORTED", errors.FeatureUnsupported, utils.NotSupportedError),
        (
            400,
            "transaction_limit_exceeded",
            errors.TransactionLimitExceeded,
            utils.OperationalError,
        ),
        (400, "transaction_not_ready", errors.TransactionClosed, utils.OperationalError),
        (500, "transaction_expired", errors.TransactionClosed, utils.OperationalError),
        (410, "transaction_expired", errors.TransactionClosed, utils.OperationalError),
        (404, "transaction_not_found", errors.TransactionClosed, utils.OperationalError),
        (409, "transaction_conflict", errors.TransactionConflict, utils.OperationalError),
        (401, "user_unauthorized", errors.Unauthorized, utils.OperationalError),
        (401, "user_jwt_invalid", errors.InvalidUserToken, utils.OperationalError),
        (403, "general_service_disabled", errors.Unauthorized, utils.OperationalError),
        (401, "general_unauthorized_scope", errors.MissingScope, utils.OperationalError),
        (403, "project_id_missing", errors.ProjectNotFound, utils.OperationalError),
        (404, "project_not_found", errors.ProjectNotFound, utils.OperationalError),
        (404, "database_not_found", errors.DatabaseNotFound, utils.OperationalError),
        (404, "table_not_found", errors.TableNotFound, utils.ProgrammingError),
        (404, "collection_not_found", errors.TableNotFound, utils.ProgrammingError),
        (404, "column_not_found", errors.ColumnNotFound, utils.ProgrammingError),
        (400, "column_unknown", errors.ColumnNotFound, utils.ProgrammingError),
        (404, "column_index_not_found", errors.IndexNotFound, utils.ProgrammingError),
        (404, "index_not_found", errors.IndexNotFound, utils.ProgrammingError),
        (404, "row_not_found", errors.RowNotFound, utils.DatabaseError),
        (404, "document_not_found", errors.RowNotFound, utils.DatabaseError),
        (404, "webhook_not_found", errors.NotFound, utils.DatabaseError),
        (409, "row_already_exists", errors.RowAlreadyExists, utils.IntegrityError),
        (409, "row_unique_constraint_violation", errors.UniqueViolation, utils.IntegrityError),
        (409, "row_update_conflict", errors.RowConflict, utils.OperationalError),
        (403, "row_delete_restricted", errors.DeleteRestricted, utils.IntegrityError),
        (409, "column_already_exists", errors.AlreadyExists, utils.ProgrammingError),
        (408, "database_timeout", errors.RequestTimeout, utils.OperationalError),
        (500, "general_unknown", errors.ServerError, utils.OperationalError),
        (404, "general_route_not_found", errors.NotAppwrite, utils.OperationalError),
        # types of tomorrow
        (404, "galaxy_not_found", errors.NotFound, utils.DatabaseError),
        (418, "teapot", errors.InvalidRequest, utils.ProgrammingError),
    ],
)
def test_classes(transport, server, status, type_, ours, django):
    refuse(server, status, type_)
    with pytest.raises(django) as caught:
        rows.get_row(transport, TABLE, "r")
    error = caught.value
    assert type(error) is ours
    assert (error.type, error.code, error.message) == (type_, status, "Refused.")
    assert (error.table, error.row_id, error.request) == (
        "product",
        "r",
        "GET /tablesdb/shop/tables/product/rows/r",
    )
    assert not error.ambiguous


@pytest.mark.parametrize(
    ("status", "type_", "message", "text"),
    [
        (
            400,
            "row_invalid_structure",
            'Invalid document structure: Attribute "name" has invalid type. Value must be a valid string and no longer than 20 chars',
            'product.name: Invalid document structure: Attribute "name" has invalid type. Value must be a valid string and no longer '
            "than 20 chars (400 row_invalid_structure)",
        ),
        (
            400,
            "row_invalid_structure",
            'Invalid document structure: Unknown attribute: "colour"',
            'product.colour: Invalid document structure: Unknown attribute: "colour" (400 row_invalid_structure)\n'
            f"If the model has this column: {errors.MISSING_PART}",
        ),
        (
            400,
            "general_query_invalid",
            "Invalid query: Attribute not found in schema: colour",
            "product.colour: Invalid query: Attribute not found in schema: colour (400 general_query_invalid)\n"
            f"If the model has this column: {errors.MISSING_PART}",
        ),
        (
            404,
            "table_not_found",
            "Table with the requested ID 'product' could not be found.",
            "product: Table with the requested ID 'product' could not be found (404 table_not_found)\n"
            f"{errors.TableNotFound.hint}",
        ),
        (
            401,
            "user_unauthorized",
            "The current user is not authorized to perform the requested action.",
            "product: The current user is not authorized to perform the requested action (401 user_unauthorized)\n"
            'Check the API key in DATABASES["appwrite"]["PASSWORD"], that it belongs to the project in DATABASES["appwrite"]["USER"], '
            'and that DATABASES["appwrite"]["HOST"] is the endpoint of that project: Appwrite Cloud has one for each region.',
        ),
        (
            404,
            "project_not_found",
            "Project with the requested ID could not be found.",
            "product: Project with the requested ID could not be found (404 project_not_found)\n"
            'Check the project id in DATABASES["appwrite"]["USER"], and DATABASES["appwrite"]["HOST"]: Appwrite Cloud has an endpoint for each region.',
        ),
        (
            409,
            "row_already_exists",
            "Row with the requested ID 'r' already exists. Try again with a different ID or use ID.unique() to generate a unique ID.",
            "product: Row with the requested ID 'r' already exists. Try again with a different ID or use ID.unique() to generate a unique ID "
            "(409 row_already_exists)\nIf the id was generated, another row has the same values in a unique index: Appwrite 1.9 reports both in "
            "the same words.",
        ),
        (
            404,
            "database_not_found",
            "Database with the requested ID 'shop' could not be found.",
            "product: Database with the requested ID 'shop' could not be found (404 database_not_found)\n"
            'Check DATABASES["appwrite"]["NAME"]. manage.py migrate creates the database if the routers send models to it.',
        ),
    ],
)
def test_texts(transport, server, status, type_, message, text):
    refuse(server, status, type_, message)
    with pytest.raises(errors.AppwriteError) as caught:
        rows.get_row(transport, TABLE, "r")
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("message", "column"),
    [
        ("Invalid document structure: Attribute \"tags['2']\" has invalid type.", "tags"),
        ('Invalid document structure: Missing required attribute "sku"', "sku"),
        (
            "Invalid document structure: Cannot apply increment operator to non-numeric field 's'",
            "s",
        ),
        ("Column with the requested key 'a2' could not be found.", "a2"),
        ("Server Error", None),
    ],
)
def test_the_column_is_read_from_the_message(transport, server, message, column):
    refuse(server, 400, "row_invalid_structure", message)
    with pytest.raises(errors.InvalidStructure) as caught:
        rows.get_row(transport, TABLE, "r")
    assert caught.value.column == column


def test_the_column_is_read_from_the_path(transport, server):
    url = f"{ENDPOINT}/tablesdb/shop/tables/product/columns/varchar/name"
    server.patch(
        url, status=400, json={"message": "no", "code": 400, "type": "column_invalid_resize"}
    )
    with pytest.raises(errors.InvalidSchema) as caught:
        columns.update_column(
            transport, TABLE, "varchar", "name", required=False, default=None, size=3
        )
    assert (caught.value.table, caught.value.column, caught.value.row_id) == (
        "product",
        "name",
        None,
    )


@pytest.mark.parametrize(
    ("status", "content_type", "body", "cls"),
    [
        (404, "text/html", "<html>nothing here</html>", errors.NotAppwrite),
        (404, "application/json", '{"detail":"Not Found"}', errors.NotAppwrite),
        (403, "text/html", "<html>forbidden</html>", errors.NotAppwrite),
        (200, "text/html", "<html>welcome</html>", errors.NotAppwrite),
        (200, "application/json", '{"total":', errors.NotAppwrite),
        (413, "text/html", "<html>too large</html>", errors.NotAppwrite),
        (429, "text/html", "<html>slow down</html>", errors.RateLimited),
        (502, "text/html", "<html>bad gateway</html>", errors.ServerError),
    ],
)
def test_answers_that_are_not_appwrites(transport, server, status, content_type, body, cls):
    server.get(f"{ROWS}/r", status=status, body=body, content_type=content_type)
    with pytest.raises(cls) as caught:
        rows.get_row(transport, TABLE, "r")
    assert caught.value.response_text == body
    if cls is errors.NotAppwrite:
        assert (
            'DATABASES["appwrite"]["HOST"] must be the API endpoint of an Appwrite server and end in /v1.'
            in str(caught.value)
        )


def test_a_write_answered_by_a_web_page_may_have_been_applied(transport, server):
    server.patch(f"{ROWS}/r", body="<html>welcome</html>", content_type="text/html")
    with pytest.raises(errors.NotAppwrite) as caught:
        rows.update_row(transport, TABLE, "r", {"a": 1})
    assert caught.value.ambiguous


@pytest.mark.parametrize("status", [500, 408])
def test_a_write_that_the_server_gave_up_on_may_have_been_applied(transport, server, status):
    server.patch(
        ROWS,
        status=status,
        json={"message": "Server Error", "code": status, "type": "general_unknown"},
    )
    with pytest.raises(errors.AppwriteError) as caught:
        rows.update_rows(transport, TABLE, {"a": 1})
    assert caught.value.ambiguous


def test_long_messages_and_answers_are_cut(transport, server):
    refuse(server, 400, "row_invalid_structure", "word\n" * 5000)
    with pytest.raises(errors.InvalidStructure) as caught:
        rows.get_row(transport, TABLE, "r")
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)
    assert len(caught.value.response_text) == errors.MAX_KEPT_RESPONSE


@pytest.mark.parametrize(
    "travel", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy]
)
@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_error_travels(cls, travel):
    error = cls(
        "text",
        type="t",
        code=400,
        message="m",
        table="a",
        column="b",
        row_id="c",
        request="GET /",
        response_text="x",
        ambiguous=True,
    )
    arrived = travel(error)
    assert type(arrived) is cls
    assert arrived.args == ("text",)
    assert vars(arrived) == vars(error)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_error_is_one_of_djangos(cls):
    assert cls is errors.AppwriteError or issubclass(cls, utils.DatabaseError)
    assert cls.hint.count("\n") == 0


@pytest.mark.parametrize(
    "row_id", ["", ".", "..", "a/b", "_x", "x" * 37, "é", "a b", "a%2Fb", "a?b", None, 5, "a\n"]
)
def test_an_illegal_id_never_becomes_part_of_a_path(transport, row_id):
    """DELETE of the row "" would be the DELETE of all rows, and that of ".." the DELETE of the table."""
    for act in (rows.delete_row, rows.get_row, rows.update_row):
        with pytest.raises(errors.InvalidId, match="cannot be an Appwrite id"):
            act(transport, TABLE, row_id)
    with pytest.raises(errors.InvalidId):
        rows.create_row(transport, TABLE, row_id, {})
    with pytest.raises(errors.InvalidId):
        rows.create_rows(transport, TABLE, [{"$id": row_id}])
    with pytest.raises(errors.InvalidId):
        tables.delete_table(transport, TableRef("shop", row_id))
    with pytest.raises(errors.InvalidId):
        databases.delete_database(transport, row_id)
    with pytest.raises(errors.InvalidId):
        indexes.delete_index(transport, TABLE, row_id)


def test_a_long_value_is_cut_in_the_text():
    assert str(errors.InvalidId.of("x" * 500)).startswith("'" + "x" * 96 + "... cannot be")
    assert len(str(errors.InvalidId.of("x" * 500)).splitlines()[0]) < 140
