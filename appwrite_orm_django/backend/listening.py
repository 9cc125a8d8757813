"""Settings for what tells of other clients' writes: ``OPTIONS["WEBHOOK"]`` and ``OPTIONS["REALTIME"]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

from appwrite_orm_django.client.secret import NO_SECRET, Secret, hidden, hide

Settings = TypeVar("Settings", bound="WebhookSettings | RealtimeSettings")

#: What Appwrite takes for the secret of a webhook.
SECRET_LENGTHS = range(8, 257)
# What is secret in each of the dictionaries. Django's debug page hides them by their names: they hold SECRET, as SESSION does not.
_SECRETS: dict[str, tuple[str, ...]] = {"WEBHOOK": ("SECRETS",), "REALTIME": ("SESSION_SECRET",)}


def without_secrets_in_clear(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``OPTIONS`` with each secret in it as a ``Secret``, so that errors about them show none."""
    found: dict[str, Any] = hidden(options, _SECRETS)
    return found


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """
    Everything that ``OPTIONS["WEBHOOK"]`` may hold; the setting's name is the field's in capitals.

    Attributes:
        url: the address that Appwrite calls, exactly as it was told: it is part of what is signed, and behind a proxy the request
            does not say it.
        secrets: secrets of 8 to 256 characters, any of which a delivery may be signed with; the first is the one for new webhooks. None:
            there is no endpoint.
        max_bytes: of a larger body only the signature and the event names are looked at, and all of its table is invalidated.
        coalesce_s: ``rows_changed`` is sent again for a table after so many seconds at the earliest, and at the latest, if more was told
            meanwhile; 0 sends it with each delivery. The cache is invalidated with each in any case.
        remember_s: for how many seconds the last delivery for a row is known. One that is the same again is not told to handlers.
        ignore_unknown: do not log deliveries that are of no use: of other databases, of tables that no model has.
    """

    url: str = ""
    secrets: tuple[Secret, ...] = ()
    max_bytes: int = 4 * 1024 * 1024
    coalesce_s: float = 0.5
    remember_s: float = 3600.0
    ignore_unknown: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "secrets", hide(self.secrets))

    @classmethod
    def read(cls, alias: str, options: Mapping[str, Any]) -> WebhookSettings:
        """
        Make the settings from the ``WEBHOOK`` dictionary of the database ``alias``.

        Raises:
            ImproperlyConfigured: an unknown key, or a value that cannot be.
        """
        options = hidden(options, _SECRETS["WEBHOOK"])
        where = f'DATABASES["{alias}"]["OPTIONS"]["WEBHOOK"]'
        settings = _read(cls, where, options)
        secrets = settings.secrets
        if not isinstance(secrets, tuple) or not all(
            isinstance(secret, Secret) and len(secret) in SECRET_LENGTHS and secret.is_encodable for secret in secrets
        ):
            raise ImproperlyConfigured(f'{where}["SECRETS"] must be a list of texts of 8 to 256 characters.')
        if settings.secrets and urlsplit(settings.url).scheme not in ("http", "https"):
            raise ImproperlyConfigured(
                f'{where}["URL"] must be the address that Appwrite calls, such as https://shop.example.org/appwrite/webhook/.'
            )
        _check_numbers(settings, where, {"max_bytes": 1, "coalesce_s": 0, "remember_s": 0})
        return settings


@dataclass(frozen=True, slots=True)
class RealtimeSettings:
    """
    Everything that ``OPTIONS["REALTIME"]`` may hold; the setting's name is the field's in capitals.

    Attributes:
        url: where to connect, ``wss://<host>/v1/realtime``; left out, what ``HOST`` implies.
        session_secret: the secret of a session of the user to listen as. Realtime takes no API key, and without a user it tells of rows
            that anybody may read.
        ping_s: seconds between two signs of life, and how long to wait for the answer to one.
        longest_pause_s: the longest pause between two attempts to connect.
        coalesce_s: as in ``WebhookSettings``.
    """

    url: str = ""
    session_secret: Secret = NO_SECRET
    ping_s: float = 20.0
    longest_pause_s: float = 30.0
    coalesce_s: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "session_secret", hide(self.session_secret))

    @classmethod
    def read(cls, alias: str, options: Mapping[str, Any]) -> RealtimeSettings:
        """
        Make the settings from the ``REALTIME`` dictionary of the database ``alias``.

        Raises:
            ImproperlyConfigured: an unknown key, or a value that cannot be.
        """
        options = hidden(options, _SECRETS["REALTIME"])
        where = f'DATABASES["{alias}"]["OPTIONS"]["REALTIME"]'
        if "SESSION" in options:
            raise ImproperlyConfigured(
                f'{where}["SESSION"] is called SESSION_SECRET: Django\'s debug page and error mails show the value of "SESSION".'
            )
        settings = _read(cls, where, options)
        if not isinstance(settings.session_secret, Secret) or not settings.session_secret.is_header:
            raise ImproperlyConfigured(
                f'{where}["SESSION_SECRET"] must be a text, without blanks and line ends around it.'
            )
        if settings.url and urlsplit(settings.url).scheme not in ("ws", "wss"):
            raise ImproperlyConfigured(
                f'{where}["URL"] must be an address such as wss://fra.cloud.appwrite.io/v1/realtime.'
            )
        _check_numbers(settings, where, {"ping_s": 0.01, "longest_pause_s": 0, "coalesce_s": 0})
        return settings

    def address(self, host: str) -> str:
        """
        Return where to connect.

        Args:
            host: ``HOST`` of the database.

        Raises:
            ImproperlyConfigured: it cannot be told from ``HOST``: the local server has its realtime on a port of its own.
        """
        if self.url:
            return self.url
        parts = urlsplit(host)
        if parts.scheme not in ("http", "https"):
            raise ImproperlyConfigured(
                'A local: server inside this process has no realtime; run manage.py appwrite_server, and set OPTIONS["REALTIME"]["URL"].'
            )
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, f"{parts.path.rstrip('/')}/realtime", "", ""))


def _read(cls: type[Settings], where: str, options: Mapping[str, Any]) -> Settings:
    if not isinstance(options, Mapping):
        raise ImproperlyConfigured(f"{where} must be a dictionary.")
    known = {one.name.upper(): one.name for one in fields(cls)}
    if unknown := sorted(set(options) - set(known)):
        raise ImproperlyConfigured(f"{where} has no key {unknown[0]!r}. Known are {', '.join(sorted(known))}.")
    settings = cls(**{known[key]: value for key, value in options.items()})
    if not isinstance(settings.url, str):
        raise ImproperlyConfigured(f'{where}["URL"] must be a text.')
    return settings


def _check_numbers(settings: Any, where: str, least: Mapping[str, float]) -> None:
    for name, bound in least.items():
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not bound <= value < float("inf"):
            raise ImproperlyConfigured(f'{where}["{name.upper()}"] must be a number of at least {bound:g}.')
