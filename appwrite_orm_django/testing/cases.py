"""What Django's test cases need beyond Django."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from appwrite_local.faults import Fault
from appwrite_orm_django.testing.faults import appwrite_faults
from appwrite_orm_django.testing.requests import RequestLog, captured_requests


class AppwriteTestMixin:
    """
    Assertions about Appwrite for ``TestCase`` and its relatives.

    Name the alias in ``databases``, as for every database but the default one. A ``TestCase`` never commits, so nothing of it reaches
    the server, and what a test writes is gone after it.
    """

    def assertAppwriteRequests(
        self, num: int, func: Callable[..., Any] | None = None, *args: Any, using: str | None = None, **kwargs: Any
    ) -> Any:
        """
        Check how many requests a block, or a call of ``func``, makes to Appwrite; as ``assertNumQueries`` does for queries.

        Raises:
            AssertionError: another number; the text lists the requests.
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

    def appwrite_faults(self, *faults: Fault | str, using: str | None = None) -> AbstractContextManager[list[Fault]]:
        """Make the local server misbehave for the length of a block; see ``appwrite_orm_django.testing.appwrite_faults``."""
        return appwrite_faults(*faults, using=using)
