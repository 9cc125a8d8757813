"""
System checks: what Appwrite would refuse, said before it is asked.

All but ``check_drift`` look at settings and models only; that one asks the server, and runs under ``check --database`` alone. Each message
has an id that stays, and a hint that ends in its place in the documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, models, router

from appwrite_orm_django.aliases import ENGINE, appwrite_aliases
from appwrite_orm_django.backend.defaults import refusal
from appwrite_orm_django.backend.listening import without_secrets_in_clear
from appwrite_orm_django.backend.options import Options
from appwrite_orm_django.client import local_endpoint
from appwrite_orm_django.client.errors import AppwriteError, MissingScope
from appwrite_orm_django.client.secret import hidden
from appwrite_orm_django.fields import PermissionsField
from appwrite_orm_django.models import AppwriteModel
from appwrite_orm_django.schema.columns import MAX_SCALED_DIGITS, column_for
from appwrite_orm_django.schema.defaults import only_django_writes
from appwrite_orm_django.schema.definitions import Column, Table
from appwrite_orm_django.schema.errors import SchemaTooLarge, UnsupportedModel
from appwrite_orm_django.schema.from_models import columns_of, models_of, read_models
from appwrite_orm_django.schema.indexes import indexes_for
from appwrite_orm_django.schema.limits import check_table
from appwrite_orm_django.schema.names import table_id
from appwrite_orm_django.schema.own_tables import with_own_tables

__all__ = ["check_drift", "check_models", "check_relations", "check_routing", "check_settings"]

DOCS = "docs/reference/checks.md"

Model = type[models.Model]
Messages = list[checks.CheckMessage]

_PERMISSION = re.compile(
    r"""(?:read|create|update|delete|write)\("(?:any|guests|users(?:/(?:un)?verified)?|(?:user|team|label|member):[^"]+)"\)"""
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
_MAX_STEPS_SHOWN = 5


# Settings


def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> Messages:
    """Look at the entries of ``DATABASES`` that are on Appwrite."""
    if app_configs is not None:
        return []
    return [message for alias in appwrite_aliases() for message in _check_entry(alias, settings.DATABASES[alias])]


def _check_entry(alias: str, entry: dict[str, Any]) -> Iterator[checks.CheckMessage]:
    entry = {**hidden(entry, ("PASSWORD",)), "OPTIONS": without_secrets_in_clear(entry.get("OPTIONS") or {})}
    where = f'DATABASES["{alias}"]'
    host, name = str(entry.get("HOST") or ""), str(entry.get("NAME") or "")
    local = host.startswith("local:")
    needed = {
        "HOST": "the endpoint, such as https://fra.cloud.appwrite.io/v1, or local:",
        "NAME": "the id of the Appwrite database",
    }
    if not local:
        needed |= {"USER": "the project id", "PASSWORD": "an API key of the project"}
    for key, what in needed.items():
        if not entry.get(key):
            yield _error(1, f'{where}["{key}"] is empty.', f"It is {what}.")
    if name and not _ID.fullmatch(name):
        yield _error(
            1,
            f'{where}["NAME"] is {name!r}, which cannot be the id of a database.',
            "An id has at most 36 letters, digits, dots, hyphens and underscores, and starts with a letter or a digit.",
        )
    if host:
        yield from _check_host(f'{where}["HOST"]', host)
    # The cache's own settings have checks of their own (``cache_checks``).
    try:
        Options.read(alias, {key: value for key, value in entry["OPTIONS"].items() if key != "CACHE"})
    except (ImproperlyConfigured, TypeError, ValueError) as error:
        yield _error(2, str(error), "Correct it, or leave it out.")


def _check_host(where: str, host: str) -> Iterator[checks.CheckMessage]:
    if local_endpoint.is_local(host):
        try:
            local_endpoint.check(host)
        except ValueError as error:
            yield _error(
                1,
                f"{where}: {error}",
                "Write local: for a server in memory, local:/path/of/a.sqlite3 for one in a file.",
            )
    elif not re.match(r"https?://[^/]", host):
        yield _error(1, f"{where} is {host!r}, which is no URL.", "Write https://<host>/v1.")
    elif not host.rstrip("/").endswith("/v1"):
        yield _warning(2, f"{where} is {host!r}; Appwrite's endpoints end in /v1.", "Write https://<host>/v1.")


# Models


def check_models(app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any) -> Messages:
    """Look at all models whose tables belong on Appwrite; what Django itself says of those on ``databases`` is not said again."""
    found: Messages = []
    for alias in appwrite_aliases():
        on_alias = models_of(alias)
        found += _check_table_ids(on_alias)
        for model in on_alias:
            if app_configs is None or model._meta.app_config in app_configs:
                found += check_model(model, django_looks=alias in (databases or ()))
    return found


def check_model(model: Model, *, django_looks: bool = False) -> Messages:
    """Look at one model: its fields, and if these are well, its indexes and its size."""
    found = [message for field in model._meta.local_concrete_fields for message in _check_field(field)]
    found += _check_permissions(model)
    if not any(message.id == "appwrite.E003" for message in found):
        found += _check_table(model, django_looks)
    return found


def _check_field(field: models.Field[Any, Any]) -> Iterator[checks.CheckMessage]:
    try:
        column = column_for(field)
    except UnsupportedModel as error:
        yield _from_error(3, error, field)
    else:
        if field.has_db_default():
            yield from _check_db_default(field, column)
    if isinstance(field, PermissionsField) and not getattr(field.model, "appwrite_row_security", False):
        yield _warning(
            1,
            "The rows' permissions count for nothing, for the table has no row security.",
            "Set appwrite_row_security = True on the model.",
            field,
        )
    if isinstance(field, models.DecimalField) and (field.max_digits or 0) > MAX_SCALED_DIGITS:
        yield _warning(
            3,
            f"A decimal of more than {MAX_SCALED_DIGITS} digits is kept as text: the server can neither order by it nor compare it.",
            f"Such queries are evaluated locally. max_digits={MAX_SCALED_DIGITS} or less makes it a number.",
            field,
        )


def _check_db_default(field: models.Field[Any, Any], column: Column | None) -> Iterator[checks.CheckMessage]:
    if refused := refusal(field):
        yield _error(3, f"db_default cannot be evaluated: {refused}.", "Use default=, or another expression.", field)
    elif column is not None and (reason := only_django_writes(field, column)):
        yield _warning(
            5,
            f"Only rows that Django makes get this db_default: {reason}.",
            "Rows of other clients have null."
            if field.null
            else "The column is required: other clients have to write a value.",
            field,
        )


def _check_permissions(model: Model) -> Iterator[checks.CheckMessage]:
    for permission in getattr(model, "appwrite_permissions", ()):
        if not _PERMISSION.fullmatch(str(permission)):
            yield _error(
                9,
                f"appwrite_permissions has {str(permission)!r}, which is no permission of Appwrite.",
                """Write read("any"), update("team:staff/owner") and the like, in a tuple.""",
                model,
            )


def _check_table(model: Model, django_looks: bool) -> Iterator[checks.CheckMessage]:
    id_ = table_id(model._meta.db_table)
    try:
        columns = columns_of(model)
    except UnsupportedModel as error:
        yield _from_error(6, error, model)
        return
    try:
        indexes, notes = indexes_for(model, id_, columns, **(_without_what_django_says(model) if django_looks else {}))
        check_table(Table(id_, columns=columns, indexes=indexes))
    except UnsupportedModel as error:
        yield _from_error(4, error, model)
    except SchemaTooLarge as error:
        yield _from_error(5, error, model)
    else:
        for note in notes:
            yield _warning(4, note, "Nothing has to be done if you know that.", model)


def _without_what_django_says(model: Model) -> dict[str, Any]:
    """Return the constraints and indexes of a model without those of which Django warns (models.W027, W037 and W043)."""
    options = model._meta
    return {
        "constraints": [one for one in options.constraints if not isinstance(one, models.CheckConstraint)],
        "indexes": [one for one in options.indexes if not one.expressions and one.condition is None],
    }


def _check_table_ids(models_: Iterable[Model]) -> Iterator[checks.CheckMessage]:
    owners: dict[str, Model] = {}
    for model in models_:
        id_ = table_id(model._meta.db_table)
        other = owners.setdefault(id_.lower(), model)
        if other is not model:
            yield _error(
                6,
                f"{model._meta.label} and {other._meta.label} both need the table {id_}; Appwrite compares ids without case.",
                "Set Meta.db_table on one of them.",
                model,
            )


# Routers and relations


def check_routing(app_configs: Sequence[AppConfig] | None, **_: Any) -> Messages:
    """Look whether the rows of every ``AppwriteModel`` go to Appwrite."""
    return [message for model in _all_models(app_configs) for message in _check_route(model)]


def _check_route(model: Model) -> Iterator[checks.CheckMessage]:
    if not issubclass(model, AppwriteModel):
        return
    alias = router.db_for_write(model)
    if _on_appwrite(alias):
        return
    named = model.appwrite_database
    if named is not None:
        way_out = f'Is appwrite_database = "{named}" an alias in DATABASES with the ENGINE "{ENGINE}"?'
    elif appwrite_aliases():
        way_out = (
            'Add "appwrite_orm_django.routers.AppwriteRouter" to DATABASE_ROUTERS, before others that decide on it.'
        )
    else:
        way_out = f'Add a database with the ENGINE "{ENGINE}" to DATABASES.'
    yield _error(
        7, f'The rows of this AppwriteModel would go to the database "{alias}", not to Appwrite.', way_out, model
    )


def check_relations(app_configs: Sequence[AppConfig] | None, **_: Any) -> Messages:
    """Look for relations between a model on Appwrite and one on another database that cannot work."""
    if not appwrite_aliases():
        return []
    return [
        message
        for model in _all_models(app_configs)
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many)
        if field.is_relation and isinstance(field.related_model, type)
        for message in _check_relation(model, field)
    ]


def _check_relation(model: Model, field: Any) -> Iterator[checks.CheckMessage]:
    here, there = router.db_for_write(model), router.db_for_write(field.related_model)
    if here == there or not (_on_appwrite(here) or _on_appwrite(there)):
        return
    between = f'"{here}" to {field.related_model._meta.label} on "{there}"'
    if field.many_to_many:
        yield _error(
            8,
            f"A many-to-many relation reaches from {between}; no query can join across databases.",
            "Make a model with two keys, of which one is a foreign key with db_constraint=False.",
            field,
        )
        return
    if field.remote_field.on_delete is not models.DO_NOTHING:
        yield _error(
            8,
            f"A foreign key reaches from {between}: deleting there would look for rows of this model in the wrong database.",
            "Use on_delete=models.DO_NOTHING, and clean up in a signal.",
            field,
        )
    if field.db_constraint and not _on_appwrite(here):
        yield _error(
            8,
            f"A foreign key reaches from {between}: the constraint would need a table that is not there.",
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


# The live server


def check_drift(app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any) -> Messages:
    """Compare the models with the servers of these databases; without ``databases`` nothing is asked."""
    return [message for alias in databases or () if _on_appwrite(alias) for message in _check_live(alias, app_configs)]


def _check_live(alias: str, app_configs: Sequence[AppConfig] | None) -> Iterator[checks.CheckMessage]:
    connection: Any = connections[alias]  # our DatabaseWrapper, by its engine
    # Here, for they bring the SDK along, which takes longer to import than all of Django, and start-up asks no server.
    from appwrite_orm_django.schema.migrate import Options as MigrateOptions
    from appwrite_orm_django.schema.migrate import plan_for

    wanted_models = [m for m in models_of(alias) if app_configs is None or m._meta.app_config in app_configs]
    try:
        wanted = read_models(connection.database_id, wanted_models)
        if app_configs is None:
            wanted = with_own_tables(wanted)
    except (UnsupportedModel, SchemaTooLarge):
        return  # said by check_models
    try:
        plan = plan_for(connection.transport, wanted, MigrateOptions(all_tables=app_configs is None))
    except UnsupportedModel as error:
        yield _warning(10, f'"{alias}" is not what the models say: {error}', "See the message.")
        return
    except (AppwriteError, ImproperlyConfigured) as error:
        needed = "The check needs a key with the scopes databases.read, tables.read, columns.read, indexes.read and rows.read."
        yield _warning(
            11,
            f'The schema of "{alias}" could not be compared with the models: {error}',
            needed if isinstance(error, MissingScope) else "Nothing is known of the tables until it can.",
        )
        return
    if plan.steps:
        shown = "; ".join(f"{step.sign} {step}" for step in plan.steps[:_MAX_STEPS_SHOWN])
        more = len(plan.steps) - _MAX_STEPS_SHOWN
        yield _warning(
            10,
            f'"{alias}" is not what the models say: {shown}{f"; and {more} more" if more > 0 else ""}.',
            f"Run manage.py appwrite_migrate --database {alias} --plan, and without --plan to do it;"
            f" or manage.py migrate --database {alias}, if migrations make these tables.",
        )
    if plan.left:
        shown = ", ".join(map(str, plan.left[:_MAX_STEPS_SHOWN]))
        more = len(plan.left) - _MAX_STEPS_SHOWN
        yield _warning(
            12,
            f'"{alias}" has more than the models: {shown}{f" and {more} more" if more > 0 else ""}.',
            "appwrite_migrate --prune drops it; if it belongs to somebody else, silence this.",
        )
    yield from _check_feature_level(alias, connection, wanted_models)


def _check_feature_level(alias: str, connection: Any, models_: Sequence[Model]) -> Iterator[checks.CheckMessage]:
    from appwrite_orm_django.backend import capabilities

    pinned = connection.options.feature_level
    if pinned is None or not models_:
        return
    level = capabilities.probe(connection.transport, connection.table_ref(connection.table_of(models_[0])))
    if level is not None and level != pinned:
        can = "aggregates and joins" if level == "2.x" else "neither aggregates nor joins"
        yield _warning(
            13,
            f'DATABASES["{alias}"]["OPTIONS"]["FEATURE_LEVEL"] is "{pinned}", but the server {can}.',
            f'Write "{level}", or leave it out.',
        )


# Messages


def _message(cls: Callable[..., checks.CheckMessage], id_: str, text: str, hint: str, obj: Any) -> checks.CheckMessage:
    return cls(text, hint=f"{hint} See {DOCS}#appwrite-{id_.lower()}", obj=obj, id=f"appwrite.{id_}")


def _error(number: int, text: str, hint: str, obj: Any = None) -> checks.CheckMessage:
    return _message(checks.Error, f"E{number:03}", text, hint, obj)


def _warning(number: int, text: str, hint: str, obj: Any = None) -> checks.CheckMessage:
    return _message(checks.Warning, f"W{number:03}", text, hint, obj)


def _from_error(number: int, error: Exception, obj: Any) -> checks.CheckMessage:
    """Word what the schema room refuses: its first line is the message, its second the way out."""
    text, _, way_out = str(error).partition("\n")
    return _error(number, text, way_out.removeprefix("Way out: "), obj)
