"""
Random querysets over the library: the same answer from Appwrite and from SQLite.

On local servers of both feature levels and both text semantics. ``make random-queries`` asks many more.
"""

import os

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests import differential
from tests.differential import assert_same
from tests.library.models import Review
from tests.questions import changes, questions

pytestmark = pytest.mark.usefixtures("kind")

EXAMPLES = int(os.environ.get("RANDOM_QUERIES", "60"))
asked = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)


@asked
@given(question=questions())
def test_same_answer_as_sqlite(question):
    note(repr(question))
    assert_same(question)


@settings(asked, max_examples=max(EXAMPLES // 10, 10))
@given(change=changes(), commits=st.booleans())
def test_same_rows_after_a_change(change, commits, servers_of_each_kind):
    """At once, or in a block that sees its own changes and leaves nothing behind."""
    note(change.__qualname__)
    changed = (
        _changed_at_once(change, servers_of_each_kind)
        if commits
        else _changed_in_a_block(change, differential.APPWRITE)
    )
    assert changed == _changed_in_a_block(change, differential.twin())


def _changed_in_a_block(change, alias):
    with transaction.atomic(using=alias):
        changed = _changed(change, alias)
        transaction.set_rollback(True, using=alias)
    return changed


def _changed_at_once(change, rows):
    try:
        return _changed(change, differential.APPWRITE)
    finally:
        Review.objects.all()._raw_delete(differential.APPWRITE)
        Review.objects.bulk_create(rows[Review])


def _changed(change, alias):
    count = change(Review.objects.using(alias))
    return count, list(
        Review.objects.using(alias).order_by("pk").values_list("pk", "stars", "text")
    )
