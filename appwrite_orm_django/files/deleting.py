"""
Delete the files of rows that are deleted, or that name another file, if their model asks for it.

A file goes after the commit of the block that gave it up, and only if no file field of a row of its
model, or of one that shares a table with it, names it. ``update()``, ``bulk_update()`` and raw SQL give up no file: they send no signals.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.apps import apps
from django.core.files.storage import Storage
from django.db import models, transaction
from django.db.models.signals import post_delete, post_init, post_save, pre_delete, pre_save

from appwrite_orm_django.cache.timeouts import Choice, choose
from appwrite_orm_django.client.identity import acting_as

logger = logging.getLogger("appwrite_orm_django.files")
# On an instance that is being saved: the names that its row has had.
_BEFORE = "_appwrite_files_before"
# On every instance: the names that it was read or saved with.
_READ = "_appwrite_files_read"


def watch_models(sender: type[models.Model], **_: Any) -> None:
    """Connect a model with ``appwrite_delete_files = True``, when it is made."""
    if getattr(sender, "appwrite_delete_files", False) and not sender._meta.abstract:
        uid = f"appwrite_delete_files:{sender._meta.label}"
        post_init.connect(_row_read, sender=sender, dispatch_uid=uid)
        pre_delete.connect(_row_about_to_go, sender=sender, dispatch_uid=uid)
        post_delete.connect(_row_deleted, sender=sender, dispatch_uid=uid)
        pre_save.connect(_row_about_to_change, sender=sender, dispatch_uid=uid)
        post_save.connect(_row_changed, sender=sender, dispatch_uid=uid)


def file_fields(model: type[models.Model]) -> list[models.FileField]:
    return [field for field in model._meta.concrete_fields if isinstance(field, models.FileField)]


def _row_read(instance: models.Model, **_: Any) -> None:
    held = instance.__dict__
    held[_READ] = {
        field.attname: _name(held[field.attname])
        for field in file_fields(type(instance))
        if field.attname in held
    }


def _of_writes(receiver: Callable[..., None]) -> Callable[..., None]:
    """Ignore signals without a database: apps send such themselves, and nothing has been written."""

    @wraps(receiver)
    def receive(using: str | None = None, **named: Any) -> None:
        if using is not None:
            receiver(using=using, **named)

    return receive


@_of_writes
def _row_about_to_go(
    sender: type[models.Model], instance: models.Model, using: str, **_: Any
) -> None:
    """Note the files that were not read with the row, as with ``only()``."""
    names = [
        field.attname for field in file_fields(sender) if field.attname not in instance.__dict__
    ]
    if names:
        found = _rows(sender, using).filter(pk=instance.pk).values(*names).first()
        instance.__dict__[_BEFORE] = found or {}


@_of_writes
def _row_deleted(sender: type[models.Model], instance: models.Model, using: str, **_: Any) -> None:
    names = {**instance.__dict__.pop(_BEFORE, {}), **instance.__dict__}
    for field in file_fields(sender):
        _delete_after_commit(sender, field, _name(names.get(field.attname)), using)


@_of_writes
def _row_about_to_change(
    sender: type[models.Model],
    instance: models.Model,
    using: str,
    raw: bool,
    update_fields: Any = None,
    **_: Any,
) -> None:
    """Note the files that the row names now: those read with the object may be outdated."""
    fields = [
        field
        for field in file_fields(sender)
        if field.attname in instance.__dict__
        and (update_fields is None or field.name in update_fields)
        and not _is_as_read(instance, field)
    ]
    before: dict[str, str] = {}
    if fields and not raw and not instance._state.adding and instance.pk is not None:
        names = [field.attname for field in fields]
        before = _rows(sender, using).filter(pk=instance.pk).values(*names).first() or {}
    instance.__dict__[_BEFORE] = before


def _is_as_read(instance: models.Model, field: models.FileField) -> bool:
    """Return whether an object names the file that it was read or saved with, and saves no other."""
    value = instance.__dict__[field.attname]
    read = instance.__dict__.get(_READ, {})
    return getattr(value, "_committed", True) and _name(value) == read.get(field.attname)


@_of_writes
def _row_changed(
    sender: type[models.Model],
    instance: models.Model,
    using: str,
    update_fields: Any = None,
    **_: Any,
) -> None:
    before = instance.__dict__.pop(_BEFORE, {})
    read = instance.__dict__.setdefault(_READ, {})
    for field in file_fields(sender):
        key = field.attname
        if key not in instance.__dict__ or (
            update_fields is not None and field.name not in update_fields
        ):
            continue
        now, name = _name(instance.__dict__[key]), _name(before.get(key))
        # An outdated object that is saved for its other fields gives up no file.
        if now not in (name, read.get(key)):
            _delete_after_commit(sender, field, name, using)
        read[key] = now


def _rows(model: type[models.Model], using: str) -> models.QuerySet[Any]:
    """Return the rows as the server holds them: a cached answer may lack the latest one."""
    rows: models.QuerySet[Any] = model._base_manager.using(using).all()
    choose(rows.query, Choice(timeout=0))  # a manager of Django's has no ``nocache()``
    return rows


def _name(value: Any) -> str:
    return str(getattr(value, "name", value) or "")


def _delete_after_commit(
    model: type[models.Model], field: models.FileField, name: str, using: str
) -> None:
    if name:
        transaction.on_commit(partial(_delete, model, field, name, using), using=using)


def _delete(model: type[models.Model], field: models.FileField, name: str, using: str) -> None:
    """Delete a file; the rows are committed, so an error is logged and not raised."""
    storage: Storage = field.storage
    try:
        if not _is_named(model, name, using):
            storage.delete(name)
    except Exception:
        logger.exception("%s.%s: the file %s was not deleted", model._meta.label, field.name, name)


def _is_named(model: type[models.Model], name: str, using: str) -> bool:
    """Return whether a row of a model or of its parents and children names a file."""
    family = {model, *model._meta.get_parent_list()}
    with acting_as(None, using):  # the user in force may not see all rows
        for other in apps.get_models():
            if other._meta.proxy or family.isdisjoint({other, *other._meta.get_parent_list()}):
                continue
            named = models.Q()
            for field in file_fields(other):
                if field.model is other:  # the others are asked of the parent's table
                    named |= models.Q(**{field.attname: name})
            if named and _rows(other, using).filter(named).exists():
                return True
    return False
