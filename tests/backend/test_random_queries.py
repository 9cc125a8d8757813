"""
Random querysets over the library: the same answer from Appwrite and from SQLite.

On local servers of each kind (``tests.kinds``). ``make random-queries`` asks many more.
"""

import os

import pytest
from django.conf import settings as django_settings
from django.db import connections, transaction
from django.db.models import Prefetch
from django.utils import timezone
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from appwrite_orm_django.backend.base import DatabaseWrapper
from tests import differential, value_questions
from tests.differential import assert_same
from tests.kinds import kind_settings, kinds_of_servers
from tests.library.models import Author, Book, Everything, Numbered, Review
from tests.questions import Question, changes, questions
from tests.value_questions import ZONES

pytestmark = pytest.mark.usefixtures("kind")

EXAMPLES = int(os.environ.get("RANDOM_QUERIES", "60"))
asked = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)


@pytest.fixture(scope="module")
def values_of_each_kind(servers_of_each_kind, django_db_blocker):
    """Load rows with values of every type on those servers and the twins."""
    ours = connections["appwrite"]
    rows = {Everything: value_questions.rows(), Numbered: value_questions.numbered()}
    twins = sorted({django_settings.TWINS[engine] for _, engine in kinds_of_servers()})
    kinds = [
        DatabaseWrapper({**ours.settings_dict, **kind_settings(*kind)}, "appwrite")
        for kind in kinds_of_servers()
    ]
    with django_db_blocker.unblock():
        for position, connection in enumerate(kinds):
            connections["appwrite"] = connection
            for model, made in rows.items():
                model._base_manager.using("appwrite").bulk_create(made)
                if not position:
                    # As a server holds them: it cuts moments to milliseconds, and says when a row was made.
                    rows[model] = list(model._base_manager.using("appwrite").all())
        connections["appwrite"] = ours
        for alias in twins:
            for model, made in rows.items():
                model._base_manager.using(alias).bulk_create(made)
        yield
        for connection in kinds:
            connections["appwrite"] = connection
            for model in rows:
                model._base_manager.using("appwrite").all()._raw_delete("appwrite")
        connections["appwrite"] = ours
        for alias in twins:
            for model in rows:
                model._base_manager.using(alias).all()._raw_delete(alias)


@asked
@given(question=questions())
def test_same_answer_as_sqlite(question):
    note(repr(question))
    assert_same(question)


@asked
@given(question=value_questions.questions(), zone=st.sampled_from(ZONES))
def test_same_answer_about_values(question, zone, values_of_each_kind):
    note(f"{zone}: {question!r}")
    with timezone.override(zone):
        assert_same(question)


def test_every_computed_value(values_of_each_kind):
    """What Django itself refuses to compute would end every run of random questions early."""
    for name, expression in value_questions.COMPUTED.items():
        assert_same(
            Question(Everything).then(
                f"computed {name}",
                lambda found, rows, x=expression: found.annotate(x=x).values_list("pk", "x"),
            )
        )


def test_rows_that_hold_each_other():
    assert_same(
        lambda rows: rows(Author).prefetch_related(
            Prefetch("books", Book.objects.order_by("pk"), to_attr="held")
        )
    )


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
