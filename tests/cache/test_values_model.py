"""Tokens of values hold under every schedule tried, and the checker would notice if they did not."""

import pytest

from appwrite_orm_django.cache.protocol import Protocol

from . import model, mutants, values_model


@pytest.mark.parametrize("first", [0, 1000, 2000], ids=str)
@pytest.mark.parametrize("world", [values_model.ValuesWorld, values_model.BlocksWorld])
def test_no_schedule_shows_an_old_list(world, first):
    outcomes, ways = values_model.check(Protocol, range(first, first + 1000), world=world)
    assert min(outcomes.values()) > 3_000, f"the schedules hardly exercise the protocol: {outcomes}"
    assert min(ways.values()) > 10, f"the schedules write in too few ways: {ways}"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20), ids=str)
def test_no_schedule_of_a_long_run_shows_an_old_list(block):
    """20 blocks of 5,000 schedules each; about six minutes on one core."""
    first = 1_000_000 + block * 5_000
    outcomes, _ways = values_model.check(Protocol, range(first, first + 5_000))
    assert outcomes.keys() == {"hit", "miss", "bypass"}
    few = range(first, first + 500)
    values_model.check(Protocol, few, values_model.draw_unanswered)
    values_model.check(Protocol, range(first, first + 3_000), world=values_model.BlocksWorld)
    values_model.check(Protocol, few, values_model.draw_unanswered, values_model.BlocksWorld)
    values_model.check(Protocol, few, world=values_model.PairWorld)
    values_model.check(Protocol, few, world=values_model.CountingWorld)


@pytest.mark.parametrize("world", [values_model.PairWorld, values_model.CountingWorld])
def test_no_schedule_of_few_writers_shows_an_old_list(world):
    outcomes, ways = values_model.check(Protocol, range(600), world=world)
    assert min(outcomes.values()) > 1_000, f"the schedules hardly exercise it: {outcomes}"
    assert min(ways.values()) > 2, f"the schedules write in too few ways: {ways}"


def name_of(value):
    return value.__name__ if isinstance(value, type) else ""


@pytest.mark.parametrize(
    ("mutant", "around"),
    [
        (mutants.IgnoresTheOldValue, 264),
        (mutants.NeverLooksAgain, 5644),
        (mutants.LooksOnlyAtTheEnd, 2861),
        (mutants.LeavesNoFlag, 2491),
        (mutants.ClearsTheFlag, 5740),
        (mutants.MarksTheOldValueAtTheEnd, 25167),
        (mutants.WritesRowsUnseen, 1712),
        (mutants.WritesRowsWithoutALock, 1433),
        (mutants.WritesRowsWithoutAMark, 14388),
        (mutants.ForgetsUnknownValues, 27),
        (mutants.SaysNothingAfterTheCommit, 6),
    ],
    ids=name_of,
)
def test_a_mutant_is_caught(mutant, around):
    with pytest.raises(model.Violation):
        values_model.check(mutant, range(max(0, around - 25), around + 25))


def test_a_lock_that_is_released_after_a_request_without_an_answer_is_caught():
    with pytest.raises(model.Violation):
        values_model.check(
            mutants.ReleasesAfterAll, range(18840, 18860), values_model.draw_unanswered
        )


@pytest.mark.parametrize(
    ("mutant", "world", "around"),
    [
        (mutants.SaysNothingBeforeTheCommit, values_model.BlocksWorld, 656),
        (mutants.ClaimsOneRowOnly, values_model.PairWorld, 1531),
        (mutants.OneUndisturbedRowWillDo, values_model.PairWorld, 1455),
        (mutants.ReleasesBeforeTheEnd, values_model.PairWorld, 1326),
    ],
    ids=name_of,
)
def test_a_mutant_of_blocks_is_caught(mutant, world, around):
    with pytest.raises(model.Violation):
        values_model.check(mutant, range(around - 25, around + 25), world=world)


@pytest.mark.parametrize(
    ("mutant", "world", "around"),
    [
        (mutants.ReadsTheRowFirst, values_model.ValuesWorld, 1292),
        (mutants.IgnoresTheAnswer, values_model.CountingWorld, 1110),
        (mutants.TrustsTheReadOfTheBlock, values_model.PairWorld, 160),
        (mutants.ComparesBeforeItClaims, values_model.PairWorld, 254),
        (mutants.UsesRolledBackValues, values_model.PairWorld, 175),
        (mutants.ForgetsWithTheSavepoint, values_model.PairWorld, 90),
        (mutants.PutsTokensBack, values_model.BlocksWorld, 37),
    ],
    ids=name_of,
)
def test_a_writer_with_a_mistake_is_caught(mutant, world, around):
    mistaken = type(mutant.__name__, (mutant, world), {})
    with pytest.raises(model.Violation):
        values_model.check(Protocol, range(max(0, around - 25), around + 25), world=mistaken)
