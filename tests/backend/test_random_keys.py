"""
Random histories over keys that are not row ids (texts of any form, several columns, UUIDs, integers): they go on Appwrite as on SQLite.

``make random-histories`` lives many more.
"""

import os
import uuid

import pytest
from django.conf import settings as django_settings
from django.db import connections, models
from django.db.models import Count, F, Max, OuterRef, Q, Subquery
from django.test.utils import isolate_apps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appwrite_orm_django.backend.base import DatabaseWrapper
from tests.differential import APPWRITE, twin
from tests.draws import pick, some
from tests.histories.living import Block, live
from tests.histories.vocabulary import Step
from tests.kinds import KINDS, kind_settings, kinds_of_servers

EXAMPLES = int(os.environ.get("RANDOM_HISTORIES", "6"))

with isolate_apps("tests.library"):

    class Spot(models.Model):
        path = models.CharField(max_length=255, primary_key=True)
        number = models.IntegerField(default=0)
        above = models.ForeignKey("self", models.SET_NULL, null=True, related_name="below")

        class Meta:
            app_label = "library"

    class Fellow(models.Model):
        pk = models.CompositePrimaryKey("club", "member")
        club = models.CharField(max_length=40)
        member = models.IntegerField()
        number = models.IntegerField(default=0)
        spot = models.ForeignKey(Spot, models.CASCADE, null=True, related_name="fellows")

        class Meta:
            app_label = "library"

    class Pass(models.Model):
        id = models.UUIDField(primary_key=True)
        number = models.IntegerField(default=0)
        spot = models.ForeignKey(Spot, models.PROTECT, null=True, related_name="passes")

        class Meta:
            app_label = "library"

    class Turn(models.Model):
        number = models.IntegerField(default=0)
        ticket = models.ForeignKey(Pass, models.CASCADE, null=True, related_name="turns")

        class Meta:
            app_label = "library"


MODELS = (Spot, Fellow, Pass, Turn)
TEXTS = ("a", "b/1", "b/2", "two words", "Zażółć gęślą", "", "%_\\'", "x" * 255, "🌸")
KEYS = {
    Spot: TEXTS,
    Fellow: [(club, member) for club in ("a", "two words", "") for member in (0, 1, -7)],
    Pass: [uuid.UUID(int=0), uuid.UUID(int=5), uuid.UUID(int=2**128 - 1)],
    Turn: [1, 2, 30, 2**40],
}
FOREIGN = {
    Spot: ("above_id", TEXTS),
    Fellow: ("spot_id", TEXTS),
    Pass: ("spot_id", TEXTS),
    Turn: ("ticket_id", KEYS[Pass]),
}
PARTS = {Spot: ["path"], Fellow: ["club", "member"], Pass: ["id"], Turn: ["id"]}
FAR = {Spot: ["fellows__number", "passes__number", "above__number", "below__number"], Fellow: ["spot__number"], Pass: ["spot__number", "turns__number"], Turn: ["ticket__number", "ticket__spot__number"]}  # fmt: skip


def objects(model, alias):
    return model._base_manager.using(alias)


def made(model, key, values):
    parts = key if model is Fellow else (key,)
    return model(**dict(zip(PARTS[model], parts, strict=True)), **values)


def shown(obj):
    return obj and {
        field.attname: getattr(obj, field.attname) for field in obj._meta.concrete_fields
    }


def values_of(draw, model):
    name, pool = FOREIGN[model]
    return {"number": pick(draw, 0, 1, 2, -3), name: pick(draw, None, *pool)}


def refers(model, values, alias):
    """Appwrite has no foreign keys, so a history must not ask for what SQLite alone would refuse."""
    name, _ = FOREIGN[model]
    if values.get(name) is None:
        return True
    target = model._meta.get_field(name.removesuffix("_id")).remote_field.model
    return objects(target, alias).filter(pk=values[name]).exists()


def condition(draw, model):
    kind = pick(draw, "key", "keys", "number", "all", "not", "part", "far", "between")
    if kind == "key":
        return Q(pk=pick(draw, *KEYS[model]))
    if kind == "keys":
        return Q(pk__in=some(draw, *KEYS[model]))
    if kind == "not":
        return ~Q(pk=pick(draw, *KEYS[model])) | Q(number=1)
    if kind == "part":
        part = pick(draw, *PARTS[model])
        key = pick(draw, *KEYS[model])
        return Q(**{part: key[PARTS[model].index(part)] if model is Fellow else key})
    if kind == "far":
        return Q(**{pick(draw, *FAR[model]): pick(draw, 0, 1)})
    if kind == "between" and model is not Pass:
        return Q(pk__gt=pick(draw, *KEYS[model])) | Q(pk__lte=pick(draw, *KEYS[model]))
    return Q(number__gte=pick(draw, 0, 1)) if kind == "number" else Q()


def _saved(alias, model, key, values, only):
    obj = objects(model, alias).get(pk=key)
    for name, value in values.items():
        setattr(obj, name, value)
    obj.save(update_fields=["number"] if only else None)
    return shown(objects(model, alias).get(pk=key))


def _rekeyed(alias, model, key, other):
    obj = objects(model, alias).get(pk=key)
    obj.pk = other
    obj.save()
    return shown(objects(model, alias).get(pk=other))


def _bulk(alias, model, many, **options):
    objects(model, alias).bulk_create([made(model, *one) for one in many], **options)


def _bulk_updated(alias, model, keys, number):
    found = list(objects(model, alias).filter(pk__in=keys).order_by("pk"))
    for position, one in enumerate(found):
        one.number = number + position
    return objects(model, alias).bulk_update(found, ["number"])


def _counted(alias, model, q):
    if model is Spot:
        found = (
            objects(model, alias)
            .filter(q)
            .annotate(n=Count("fellows", distinct=True), m=Count("below", distinct=True))
        )
        return list(found.order_by("-n", "pk").values_list("pk", "n", "m"))
    name = FOREIGN[model][0]
    most = (
        objects(model, alias)
        .filter(**{name: OuterRef(name)})
        .order_by("-number", "pk")
        .values("number")[:1]
    )
    return list(
        objects(model, alias)
        .filter(q)
        .annotate(x=Subquery(most))
        .order_by("pk")
        .values_list("pk", "x")
    )


def _read(alias, model, q, keys):
    found = objects(model, alias).filter(q).order_by("pk")
    return [
        [shown(one) for one in found.distinct()],
        [one.pk for one in found.reverse().distinct()[1:3]],
        objects(model, alias).exclude(q).count(),
        {key: shown(one) for key, one in objects(model, alias).in_bulk(keys).items()},
        shown(found.first()),
        found.aggregate(most=Max("number")),
        sorted(
            objects(model, alias).filter(pk__in=found.values("pk")).values_list("pk", flat=True),
            key=repr,
        ),
    ]


def _related(alias, model, q):
    name = FOREIGN[model][0].removesuffix("_id")
    found = objects(model, alias).filter(q).select_related(name).distinct().order_by("pk")
    prefetched = objects(Spot, alias).order_by("pk").prefetch_related("fellows", "passes__turns")
    return [(one.pk, shown(getattr(one, name))) for one in found], [
        (
            one.pk,
            sorted(fellow.pk for fellow in one.fellows.all()),
            sorted(ticket.pk for ticket in one.passes.all()),
        )
        for one in prefetched
    ]


@st.composite
def steps(draw):
    model = pick(draw, *MODELS)
    kind = pick(
        draw, "create", "create", "many", "ignore", "upsert", "save", "only", "update", "expression", "bulk_update", "delete", "raw_delete",
        "get_or_create", "update_or_create", "rekeyed", "read", "read", "counted", "related", "deleted",
    )  # fmt: skip
    key, other, q = pick(draw, *KEYS[model]), pick(draw, *KEYS[model]), condition(draw, model)
    values, keys = values_of(draw, model), some(draw, *KEYS[model])
    many = [(one, values_of(draw, model)) for one in keys] or [(key, values)]
    known = {"many": many, "ignore": many, "upsert": many}.get(kind, [(key, values)])
    parts = dict(zip(PARTS[model], key if model is Fellow else (key,), strict=True))

    def take(alias):
        if not all(refers(model, one, alias) for _, one in known):
            return "unknown"
        chosen = objects(model, alias).filter(q)
        return {
            "create": lambda: made(model, key, values).save(using=alias, force_insert=True),
            "many": lambda: _bulk(alias, model, many),
            "ignore": lambda: _bulk(alias, model, many, ignore_conflicts=True),
            "upsert": lambda: _bulk(alias, model, many, update_conflicts=True, unique_fields=PARTS[model], update_fields=["number"]),
            "save": lambda: _saved(alias, model, key, values, only=False),
            "only": lambda: _saved(alias, model, key, values, only=True),
            "update": lambda: chosen.update(**values),
            "expression": lambda: chosen.update(number=F("number") + 1),
            "bulk_update": lambda: _bulk_updated(alias, model, keys, values["number"]),
            "delete": lambda: chosen.delete(),
            "deleted": lambda: objects(model, alias).get(pk=key).delete(),
            "raw_delete": lambda: objects(Turn, alias).filter(pk__in=KEYS[Turn][:2])._raw_delete(alias),
            "get_or_create": lambda: objects(model, alias).get_or_create(values, **parts)[1],
            "update_or_create": lambda: objects(model, alias).update_or_create(values, **parts)[1],
            "rekeyed": lambda: _rekeyed(alias, model, key, other),
            "read": lambda: _read(alias, model, q, keys),
            "counted": lambda: _counted(alias, model, q),
            "related": lambda: _related(alias, model, q),
        }[kind]()  # fmt: skip

    shows = {
        "many": many,
        "ignore": many,
        "upsert": many,
        "rekeyed": (key, other),
        "read": (q, keys),
        "bulk_update": (keys, values),
    }
    return Step(f"{model.__name__} {kind} {shows.get(kind, (key, values, q))}", take)


def blocks():
    inner = st.builds(Block, st.lists(steps(), max_size=3).map(tuple), st.booleans())
    return st.builds(
        Block, st.lists(steps() | inner, min_size=1, max_size=5).map(tuple), st.booleans()
    )


def tables_on(alias, method):
    with connections[alias].schema_editor() as editor:
        for model in MODELS if method == "create_model" else reversed(MODELS):
            getattr(editor, method)(model)


@pytest.fixture(scope="module")
def tables(django_db_setup, django_db_blocker):
    ours = connections[APPWRITE]
    with django_db_blocker.unblock():
        for kind in kinds_of_servers():
            connections[APPWRITE] = DatabaseWrapper(
                {**ours.settings_dict, **settings_of(kind)}, APPWRITE
            )
            tables_on(APPWRITE, "create_model")
        connections[APPWRITE] = ours
        for alias in django_settings.TWINS.values():
            tables_on(alias, "create_model")
        yield
        for alias in django_settings.TWINS.values():
            tables_on(alias, "delete_model")


def settings_of(kind):
    return kind_settings(*kind, database="random_keys", PAGE_SIZE=2, CACHE={})


@pytest.fixture(params=KINDS, ids="-".join)
def server(request, tables, connect, django_db_blocker):
    connection = connect(**settings_of(request.param))
    with django_db_blocker.unblock():
        yield connection


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(history=st.lists(steps() | steps() | blocks(), min_size=5, max_size=25))
def test_goes_as_on_sqlite(history, server):
    lived = []
    for alias in (twin(), APPWRITE):
        for model in reversed(MODELS):
            objects(model, alias).all()._raw_delete(alias)
        brought = live(history, alias)
        rows = [sorted(map(repr, map(shown, objects(model, alias).all()))) for model in MODELS]
        lived.append([*brought, rows])
    expected, found = lived
    for step, one, other in zip([*history, "the end"], expected, found, strict=True):
        assert other == one, f"{step!r}\nAppwrite: {other!r}\nSQLite:   {one!r}"


def test_excluded_by_rows_of_models_that_no_app_has(server):
    """The subquery of such an exclude() begins with another table than that of its model."""
    Spot.objects.using(APPWRITE).all()._raw_delete(APPWRITE)
    Spot.objects.using(APPWRITE).bulk_create([Spot(path="a"), Spot(path="b")])
    ticket = Pass(id=KEYS[Pass][0], number=1, spot_id="a")
    ticket.save(using=APPWRITE, force_insert=True)
    left = objects(Spot, APPWRITE).exclude(passes__number=1)
    assert [spot.path for spot in left] == ["b"]
    objects(Pass, APPWRITE).all()._raw_delete(APPWRITE)
