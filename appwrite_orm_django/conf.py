"""
Read and check every key of ``DATABASES[alias]["OPTIONS"]``.

This module imports no models, so that a settings module can use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from appwrite_orm_django.client.secret import NO_SECRET, Secret, hidden, hide
from appwrite_orm_django.engines import ENGINES, EngineName

Settings = TypeVar("Settings")

ENGINE = "appwrite_orm_django.backend"
#: Lengths, in characters, that Appwrite accepts for a webhook's secret.
SECRET_LENGTHS = range(8, 257)
# The secret keys of each dictionary. Each name contains SECRET, so that Django's debug page hides
# its value; it would show that of SESSION.
_SECRETS: dict[str, tuple[str, ...]] = {"WEBHOOK": ("SECRETS",), "REALTIME": ("SESSION_SECRET",)}


def without_secrets_in_clear(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``OPTIONS`` with its secrets as ``Secret``, so that errors do not show them."""
    found: dict[str, Any] = hidden(options, _SECRETS)
    return found


def appwrite_aliases() -> list[str]:
    """Return the aliases in ``DATABASES`` that use this engine."""
    return [
        alias
        for alias, database in django_settings.DATABASES.items()
        if database.get("ENGINE") == ENGINE
    ]


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """
    The keys of ``OPTIONS["CACHE"]``; each key is the field's name in capitals.

    Attributes:
        enabled: False bypasses the cache for all reads and writes. Only safe if no other process
            caches the database: their caches are not invalidated by this one's writes.
        alias: the entry of Django's ``CACHES`` to use.
        timeout: seconds that an entry lives. It bounds staleness after writes that no notice
            reports.
        timeouts: seconds per table, where they differ from ``timeout``; 0 caches nothing of the
            table.
        max_ages: seconds per table for which an entry may still be served, counted from the beginning
            of its load, although a write has invalidated it; see ``QuerySet.cache(max_age=...)``.
        clock_skew: seconds by which the clocks of two machines that share the cache may differ.
            Ages that ``max_ages`` bounds are taken to be this much greater.
        jitter: fraction of its timeout by which an entry's lifetime varies at random, so that
            entries stored together do not expire together.
        key_prefix: prefix of every key; letters, digits and ``-_.`` only.
        lock_ttl: seconds after which the write of a killed process becomes visible at the latest.
            Raised to 1.5 times the sum of the HTTP timeouts and the server's own limit (assumed to
            be 60 s); a longer write renews its lock.
        token_timeout: seconds that a token lives without writes; no entry lives longer, whatever
            its timeout.
        strict_writes: reject a write whose invalidation cannot be stored, instead of writing and
            invalidating later.
        stale_on_error: seconds past its timeout that an entry may still be served while Appwrite is
            unreachable, even after a write has invalidated it; 0 (the default) serves no stale
            entries.
        max_entry_bytes: entries larger than this (compressed) are not cached.
        compress_above: size in bytes above which an entry is compressed.
        early_refresh: how eagerly to reload an entry shortly before it expires, in units of the
            time that its load took; 0 never does.
        lease_above: take a lease, so that only one of several processes loads, if the last load
            took longer than this many seconds; None never does.
        lease_ttl: maximum seconds to wait for the process that holds the lease.
        max_bytes: bytes of entries that one process keeps in a ``LocMemCache``, which evicts the
            oldest first; None for no limit. Other backends have limits of their own.
        statistics_interval: seconds between two writes of a process's counters to the cache; 0
            never writes them.
        direct_redis_reads: hold connections to Redis beside the pool of its client, which takes 14
            us of processor time for two keys instead of 38. False uses the pool's.
        replicas: how many replicas must acknowledge what a Redis stores; a primary with fewer is
            not used. None for one with Sentinel and none otherwise. The promise that holds across
            a failover needs all replicas that may be promoted.
        several_memcached: use memcached although it is several servers. If one of them is ejected,
            or does not answer for a moment, stale rows are served until they expire.
    """

    enabled: bool = True
    alias: str = "default"
    timeout: float = 300.0
    timeouts: tuple[tuple[str, float], ...] = ()
    max_ages: tuple[tuple[str, float], ...] = ()
    clock_skew: float = 0.1
    jitter: float = 0.1
    key_prefix: str = "appwrite"
    lock_ttl: float = 120.0
    token_timeout: float = 3600.0
    strict_writes: bool = False
    stale_on_error: float = 0.0
    max_entry_bytes: int = 4 * 1024 * 1024
    compress_above: int = 8 * 1024
    early_refresh: float = 1.0
    lease_above: float | None = 0.01
    lease_ttl: float = 10.0
    max_bytes: int | None = 64 * 1024 * 1024
    statistics_interval: float = 10.0
    direct_redis_reads: bool = True
    replicas: int | None = None
    several_memcached: bool = False

    @classmethod
    def read(cls, alias: str, options: Mapping[str, Any]) -> CacheSettings:
        """
        Return the settings from a ``CACHE`` dictionary of the database ``alias``.

        Raises:
            ImproperlyConfigured: a key is unknown, or a value is invalid.
        """
        where = f'DATABASES["{alias}"]["OPTIONS"]["CACHE"]'
        settings = _read(cls, where, options)
        try:
            for name in ("timeouts", "max_ages"):
                if isinstance(values := getattr(settings, name), Mapping):
                    object.__setattr__(settings, name, tuple(sorted(values.items())))
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

    def max_age_for(self, tables: tuple[str, ...]) -> float:
        """Return the shortest ``max_ages`` of these tables, in seconds; 0 if one of them has none."""
        own = dict(self.max_ages)
        return min((own.get(table, 0.0) for table in tables), default=0.0)

    def _problem(self) -> str | None:
        least = {
            "timeout": 0, "lock_ttl": 1, "token_timeout": 1, "stale_on_error": 0, "max_entry_bytes": 0, "compress_above": 0,
            "early_refresh": 0, "lease_above": 0, "lease_ttl": 0.1, "max_bytes": 0, "statistics_interval": 0,
            "clock_skew": 0,
        }  # fmt: skip
        for name, bound in least.items():
            value = getattr(self, name)
            if value is None and name in ("lease_above", "max_bytes"):
                continue
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or not bound <= value < float("inf")
            ):
                return f'["{name.upper()}"] is {value!r}; it must be a number of at least {bound}.'
        for name in ("direct_redis_reads", "several_memcached"):
            if not isinstance(getattr(self, name), bool):
                return f'["{name.upper()}"] is {getattr(self, name)!r}; it must be True or False.'
        if self.replicas is not None and (type(self.replicas) is not int or self.replicas < 0):
            return f'["REPLICAS"] is {self.replicas!r}; it must be a whole number or None.'
        for name in ("timeouts", "max_ages"):
            if any(isinstance(value, bool) or not value >= 0 for _, value in getattr(self, name)):
                return f'["{name.upper()}"] must map tables to seconds of at least 0.'
        if not 0 <= self.jitter < 1:
            return f'["JITTER"] is {self.jitter!r}; it must be at least 0 and less than 1.'
        if (
            not self.key_prefix
            or not self.key_prefix.replace("-", "").replace("_", "").replace(".", "").isalnum()
        ):
            return f'["KEY_PREFIX"] is {self.key_prefix!r}; it may only contain letters, digits, "-", "_" and ".".'
        if not self.key_prefix.isascii() or len(self.key_prefix) > 40:
            return f'["KEY_PREFIX"] is {self.key_prefix!r}; it must be at most 40 ASCII characters long.'
        return None


@dataclass(frozen=True, slots=True)
class UserSettings:
    """
    The keys of ``OPTIONS["USERS"]``; each key is the field's name in capitals.

    Attributes:
        required: reject requests with the API key outside an ``appwrite_key()`` block. This exposes
            code that has lost its visitor, such as a separate thread or a queryset evaluated too
            late.
        confirm_s: seconds for which the server's confirmation of a token and its owner is trusted.
            For at most this long, data cached for a user can still be read after a logout.
        header: request header with the visitor's JWT, which may be prefixed with ``Bearer``; None
            to ignore headers.
        cookie: cookie with the visitor's JWT.
        session_cookie: cookie with the secret of the visitor's Appwrite session, such as
            ``a_session_<project>``.
        session_key: key in ``request.session`` that holds the JWT.
        session_secret_key: key in ``request.session`` that holds the secret of the visitor's
            Appwrite session.
        anonymous: how requests are made for a visitor without a token: as ``guest`` (Appwrite's
            role of that name), ``refuse`` (the visitor is answered 401), or ``key`` (with the API
            key: the visitor sees everything).
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
        Return the settings from the ``USERS`` dictionary of the database ``alias``.

        Raises:
            ImproperlyConfigured: a key is unknown, or a value is invalid.
        """
        where = f'DATABASES["{alias}"]["OPTIONS"]["USERS"]'
        settings = _read(cls, where, options)
        if isinstance(settings.confirm_s, bool) or not 0 <= settings.confirm_s <= 900:
            raise ImproperlyConfigured(
                f'{where}["CONFIRM_S"] must be a number of seconds from 0 to 900.'
            )
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
    The keys of ``OPTIONS["WEBHOOK"]``; each key is the field's name in capitals.

    Attributes:
        url: the URL that Appwrite calls, exactly as registered. It is part of the signed content,
            and behind a proxy the request does not reveal it.
        secrets: secrets of 8 to 256 characters; a delivery may be signed with any of them, and new
            webhooks get the first. Without secrets there is no endpoint.
        max_bytes: maximum size of a body that is parsed. For a larger body only the signature and
            the event names are checked, and its whole table is invalidated.
        coalesce_s: minimum seconds between two ``rows_changed`` signals for a table. Deliveries in
            between are collected and sent together at the end; 0 sends the signal with each
            delivery. The cache is invalidated with each delivery in any case.
        remember_s: seconds for which the last delivery for a row is remembered. An identical repeat
            is not passed to handlers.
        ignore_unknown: do not log deliveries that do not apply here: those of other databases, and
            of tables without a model.
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
        Return the settings from the ``WEBHOOK`` dictionary of the database ``alias``.

        Raises:
            ImproperlyConfigured: a key is unknown, or a value is invalid.
        """
        options = hidden(options, _SECRETS["WEBHOOK"])
        where = f'DATABASES["{alias}"]["OPTIONS"]["WEBHOOK"]'
        settings = _read(cls, where, options)
        _check_url(settings.url, where)
        secrets = settings.secrets
        if not isinstance(secrets, tuple) or not all(
            isinstance(secret, Secret) and len(secret) in SECRET_LENGTHS and secret.is_encodable
            for secret in secrets
        ):
            raise ImproperlyConfigured(
                f'{where}["SECRETS"] must be a list of strings of 8 to 256 characters.'
            )
        if settings.secrets and urlsplit(settings.url).scheme not in ("http", "https"):
            raise ImproperlyConfigured(
                f'{where}["URL"] must be the address that Appwrite calls, such as '
                "https://shop.example.org/appwrite/webhook/."
            )
        _check_numbers(settings, where, {"max_bytes": 1, "coalesce_s": 0, "remember_s": 0})
        return settings


@dataclass(frozen=True, slots=True)
class RealtimeSettings:
    """
    The keys of ``OPTIONS["REALTIME"]``; each key is the field's name in capitals.

    Attributes:
        url: the address to connect to, ``wss://<host>/v1/realtime``; derived from ``HOST`` if left
            out.
        session_secret: secret of a session of the user to listen as. Realtime takes no API key, and
            without a user it only reports rows that anyone may read.
        ping_s: seconds of silence before a ping, and seconds to wait for its answer.
        longest_pause_s: maximum seconds between two attempts to connect.
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
        Return the settings from the ``REALTIME`` dictionary of the database ``alias``.

        Raises:
            ImproperlyConfigured: a key is unknown, or a value is invalid.
        """
        options = hidden(options, _SECRETS["REALTIME"])
        where = f'DATABASES["{alias}"]["OPTIONS"]["REALTIME"]'
        if "SESSION" in options:
            raise ImproperlyConfigured(
                f'{where}["SESSION"] must be renamed to "SESSION_SECRET": Django\'s debug page and '
                'error emails show the value of "SESSION".'
            )
        settings = _read(cls, where, options)
        _check_url(settings.url, where)
        if not isinstance(settings.session_secret, Secret) or not settings.session_secret.is_header:
            raise ImproperlyConfigured(
                f'{where}["SESSION_SECRET"] must be a string of printable ASCII characters, '
                "without surrounding whitespace."
            )
        if settings.url and urlsplit(settings.url).scheme not in ("ws", "wss"):
            raise ImproperlyConfigured(
                f'{where}["URL"] must be an address such as '
                "wss://fra.cloud.appwrite.io/v1/realtime."
            )
        _check_numbers(settings, where, {"ping_s": 0.01, "longest_pause_s": 0, "coalesce_s": 0})
        return settings

    def address(self, host: str) -> str:
        """
        Return the address to connect to.

        Args:
            host: ``HOST`` of the database.

        Raises:
            ImproperlyConfigured: ``HOST`` does not imply it: the local server serves realtime on a
                separate port.
        """
        if self.url:
            return self.url
        parts = urlsplit(host)
        if parts.scheme not in ("http", "https"):
            raise ImproperlyConfigured(
                "A local: server inside this process has no realtime; run manage.py "
                'appwrite_server, and set OPTIONS["REALTIME"]["URL"].'
            )
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, f"{parts.path.rstrip('/')}/realtime", "", ""))


# The keys of OPTIONS that are dictionaries themselves.
_PARTS: Mapping[str, Any] = {
    "CACHE": CacheSettings,
    "USERS": UserSettings,
    "WEBHOOK": WebhookSettings,
    "REALTIME": RealtimeSettings,
}


@dataclass(frozen=True, slots=True)
class Options:
    """
    The keys of ``OPTIONS``; each key is the field's name in capitals.

    Attributes:
        page_size: rows per list request.
        local_evaluation_max_rows: maximum rows to fetch in order to evaluate one query locally.
        connect_timeout_s, read_timeout_s: timeouts in seconds, for each attempt of a request.
        retries: maximum retries of a request that is safe to repeat.
        pool_size: connections kept open per process.
        verify: False for a server with a self-signed certificate, or the path of a CA bundle.
        engine: the database engine under Appwrite, "mariadb", "postgresql" or "mongodb". None finds
            it out with one or two requests. A server that turns out to have another is rejected.
        keys_from_one: count the integer keys of new rows from 1, per table, as SQLite does. For
            tests on the local server only; other servers are refused.
        feature_level: "2.x" for servers that aggregate and join, "1.9" for others; None detects it.
        cache: the query cache, see ``CacheSettings``.
        users: requests as the visitor instead of with the API key, see ``UserSettings``.
        webhook: the endpoint where Appwrite reports other clients' writes, see ``WebhookSettings``.
        realtime: how ``appwrite_listen`` receives these reports, see ``RealtimeSettings``.
    """

    page_size: int = 1000
    local_evaluation_max_rows: int = 10_000
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    retries: int = 3
    pool_size: int = 10
    verify: bool | str = True
    engine: EngineName | None = None
    keys_from_one: bool = False
    feature_level: Literal["1.9", "2.x"] | None = None
    # Every request looks its transport up by the options, for which the scalar ones suffice.
    cache: CacheSettings = field(default_factory=CacheSettings, hash=False)
    users: UserSettings = field(default_factory=UserSettings, hash=False)
    webhook: WebhookSettings = field(default_factory=WebhookSettings, hash=False)
    realtime: RealtimeSettings = field(default_factory=RealtimeSettings, hash=False)

    @classmethod
    def read(cls, alias: str, settings: Mapping[str, Any]) -> Options:
        """
        Return the options of ``alias`` from its ``OPTIONS`` dictionary.

        Raises:
            ImproperlyConfigured: a key is unknown, or a value is invalid.
        """
        settings = without_secrets_in_clear(settings)
        if "TEXT" in settings:
            raise ImproperlyConfigured(
                f'DATABASES["{alias}"]["OPTIONS"]["TEXT"] is now called "ENGINE" and takes '
                f"{', '.join(map(repr, ENGINES))}. Without it, the engine is found out."
            )
        for key, part in _PARTS.items():
            if key in settings:
                settings[key] = part.read(alias, settings[key])
        options = _read(cls, f'DATABASES["{alias}"]["OPTIONS"]', settings)
        for name in ("page_size", "local_evaluation_max_rows", "pool_size"):
            if not isinstance(value := getattr(options, name), int) or value < 1:
                raise ImproperlyConfigured(
                    f'DATABASES["{alias}"]["OPTIONS"]["{name.upper()}"] must be a positive integer.'
                )
        if options.engine not in (None, *ENGINES):
            raise ImproperlyConfigured(
                f'DATABASES["{alias}"]["OPTIONS"]["ENGINE"] must be '
                f"{', '.join(map(repr, ENGINES))} or None."
            )
        if not isinstance(options.keys_from_one, bool):
            raise ImproperlyConfigured(
                f'DATABASES["{alias}"]["OPTIONS"]["KEYS_FROM_ONE"] must be True or False.'
            )
        if options.feature_level not in (None, "1.9", "2.x"):
            raise ImproperlyConfigured(
                f'DATABASES["{alias}"]["OPTIONS"]["FEATURE_LEVEL"] must be "1.9", "2.x" or None.'
            )
        return options


def refuse_keys_from_one(alias: str, host: str, options: Options) -> None:
    """
    Refuse to count keys from 1 on a server that other processes may write to.

    Raises:
        ImproperlyConfigured: ``KEYS_FROM_ONE`` is set, and ``HOST`` is not the local server.
    """
    if options.keys_from_one and not host.startswith("local:"):
        raise ImproperlyConfigured(
            f'DATABASES["{alias}"]["OPTIONS"]["KEYS_FROM_ONE"] is for tests with HOST "local:" only: '
            "on another server, two processes would give new rows the same keys."
        )


def _read(cls: type[Settings], where: str, given: Any) -> Settings:
    """
    Return a dataclass of settings from a dictionary whose keys are its fields in capitals.

    Raises:
        ImproperlyConfigured: it is not a dictionary, or has an unknown key.
    """
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(f"{where} must be a dictionary.")
    known = {each.name.upper(): each.name for each in fields(cls)}  # type: ignore[arg-type]  # all are dataclasses
    if unknown := sorted(set(given) - set(known), key=str):
        raise ImproperlyConfigured(
            f"{where} has no key {unknown[0]!r}. Valid keys are {', '.join(sorted(known))}."
        )
    return cls(**{known[key]: value for key, value in given.items()})


def _check_url(url: Any, where: str) -> None:
    if not isinstance(url, str):
        raise ImproperlyConfigured(f'{where}["URL"] must be a string.')


def _check_numbers(settings: Any, where: str, least: Mapping[str, float]) -> None:
    for name, bound in least.items():
        value = getattr(settings, name)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not bound <= value < float("inf")
        ):
            raise ImproperlyConfigured(
                f'{where}["{name.upper()}"] must be a number of at least {bound:g}.'
            )
