"""``DATABASES[alias]["OPTIONS"]``: read and checked in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from django.core.exceptions import ImproperlyConfigured

from appwrite_orm_django.backend.listening import RealtimeSettings, WebhookSettings, without_secrets_in_clear
from appwrite_orm_django.backend.users import UserSettings
from appwrite_orm_django.cache.settings import CacheSettings

# Dictionaries within the dictionary.
_PARTS: Mapping[str, Any] = {
    "cache": CacheSettings,
    "users": UserSettings,
    "webhook": WebhookSettings,
    "realtime": RealtimeSettings,
}


@dataclass(frozen=True, slots=True)
class Options:
    """
    Everything that ``OPTIONS`` may hold; the setting's name is the field's in capitals.

    Attributes:
        page_size: rows a list request asks for.
        local_evaluation_max_rows: rows that may be fetched to evaluate one query locally.
        connect_timeout_s, read_timeout_s: limits for each attempt of a request.
        retries: how often a request is repeated where that is safe.
        pool_size: connections kept open per process.
        verify: False for a server with a self-signed certificate, or the path of a CA bundle.
        text: whose rules for text and nulls the database under Appwrite has, "mariadb" or "postgresql". A server that is found to have
            others is refused.
        feature_level: "2.x" for servers that aggregate and join, "1.9" for the others; None to find out.
        cache: the query cache, see ``CacheSettings``.
        users: requests for the visitor instead of the API key, see ``UserSettings``.
        webhook: where Appwrite tells of other clients' writes, see ``WebhookSettings``.
        realtime: how ``appwrite_listen`` hears of them, see ``RealtimeSettings``.
    """

    page_size: int = 1000
    local_evaluation_max_rows: int = 10_000
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    retries: int = 3
    pool_size: int = 10
    verify: bool | str = True
    text: str = "mariadb"
    feature_level: Literal["1.9", "2.x"] | None = None
    cache: CacheSettings = field(default_factory=CacheSettings)
    users: UserSettings = field(default_factory=UserSettings)
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    realtime: RealtimeSettings = field(default_factory=RealtimeSettings)

    @classmethod
    def read(cls, alias: str, settings: Mapping[str, Any]) -> Options:
        """
        Make the options of ``alias`` from its ``OPTIONS`` dictionary.

        Raises:
            ImproperlyConfigured: an unknown key, or a value that can not be.
        """
        settings = without_secrets_in_clear(settings)
        known = {one.name.upper(): one.name for one in fields(cls)}
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ImproperlyConfigured(
                f'DATABASES["{alias}"]["OPTIONS"] has no key {unknown[0]!r}. Known are {", ".join(sorted(known))}.'
            )
        values: dict[str, Any] = {}
        for key, name in known.items():
            if key in settings:
                part = _PARTS.get(name)
                values[name] = settings[key] if part is None else part.read(alias, settings[key])
        options = cls(**values)
        for name in ("page_size", "local_evaluation_max_rows", "pool_size"):
            if not isinstance(value := getattr(options, name), int) or value < 1:
                raise ImproperlyConfigured(
                    f'DATABASES["{alias}"]["OPTIONS"]["{name.upper()}"] must be a positive integer.'
                )
        if options.text not in ("mariadb", "postgresql"):
            raise ImproperlyConfigured(f'DATABASES["{alias}"]["OPTIONS"]["TEXT"] must be "mariadb" or "postgresql".')
        if options.feature_level not in (None, "1.9", "2.x"):
            raise ImproperlyConfigured(
                f'DATABASES["{alias}"]["OPTIONS"]["FEATURE_LEVEL"] must be "1.9", "2.x" or None.'
            )
        return options
