"""
Signals of the cache and of writes. They cost nothing without receivers.

``rows_changed`` is sent once per finished write, after its transaction has committed and the cache
has been invalidated::

    sender      the model class, or None if only the table is known (raw client calls, webhooks)
    alias       the database alias, str
    table       the table id, str
    pks         tuple of row ids (str), or None if the individual rows are unknown
    operation   "create", "update", "delete", or "change" if the kind is unknown
    source      "write" for a write through this library in this process; "webhook" or "realtime"
                for a write that Appwrite reported. Appwrite also reports writes made through this
                library, so these are sent twice (see docs/howto/webhooks.md)

``cache_hit`` and ``cache_missed`` are sent once per read, ``cache_invalidated`` once per
invalidation. A read that is served invalidated rows within its ``max_age`` is a hit with the reason
"max_age". Their ``sender`` is None, and they also send::

    alias       the database alias, str
    tables      tuple of the tables involved, str
    reason      (not cache_invalidated) "" or why: see ``appwrite_orm_django.cache.protocol.Reason``
    rows        (cache_invalidated) tuple of (table, row id) if the rows are known; entries of other
                rows were kept
    source      (cache_invalidated) as above, or "invalidate" for a manual invalidation
"""

from django.dispatch import Signal

__all__ = ["cache_hit", "cache_invalidated", "cache_missed", "rows_changed"]

rows_changed = Signal()
cache_hit = Signal()
cache_missed = Signal()
cache_invalidated = Signal()
