"""
For the tests of projects that use this library.

A private local Appwrite instead of a real one, counted requests, faults on demand, recorded traffic. ``pytest`` fixtures come along by
themselves (``appwrite_orm_django.pytest_plugin``); for Django's test cases there is a mixin. See ``docs/howto/testing.md``.
"""

from appwrite_orm_django.testing.cases import AppwriteTestMixin
from appwrite_orm_django.testing.databases import with_local_appwrite
from appwrite_orm_django.testing.faults import appwrite_faults
from appwrite_orm_django.testing.recording import UnexpectedRequest, recorded_appwrite, replayed_appwrite
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
