"""
Check that the engine under Appwrite is the one in the settings.

The check uses the first answers of a process that reveal the engine. A row or a table reveals
MongoDB (``client.engines``). MariaDB and PostgreSQL answer alike, so ``manage.py appwrite_doctor``
finds out their rules for text and records them in the database. Each process reads that record
once, with one request.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from appwrite_orm_django.backend.connection import Connection
from appwrite_orm_django.client import local_endpoint
from appwrite_orm_django.client.engines import Evidence, evidence_in
from appwrite_orm_django.client.errors import AppwriteError, Unauthorized

logger = logging.getLogger("appwrite_orm_django.client")

_ASK_AGAIN_S = 60.0
_NAMES = {"mariadb": "MariaDB", "postgresql": "PostgreSQL", "mongodb": "MongoDB"}


class _Looking(threading.local):
    """
    Track whether this thread is reading the record.

    That read passes through the same transport as every other request.
    """

    is_looking = False


_this_thread = _Looking()


class EngineWatch:
    """
    Watch one server's engine, for all transports to it with the same settings.

    Args:
        text: ``OPTIONS["TEXT"]``.

    Attributes:
        settled: whether there is nothing left to check.
        problem: the contradiction of the settings; if not empty, no more requests are sent.
    """

    def __init__(self, alias: str, host: str, text: str) -> None:
        self.settled = False
        self.problem = ""
        self._alias = alias
        self._host = host
        self._text = text
        self._again_at = 0.0

    def look(self, answer: Any) -> None:
        """
        Check an answer of the server.

        Raises:
            ImproperlyConfigured: the server contradicts the settings.
        """
        evidence = evidence_in(answer)
        if evidence is None or _this_thread.is_looking or time.monotonic() < self._again_at:
            return
        # Each thread checks for itself until one of them has the result, so that none proceeds
        # before it.
        _this_thread.is_looking = True
        try:
            problem = self._contradiction(evidence)
        finally:
            _this_thread.is_looking = False
        if problem is None:
            self._again_at = time.monotonic() + _ASK_AGAIN_S
            return
        self.problem, self.settled = problem, True
        if problem:
            raise ImproperlyConfigured(self.problem)

    def _contradiction(self, evidence: Evidence) -> str | None:
        """
        Return the contradiction of the settings, or "" if there is none.

        None if it could not be determined now.
        """
        option = f'DATABASES["{self._alias}"]["OPTIONS"]["TEXT"]'
        if evidence.engine == "MongoDB":
            return (
                f'{option} is "{self._text}", but the server under {self._host} runs on MongoDB: '
                f"{evidence.shown_by}. "
                "Text, order and row counts differ there, so queries would return wrong rows; no "
                "more requests are sent.\n"
                "MongoDB is not supported. Use an Appwrite on MariaDB or PostgreSQL "
                "(_APP_DB_ADAPTER in its installation)."
            )
        if local_endpoint.is_local(self._host):
            source = f"the local server at {self._host} imitates"
            found: str | None = local_endpoint.engine(self._host)
        else:
            source, found = "manage.py appwrite_doctor found", self._recorded()
        if found is None:
            return None
        if found not in _NAMES or found == self._text:
            return ""
        return (
            f'{option} is "{self._text}", but {source} the rules of {_NAMES[found]} for text and '
            "nulls. "
            "Queries would return wrong rows; no more requests are sent.\n"
            f'Set it to "{found}"; if the engine of the server has changed since, run manage.py '
            "appwrite_doctor again."
        )

    def _recorded(self) -> str | None:
        """
        Return the rules for text that the doctor has recorded, or "" if there are none.

        None if the server did not answer.
        """
        # Most of what this imports is only needed to change schemas.
        from appwrite_orm_django.schema.records import read_findings

        connection = connections[self._alias]
        if not isinstance(connection, Connection):
            raise TypeError(f'The alias "{self._alias}" is no longer on Appwrite.')
        try:
            return read_findings(connection.key_transport, connection.database_id).get("text", "")
        except Unauthorized:
            return ""  # a key that may read no rows
        except AppwriteError as error:
            logger.info(
                "%s: cannot read the findings of appwrite_doctor yet: %s", self._alias, error
            )
            return None
