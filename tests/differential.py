"""Ask the same question of Appwrite and of the twin, and compare the answers value by value."""

from django.conf import settings
from django.db import connections, models
from django.db.models.query import NamedValuesListIterable

APPWRITE = "appwrite"


def twin():
    """Return the alias of the SQLite database that compares text as the server behind ``appwrite`` does."""
    return settings.TWINS[connections[APPWRITE].engine.name]


def copy_to_twin(*models_):
    """Copy all rows of these models, in an order that respects their foreign keys, to the twin; forget what was there."""
    for model in reversed(models_):
        model._base_manager.using(twin()).all().delete()
    for model in models_:
        rows = list(model._base_manager.using(APPWRITE).all())
        model._base_manager.using(twin()).bulk_create(rows)


def wipe(*models_):
    """Delete all rows of these models on both sides."""
    for model in models_:
        model._base_manager.using(APPWRITE).all()._raw_delete(APPWRITE)
        model._base_manager.using(twin()).all()._raw_delete(twin())


def answer(question, alias):
    """
    Return what ``question`` brings on one side: plain data that can be compared, or the class of its error.

    ``question`` takes a function that makes a queryset of a model; it returns a queryset or a value.
    """
    return plain(question(lambda model: model._default_manager.using(alias)))


def plain(found, seen=()):
    """Turn what a queryset brings into tuples, dicts and lists; objects that refer to each other are cut at the second turn."""
    if isinstance(found, models.QuerySet):
        rows = [plain(row, seen) for row in found]
        if issubclass(found._iterable_class, NamedValuesListIterable):
            rows = [tuple(row) for row in rows]
        return rows if found.ordered else sorted(rows, key=repr)
    if isinstance(found, models.Model):
        if id(found) in seen:
            return (type(found).__name__, found.pk)
        seen = (*seen, id(found))
        loaded = {
            f.attname: plain(f.value_from_object(found))
            for f in found._meta.concrete_fields
            if f.attname in found.__dict__
        }
        extra = {
            name: plain(value, seen)
            for name, value in found.__dict__.items()
            if not name.startswith("_") and name not in loaded
        }
        related = {name: plain(value, seen) for name, value in found._state.fields_cache.items()}
        return (type(found).__name__, loaded, extra, related)
    if isinstance(found, dict):
        return {key: plain(value, seen) for key, value in found.items()}
    if isinstance(found, (list, tuple)):
        members = [plain(value, seen) for value in found]
        return members if type(found) is list else tuple(members)
    if isinstance(found, memoryview):
        return bytes(found)
    if isinstance(found, models.fields.files.FieldFile):
        return found.name
    return (type(found).__name__, found)


def assert_same(question):
    """Assert that both sides answer alike, type by type, and return the answer."""
    expected = answer(question, twin())
    found = answer(question, APPWRITE)
    assert found == expected, (
        f"Appwrite:\n  {found!r}\nSQLite:\n  {expected!r}\n{_explained(question)}"
    )
    return found


def _explained(question):
    asked = question(lambda model: model._default_manager.using(APPWRITE))
    return asked.explain() if isinstance(asked, models.QuerySet) else ""
