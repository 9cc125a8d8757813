"""What histories are made of: models, the values that their fields take, conditions, and how rows are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import (
    F,
    Q,
)
from hypothesis import strategies as st

from tests.library.models import (
    Author,
    Book,
    Country,
    Cover,
    Magazine,
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
    Supplement, Owner, Possession, Translation,
)  # fmt: skip


#: As long as the code of a country may be.
KEYS = st.sampled_from(["k1", "k2", "k3", "k4"])


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


NUMERIC = {Book: "pages", Review: "stars", Magazine: "issue", Author: "rating"}


FAR = {
    Book: ["author__country", "tags", "author__books", "reviews", "cover", "places__shelf"],
    Author: ["books", "country", "edited__tags", "books__reviews"],
    Review: ["book__author", "book__tags"],
    Tag: ["books", "books__author"],
    Country: ["authors__books"],
    Shelf: ["books", "next_to", "books__author"],
    Owner: ["cascade_set", "set_null_set__cascade"],
    Magazine: ["editor__country", "supplement"],
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


@st.composite
def rows(draw: Any, model: type[models.Model]) -> dict[str, Any]:
    return {
        key_name(model): draw(KEYS),
        **{name: draw(values) for name, values in FIELDS[model].items()},
    }


@st.composite
def conditions(draw: Any, model: type[models.Model]) -> Q:
    name = draw(st.sampled_from(sorted(FIELDS[model])))
    value = draw(FIELDS[model][name])
    tree = Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})
    kind = draw(st.sampled_from(["plain", "not", "keys", "or", "all", "far"]))
    if kind == "keys":
        return Q(pk__in=draw(FEW_KEYS))
    if kind == "or":
        return tree | Q(pk=draw(KEYS))
    if kind == "far" and model in FAR:
        return Q(**{draw(st.sampled_from(FAR[model])): draw(KEYS)})
    return {"not": ~tree, "all": Q()}.get(kind, tree)


def shown(obj: Any) -> Any:
    return {
        field.attname: field.value_from_object(obj)
        for field in obj._meta.concrete_fields
        if field.attname in obj.__dict__
        and field.name not in ("created_at", "updated_at")
        and not isinstance(obj.__dict__[field.attname], models.Expression | F)
    }
