"""Confirm the users that requests are made for, and separate their cache entries."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appwrite_orm_django.cache.keys import digest
from appwrite_orm_django.client.account import get_account
from appwrite_orm_django.client.errors import InvalidUserToken, Unauthorized
from appwrite_orm_django.client.fork_safety import in_each_child

if TYPE_CHECKING:
    from appwrite_orm_django.client.identity import Identity
    from appwrite_orm_django.client.transport import Transport

_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Account:
    """
    The account that a token belongs to.

    Attributes:
        user_id: as confirmed by the server; empty for guests.
        cache_key: separates cache entries. A user has the same key with every JWT, but another one
            as soon as the account reports other roles (labels, verification). A session has its own
            key, from a hash of its secret. When the session ends, Appwrite answers its requests as
            a guest's, and such an answer must not reach the user elsewhere.
    """

    user_id: str
    cache_key: str


_GUEST = Account("", "guest")


class Accounts:
    """Remember the server's recent answers about tokens, per process. Tokens are kept as hashes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Account, float]] = {}
        self.after_fork()

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def confirmed(self, identity: Identity, transport: Transport, confirm_s: float) -> Account:
        """
        Return the account of a token, asking the server if it is unknown or no longer certain.

        Raises:
            InvalidUserToken: the token is invalid. An ended session would not fail by itself,
                because Appwrite treats its bearer as a guest.
            AppwriteError: the server could not be asked.
        """
        if identity.kind == "guest":
            return _GUEST
        if identity.is_over:
            raise InvalidUserToken(
                f"The user's JWT has expired.\n{InvalidUserToken.hint}", type="user_jwt_invalid"
            )
        key = digest(
            transport.endpoint, transport.project, identity.kind, identity.token.fingerprint
        )
        now = time.monotonic()
        known = self._known.get(key)
        if known is not None and now < known[1]:
            return known[0]
        try:
            account = _account(get_account(transport), key if identity.kind == "session" else "")
        except InvalidUserToken:
            self._forget(key)
            raise
        except Unauthorized as error:
            self._forget(key)
            raise InvalidUserToken(
                f"The user's {'JWT' if identity.kind == 'jwt' else 'session'} is "
                f"invalid.\n{InvalidUserToken.hint}",
                type=error.type,
                code=error.code,
                request=error.request,
            ) from None
        with self._lock:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known = {
                    other: entry for other, entry in self._known.items() if entry[1] > now
                }
                if len(self._known) >= _MOST_REMEMBERED:
                    self._known = {}
            self._known[key] = (account, now + confirm_s)
        return account

    def forget_all(self) -> None:
        """Forget all accounts, so that the server is asked again about every token."""
        with self._lock:
            self._known = {}

    def _forget(self, key: str) -> None:
        with self._lock:
            self._known.pop(key, None)


def _account(body: Mapping[str, Any], session: str) -> Account:
    user_id = str(body["$id"])
    roles = [str(bool(body.get(name))) for name in ("emailVerification", "phoneVerification")]
    roles += sorted(str(label) for label in body.get("labels") or ())
    return Account(user_id, f"user:{digest(user_id.lower(), session, *roles)}")


accounts = Accounts()
in_each_child(accounts.after_fork)
