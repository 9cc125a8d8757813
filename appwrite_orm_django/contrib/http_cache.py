"""
HTTP caching of pages whose data comes from Appwrite.

The query cache keeps a token for each table that changes with every write. The tokens show whether
a page may have changed without rendering it: a ``304 Not Modified`` costs one call to the cache and
no request to Appwrite.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import connections, models, router
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    HttpResponseNotModified,
    HttpResponseRedirect,
    JsonResponse,
)
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.functional import LazyObject, empty
from django.utils.http import http_date, parse_etags, url_has_allowed_host_and_scheme
from django.views import View

from appwrite_orm_django.backend.aliases import is_appwrite
from appwrite_orm_django.cache import control, own_writes
from appwrite_orm_django.cache.keys import digest
from appwrite_orm_django.cache.statistics import Reads, observe_reads
from appwrite_orm_django.client.identity import current_identity
from appwrite_orm_django.client.secret import Secret, without_frames
from appwrite_orm_django.conf import appwrite_aliases
from appwrite_orm_django.contrib.cache_status import STATUS, TABLE, reads_so_far, stale_since
from appwrite_orm_django.contrib.page_tags import Seen, Tag

if TYPE_CHECKING:
    from appwrite_orm_django.backend.base import DatabaseWrapper

__all__ = ["CacheHeadersMixin", "RefreshView", "cache_headers"]

logger = logging.getLogger("appwrite_orm_django.http")

ViewFunction = TypeVar("ViewFunction", bound=Callable[..., Any])
Key = Callable[[HttpRequest], str]

# A page gets a Last-Modified header only after it has been unchanged for this long. The header
# counts whole seconds, so a second change within the same second would go unnoticed.
_SETTLED_S = 2


def cache_headers(
    *models_: type[models.Model],
    max_age: float | None = None,
    key: Key | None = None,
    vary: Sequence[str] = (),
    version: str = "",
    public: bool = False,
    ignore: Sequence[str] = (),
) -> Callable[[ViewFunction], ViewFunction]:
    """
    Let browsers and proxies cache a view's page as long as its data is cached.

    They can revalidate the page without a request to Appwrite.

    Responses to GET and HEAD with status 200 get three headers: ``Cache-Control: public,
    max-age=<seconds until the cached data expires>``, an ``ETag``, and a ``Last-Modified`` once the
    page has been unchanged for two seconds. A request whose copy is current is answered with 304
    before the view runs.

    A page is ``public`` only if nothing can tell visitors apart:

    - The request has no cookie, no ``Authorization``, no other header that is not known to be
      harmless, no user, no ``REMOTE_USER`` and no client certificate.
    - Nothing was read for a user or a guest.
    - The response used no session, sets no cookie and holds no CSRF token.

    Any other page is ``private, no-cache`` and never confirmed with a 304, unless ``key`` says
    whose page it is. The same holds for pages that bypass the cache, and for pages that read a
    table not named here, because changes to that data would go unnoticed; the latter are logged as
    a warning. The reason why a page is not public is logged at DEBUG.

    Addresses of private files expire, so a page that has made any with ``AppwriteStorage`` is kept
    for at most half of the time for which they are valid.

    Reads with a ``max_age`` bound the age of the page in browsers and proxies as well. If all reads
    of a page have one, it may be kept and confirmed with a 304 until that age although a write has
    changed its data; ``X-Cache-Status`` then says ``STALE``.

    Reads of middleware before the view count if ``AppwriteCacheMiddleware`` runs before that
    middleware. Reads of your own threads and of other clients cannot be seen. The decorator renders
    template responses before middleware with ``process_template_response`` sees them.

    Args:
        models_: every Appwrite model whose table the page reads, including its template and the
            through tables of many-to-many fields.
        max_age: maximum age of a page in seconds; 0 to revalidate it every time.
        key: returns whose page it is, such as the user's primary key; the page is then ``private``.
            Its ETag is valid only for requests with the same cookies and credentials, even if the
            user is not known before the view runs.
        vary: names of request headers that the page depends on (``Accept``, ``HX-Request``); they
            are added to ``Vary``.
        version: part of the ETag. Change it with the template, so that pages rendered with the old
            one are not confirmed.
        public: declares that the page is the same for all visitors, so the request's cookies,
            headers and user are ignored. A read for a user, a session that was used, a cookie that
            is set and a form still make the page private.
        ignore: names of cookies and request headers that the page does not depend on (``_ga*``,
            ``X-Trace``); ``*`` matches any text.

    Raises:
        ImproperlyConfigured: a model is not on Appwrite, or no model is given; raised when the view
            is first called.
    """
    page = _Page(models_, max_age, key, vary, version, public, ignore)

    def decorate(view: ViewFunction) -> ViewFunction:
        if iscoroutinefunction(view):

            @wraps(view)
            async def asynchronous(
                request: HttpRequest, *args: Any, **kwargs: Any
            ) -> HttpResponseBase:
                if request.method not in ("GET", "HEAD"):
                    return cast(HttpResponseBase, await view(request, *args, **kwargs))
                asked, unchanged = await sync_to_async(page.check)(request)
                if unchanged is not None:
                    return unchanged
                with observe_reads() as reads:
                    response = await view(request, *args, **kwargs)
                    await sync_to_async(_render)(response)
                return await sync_to_async(page.finish)(request, response, reads, asked)

            return cast(ViewFunction, asynchronous)

        @wraps(view)
        def synchronous(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in ("GET", "HEAD"):
                return cast(HttpResponseBase, view(request, *args, **kwargs))
            asked, unchanged = page.check(request)
            if unchanged is not None:
                return unchanged
            with observe_reads() as reads:
                response = view(request, *args, **kwargs)
                _render(response)
            return page.finish(request, response, reads, asked)

        return cast(ViewFunction, synchronous)

    return decorate


def _render(response: Any) -> None:
    if callable(getattr(response, "render", None)):
        response.render()


# Request headers that do not tell visitors apart. Any other header makes the page personal.
_HARMLESS = frozenset(
    """
    accept baggage cache-control cdn-loop cf-connecting-ip cf-connecting-ipv6 cf-ew-via cf-ipcountry cf-ray
    cf-visitor cf-warp-tag-id connection content-encoding content-length content-type date dnt downlink dpr ect
    expect fastly-client-ip fastly-ff fastly-ssl fly-client-ip fly-forwarded-port fly-forwarded-proto fly-region
    forwarded host keep-alive max-forwards origin pragma priority proxy-connection purpose range referer rtt
    save-data sentry-trace te traceparent tracestate trailer transfer-encoding true-client-ip uber-trace-id upgrade
    upgrade-insecure-requests user-agent via viewport-width warning width x-amz-cf-id x-amzn-trace-id x-azure-ref
    x-client-ip x-cloud-trace-context x-cluster-client-ip x-correlation-id x-forwarded-by x-forwarded-for
    x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-protocol x-forwarded-scheme
    x-forwarded-server x-forwarded-ssl x-http-method-override x-moz x-original-forwarded-for x-original-host x-pjax
    x-pjax-container x-purpose x-queue-start x-real-ip x-real-port x-request-id x-request-start x-requested-with
    x-scheme x-timer x-varnish x-vercel-id
    """.split()  # noqa: SIM905 - a line for each would be two pages
)
_HARMLESS_FAMILIES = (
    "accept-",
    "hx-",
    "if-",
    "sec-",
    "turbo-",
    "x-b3-",
    "x-datadog-",
    "x-inertia",
    "x-up-",
)
# Variables in which web servers name the authenticated user, also by a certificate.
_BY_THE_SERVER = re.compile(
    r"(?:REDIRECT_)*(?:REMOTE_(?:USER|IDENT)|AUTH_(?:USER|PASSWORD|TYPE)|LOGON_USER|(?:SSL|TLS)_CLIENT_\w+|CERT_(?:SUBJECT|SERIALNUMBER|COOKIE))"
)
# Attributes in which Django, Django REST framework and their tests keep the user.
_USERS = ("user", "_cached_user", "_acached_user", "auth", "_force_auth_user", "_force_auth_token")


class _Asked(NamedTuple):
    """
    The requested page before it is rendered.

    Attributes:
        page: digest of the request.
        state: digest of the request and of the tokens of all tables; None if no token can be relied
            on now.
        locale: language and time zone.
    """

    page: str
    state: str | None
    locale: tuple[str, str]


class _Page:
    """The arguments of ``cache_headers`` for a view, and what they mean for a request."""

    def __init__(
        self,
        models_: Sequence[type[models.Model]],
        max_age: float | None,
        key: Key | None,
        vary: Sequence[str],
        version: str,
        public: bool,
        ignore: Sequence[str],
    ) -> None:
        self._models = models_
        self._max_age = max_age
        self._key = key
        self._vary = vary
        self._version = version
        self._public = public
        self._ignore = tuple(name.lower() for name in ignore)

    def check(self, request: HttpRequest) -> tuple[_Asked, HttpResponseBase | None]:
        """Return the state of the requested page, and a 304 if the client's copy is current."""
        now = time.time()
        parts = self._inputs(request)
        tokens = self._tokens()
        asked = _Asked(digest(*parts), tokens and digest(*parts, tokens), _locale())
        # Without a key, the owner of the client's copy is unknown: it may be older than the
        # sign-in.
        if self._key is None and self._who_asks(request):
            return asked, None
        tag = self._confirmed(request, asked, now)
        if tag is None:
            return asked, None
        response = HttpResponseNotModified()
        response["ETag"] = str(tag)
        self._allow(response, tag)
        response[STATUS] = "HIT" if tag.state == asked.state else stale_since(tag.as_of_ms / 1000)
        response[TABLE] = ", ".join(
            sorted({table for _, tables in self._tables() for table in tables})
        )
        return asked, response

    def _confirmed(self, request: HttpRequest, asked: _Asked, now: float) -> Tag | None:
        """Return the tag of the client's copy if the page may be answered with it, else None."""
        if "If-None-Match" in request.headers:
            tags = map(Tag.read, parse_etags(request.headers["If-None-Match"]))
            known = [tag for tag in tags if tag is not None and tag.until > now]
            for tag in known:
                if tag.state == asked.state:
                    is_bounded = tag.max_age_ms is not None
                    return tag._replace(as_of_ms=int(now * 1000)) if is_bounded else tag
            return next((tag for tag in known if self._is_recent(tag, asked, now)), None)
        if "If-Modified-Since" in request.headers and asked.state is not None:
            seen = self._seen(asked.state)
            # Require equality: clocks of several machines may differ, so a later change can have an
            # earlier time.
            if (
                seen is not None
                and http_date(seen.since) == request.headers["If-Modified-Since"]
                and seen.until > now
            ):
                return Tag(asked.state, seen.until)
        return None

    def _is_recent(self, tag: Tag, asked: _Asked, now: float) -> bool:
        """Return whether a copy may be confirmed because of its age, as an entry may be served."""
        caches = [_connection(alias).cache for alias, _ in self._tables()]
        skew_s = max(cache.settings.clock_skew for cache in caches)
        return (
            tag.page == asked.page
            and own_writes.last_write() < tag.as_of_ms / 1000 - skew_s
            and tag.as_of_ms / 1000 <= now < tag.ends_at - skew_s
            and not own_writes.reads_fresh()
            and not any(cache.in_atomic for cache in caches)
        )

    def finish(
        self, request: HttpRequest, response: HttpResponseBase, reads: Reads, asked: _Asked
    ) -> HttpResponseBase:
        """Set the headers of a rendered page."""
        if response.status_code != 200:
            return response
        # Include what middleware has read before the view.
        before = reads_so_far(request)
        reads = reads if before is None else before
        if response.has_header("Cache-Control"):
            if reads.for_users and "public" not in response["Cache-Control"]:
                patch_cache_control(response, private=True)
            return response
        personal = (
            []
            if self._key
            else [*self._who_asks(request), *_traces(request, response, reads, asked)]
        )
        if personal:
            logger.debug("%s is not public: %s.", request.path, ", ".join(dict.fromkeys(personal)))
        tag = None if personal or response.streaming else self._tag(asked, reads)
        if tag is None:
            patch_cache_control(response, private=True, no_cache=True)
            return response
        response["ETag"] = str(tag)
        # A date leaves no room for the age, which a 304 would need.
        since = self._since(tag.state, tag.until) if tag.max_age_ms is None else None
        if since is not None:
            response["Last-Modified"] = http_date(since)
        self._allow(response, tag)
        return response

    def _tag(self, asked: _Asked, reads: Reads) -> Tag | None:
        """Return the ETag of a rendered page; None if it must not be kept."""
        until = self._until(reads)
        bounds = [read.max_age for read in reads if read.max_age]
        page = asked.page if len(bounds) == len(reads) else ""
        begun = [read.begun_at for read in reads if read.is_bounded and read.begun_at is not None]
        state = "" if begun else asked.state
        if until is None or (not state and not page):
            return None
        if not bounds:
            return Tag(state or "", until)
        # Reads that were not served invalidated rows saw every write from before the page.
        skew_s = max(_connection(alias).cache.settings.clock_skew for alias, _ in self._tables())
        as_of = min([reads.started_at, *(at - skew_s for at in begun)])
        return Tag(state or "", until, int(min(bounds) * 1000), int(as_of * 1000), page)

    def _allow(self, response: HttpResponseBase, tag: Tag) -> None:
        seconds = max(0, int(tag.ends_at - time.time()))
        if self._max_age is not None:
            seconds = min(seconds, int(self._max_age))
        who = {"public": True} if self._key is None else {"private": True}
        patch_cache_control(response, **who, max_age=seconds)
        # After a user signs in or out, browsers and proxies must not reuse this page without
        # revalidation.
        if names := [*self._vary, *(() if self._public else ("Cookie", "Authorization"))]:
            patch_vary_headers(response, names)

    def _until(self, reads: Reads) -> int | None:
        covered = {(alias, table) for alias, tables in self._tables() for table in tables}
        foreign = sorted(
            {table for read in reads for table in read.tables if (read.alias, table) not in covered}
        )
        if foreign:
            logger.warning(
                "A page with cache_headers(%s) also reads %s, so browsers do not cache it. Name "
                "the models of all tables it reads.",
                ", ".join(model._meta.label for model in self._models),
                ", ".join(foreign),
            )
            return None
        ends = [
            read.expires_at if read.outcome in ("hit", "miss") or read.is_bounded else None
            for read in reads
        ]
        known = [end for end in ends if end is not None]
        if len(known) < len(ends):
            return None
        if not known:
            timeouts = [
                _connection(alias).cache.settings.timeout_for(tuple(tables))
                for alias, tables in self._tables()
            ]
            known = [time.time() + min(timeouts)]
        return int(min(*known, reads.usable_until))

    # Tables

    def _tables(self) -> list[tuple[str, list[str]]]:
        found: dict[str, list[str]] = {}
        for model in self._models:
            alias = router.db_for_read(model)
            found.setdefault(alias, []).append(_connection(alias, model).table_of(model))
        if not found:
            raise ImproperlyConfigured(
                "cache_headers() needs the models whose tables the page reads."
            )
        return list(found.items())

    # Visitors

    def _who_asks(self, request: HttpRequest) -> list[str]:
        """Return what may tell visitors apart; empty only if nothing does."""
        found = [
            f"appwrite_user() for {alias}"
            for alias in appwrite_aliases()
            if current_identity(alias) is not None
        ]
        before = reads_so_far(request)
        if before is not None and before.for_users:
            found.append("a read for a user")
        return found if self._public else [*found, *without_frames(self._credentials, request)]

    def _credentials(self, request: HttpRequest) -> dict[str, str]:
        """
        Return names and fingerprints of the request's cookies, headers and user.

        Ignored and harmless headers and cookies are left out. Call this within ``without_frames``,
        because the values include tokens.
        """
        found = {
            f"the header {name}": value
            for name, value in request.headers.items()
            if value.strip() and not self._is_harmless(name.lower())
        }
        if request.COOKIES:
            # List cookies separately, because some of them may be ignored.
            found.pop("the header Cookie", None)
            found |= {
                f"the cookie {name}": value
                for name, value in request.COOKIES.items()
                if not self._is_ignored(name.lower())
            }
        found |= _signed_in(request)
        return {name: Secret(value).fingerprint for name, value in found.items()}

    def _is_harmless(self, name: str) -> bool:
        is_named = name not in ("authorization", "cookie") and name in {
            header.lower() for header in self._vary
        }
        return (
            is_named
            or name in _HARMLESS
            or name.startswith(_HARMLESS_FAMILIES)
            or self._is_ignored(name)
        )

    def _is_ignored(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self._ignore)

    def _inputs(self, request: HttpRequest) -> list[str]:
        """Return what the page depends on beside the rows."""
        parts = [
            self._version,
            str(request.META.get("HTTP_HOST", "")),
            request.get_full_path(),
            *_locale(),
        ]
        parts += [f"{name}: {request.headers.get(name, '')}" for name in self._vary]
        if self._key is not None:
            # Call the key first, because it may load the user.
            parts.append(self._key(request))
            if not self._public:
                parts += [
                    f"{name}: {value}"
                    for name, value in without_frames(self._credentials, request).items()
                ]
        for alias, tables in self._tables():
            identity = "" if current_identity(alias) is None else _connection(alias).cache_identity
            parts.append(f"{alias} {tables} {identity}")
        return parts

    def _tokens(self) -> str | None:
        """Return text that changes with every write to the page's tables; None if unknown now."""
        found = [_connection(alias).cache.tokens(tables) for alias, tables in self._tables()]
        return None if None in found else str(found)

    def _record(self, state: str) -> tuple[Any, str]:
        core = _connection(self._tables()[0][0]).cache.core
        return core, f"{core.keys.stem}h:{state}"

    def _seen(self, state: str) -> Seen | None:
        core, key = self._record(state)
        return Seen.read((core.store.get_many((key,)) or {}).get(key))

    def _since(self, state: str, until: int) -> int | None:
        """Return the time since which the page is unchanged; None if it is too recent to tell."""
        now = int(time.time())
        seen = self._seen(state)
        if seen is None or abs(seen.until - until) > 1:
            # Reloaded data may differ although the tokens do not, because other clients may write
            # without invalidating them.
            core, key = self._record(state)
            core.store.put(key, str(Seen(now, until)), core.token_ttl)
            return None
        return seen.since if now - seen.since >= _SETTLED_S else None


def _connection(alias: str, model: type[models.Model] | None = None) -> DatabaseWrapper:
    connection = connections[alias]
    if not is_appwrite(connection):
        raise ImproperlyConfigured(
            f"cache_headers() needs models on Appwrite, got {model and model._meta.label} on "
            f"{alias}."
        )
    return connection


def _locale() -> tuple[str, str]:
    """Return the active language and time zone, on which a page may depend beside the request."""
    language = translation.get_language() if settings.USE_I18N else None
    return language or "", timezone.get_current_timezone_name() if settings.USE_TZ else ""


def _traces(
    request: HttpRequest, response: HttpResponseBase, reads: Reads, asked: _Asked
) -> Iterator[str]:
    """Yield the signs that a page was rendered for a particular visitor."""
    if reads.for_users or any(read.identity for read in reads):
        yield "a read for a user"
    session = getattr(request, "session", None)
    if session is not None and getattr(session, "accessed", True):
        yield "the session"
    if response.cookies:
        yield "a cookie that is set"
    if request.META.get("CSRF_COOKIE_NEEDS_UPDATE"):
        yield "a CSRF token"
    # The messages framework sets its cookie only later, in its middleware.
    if getattr(getattr(request, "_messages", None), "added_new", False):
        yield "a message to the visitor"
    if asked.locale != _locale():
        yield "a language or a time zone that the view has chosen"


def _signed_in(request: HttpRequest) -> dict[str, str]:
    """Return the users named by the web server, middleware, a framework or a test."""
    # Django REST framework wraps Django's request and keeps it up to date.
    request = getattr(request, "_request", request)
    found = {
        f"META[{name!r}]": str(value)
        for name, value in request.META.items()
        if _BY_THE_SERVER.fullmatch(name) and str(value) not in ("", "NONE")
    }
    scope = getattr(request, "scope", None) or {}
    held = {name: vars(request).get(name) for name in _USERS} | {"scope['user']": scope.get("user")}
    for name, user in held.items():
        if isinstance(user, LazyObject):
            # An unevaluated user has affected nothing, and evaluating it would use the session.
            user = None if user._wrapped is empty else user._wrapped  # type: ignore[attr-defined]
        if user is not None and getattr(user, "is_authenticated", True):
            found[f"request.{name}"] = (
                f"{type(user).__qualname__} {getattr(user, 'pk', None) or user}"
            )
    key = getattr(getattr(request, "session", None), "session_key", None)
    if key:
        found["the session"] = str(key)
    tls = (scope.get("extensions") or {}).get("tls") or {}
    if certificate := tls.get("client_cert_name") or tls.get("client_cert_chain"):
        found["a client certificate"] = str(certificate)
    return found


class CacheHeadersMixin:
    """
    Apply ``cache_headers`` to a class-based view. List it before the view's class.

    Attributes:
        cache_models: the models whose tables the page reads; defaults to that of the view
            (``model``, or its ``queryset``'s).
        cache_max_age: the argument ``max_age``.
        cache_vary: the argument ``vary``.
        cache_version: the argument ``version``.
        cache_public: the argument ``public``.
        cache_ignore: the argument ``ignore``.
    """

    cache_models: Sequence[type[models.Model]] = ()
    cache_max_age: float | None = None
    cache_vary: Sequence[str] = ()
    cache_version = ""
    cache_public = False
    cache_ignore: Sequence[str] = ()

    def get_cache_models(self) -> Sequence[type[models.Model]]:
        """Return the models whose tables the page reads."""
        if self.cache_models:
            return self.cache_models
        queryset = getattr(self, "queryset", None)
        model = getattr(self, "model", None) or (None if queryset is None else queryset.model)
        return () if model is None else (model,)

    def get_cache_key(self, request: HttpRequest) -> str | None:
        """Return whose page it is, which makes it ``private``; None if all visitors share it."""
        return None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        handler: Any = super().dispatch  # type: ignore[misc]  # the view's, the next base class
        own_key = self.get_cache_key(request)
        key: Key | None = None if own_key is None else lambda _request: own_key
        decorate = cache_headers(
            *self.get_cache_models(),
            max_age=self.cache_max_age,
            key=key,
            vary=self.cache_vary,
            version=self.cache_version,
            public=self.cache_public,
            ignore=self.cache_ignore,
        )
        if not getattr(self, "view_is_async", False):
            return decorate(handler)(request, *args, **kwargs)

        async def view(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return await handler(request, *args, **kwargs)

        return decorate(view)(request, *args, **kwargs)


class RefreshView(View):
    """
    Invalidate tables and reload the querysets in their models' ``appwrite_warm``.

    The view takes a POST with one or more ``model=app_label.Model``. The user must be allowed to
    change each of these models (``app_label.change_model``); otherwise the status is 403. The
    response is a redirect to ``next`` if the form has one on this host, else JSON with the number
    of rows loaded per model.

    Attributes:
        refreshable: the models that may be refreshed; defaults to every model on Appwrite.
    """

    http_method_names = ["post", "options"]
    refreshable: Iterable[type[models.Model]] | None = None

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        labels = request.POST.getlist("model")
        chosen: list[type[models.Model]] = []
        for label in labels:
            try:
                model = apps.get_model(label)
            except (LookupError, ValueError):
                raise PermissionDenied from None  # same response as without permission, so names cannot be probed
            if not self.may_refresh(request, model):
                raise PermissionDenied
            chosen.append(model)
        if not chosen:
            return HttpResponseBadRequest("No model given. Send model=app_label.Model.")
        loaded = {model._meta.label: control.refresh(model) for model in chosen}
        target = request.POST.get("next", "")
        if url_has_allowed_host_and_scheme(
            target, {request.get_host()}, require_https=request.is_secure()
        ):
            return HttpResponseRedirect(target)
        return JsonResponse({"refreshed": loaded})

    def may_refresh(self, request: HttpRequest, model: type[models.Model]) -> bool:
        """Return whether the user of the request may refresh a model."""
        listed = self.refreshable is None or model in self.refreshable
        on_appwrite = is_appwrite(connections[router.db_for_write(model)])
        user = getattr(request, "user", None)
        permission = f"{model._meta.app_label}.change_{model._meta.model_name}"
        return listed and on_appwrite and user is not None and bool(user.has_perm(permission))
