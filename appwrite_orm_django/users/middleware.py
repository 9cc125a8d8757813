"""
Make the requests to Appwrite as the end user for each request of a site.

See ``docs/howto/end-users.md``.
"""

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
    Allow any visitor to call a view, for example the sign-in view.

    A visitor whose token is invalid, or missing where ``ANONYMOUS`` is ``refuse``, is a guest to
    it.
    """
    view.appwrite_visitor_not_required = True  # type: ignore[attr-defined]  # a mark, as Django's own decorators set
    return view


class AppwriteUserMiddleware:
    """
    Make a view's requests to Appwrite as its visitor.

    ``OPTIONS["USERS"]`` of each database configures where the visitor's JWT or session comes from,
    and how visitors without one are treated (see ``UserSettings``). It applies to the databases
    that have this dictionary, or to all on Appwrite if none has.

    An invalid token is answered with 401, and never replaced by the API key. Responses get
    ``Cache-Control: private``, unless they set the header themselves, and vary on the source of the
    token. Reads of a streaming response while it is sent are made as the visitor as well.

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

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Answer 401 if the view used an invalid token."""
        error: BaseException | None = exception
        while error is not None:
            if isinstance(error, InvalidUserToken):
                return refusal()
            error = error.__cause__ or error.__context__
        return None

    @contextmanager
    def _acting(self, request: HttpRequest) -> Iterator[Identities]:
        # If the view fails, the debug page and the error email must not show the visitor's token.
        if not hasattr(request, "exception_reporter_filter"):
            request.exception_reporter_filter = self._reporter_filter  # type: ignore[attr-defined]  # Django's hook
        identities: Identities = {}
        for alias, users in self._settings.items():
            try:
                identities[alias] = visitor(request, users)
            except InvalidUserToken:
                # Only the view, which is not known yet, decides whether that matters. Until then
                # the visitor is a guest.
                identities[alias] = Identity("guest")
                request.META[_REFUSED] = True
        with _in_force(identities):
            yield identities

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Answer 401 if the visitor's token has expired, or is missing and required."""
        if request.META.get(_REFUSED) and not getattr(view, "appwrite_visitor_not_required", False):
            return refusal()
        return None

    def _finish(self, response: HttpResponseBase, identities: Identities) -> HttpResponseBase:
        for users in self._settings.values():
            if users.header:
                patch_vary_headers(response, [users.header])
            if users.cookie or users.session_cookie:
                patch_vary_headers(response, ["Cookie"])
        if any(identities.values()) and not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True)
        if (
            isinstance(response, StreamingHttpResponse)
            and getattr(response, "file_to_stream", None) is None
        ):
            content: Any = response.streaming_content
            response.streaming_content = (
                _akept(content, identities) if response.is_async else _kept(content, identities)
            )
        return response


Identities = dict[str, Identity | None]
_REFUSED = "appwrite_orm_django.refused"


def visitor(request: HttpRequest, settings: UserSettings) -> Identity | None:
    """
    Return the identity of the visitor who makes a request; None for the API key.

    Raises:
        InvalidUserToken: the token is missing although required, or has expired.
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
        raise InvalidUserToken(
            f"The user's JWT has expired.\n{InvalidUserToken.hint}", type="user_jwt_invalid"
        )
    return identity


def _tokens(request: HttpRequest, settings: UserSettings) -> dict[str, Secret]:
    """
    Return the JWT and the session secret of a request, empty if it has none.

    Call it within ``without_frames``.
    """
    jwt = _header(request, settings.header) or (
        settings.cookie and request.COOKIES.get(settings.cookie)
    )
    secret = settings.session_cookie and request.COOKIES.get(settings.session_cookie)
    session = getattr(request, "session", None)
    if session is not None:
        jwt = jwt or (settings.session_key and session.get(settings.session_key))
        secret = secret or (
            settings.session_secret_key and session.get(settings.session_secret_key)
        )
    return {"jwt": Secret(str(jwt or "")), "session": Secret(str(secret or ""))}


def refusal() -> HttpResponse:
    """Return the response to a visitor whose token is invalid."""
    response = HttpResponse(
        "Sign in again.\n", status=401, content_type="text/plain; charset=utf-8"
    )
    response["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    patch_cache_control(response, private=True, no_store=True)
    return response


def _header(request: HttpRequest, name: str | None) -> str:
    value = request.headers.get(name, "").strip() if name else ""
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else value


def _users_settings() -> dict[str, UserSettings]:
    given = {
        alias: (settings.DATABASES[alias].get("OPTIONS") or {}).get("USERS")
        for alias in appwrite_aliases()
    }
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
        # Leave the block before the yield: between two chunks the thread does other work.
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
