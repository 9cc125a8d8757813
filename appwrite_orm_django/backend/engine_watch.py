"""
Know the engine under Appwrite, and check that it is the one in the settings.

``OPTIONS["ENGINE"]`` states it. Without it, the first query of a process finds it out
(``schema.engine_probe``). With it, the first answer that reveals the engine is compared: a row or a
table reveals MongoDB (``engines.evidence``); MariaDB and PostgreSQL are told apart by the same
probe, once per process.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from appwrite_orm_django.backend.connection import Connection
from appwrite_orm_django.client import local_endpoint
from appwrite_orm_django.client.errors import AppwriteError, MissingScope, Unauthorized
from appwrite_orm_django.engines import ENGINES, MARIADB, Engine
from appwrite_orm_django.engines.evidence import Evidence, evidence_in

if TYPE_CHECKING:
    from appwrite_orm_django.client.transport import Transport

logger = logging.getLogger("appwrite_orm_django.client")

_ASK_AGAIN_S = 60.0


class Watched(Protocol):
    """A transport whose answers are watched, and which has a copy whose are not."""

    def unwatched(self) -> Transport: ...


class EngineWatch:
    """
    Watch one server's engine, for all transports to it with the same settings.

    Args:
        stated: ``OPTIONS["ENGINE"]``, or None to find it out.

    Attributes:
        settled: whether there is nothing left to check.
        problem: the contradiction of the settings; if not empty, no more requests are sent.
    """

    def __init__(self, alias: str, host: str, stated: str | None) -> None:
        self.settled = stated is None
        self.problem = ""
        self._alias = alias
        self._host = host
        self._engine = None if stated is None else ENGINES[stated]
        # The order of text in PostgreSQL depends on its database (see ``appwrite_doctor``).
        self._is_known = self._engine is not None and not self._engine.orders_by_locale
        self._lock = threading.Lock()
        self._again_at = 0.0

    def engine(self, transport: Watched, database: str) -> Engine:
        """
        Return the engine, found out with one or two requests if the settings do not state it.

        Without any tables, the answer is MariaDB for now: no query can be wrong.

        Args:
            transport: for the API key.

        Raises:
            ImproperlyConfigured: the key may read neither rows nor tables.
            AppwriteError: the server cannot be asked, or does not know the key.
        """
        if not self._is_known:
            with self._lock:
                if not self._is_known:
                    return self._find(transport, database)
        assert self._engine is not None  # noqa: S101 - it is known
        return self._engine

    @property
    def loses_races(self) -> bool:
        """Whether a write that lost a race is answered 500, as far as the engine is known."""
        return self._engine is not None and self._engine.race_is_server_error

    def known(self, transport: Watched, database: str) -> Engine | None:
        """Return the engine if it is known without a request."""
        if self._engine is None and local_endpoint.is_local(self._host):
            return self.engine(transport, database)
        return self._engine

    def _find(self, transport: Watched, database: str) -> Engine:
        stated = self._engine
        if local_endpoint.is_local(self._host):
            self._engine = stated or ENGINES[local_endpoint.engine(self._host)]
            self._is_known = True
            return self._engine
        # Few processes need what it imports.
        from appwrite_orm_django.schema.engine_probe import NothingToAsk, engine_of

        try:
            found = engine_of(transport.unwatched(), database)
        except NothingToAsk:
            return stated or MARIADB
        except Unauthorized as error:
            if stated is not None:
                self._is_known = True
                return stated
            if not isinstance(error, MissingScope):
                raise  # an unknown key: to state the engine would not help
            raise ImproperlyConfigured(
                f'{self._option} is not set, and the API key of "{self._alias}" may not find out '
                f"the engine under {self._host}: {str(error).partition(chr(10))[0]}\n"
                f"Set it to {' or '.join(map(repr, ENGINES))} (_APP_DB_ADAPTER in Appwrite's "
                "installation), or grant the key the scope tables.read."
            ) from error
        # Another engine than the stated one shows at the first answer.
        if stated is None or found.name == stated.name:
            self._engine = found
        self._is_known = True
        return self._engine or found

    @property
    def _option(self) -> str:
        return f'DATABASES["{self._alias}"]["OPTIONS"]["ENGINE"]'

    def look(self, answer: Any) -> None:
        """
        Check an answer of the server.

        Raises:
            ImproperlyConfigured: the server contradicts the settings.
        """
        evidence = evidence_in(answer)
        if evidence is None or self._engine is None or time.monotonic() < self._again_at:
            return
        # Each thread checks for itself until one of them has the result, so that none proceeds
        # before it.
        problem = self._contradiction(evidence, self._engine)
        if problem is None:
            self._again_at = time.monotonic() + _ASK_AGAIN_S
            return
        self.problem, self.settled = problem, True
        if problem:
            raise ImproperlyConfigured(self.problem)

    def _contradiction(self, evidence: Evidence, stated: Engine) -> str | None:
        """
        Return the contradiction of the settings, or "" if there is none.

        None if it could not be determined now.
        """
        if (evidence.engine == "MongoDB") is stated.numbers_rows:
            found, shown_by = str(evidence.engine), evidence.shown_by
            right = "mongodb" if stated.numbers_rows else 'mariadb" or "postgresql'
        elif not stated.numbers_rows:
            return ""
        else:
            engine = self._found_out()
            if engine is None:
                return None
            if engine.name == stated.name:
                return ""
            found, right = engine.label, engine.name
            shown_by = "text in another case is " + ("found" if engine.folds_text else "not found")
        return (
            f'{self._option} is "{stated.name}", but the server under {self._host} runs on '
            f"{found}: {shown_by}. "
            "Text, order and nulls differ there, so queries would return wrong rows; no more "
            "requests are sent.\n"
            f'Set it to "{right}", or remove it, and the engine is found out.'
        )

    def _found_out(self) -> Engine | None:
        """Return MariaDB or PostgreSQL as the server shows it; None if it cannot tell now."""
        if local_endpoint.is_local(self._host):
            return ENGINES[local_endpoint.engine(self._host)]
        # Few processes need what it imports.
        from appwrite_orm_django.schema.engine_probe import NothingToAsk, engine_of

        connection = connections[self._alias]
        if not isinstance(connection, Connection):
            raise TypeError(f'The alias "{self._alias}" is no longer on Appwrite.')
        try:
            return engine_of(connection.key_transport.unwatched(), connection.database_id)
        except NothingToAsk:
            return None
        except Unauthorized:
            return self._engine  # a key that may not see it
        except AppwriteError as error:
            logger.info("%s: cannot find out the engine yet: %s", self._alias, error)
            return None
