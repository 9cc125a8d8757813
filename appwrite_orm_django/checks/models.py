"""System checks of models: report what Appwrite would reject, without asking it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import models, router

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.backend.defaults import refusal
from appwrite_orm_django.checks.messages import Messages, error, from_error, warning
from appwrite_orm_django.client.references import PERMISSION
from appwrite_orm_django.conf import ENGINE, appwrite_aliases
from appwrite_orm_django.engines import MARIADB, Engine
from appwrite_orm_django.fields import PermissionsField
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.columns import MAX_SCALED_DIGITS, column_for
from appwrite_orm_django.schema.custom_fields import has_column
from appwrite_orm_django.schema.defaults import only_django_writes
from appwrite_orm_django.schema.definitions import Column, Table
from appwrite_orm_django.schema.errors import SchemaTooLarge, UnsupportedModel
from appwrite_orm_django.schema.from_models import columns_of, models_of
from appwrite_orm_django.schema.indexes import indexes_for
from appwrite_orm_django.schema.limits import check_table
from appwrite_orm_django.schema.names import table_id
from appwrite_orm_django.schema.unique import hidden_columns

__all__ = ["check_models", "check_relations", "check_routing"]

Model = type[models.Model]


def check_models(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> Messages:
    """
    Check all models whose tables belong on Appwrite.

    Leave out what Django's own checks report of models on ``databases``.
    """
    found: Messages = []
    for alias in appwrite_aliases():
        on_alias, engine = models_of(alias), _engine(alias)
        found += _check_table_ids(on_alias)
        for model in on_alias:
            if app_configs is None or model._meta.app_config in app_configs:
                found += check_model(model, engine, django_looks=alias in (databases or ()))
    return found


def check_model(model: Model, engine: Engine = MARIADB, *, django_looks: bool = False) -> Messages:
    """
    Check the fields of a model and, if they are valid, its indexes and its size.

    Args:
        model: the model.
        engine: the rules of the engine under the server.
        django_looks: whether Django's own checks look at the model for this database.
    """
    found = [
        message for field in model._meta.local_concrete_fields for message in _check_field(field)
    ]
    found += _check_permissions(model)
    if not any(message.id == "appwrite.E003" for message in found):
        found += _check_table(model, engine, django_looks)
    return found


def _check_field(field: models.Field[Any, Any]) -> Iterator[checks.CheckMessage]:
    try:
        column = column_for(field)
    except UnsupportedModel as exc:
        yield from_error(3, exc, field)
    else:
        if field.has_db_default():
            yield from _check_db_default(field, column)
        if not has_column(field):
            yield warning(
                6,
                "The field has no column, because its db_type() is None. Queries that read or "
                "write it raise an error, as on any database.",
                "If it is to have one, give it a method db_type(connection), or "
                "appwrite_column(key).",
                field,
            )
    if isinstance(field, PermissionsField) and not getattr(
        field.model, "appwrite_row_security", False
    ):
        yield warning(
            1,
            "The rows' permissions have no effect, because the table has no row security.",
            "Set appwrite_row_security = True on the model.",
            field,
        )
    if isinstance(field, models.DecimalField) and (field.max_digits or 0) > MAX_SCALED_DIGITS:
        yield warning(
            3,
            f"A decimal of more than {MAX_SCALED_DIGITS} digits is stored as text: the server can "
            "neither order by it nor compare it.",
            f"Such queries are evaluated locally. With max_digits={MAX_SCALED_DIGITS} or less it "
            "is stored as a number.",
            field,
        )


def _check_db_default(
    field: models.Field[Any, Any], column: Column | None
) -> Iterator[checks.CheckMessage]:
    if refused := refusal(field):
        yield error(
            3,
            f"db_default cannot be evaluated: {refused}.",
            "Use default=, or another expression.",
            field,
        )
    elif column is not None and (reason := only_django_writes(field, column)):
        yield warning(
            5,
            f"Only rows that Django creates get this db_default: {reason}.",
            "Rows that other clients create have null."
            if field.null
            else "The column is required: other clients have to write a value.",
            field,
        )


def _check_permissions(model: Model) -> Iterator[checks.CheckMessage]:
    for permission in getattr(model, "appwrite_permissions", ()):
        if not PERMISSION.fullmatch(str(permission)):
            yield error(
                9,
                f"appwrite_permissions has {str(permission)!r}, which is not a permission of "
                "Appwrite.",
                """Write a tuple of permissions such as read("any") and update("team:staff/owner").""",
                model,
            )


def _check_table(model: Model, engine: Engine, django_looks: bool) -> Iterator[checks.CheckMessage]:
    id_ = table_id(model._meta.db_table)
    try:
        columns = (*columns_of(model), *(one.column for one in hidden_columns(model, engine)))
    except UnsupportedModel as exc:
        yield from_error(6, exc, model)
        return
    try:
        indexes, notes = indexes_for(
            model,
            id_,
            columns,
            engine,
            **(_without_what_django_says(model) if django_looks else {}),
        )
        check_table(Table(id_, columns=columns, indexes=indexes), engine)
    except UnsupportedModel as exc:
        for one in exc.errors:
            yield from_error(4, one, model)
    except SchemaTooLarge as exc:
        yield from_error(5, exc, model)
    else:
        for note in notes:
            yield warning(4, note, "If this is intended, nothing has to be done.", model)


def _engine(alias: str) -> Engine:
    """Return the engine of an alias; bad settings have a check of their own."""
    try:
        return appwrite_connection(alias).known_engine
    except ImproperlyConfigured:
        return MARIADB


def _without_what_django_says(model: Model) -> dict[str, Any]:
    """
    Return a model's constraints without those that Django itself warns about.

    Those warnings are models.W027 and W038.
    """
    return {
        "constraints": [
            constraint
            for constraint in model._meta.constraints
            if not isinstance(constraint, models.CheckConstraint)
            and not getattr(constraint, "deferrable", None)
        ],
    }


def _check_table_ids(models_: Iterable[Model]) -> Iterator[checks.CheckMessage]:
    owners: dict[str, Model] = {}
    for model in models_:
        id_ = table_id(model._meta.db_table)
        other = owners.setdefault(id_.lower(), model)
        if other is not model:
            yield error(
                6,
                f"{model._meta.label} and {other._meta.label} both need the table {id_}. Appwrite "
                "compares ids case-insensitively.",
                "Set Meta.db_table on one of them.",
                model,
            )


def check_routing(app_configs: Sequence[AppConfig] | None, **_: Any) -> Messages:
    """Check that the rows of every ``AppwriteModel`` go to Appwrite."""
    return [message for model in _all_models(app_configs) for message in _check_route(model)]


def _check_route(model: Model) -> Iterator[checks.CheckMessage]:
    if not issubclass(model, AppwriteModel):
        return
    alias = router.db_for_write(model)
    if _on_appwrite(alias):
        return
    named = model.appwrite_database
    if named is not None:
        way_out = f'Make appwrite_database = "{named}" name an alias in DATABASES with the ENGINE "{ENGINE}".'
    elif appwrite_aliases():
        way_out = 'Add "appwrite_orm_django.routers.AppwriteRouter" to DATABASE_ROUTERS, before routers that decide otherwise.'
    else:
        way_out = f'Add a database with the ENGINE "{ENGINE}" to DATABASES.'
    yield error(
        7,
        f'The rows of this AppwriteModel would go to the database "{alias}", not to Appwrite.',
        way_out,
        model,
    )


def check_relations(app_configs: Sequence[AppConfig] | None, **_: Any) -> Messages:
    """Check for relations between Appwrite and another database that cannot work."""
    if not appwrite_aliases():
        return []
    return [
        message
        for model in _all_models(app_configs)
        for field in (
            *model._meta.local_fields,
            *model._meta.local_many_to_many,
            *model._meta.private_fields,
        )
        if field.is_relation and isinstance(field.related_model, type)
        for message in _check_relation(model, field)
    ]


def _check_relation(model: Model, field: Any) -> Iterator[checks.CheckMessage]:
    here, there = router.db_for_write(model), router.db_for_write(field.related_model)
    if here == there or not (_on_appwrite(here) or _on_appwrite(there)):
        return
    related = field.related_model._meta.label
    between = f'"{here}" to {related} on "{there}"'
    if field in model._meta.private_fields:
        yield error(
            8,
            f"A GenericRelation leads from {between}: each deletion here would look for rows of "
            f"{related} in the wrong database.",
            f"Remove it. Query {related} by its content type and object id, and delete its rows in "
            "a signal.",
            field,
        )
        return
    if field.many_to_many:
        yield error(
            8,
            f"A many-to-many relation leads from {between}; no query can join across databases.",
            "Write a model with two keys, one of them a foreign key with db_constraint=False.",
            field,
        )
        return
    if field.remote_field.on_delete is not models.DO_NOTHING:
        yield error(
            8,
            f"A foreign key leads from {between}: a deletion there would look for rows of this "
            "model in the wrong database.",
            "Use on_delete=models.DO_NOTHING, and delete the rows in a signal.",
            field,
        )
    if field.db_constraint and not _on_appwrite(here):
        yield error(
            8,
            f"A foreign key leads from {between}: the constraint would need a table that does not "
            "exist there.",
            "Use db_constraint=False.",
            field,
        )


def _all_models(app_configs: Sequence[AppConfig] | None) -> Iterator[Model]:
    for config in apps.get_app_configs() if app_configs is None else app_configs:
        for model in config.get_models():
            if model._meta.managed and not model._meta.proxy and not model._meta.swapped:
                yield model


def _on_appwrite(alias: str) -> bool:
    return alias in appwrite_aliases()
