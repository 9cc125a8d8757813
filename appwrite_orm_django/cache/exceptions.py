"""What a write can raise on the cache's account, only ever with ``STRICT_WRITES``. Reads never raise on its account."""

from django.db.utils import OperationalError

__all__ = ["IntentNotStored", "InvalidationNotStored"]


class IntentNotStored(OperationalError):
    """The write was not sent: the cache could not be told of it beforehand. Nothing has changed; it may be repeated."""


class InvalidationNotStored(OperationalError):
    """
    The write has been made, but the cache could not be told of its end.

    Other processes may serve older rows until the cache answers (this process keeps trying) or ``LOCK_TTL`` is over.
    """
