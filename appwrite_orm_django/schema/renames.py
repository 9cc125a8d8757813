"""Parse the values of the option ``--rename``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.core.exceptions import FieldDoesNotExist
from django.db import models

from .columns import key_for
from .names import column_key, table_id

Model = type[models.Model]

_FORM = re.compile(r"(?:(?P<app>\w+)\.)?(?P<model>\w+)\.(?P<old>[\w$.-]+)=(?P<new>\w+)")


def read_renames(texts: Iterable[str], models_: Iterable[Model]) -> dict[tuple[str, str], str]:
    """
    Return a mapping of ``(table id, new key)`` to the old key.

    Args:
        texts: texts of the form ``Model.old=new`` or ``app.Model.old=new``, where ``new`` is a
            field of the model, and ``old`` is the field's former name or the current key of its
            column.
        models_: the models that the texts can name.

    Raises:
        ValueError: a text has another form, or its model or field does not exist.
    """
    renames: dict[tuple[str, str], str] = {}
    known = list(models_)
    for text in texts:
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"--rename {text}: write Model.old=new.")
        model = _model(text, match["app"], match["model"], known)
        try:
            field = model._meta.get_field(match["new"])
        except FieldDoesNotExist:
            raise ValueError(
                f"--rename {text}: {model._meta.label} has no field {match['new']}."
            ) from None
        key = key_for(field)  # type: ignore[arg-type]  # a relation without a column has none either
        if key is None:
            raise ValueError(f"--rename {text}: {match['new']} has no column.")
        old = match["old"]
        # The old column of a foreign key has the suffix too.
        if field.is_relation and key.endswith("_id") and not old.endswith("_id"):
            old += "_id"
        renames[table_id(model._meta.db_table), key] = column_key(old)
    _refuse_circles(renames)
    return renames


def _refuse_circles(renames: dict[tuple[str, str], str]) -> None:
    # A finished cycle would look like a pending one.
    for table, start in renames:
        key: str | None = start
        for _ in renames:
            key = renames.get((table, key)) if key is not None else None
            if key == start:
                raise ValueError(
                    f"--rename: columns of {table} cannot change places in one run; use a third "
                    "name."
                )


def _model(text: str, app: str | None, name: str, known: list[Model]) -> Model:
    found = [
        model
        for model in known
        if model._meta.model_name == name.lower() and (app is None or model._meta.app_label == app)
    ]
    if len(found) != 1:
        raise ValueError(
            f"--rename {text}: {len(found) or 'no'} model{'s' if len(found) > 1 else ''} named "
            f"{name}; write app.Model.old=new."
        )
    return found[0]
