"""
``DATABASES[alias]["OPTIONS"]``: every key, read and checked in one place.

Imports no model, so that a settings module may use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from appwrite_orm_django.client.secret import NO_SECRET, Secret, hidden, hide

Settings = TypeVar("Settings")

ENGINE = "appwrite_orm_django.backend"
#: What Appwrite takes for the secret of a webhook.
SECRET_LENGTHS = range(8, 257)
# What is secret in each of the dictionaries. Django's debug page hides them by their names: they hold SECRET, as SESSION does not.
_SECRETS: dict[str, tuple[str, ...]] = {"WEBHOOK": ("SECRETS",), "REALTIME": ("SESSION_SECRET",)}


def without_secrets_in_clear(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``OPTIONS`` with each secret in it as a ``Secret``, so that errors about them show none."""
    found: dict[str, Any] = hidden(options, _SECRETS)
    return found


def appwrite_aliases() -> list[str]:
    """Return the aliases in ``DATABASES`` that use our engine."""
    return [alias for alias, database in django_settings.DATABASES.items() if database.get("ENGINE") == ENGINE]


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """
    Everything that ``CACHE`` may hold; the setting's name is the field's in capitals.

    Attributes:
        enabled: False reads and writes past the cache altogether. Only for a database nobody else caches: other processes that do
            cache it are not told of this one's writes.
        alias: which of Django's ``CACHES`` to use.
        timeout: seconds an entry lives; the backstop for writes by clients that tell nobody.
        timeouts: seconds per table, where they differ from ``timeout``; 0 caches nothing of the table.
        jitter: share of its timeout by which an entry's life varies at random, so that entries of one moment do not end in one moment.
        key_prefix: start of every key; letters, digits and ``-_.`` only.
        lock_ttl: seconds within which the write of a killed process is seen. Raised to one and a half times the HTTP timeouts and the
            server's own limit (taken to be 60 s) together; a write that lasts longer renews its notice.
        token_timeout: seconds that a token lives while nobody writes; no entry lives longer, whatever its timeout.
        strict_writes: refuse a write whose invalidation cannot be stored, instead of making it and invalidating later.
        stale_on_error: seconds beyond its timeout that an entry may still be served if Appwrite cannot be reached, also when a write
            has invalidated it; 0 (the default) never.
        max_entry_bytes: entries larger than this (compressed) are not cached.
        compress_above: bytes of an entry above which it is compressed.
        early_refresh: how eagerly to load an entry again shortly before it ends, in units of the time its load took; 0 never.
        lease_above: ask for a lease, so that only one of several processes loads, when the last load took longer than this many
            seconds; None never.
        lease_ttl: seconds to wait at most for the process with the lease.
        max_bytes: bytes of entries that one process keeps in a ``LocMemCache``, oldest go first; None for no bound. Other
            backends bound themselves.
        statistics_interval: seconds between two times that a process leaves its counters in the cache; 0 never.
        direct_redis_reads: read from ``django-redis`` over connections of this library, which takes 14 us of processor time for
            two keys instead of 50. False reads with ``get_many``, as from any other backend.
    """

    enabled: bool = True
    alias: str = "default"
    timeout: float = 300.0
    timeouts: tuple[tuple[str, float], ...] = ()
    jitter: float = 0.1
    key_prefix: str = "appwrite"
    lock_ttl: float = 120.0
    token_timeout: float = 3600.0
    strict_writes: bool = False
    stale_on_error: float = 0.0
    max_entry_bytes: int = 4 * 1024 * 1024
    compress_above: int = 8 * 1024
    early_refresh: float = 1.0
    lease_above: float | None = 0.25
    lease_ttl: float = 10.0
    max_bytes: int | None = 64 * 1024 * 1024
    statistics_interval: float = 10.0
    direct_redis_reads: bool = True

    @classmethod
    def read(cls, alias: str, options: Mapping[str, Any]) -> CacheSettings:
        """
        Make the settings from a ``CACHE`` dictionary of the database ``alias``.

        Raises:
            ImproperlyConfigured: an unknown key, or a value that cannot be.
        """
        where = f'DATABASES["{alias}"]["OPTIONS"]["CACHE"]'
        settings = _read(cls, where, options)
        try:
            if isinstance(settings.timeouts, Mapping):
                object.__setattr__(settings, "timeouts", tuple(sorted(settings.timeouts.items())))
            problem = settings._problem()
        except TypeError as exc:
            raise ImproperlyConfigured(f"{where}: {exc}") from exc
        if problem:
            raise ImproperlyConfigured(f"{where}{problem}")
        return settings

    def timeout_for(self, tables: tuple[str, ...]) -> float:
        """Return the shortest timeout of these tables, in seconds."""
        if not self.timeouts:
            return self.timeout
        own = dict(self.timeouts)
        return min((own.get(table, self.timeout) for table in tables), default=self.timeout)

    def _problem(self) -> str | None:
        least = {
            "timeout": 0, "lock_ttl": 1, "token_timeout": 1, "stale_on_error": 0, "max_entry_bytes": 0, "compress_above": 0,
            "early_refresh": 0, "lease_above": 0, "lease_ttl": 0.1, "max_bytes": 0, "statistics_interval": 0,
        }  # fmt: skip
        for name, bound in least.items():
            value = getattr(self, name)
            if value is None and name in ("lease_above", "max_bytes"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not bound <= value < float("inf"):
                return f'["{name.upper()}"] is {value!r}; it must be a number of at least {bound}.'
        if not isinstance(self.direct_redis_reads, bool):
            return f'["DIRECT_REDIS_READS"] is {self.direct_redis_reads!r}; it must be True or False.'
        if any(isinstance(value, bool) or not value >= 0 for _, value in self.timeouts):
            return '["TIMEOUTS"] must map tables to seconds of at least 0.'
        if not 0 <= self.jitter < 1:
            return f'["JITTER"] is {self.jitter!r}; it must be at least 0 and less than 1.'
        if not self.key_prefix or not self.key_prefix.replace("-", "").replace("_", "").replace(".", "").isalnum():
            return f'["KEY_PREFIX"] is {self.key_prefix!r}; it must be of letters, digits, "-", "_" and ".".'
        if not self.key_prefix.isascii() or len(self.key_prefix) > 40:
            return f'["KEY_PREFIX"] is {self.key_prefix!r}; it must be of at most 40 ASCII characters.'
        return None


@dataclass(frozen=True, slots=True)
class UserSettings:
    """
    Everything that ``OPTIONS["USERS"]`` may hold; the setting's name is the field's in capitals.

    Attributes:
        required: refuse requests with the API key unless a block ``appwrite_key()`` says that it is meant; code that has lost its
            visitor (a thread of its own, a queryset that is evaluated too late) is then told so.
        confirm_s: for how many seconds the server's word is good that a token holds and whose it is. So long, at most, what was
            cached for a user can still be read after a log-out.
        header: the request header with the visitor's JWT, which may begin with ``Bearer``; None for none.
        cookie: the cookie with the visitor's JWT.
        session_cookie: the cookie with the secret of the visitor's Appwrite session, such as ``a_session_<project>``.
        session_key: where in ``request.session`` the JWT is.
        session_secret_key: where in ``request.session`` the secret of the visitor's Appwrite session is.
        anonymous: whom requests are made for when a visitor has no token: ``guest`` (Appwrite's role of that name), ``refuse`` (the
            visitor is answered 401), or ``key`` (the API key: they see everything).
    """

    required: bool = False
    confirm_s: float = 60.0
    header: str | None = "X-Appwrite-JWT"
    cookie: str | None = None
    session_cookie: str | None = None
    session_key: str | None = None
    session_secret_key: str | None = None
    anonymous: Literal["guest", "refuse", "key"] = "guest"

    @classmethod
    def read(cls, alias: str, options: Mapping[str, Any]) -> UserSettings:
        """
        Make the settings from the ``USERS`` dictionary of the database ``alias``.

        Raises:
            ImproperlyConfigured: an unknown key, or a value that cannot be.
        """
        where = f'DATABASES["{alias}"]["OPTIONS"]["USERS"]'
        settings = _read(cls, where, options)
        if isinstance(settings.confirm_s, bool) or not 0 <= settings.confirm_s <= 900:
            raise ImproperlyConfigured(f'{where}["CONFIRM_S"] must be a number of seconds from 0 to 900.')
        if settings.anonymous not in ("guest", "refuse", "key"):
            raise ImproperlyConfigured(f'{where}["ANONYMOUS"] must be "guest", "refuse" or "key".')
        if not isinstance(settings.required, bool):
            raise ImproperlyConfigured(f'{where}["REQUIRED"] must be True or False.')
        for name in ("header", "cookie", "session_cookie", "session_key", "session_secret_key"):
            value = getattr(settings, name)
            if value is not None and (not isinstance(value, str) or not value):
                raise ImproperlyConfigured(f'{where}["{name.upper()}"] must be a name, or None.')
        return settings


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
        _check_url(settings.url, where)
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
        _check_url(settings.url, where)
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


# Dictionaries within the dictionary.
_PARTS: Mapping[str, Any] = {
    "CACHE": CacheSettings,
    "USERS": UserSettings,
    "WEBHOOK": WebhookSettings,
    "REALTIME": RealtimeSettings,
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
        for key, part in _PARTS.items():
            if key in settings:
                settings[key] = part.read(alias, settings[key])
        options = _read(cls, f'DATABASES["{alias}"]["OPTIONS"]', settings)
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


def _read(cls: type[Settings], where: str, given: Any) -> Settings:
    """
    Make a dataclass of settings from a dictionary whose keys are its fields in capitals.

    Raises:
        ImproperlyConfigured: it is no dictionary, or has a key that is unknown.
    """
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(f"{where} must be a dictionary.")
    known = {each.name.upper(): each.name for each in fields(cls)}  # type: ignore[arg-type]  # each of them is a dataclass
    if unknown := sorted(set(given) - set(known), key=str):
        raise ImproperlyConfigured(f"{where} has no key {unknown[0]!r}. Known are {', '.join(sorted(known))}.")
    return cls(**{known[key]: value for key, value in given.items()})


def _check_url(url: Any, where: str) -> None:
    if not isinstance(url, str):
        raise ImproperlyConfigured(f'{where}["URL"] must be a text.')


def _check_numbers(settings: Any, where: str, least: Mapping[str, float]) -> None:
    for name, bound in least.items():
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not bound <= value < float("inf"):
            raise ImproperlyConfigured(f'{where}["{name.upper()}"] must be a number of at least {bound:g}.')
