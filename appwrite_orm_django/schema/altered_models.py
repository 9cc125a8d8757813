"""
Describe models with one field changed, without making classes of them.

The schema editor gets fields from two sources. Those of migrations belong to the models of a state.
Those of other callers may belong to no model, or name a model that does not have them, and Django's
own editors accept them as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any, TypeAlias, cast

from django.db import models
from django.db.models.options import Options

Field: TypeAlias = "models.Field[Any, Any]"
Model: TypeAlias = "type[models.Model]"


class _AlteredModel:
    """
    Stand in for a model that has other fields.

    Its fields still belong to the model itself, so names are resolved and errors are worded as for
    that model.
    """

    def __init__(self, model: Model, fields: list[Field], key: Field) -> None:
        self.__module__ = model.__module__
        self._model = model
        self._meta: Options[Any] = copy(model._meta)
        self._meta.local_fields = fields  # type: ignore[assignment]  # a list in Django
        self._meta.pk = key
        self._meta._expire_cache()  # type: ignore[attr-defined]  # missing in django-stubs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def belongs_to_its_model(field: Field) -> bool:
    """Return whether a field has a model that has it."""
    model = getattr(field, "model", None)
    return model is not None and any(field is one for one in model._meta.local_fields)


def model_with(model: Model, field: Field, instead_of: Iterable[Field] = ()) -> Model:
    """
    Return a model that has a field: the field's own model, or a changed form of ``model``.

    Args:
        model: the model to change if the field does not belong to one.
        field: the field.
        instead_of: fields whose place it takes, besides those of the same name or column.
    """
    if belongs_to_its_model(field):
        return field.model
    added = _of_model(field, model)
    leaving = [one for other in (field, *instead_of) for one in _same(model, other)]
    fields = list(_unless(model._meta.local_fields, leaving))
    place = next(
        (
            n
            for n, one in enumerate(model._meta.local_fields)
            if any(one is gone for gone in leaving)
        ),
        len(fields),
    )
    fields.insert(place, added)
    if added.primary_key:
        fields = [_no_key(one) if one is not added else one for one in fields if _stays(one, added)]
    return _altered(model, fields)


def model_without(model: Model, field: Field) -> Model:
    """Return a model in a form that does not have a field of this name or column."""
    leaving = list(_same(model, field))
    if not leaving:
        return model
    return _altered(model, list(_unless(model._meta.local_fields, leaving)))


def with_target(model: Model, key: Field, target: Model, field: Field) -> Model:
    """
    Return a model in a form whose foreign key refers to a changed form of its target.

    Args:
        model: the model.
        key: its foreign key.
        target: the changed form of the model that the key refers to.
        field: the field of ``target`` that the key refers to.
    """
    pointing: Any = copy(key)
    pointing.remote_field = copy(key.remote_field)
    pointing.remote_field.model = target
    pointing.to_fields = [field.name]
    for cached in ("related_fields", "foreign_related_fields", "local_related_fields"):
        pointing.__dict__.pop(cached, None)
    return _altered(model, [pointing if one is key else one for one in model._meta.local_fields])


def _same(model: Model, field: Field) -> Iterator[Field]:
    for one in model._meta.local_fields:
        if one.name == field.name or (one.column is not None and one.column == field.column):
            yield one


def _unless(fields: Iterable[Field], leaving: Iterable[Field]) -> Iterator[Field]:
    gone = list(leaving)
    return (one for one in fields if not any(one is other for other in gone))


def _of_model(field: Field, model: Model) -> Field:
    """Return a copy of a field that belongs to a model, with the model that it refers to."""
    added = copy(field)
    added.model = model
    remote = field.remote_field
    if remote is not None and isinstance(remote.model, str):
        added.remote_field = copy(remote)
        if remote.model == "self":
            added.remote_field.model = model
        else:
            label, _, name = remote.model.rpartition(".")
            added.remote_field.model = model._meta.apps.get_model(
                label or model._meta.app_label, name
            )
    return added


def _stays(field: Field, key: Field) -> bool:
    """Return whether a field stays when another becomes the primary key."""
    return field is key or not (field.primary_key and field.auto_created)


def _no_key(field: Field) -> Field:
    if not field.primary_key:
        return field
    field = copy(field)
    field.primary_key = False
    return field


def _altered(model: Model, fields: list[Field]) -> Model:
    key = next((one for one in fields if one.primary_key), None)
    if key is None:
        old: Any = model._meta.pk
        if any(old is one for one in model._meta.local_fields):
            # As Django does for a model without a primary key.
            key = models.AutoField(verbose_name="ID", primary_key=True, auto_created=True)
            key.set_attributes_from_name("id")
            key.model = model
            fields = [key, *fields]
        else:
            key = old  # of several columns
    return cast(Model, _AlteredModel(model, fields, cast(Field, key)))
