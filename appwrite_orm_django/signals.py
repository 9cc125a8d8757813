"""
Signals of the cache and of writes. They cost nothing while nobody listens.

``rows_changed`` is sent once per finished write, after its transaction has committed and the cache has been invalidated:

    sender      the model class, or None when only the table is known (raw client calls, webhooks)
    alias       the database alias, str
    table       the table's id, str
    pks         tuple of row ids (str), or None when the rows are not known one by one
    operation   "create", "update", "delete", or "change" when it is not known which

``cache_hit`` and ``cache_missed`` are sent once per read, ``cache_invalidated`` once per invalidation; ``sender`` is None, and:

    alias       the database alias, str
    tables      tuple of the tables involved, str
    reason      (not cache_invalidated) "" or why: see ``appwrite_orm_django.cache.protocol.Reason``
    rows        (cache_invalidated) tuple of (table, row id) where the rows are known; other rows' entries were kept
"""

from django.dispatch import Signal

__all__ = ["cache_hit", "cache_invalidated", "cache_missed", "rows_changed"]

rows_changed = Signal()
cache_hit = Signal()
cache_missed = Signal()
cache_invalidated = Signal()
