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
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from . import local_endpoint
from .secret import Secret


def prepare(
    method: str, url: str, headers: CaseInsensitiveDict[str | Secret], body: Secret | None
) -> requests.PreparedRequest:
    """
    Return a request that is ready to be sent. To be called within ``without_frames``: here the secrets are revealed.

    What ``requests`` does to make one of what a person types is left out: URL, body and headers are as they must be already, and it
    would take a third of the time of a whole call.
    """
    prepared = requests.PreparedRequest()
    prepared.method = method
    prepared.url = url
    prepared.headers = CaseInsensitiveDict(
        {name: value.reveal() if isinstance(value, Secret) else value for name, value in headers.items()}
    )
    if body is not None:
        prepared.body = body.encoded()
        prepared.headers["content-length"] = str(len(prepared.body))
    prepared.hooks = {}
    prepared.prepare_cookies({})
    return prepared


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

    def send(self, request: requests.PreparedRequest, timeouts_s: tuple[float, float]) -> requests.Response:
        """
        Send a request and read its whole answer.

        Raises:
            requests.RequestException: whatever went wrong.
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
        # The environment's proxies and CA bundle are read once: per request it would cost as much as all the rest of it.
        session.trust_env = False
        session.proxies.update(get_environ_proxies(self._endpoint))
        session.verify = (_ca_bundle() or True) if self._verify is True else self._verify
        for prefix in ("https://", "http://"):
            # Retries are ours alone: requests' would repeat a write that may have been applied.
            session.mount(prefix, HTTPAdapter(pool_connections=1, pool_maxsize=self._pool_size, max_retries=0))
        if local_endpoint.is_local(self._endpoint):
            session.mount(local_endpoint.BASE_URL, local_endpoint.adapter_for(self._endpoint))
        return session


def _ca_bundle() -> str | None:
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
