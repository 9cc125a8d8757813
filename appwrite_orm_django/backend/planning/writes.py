"""Plan the commands of insert, update and delete queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from django.core.exceptions import EmptyResultSet, FieldError
from django.core.files.base import File
from django.db import DataError, IntegrityError, NotSupportedError, ProgrammingError
from django.db.models import AutoField, FileField, Model, UniqueConstraint
from django.db.models.constants import OnConflict
from django.db.models.expressions import (
    Col,
    ColPairs,
    CombinedExpression,
    DatabaseDefault,
    ExpressionWrapper,
    Value,
)
from django.db.models.sql import Query

from appwrite_orm_django.backend import evaluation, row_ids
from appwrite_orm_django.backend.commands import (
    Command,
    Condition,
    CreateRows,
    DeleteRows,
    IncrementColumn,
    Membership,
    NewRow,
    Output,
    Unique,
    UpdateFromQuery,
    UpdateRow,
    UpdateRows,
    UpsertRows,
    ValuesOf,
)
from appwrite_orm_django.backend.connection import Compiler
from appwrite_orm_django.backend.defaults import Defaults, constant
from appwrite_orm_django.backend.keys import primary_key_of, refuse_negative_key
from appwrite_orm_django.backend.planning import reads, trees, where
from appwrite_orm_django.backend.planning.where import Scope
from appwrite_orm_django.backend.values import (
    MOMENTS,
    PERMISSIONS,
    ROW_ID,
    SYSTEM_COLUMNS,
    IntegerCodec,
    ScaledDecimalCodec,
    codec_for,
    column_key,
    hold,
    storage_field,
    table_id,
)
from appwrite_orm_django.client.queries import InvalidText
from appwrite_orm_django.schema.columns import column_for

if TYPE_CHECKING:
    from django.db.models import Field

    from appwrite_orm_django.backend.connection import Connection
    from appwrite_orm_django.client.references import TableRef


class NullRefused(IntegrityError):
    """A field that is not nullable would be null."""


def wire_value(field: Field[Any, Any], value: Any, table: str, connection: Connection) -> Any:
    """
    Encode a prepared value of a field for the server.

    Raises:
        NotSupportedError: the engine cannot order the key.
        DataError: the column cannot hold the value; names table, column and reason.
        NullRefused: the value is None and the field is not nullable.
    """
    wire = _encoded(field, value, table, connection)
    _refuse_nulls(table, [(field, wire)])
    return wire


def _encoded(field: Field[Any, Any], value: Any, table: str, connection: Connection) -> Any:
    if value is None:
        return None
    refuse_negative_key(field, value, connection)
    try:
        return codec_for(field).encode(value)
    except (ValueError, TypeError, InvalidText) as error:
        raise DataError(f"{table}.{field.column}: {error}.") from error


def _refuse_nulls(table: str, wires: Iterable[tuple[Field[Any, Any], Any]]) -> None:
    """
    Check that no field is None that may not be.

    A database does so after Django has prepared the values of all fields and rows.

    Raises:
        NullRefused: a field is.
    """
    for field, wire in wires:
        if wire is None and not (
            field.null or field.primary_key or column_key(field) in SYSTEM_COLUMNS
        ):
            raise NullRefused(f"{table}.{field.column}: may not be null.")


@lru_cache(maxsize=1000)
def unique_columns(model: type[Model]) -> Unique:
    """
    Return the column keys of each unique index of the model's own table.

    The primary key is not included.
    """
    opts = model._meta.concrete_model._meta
    sets = [
        (field.name,)
        for field in opts.local_concrete_fields
        if field.unique and not field.primary_key
    ]
    sets += [tuple(names) for names in opts.unique_together]
    sets += [
        tuple(constraint.fields)  # type: ignore[misc]  # its length was checked above
        for constraint in opts.constraints
        if isinstance(constraint, UniqueConstraint)
        and constraint.fields
        and constraint.condition is None
    ]
    return tuple(tuple(column_key(opts.get_field(name)) for name in names) for names in sets)


# Create


class InsertCompiler(Compiler, Protocol):
    """Prepare the values of new objects as Django does."""

    @property
    def returning_fields(self) -> Sequence[Field[Any, Any]] | None: ...

    def pre_save_val(self, field: Any, obj: Any) -> Any: ...

    def prepare_value(self, field: Any, value: Any) -> Any: ...


def create_command(compiler: InsertCompiler) -> Command:
    """Return the command that creates one row for each object of the insert query."""
    query = compiler.query
    opts = query.get_meta()
    connection = compiler.connection
    table = table_id(opts.db_table)
    columns = [_column(field) for field in query.fields]
    defaults = Defaults(connection)
    new = [_new_row(compiler, columns, obj, table, defaults) for obj in query.objs]
    for data, _row_id in new:
        if None in data.values():
            pairs = ((one.field, data[one.key]) for one in columns if one.key in data)
            _refuse_nulls(table, pairs)
    rows = tuple(_with_id(opts.model, row_id, data, connection) for data, row_id in new)
    outputs = tuple(
        _returned(field, connection, opts.db_table) for field in (compiler.returning_fields or ())
    )
    if query.on_conflict is OnConflict.UPDATE:
        return _upsert(query, connection.table_ref(table), rows, outputs)
    ignores = query.on_conflict is not None
    if not ignores:
        _refuse_one_id_twice(table, rows)
    return CreateRows(
        connection.table_ref(table),
        rows,
        outputs,
        ignore_conflicts=ignores,
        unique=unique_columns(opts.model),
        model=opts.model,
    )


def _upsert(
    query: Any, table: TableRef, rows: tuple[NewRow, ...], outputs: tuple[Output, ...]
) -> Command:
    model = query.get_meta().model
    key, unique = primary_key_of(model), unique_columns(model)
    if set(query.unique_fields) in ({model._meta.pk}, set(key.fields)):
        target: tuple[str, ...] = (ROW_ID,)
    else:
        target = tuple(map(column_key, query.unique_fields))
    if set(target) not in map(set, ((ROW_ID,), *unique)):
        raise ProgrammingError(
            f"{table.table}: no unique index covers exactly ({', '.join(target)}).\n"
            "Use the primary key or all fields of one unique index as unique_fields."
        )
    # Of the server's own columns, only datetimes and permissions can be set. An object without them
    # leaves those of its row.
    keys = dict.fromkeys(map(column_key, query.update_fields))
    changes = tuple(
        key for key in keys if key in (PERMISSIONS, *MOMENTS) or key not in SYSTEM_COLUMNS
    )
    return UpsertRows(table, rows, target, changes, outputs, unique, model)


def _refuse_one_id_twice(table: str, rows: Sequence[NewRow]) -> None:
    seen: dict[str, str] = {}
    for row in rows:
        folded = row.row_id.lower()
        if folded in seen:
            raise IntegrityError(
                f"{table}: the row ids {seen[folded]!r} and {row.row_id!r} are the same; Appwrite "
                "ignores the case of ids."
            )
        seen[folded] = row.row_id


def _returned(field: Field[Any, Any], connection: Connection, db_table: str) -> Output:
    output = reads.output_for(field.get_col(db_table), db_table, connection)
    if output is None:
        raise NotSupportedError(f"{db_table}.{field.column} cannot be returned from an insert.")
    return output


class _Column(NamedTuple):
    """The data that all rows of a create share for one column."""

    field: Field[Any, Any]
    key: str
    encode: Callable[[Any], Any]
    shortens: bool
    needs_value: bool
    prepare: Callable[..., Any]


def _column(field: Field[Any, Any]) -> _Column:
    key, codec = column_key(field), codec_for(field)
    return _Column(
        field,
        key,
        codec.encode,
        codec.shortens,
        key not in SYSTEM_COLUMNS,
        field.get_db_prep_save,
    )


def _new_row(
    compiler: InsertCompiler, columns: Sequence[_Column], obj: Model, table: str, defaults: Defaults
) -> tuple[dict[str, Any], str | None]:
    """Return the columns of a new row, and its id if one of the fields is the id."""
    connection = compiler.connection
    data: dict[str, Any] = {}
    row_id: str | None = None
    for field, column, encode, shortens, needs_value, prepare in columns:
        value = compiler.pre_save_val(field, obj)
        if hasattr(value, "resolve_expression"):
            value = compiler.prepare_value(field, value)
        else:
            value = prepare(value, connection=connection)
        if hasattr(value, "as_sql"):
            value = _resolved_constant(field, value, compiler, defaults)
            if value is _SERVER_DECIDES:
                continue
        if shortens:
            hold(obj, (field,))
        if type(value) is int and value < 0:
            refuse_negative_key(field, value, connection)
        try:
            wire = None if value is None else encode(value)
        except (ValueError, TypeError, InvalidText) as error:
            raise DataError(f"{table}.{field.column}: {error}.") from error
        if column == ROW_ID:
            row_id = wire
            if wire == "0":
                raise DataError(
                    f"{table}.{field.column}: '0' cannot be an Appwrite row id: the server takes "
                    "it for none (recording rows-ids)."
                )
        elif needs_value or wire is not None:
            data[column] = wire
    return data, row_id


def _with_id(
    model: type[Model], row_id: str | None, data: dict[str, Any], connection: Connection
) -> NewRow:
    counted, ref = connection.counted_keys, connection.table_ref(table_id(model._meta.db_table))
    pk = model._meta.pk
    if row_id is None:
        row_id = primary_key_of(model).row_id_in(data, connection.engine)
    if row_id is not None:
        if counted is not None and isinstance(pk, AutoField):
            counted.note(ref, row_ids.decode_integer(row_id))
        return NewRow(row_id, data)
    if not isinstance(pk, AutoField):
        raise IntegrityError(
            f"{ref.table}.{pk.column}: a new row needs a value for its primary key."
        )
    if counted is None:
        return NewRow(codec_for(pk).encode(row_ids.new_integer_id()), data, id_is_ours=True)
    another = partial(counted.another, ref)
    return NewRow(codec_for(pk).encode(counted.new(ref)), data, id_is_ours=True, new_key=another)


_SERVER_DECIDES = object()


def _resolved_constant(
    field: Field[Any, Any], value: Any, compiler: InsertCompiler, defaults: Defaults
) -> Any:
    """Return the constant value of an expression in an insert."""
    if isinstance(value, DatabaseDefault):
        if column_key(field) in SYSTEM_COLUMNS and not field.primary_key:
            return _SERVER_DECIDES
        return defaults.value(field, value)
    return field.get_db_prep_save(
        constant(value, compiler.connection), connection=compiler.connection
    )


# Update


def update_command(compiler: Compiler) -> Command:
    """
    Return the command for an update query whose values and conditions use one table.

    Raises:
        NullRefused: a value is None and its field is not nullable. No row may match, in which case
            nothing is refused.
    """
    query = compiler.query
    table = table_id(query.base_table)
    own_key = primary_key_of(query.get_meta().model).columns
    data: dict[str, Any] = {}
    expressions: dict[Field[Any, Any], Any] = {}
    wires: list[tuple[Field[Any, Any], Any]] = []
    for field, _, value in query.values:
        if isinstance(field, FileField):
            _refuse_unsaved_files(table, field, value)
        prepared = _update_value(compiler, field, value)
        key = column_key(field)
        if key in own_key:
            raise NotSupportedError(
                f"{table}: Appwrite cannot change the id of a row; create a new row instead."
            )
        if hasattr(prepared, "as_sql"):
            expressions[field] = prepared
            continue
        wire = _encoded(field, prepared, table, compiler.connection)
        wires.append((field, wire))
        if key == PERMISSIONS or key not in SYSTEM_COLUMNS or wire is not None:
            data[key] = wire
    _refuse_nulls(table, wires)
    ref = compiler.connection.table_ref(table)
    condition, exact = _condition(compiler, query)
    by_id = exact and condition.names_ids_only
    if expressions:
        increment = _increment(ref, condition, data, expressions) if exact else None
        return increment or _update_from_query(compiler, ref, data, expressions, by_id=by_id)
    if not by_id and (not exact or compiler.connection.is_dirty(ref)):
        condition = _condition_by_ids(compiler, query)
    row_id = reads.only_row_id(condition)
    unique = unique_columns(query.get_meta().model)
    if row_id is None:
        return UpdateRows(ref, condition, data, unique, query.model)
    return UpdateRow(ref, row_id, data, unique, query.model)


def _refuse_unsaved_files(table: str, field: FileField, value: Any) -> None:
    """
    Reject a file that is not in its storage.

    Only ``save()`` uploads one. Django would write its name, which may be that of another file.
    """
    parts = value.flatten() if hasattr(value, "flatten") else [value]
    for part in parts:
        file = part.value if isinstance(part, Value) else part
        if isinstance(file, File) and not getattr(file, "_committed", False):
            raise ValueError(
                f"{table}.{field.column}: the file {file.name!r} was not uploaded: update() and "
                "bulk_update() write names only. Use save(), or save the file to the field's "
                "storage and update the field to the name that storage.save() returns."
            )


def _update_value(compiler: Compiler, field: Field[Any, Any], value: Any) -> Any:
    """Resolve and prepare one value as Django's own compiler does."""
    if hasattr(value, "resolve_expression"):
        value = value.resolve_expression(compiler.query, allow_joins=False, for_save=True)
        if value.contains_aggregate:
            raise FieldError(
                f"Aggregate functions are not allowed in this query ({field.name}={value!r})."
            )
        if value.contains_over_clause:
            raise FieldError(
                f"Window expressions are not allowed in this query ({field.name}={value!r})."
            )
        if isinstance(value, ColPairs):
            raise FieldError(
                "Composite primary keys expressions are not allowed in this query "
                f"({field.name}=F('pk'))."
            )
    elif hasattr(value, "prepare_database_save"):
        if not field.remote_field:
            raise TypeError(
                f"Tried to update field {field} with a model instance, {value!r}. "
                f"Use a value compatible with {field.__class__.__name__}."
            )
        value = value.prepare_database_save(field)
    value = field.get_db_prep_save(value, connection=compiler.connection)
    return (
        field.get_db_prep_save(value.value, connection=compiler.connection)
        if type(value) is Value
        else value
    )


def _condition(compiler: Compiler, query: Query) -> tuple[Condition, bool]:
    scope = Scope(query.get_initial_alias(), compiler.connection)
    condition, exact = trees.to_condition(where.narrow(query.where, scope))
    if condition is None:
        raise EmptyResultSet
    return condition, exact


def _condition_by_ids(compiler: Compiler, query: Query) -> Condition:
    """
    Return the condition that the id is among those of the query's rows.

    These ids are read first.
    """
    inner = query.chain(klass=Query)
    inner.clear_ordering(force=True)
    inner.select_related = False
    inner.clear_select_clause()
    column = reads.row_id_of(inner)
    inner.select = (column,)
    inner.default_cols = False
    command, _ = inner.get_compiler(connection=compiler.connection).as_sql()
    encode = codec_for(column.target).encode
    return Condition((), (Membership(ROW_ID, ValuesOf(command, encode)),))


def _increment(
    table: Any, condition: Condition, data: dict[str, Any], expressions: dict[Field[Any, Any], Any]
) -> Command | None:
    """
    Return an increment for ``column = column ± constant`` of one row.

    The server applies it atomically. None for floats: the server would keep digits of the sum that
    no filter finds.
    """
    row_id = reads.only_row_id(condition)
    if row_id is None or data or len(expressions) != 1:
        return None
    ((field, expression),) = expressions.items()
    codec = codec_for(field)
    if (
        type(codec) not in (IntegerCodec, ScaledDecimalCodec)
        or type(expression) is not CombinedExpression
    ):
        return None
    amount = expression.rhs
    if (
        type(expression.lhs) is not Col
        or expression.lhs.target != field
        or type(amount) is not Value
    ):
        return None
    if expression.connector not in ("+", "-") or isinstance(amount.value, bool):
        return None
    try:
        wire = codec.encode(amount.value)
    except ValueError:
        return None
    if not wire or codec.decode(wire) != amount.value:
        return None
    column, key = column_for(field), column_key(field)
    return IncrementColumn(
        table,
        row_id,
        key,
        wire if expression.connector == "+" else -wire,
        field.model,
        bounds=(None, None) if column is None else (column.min, column.max),
        unique=tuple(columns for columns in unique_columns(field.model) if key in columns),
    )


def _update_from_query(
    compiler: Compiler,
    table: Any,
    data: dict[str, Any],
    expressions: dict[Field[Any, Any], Any],
    *,
    by_id: bool,
) -> Command:
    """
    Return the command that computes the new values of rows by local evaluation, then writes them.

    Args:
        by_id: whether the rows are selected only by their ids.
    """
    query = compiler.query.chain(klass=Query)
    query.clear_ordering(force=True)
    query.select_related = False
    query.clear_select_clause()
    query.default_cols = False
    row_id = reads.row_id_of(query)
    query.select = (row_id,)
    values = {
        f"__value{position}": PreparedValue(value, field) if is_prepared(field) else value
        for position, (field, value) in enumerate(expressions.items())
    }
    query.annotations.update(values)
    query.set_annotation_mask(values)
    inner = query.get_compiler(connection=compiler.connection)
    command = evaluation.plan_query(inner, set_up=True)
    fields = tuple(expressions)

    def write(values: tuple[Any, ...]) -> dict[str, Any]:
        prepared = (
            value
            if is_prepared(field)
            else field.get_db_prep_save(value, connection=compiler.connection)
            for field, value in zip(fields, values, strict=True)
        )
        wires = (
            wire_value(field, value, table.table, compiler.connection)
            for field, value in zip(fields, prepared, strict=True)
        )
        return {**data, **dict(zip(map(column_key, fields), wires, strict=True))}

    key = query.get_meta().pk_fields
    depends_on_row = any(_reads_columns(expression, key) for expression in expressions.values())
    model = compiler.query.model
    unique = unique_columns(query.get_meta().model)
    is_blind = by_id and not depends_on_row
    return UpdateFromQuery(
        table,
        command,
        codec_for(row_id.target).encode,
        write,
        depends_on_row,
        is_blind,
        unique,
        model,
        (*data, *map(column_key, fields)),
    )


def is_prepared(field: Field[Any, Any]) -> bool:
    """
    Return whether SQLite returns a value of this field in its prepared form.

    It does not for a field with its own codec.
    """
    return not hasattr(storage_field(field), "appwrite_codec")


class PreparedValue(ExpressionWrapper):
    """
    A new value of a field, read from SQLite in its prepared form.

    The field's ``from_db_value`` is skipped, because ``get_prep_value`` need not be its inverse.
    """

    def get_db_converters(self, connection: Any) -> list[Any]:
        return []


def _reads_columns(expression: Any, key: Sequence[Field[Any, Any]]) -> bool:
    """Return whether the value depends on any column of the row except its primary key."""
    if isinstance(expression, Col):
        return expression.target not in key
    if isinstance(expression, Query):
        return True
    return any(
        _reads_columns(source, key)
        for source in expression.get_source_expressions()
        if source is not None
    )


# Delete


class DeleteCompiler(Compiler, Protocol):
    """Determine whether a delete query uses one table."""

    @property
    def single_alias(self) -> bool: ...


def delete_command(compiler: DeleteCompiler) -> Command:
    """Return the command for a delete query."""
    query = compiler.query
    ref = compiler.connection.table_ref(table_id(query.get_meta().db_table))
    condition, exact = _condition(compiler, query) if compiler.single_alias else (None, False)
    if not exact or (compiler.connection.is_dirty(ref) and not condition.names_ids_only):
        condition = _condition_by_ids(compiler, query)
    return DeleteRows(ref, condition, reads.only_row_id(condition), query.model)  # type: ignore[arg-type]  # exact, so there is a condition
