"""Define what the cache asks of a connection: its only access to models, queries and tables."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    from django.db.models import Model
    from django.db.models.sql import Query

    from appwrite_orm_django.cache.service import QueryCache


class CachedConnection(BaseDatabaseWrapper):
    """A connection whose queries are cached: every connection to Appwrite, and no other."""

    @property
    @abstractmethod
    def cache(self) -> QueryCache: ...

    @abstractmethod
    def table_of(self, model: type[Model]) -> str: ...

    @abstractmethod
    def cached_models(self) -> list[type[Model]]: ...

    @abstractmethod
    def is_cached(self, query: Query) -> bool: ...

    @abstractmethod
    def dependencies(self, query: Query) -> tuple[tuple[str, ...], tuple[str, str] | None]: ...


def cached_connection(alias: str) -> CachedConnection | None:
    """Return the connection of an alias, or None if it does not use Appwrite."""
    connection = connections[alias]
    return connection if isinstance(connection, CachedConnection) else None
