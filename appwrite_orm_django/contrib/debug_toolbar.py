"""Show queries with cache status and requests in django-debug-toolbar (extra ``debug``)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from debug_toolbar.panels import Panel
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from appwrite_orm_django.backend import instrumentation
from appwrite_orm_django.backend.aliases import appwrite_connection
from appwrite_orm_django.cache.statistics import observe_reads
from appwrite_orm_django.conf import appwrite_aliases

if TYPE_CHECKING:
    from appwrite_orm_django.backend.commands import Command
    from appwrite_orm_django.client.transport import RequestRecord

__all__ = ["AppwritePanel"]


@dataclass
class Query:
    """
    One query of a page.

    Attributes:
        result: HIT, MISS, BYPASS or STALE as in ``X-Cache-Status``; WRITE for a write.
        reason: the reason for the result, if there is one; see ``cache.protocol.Reason``.
        plan: the output of ``explain()``.
        requests: the requests to Appwrite, each with method, path, status and milliseconds.
    """

    alias: str
    plan: str
    result: str = ""
    reason: str = ""
    duration_ms: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def summary(self) -> str:
        return self.plan.partition("\n")[0]


class _Recorder:
    """Record the commands of one page, as an ``instrumentation.Watcher``."""

    def __init__(self) -> None:
        self.queries: list[Query] = []
        self.loose: list[dict[str, Any]] = []
        self._open: list[Query] = []

    @contextmanager
    def reading(self, alias: str, command: Command) -> Iterator[None]:
        with self._recorded(alias, command) as query, observe_reads() as reads:
            try:
                yield
            finally:
                if reads:
                    query.result, query.reason = reads[-1].outcome.upper(), reads[-1].reason

    def executing(self, alias: str, command: Command) -> AbstractContextManager[Any]:
        if (
            self._open
        ):  # this loads an entry for a read through the cache, which is recorded already
            return ExitStack()
        return self._executed(alias, command)

    @contextmanager
    def _executed(self, alias: str, command: Command) -> Iterator[None]:
        with self._recorded(alias, command) as query:
            query.result = "BYPASS" if command.is_read else "WRITE"
            yield

    @contextmanager
    def _recorded(self, alias: str, command: Command) -> Iterator[Query]:
        query = Query(alias, str(command))
        self.queries.append(query)
        self._open.append(query)
        started = time.perf_counter()
        try:
            yield query
        finally:
            query.duration_ms = (time.perf_counter() - started) * 1000
            self._open.remove(query)

    def note(self, record: RequestRecord) -> None:
        """
        Add a request to the query in progress.

        Without one, add it to the last query, whose rows are then being read lazily.
        """
        request = {
            "method": record.method,
            "path": record.path,
            "status": record.status,
            "attempts": record.attempts,
            "duration_ms": record.duration_s * 1000,
        }
        query = self._open[-1] if self._open else self.queries[-1] if self.queries else None
        (self.loose if query is None else query.requests).append(request)


_recorder: ContextVar[_Recorder | None] = ContextVar("appwrite_debug_recorder", default=None)


def _note(record: RequestRecord) -> None:
    recorder = _recorder.get()
    if recorder is not None:
        recorder.note(record)


class AppwritePanel(Panel):
    """
    Show the queries of a page to databases on Appwrite. Add it to ``DEBUG_TOOLBAR_PANELS``.

    The panel works under WSGI and ASGI. Times are those of whole queries, including the cache and
    unpacking.
    """

    title = _("Appwrite")
    template = "appwrite_orm_django/debug_toolbar_panel.html"
    is_async = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._recorder = _Recorder()
        self._watching = ExitStack()

    @property
    def nav_subtitle(self) -> str:
        stats = self.get_stats()
        queries, requests = stats.get("query_count", 0), stats.get("request_count", 0)
        return (
            ngettext("%d query", "%d queries", queries) % queries
            + ", "
            + ngettext("%d request", "%d requests", requests) % requests
        )

    def enable_instrumentation(self) -> None:
        for alias in appwrite_aliases():
            transport = appwrite_connection(alias).transport
            # One listener serves all threads, so add it only once.
            transport.remove_listener(_note)
            transport.add_listener(_note)
        token = _recorder.set(self._recorder)
        self._watching.callback(_recorder.reset, token)
        self._watching.enter_context(instrumentation.watch(self._recorder))

    def disable_instrumentation(self) -> None:
        self._watching.close()

    def generate_stats(self, request: Any, response: Any) -> None:
        queries = self._recorder.queries
        requests = [
            request for query in queries for request in query.requests
        ] + self._recorder.loose
        results = [query.result for query in queries]
        self.record_stats(
            {
                "queries": [{**asdict(query), "summary": query.summary} for query in queries],
                "loose": self._recorder.loose,
                "query_count": len(queries),
                "request_count": sum(request["attempts"] for request in requests),
                "request_ms": sum(request["duration_ms"] for request in requests),
                "total_ms": sum(query.duration_ms for query in queries),
                "counts": {word: results.count(word) for word in dict.fromkeys(results)},
            }
        )
