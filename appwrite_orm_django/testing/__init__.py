"""
Support the tests of projects that use this library.

It provides a private local Appwrite, counts requests, simulates faults, and records and replays
traffic. ``pytest`` loads the fixtures automatically (``appwrite_orm_django.pytest_plugin``), and
Django's test cases have a mixin. See ``docs/howto/testing.md``.
"""

from appwrite_orm_django.testing.cases import AppwriteTestMixin
from appwrite_orm_django.testing.databases import with_local_appwrite
from appwrite_orm_django.testing.faults import appwrite_faults
from appwrite_orm_django.testing.recording import (
    UnexpectedRequest,
    recorded_appwrite,
    replayed_appwrite,
)
from appwrite_orm_django.testing.requests import RequestLog, captured_requests

__all__ = [
    "AppwriteTestMixin",
    "RequestLog",
    "UnexpectedRequest",
    "appwrite_faults",
    "captured_requests",
    "recorded_appwrite",
    "replayed_appwrite",
    "with_local_appwrite",
]
