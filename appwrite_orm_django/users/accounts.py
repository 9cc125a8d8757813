"""
Make requests to Appwrite as an end user within a block of code. See ``docs/howto/end-users.md``.

The requests carry the visitor's JWT or session instead of the API key, so that row permissions
apply.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.client.errors import InvalidUserToken
from appwrite_orm_django.client.identity import Identity, acting_as
from appwrite_orm_django.client.secret import Secret, hide

__all__ = ["InvalidUserToken", "appwrite_key", "appwrite_user", "user_id"]


def appwrite_user(
    *,
    jwt: str | Secret | None = None,
    session: str | Secret | None = None,
    guest: bool = False,
    using: str | None = None,
) -> AbstractContextManager[None]:
    """
    Make the requests within a block as a user of the Appwrite project; a context manager.

    The API key is not sent, so the permissions of tables and rows apply, and cache entries are
    private to the user. The block covers this thread or task, and anything that ``sync_to_async``
    and ``async_to_sync`` run inside it, but not threads that your code starts. Blocks may be
    nested; the innermost applies. Querysets are lazy: evaluate them inside.

    Args:
        jwt: a JWT of the user, valid for 15 minutes at most. An expired one is rejected here.
        session: the secret of a session of the user.
        guest: make requests without a token, as a visitor who has not signed in.
        using: only for this database alias; by default for every one on Appwrite.

    Raises:
        InvalidUserToken: the JWT has expired. The first read or write raises it if the server
            rejects the token.
        TypeError: not exactly one of the three is given.
    """
    jwt, session = hide(jwt), hide(session)
    if (jwt is not None) + (session is not None) + bool(guest) != 1:
        raise TypeError("appwrite_user() takes exactly one of jwt, session and guest=True.")
    if guest:
        return acting_as(Identity("guest"), using)
    identity = (
        Identity("session", Secret(session or "")) if jwt is None else Identity("jwt", Secret(jwt))
    )
    if not identity.token or identity.is_over:
        raise InvalidUserToken(
            f"The user's {'session' if jwt is None else 'JWT'} "
            f"{'has expired' if identity.token else 'is empty'}.\n"
            f"{InvalidUserToken.hint}",
            type="user_session_not_found" if jwt is None else "user_jwt_invalid",
        )
    return acting_as(identity, using)


def appwrite_key(using: str | None = None) -> AbstractContextManager[None]:
    """
    Make the requests within a block with the API key again, bypassing the visitor's permissions.

    Args:
        using: only for this database alias; by default for every one on Appwrite.
    """
    return acting_as(None, using)


def user_id(using: str) -> str | None:
    """
    Return the id of the user that requests of an alias are made for, as confirmed by the server.

    ``""`` for a guest, None for the API key. The server is asked unless it was within
    ``USERS["CONFIRM_S"]``. Use it for permissions of new rows, for example.

    Raises:
        InvalidUserToken: the token is invalid.
    """
    connection = appwrite_connection(using)
    account = connection.account
    return None if account is None else account.user_id
