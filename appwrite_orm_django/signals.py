"""
Signals of the cache and of writes. They cost nothing while nobody listens.

``rows_changed`` is sent once per finished write, after its transaction has committed and the cache has been invalidated::

    sender      the model class, or None when only the table is known (raw client calls, webhooks)
    alias       the database alias, str
    table       the table's id, str
    pks         tuple of row ids (str), or None when the rows are not known one by one
    operation   "create", "update", "delete", or "change" when it is not known which
    source      "write" for one through this library in this process; "webhook" or "realtime" when Appwrite told of it. A write through
                this library is told of by Appwrite as well, so that it is then sent twice (see docs/howto/webhooks.md)

``cache_hit`` and ``cache_missed`` are sent once per read, ``cache_invalidated`` once per invalidation; ``sender`` is None, and::

    alias       the database alias, str
    tables      tuple of the tables involved, str
    reason      (not cache_invalidated) "" or why: see ``appwrite_orm_django.cache.protocol.Reason``
    rows        (cache_invalidated) tuple of (table, row id) where the rows are known; other rows' entries were kept
    source      (cache_invalidated) as above, or "invalidate" when it was done by hand
"""

from django.dispatch import Signal

__all__ = ["cache_hit", "cache_invalidated", "cache_missed", "rows_changed"]

rows_changed = Signal()
cache_hit = Signal()
cache_missed = Signal()
cache_invalidated = Signal()
