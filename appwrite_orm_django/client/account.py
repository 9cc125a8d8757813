"""The account of a user: who a token belongs to, in the server's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .transport import Transport


def get_account(transport: Transport) -> dict[str, Any]:
    """
    Return the account that the transport's identity belongs to: ``$id``, ``labels``, ``emailVerification`` and more.

    Raises:
        InvalidUserToken: the JWT is invalid or has expired.
        Unauthorized: there is no such session: its bearer is a guest, and guests have no account.
    """
    account: dict[str, Any] = transport.call("GET", "/account")
    return account
