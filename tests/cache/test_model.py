"""The protocol holds under every schedule tried, and the checker would notice if it did not."""

import pytest

from appwrite_orm_django.cache.protocol import AgeBound, Protocol

from . import model, mutants


class FourSlotsAtRandom(mutants.OneSharedSlot):
    slots = 4


@pytest.mark.parametrize("first", [0, 2000, 4000, 6000], ids=str)
def test_no_schedule_shows_an_old_value(first):
    outcomes = model.check(Protocol, range(first, first + 1500))
    assert min(outcomes.values()) > 3_000, f"the schedules hardly exercise the protocol: {outcomes}"


@pytest.mark.parametrize("first", [0, 2000], ids=str)
def test_no_schedule_shows_a_value_older_than_max_age(first):
    outcomes = model.check(Protocol, range(first, first + 1500), bound=AgeBound)
    assert outcomes["stale"] > 1_000
    assert min(outcomes.values()) > 1_000, f"the schedules hardly exercise the protocol: {outcomes}"


@pytest.mark.parametrize(
    "bound",
    [
        mutants.AgeSinceTheFill,
        mutants.AgeWithoutOwnWrites,
        mutants.AgeByOneClock,
        mutants.AgeAtAll,
    ],
    ids=lambda bound: bound.__name__,
)
def test_a_mutant_of_max_age_is_caught(bound):
    with pytest.raises(model.Violation):
        model.check(Protocol, range(1000), bound=bound)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4), ids=str)
def test_no_schedule_of_a_long_run_shows_a_value_older_than_max_age(block):
    first = 2_000_000 + block * 11_000
    assert "stale" in model.check(Protocol, range(first, first + 11_000), bound=AgeBound)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20), ids=str)
def test_no_schedule_of_a_long_run_shows_an_old_value(block):
    """20 blocks of 11,000 schedules each; about four minutes on one core."""
    first = 1_000_000 + block * 11_000
    assert model.check(Protocol, range(first, first + 11_000)).keys() == {"hit", "miss", "bypass"}


@pytest.mark.parametrize(
    ("mutant", "schedules"),
    [
        (mutants.BumpOnlyBefore, range(1000)),
        (mutants.TokenAfterLoad, range(1000)),
        (mutants.CounterTokens, range(1000)),
        (mutants.OneSharedSlot, range(2000)),
        (FourSlotsAtRandom, range(2000)),
        (mutants.BumpOnlyAfter, range(1000)),
        (mutants.NeverRenews, range(2000)),
        (mutants.RenewsTooLate, range(22_600, 22_700)),
        (mutants.LongLivedAfterWrite, range(2000)),
        (mutants.LongLivedUnconditionalMint, range(2500, 4500)),
        (mutants.AbsentIsAToken, range(1000)),
        (mutants.MintWithTheFill, range(2000)),
        (mutants.SetWithTheFill, range(1000)),
        (mutants.AnyEntryAfterTheLease, range(1000)),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_mutant_is_caught(mutant, schedules):
    with pytest.raises(model.Violation):
        model.check(mutant, schedules)


def test_joining_a_load_under_other_tokens_is_caught():
    with pytest.raises(model.Violation):
        model.check(Protocol, range(1000), join_any_tokens=True)


def test_a_server_that_comes_back_older_without_another_identity_is_caught():
    with pytest.raises(model.Violation):
        model.check(Protocol, range(1000), identified=False)
