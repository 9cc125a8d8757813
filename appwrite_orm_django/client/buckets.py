"""
Create, read, change and delete buckets of the storage.

Facts: recordings ``buckets-*``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from appwrite_orm_django.client.listing import every_item
from appwrite_orm_django.client.references import path_segment
from appwrite_orm_django.client.transport import Transport

Bucket = dict[str, Any]


def list_buckets(transport: Transport) -> Iterator[Bucket]:
    """Yield every bucket of the project."""
    return every_item(transport, "/storage/buckets", "buckets")


def get_bucket(transport: Transport, bucket_id: str) -> Bucket:
    """
    Return a bucket.

    Raises:
        BucketNotFound: there is no bucket of this id.
    """
    found: Bucket = transport.call("GET", f"/storage/buckets/{path_segment(bucket_id)}")
    return found


def create_bucket(transport: Transport, bucket_id: str, options: Mapping[str, Any]) -> Bucket:
    """
    Create a bucket.

    Args:
        options: ``name`` and others, in the API's names.

    Raises:
        AlreadyExists: the id is taken, perhaps by an unanswered attempt of this call.
        InvalidRequest: an option is invalid.
    """
    created: Bucket = transport.call(
        "POST", "/storage/buckets", params={"bucketId": bucket_id, **options}, safe=True
    )
    return created


def update_bucket(transport: Transport, bucket_id: str, options: Mapping[str, Any]) -> Bucket:
    """Set all options of a bucket: the server resets those left out (``buckets-update``)."""
    updated: Bucket = transport.call(
        "PUT", f"/storage/buckets/{path_segment(bucket_id)}", params=options, safe=True
    )
    return updated


def delete_bucket(transport: Transport, bucket_id: str) -> None:
    """Delete a bucket with its files; the id may be used again at once."""
    transport.call("DELETE", f"/storage/buckets/{path_segment(bucket_id)}", safe=True)
