"""Extend Django's test cases with assertions about Appwrite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from appwrite_local.faults import Fault
from appwrite_orm_django.testing.faults import appwrite_faults
from appwrite_orm_django.testing.requests import RequestLog, captured_requests


class AppwriteTestMixin:
    """
    Assertions about Appwrite for ``TestCase`` and Django's other test case classes.

    Name the alias in ``databases``, as for any database except the default one. A ``TestCase``
    never commits, so its writes do not reach the server and are gone after each test.
    """

    def assertAppwriteRequests(
        self,
        num: int,
        func: Callable[..., Any] | None = None,
        *args: Any,
        using: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """
        Check the number of requests to Appwrite, as ``assertNumQueries`` does for queries.

        The requests are those of a block, or of a call of ``func``.

        Raises:
            AssertionError: the number differs; the text lists the requests.
        """
        context = self._counted(num, using)
        if func is None:
            return context
        with context:
            return func(*args, **kwargs)

    @contextmanager
    def _counted(self, num: int, using: str | None) -> Iterator[RequestLog]:
        with captured_requests(using) as log:
            yield log
        log.check(num)

    def appwrite_faults(
        self, *faults: Fault | str, using: str | None = None
    ) -> AbstractContextManager[list[Fault]]:
        """
        Make the local server misbehave within a block.

        See ``appwrite_orm_django.testing.appwrite_faults``.
        """
        return appwrite_faults(*faults, using=using)
