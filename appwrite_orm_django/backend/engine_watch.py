"""
Whether the engine under Appwrite is the one that the settings name: looked at with the first answers of a process that tell.

A row or a table shows MongoDB (``client.engines``). MariaDB and PostgreSQL answer alike, so of these ``manage.py appwrite_doctor`` finds out
the rules for text, and records them in the database; they are read with one request, by each process once.
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
    """Whether this thread reads what is recorded, by the same way as everything else."""

    is_looking = False


_this_thread = _Looking()


class EngineWatch:
    """
    What is known of one server's engine, shared by all transports to it with the same settings.

    Args:
        text: ``OPTIONS["TEXT"]``.

    Attributes:
        settled: whether there is nothing more to look for.
        problem: what contradicts the settings; with it nothing is sent any more.
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
        Look at an answer of the server.

        Raises:
            ImproperlyConfigured: the server is not what the settings say.
        """
        evidence = evidence_in(answer)
        if evidence is None or _this_thread.is_looking or time.monotonic() < self._again_at:
            return
        # Each thread looks for itself until one of them knows: none is answered before.
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
        """Return what contradicts the settings, empty for nothing; None if that could not be found out now."""
        option = f'DATABASES["{self._alias}"]["OPTIONS"]["TEXT"]'
        if evidence.engine == "MongoDB":
            return (
                f'{option} is "{self._text}", but the server under {self._host} runs on MongoDB: {evidence.shown_by}. '
                "Text, order and numbers of rows mean other things there, so queries would return wrong rows; nothing more is sent.\n"
                "MongoDB is not supported. Use an Appwrite on MariaDB or PostgreSQL (_APP_DB_ADAPTER of its installation)."
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
            f'{option} is "{self._text}", but {source} the rules of {_NAMES[found]} for text and nulls. '
            "Queries would return other rows than they say; nothing more is sent.\n"
            f'Set it to "{found}"; if the server has another engine since, run manage.py appwrite_doctor again.'
        )

    def _recorded(self) -> str | None:
        """Return what the doctor has recorded of the rules for text; empty for nothing, None if the server did not answer."""
        # Most of what is behind it is for changes of the schema.
        from appwrite_orm_django.schema.records import read_findings

        connection = connections[self._alias]
        if not isinstance(connection, Connection):
            raise TypeError(f'The alias "{self._alias}" is not on Appwrite any more.')
        try:
            return read_findings(connection.key_transport, connection.database_id).get("text", "")
        except Unauthorized:
            return ""  # a key that may read no rows
        except AppwriteError as error:
            logger.info("%s: what appwrite_doctor found is not known yet: %s", self._alias, error)
            return None
