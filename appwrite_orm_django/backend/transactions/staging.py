"""From a log to the operations that the server stages: as few as its limit of 100 asks for, with the same effect."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from appwrite_orm_django.backend.columns import MOMENTS, PERMISSIONS
from appwrite_orm_django.backend.transactions.log import Key, Operation, key_of
from appwrite_orm_django.backend.writing import users_data
from appwrite_orm_django.client import operators, queries
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.client.rows import MAX_BULK_ROWS
from appwrite_orm_django.client.transactions import MAX_OPERATIONS

Staged = dict[str, Any]


def staged_operations(log: Iterable[Operation], limit: int = MAX_OPERATIONS) -> list[Staged]:
    """
    Return the operations to stage.

    One for each change of a row if that fits the limit: the server then tells other clients of each. Else bulk operations, of which
    it tells nobody (recording ``tx-commit-bulk``), but which count once for many rows.
    """
    folded = without_moments(fold(log))
    single = single_operations(folded)
    return single if len(single) <= limit else list(_bulk(folded))


def single_operations(folded: Iterable[Operation]) -> list[Staged]:
    """Return one operation for each change of a row, however many."""
    return [staged for operation in without_moments(folded) for staged in _single(operation)]


def without_moments(folded: Iterable[Operation]) -> list[Operation]:
    """Return what there is to stage: without the row's moments, which no commit keeps, and updates of nothing else."""
    return [
        replace(operation, data={key: value for key, value in operation.data.items() if key not in MOMENTS})
        for operation in folded
        if operation.action != "update" or not operation.data or set(operation.data) - set(MOMENTS)
    ]


def moments(folded: Iterable[Operation]) -> dict[Key, dict[str, Any]]:
    """Return the moments that are given to rows, as they are after all operations."""
    given: dict[Key, dict[str, Any]] = {}
    for operation in folded:
        key = key_of(operation.table, operation.row_id)
        if operation.action in ("create", "delete"):
            given.pop(key, None)
        if operation.action in ("create", "update"):
            # The server takes a null for none.
            own = {name: operation.data[name] for name in MOMENTS if operation.data.get(name) is not None}
            if own:
                given.setdefault(key, {}).update(own)
    return given


def for_user(folded: Iterable[Operation], user_id: str) -> Iterator[Operation]:
    """Yield the changes as a user may make them: see ``writing.users_data``; rows without permissions become the user's own."""
    own = [f'{action}("user:{user_id}")' for action in ("read", "update", "delete")]
    for operation in folded:
        if operation.action == "create":
            yield replace(operation, data={PERMISSIONS: own, **users_data(operation.data)})
        else:
            yield operation


def fold(log: Iterable[Operation]) -> list[Operation]:
    """
    Take changes of a row that this log creates into its creation.

    The server finds no row to change or delete that was staged by a bulk create (recording ``tx-stage-rows``), and needs not
    hear of a row that comes and goes.
    """
    folded: list[Operation | None] = []
    created_at: dict[Key, int] = {}
    for operation in log:
        key = key_of(operation.table, operation.row_id)
        position = created_at.get(key)
        creation = None if position is None else folded[position]
        if position is None or creation is None:
            if operation.action == "create":
                created_at[key] = len(folded)
            folded.append(operation)
        elif operation.action == "delete":
            folded[position] = None
            del created_at[key]
        else:
            folded[position] = Operation("create", creation.table, creation.row_id, _changed(creation.data, operation))
    return [operation for operation in folded if operation is not None]


def _changed(data: Mapping[str, Any], operation: Operation) -> dict[str, Any]:
    if operation.action == "update":
        return {**data, **operation.data}
    changed = dict(data)
    for column, amount in operation.data.items():
        if changed.get(column) is not None:
            changed[column] += amount
    return changed


def _single(operation: Operation) -> Iterator[Staged]:
    base = _base(operation.table)
    if operation.action == "delete":
        yield {**base, "action": "delete", "rowId": operation.row_id}
    elif operation.action == "increment":
        for column, amount in operation.data.items():
            action = "increment" if amount > 0 else "decrement"
            data = {"column": column, "value": abs(amount)}
            limit = operation.bounds[amount > 0]
            if limit is not None:
                data["max" if amount > 0 else "min"] = limit
            yield {**base, "action": action, "rowId": operation.row_id, "data": data}
    else:
        # At the commit the server runs text that looks like an operator, in creations too (recording ``tx-operators``).
        first, second = operators.text_in_two_writes(operation.data)
        yield {**base, "action": operation.action, "rowId": operation.row_id, "data": first}
        if second:
            yield {**base, "action": "update", "rowId": operation.row_id, "data": second}


def _bulk(folded: list[Operation]) -> Iterator[Staged]:
    run: list[Operation] = []
    for operation in _gathered(folded):
        if run and not _alike(run[-1], operation, len(run)):
            yield from _flush(run)
            run = []
        run.append(operation)
    if run:
        yield from _flush(run)


def _gathered(folded: Iterable[Operation]) -> Iterator[Operation]:
    """Yield the operations with updates of neighbouring rows in such an order that those with the same values follow each other."""
    for table, operations in itertools.groupby(folded, lambda one: one.table if one.action == "update" else None):
        group: dict[str, list[Operation]] = {}
        seen: set[Key] = set()
        for operation in operations:
            key = key_of(operation.table, operation.row_id)
            if table is None or key in seen:
                # A second update of a row stays behind the first.
                yield from itertools.chain.from_iterable(group.values())
                group, seen = {}, set()
            seen.add(key)
            group.setdefault(repr(sorted(operation.data.items())), []).append(operation)
        yield from itertools.chain.from_iterable(group.values())


def _alike(one: Operation, two: Operation, length: int) -> bool:
    """Say whether two neighbours can share one bulk operation."""
    if one.action != two.action or one.table != two.table or length >= MAX_BULK_ROWS or one.action == "increment":
        return False
    if any(operators.looks_like_operator(value) for value in (*one.data.values(), *two.data.values())):
        return False
    return one.action != "update" or one.data == two.data


def _flush(run: list[Operation]) -> Iterator[Staged]:
    if len(run) == 1:
        yield from _single(run[0])
        return
    base, action = _base(run[0].table), run[0].action
    if action == "create":
        rows = [{**operation.data, "$id": operation.row_id} for operation in run]
        yield {**base, "action": "bulkCreate", "data": rows}
        return
    condition = [queries.equal("$id", *(operation.row_id for operation in run)).to_json()]
    if action == "delete":
        yield {**base, "action": "bulkDelete", "data": {"queries": condition}}
    else:
        yield {**base, "action": "bulkUpdate", "data": {"queries": condition, "data": dict(run[0].data)}}


def _base(table: TableRef) -> Staged:
    return {"databaseId": table.database, "tableId": table.table}
