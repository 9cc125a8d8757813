"""Steps that ask something, each twice: the second time out of the cache, where there is one."""

from collections.abc import Callable
from typing import Any

from django.db import connections, models
from django.db.models import (
    Avg,
    Count,
    Exists,
    Max,
    OuterRef,
    Prefetch,
    Q,
    Sum,
    Value,
    Window,
)
from django.db.models.functions import Concat, Length, RowNumber, Upper
from hypothesis import strategies as st

from tests.draws import pick
from tests.histories.vocabulary import (
    FAR,
    FIELDS,
    KEYS,
    NUMERIC,
    WRITTEN,
    Step,
    conditions,
    manager,
    shown,
)
from tests.library.models import (
    Author,
    Book,
    Country,
    Edition,
    Everything,
    Numbered,
    Owner,
    Place,
    Possession,
    Publication,
    Review,
    Shelf,
    Tag,
)


@st.composite
def reads(draw: Any) -> Step:
    model = pick(draw, *WRITTEN)
    tree, key = draw(conditions(model)), draw(KEYS)
    how = pick(
        draw,
        "list",
        "list",
        "get",
        "count",
        "exists",
        "first",
        "values",
        "aggregate",
        "annotate",
        "in_bulk",
        "iterator",
        "prefetch",
        "related",
        "distinct",
        "slice",
        "subquery",
        "get one",
        "groups",
        "union",
        "window",
        "locked",
        "not far",
        "only",
    )
    ask = ASKED[how]

    def read(alias: str) -> Any:
        chosen = manager(model, alias).filter(tree)
        # Twice: the second time out of the cache, where there is one.
        once = ask(chosen, model, key)
        again = ask(manager(model, alias).filter(tree), model, key)
        assert once == again, (once, again)
        return once

    return Step(
        f"{model.__name__}.filter({tree}).{how} {key if how.startswith('get') else ''}", read
    )


def _list(chosen: Any, model: Any, key: str) -> Any:
    return [shown(one) for one in chosen.order_by("pk")]


def _related(chosen: Any, model: Any, key: str) -> Any:
    names = [
        field.name
        for field in model._meta.concrete_fields
        if field.remote_field and not field.remote_field.parent_link
    ]
    found = chosen.select_related(*names).order_by("pk") if names else chosen.order_by("pk")
    return [
        (shown(one), [getattr(one, name) and shown(getattr(one, name)) for name in names])
        for one in found
    ]


PREFETCHES: dict[type[models.Model], list[Any]] = {
    Author: ["books__tags", "edited"], Book: ["tags", "reviews", "author__country"], Tag: ["books__author", "translations"], Country: ["authors__books"],
    Shelf: ["books", "places"], Owner: ["cascade_set", "set_null_set"], Numbered: ["numbered_set__numbered_set", "parent__parent"],
}  # fmt: skip


def _prefetch(chosen: Any, model: Any, key: str) -> Any:
    names = PREFETCHES.get(model, [])
    found = list(chosen.order_by("pk").prefetch_related(*names))
    brought = []
    for one in found:
        row = []
        for name in names:
            first, _, then = name.partition("__")
            held = getattr(one, first)
            near = (
                sorted(held.all(), key=lambda other: other.pk) if hasattr(held, "all") else [held]
            )
            row.append([shown(other) for other in near if other])
            for other in near:
                if then and other:
                    far = getattr(other, then)
                    row.append(
                        sorted(str(third.pk) for third in far.all())
                        if hasattr(far, "all")
                        else (far and far.pk)
                    )
        brought.append((one.pk, row))
    if model is Author:
        sliced = (
            Author.objects.using(chosen.db)
            .order_by("pk")
            .prefetch_related(Prefetch("books", Book.objects.order_by("pk")[:1], to_attr="few"))
        )
        brought += [(one.pk, [book.pk for book in one.few]) for one in sliced]
    return brought


def _aggregate(chosen: Any, model: Any, key: str) -> Any:
    number = NUMERIC.get(model, "pk")
    found = {"n": Count("pk"), "most": Max(number), "few": Count("pk", filter=Q(pk="1"))}
    if number != "pk":
        found |= {"sum": Sum(number), "mean": Avg(number), "none": Sum(number, default=0)}
    return chosen.aggregate(**found)


def _annotate(chosen: Any, model: Any, key: str) -> Any:
    if model is Book:
        found = chosen.annotate(
            n=Count("reviews", distinct=True),
            tagged=Count("tags", distinct=True),
            mark=Exists(Review.objects.using(chosen.db).filter(book=OuterRef("pk"), stars__gt=2)),
        )
        return list(found.order_by("-n", "pk").values_list("pk", "n", "tagged", "mark"))
    if model is Author:
        found = chosen.annotate(n=Count("books"), pages=Sum("books__pages", default=0)).filter(
            n__gte=1
        )
        return list(found.order_by("-pages", "pk").values_list("pk", "n", "pages"))
    text = {Tag: "name", Publication: "title"}.get(model)
    if text:
        return list(
            chosen.annotate(long=Concat(Upper(text), Value("!")), size=Length(text))
            .order_by("pk")
            .values_list("pk", "long", "size")
        )
    return list(chosen.order_by("pk").values_list("pk").annotate(n=Count("*")))


def _get(chosen: Any, model: Any, key: str) -> Any:
    return shown(chosen.get(pk=key))


def _first(chosen: Any, model: Any, key: str) -> Any:
    found = chosen.order_by("-pk")
    return [one and shown(one) for one in (found.first(), found.last(), found.reverse().first())]


def _groups(chosen: Any, model: Any, key: str) -> Any:
    names = {
        Book: ["author", "in_print"], Review: ["book"], Everything: ["integer", "boolean"], Edition: ["number"], Numbered: ["parent"],
        Place: ["shelf"], Possession: ["protect", "cascade"], Author: ["country", "rating"],
    }.get(model, ["pk"])  # fmt: skip
    found = chosen.order_by().values(*names).annotate(n=Count("pk")).filter(n__gte=1)
    return list(found.order_by("-n", *names).values_list("n", *names))


def _union(chosen: Any, model: Any, key: str) -> Any:
    keys = chosen.order_by().values_list("pk")
    others = manager(model, chosen.db).filter(pk__in=["1", key]).order_by().values_list("pk")
    return [
        list(getattr(keys, name)(others).order_by("pk"))
        for name in ("union", "intersection", "difference")
    ]


def _window(chosen: Any, model: Any, key: str) -> Any:
    found = manager(model, chosen.db).annotate(
        n=Window(RowNumber(), order_by=[NUMERIC.get(model, "pk"), "pk"])
    )
    return list(found.filter(n__lte=2).order_by("n").values_list("pk", "n"))


def _locked(chosen: Any, model: Any, key: str) -> Any:
    if not connections[chosen.db].in_atomic_block:
        return "outside of a block"
    return [shown(one) for one in chosen.select_for_update().order_by("pk")]


def _not_far(chosen: Any, model: Any, key: str) -> Any:
    found = chosen
    for name in FAR.get(model, ["pk"])[:2]:
        found = found.exclude(**{name: key})
    return list(found.order_by("pk").values_list("pk", flat=True))


def _only(chosen: Any, model: Any, key: str) -> Any:
    name = min(FIELDS[model])
    return [(shown(one), getattr(one, name)) for one in chosen.only("pk").order_by("pk")]


ASKED: dict[str, Callable[[Any, Any, str], Any]] = {
    "list": _list,
    "get": _get,
    "groups": _groups, "union": _union, "window": _window, "locked": _locked, "not far": _not_far, "only": _only,
    "get one": lambda chosen, model, key: shown(manager(model, chosen.db).get(pk=key)),
    "count": lambda chosen, model, key: (chosen.count(), chosen.order_by("pk")[1:3].count()),
    "exists": lambda chosen, model, key: chosen.exists(),
    "first": _first,
    "values": lambda chosen, model, key: list(chosen.order_by("-pk").values_list("pk", *FIELDS[model])),
    "aggregate": _aggregate,
    "annotate": _annotate,
    "in_bulk": lambda chosen, model, key: {pk: shown(one) for pk, one in manager(model, chosen.db).in_bulk(["1", key, "9"]).items()},
    "iterator": lambda chosen, model, key: sorted(one.pk for one in chosen.iterator(chunk_size=2)),
    "prefetch": _prefetch,
    "related": _related,
    "distinct": lambda chosen, model, key: sorted(chosen.order_by().values_list("pk", flat=True).distinct()),
    "slice": lambda chosen, model, key: [one.pk for one in chosen.order_by("pk")[1:3]],
    "subquery": lambda chosen, model, key: sorted(manager(model, chosen.db).exclude(pk__in=chosen.values("pk")).values_list("pk", flat=True)),
}  # fmt: skip
