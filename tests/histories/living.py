"""Living a history on one database: its steps, blocks that fail or not, and what is there in the end."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from typing import Any

from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.db import DataError, Error, IntegrityError, connections, models, transaction

from appwrite_orm_django.fields import RowIdField
from tests.histories.vocabulary import MODELS, manager, shown
from tests.library.models import (
    Author,
    Book,
    Country,
    Edition,
    Everything,
    Numbered,
    Owner,
    Review,
    Shelf,
    Tag,
)


@dataclass(frozen=True)
class Block:
    """
    Steps inside ``atomic``, each with a savepoint of its own; at the end it is left with an error, if it ``fails``.

    A block that ``joins`` has no savepoint: if it fails inside another, nothing of that one is kept.
    """

    steps: tuple[Any, ...]
    fails: bool
    joins: bool = False

    def __repr__(self) -> str:
        inner = "\n".join(map(repr, self.steps)).replace("\n", "\n    ")
        return f"atomic{' that fails' * self.fails}{' and joins' * self.joins}:\n    {inner}"


class _Failure(Exception):
    pass


def _fail() -> None:
    raise _Failure


def live(history: list[Any], alias: str) -> list[Any]:
    """Take the steps on one database; return what each of them brought, or the kind of its error."""
    with counted_keys():
        return [_taken(step, alias) for step in history]


@contextmanager
def counted_keys() -> Iterator[None]:
    """Give objects that are made without a key the same one on both sides."""
    numbers = count(1)
    fields = [
        field
        for model in MODELS
        for field in model._meta.local_concrete_fields
        if isinstance(field, RowIdField)
    ]
    before = [field._get_default for field in fields]
    try:
        for field in fields:
            field._get_default = lambda: f"made-{next(numbers)}"
        yield
    finally:
        for field, default in zip(fields, before, strict=True):
            field._get_default = default


def _taken(step: Any, alias: str) -> Any:
    try:
        if isinstance(step, Block):
            return _block(step, alias)
        with (
            transaction.atomic(using=alias) if connections[alias].in_atomic_block else nullcontext()
        ):
            return step.take(alias)
    except (Error, ObjectDoesNotExist, MultipleObjectsReturned, ValueError) as error:
        return kind_of(error)


def _block(block: Block, alias: str) -> Any:
    brought: list[Any] = []
    try:
        with transaction.atomic(using=alias, savepoint=not block.joins):
            brought += [_taken(step, alias) for step in block.steps]
            if block.fails:
                _fail()
    except _Failure:
        return ("failed", brought)
    return brought


def kind_of(error: BaseException) -> tuple[str, str]:
    # A value out of a column's range is a constraint's business on SQLite, and the column's on Appwrite.
    if isinstance(error, (IntegrityError, DataError)) and type(error).__name__ not in (
        "ProtectedError",
        "RestrictedError",
    ):
        return ("error", "refused")
    named = next(
        one
        for one in type(error).__mro__
        if one.__module__.startswith("django")
        or one.__module__ == "builtins"
        or "library" in one.__module__
    )
    return ("error", named.__name__)


#: What ran after commits in this history.
committed: list[Any] = []


def begin(alias: str) -> None:
    """Put a row or two into each table."""
    keys = ("1", "2")
    rows: dict[type[models.Model], list[dict[str, Any]]] = {
        Country: [{"name": key} for key in keys],
        Author: [{"name": key, "country_id": key, "email": f"{key}@example.org"} for key in keys],
        Tag: [{"name": "a"}, {"name": "b"}],
        Book: [{"title": key, "author_id": key, "pages": len(key)} for key in keys],
        Book.tags.through: [{"book_id": "1", "tag_id": key} for key in keys],
        Review: [{"book_id": key, "stars": 3} for key in keys],
        Shelf: [{"label": key} for key in keys],
        Owner: [{"name": key} for key in keys],
        Numbered: [{"name": "root"}, {"name": "child", "parent_id": 1}],
        Edition: [{"isbn": key} for key in keys],
        Everything: [{"array": [], "numbers": []}, {"integer": 5, "array": ["x"], "numbers": [1]}],
    }
    for model, values in rows.items():
        objects = manager(model, alias)
        objects.bulk_create(model(pk=key, **one) for key, one in zip(keys, values, strict=True))
    committed.clear()


def end(alias: str) -> dict[str, list[Any]]:
    """Return every row; of those between two others, whose keys are Django's choice, which others."""
    return {
        "committed": list(committed),
        **{
            model.__name__: sorted(
                map(_pair if model._meta.auto_created else shown, manager(model, alias).all()),
                key=repr,
            )
            for model in MODELS
        },
    }


def _pair(row: models.Model) -> dict[str, Any]:
    return {name: value for name, value in shown(row).items() if name != "id"}
