"""
Random querysets over the library: the same answer from Appwrite and from SQLite.

On local servers of both feature levels and both text semantics. ``make random-queries`` asks many more.
"""

import os

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, note, settings

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
@given(change=changes())
def test_same_rows_after_a_change(change):
    """A block that changes reviews sees its own changes, and leaves nothing behind."""
    note(change.__qualname__)
    found = [_after(change, alias) for alias in (differential.APPWRITE, differential.twin())]
    assert found[0] == found[1]


def _after(change, alias):
    with transaction.atomic(using=alias):
        count = change(Review.objects.using(alias))
        rows = list(Review.objects.using(alias).order_by("pk").values_list("pk", "stars", "text"))
        transaction.set_rollback(True, using=alias)
    return count, rows
