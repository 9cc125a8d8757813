"""Steps that change rows, in every way that Django has."""

from typing import Any

from django.db import connections, models, transaction
from django.db.models import (
    Case,
    F,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from hypothesis import strategies as st

from appwrite_orm_django.client import rows as client
from appwrite_orm_django.client.errors import RowNotFound
from tests.draws import pick, some
from tests.histories.living import committed
from tests.histories.vocabulary import (
    COMPUTED,
    FAR,
    FEW_KEYS,
    FIELDS,
    KEYS,
    NUMERIC,
    TEXTS,
    WRITTEN,
    Step,
    conditions,
    key_name,
    known,
    manager,
    rows,
    shown,
)
from tests.library.models import (
    Author,
    Book,
    Country,
    Cover,
    Edition,
    Everything,
    Numbered,
    Owner,
    Place,
    Review,
    Shelf,
    Supplement,
    Tag,
)


def assigned(obj: models.Model, values: dict[str, Any]) -> models.Model:
    for name, value in values.items():
        setattr(obj, name, value)
    return obj


def _without_key(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in ("pk", "id")}


UNIQUE: dict[type[models.Model], list[str]] = {
    Tag: ["name"],
    Author: ["email"],
    Book: ["author", "title"],
    Place: ["shelf", "position"],
    Cover: ["book"],
    Country: ["pk"],
    Edition: ["isbn"],
    Numbered: ["pk"],
    Everything: ["pk"],
}
#: Columns of unique indexes. A write may pass on Appwrite whose end violates none of these, while SQLite looks after each row.
IN_INDEXES = {
    Tag: ["name"],
    Author: ["email"],
    Book: ["author", "title"],
    Place: ["shelf", "position"],
    Cover: ["book"],
    Edition: ["isbn", "shelfmark", "house", "number", "released"],
}


def _without_turns(
    model: type[models.Model], many: list[dict[str, Any]], unique: list[str]
) -> list[dict[str, Any]]:
    """Return as many of these rows as can be written in any order: one, if a row may take what another one gives up."""
    if model not in IN_INDEXES:
        return many
    if unique == ["pk"] or model is Edition:
        return many[:1]
    names = [model._meta.get_field(one).attname for one in unique]
    return list({str([one[name] for name in names]).casefold(): one for one in many}.values())


@st.composite
def creations(draw: Any) -> Step:
    model = pick(draw, *WRITTEN)
    how = pick(
        draw,
        "create",
        "save",
        "force_insert",
        "force_update",
        "bulk_create",
        "ignore_conflicts",
        "update_conflicts",
        "update_conflicts",
        "get_or_create",
        "update_or_create",
    )
    many = draw(st.lists(rows(model), min_size=1, max_size=3))
    values = many[0]
    if len(model._meta.parents) and how in ("bulk_create", "ignore_conflicts"):
        how = "save"
    if how == "update_conflicts" and model not in UNIQUE:
        how = "create"
    fields = some(draw, *sorted(FIELDS[model]), most=2)

    def create(alias: str) -> Any:
        if not all(known(model, one, alias) for one in many):
            return "unknown"
        objects = manager(model, alias)
        if how == "create":
            return shown(objects.create(**values))
        if how in ("save", "force_insert", "force_update"):
            obj = model(**values)
            obj.save(using=alias, **({} if how == "save" else {how: True}))
            return shown(obj)
        if how in ("bulk_create", "ignore_conflicts"):
            made = objects.bulk_create(
                [model(**one) for one in many], ignore_conflicts=how == "ignore_conflicts"
            )
            return [shown(one) for one in made]
        if how == "update_conflicts":
            unique = UNIQUE[model] if fields else ["pk"]
            others = [
                name.removesuffix("_id")
                for name in FIELDS[model]
                if name.removesuffix("_id") not in unique
            ]
            if not others:
                return "nothing to update"
            made = objects.bulk_create(
                [model(**one) for one in _without_turns(model, many, unique)],
                update_conflicts=True,
                unique_fields=unique,
                update_fields=others,
            )
            return [shown(one) for one in made]
        wanted = {name: values[name] for name in fields} or {
            key_name(model): values[key_name(model)]
        }
        rest = {name: value for name, value in values.items() if name not in wanted}
        if how == "get_or_create":
            obj, created = objects.get_or_create(**wanted, defaults=rest)
        else:
            obj, created = objects.update_or_create(
                **wanted, defaults=_without_key(rest), create_defaults=rest
            )
        return (shown(obj), created)

    return Step(
        f"{model.__name__}.{how}({many if 'bulk' in how or 'ignore' in how else values}, by {fields})",
        create,
    )


@st.composite
def changes_of_one(draw: Any) -> Step:
    model = pick(draw, *WRITTEN)
    key = draw(KEYS)
    names = some(draw, *sorted(FIELDS[model]), least=1, most=2)
    values = {name: draw(FIELDS[model][name]) for name in names}
    how = pick(
        draw,
        "whole",
        "update_fields",
        "only",
        "defer",
        "expression",
        "twice",
        "refreshed",
        "other key",
    )
    other = draw(KEYS)

    def change(alias: str) -> Any:
        if not known(model, values, alias):
            return "unknown"
        objects = manager(model, alias)
        if how == "only":
            obj = objects.only(*names).get(pk=key)
        elif how == "defer":
            obj = objects.defer(*names).get(pk=key)
        else:
            obj = objects.get(pk=key)
        if how == "refreshed":
            objects.filter(pk=key).update(**values) if not model._meta.parents else None
            obj.refresh_from_db()
            obj.save()
            return shown(obj)
        assigned(obj, values)
        if how == "expression" and model in NUMERIC:
            setattr(obj, NUMERIC[model], F(NUMERIC[model]) + 1)
        if how == "other key" and not model._meta.parents:
            obj.pk = other
        obj.save(**({"update_fields": names} if how == "update_fields" else {}))
        if how == "twice":
            assigned(obj, values).save()
        obj.refresh_from_db()
        return shown(obj)

    return Step(
        f"{model.__name__}({key}) {how} {values} {other if how == 'other key' else ''}", change
    )


@st.composite
def changes_of_many(draw: Any) -> Step:
    model = pick(draw, *(one for one in WRITTEN if one is not Supplement))
    tree = draw(conditions(model))
    how = pick(
        draw,
        "constant",
        "expression",
        "case",
        "subquery",
        "bulk_update",
        "bulk expression",
        "delete",
        "delete",
        "sliced delete",
        "computed",
        "computed",
        "outer",
    )
    name = pick(draw, *sorted(FIELDS[model]))
    value = draw(FIELDS[model][name])
    number = NUMERIC.get(model)
    few = draw(FEW_KEYS)
    computed = pick(draw, *COMPUTED.get(model, {"pk": None}).items())
    if how == "computed":
        name, value = computed

    def change(alias: str) -> Any:
        if name == "pk" or not (how == "computed" or known(model, {name: value}, alias)):
            return "unknown"
        objects = manager(model, alias)
        chosen = objects.filter(tree)
        if how == "delete":
            deleted, by_model = chosen.delete()
            return deleted, {one: n for one, n in by_model.items() if n}
        if how == "sliced delete":
            return objects.filter(
                pk__in=list(chosen.order_by("pk").values_list("pk", flat=True)[:2])
            ).delete()[0]
        if how == "computed" and name in IN_INDEXES.get(model, ()):
            chosen = chosen.filter(pk__in=few[:1])
        if how in ("constant", "computed"):
            return chosen.update(**{name: value})
        if how == "bulk_update":
            found = [
                assigned(one, {name: value}) for one in objects.filter(pk__in=few).order_by("pk")
            ]
            return objects.bulk_update(found, [name.removesuffix("_id")])
        if how == "outer":
            if model is not Book:
                return "no rows of its own"
            first = Review.objects.using(alias).filter(book=OuterRef("pk")).order_by("-stars", "pk")
            return chosen.update(pages=Coalesce(Subquery(first.values("stars")[:1]), F("pages")))
        if number is None:
            return "no number"
        if how == "bulk expression":
            found = [
                assigned(one, {number: F(number) + 1})
                for one in objects.filter(pk__in=few).order_by("pk")
            ]
            return objects.bulk_update(found, [number])
        if how == "case":
            return objects.update(
                **{
                    number: Case(
                        When(tree, then=F(number) + 1)
                        # SQLite knows no column of a parent's table in an UPDATE.
                        if not _is_far(tree) and not model._meta.parents
                        else When(pk__in=few, then=Value(3)),
                        default=F(number),
                        output_field=model._meta.get_field(number),
                    )
                }
            )
        if how == "subquery":
            most = Review.objects.using(alias).order_by("-stars", "pk").values("stars")[:1]
            return chosen.update(
                **{number: Coalesce(Subquery(most), Value(1), output_field=IntegerField())}
            )
        return chosen.update(**{number: F(number) + 1})

    return Step(f"{model.__name__}.filter({tree}).{how} {name}={value!r} {few}", change)


def _is_far(tree: Q) -> bool:
    return any(
        name in FAR[model]
        for model in FAR
        for name, *_ in [child for child in tree.children if isinstance(child, tuple)]
    )


@st.composite
def deletions(draw: Any) -> Step:
    model, key = pick(draw, *WRITTEN), draw(KEYS)

    def delete(alias: str) -> Any:
        deleted, by_model = manager(model, alias).get(pk=key).delete()
        return deleted, {one: n for one, n in by_model.items() if n}

    return Step(f"{model.__name__}({key}).delete()", delete)


@st.composite
def relations(draw: Any) -> Step:
    model, name = pick(
        draw,
        (Book, "tags"),
        (Tag, "books"),
        (Shelf, "next_to"),
        (Author, "books"),
        (Author, "edited"),
        (Country, "authors"),
        (Shelf, "books"),
        (Owner, "set_null_set"),
        (Numbered, "numbered_set"),
    )
    key, others = draw(KEYS), draw(FEW_KEYS)
    how = pick(draw, "add", "remove", "set", "clear", "set clear")
    position = pick(draw, 0, 1, 2)

    def relate(alias: str) -> Any:
        one = manager(model, alias).get(pk=key)
        related = getattr(one, name)
        found = list(
            related.model._default_manager.using(alias).filter(pk__in=others).order_by("pk")
        )
        through = (
            {"through_defaults": {"position": position}}
            if (model, name) == (Shelf, "books")
            else {}
        )
        if how == "add":
            related.add(*found, **through)
        elif how == "set":
            related.set(found, **through)
        elif how == "set clear":
            related.set(found, clear=True, **through)
        elif not hasattr(related, how):
            return "never"
        elif how == "remove":
            related.remove(*found)
        else:
            related.clear()
        return sorted(related.values_list("pk", flat=True))

    return Step(f"{model.__name__}({key}).{name}.{how}({others})", relate)


@st.composite
def raw_changes(draw: Any) -> Step:
    """Change a row past the ORM, with the client that the connection has; not inside of a block, of which that client knows nothing."""
    model, name = pick(draw, (Country, "name"), (Book, "blurb"), (Review, "text"), (Shelf, "label"))
    key, text, deletes = draw(KEYS), draw(TEXTS), pick(draw, False, True)
    deletes = deletes and model is Review

    def change(alias: str) -> Any:
        connection: Any = connections[alias]
        if connection.in_atomic_block:
            return "inside a block"
        if connection.vendor != "appwrite":
            chosen = manager(model, alias).filter(pk=key)
            return bool(chosen.delete()[0] if deletes else chosen.update(**{name: text}))
        table = connection.table_ref(connection.table_of(model))
        try:
            if deletes:
                client.delete_row(connection.transport, table, key)
            else:
                client.update_row(connection.transport, table, key, {name: text})
        except RowNotFound:
            return False
        return True

    return Step(
        f"raw {'deletion' if deletes else 'update'} of {model.__name__}({key}).{name} = {text!r}",
        change,
    )


@st.composite
def promises(draw: Any) -> Step:
    """Do something after the commit, if there is one: note it, or write a row."""
    number, writes, key = pick(draw, *range(9)), pick(draw, False, True), draw(KEYS)

    def promise(alias: str) -> Any:
        def done() -> None:
            committed.append(number)
            if writes:
                Shelf.objects.using(alias).filter(pk=key).update(label=f"after {number}")

        transaction.on_commit(done, using=alias)
        return list(committed)

    return Step(f"on_commit({number}{f', Shelf({key})' if writes else ''})", promise)
