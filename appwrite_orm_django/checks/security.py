"""
System checks of the webhook endpoint, realtime and requests as the end user.

They read settings, URLs and classes only, and contact no server. ``checks.databases`` validates the
dictionaries themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.urls import Resolver404, get_script_prefix, resolve
from django.utils.module_loading import import_string

from appwrite_orm_django.checks.messages import Messages, error, warning
from appwrite_orm_django.client.secret import Secret
from appwrite_orm_django.conf import Options, WebhookSettings, appwrite_aliases

MIDDLEWARE = "appwrite_orm_django.users.middleware.AppwriteUserMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"


def check_webhooks(app_configs: Sequence[AppConfig] | None = None, **_: Any) -> Messages:
    """Check ``OPTIONS["WEBHOOK"]`` and ``OPTIONS["REALTIME"]`` of each database."""
    found: Messages = []
    for alias, options in _all_options():
        known = {
            Secret(str(settings.DATABASES[alias].get("PASSWORD") or "")),
            Secret(str(settings.SECRET_KEY)),
        }
        if known & set(options.webhook.secrets):
            found.append(
                error(
                    40,
                    f'DATABASES["{alias}"]["OPTIONS"]["WEBHOOK"]["SECRETS"] contains the API key '
                    "or Django's SECRET_KEY.",
                    "A secret that signs deliveries must not unlock anything else. Generate a "
                    "separate secret.",
                )
            )
        if (
            "REALTIME" in (settings.DATABASES[alias].get("OPTIONS") or {})
            and not options.realtime.session_secret
        ):
            found.append(
                warning(
                    44,
                    f'DATABASES["{alias}"]["OPTIONS"]["REALTIME"] has no SESSION_SECRET: realtime '
                    "reports only rows that "
                    "anyone may read.",
                    "Realtime accepts no API key. Create a user who may read the rows, and set the "
                    "secret of a session of that user.",
                )
            )
    return found


def check_urls(app_configs: Sequence[AppConfig] | None = None, **_: Any) -> Messages:
    """Check that the URL given to Appwrite resolves to the endpoint."""
    return [
        warning(
            40,
            f'DATABASES["{alias}"]["OPTIONS"]["WEBHOOK"]["URL"] is {options.webhook.url!r}, which '
            "does not resolve to the "
            "webhook endpoint of this site.",
            'Add path("appwrite/", include("appwrite_orm_django.changes.urls")) to ROOT_URLCONF. '
            "Silence this check if a "
            "proxy changes the path.",
        )
        for alias, options in _all_options()
        if options.webhook.secrets and not _leads_to_the_endpoint(options.webhook)
    ]


def check_users(app_configs: Sequence[AppConfig] | None = None, **_: Any) -> Messages:
    """Check ``OPTIONS["USERS"]`` of each database, and the order of the middleware."""
    found: Messages = []
    installed = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in installed:
        return found
    after_sessions = SESSIONS in installed[: installed.index(MIDDLEWARE)]
    for alias, options in _all_options():
        where = f'DATABASES["{alias}"]["OPTIONS"]["USERS"]'
        users = options.users
        if (users.session_key or users.session_secret_key) and not after_sessions:
            found.append(
                error(
                    41,
                    f"{where} reads the token from the session, but AppwriteUserMiddleware runs "
                    "before SessionMiddleware.",
                    "Put it after SessionMiddleware; otherwise every visitor is treated as having "
                    "no token.",
                )
            )
        if users.anonymous == "key":
            found.append(
                warning(
                    43,
                    f'{where}["ANONYMOUS"] is "key": visitors without a token can read and change '
                    "more than users with one.",
                    'Use "guest" or "refuse", unless the site checks permissions of its own first.',
                )
            )
    found += _own_tables_messages()
    return found


def check_deployment(app_configs: Sequence[AppConfig] | None = None, **_: Any) -> Messages:
    """Check for settings that are safe in development only, under ``manage.py check --deploy``."""
    found: Messages = []
    for alias, options in _all_options():
        where = f'DATABASES["{alias}"]["OPTIONS"]'
        if options.webhook.secrets and urlsplit(options.webhook.url).scheme == "http":
            found.append(
                warning(
                    41,
                    f'{where}["WEBHOOK"]["URL"] is not https: rows are sent in the clear.',
                    "Serve the endpoint over TLS, and run appwrite_webhook create again.",
                )
            )
        hears = options.webhook.secrets or "REALTIME" in (
            settings.DATABASES[alias].get("OPTIONS") or {}
        )
        if hears and _is_private(options.cache.alias):
            found.append(
                warning(
                    42,
                    f"{where}: webhooks and realtime invalidate one process only, because "
                    f'CACHES["{options.cache.alias}"] '
                    "is local to each process.",
                    "Use a cache that all processes share, such as Redis.",
                )
            )
        if _on_plain_http(alias):
            found.append(
                warning(
                    45,
                    f'DATABASES["{alias}"]["HOST"] is not https, but users\' tokens are sent to '
                    "it.",
                    "Use https, unless the server is on this machine or in a private network.",
                )
            )
    return found


def _all_options() -> Iterator[tuple[str, Options]]:
    for alias in appwrite_aliases():
        try:
            yield alias, Options.read(alias, settings.DATABASES[alias].get("OPTIONS") or {})
        except (ImproperlyConfigured, TypeError, ValueError):
            continue  # checks.databases reports this


def _leads_to_the_endpoint(options: WebhookSettings) -> bool:
    # Imported here because it imports the SDK, which most sites do not need at start-up.
    from appwrite_orm_django.changes.webhooks import webhook

    path = unquote(urlsplit(options.url).path)
    prefix = get_script_prefix()
    if prefix != "/" and path.startswith(prefix):
        path = f"/{path.removeprefix(prefix)}"
    try:
        return resolve(path).func is webhook
    except Resolver404:
        return False


def _own_tables_messages() -> Iterator[CheckMessage]:
    """Yield an error for each of Django's own tables that would be read as the end user."""
    for label in ("sessions.Session", settings.AUTH_USER_MODEL):
        try:
            model = apps.get_model(label)
        except (LookupError, ValueError):
            continue
        alias = router.db_for_read(model)
        if alias in appwrite_aliases():
            yield error(
                42,
                f'The rows of {label} are on "{alias}", where AppwriteUserMiddleware reads as the '
                "end user.",
                "Keep users and sessions on another database, or on an alias without USERS.",
            )


def _is_private(name: str) -> bool:
    try:
        backend = import_string(settings.CACHES[name]["BACKEND"])
    except (ImportError, KeyError):  # Django reports this itself
        return False
    return isinstance(backend, type) and issubclass(backend, LocMemCache)


def _on_plain_http(alias: str) -> bool:
    parts = urlsplit(str(settings.DATABASES[alias].get("HOST") or ""))
    return (
        MIDDLEWARE in settings.MIDDLEWARE
        and parts.scheme == "http"
        and parts.hostname not in ("localhost", "127.0.0.1")
    )
