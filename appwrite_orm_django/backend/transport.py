"""Manage the transports of connections, for the API key or the current user."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connections

from appwrite_orm_django.backend.connection import Connection
from appwrite_orm_django.client.fork_safety import in_each_child
from appwrite_orm_django.client.identity import Identity, current_identity, is_stated
from appwrite_orm_django.client.secret import Secret

if TYPE_CHECKING:
    from appwrite_orm_django.backend.client_calls import RawWrite, TellingTransport
    from appwrite_orm_django.backend.users import Account, Accounts

# One transport, with one connection pool, for all threads of the process that share an alias's
# settings.
_transports: dict[tuple[Any, ...], TellingTransport] = {}
_transports_lock = threading.Lock()


def _unlock() -> None:
    global _transports_lock
    _transports_lock = threading.Lock()


in_each_child(_unlock)


class RequestsMixin(Connection):
    """Add the transport and the current identity to ``DatabaseWrapper``."""

    @property
    def project(self) -> tuple[str, str]:
        """Return the server and the project: ``HOST`` and ``USER``."""
        return self.settings_dict["HOST"], self.settings_dict["USER"]

    @property
    def transport(self) -> TellingTransport:
        """
        Return the HTTP client, for the current user if there is one.

        Its connections are shared with all of this process that have the same settings.

        Raises:
            TransactionManagementError: the open block belongs to another user.
            OperationalError: ``USERS["REQUIRED"]`` is set, and neither a user nor the key was
                chosen.
        """
        identity = self.identity
        return self.key_transport if identity is None else self.key_transport.acting_as(identity)

    @property
    def identity(self) -> Identity | None:
        """
        Return the user of the current requests, or None for the API key.

        An open block remembers it. Raises the same errors as ``transport``.
        """
        identity = current_identity(self.alias)
        if identity is not None:
            # Only requests for users need this import.
            from appwrite_orm_django.cache.statistics import note_user

            note_user()
        if identity is None and self.options.users.required and not is_stated(self.alias):
            raise OperationalError(
                f'"{self.alias}" only allows requests for users (USERS["REQUIRED"]), and no user '
                "is active here.\n"
                f"Wrap the code in appwrite_user(), or in appwrite_key() to use the API key."
            )
        if self.transaction is not None:
            self.transaction.bind(identity)
        return identity

    @property
    def account(self) -> Account | None:
        """
        Return the account of the current requests, as the server confirms it; None for the API key.

        The server is asked once in ``CONFIRM_S``.

        Raises:
            InvalidUserToken: the server rejects the token; and as in ``transport``.
        """
        identity = self.identity
        if identity is None:
            return None
        transport = self.key_transport.acting_as(identity)
        return self._accounts.confirmed(identity, transport, self.options.users.confirm_s)

    @property
    def cache_identity(self) -> str:
        """
        Return the key that separates the cache entries of users; empty for the API key.

        Raises the same errors as ``account``.
        """
        account = self.account
        return "" if account is None else account.cache_key

    @cached_property
    def _accounts(self) -> Accounts:
        # Few projects make requests for users.
        from appwrite_orm_django.backend.users import accounts

        return accounts

    @property
    def key_transport(self) -> TellingTransport:
        """Return the transport for the API key, whatever the current identity."""
        identity = (
            self.settings_dict["HOST"],
            self.settings_dict["USER"],
            Secret(self.settings_dict["PASSWORD"] or ""),
            self.options,
            self.alias,
        )
        known = _transports.get(identity)
        return self._shared_transport(identity) if known is None else known

    def _shared_transport(self, identity: tuple[Any, ...]) -> TellingTransport:
        # The first request of the process imports the HTTP client.
        from appwrite_orm_django.backend.client_calls import TellingTransport
        from appwrite_orm_django.backend.engine_watch import EngineWatch

        host, project, key, options, _ = identity
        with _transports_lock:
            if identity not in _transports:
                _transports[identity] = TellingTransport(
                    host,
                    project,
                    key,
                    connect_timeout_s=options.connect_timeout_s,
                    read_timeout_s=options.read_timeout_s,
                    retries=options.retries,
                    pool_size=options.pool_size,
                    verify=options.verify,
                    alias=self.alias,
                    announce=partial(_announce, host, project),
                    watch=EngineWatch(self.alias, host, options.engine),
                )
            return _transports[identity]


@contextmanager
def _announce(endpoint: str, project: str, write: RawWrite) -> Iterator[None]:
    """Announce a write that bypassed the ORM to the caches of all aliases on this project."""
    with ExitStack() as stack:
        for alias in connections:
            connection = connections[alias]
            if not isinstance(connection, Connection) or connection.project != (endpoint, project):
                continue
            if write.database is None:
                tables = [connection.table_of(model) for model in connection.cached_models()]
                stack.enter_context(connection.cache.write(tables, staged=False))
            elif write.database.lower() == connection.database_id.lower():
                tables = [] if write.row_id else [write.table]
                rows = [(write.table, write.row_id)] if write.row_id else []
                stack.enter_context(
                    connection.cache.write(tables, rows, operation=write.operation, staged=False)
                )
        yield
