"""What histories are made of: models, the values that their fields take, conditions, and how rows are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Concat, Length, Lower, Upper
from hypothesis import strategies as st

from tests.draws import pick
from tests.library.models import (
    Author,
    Book,
    Country,
    Cover,
    Edition,
    Everything,
    Magazine,
    Numbered,
    Owner,
    Place,
    Possession,
    Publication,
    Review,
    Shelf,
    Supplement,
    Tag,
    Translation,
)

MODELS = (
    Country, Author, Tag, Book, Book.tags.through, Review, Cover, Shelf, Shelf.next_to.through, Place, Publication, Magazine,
    Supplement, Owner, Possession, Translation, Numbered, Edition, Everything,
)  # fmt: skip


#: As long as the code of a country may be, and numbers, for models with integer keys.
KEYS = st.sampled_from(["1", "2", "3", "4"])


FEW_KEYS = st.lists(KEYS, max_size=3, unique=True)


TEXTS = st.sampled_from(["", "a", "A", "é", "b", "a b", "Zola", "100%", "_", "🌸"])


NUMBERS = st.integers(-2, 5)


MOMENTS = st.sampled_from(
    [
        None,
        datetime(2024, 2, 29, 12, tzinfo=timezone.utc),
        datetime(1999, 12, 31, 23, 59, 59, 999000, timezone.utc),
    ]
)


FIELDS: dict[type[models.Model], dict[str, Any]] = {
    Country: {"name": TEXTS},
    Author: {
        "name": TEXTS,
        "email": st.sampled_from(
            [None, "a@example.org", "A@example.org", "b@example.org", "c@example.org"]
        ),
        "country_id": KEYS | st.none(),
        "born": st.sampled_from([None, date(1840, 4, 2), date(2000, 1, 1)]),
        "rating": st.sampled_from([None, 0.0, 1.5, -2.25]),
    },
    Tag: {"name": st.sampled_from(["a", "b", "c", "B"])},
    Book: {
        "title": TEXTS,
        "author_id": KEYS,
        "editor_id": KEYS | st.none(),
        "price": st.sampled_from([None, Decimal("1.50"), Decimal("0.10"), Decimal("99999.99")]),
        "pages": NUMBERS,
        "published": MOMENTS,
        "in_print": st.booleans(),
        "status": st.sampled_from(["draft", "published"]),
        "blurb": TEXTS,
    },
    Review: {"book_id": KEYS, "stars": st.integers(0, 5), "text": TEXTS},
    Cover: {"book_id": KEYS, "colour": TEXTS},
    Numbered: {"name": TEXTS, "parent_id": KEYS | st.none()},
    Edition: {
        "isbn": st.sampled_from(["1", "2", "3", "x", "X"]),
        "shelfmark": st.sampled_from([None, "a", "A", "b"]),
        "house": st.sampled_from([None, "a", "b"]),
        "number": st.sampled_from([None, 1, 2]),
        "copies": NUMBERS,
        "released": MOMENTS,
    },
    Everything: {
        "char": st.sampled_from([None, "", "plain", "PLAÎN", "plain ", "\\", "'%_", "🌸"]),
        "integer": st.sampled_from([None, 0, -1, 5, 2**31 - 9]),
        "big": st.sampled_from([None, 0, 2**53 + 1, -(2**63) + 1]),
        "boolean": st.sampled_from([None, True, False]),
        "float": st.sampled_from([None, 0.0, 0.1, -1e300, 2.5]),
        "decimal": st.sampled_from([None, Decimal(0), Decimal("1.25"), Decimal("-99999.5")]),
        "datetime": MOMENTS,
        "time": st.sampled_from([None, time(0), time(23, 59, 59, 999999)]),
        "duration": st.sampled_from([None, timedelta(0), timedelta(1, 0, 1), -timedelta(hours=1)]),
        "uuid": st.sampled_from([None, UUID(int=0), UUID(int=2**128 - 1)]),
        "binary": st.sampled_from([None, b"", b"\x00\xff"]),
        "json": st.sampled_from([None, {}, {"a": [1, None, "x"]}, "text", [1, {"b": "é"}]]),
        "array": st.sampled_from([[], ["x", "X", "y"], ["é"]]),
        "numbers": st.sampled_from([[], [3, 1, 3]]),
        "enum": st.sampled_from([None, "a", "b"]),
    },
    Shelf: {"label": TEXTS},
    Place: {"shelf_id": KEYS, "book_id": KEYS, "position": st.integers(0, 2)},
    Magazine: {"title": TEXTS, "issue": NUMBERS, "editor_id": KEYS | st.none()},
    Supplement: {"title": TEXTS, "issue": NUMBERS, "topic": TEXTS, "editor_id": st.none()},
    Owner: {"name": TEXTS},
    Possession: {
        "name": TEXTS,
        **{
            f"{kind}_id": KEYS | st.none()
            for kind in ("cascade", "protect", "restrict", "set_null", "set_default", "set_value")
        },
    },
    Translation: {"tag_id": st.sampled_from(["a", "b", "c"]), "text": TEXTS},
}


NUMERIC = {
    Book: "pages", Review: "stars", Magazine: "issue", Author: "rating", Edition: "copies", Everything: "integer",
}  # fmt: skip


FAR = {
    Book: ["author__country", "tags", "author__books", "reviews", "cover", "places__shelf"],
    Author: ["books", "country", "edited__tags", "books__reviews"],
    Review: ["book__author", "book__tags"],
    Tag: ["books", "books__author"],
    Country: ["authors__books"],
    Shelf: ["books", "next_to", "books__author"],
    Owner: ["cascade_set", "set_null_set__cascade"],
    Magazine: ["editor__country", "supplement"],
    Numbered: ["parent", "numbered", "parent__parent", "numbered__numbered"],
}


WRITTEN = sorted(FIELDS, key=lambda model: model.__name__)


@dataclass(frozen=True)
class Step:
    text: str
    take: Callable[[str], Any]

    def __repr__(self) -> str:
        return self.text


def manager(model: type[models.Model], alias: str) -> Any:
    return model._default_manager.using(alias)


def refers_to_what_is_there(model: type[models.Model], values: dict[str, Any], alias: str) -> bool:
    """Appwrite has no foreign keys, so a history must not ask for what SQLite alone would refuse."""
    for name, value in values.items():
        field = model._meta.get_field(name.removesuffix("_id"))
        if field.remote_field is None or value is None:
            continue
        target = field.target_field
        if not manager(target.model, alias).filter(**{target.attname: value}).exists():
            return False
    return True


def known(model: type[models.Model], values: dict[str, Any], alias: str) -> bool:
    if model is Tag and "name" in values and manager(Translation, alias).exists():
        return False  # SQLite would keep the name that is referred to
    return refers_to_what_is_there(
        model, {name: value for name, value in values.items() if name not in ("pk", "id")}, alias
    )


def key_name(model: type[models.Model]) -> str:
    """Return what to call the key of a new object; that of a child is its eldest parent's."""
    return "id" if model._meta.parents else "pk"


@cache
@st.composite
def rows(draw: Any, model: type[models.Model]) -> dict[str, Any]:
    return {
        key_name(model): draw(KEYS),
        **{name: draw(values) for name, values in FIELDS[model].items()},
    }


@cache
@st.composite
def conditions(draw: Any, model: type[models.Model]) -> Q:
    name = pick(draw, *sorted(FIELDS[model]))
    value = draw(FIELDS[model][name])
    tree = Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})
    kind = pick(draw, "plain", "not", "keys", "or", "all", "far")
    if kind == "keys":
        return Q(pk__in=draw(FEW_KEYS))
    if kind == "or":
        return tree | Q(pk=draw(KEYS))
    if kind == "far" and model in FAR:
        return Q(**{pick(draw, *FAR[model]): draw(KEYS)})
    return {"not": ~tree, "all": Q()}.get(kind, tree)


def shown(obj: Any) -> Any:
    return {
        field.attname: field.value_from_object(obj)
        for field in obj._meta.concrete_fields
        if field.attname in obj.__dict__
        and field.name not in ("created_at", "updated_at", "listed", "counted")
        and not isinstance(obj.__dict__[field.attname], models.Expression | F)
    }


#: What is made of columns for an update; exact in binary, as SQLite computes decimals.
COMPUTED: dict[type[models.Model], dict[str, Any]] = {
    Everything: {
        "decimal": F("decimal") + Decimal("0.25"),
        "duration": F("duration") + timedelta(hours=1),
        "float": F("float") * 2,
        "char": F("enum"),
        "big": Coalesce(F("integer"), 0) - 1,
        "boolean": Case(When(integer__gt=0, then=Value(True)), default=F("boolean")),
        "json": F("json"),
        "array": F("array"),
    },
    Book: {
        "title": Concat("title", Value("!")),
        "blurb": Upper("title"),
        "pages": Length("title"),
        "price": F("price") * 2,
        "published": F("published") + timedelta(days=1),
        "in_print": Q(pages__gt=1),
        "editor": F("author"),
    },
    Author: {"rating": F("rating") / 2, "name": Lower("name"), "email": Lower("email")},
    Tag: {"name": Concat("name", Value("-"))},
    Edition: {"number": F("copies"), "isbn": F("shelfmark"), "shelfmark": F("isbn"), "house": F("shelfmark")},
    Place: {"position": F("position") + 1},
}  # fmt: skip
