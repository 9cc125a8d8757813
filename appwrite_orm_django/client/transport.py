"""
Send requests to Appwrite, behind the interface of the SDK's client.

The transport manages connections, timeouts, retries and errors.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import quote, urlencode, urlsplit

import requests
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import DatabaseError
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from appwrite_orm_django.client import answers, local_endpoint
from appwrite_orm_django.client.answers import Request
from appwrite_orm_django.client.errors import (
    AppwriteError,
    InvalidUserToken,
    InvalidValue,
    RequestTimeout,
)
from appwrite_orm_django.client.failures import failure_of
from appwrite_orm_django.client.forms import Form
from appwrite_orm_django.client.guard import Guard
from appwrite_orm_django.client.identity import Identity
from appwrite_orm_django.client.queries import MAX_URL_LENGTH, QueryLimitExceeded
from appwrite_orm_django.client.retries import Backoff, Failure, may_repeat
from appwrite_orm_django.client.sdk_client import SdkClient
from appwrite_orm_django.client.secret import Secret, without_frames

if TYPE_CHECKING:
    from typing_extensions import Self


def prepare(
    method: str,
    url: str,
    headers: CaseInsensitiveDict[str | Secret],
    body: Secret | Form | None,
) -> requests.PreparedRequest:
    """
    Return a request that is ready to be sent.

    Call it within ``without_frames``: it reveals secrets. The normalization in ``requests`` is
    skipped: URL, body and headers already have their final form, and it would take a third of the
    time of a whole call.
    """
    prepared = requests.PreparedRequest()
    prepared.method = method
    prepared.url = url
    prepared.headers = CaseInsensitiveDict(
        {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in headers.items()
        }
    )
    if body is not None:
        prepared.body = body.encoded()
        prepared.headers["content-length"] = str(len(prepared.body))
    prepared.hooks = {}
    prepared.prepare_cookies({})
    return prepared


class SessionPool:
    """Hold the session of the current process."""

    def __init__(self, endpoint: str, *, pool_size: int, verify: bool | str) -> None:
        self._endpoint = endpoint
        self._pool_size = pool_size
        self._verify = verify
        self._made = (os.getpid(), self._new_session())

    @property
    def session(self) -> requests.Session:
        """
        The session to use now.

        After a fork the child makes its own, since two processes must not share a socket. No lock
        is taken, because a thread that no longer exists might hold it. Two threads of a new child
        may each make a session; the later one stays.
        """
        pid, session = self._made
        if pid != os.getpid():
            session = self._new_session()
            self._made = (os.getpid(), session)
        return session

    def send(
        self, request: requests.PreparedRequest, timeouts_s: tuple[float, float]
    ) -> requests.Response:
        """
        Send a request and read its whole answer.

        Raises:
            requests.RequestException: the request failed.
        """
        session = self.session
        return session.send(
            request,
            timeout=timeouts_s,
            allow_redirects=False,
            verify=session.verify,
            proxies=session.proxies,
            stream=False,
        )

    def close(self) -> None:
        """Close idle connections; the next request opens new ones."""
        pid, session = self._made
        if pid == os.getpid():
            session.close()

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.headers.clear()
        # Read the environment's proxies and CA bundle once: per request this would cost as much as
        # everything else.
        session.trust_env = False
        session.proxies.update(get_environ_proxies(self._endpoint))
        session.verify = (_ca_bundle() or True) if self._verify is True else self._verify
        for prefix in ("https://", "http://"):
            # Retry in one place only: requests would repeat a write that may have been applied.
            session.mount(
                prefix, HTTPAdapter(pool_connections=1, pool_maxsize=self._pool_size, max_retries=0)
            )
        if local_endpoint.is_local(self._endpoint):
            session.mount(local_endpoint.BASE_URL, local_endpoint.adapter_for(self._endpoint))
        return session


def _ca_bundle() -> str | None:
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


logger = logging.getLogger("appwrite_orm_django.client")


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """
    A finished call, as passed to listeners.

    Attributes:
        path: after the endpoint, for example ``/tablesdb/shop/tables/product/rows``.
        params: the caller's parameters: those of a GET, or the body of anything else. Do not change
            them.
        duration_s: from the call to its end, including pauses between attempts.
        status: of the last answer; None if there was none.
        attempts: 1, plus 1 for every retry.
    """

    method: str
    path: str
    params: Mapping[str, Any]
    duration_s: float
    status: int | None
    attempts: int


Listener = Callable[[RequestRecord], None]


class Transport(SdkClient):
    """
    A client over pooled connections, safe to share between threads and across forks.

    It works as the client of the SDK's services, and is the first argument of this library's
    endpoint functions. Answers are plain dicts and lists, never the SDK's models: those require
    fields that servers of other versions do not send.

    Args:
        endpoint: the API endpoint, ending in ``/v1``; or ``local:``, optionally with a path, for
            the local server in this process.
        project: project id.
        key: API key, as a string or a ``Secret``; never shown again.
        connect_timeout_s: for each attempt to connect.
        read_timeout_s: for the start of the answer, and for each pause within it.
        retries: maximum retries of a request that is safe to repeat; 0 for none.
        pool_size: connections kept open per process. More threads open temporary ones.
        identity: a user to act for, instead of the key.
        verify: False for a server with a self-signed certificate, or the path of a CA bundle.
        protect: whether reads are refused while the server does not answer; see ``guard``.
        alias: the database alias, for error texts.
        backoff: pauses between attempts; injected by tests.
        clock: seconds, monotonic; injected by tests.

    Raises:
        ImproperlyConfigured: the endpoint, project or key is invalid.
    """

    def __init__(
        self,
        endpoint: str,
        project: str,
        key: str | Secret = "",
        *,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 30.0,
        retries: int = 3,
        pool_size: int = 10,
        identity: Identity | None = None,
        verify: bool | str = True,
        protect: bool = True,
        alias: str | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        key = Secret(key)
        super().__init__(project, key if identity is None else Secret(""))
        self.endpoint = endpoint.rstrip("/")
        self.project = project
        self.identity = identity
        self.alias = alias
        self.settings = f'DATABASES["{alias}"]' if alias else "DATABASES[...]"
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._retries = retries
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._listeners: tuple[Listener, ...] = ()
        self._guard = Guard(enabled=protect)
        self._check_settings(key)
        local = local_endpoint.is_local(self.endpoint)
        # Normalize the URL, such as an international host name, once.
        url = (
            requests.Request("GET", local_endpoint.BASE_URL if local else self.endpoint)
            .prepare()
            .url
        )
        self._base_url = (url or "").rstrip("/")
        try:
            self._pool = SessionPool(self.endpoint, pool_size=pool_size, verify=verify)
        except ValueError as error:
            raise ImproperlyConfigured(f'{self.settings}["HOST"]: {error}') from None

    def __repr__(self) -> str:
        return f"<Transport {self.endpoint} project={self.project}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "A Transport holds an API key and open connections and cannot be pickled or copied; "
            "make a new one."
        )

    def add_listener(self, listener: Listener) -> None:
        """Call ``listener`` with a ``RequestRecord`` after every call, in the calling thread."""
        self._listeners = (*self._listeners, listener)

    def remove_listener(self, listener: Listener) -> None:
        """Stop calling ``listener``; do nothing if it was not registered."""
        # Compare by equality: each access to a bound method makes a new object.
        self._listeners = tuple(known for known in self._listeners if known != listener)

    @contextmanager
    def through(self, wrap: Callable[[BaseAdapter], BaseAdapter]) -> Iterator[None]:
        """
        Send every request of this process through another ``requests`` adapter within the block.

        Args:
            wrap: called with the adapter in use, returns the one to use instead; for recorders and
                the like.
        """
        session = self._pool.session
        before = session.get_adapter(self._base_url)
        # The endpoint is a longer prefix than "https://", and so takes precedence.
        mounted = session.adapters.get(self._base_url)
        session.mount(self._base_url, wrap(before))
        try:
            yield
        finally:
            if mounted is None:
                del session.adapters[self._base_url]
            else:
                session.mount(self._base_url, mounted)

    def acting_as(self, identity: Identity) -> Self:
        """
        Return a transport that makes requests as a user, without the API key.

        It shares this one's connections, limits and listeners. Creating it takes a few
        microseconds, so make one for each request instead of keeping it.

        Raises:
            InvalidUserToken: the token has characters that no header may have. It is not quoted.
        """
        if not identity.token.is_header or " " in identity.token.reveal():
            raise InvalidUserToken("The user's JWT or session contains invalid characters.")
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.identity = identity
        other._global_headers = {
            name: value
            for name, value in self._global_headers.items()
            if name.lower() not in _SECRET_HEADERS
        }
        return other

    def close(self) -> None:
        """Close idle connections; the transport remains usable."""
        self._pool.close()

    def call(
        self,
        method: str,
        path: str = "",
        headers: Mapping[str, str | Secret | None] | None = None,
        params: Mapping[str, Any] | None = None,
        response_type: str = "json",
        *,
        safe: bool | None = None,
        form: Form | None = None,
    ) -> Any:
        """
        Make a request and return the answer's body.

        Args:
            method: HTTP method, in any case.
            path: after the endpoint; ids in it must be valid (``references.path_segment``).
            headers: additional headers; None removes a default one.
            params: of a GET, URL parameters: nested lists become ``queries[0]``, booleans 0 and 1.
                Of any other method, the JSON body. A ``Secret`` in it is sent in clear, and shown
                nowhere.
            response_type: ``json``; ``text`` or ``bytes`` for the body as it is.
            safe: whether a second delivery does no harm. By default only reads are safe.
            form: the body of an upload, instead of ``params``.

        Returns:
            dict, list, or any other JSON value; ``{}`` for an empty body.

        Raises:
            AppwriteError: the class says what happened, ``ambiguous`` whether a write may have been
                applied.
            QueryLimitExceeded: the URL would be longer than servers accept; nothing was sent.
        """
        headers = self._merged_headers(without_secrets_in_clear(headers))
        request = Request(method.upper(), path, self.settings, as_user=self.identity is not None)
        params = {} if params is None else params
        sendable = self._sendable(request, headers, params, form)
        sendable = sendable._replace(is_file=response_type == "bytes")
        started = self._clock()
        outcome, attempts = self._send(sendable, safe=not request.writes if safe is None else safe)
        status = outcome.error.code if isinstance(outcome, Failure) else outcome.status
        record = RequestRecord(
            request.method, path, params, self._clock() - started, status, attempts
        )
        self._tell(record)
        if isinstance(outcome, Failure):
            try:
                raise outcome.error
            finally:
                # The traceback refers to this frame. If the frame referred to the error, the locals
                # of all callers would stay in memory until the next garbage collection.
                del outcome
        if response_type == "bytes":
            return outcome.content
        return outcome.content.decode() if response_type == "text" else outcome.body

    def _send(self, sendable: _Sendable, *, safe: bool) -> tuple[_Answer | Failure, int]:
        attempts = timeouts = 0
        in_doubt = False
        outcome: _Answer | Failure | None = None
        self.about_to_send(sendable.request)
        while True:
            refusal = self._guard.refusal(sendable.request)
            if refusal is not None:
                # The outcome of the last attempt says more than the refusal of another one.
                return outcome or refusal, max(attempts, 1)
            attempts += 1
            outcome = self._attempt(sendable)
            failure = outcome if isinstance(outcome, Failure) else None
            self._guard.note(sendable.request, failure, is_retry=attempts > 1)
            if not isinstance(outcome, Failure):
                return outcome, attempts
            in_doubt = in_doubt or outcome.error.ambiguous
            # A later answer does not undo what an earlier attempt may have written.
            outcome.error.ambiguous = in_doubt
            timeouts += isinstance(outcome.error, RequestTimeout) and not outcome.never_sent
            races = sendable.request.writes and self.loses_races
            if attempts > self._retries or not may_repeat(
                outcome, safe=safe, timeouts=timeouts, races=races
            ):
                return outcome, attempts
            delay_s = self._backoff.delay_s(attempts, outcome.retry_after_s)
            if delay_s is None or not self._guard.may_sleep(sendable.request, delay_s):
                return outcome, attempts
            logger.warning(
                "%s: %s; retrying (attempt %d) in %.2f s",
                sendable.request,
                type(outcome.error).__name__,
                attempts + 1,
                delay_s,
            )
            try:
                self._backoff.sleep(delay_s)
            finally:
                self._guard.wake(sendable.request, delay_s)
            try:
                self.about_to_send(sendable.request)
            except DatabaseError:
                # The caller needs the outcome of the attempts made so far.
                return outcome, attempts

    @property
    def loses_races(self) -> bool:
        """Whether a write that lost a race is answered 500; override it where that is known."""
        return False

    def about_to_send(self, request: Request) -> None:
        """Run before each attempt; override it and raise a ``DatabaseError`` to prevent sending."""

    def _attempt(self, sendable: _Sendable) -> _Answer | Failure:
        request = sendable.request
        try:
            response = without_frames(self._exchange, sendable)
        except requests.RequestException as error:
            return failure_of(request, error, urlsplit(self._base_url).netloc)
        for warning in filter(None, response.headers.get("x-appwrite-warning", "").split(";")):
            logger.warning(
                "%s: the server warns: %s", request, self._blank(warning.strip().encode()).decode()
            )
        if sendable.is_file and response.ok:
            return _Answer(response.status_code, None, response.content)
        try:
            return _Answer(
                response.status_code,
                without_frames(
                    answers.read,
                    request,
                    response.status_code,
                    response.content,
                    response.headers.get("content-type", ""),
                    response.headers.get("location", "").partition("?")[0],
                    blank=self._blank,
                ),
                response.content,
            )
        except AppwriteError as error:
            error.__traceback__ = None
            return Failure(
                error,
                retry_after_s=self._backoff.retry_after_s(response.headers.get("retry-after")),
            )

    def _exchange(self, sendable: _Sendable) -> requests.Response:
        prepared = prepare(sendable.request.method, sendable.url, sendable.headers, sendable.body)
        with self._guard.waiting(sendable.request):
            return self._pool.send(
                prepared, self._guard.timeouts_s(sendable.request, self._timeouts_s)
            )

    def _sendable(
        self,
        request: Request,
        headers: CaseInsensitiveDict[str | Secret],
        params: Mapping[str, Any],
        form: Form | None,
    ) -> _Sendable:
        url = self._base_url + _url_text(request, quote, request.path, "/%:@!$&'()*+,;=~")
        body: Secret | Form | None = form
        if form is not None:
            headers["content-type"] = form.content_type
        elif not request.writes:
            if params:
                url += "?" + _url_text(request, urlencode, _flattened(params))
            if len(url) > MAX_URL_LENGTH:
                raise QueryLimitExceeded(
                    f"{request}: the URL would be {len(url):,} characters long; servers accept "
                    f"{MAX_URL_LENGTH:,}. Split the queries."
                )
            headers.pop("content-type", None)
        elif params or request.method != "DELETE":
            body = _encoded(request, params)
            _only_json(str(headers.get("content-type", "")))
            headers["content-type"] = "application/json"
        return _Sendable(request, url, body, headers)

    def _tell(self, record: RequestRecord) -> None:
        logger.debug(
            "%s %s: %s in %.1f ms, %d attempt(s)",
            record.method,
            record.path,
            record.status or "no answer",
            record.duration_s * 1000,
            record.attempts,
        )
        for listener in self._listeners:
            try:
                listener(record)
            except Exception:
                logger.exception("A listener failed for %s %s", record.method, record.path)

    def _check_settings(self, key: Secret) -> None:
        if not local_endpoint.is_local(self.endpoint):
            parts = urlsplit(self.endpoint)
            if (
                parts.scheme not in {"http", "https"}
                or not parts.hostname
                or parts.username
                or parts.query
                or parts.fragment
            ):
                raise ImproperlyConfigured(
                    f'{self.settings}["HOST"] must be an Appwrite endpoint such as '
                    "https://fra.cloud.appwrite.io/v1, or local:."
                )
        for name, value in (("USER", Secret(self.project)), ("PASSWORD", key)):
            # An invalid value would fail later, in an error text that quotes it.
            if not value.is_header:
                raise ImproperlyConfigured(
                    f'{self.settings}["{name}"] contains characters that no HTTP header may have.'
                )

    def _merged_headers(
        self, headers: Mapping[str, str | Secret | None]
    ) -> CaseInsensitiveDict[str | Secret]:
        merged: CaseInsensitiveDict[str | Secret] = CaseInsensitiveDict(self._global_headers)
        # Releases of the SDK keep the project either in these headers or in each call of a service.
        merged["x-appwrite-project"] = self.project
        if self.identity is not None:
            self.identity.apply(merged)
        for name, value in headers.items():
            if value is None:
                merged.pop(name, None)
            elif not Secret(value).is_header:
                raise TypeError(
                    f"The header {name} contains characters that no HTTP header may have."
                )
            else:
                merged[name] = value
        for name in _SECRET_HEADERS:
            # This includes headers that the SDK's own methods have set.
            if name in merged:
                merged[name] = Secret(merged[name])
        return merged

    def _blank(self, content: bytes) -> bytes:
        """Return content of the server with this transport's secrets blanked out."""
        for name in _SECRET_HEADERS:
            if name in self._global_headers:
                content = Secret(self._global_headers[name]).blanked_in(content)
        return content if self.identity is None else self.identity.token.blanked_in(content)


def without_secrets_in_clear(
    headers: Mapping[str, str | Secret | None] | None,
) -> Mapping[str, str | Secret | None]:
    """Return the headers with keys and tokens wrapped in ``Secret``."""
    return {
        name: Secret(value) if value is not None and name.lower() in _SECRET_HEADERS else value
        for name, value in (headers or {}).items()
    }


_SECRET_HEADERS = (
    "x-appwrite-key",
    "x-appwrite-jwt",
    "x-appwrite-session",
    "x-appwrite-dev-key",
    "authorization",
    "cookie",
)


class _Sendable(NamedTuple):
    request: Request
    url: str
    body: Secret | Form | None
    headers: CaseInsensitiveDict[str | Secret]
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer of the server. It may hold a secret that was just created, so it is not shown."""

    status: int
    body: Any = field(repr=False)
    content: bytes = field(repr=False)


def _flattened(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Flatten parameters as the SDK does, except for booleans: ``total`` reads "false" as true."""
    if isinstance(value, Mapping):
        items = [(f"{prefix}[{key}]" if prefix else str(key), item) for key, item in value.items()]
    elif isinstance(value, (list, tuple)):
        items = [(f"{prefix}[{index}]", item) for index, item in enumerate(value)]
    elif isinstance(value, bool):
        return [(prefix, "1" if value else "0")]
    else:
        return [] if value is None else [(prefix, str(value))]
    return [pair for key, item in items for pair in _flattened(item, key)]


def _encoded(request: Request, params: Mapping[str, Any]) -> Secret:
    """Return the body as JSON, hidden until it is sent because webhooks have secrets in it."""
    try:
        body = Secret(
            json.dumps(
                params,
                ensure_ascii=False,
                allow_nan=False,
                separators=(",", ":"),
                default=_sdk_value,
            )
        )
    except ValueError as error:  # NaN and infinities
        raise request.error(
            InvalidValue, f"a value cannot be sent: {type(error).__name__}"
        ) from None
    if not body.is_encodable:
        raise request.error(InvalidValue, "a value cannot be sent: it contains a lone surrogate")
    return body


def _url_text(request: Request, write: Callable[..., str], *args: Any) -> str:
    with suppress(UnicodeEncodeError):
        return write(*args)
    raise request.error(InvalidValue, "a value cannot be sent: it contains a lone surrogate")


def _sdk_value(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Enum):
        return value.value
    if callable(as_dict := getattr(value, "to_dict", None)):
        return as_dict()
    raise TypeError(f"{type(value).__name__} cannot be sent to Appwrite as JSON.")


def _only_json(content_type: str) -> None:
    if content_type and not content_type.startswith("application/json"):
        raise TypeError(
            f"This transport only sends JSON; use the SDK's own Client for {content_type}."
        )
