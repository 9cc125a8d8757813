"""
Random histories of migrations: sets of models one after the other, what Django's autodetector makes of each change, and rows all along.

A history lives on any database: its operations are carried out, rows are made by the models as they are at that time, and what is there in
the end can be compared.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import DatabaseError, IntegrityError, connections, models, transaction
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.operations.base import Operation
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ProjectState
from django.test.utils import isolate_apps
from hypothesis import strategies as st

from appwrite_orm_django.fields import ArrayField
from appwrite_orm_django.models import AppwriteModel

from .random_models import KINDS, UNINDEXED, F

APP = "library"
NAMES = ("Alpha", "Beta", "Gamma", "Delta")
FIELDS = ("a", "b", "c", "d", "e", "f", "g")
_MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)

#: Kinds of fields that become each other without a change of what a value reads as, whatever becomes of the columns.
FAMILIES = (
    (
        "BigInteger",
        "Integer",
        "PositiveBigInteger",
        "PositiveInteger",
        "PositiveSmallInteger",
        "SmallInteger",
        "Stars",
    ),
    ("Char8", "Char60", "CharLong", "Medium", "Slug", "Text"),
    ("Char60", "Integer"),
    ("Decimal", "Decimal4", "DecimalLong", "DecimalLong9", "Integer"),
    ("Float", "Integer"),
    ("Enum1", "Enum2"),
    ("Decimal", "Decimal4", "DecimalLong"),
)

#: The same, but one way only: SQLite does not convert, and reads the other way what it cannot.
ONE_WAY = {"Date": ("DateTime",), "JSON": ("Text",)}

#: Values of each kind; a row takes one by its number, so that few are the same.
VALUES: dict[str, Callable[[int], Any]] = {
    "BigInteger": lambda n: (2**40, -5, 0)[n % 3] + n,
    "Binary": lambda n: (b"", b"seven", b"\x00\xff")[n % 3],
    "Boolean": lambda n: bool(n % 2),
    "Char8": lambda n: ("7", "", "seven", "SEVEN")[n % 4] if n % 5 else f"n{n}",
    "Char60": lambda n: ("7", "", "seven", "12")[n % 4] if n % 5 else f"{n}",
    "CharLong": lambda n: f"long {n}",
    "Date": lambda n: date(2026, 1, 1 + n % 28),
    "DateTime": lambda n: _MOMENT + timedelta(milliseconds=n),
    "Decimal": lambda n: Decimal(n) / 4,
    "Decimal4": lambda n: Decimal(n) / 8,
    "DecimalLong9": lambda n: Decimal("1234.25") + n,
    "DecimalLong": lambda n: Decimal("1234567.25") + n,  # SQLite has 15 digits
    "Duration": lambda n: timedelta(seconds=n),
    "Email": lambda n: f"m{n}@example.com",
    "Enum2": lambda n: ("7", "x")[n % 2],
    "Enum1": lambda n: "7",
    "File": lambda n: f"f{n}",
    "FilePath": lambda n: f"p{n}",
    "Float": lambda n: n / 4,
    "GenericIPAddress": lambda n: f"10.0.0.{n}",
    "Integer": lambda n: (0, -70_000, 7)[n % 3] + n,
    "JSON": lambda n: ({"a": n}, [n, "x"], "text")[n % 3],
    "PositiveBigInteger": lambda n: n,
    "PositiveInteger": lambda n: n * 40_000,
    "PositiveSmallInteger": lambda n: n,
    "Slug": lambda n: f"s{n}",
    "SmallInteger": lambda n: -n,
    "Stars": lambda n: 1 + n % 9,
    "Medium": lambda n: f"medium {n}",
    "Text": lambda n: ("", "7", '{"method":"toggle","values":[]}')[n % 3],
    "Time": lambda n: time(n % 24),
    "URL": lambda n: f"https://example.com/{n}",
    "UUID": lambda n: uuid.UUID(int=n),
    "Stamp": lambda n: _MOMENT,
    "ArrayChar": lambda n: [["x", "y"], [], ["z"]][n % 3],
    "ArrayDecimal": lambda n: [[Decimal(n)], [], [Decimal("1.25"), Decimal(0)]][n % 3],
    "ArrayDecimal4": lambda n: [[Decimal(n)], [], [Decimal("0.0625")]][n % 3],
    "ArrayUUID": lambda n: [[uuid.UUID(int=n)], []][n % 2],
    "ArrayInteger": lambda n: [[n], [], [1, 2]][n % 3],
    "ArrayDuration": lambda n: [[timedelta(seconds=n)], []][n % 2],
    "ArrayEnum": lambda n: [["7"], [], ["x", "7"]][n % 3],
}
#: Whose value is that of the moment.
TIMES = frozenset({"Stamp"})


@dataclass(frozen=True)
class Thing:
    """
    A model at one time.

    Attributes:
        together: names of fields of ``unique_together``.
        unique: names of fields of a ``UniqueConstraint``.
        index: names of fields of an index, whose name is ``index_name``.
        ordered: the foreign key of ``order_with_respect_to``.
        table: ``db_table``; "" for Django's own.
    """

    name: str
    fields: tuple[F, ...] = ()
    together: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    index: tuple[str, ...] = ()
    index_name: str = "one_idx"
    ordered: str = ""
    table: str = ""
    numbered: bool = False
    checked: bool = False

    def field(self, name: str) -> F | None:
        return next((one for one in self.fields if one.name == name), None)

    def make(self) -> None:
        options: dict[str, Any] = {"app_label": APP, "constraints": [], "indexes": []}
        if self.together:
            options["unique_together"] = [self.together]
        if self.unique:
            options["constraints"].append(
                models.UniqueConstraint(fields=self.unique, name=f"{self.name.lower()}_uniq")
            )
        if self.checked:
            options["constraints"].append(
                models.CheckConstraint(
                    condition=models.Q(pk__isnull=False), name=f"{self.name.lower()}_check"
                )
            )
        if self.index:
            options["indexes"].append(
                models.Index(fields=self.index, name=f"{self.name.lower()}_{self.index_name}")
            )
        if self.ordered:
            options["order_with_respect_to"] = self.ordered
        if self.table:
            options["db_table"] = self.table
        attributes: dict[str, Any] = {
            "__module__": "tests.library.models",
            "Meta": type("Meta", (), options),
        }
        attributes |= {one.name: one.made() for one in self.fields}
        if self.numbered:
            attributes["id"] = models.BigAutoField(primary_key=True)
        type(self.name, (AppwriteModel,), attributes)


Things = tuple[Thing, ...]


def state_of(things: Things) -> ProjectState:
    with isolate_apps("tests.library") as registry:
        for thing in things:
            thing.make()
        return ProjectState.from_apps(registry)


@dataclass(frozen=True)
class Step:
    """
    One change of the models, and the answers to what ``makemigrations`` asks about it.

    Attributes:
        renamed: ``(model, new name)`` to the old name of fields; a model of no field is renamed itself.
        one_off: whether a default is given where one is asked for, and a callable where it may be.
        seed: what the values of the row that is made afterwards depend on.
    """

    things: Things
    renamed: tuple[tuple[tuple[str, str], str], ...] = ()
    one_off: str = "value"
    seed: int = 0


@dataclass(frozen=True)
class History:
    first: Things
    steps: tuple[Step, ...]
    seeds: tuple[int, ...] = field(default=())


class Questioner(MigrationQuestioner):
    def __init__(self, step: Step) -> None:
        super().__init__(specified_apps={APP})
        self.step = step

    def _default(self, model_name: str, field_name: str) -> Any:
        thing = next(one for one in self.step.things if one.name.lower() == model_name.lower())
        known = thing.field(field_name)
        assert known is not None, (model_name, field_name)
        default = KINDS[known.kind][1] if known.kind in KINDS else None
        if known.to:
            return models.NOT_PROVIDED
        if default is None:
            default = VALUES[known.kind](1)
        return (lambda: default) if self.step.one_off == "callable" else default

    def ask_not_null_addition(self, field_name: str, model_name: str) -> Any:
        return self._default(model_name, field_name)

    def ask_not_null_alteration(self, field_name: str, model_name: str) -> Any:
        if self.step.one_off == "none":
            return models.NOT_PROVIDED
        return self._default(model_name, field_name)

    def ask_auto_now_add_addition(self, field_name: str, model_name: str) -> Any:
        return _MOMENT

    def ask_rename(
        self, model_name: str, old_name: str, new_name: str, field_instance: Any
    ) -> bool:
        renamed = dict(self.step.renamed)
        return any(
            model.lower() == model_name.lower() and new == new_name and old == old_name
            for (model, new), old in renamed.items()
        )

    def ask_rename_model(self, old_model_state: Any, new_model_state: Any) -> bool:
        return dict(self.step.renamed).get((new_model_state.name, "")) == old_model_state.name


def operations_between(before: ProjectState, step: Step) -> list[Operation]:
    detector = MigrationAutodetector(before, state_of(step.things), Questioner(step))
    return [
        one for migration in detector._detect_changes().get(APP, []) for one in migration.operations
    ]


def carry_out(operation: Operation, alias: str, state: ProjectState) -> ProjectState:
    """
    Carry out one operation as a migration does, and return the state after it.

    Raises:
        FieldDoesNotExist: it is for a model that is not there; makemigrations has put it in the wrong place.
    """
    after = state.clone()
    try:
        operation.state_forwards(APP, after)
    except KeyError as error:
        raise FieldDoesNotExist(str(error)) from error
    with connections[alias].schema_editor(atomic=connections[alias].vendor == "sqlite") as editor:
        operation.database_forwards(APP, editor, state, after)
    # Made anew: the registry of a state keeps many-to-many tables that are gone.
    return ProjectState(dict(after.models), after.real_apps)


# Rows


def models_of_state(state: ProjectState) -> list[Any]:
    return sorted(
        (
            model
            for model in state.apps.get_models(include_auto_created=True)
            if model._meta.app_label == APP
        ),
        key=lambda model: model._meta.label,
    )


def value_for(model: Any, one: Any, kinds: dict[str, str], number: int, alias: str) -> Any:
    """Return a value of a field for the row of a number."""
    if one.is_relation:
        ids = sorted(
            one.related_model._base_manager.using(alias).values_list("pk", flat=True), key=str
        )
        return ids[number % len(ids)] if ids and not (one.null and number % 4 == 3) else None
    if one.null and number % 4 == 3:
        return None
    return VALUES[kinds[one.name]](number)


def kinds_of(things: Things) -> dict[str, dict[str, str]]:
    return {thing.name.lower(): {one.name: one.kind for one in thing.fields} for thing in things}


def own_fields(model: Any) -> list[Any]:
    """Return the fields that have a column of their own on both kinds of databases, without the key."""
    return [
        one
        for one in model._meta.local_concrete_fields
        if not one.primary_key and not one.column.startswith("$")
    ]


def make_row(model: Any, kinds: dict[str, str], number: int, alias: str, **given: Any) -> Any:
    """Make a row, or return the class of what refuses it."""
    values = {
        one.attname: value_for(model, one, kinds, number, alias)
        for one in own_fields(model)
        if one.name in kinds or one.is_relation
    } | given
    key = number + 1 if model._meta.pk.get_internal_type() == "BigAutoField" else f"r{number}"
    try:
        with (
            transaction.atomic(using=alias, savepoint=False)
            if connections[alias].vendor == "sqlite"
            else _nothing()
        ):
            row = model(**{model._meta.pk.attname: key}, **values)
            model._base_manager.using(alias).bulk_create([row])
    except IntegrityError:
        return "IntegrityError"
    return row


class _nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def fill_tables(
    state: ProjectState, things: Things, numbers: tuple[int, ...], alias: str
) -> list[Any]:
    """Make rows of all models, and of many-to-many tables between the first ones; return what came of each."""
    outcomes: list[Any] = []
    known = kinds_of(things)
    by_name = {model._meta.model_name: model for model in models_of_state(state)}
    for thing in things:
        model = by_name[thing.name.lower()]
        outcomes += [
            isinstance(make_row(model, known[thing.name.lower()], n, alias), str) for n in numbers
        ]
    for model in by_name.values():
        if model._meta.auto_created:
            one, other = (field for field in model._meta.local_concrete_fields if field.is_relation)
            keys = [
                sorted(
                    end.related_model._base_manager.using(alias).values_list("pk", flat=True),
                    key=str,
                )
                for end in (one, other)
            ]
            for number, pair in enumerate(zip(*keys, strict=False)):
                if number not in numbers[:2]:
                    continue
                pairs = model._base_manager.using(alias)
                if not pairs.filter(
                    **dict(zip((one.attname, other.attname), pair, strict=True))
                ).exists():
                    pairs.bulk_create(
                        [model(**dict(zip((one.attname, other.attname), pair, strict=True)))]
                    )
    return outcomes


def content(state: ProjectState, alias: str) -> dict[str, Any]:
    """Return all rows, as what can be compared: by model and key, or as pairs of keys for many-to-many tables."""
    found: dict[str, Any] = {}
    for model in models_of_state(state):
        rows = model._base_manager.using(alias).all()
        label = model._meta.label
        if model._meta.auto_created:
            ends = [one.attname for one in model._meta.local_concrete_fields if one.is_relation]
            found[label] = sorted(tuple(map(str, pair)) for pair in rows.values_list(*ends))
            continue
        found[label] = {
            str(row.pk): {
                one.name: comparable(getattr(row, one.attname), one) for one in own_fields(model)
            }
            for row in rows
        }
    return found


def comparable(value: Any, one: Any) -> Any:
    if getattr(one, "auto_now_add", False):
        return value is not None
    if isinstance(value, (bytes, memoryview)):
        return bytes(value)
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else value
    if isinstance(one, ArrayField):
        return list(value or [])
    if isinstance(value, models.fields.files.FieldFile):
        return value.name
    return value


def tries(state: ProjectState, things: Things, alias: str) -> Iterator[tuple[Any, bool]]:
    """Yield what can be said of uniqueness: for fields, and pairs of fields, whether a row with the values of another one is refused."""
    kinds = kinds_of(things)
    for model in models_of_state(state):
        if model._meta.auto_created or model._meta.model_name not in kinds:
            continue
        known = kinds[model._meta.model_name]
        rows = sorted(model._base_manager.using(alias).all(), key=lambda row: str(row.pk))
        plain = [
            one
            for one in own_fields(model)
            if one.is_relation or known.get(one.name, "Text") not in UNINDEXED
        ]
        if not rows or not plain:
            continue
        names = [(one,) for one in plain] + [
            (one, other) for one in plain for other in plain if one.name < other.name
        ]
        for number, fields_ in enumerate(names):
            given = {one.attname: getattr(rows[0], one.attname) for one in fields_}
            row = make_row(model, known, 50 + number, alias, **given)
            yield (model._meta.label, *(one.name for one in fields_)), isinstance(row, str)
            if not isinstance(row, str):
                model._base_manager.using(alias).filter(pk=row.pk).delete()


# Strategies


@st.composite
def new_field(draw: Any, name: str, targets: tuple[str, ...]) -> F:
    kinds = [*KINDS, *(("ForeignKey", "OneToOne", "ManyToMany") * 3 if targets else ())]
    kind = draw(st.sampled_from(kinds))
    if kind in ("ForeignKey", "OneToOne", "ManyToMany"):
        return F(
            name, kind, "null" if kind != "ManyToMany" else "", to=draw(st.sampled_from(targets))
        )
    return draw(with_options(F(name, kind)))


@st.composite
def with_options(draw: Any, one: F) -> F:
    extras = ["", "null", "blank", "default", "null default", "callable", "null callable"]
    if one.kind in TIMES:
        extras = ["", "null"]
    indexed = (
        draw(st.sampled_from(("", "", "unique", "index"))) if one.kind not in UNINDEXED else ""
    )
    return replace(
        one,
        extra=draw(st.sampled_from(extras)),
        unique=indexed == "unique",
        index=indexed == "index",
    )


@st.composite
def first(draw: Any) -> Things:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=3))
    targets = tuple(f"{APP}.{name}" for name in names)
    things = []
    for name in names:
        keys = draw(st.lists(st.sampled_from(FIELDS), unique=True, min_size=1, max_size=4))
        made = tuple(draw(new_field(key, targets)) for key in keys)
        things.append(draw(with_meta(Thing(name, made, numbered=draw(st.booleans())))))
    return tuple(things)


@st.composite
def with_meta(draw: Any, thing: Thing) -> Thing:
    plain = [
        one.name for one in thing.fields if one.kind not in UNINDEXED and one.kind != "ManyToMany"
    ]

    def some() -> tuple[str, ...]:
        size = draw(st.sampled_from((0, 0, 1, 2)))
        return tuple(draw(st.permutations(plain))[:size]) if len(plain) >= size else ()

    keys = [one.name for one in thing.fields if one.kind == "ForeignKey"]
    return replace(
        thing,
        together=some(),
        unique=some(),
        index=some(),
        index_name=draw(st.sampled_from(("one_idx", "two_idx"))),
        ordered=draw(st.sampled_from(("", *keys))),
        checked=draw(st.booleans()),
    )


def tidied(things: list[Thing]) -> Things:
    """Take out what points to fields or models that are not there."""
    there = {f"{APP}.{thing.name}" for thing in things}
    tidy = []
    for thing in things:
        made = tuple(one for one in thing.fields if one.to in ("", *there))
        names = {one.name for one in made if one.kind not in UNINDEXED and one.kind != "ManyToMany"}
        keys = {one.name for one in made if one.kind == "ForeignKey"}

        def kept(some: tuple[str, ...], names: set[str] = names) -> tuple[str, ...]:
            return some if names.issuperset(some) else ()

        tidy.append(
            replace(
                thing,
                fields=made,
                together=kept(thing.together),
                unique=kept(thing.unique),
                index=kept(thing.index),
                ordered=thing.ordered if thing.ordered in keys else "",
            )
        )
    return tuple(tidy)


@st.composite
def step(draw: Any, before: Things) -> Step:
    things = list(before)
    renamed: dict[tuple[str, str], str] = {}
    # A name that is free within one step only would be another field or model to people, and the same to the autodetector.
    names = {thing.name for thing in before}
    keys = {thing.name: {one.name for one in thing.fields} for thing in before}
    for _ in range(draw(st.integers(1, 3))):
        edit = draw(
            st.sampled_from(
                (
                    "add",
                    "add",
                    "remove",
                    "rename",
                    "alter",
                    "alter",
                    "alter",
                    "meta",
                    "meta",
                    "model",
                    "drop",
                    "name",
                )
            )
        )
        place = draw(st.integers(0, len(things) - 1))
        thing = things[place]
        targets = tuple(f"{APP}.{one.name}" for one in things)
        free = [
            key
            for key in FIELDS
            if thing.field(key) is None and key not in keys.get(thing.name, ())
        ]
        names |= {thing.name for thing in things}
        unused = [name for name in NAMES if name not in names]
        if edit == "add" and free:
            things[place] = replace(
                thing, fields=(*thing.fields, draw(new_field(draw(st.sampled_from(free)), targets)))
            )
        elif edit == "meta":
            things[place] = draw(with_meta(thing))
        elif edit == "model" and unused:
            name = draw(st.sampled_from(unused))
            key = draw(st.sampled_from(FIELDS))
            things.append(
                Thing(name, (draw(new_field(key, targets)),), numbered=draw(st.booleans()))
            )
        elif edit == "drop" and len(things) > 1:
            del things[place]
        elif edit == "name" and unused and not renamed:
            name = draw(st.sampled_from(unused))
            keys[name] = keys.get(thing.name, set())
            table = draw(st.sampled_from(("", thing.table or f"{APP}_{thing.name.lower()}")))
            things[place] = replace(thing, name=name, table=table)
            things = [
                replace(
                    other,
                    fields=tuple(
                        replace(one, to=f"{APP}.{name}") if one.to == f"{APP}.{thing.name}" else one
                        for one in other.fields
                    ),
                )
                for other in things
            ]
            renamed = {(name, ""): thing.name}
        elif edit in ("remove", "rename", "alter") and thing.fields:
            one = draw(st.sampled_from(thing.fields))
            rest = tuple(other for other in thing.fields if other is not one)
            if edit == "remove":
                things[place] = replace(thing, fields=rest)
            elif edit == "rename" and free:
                key = draw(st.sampled_from(free))
                if (thing.name, one.name) not in renamed:
                    renamed[thing.name, key] = one.name
                things[place] = _with_name(
                    replace(thing, fields=(*rest, replace(one, name=key))), one.name, key
                )
            elif edit == "alter":
                things[place] = replace(thing, fields=(*rest, draw(altered(one))))
        things = list(tidied(things))
    return Step(
        tuple(things),
        tuple(renamed.items()),
        draw(st.sampled_from(("value", "value", "callable", "none"))),
        draw(st.integers(0, 7)),
    )


def _with_name(thing: Thing, old: str, new: str) -> Thing:
    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if name == old else name for name in names)

    return replace(
        thing,
        together=renamed(thing.together),
        unique=renamed(thing.unique),
        index=renamed(thing.index),
        ordered=new if thing.ordered == old else thing.ordered,
    )


@st.composite
def altered(draw: Any, one: F) -> F:
    if one.kind in ("ForeignKey", "OneToOne"):
        return replace(
            one,
            kind=draw(st.sampled_from(("ForeignKey", "OneToOne"))),
            extra=draw(st.sampled_from(("null", ""))),
        )
    if one.kind == "ManyToMany":
        return one
    others = [kind for family in FAMILIES if one.kind in family for kind in family]
    others += ONE_WAY.get(one.kind, ())
    kind = draw(st.sampled_from((one.kind, one.kind, *others)))
    return draw(with_options(replace(one, kind=kind)))


@st.composite
def histories(draw: Any, least: int = 1, most: int = 4) -> History:
    things = draw(first())
    steps = []
    for _ in range(draw(st.integers(least, most))):
        steps.append(draw(step(steps[-1].things if steps else things)))
    return History(
        things, tuple(steps), tuple(draw(st.lists(st.integers(0, 9), unique=True, max_size=4)))
    )


#: ``makemigrations`` itself may name a field that is not there yet.
REFUSED = (DatabaseError, FieldDoesNotExist, ValueError)
