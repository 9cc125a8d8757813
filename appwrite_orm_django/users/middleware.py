"""Requests to Appwrite as the end user, for each request of a site. See ``docs/howto/end-users.md``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers

from appwrite_orm_django.client.errors import InvalidUserToken
from appwrite_orm_django.client.identity import Identity, acting_as
from appwrite_orm_django.client.secret import Secret, without_frames
from appwrite_orm_django.conf import UserSettings, appwrite_aliases
from appwrite_orm_django.users.reporting import reporter_filter

__all__ = ["AppwriteUserMiddleware", "visitor_not_required"]

View = TypeVar("View", bound=Callable[..., Any])


def visitor_not_required(view: View) -> View:
    """
    Let anybody call a view, for example that which signs people in.

    A visitor whose token does not hold any more, or who has none where ``ANONYMOUS`` is ``refuse``, is then a guest to it.
    """
    view.appwrite_visitor_not_required = True  # type: ignore[attr-defined]  # a mark, as Django's own decorators set
    return view


class AppwriteUserMiddleware:
    """
    Makes the requests to Appwrite that a view makes for its visitor.

    Where the visitor's JWT or session comes from, and what happens to visitors without, is in ``OPTIONS["USERS"]`` of each database
    (see ``UserSettings``). It applies to the databases that have this dictionary, or to all on Appwrite if none has.

    A token that does not hold is answered with 401, and never replaced by the API key. Responses become ``Cache-Control: private``,
    unless they say something themselves, and vary on where the token comes from. What a streaming response reads
    while it is sent is read for the visitor as well.

    Put it after ``SessionMiddleware``.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._settings = _users_settings()
        self._reporter_filter = reporter_filter()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._acall(request)
        try:
            with self._acting(request) as identities:
                return self._finish(self.get_response(request), identities)
        except InvalidUserToken:
            return refusal()

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        try:
            with self._acting(request) as identities:
                return self._finish(await self.get_response(request), identities)
        except InvalidUserToken:
            return refusal()

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Answer 401 for a view that has met a token that does not hold."""
        error: BaseException | None = exception
        while error is not None:
            if isinstance(error, InvalidUserToken):
                return refusal()
            error = error.__cause__ or error.__context__
        return None

    @contextmanager
    def _acting(self, request: HttpRequest) -> Iterator[Identities]:
        # Should the view fail, the debug page and the error mail are not to show the visitor's token.
        if not hasattr(request, "exception_reporter_filter"):
            request.exception_reporter_filter = self._reporter_filter  # type: ignore[attr-defined]  # Django's hook
        identities: Identities = {}
        for alias, one in self._settings.items():
            try:
                identities[alias] = visitor(request, one)
            except InvalidUserToken:
                # Whether that matters is for the view to say, which is not known yet; until then it is nobody.
                identities[alias] = Identity("guest")
                request.META[_REFUSED] = True
        with _in_force(identities):
            yield identities

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        """Answer 401 to a visitor whose token has expired, or who has none and needs one."""
        if request.META.get(_REFUSED) and not getattr(view, "appwrite_visitor_not_required", False):
            return refusal()
        return None

    def _finish(self, response: HttpResponseBase, identities: Identities) -> HttpResponseBase:
        for one in self._settings.values():
            if one.header:
                patch_vary_headers(response, [one.header])
            if one.cookie or one.session_cookie:
                patch_vary_headers(response, ["Cookie"])
        if any(identities.values()) and not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True)
        if isinstance(response, StreamingHttpResponse) and getattr(response, "file_to_stream", None) is None:
            content: Any = response.streaming_content
            response.streaming_content = (
                _akept(content, identities) if response.is_async else _kept(content, identities)
            )
        return response


Identities = dict[str, Identity | None]
_REFUSED = "appwrite_orm_django.refused"


def visitor(request: HttpRequest, settings: UserSettings) -> Identity | None:
    """
    Return whom a request is made by; None for the API key.

    Raises:
        InvalidUserToken: there is no token although one is asked for, or it has expired.
    """
    found = without_frames(_tokens, request, settings)
    if found["jwt"]:
        identity = Identity("jwt", found["jwt"])
    elif found["session"]:
        identity = Identity("session", found["session"])
    elif settings.anonymous == "refuse":
        raise InvalidUserToken(f"The request has no user's token.\n{InvalidUserToken.hint}")
    else:
        return Identity("guest") if settings.anonymous == "guest" else None
    if identity.is_over:
        raise InvalidUserToken(f"The user's JWT has expired.\n{InvalidUserToken.hint}", type="user_jwt_invalid")
    return identity


def _tokens(request: HttpRequest, settings: UserSettings) -> dict[str, Secret]:
    """Return the JWT and the session's secret that a request brings, empty if it has none; to be called within ``without_frames``."""
    jwt = _header(request, settings.header) or (settings.cookie and request.COOKIES.get(settings.cookie))
    secret = settings.session_cookie and request.COOKIES.get(settings.session_cookie)
    session = getattr(request, "session", None)
    if session is not None:
        jwt = jwt or (settings.session_key and session.get(settings.session_key))
        secret = secret or (settings.session_secret_key and session.get(settings.session_secret_key))
    return {"jwt": Secret(str(jwt or "")), "session": Secret(str(secret or ""))}


def refusal() -> HttpResponse:
    """Return the answer to a visitor whose token does not hold."""
    response = HttpResponse("Sign in again.\n", status=401, content_type="text/plain; charset=utf-8")
    response["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    patch_cache_control(response, private=True, no_store=True)
    return response


def _header(request: HttpRequest, name: str | None) -> str:
    value = request.headers.get(name, "").strip() if name else ""
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else value


def _users_settings() -> dict[str, UserSettings]:
    given = {alias: (settings.DATABASES[alias].get("OPTIONS") or {}).get("USERS") for alias in appwrite_aliases()}
    chosen = {alias: options for alias, options in given.items() if options is not None} or given
    return {alias: UserSettings.read(alias, options or {}) for alias, options in chosen.items()}


@contextmanager
def _in_force(identities: Identities) -> Iterator[None]:
    with ExitStack() as stack:
        for alias, identity in identities.items():
            stack.enter_context(acting_as(identity, alias))
        yield


_END = object()


def _kept(content: Iterable[Any], identities: Identities) -> Iterator[Any]:
    chunks = iter(content)
    while True:
        # Not around the yield: between two chunks the thread does other things.
        with _in_force(identities):
            chunk = next(chunks, _END)
        if chunk is _END:
            return
        yield chunk


async def _akept(content: Any, identities: Identities) -> AsyncIterator[Any]:
    chunks = aiter(content)
    while True:
        with _in_force(identities):
            chunk = await anext(chunks, _END)
        if chunk is _END:
            return
        yield chunk
