"""Define the errors of ``STRICT_WRITES``. Reads never raise because of the cache."""

from django.db.utils import OperationalError

__all__ = ["IntentNotStored", "InvalidationNotStored"]


class IntentNotStored(OperationalError):
    """
    The write was not sent, because the cache could not be notified beforehand.

    Nothing has changed, so the write may be retried.
    """


class InvalidationNotStored(OperationalError):
    """
    The write has been made, but the cache could not be notified of its end.

    Other processes may serve stale rows until the cache answers (this process keeps trying) or
    until ``LOCK_TTL`` is over.
    """
