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
    few = range(first, first + 500)
    values_model.check(Protocol, few, values_model.draw_unanswered)
    values_model.check(Protocol, few, world=values_model.PairWorld)
    values_model.check(Protocol, few, values_model.draw_unanswered, values_model.PairWorld)
    values_model.check(Protocol, few, world=values_model.CountingWorld)


@pytest.mark.parametrize("world", [values_model.PairWorld, values_model.CountingWorld])
def test_no_schedule_of_few_writers_shows_an_old_list(world):
    outcomes, ways = values_model.check(Protocol, range(600), world=world)
    assert min(outcomes.values()) > 1_000, f"the schedules hardly exercise it: {outcomes}"
    assert min(ways.values()) > 5, f"the schedules write in too few ways: {ways}"


def name_of(value):
    return value.__name__ if isinstance(value, type) else ""


@pytest.mark.parametrize(
    ("mutant", "around"),
    [
        (mutants.IgnoresTheOldValue, 95),
        (mutants.NeverLooksAgain, 0),
        (mutants.LooksOnlyAtTheEnd, 0),
        (mutants.LeavesNoFlag, 0),
        (mutants.ClearsTheFlag, 0),
        (mutants.ReleasesBeforeTheEnd, 0),
        (mutants.WritesRowsUnseen, 0),
        (mutants.WritesRowsWithoutALock, 0),
        (mutants.WritesRowsWithoutAMark, 0),
        (mutants.ForgetsUnknownValues, 0),
        (mutants.SaysNothingBeforeTheCommit, 130),
        (mutants.SaysNothingAfterTheCommit, 6),
    ],
    ids=name_of,
)
def test_a_mutant_is_caught(mutant, around):
    with pytest.raises(model.Violation):
        values_model.check(mutant, range(max(0, around - 25), around + 25))


@pytest.mark.parametrize(
    ("mutant", "around"),
    [(mutants.ReleasesAfterAll, 0), (mutants.MarksTheOldValueAtTheEnd, 0)],
    ids=name_of,
)
def test_a_mutant_is_caught_where_requests_are_not_answered(mutant, around):
    with pytest.raises(model.Violation):
        values_model.check(mutant, range(around - 10, around + 10), values_model.draw_unanswered)


@pytest.mark.parametrize(
    ("mutant", "around"),
    [(mutants.ClaimsOneRowOnly, 1108), (mutants.OneUndisturbedRowWillDo, 0)],
    ids=name_of,
)
def test_a_mutant_is_caught_where_blocks_write_two_rows(mutant, around):
    with pytest.raises(model.Violation):
        values_model.check(mutant, range(around - 25, around + 25), world=values_model.PairWorld)


@pytest.mark.parametrize(
    ("mutant", "world", "around"),
    [
        (mutants.ReadsTheRowFirst, values_model.ValuesWorld, 0),
        (mutants.IgnoresTheAnswer, values_model.CountingWorld, 53),
        (mutants.TrustsTheReadOfTheBlock, values_model.PairWorld, 88),
        (mutants.ComparesBeforeItClaims, values_model.PairWorld, 1432),
        (mutants.UsesRolledBackValues, values_model.PairWorld, 791),
        (mutants.ForgetsWithTheSavepoint, values_model.PairWorld, 153),
        (mutants.PutsTokensBack, values_model.PairWorld, 110),
    ],
    ids=name_of,
)
def test_a_writer_with_a_mistake_is_caught(mutant, world, around):
    mistaken = type(mutant.__name__, (mutant, world), {})
    with pytest.raises(model.Violation):
        values_model.check(Protocol, range(max(0, around - 25), around + 25), world=mistaken)
