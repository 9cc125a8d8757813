"""Through what a connection makes its requests, and for whom: the API key, or the user in force."""

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

# One transport, and with it one pool of connections, for all threads of the process that share an alias's settings.
_transports: dict[tuple[Any, ...], TellingTransport] = {}
_transports_lock = threading.Lock()


def _unlock() -> None:
    global _transports_lock
    _transports_lock = threading.Lock()


in_each_child(_unlock)


class RequestsMixin(Connection):
    """What ``DatabaseWrapper`` knows of its transport and of the identity in force."""

    @property
    def project(self) -> tuple[str, str]:
        """Which project on which server: ``HOST`` and ``USER``."""
        return self.settings_dict["HOST"], self.settings_dict["USER"]

    @property
    def transport(self) -> TellingTransport:
        """
        The HTTP client, over connections that all of this process with the same settings share; made out to the user in force, if any.

        Raises:
            TransactionManagementError: the open block belongs to somebody else.
            OperationalError: ``USERS["REQUIRED"]`` is set, and nothing says whom the request is for.
        """
        identity = self.identity
        return self.key_transport if identity is None else self.key_transport.acting_as(identity)

    @property
    def identity(self) -> Identity | None:
        """Whom requests are made for now; None for the API key. An open block remembers it. Raises as ``transport``."""
        identity = current_identity(self.alias)
        if identity is not None:
            # Only who makes requests for users brings it along.
            from appwrite_orm_django.cache.statistics import note_user

            note_user()
        if identity is None and self.options.users.required and not is_stated(self.alias):
            raise OperationalError(
                f'"{self.alias}" is only used for users (USERS["REQUIRED"]), and no user is in force here.\n'
                f"Use appwrite_user() around it; or appwrite_key(), if the API key is meant."
            )
        if self.transaction is not None:
            self.transaction.bind(identity)
        return identity

    @property
    def account(self) -> Account | None:
        """
        Whose account the requests are made for, as the server says (asked once in ``CONFIRM_S``); None for the API key.

        Raises:
            InvalidUserToken: the token does not hold; and as ``transport``.
        """
        identity = self.identity
        if identity is None:
            return None
        transport = self.key_transport.acting_as(identity)
        return self._accounts.confirmed(identity, transport, self.options.users.confirm_s)

    @property
    def cache_identity(self) -> str:
        """What entries of the cache are kept apart by: empty for the API key. Raises as ``account``."""
        account = self.account
        return "" if account is None else account.cache_key

    @cached_property
    def _accounts(self) -> Accounts:
        # Few projects make requests for users.
        from appwrite_orm_django.backend.users import accounts

        return accounts

    @property
    def key_transport(self) -> TellingTransport:
        """As ``transport``, with the API key whoever is in force."""
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
        # The first request of the process brings the HTTP client.
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
                    watch=EngineWatch(self.alias, host, options.text),
                )
            return _transports[identity]


@contextmanager
def _announce(endpoint: str, project: str, write: RawWrite) -> Iterator[None]:
    """Tell the cache of every alias on this project's database about a write made past the ORM."""
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
                stack.enter_context(connection.cache.write(tables, rows, operation=write.operation, staged=False))
        yield
