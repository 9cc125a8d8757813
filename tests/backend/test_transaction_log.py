import pytest

from appwrite_orm_django.backend.transactions.log import Log, Operation
from appwrite_orm_django.backend.transactions.staging import fold, staged_operations
from appwrite_orm_django.client.references import TableRef
from appwrite_orm_django.engines import MARIADB

T = TableRef("shop", "product")
U = TableRef("shop", "category")


def create(row_id, table=T, **data):
    return Operation("create", table, row_id, data)


def update(row_id, table=T, **data):
    return Operation("update", table, row_id, data)


def delete(row_id, table=T):
    return Operation("delete", table, row_id)


def increment(row_id, table=T, **data):
    return Operation("increment", table, row_id, data)


def log_of(*operations):
    log = Log()
    for operation in operations:
        log.append(operation)
    return log


def seen(log, row_id, base=None):
    state = log.state(T, row_id)
    if state is None:
        return base
    if state.deleted:
        return None
    return {
        key: value for key, value in state.over(base, MARIADB).items() if not key.startswith("$")
    }


def test_changes_of_a_row_add_up():
    log = log_of(update("a", n=1), update("a", m=2), increment("a", n=5), increment("a", k=3))
    assert seen(log, "a", {"n": 0, "m": 0, "k": 1, "z": 9}) == {"n": 6, "m": 2, "k": 4, "z": 9}


def test_an_increment_of_null_stays_null():
    assert seen(log_of(increment("a", n=5)), "a", {"n": None}) == {"n": None}
    assert seen(log_of(create("a", n=None), increment("a", n=5)), "a") == {"n": None}


def test_an_update_overrides_an_earlier_increment():
    assert seen(log_of(increment("a", n=5), update("a", n=1)), "a", {"n": 3}) == {"n": 1}


def test_a_deleted_row_can_be_created_again():
    log = log_of(delete("a"), create("a", n=2))
    assert seen(log, "a", {"n": 1, "m": 7}) == {"n": 2}


def test_row_ids_are_compared_without_case():
    assert seen(log_of(update("abc", n=1)), "ABC", {"n": 0}) == {"n": 1}


def test_rolling_back_to_a_mark_forgets_what_came_later():
    log = log_of(update("a", n=1))
    log.mark("one")
    log.append(update("a", n=2))
    log.mark("two")
    log.append(create("b", n=3))
    log.roll_back_to("one")
    assert seen(log, "a", {"n": 0}) == {"n": 1}
    assert log.state(T, "b") is None
    with pytest.raises(KeyError):
        log.roll_back_to("two")


def test_rolling_back_before_the_first_write_leaves_a_table_clean():
    log = Log()
    log.mark("one")
    log.append(create("a", n=1))
    assert log.touches(T)
    log.roll_back_to("one")
    assert not log.touches(T)
    assert not log


def test_changes_of_a_created_row_become_part_of_its_creation():
    assert fold([create("a", n=1), update("a", m=2), increment("a", n=4)]) == [
        create("a", n=5, m=2)
    ]


def test_a_row_that_comes_and_goes_is_not_mentioned():
    assert fold([create("a", n=1), update("a", n=2), delete("a")]) == []


def test_a_row_that_is_replaced_is_deleted_first():
    assert fold([delete("a"), create("a", n=1), update("a", n=2)]) == [
        delete("a"),
        create("a", n=2),
    ]


def test_each_change_is_an_operation_of_its_own_while_they_fit():
    staged = staged_operations(
        [create("a", n=1), update("b", n=2), increment("c", n=-3), delete("d")]
    )
    assert [(one["action"], one["rowId"], one.get("data")) for one in staged] == [
        ("create", "a", {"n": 1}),
        ("update", "b", {"n": 2}),
        ("decrement", "c", {"column": "n", "value": 3}),
        ("delete", "d", None),
    ]


@pytest.mark.parametrize(("count", "expected"), [(100, 100), (101, 2), (250, 3)])
def test_too_many_for_single_operations_become_bulk_operations(count, expected):
    assert (
        len(staged_operations([create(f"r{number}", n=1) for number in range(count)])) == expected
    )


def test_bulk_updates_are_only_shared_by_equal_values():
    log = [update(f"r{number}", n=number // 60) for number in range(120)]
    staged = staged_operations(log)
    assert [one["action"] for one in staged] == ["bulkUpdate", "bulkUpdate"]
    assert staged[0]["data"]["data"] == {"n": 0}
    assert '"r59"' in staged[0]["data"]["queries"][0]


def test_the_order_between_tables_is_kept():
    log = [
        *(create(f"c{number}", U) for number in range(60)),
        *(create(f"p{number}") for number in range(60)),
    ]
    assert [(one["action"], one["tableId"]) for one in staged_operations(log)] == [
        ("bulkCreate", "category"),
        ("bulkCreate", "product"),
    ]


def test_text_that_the_server_would_run_is_staged_in_two_steps():
    text = '{"method":"increment","values":[1]}'
    for operation in (create("a", s=text), update("a", s=text)):
        staged = staged_operations([operation])
        assert [one["action"] for one in staged] == [operation.action, "update"]
        assert staged[0]["data"] == {"s": ""}
