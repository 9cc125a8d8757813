"""Tell from an exception of the HTTP client what happened to a request."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import requests
from urllib3.exceptions import NewConnectionError

from appwrite_orm_django.client.answers import Request
from appwrite_orm_django.client.errors import ConnectionFailed, NotAppwrite, RequestTimeout
from appwrite_orm_django.client.retries import Failure


def failure_of(request: Request, error: requests.RequestException, server: str) -> Failure:
    """Return the failure of an attempt that ended in an exception instead of an answer."""
    # Drop the original exceptions: their frames and their ``request`` hold the headers, and so the
    # key.
    reason = _reason(error)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Failure(
            request.error(RequestTimeout, f"no connection to {server} within the connect timeout"),
            never_sent=True,
        )
    if isinstance(error, requests.exceptions.Timeout):
        return Failure(
            request.error(
                RequestTimeout, f"no answer from {server} within the read timeout", ambiguous=True
            )
        )
    if _find(error, ssl.SSLCertVerificationError):
        text = f"the certificate of {server} was rejected: {reason}. OPTIONS['VERIFY'] can name a CA bundle"
        return Failure(request.error(ConnectionFailed, text), hopeless=True)
    if _find(error, NewConnectionError):
        return Failure(
            request.error(ConnectionFailed, f"no connection to {server}: {reason}"), never_sent=True
        )
    if isinstance(error, ValueError) and not isinstance(error, requests.exceptions.ConnectionError):
        # requests raises this for a URL or a header that it cannot send.
        return Failure(
            request.error(NotAppwrite, f"the endpoint cannot be requested: {type(error).__name__}")
        )
    return Failure(
        request.error(
            ConnectionFailed, f"the connection to {server} broke: {reason}", ambiguous=True
        )
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: object = error
    while isinstance(current, BaseException):
        yield current
        nested = [
            value
            for value in (getattr(current, "reason", None), *current.args)
            if isinstance(value, BaseException)
        ]
        current = nested[0] if nested else current.__cause__ or current.__context__


def _find(error: BaseException, cls: type[BaseException]) -> bool:
    return any(isinstance(link, cls) for link in _chain(error))


def _reason(error: BaseException) -> str:
    """Return the operating system's description of the error, or else the exception's name."""
    last = error
    for link in _chain(error):
        if isinstance(link, OSError) and link.strerror:
            return link.strerror
        last = link
    return type(last).__name__
