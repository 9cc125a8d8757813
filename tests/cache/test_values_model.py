"""Tokens of values hold under every schedule tried, and the checker would notice if they did not."""

import pytest

from appwrite_orm_django.cache.protocol import Protocol

from . import model, mutants, values_model


@pytest.mark.parametrize("first", [0, 1000, 2000, 3000], ids=str)
def test_no_schedule_shows_an_old_list(first):
    outcomes, ways = values_model.check(Protocol, range(first, first + 1000))
    assert min(outcomes.values()) > 3_000, f"the schedules hardly exercise the protocol: {outcomes}"
    assert min(ways.values()) > 20, f"the schedules write in too few ways: {ways}"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20), ids=str)
def test_no_schedule_of_a_long_run_shows_an_old_list(block):
    """20 blocks of 5,000 schedules each; about six minutes on one core."""
    first = 1_000_000 + block * 5_000
    outcomes, _ways = values_model.check(Protocol, range(first, first + 5_000))
    assert outcomes.keys() == {"hit", "miss", "bypass"}
    values_model.check(Protocol, range(first, first + 500), values_model.draw_unanswered)


@pytest.mark.parametrize(
    ("mutant", "around"),
    [
        (mutants.ReadsTheOldValueFirst, 1292),
        (mutants.IgnoresTheOldValue, 264),
        (mutants.MarksTheOldValueAtTheEnd, 25167),
        (mutants.NeverLooksAgain, 5644),
        (mutants.LooksOnlyAtTheEnd, 2861),
        (mutants.LeavesNoFlag, 2491),
        (mutants.ClearsTheFlag, 5740),
        (mutants.ReleasesBeforeTheEnd, 11141),
        (mutants.WritesRowsUnseen, 1712),
        (mutants.WritesRowsWithoutALock, 1433),
        (mutants.WritesRowsWithoutAMark, 14388),
        (mutants.ForgetsUnknownValues, 27),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_mutant_is_caught(mutant, around):
    with pytest.raises(model.Violation):
        values_model.check(mutant, range(around - 25, around + 25))


def test_a_lock_that_is_released_after_a_request_without_an_answer_is_caught():
    with pytest.raises(model.Violation):
        values_model.check(
            mutants.ReleasesAfterAll, range(18840, 18860), values_model.draw_unanswered
        )
