"""Read the account that a user's token belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .transport import Transport


def get_account(transport: Transport) -> dict[str, Any]:
    """
    Return the account of the transport's identity.

    It has ``$id``, ``labels``, ``emailVerification`` and more.

    Raises:
        InvalidUserToken: the JWT is invalid or has expired.
        Unauthorized: the session does not exist: Appwrite treats its bearer as a guest, and guests
            have no account.
    """
    account: dict[str, Any] = transport.call("GET", "/account")
    return account
