"""
HTTP caching of pages whose data comes from Appwrite: how long a browser may keep one, and whether it is still the same.

The tokens that the query cache keeps for each table change with every write, so that they tell whether a page can have changed
without making it: a ``304 Not Modified`` costs one call to the cache, no request to Appwrite, and no rendering.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import models, router
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseBase,
    HttpResponseNotModified,
    HttpResponseRedirect,
    JsonResponse,
)
from django.utils import translation
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import http_date, parse_etags, url_has_allowed_host_and_scheme
from django.views import View

from appwrite_orm_django.cache import control
from appwrite_orm_django.cache.keys import digest
from appwrite_orm_django.cache.statistics import ReadEvent, observe_reads
from appwrite_orm_django.middleware import STATUS, TABLE

__all__ = ["CacheHeadersMixin", "RefreshView", "cache_headers"]

logger = logging.getLogger("appwrite_orm_django.http")

ViewFunction = TypeVar("ViewFunction", bound=Callable[..., Any])
Key = Callable[[HttpRequest], str]

# A page is given a Last-Modified only when it has been the same for this long: the header counts whole seconds, and a change within
# the second in which it was made would go unnoticed.
_SETTLED_S = 2


def cache_headers(
    *models_: type[models.Model],
    max_age: float | None = None,
    key: Key | None = None,
    vary: Sequence[str] = (),
    version: str = "",
) -> Callable[[ViewFunction], ViewFunction]:
    """
    Decorate a view: browsers and proxies may keep its page as long as its data is cached, and ask cheaply whether it has changed.

    Answers to GET and HEAD with status 200 get ``Cache-Control: public, max-age=<seconds that the cached data has left>``, an
    ``ETag``, and a ``Last-Modified`` once the page has been the same for two seconds. A request that knows the current one is
    answered with 304 before the view runs.

    What makes a page personal (the session was used, a cookie is set, a form holds a CSRF token, ``appwrite_user`` is in force) takes that away again: such a page is
    ``private, no-cache``, unless ``key`` says whose it is. So are pages that read past the cache, and pages that read a
    table not named here (with a warning in the log): their change would go unnoticed.

    Template responses are rendered by the decorator, before middleware with ``process_template_response`` sees them.

    Args:
        models_: every Appwrite model whose table the page is made of, template included; through tables of many-to-many fields too.
        max_age: seconds to keep a page at most, 0 to have it asked for every time.
        key: returns what else the page depends on, such as the user's primary key; the page is then ``private``.
        vary: names of request headers that the page depends on (``Accept``, ``HX-Request``); put into its ``Vary`` as well.
        version: part of the ETag; to be changed with the template, so that pages made with the old one are not confirmed.

    Raises:
        ImproperlyConfigured: a model is not on Appwrite, or none is given; when the view is first called.
    """
    page = _Page(models_, max_age, key, vary, version)

    def decorate(view: ViewFunction) -> ViewFunction:
        if iscoroutinefunction(view):

            @wraps(view)
            async def asynchronous(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                if request.method not in ("GET", "HEAD"):
                    return cast(HttpResponseBase, await view(request, *args, **kwargs))
                state, unchanged = await sync_to_async(page.check)(request)
                if unchanged is not None:
                    return unchanged
                with observe_reads() as reads:
                    response = await view(request, *args, **kwargs)
                    await sync_to_async(_render)(response)
                return await sync_to_async(page.finish)(request, response, reads, state)

            return cast(ViewFunction, asynchronous)

        @wraps(view)
        def synchronous(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in ("GET", "HEAD"):
                return cast(HttpResponseBase, view(request, *args, **kwargs))
            state, unchanged = page.check(request)
            if unchanged is not None:
                return unchanged
            with observe_reads() as reads:
                response = view(request, *args, **kwargs)
                _render(response)
            return page.finish(request, response, reads, state)

        return cast(ViewFunction, synchronous)

    return decorate


def _render(response: Any) -> None:
    if callable(getattr(response, "render", None)):
        response.render()


@dataclass(frozen=True, slots=True)
class _Seen:
    """Since when a page is as it is, and until when its data is cached; Unix time in whole seconds."""

    since: int
    until: int

    @classmethod
    def read(cls, value: object) -> _Seen | None:
        parts = value.decode().split() if isinstance(value, bytes) else ()
        return cls(*map(int, parts)) if len(parts) == 2 else None

    def __str__(self) -> str:
        return f"{self.since} {self.until}"


class _Page:
    """What ``cache_headers`` knows of a view."""

    def __init__(
        self,
        models_: Sequence[type[models.Model]],
        max_age: float | None,
        key: Key | None,
        vary: Sequence[str],
        version: str,
    ) -> None:
        self._models = models_
        self._max_age = max_age
        self._key = key
        self._vary = vary
        self._version = version

    def check(self, request: HttpRequest) -> tuple[str | None, HttpResponseBase | None]:
        """Return the state of the page (None if it cannot be told) and the 304, if that is the answer."""
        state = self._state(request)
        if state is None:
            return None, None
        until = self._known_until(request, state)
        if until is None or until <= time.time():
            return state, None
        response = HttpResponseNotModified()
        response["ETag"] = _etag(state, until)
        self._allow(response, until)
        response[STATUS] = "HIT"
        response[TABLE] = ", ".join(sorted({table for _, tables in self._tables() for table in tables}))
        return state, response

    def _known_until(self, request: HttpRequest, state: str) -> int | None:
        """Return until when the data of the page that the client has was cached, None if it has another page."""
        if "If-None-Match" in request.headers:
            for etag in parse_etags(request.headers["If-None-Match"]):
                known, _, until = etag.removeprefix("W/").strip('"').rpartition("-")
                if known == state and until.isdecimal():
                    return int(until)
            return None
        if "If-Modified-Since" in request.headers:
            seen = self._seen(state)
            # Equal, not "at least": clocks of several machines may differ, and then a later change can bear an earlier time.
            if seen is not None and http_date(seen.since) == request.headers["If-Modified-Since"]:
                return seen.until
        return None

    def finish(
        self, request: HttpRequest, response: HttpResponseBase, reads: Sequence[ReadEvent], state: str | None
    ) -> HttpResponseBase:
        """Set the headers of a page that was made."""
        if response.status_code != 200 or response.streaming or response.has_header("Cache-Control"):
            return response
        until = self._until(reads)
        if (
            state is None
            or until is None
            or (self._key is None and (_is_personal(request, response) or self._is_for_a_user()))
        ):
            patch_cache_control(response, private=True, no_cache=True)
            return response
        response["ETag"] = _etag(state, until)
        since = self._since(state, until)
        if since is not None:
            response["Last-Modified"] = http_date(since)
        self._allow(response, until)
        return response

    def _allow(self, response: HttpResponseBase, until: int) -> None:
        seconds = max(0, until - int(time.time()))
        if self._max_age is not None:
            seconds = min(seconds, int(self._max_age))
        who = {"public": True} if self._key is None else {"private": True}
        patch_cache_control(response, **who, max_age=seconds)
        patch_vary_headers(response, self._vary)

    def _until(self, reads: Sequence[ReadEvent]) -> int | None:
        covered = {(alias, table) for alias, tables in self._tables() for table in tables}
        foreign = sorted({table for read in reads for table in read.tables if (read.alias, table) not in covered})
        if foreign:
            logger.warning(
                "A page with cache_headers(%s) also reads %s: it is not cached by browsers. Name the models of all tables it is made of.",
                ", ".join(model._meta.label for model in self._models),
                ", ".join(foreign),
            )
            return None
        ends = [read.expires_at if read.outcome in ("hit", "miss") else None for read in reads]
        known = [end for end in ends if end is not None]
        if len(known) < len(ends):
            return None
        if not known:
            timeouts = [
                _connection(alias).cache.settings.timeout_for(tuple(tables)) for alias, tables in self._tables()
            ]
            known = [time.time() + min(timeouts)]
        return int(min(known))

    # What the cache knows

    def _tables(self) -> list[tuple[str, list[str]]]:
        found: dict[str, list[str]] = {}
        for model in self._models:
            alias = router.db_for_read(model)
            found.setdefault(alias, []).append(_connection(alias, model).table_of(model))
        if not found:
            raise ImproperlyConfigured("cache_headers() needs the models that the page is made of.")
        return list(found.items())

    def _is_for_a_user(self) -> bool:
        # What one visitor may read is nobody else's, and a proxy knows nothing of permissions.
        return any(_connection(alias).identity is not None for alias, _ in self._tables())

    def _state(self, request: HttpRequest) -> str | None:
        parts = [self._version, request.get_full_path(), self._key(request) if self._key else ""]
        parts += [f"{name}: {request.headers.get(name, '')}" for name in self._vary]
        if settings.USE_I18N:
            parts.append(translation.get_language() or "")
        for alias, tables in self._tables():
            tokens = _connection(alias).cache.tokens(tables)
            if tokens is None:
                return None
            parts.append(f"{alias} {tables} {tokens} {_connection(alias).cache_identity}")
        return digest(*parts)

    def _record(self, state: str) -> tuple[Any, str]:
        core = _connection(self._tables()[0][0]).cache.core
        return core, f"{core.keys.stem}h:{state}"

    def _seen(self, state: str) -> _Seen | None:
        core, key = self._record(state)
        return _Seen.read((core.store.get_many((key,)) or {}).get(key))

    def _since(self, state: str, until: int) -> int | None:
        """Return since when the page is known as it is, None if that is too recent to tell."""
        now = int(time.time())
        seen = self._seen(state)
        if seen is None or abs(seen.until - until) > 1:
            # Data loaded anew may differ although the tokens do not: written by somebody who told nobody.
            core, key = self._record(state)
            core.store.put(key, str(_Seen(now, until)), core.token_ttl)
            return None
        return seen.since if now - seen.since >= _SETTLED_S else None


def _connection(alias: str, model: type[models.Model] | None = None) -> Any:
    connection = control.appwrite_connection(alias)
    if connection is None:
        raise ImproperlyConfigured(
            f"cache_headers() is for models on Appwrite; {model and model._meta.label} is on {alias}."
        )
    return connection


def _etag(state: str, until: int) -> str:
    # When the data ends is part of it, so that a 304 can say so without looking. Weak: compressing the page does not change it.
    return f'W/"{state}-{until}"'


def _is_personal(request: HttpRequest, response: HttpResponseBase) -> bool:
    session = getattr(request, "session", None)
    return bool(
        response.cookies or (session is not None and session.accessed) or request.META.get("CSRF_COOKIE_NEEDS_UPDATE")
    )


class CacheHeadersMixin:
    """
    ``cache_headers`` for class-based views; to stand before the view's class.

    Attributes:
        cache_models: the models that the page is made of; left out, that of the view (``model``, or its ``queryset``'s).
        cache_max_age: as ``max_age``.
        cache_vary: as ``vary``.
        cache_version: as ``version``.
    """

    cache_models: Sequence[type[models.Model]] = ()
    cache_max_age: float | None = None
    cache_vary: Sequence[str] = ()
    cache_version = ""

    def get_cache_models(self) -> Sequence[type[models.Model]]:
        """Return the models that the page is made of."""
        if self.cache_models:
            return self.cache_models
        queryset = getattr(self, "queryset", None)
        model = getattr(self, "model", None) or (None if queryset is None else queryset.model)
        return () if model is None else (model,)

    def get_cache_key(self, request: HttpRequest) -> str | None:
        """Return what else the page depends on, to have it ``private``; None for a page that is everybody's."""
        return None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        handler: Any = super().dispatch  # type: ignore[misc]  # the view's, which stands behind this class
        own_key = self.get_cache_key(request)
        key: Key | None = None if own_key is None else lambda _request: own_key
        decorate = cache_headers(
            *self.get_cache_models(),
            max_age=self.cache_max_age,
            key=key,
            vary=self.cache_vary,
            version=self.cache_version,
        )
        if not getattr(self, "view_is_async", False):
            return decorate(handler)(request, *args, **kwargs)

        async def view(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return await handler(request, *args, **kwargs)

        return decorate(view)(request, *args, **kwargs)


class RefreshView(View):
    """
    Outdate tables and load again what their models list to warm, on a POST with one or more ``model=app_label.Model``.

    Only for users who may change each of these models (``app_label.change_model``); 403 for others. Answers with JSON, rows loaded per
    model, or with a redirect to ``next`` if the form has one on this host.

    Attributes:
        refreshable: which models may be refreshed; left out, every model on Appwrite.
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
                raise PermissionDenied from None  # as for a model that they may not change: no way to find out names
            if not self.may_refresh(request, model):
                raise PermissionDenied
            chosen.append(model)
        if not chosen:
            return HttpResponseBadRequest("Say which model: model=app_label.Model.")
        loaded = {model._meta.label: control.refresh(model) for model in chosen}
        target = request.POST.get("next", "")
        if url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
            return HttpResponseRedirect(target)
        return JsonResponse({"refreshed": loaded})

    def may_refresh(self, request: HttpRequest, model: type[models.Model]) -> bool:
        """Say whether whoever asks may refresh a model."""
        listed = self.refreshable is None or model in self.refreshable
        on_appwrite = control.appwrite_connection(router.db_for_write(model)) is not None
        user = getattr(request, "user", None)
        permission = f"{model._meta.app_label}.change_{model._meta.model_name}"
        return listed and on_appwrite and user is not None and bool(user.has_perm(permission))
