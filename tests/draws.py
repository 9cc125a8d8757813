"""Cheap draws for random tests: a strategy that is made anew for every draw costs more than the example that it draws for."""

from functools import cache

from hypothesis import strategies as st

_indexes = cache(lambda number: st.integers(0, number - 1))
_lists = cache(
    lambda number, least, most: st.lists(
        _indexes(number), min_size=least, max_size=min(most, number), unique=True
    )
)


def pick(draw, *options):
    """Draw one of the options; the first is the simplest."""
    return options[draw(_indexes(len(options)))]


def some(draw, *options, least=0, most=3):
    """Draw a list of different options."""
    return [options[index] for index in draw(_lists(len(options), least, most))]
