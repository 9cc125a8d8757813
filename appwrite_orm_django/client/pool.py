"""
One pool of keep-alive connections per process.

A single ``requests.Session`` serves all threads. What makes sessions unsafe to share is their state: cookies, redirects, and settings
changed between requests. This one refuses cookies, is never told to follow a redirect and is not touched after it was made; the urllib3
pool beneath it is thread-safe. Threads so share connections instead of each holding its own.
"""

from __future__ import annotations

import os
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from . import local_endpoint


class SecretHeaders(AuthBase):
    """
    Headers that are put on a request at the last moment.

    Tracebacks, debug pages and error reporters print local variables; a plain dict with the API key in it must not be one of ours.
    """

    __slots__ = ("_headers",)

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request

    def __repr__(self) -> str:
        return f"<{len(self._headers)} headers>"


class SessionPool:
    """Hand out the session of the current process."""

    def __init__(self, endpoint: str, *, pool_size: int, verify: bool | str) -> None:
        self._endpoint = endpoint
        self._pool_size = pool_size
        self._verify = verify
        self._made = (os.getpid(), self._new_session())

    @property
    def session(self) -> requests.Session:
        """
        The session to use now.

        After a fork the child makes its own: two processes must not talk over one socket. No lock is taken, since a thread that no
        longer exists might hold it; two threads of a fresh child may each make a session, and the later one stays.
        """
        pid, session = self._made
        if pid != os.getpid():
            session = self._new_session()
            self._made = (os.getpid(), session)
        return session

    def close(self) -> None:
        """Close idle connections; the next request opens new ones."""
        pid, session = self._made
        if pid == os.getpid():
            session.close()

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.headers.clear()
        session.verify = self._verify
        for prefix in ("https://", "http://"):
            # Retries are ours alone: requests' would repeat a write that may have been applied.
            session.mount(prefix, HTTPAdapter(pool_connections=1, pool_maxsize=self._pool_size, max_retries=0))
        if local_endpoint.is_local(self._endpoint):
            session.mount(local_endpoint.BASE_URL, local_endpoint.adapter_for(self._endpoint))
        return session
