"""Random sets of models, as data that can be printed and as classes; and rows for the tables they make."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connections, models
from django.test.utils import isolate_apps
from hypothesis import strategies as st

from appwrite_orm_django.backend.defaults import fill_of
from appwrite_orm_django.fields import ArrayField, EnumField, PermissionsField
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.orm import inspected
from appwrite_orm_django.schema.definitions import INT64, Column, Database
from appwrite_orm_django.schema.from_models import read_models
from appwrite_orm_django.schema.limits import characters_of

NAMES = ("Alpha", "Beta", "Gamma")
FIELDS = ("a", "b", "c", "d", "e", "f")
PERMISSIONS = ('read("any")', 'create("users")', 'write("users")', 'update("team:t1")')

#: Field class with its arguments, and a constant default that fits.
KINDS: dict[str, tuple[Any, Any]] = {
    "BigInteger": (lambda **o: models.BigIntegerField(**o), 2**40),
    "Binary": (lambda **o: models.BinaryField(**o), b"seven"),
    "Boolean": (lambda **o: models.BooleanField(**o), True),
    "Char8": (lambda **o: models.CharField(max_length=8, **o), "7"),
    "Char60": (lambda **o: models.CharField(max_length=60, **o), "seven"),
    "CharLong": (lambda **o: models.CharField(max_length=20_000, **o), "7"),
    "Date": (lambda **o: models.DateField(**o), date(2026, 1, 2)),
    "DateTime": (
        lambda **o: models.DateTimeField(**o),
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    ),
    "Decimal": (
        lambda **o: models.DecimalField(max_digits=9, decimal_places=2, **o),
        Decimal("7.5"),
    ),
    "Decimal4": (
        lambda **o: models.DecimalField(max_digits=12, decimal_places=4, **o),
        Decimal("7.5"),
    ),
    "DecimalLong9": (lambda **o: models.DecimalField(max_digits=25, decimal_places=9, **o), None),
    "DecimalLong": (
        lambda **o: models.DecimalField(max_digits=30, decimal_places=5, **o),
        Decimal("7.5"),
    ),
    "Duration": (lambda **o: models.DurationField(**o), timedelta(seconds=7)),
    "Email": (lambda **o: models.EmailField(**o), "a@example.com"),
    "Enum2": (lambda **o: EnumField(choices=[("7", "7"), ("x", "x")], **o), "x"),
    "Enum1": (lambda **o: EnumField(choices=[("7", "7")], **o), "7"),
    "File": (lambda **o: models.FileField(**o), "7"),
    "FilePath": (lambda **o: models.FilePathField(path="/", **o), "7"),
    "Float": (lambda **o: models.FloatField(**o), 1.5),
    "GenericIPAddress": (lambda **o: models.GenericIPAddressField(**o), "10.0.0.1"),
    "Integer": (lambda **o: models.IntegerField(**o), 0),
    "JSON": (lambda **o: models.JSONField(**o), {"method": "toggle", "values": []}),
    "PositiveBigInteger": (lambda **o: models.PositiveBigIntegerField(**o), 7),
    "PositiveInteger": (lambda **o: models.PositiveIntegerField(**o), 7),
    "PositiveSmallInteger": (lambda **o: models.PositiveSmallIntegerField(**o), 7),
    "Slug": (lambda **o: models.SlugField(**o), "7"),
    "SmallInteger": (lambda **o: models.SmallIntegerField(**o), -7),
    "Stamp": (lambda **o: models.DateTimeField(auto_now_add=True, **o), None),
    "Stars": (lambda **o: inspected.IntegerField(stored={"min": 1, "max": 9}, **o), 7),
    "Medium": (lambda **o: inspected.TextField(stored={"type": "mediumtext"}, **o), "7"),
    "Text": (lambda **o: models.TextField(**o), ""),
    "Time": (lambda **o: models.TimeField(**o), time(14, 30)),
    "URL": (lambda **o: models.URLField(**o), "https://example.com/"),
    "UUID": (lambda **o: models.UUIDField(**o), UUID(int=7)),
    "ArrayChar": (lambda **o: ArrayField(models.CharField(max_length=8), **_list_options(o)), None),
    "ArrayInteger": (lambda **o: ArrayField(models.IntegerField(), **_list_options(o)), None),
    "ArrayDecimal": (
        lambda **o: ArrayField(
            models.DecimalField(max_digits=9, decimal_places=2), **_list_options(o)
        ),
        None,
    ),
    "ArrayDecimal4": (
        lambda **o: ArrayField(
            models.DecimalField(max_digits=9, decimal_places=4), **_list_options(o)
        ),
        None,
    ),
    "ArrayDuration": (lambda **o: ArrayField(models.DurationField(), **_list_options(o)), None),
    "ArrayUUID": (lambda **o: ArrayField(models.UUIDField(), **_list_options(o)), None),
    "ArrayEnum": (
        lambda **o: ArrayField(EnumField(choices=[("7", "7"), ("x", "x")]), **_list_options(o)),
        None,
    ),
}
RELATIONS = ("ForeignKey", "OneToOne", "ManyToMany")
#: Neither indexed nor unique: the server indexes no lists, and no text as long as these whole.
UNINDEXED = frozenset(
    {name for name in KINDS if name.startswith("Array")}
    | {"Binary", "CharLong", "JSON", "Medium", "Stamp", "Text", "URL"}
)
WITH_DB_DEFAULT = frozenset(
    {
        "BigInteger",
        "Boolean",
        "Char60",
        "Char8",
        "Date",
        "DateTime",
        "Decimal",
        "Decimal4",
        "Duration",
        "Enum2",
        "Float",
    }
    | {"GenericIPAddress", "Integer", "SmallInteger", "Stars", "Time", "UUID"}
)


def _list_options(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name == "db_column"}


@dataclass(frozen=True)
class F:
    """A field; ``extra`` is one of "", "blank", and "default", "callable" or "db_default", all of these with and without "null" before."""

    name: str
    kind: str
    extra: str = ""
    unique: bool = False
    index: bool = False
    to: str = ""

    def made(self) -> models.Field[Any, Any]:
        options: dict[str, Any] = {}
        if self.extra.startswith("null"):
            options["null"] = True
        if self.kind == "ManyToMany":
            return models.ManyToManyField(self.to, related_name="+")
        if self.kind in RELATIONS:
            cls = models.ForeignKey if self.kind == "ForeignKey" else models.OneToOneField
            return cls(self.to, models.CASCADE, related_name="+", **options)
        make, default = KINDS[self.kind]
        given = self.extra.removeprefix("null ")
        if given == "blank":
            options["blank"] = True
        elif given == "callable" and default is not None:
            options["default"] = lambda: default
        elif given in {"default", "db_default"} and default is not None:
            options[given] = default
        if self.unique:
            options["unique"] = True
        if self.index:
            options["db_index"] = True
        return make(**options)


@dataclass(frozen=True)
class M:
    """A model."""

    name: str
    fields: tuple[F, ...]
    together: tuple[str, ...] = ()
    indexed: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    row_security: bool = False
    numbered: bool = False


@dataclass(frozen=True)
class Set:
    models: tuple[M, ...]

    def read(self) -> Database:
        """Make the classes and read what they ask for."""
        with isolate_apps("tests.library") as registry:
            for model in self.models:
                _make(model)
            made = registry.get_models(include_auto_created=True)
            return read_models("d", made, partial(fill_of, connection=connections["appwrite"]))


def _make(model: M) -> None:
    indexes = [models.Index(fields=list(model.indexed), name="many_idx")] if model.indexed else []
    together = [name.lstrip("-") for name in model.together]
    constraints = [models.UniqueConstraint(fields=together, name="many_uniq")] if together else []
    meta = type(
        "Meta", (), {"app_label": "library", "indexes": indexes, "constraints": constraints}
    )
    attributes: dict[str, Any] = {"__module__": "tests.library.models", "Meta": meta}
    attributes |= {one.name: one.made() for one in model.fields}
    attributes |= {
        "appwrite_permissions": list(model.permissions),
        "appwrite_row_security": model.row_security,
    }
    if model.row_security:
        attributes["rights"] = PermissionsField()
    if model.numbered:
        attributes["id"] = models.BigAutoField(primary_key=True)
    type(model.name, (AppwriteModel,), attributes)


@st.composite
def fields(draw: Any, name: str, targets: tuple[str, ...]) -> F:
    kind = draw(st.sampled_from((*KINDS, *(RELATIONS if targets else ()))))
    if kind in RELATIONS:
        extra = "null" if kind != "ManyToMany" and draw(st.booleans()) else ""
        return F(name, kind, extra, to=draw(st.sampled_from(targets)))
    extras = ["", "null", "blank", "default", "null default", "callable", "null callable"]
    extras += ["db_default", "null db_default"] if kind in WITH_DB_DEFAULT else []
    indexed = (
        draw(st.sampled_from(("", "", "", "unique", "index"))) if kind not in UNINDEXED else ""
    )
    return F(name, kind, draw(st.sampled_from(extras)), indexed == "unique", indexed == "index")


def _targets(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"library.{name}" for name in names)


@st.composite
def with_options(draw: Any, name: str, made: tuple[F, ...]) -> M:
    plain = [one.name for one in made if one.kind not in UNINDEXED and one.kind != "ManyToMany"]
    # Of text as short as an index may be in all; three e-mail addresses fit, and this takes two.
    together = (
        tuple(draw(st.permutations(plain))[:2]) if len(plain) > 1 and draw(st.booleans()) else ()
    )
    indexed = ()
    if plain and draw(st.booleans()):
        chosen = draw(st.permutations(plain))[: draw(st.integers(1, 2))]
        indexed = tuple(draw(st.sampled_from(("", "-"))) + one for one in chosen)
    permissions = tuple(draw(st.lists(st.sampled_from(PERMISSIONS), unique=True, max_size=2)))
    return M(
        name,
        made,
        together,
        indexed,
        permissions,
        draw(st.booleans()),
        draw(st.integers(0, 3)) == 3,
    )


@st.composite
def sets(draw: Any, before: Set | None = None) -> Set:
    """Models of any kind; with ``before`` about half of its fields come again as they were."""
    names = tuple(draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1)))
    old = {
        (model.name, one.name): one
        for model in (before.models if before else ())
        for one in model.fields
    }
    made = []
    for name in names:
        columns: list[F] = []
        for key in draw(st.lists(st.sampled_from(FIELDS), unique=True, max_size=5)):
            kept = old.get((name, key))
            if (
                kept is not None
                and kept.to.removeprefix("library.") in ("", *names)
                and draw(st.booleans())
            ):
                columns.append(kept)
            else:
                columns.append(draw(fields(key, _targets(names))))
        made.append(draw(with_options(name, tuple(columns))))
    return Set(tuple(made))


@dataclass(frozen=True)
class Change:
    """
    Two sets of models, and how to come from one to the other.

    Attributes:
        renames: ``(table id, new key)`` to the old key.
        seeds: for each row of each table a number that its values depend on.
    """

    before: Set
    after: Set
    renames: dict[tuple[str, str], str] = field(default_factory=dict)
    prune: bool = False
    seeds: tuple[int, ...] = ()


@st.composite
def changes(draw: Any) -> Change:
    before = draw(sets())
    after = draw(sets(before))
    return Change(
        before,
        after,
        draw(_renames(before.read(), after.read())),
        draw(st.booleans()),
        tuple(draw(st.lists(st.integers(0, 7), max_size=4))),
    )


@st.composite
def _renames(draw: Any, before: Database, after: Database) -> dict[tuple[str, str], str]:
    renames: dict[tuple[str, str], str] = {}
    for table in after:
        known = before.table(table.id)
        if known is None:
            continue
        free = [column.key for column in known.columns]
        for column in table.columns:
            others = [key for key in free if key != column.key]
            if others and draw(st.integers(0, 3)) == 3:
                old = draw(st.sampled_from(others))
                free.remove(old)
                renames[table.id, column.key] = old
        while cycle := _cycle(
            {new: old for (table_id, new), old in renames.items() if table_id == table.id}
        ):
            del renames[table.id, cycle]
    return renames


def _cycle(renames: dict[str, str]) -> str | None:
    """Return a key that comes back to itself, if there is one; the command refuses such renames."""
    for start in renames:
        key = start
        for _ in renames:
            key = renames.get(key, "")
            if key == start:
                return start
    return None


#: Values as the backend's codecs write them, where they write no text at will.
ENCODED: dict[str, Any] = {
    "binary": lambda seed, number: base64.b64encode(f"{seed}{number}".encode()).decode(),
    "date": lambda seed, number: f"2026-0{1 + seed}-0{1 + number}T00:00:00.000+00:00",
    "json": lambda seed, number: (f'{{"a": {number}}}', "[]", "7", '"x"')[seed % 4],
    "time": lambda seed, number: f"1{number}:0{seed}:00.000000",
    "uuid": lambda seed, number: str(UUID(int=seed * 10 + number)),
}
TEXTS = ("7", "", "x", "Käse", '{"method":"toggle"}', "seven", "12345", " 7 ")


def value_of(column: Column, seed: int, number: int) -> Any:
    """Return a value that the column takes; mostly another one for another number, and null where it may be, for seed 6."""
    if seed == 6 and not column.required and column.default is None:
        return None
    if column.array:
        encoding = None if column.encoding is None else replace(column.encoding, array=False)
        element = replace(column, array=False, required=True, encoding=encoding)
        return [value_of(element, seed + n, number) for n in range(1 if seed == 1 else seed % 3)]
    kind = column.encoding.kind if column.encoding is not None else ""
    if kind in ENCODED:
        return ENCODED[kind](seed, number)
    if kind == "long decimal":
        # As its codec spells it, and such that some of it fits a shorter column, and some does not.
        return f"{(7, 0, -3, 10**12)[seed % 4] + number}.{'25' if seed > 3 else '':0<{column.encoding.places}}"
    if column.encoding is not None and column.encoding.row_id:
        return f"{seed * 10 + number:016d}"
    if column.type in {"integer", "bigint"}:
        # One more than the least of a signed type, which the server refuses.
        low = column.min + (column.min < -(2**30)) if column.min is not None else INT64[0] + 1
        high = column.max if column.max is not None else INT64[1]
        return (
            (low, high, 7, 1 + number)[seed % 4] if low <= 7 <= high and 1 + number <= high else low
        )
    if column.type == "double":
        return (0.0, -1.5, 7.0, 1e10 + number)[seed % 4]
    if column.type == "boolean":
        return bool(seed % 2)
    if column.type == "datetime":
        return f"2026-0{1 + seed}-0{1 + number}T1{number}:00:00.000+00:00"
    if column.elements:
        return column.elements[seed % len(column.elements)]
    formats = {
        "email": f"{seed}{number}@example.com",
        "url": f"https://example.com/{seed}",
        "ip": f"10.0.{seed}.{number}",
    }
    if column.type in formats:
        return formats[column.type]
    text = TEXTS[seed] if seed != 3 else f"{number}-{seed}"
    return text[: min(characters_of(column) or 60, 60)]


def same_value(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return one is not None and other is not None and math.isclose(one, other)
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
