"""
Random histories of the library: writes of every kind, reads between them, and blocks that are rolled back or not.

A history is a list of steps, each a function that takes an alias and returns plain data. All values are drawn beforehand, keys from a small
pool, so that rows clash, are missing and come back; the same history can thus be lived on two databases, and has to go the same way on both.
"""

from typing import Any

from hypothesis import strategies as st

from tests.histories.living import Block
from tests.histories.reads import reads
from tests.histories.writes import (
    changes_of_many,
    changes_of_one,
    creations,
    deletions,
    promises,
    raw_changes,
    relations,
)


def steps() -> st.SearchStrategy[Any]:
    return st.one_of(
        creations(),
        creations(),
        changes_of_one(),
        changes_of_many(),
        changes_of_many(),
        deletions(),
        relations(),
        raw_changes(),
        promises(),
        reads(),
        reads(),
        reads(),
    )


def blocks() -> st.SearchStrategy[Block]:
    few = st.lists(steps(), max_size=3).map(tuple)
    inner = st.builds(Block, few, st.booleans(), st.sampled_from([False, False, True]))
    return st.builds(
        Block,
        st.lists(steps() | inner, min_size=1, max_size=6).map(tuple),
        st.booleans(),
    )


def histories() -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(steps(), steps(), steps(), blocks()), min_size=10, max_size=40)
