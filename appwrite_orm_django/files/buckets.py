"""
Find the buckets that settings and models name, and make the server's match them.

The bucket in use while tests run is another one: Django gives tests a database of their own, but a
project has one storage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.db import connections, models
from django.utils.module_loading import import_string

from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.backend.creation import TEST_BUCKETS
from appwrite_orm_django.client import buckets as server
from appwrite_orm_django.client import files
from appwrite_orm_django.client.errors import AlreadyExists
from appwrite_orm_django.client.references import MAX_ID_LENGTH
from appwrite_orm_django.client.transport import Transport
from appwrite_orm_django.files.settings import BucketSettings, InBucket

# What test runners add to the name of the test database of each of their processes.
_WORKER = re.compile(r"_((?:gw)?\d+)$")


def bucket_in_use(alias: str, settings: BucketSettings) -> str:
    """Return the id of a bucket, or of the one that tests use instead."""
    database = connections[alias].settings_dict
    if TEST_BUCKETS not in database["TEST"]:
        return settings.bucket
    worker = _WORKER.search(str(database["NAME"]))
    suffix = f"-{worker[1]}" if worker else ""
    return f"{_test_prefix(settings)[: MAX_ID_LENGTH - len(suffix)]}{suffix}"


def _test_prefix(settings: BucketSettings) -> str:
    return f"test-{settings.bucket}"[:MAX_ID_LENGTH]


def create_for_tests(alias: str, settings: BucketSettings) -> bool:
    """Create the bucket of tests; return whether tests are running."""
    connection = appwrite_connection(alias)
    created = connection.settings_dict["TEST"].get(TEST_BUCKETS)
    if created is None:
        return False
    bucket_id = bucket_in_use(alias, settings)
    with suppress(AlreadyExists):  # created by another process
        server.create_bucket(connection.key_transport, bucket_id, settings.bucket_options())
    created.add(bucket_id)
    return True


def buckets_of(alias: str) -> list[BucketSettings]:
    """
    Return the buckets of a database that ``STORAGES`` and the fields of models name.

    Raises:
        ImproperlyConfigured: two storages have different options for one bucket.
    """
    found: dict[str, BucketSettings] = {}
    for settings in (storage.settings for storage in storages_of(alias)):
        known = found.setdefault(settings.bucket.lower(), settings)
        if known.bucket_options() != settings.bucket_options():
            raise ImproperlyConfigured(
                f"Two storages have different options for the bucket {settings.bucket!r}: "
                f"{_differences(known.bucket_options(), settings.bucket_options())}.\n"
                "Give the options once, in STORAGES, and name that entry elsewhere."
            )
    return [
        replace(
            found[key],
            bucket=bucket_in_use(alias, found[key]),
            name=found[key].name or found[key].bucket,
        )
        for key in sorted(found)
    ]


def storages_of(alias: str) -> Iterator[Any]:
    """Yield the storages on a database that ``STORAGES`` and the fields of models name."""
    yield from (storage for _, storage in named_storages() if storage.alias == alias)


def named_storages() -> Iterator[tuple[str, Any]]:
    """
    Yield the storages with a bucket that ``STORAGES`` and the fields of models name, and where.

    Raises:
        ImproperlyConfigured: an entry of ``STORAGES`` cannot be made.
    """
    for name in entries():
        yield f'STORAGES["{name}"]', storages[name]
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, models.FileField) and isinstance(field.storage, InBucket):
                yield f"The storage of {field}", field.storage


def entries() -> Iterator[str]:
    """
    Yield the entries of ``STORAGES`` that are storages of ours, or cannot be imported.

    The others are not made: that of static files cannot be, in a project without ``STATIC_URL``.
    """
    described: Any = storages.backends
    for name in described:
        try:
            backend = import_string(described[name]["BACKEND"])
        except ImportError:
            yield name  # Django names it when it makes it
        else:
            if isinstance(backend, type) and issubclass(backend, InBucket):
                yield name


def _differences(one: dict[str, Any], other: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} {one.get(key)!r} and {other.get(key)!r}"
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
    )


@dataclass(frozen=True, slots=True)
class BucketStep:
    """
    One change to a bucket.

    Attributes:
        sign: ``+`` creates it, ``~`` changes it, ``-`` deletes it.
        options: all options of the bucket after the change, in the API's names.
    """

    sign: str
    bucket: str
    options: dict[str, Any]
    details: str = ""
    destructive: bool = False
    warning: str = ""

    def __str__(self) -> str:
        return f"bucket {self.bucket}{f': {self.details}' if self.details else ''}"

    @property
    def request(self) -> tuple[str, str, dict[str, Any]]:
        """The method, the path and the body of its request."""
        if self.sign == "+":
            return "POST", "/storage/buckets", {"bucketId": self.bucket, **self.options}
        method = "PUT" if self.sign == "~" else "DELETE"
        return method, f"/storage/buckets/{self.bucket}", self.options

    def run(self, transport: Transport) -> None:
        if self.sign == "-":
            if is_empty(transport, self.bucket):  # a file may have come since
                server.delete_bucket(transport, self.bucket)
        elif self.sign == "~":
            server.update_bucket(transport, self.bucket, self.options)
        else:
            try:
                server.create_bucket(transport, self.bucket, self.options)
            except AlreadyExists:
                # Another run, or an attempt without an answer, was first.
                server.update_bucket(transport, self.bucket, self.options)


@dataclass(frozen=True, slots=True)
class BucketPlan:
    """
    The changes that make the buckets match, and the buckets that nothing names.

    Attributes:
        left: ids of buckets that are kept although no storage names them.
    """

    steps: tuple[BucketStep, ...]
    left: tuple[str, ...] = ()

    @property
    def destructive(self) -> list[BucketStep]:
        return [step for step in self.steps if step.destructive]

    @property
    def requests(self) -> list[tuple[str, str, dict[str, Any]]]:
        """The method, path and body of each request."""
        return [step.request for step in self.steps]


_SHOWN = (
    "name", "permissions", "fileSecurity", "enabled", "maximumFileSize", "allowedFileExtensions", "compression", "encryption",
    "antivirus", "transformations",
)  # fmt: skip


def plan_buckets(
    transport: Transport, wanted: Sequence[BucketSettings], *, prune: bool = False
) -> BucketPlan:
    """
    Return the changes that make a project's buckets match.

    It takes one request, and none without storages on Appwrite. A project's buckets may be those of
    other clients: ``prune`` deletes only empty ones that no storage names.

    Raises:
        MissingScope: the key may not read buckets.
    """
    if not wanted:
        return BucketPlan(())
    live = {bucket["$id"].lower(): bucket for bucket in server.list_buckets(transport)}
    steps: list[BucketStep] = []
    for settings in wanted:
        bucket = live.pop(settings.bucket.lower(), None)
        options = settings.bucket_options()
        if bucket is None:
            steps.append(BucketStep("+", settings.bucket, options))
        elif step := _change(bucket, options):
            steps.append(step)
    left = sorted(bucket["$id"] for bucket in live.values() if not _is_for_tests(bucket, wanted))
    pruned = [bucket_id for bucket_id in left if prune and is_empty(transport, bucket_id)]
    steps += [BucketStep("-", bucket_id, {}, "it is empty") for bucket_id in pruned]
    kept = [bucket_id for bucket_id in left if bucket_id not in pruned]
    return BucketPlan(tuple(steps), tuple(kept))


def is_empty(transport: Transport, bucket_id: str) -> bool:
    """Return whether a bucket has no file."""
    return next(iter(files.list_files(transport, bucket_id)), None) is None


def _is_for_tests(bucket: server.Bucket, wanted: Sequence[BucketSettings]) -> bool:
    found = str(bucket["$id"]).lower()
    prefixes = [_test_prefix(settings)[: MAX_ID_LENGTH - 6].lower() for settings in wanted]
    return found.startswith(tuple(prefixes))


def _change(bucket: server.Bucket, options: dict[str, Any]) -> BucketStep | None:
    live = {name: bucket["$permissions" if name == "permissions" else name] for name in _SHOWN}
    # The server resets what is left out, so keep what the settings leave to it.
    after = {**live, **options}
    changed = [name for name in _SHOWN if not _same(name, live[name], after[name])]
    if not changed:
        return None
    lost = set(live["permissions"]) - set(after["permissions"])
    details = ", ".join(f"{name} {_text(live[name])} to {_text(after[name])}" for name in changed)
    later = {"compression", "encryption"}.intersection(changed)
    return BucketStep(
        "~",
        bucket["$id"],
        after,
        details,
        destructive=bool(lost),
        warning=f"for new files only: {', '.join(sorted(later))}" if later else "",
    )


def _same(name: str, one: Any, other: Any) -> bool:
    if name in ("permissions", "allowedFileExtensions"):
        return set(one) == set(_expanded(other) if name == "permissions" else other)
    return bool(one == other)


def _expanded(permissions: Sequence[str]) -> list[str]:
    """Return permissions as the server lists them: ``write`` stands for three others."""
    expanded: list[str] = []
    for permission in permissions:
        action, bracket, role = permission.partition("(")
        actions = ("create", "update", "delete") if action == "write" else (action,)
        expanded += [f"{each}{bracket}{role}" for each in actions]
    return expanded


def _text(value: Any) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)
