"""Collect the data of the cache panel, in a few calls to the cache and no request to Appwrite."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appwrite_orm_django.cache.connections import cached_connection
from appwrite_orm_django.cache.history import Minute
from appwrite_orm_django.cache.statistics import Counters, LastWrite

__all__ = ["PanelReport", "TableReport", "make_report"]

# Appwrite also reports this site's own writes, a moment after them. A report that follows a write
# within this time is taken for its echo.
_ECHO_S = 10.0


@dataclass(frozen=True)
class TableReport:
    """
    The cache of one table.

    Attributes:
        label: ``app_label.Model``, which the panel's form sends.
        is_fresh: whether anything read since the last write is cached; None if the cache does not
            answer.
        warms: the number of querysets in the model's ``appwrite_warm``.
        written_at: time of the last write that the cache knows of; None if it knows of none.
    """

    label: str
    name: str
    table: str
    is_fresh: bool | None
    counters: Counters
    timeout_s: float
    warms: int
    written_at: datetime.datetime | None
    written_by: str

    @property
    def hit_rate(self) -> str:
        return percent(self.counters)

    @property
    def served_stale(self) -> int:
        return self.counters.bounded + self.counters.stale

    @property
    def saved(self) -> str:
        return duration(self.counters.seconds_saved)


@dataclass(frozen=True)
class PanelReport:
    """
    The cache of one database.

    Attributes:
        totals: the sum over all tables.
        minutes: the last sixty, oldest first.
        is_private: whether the cache is local to this process, so that figures of other processes
            are missing.
        answers: whether the cache answered.
    """

    alias: str
    cache_alias: str
    tables: Sequence[TableReport]
    totals: Counters
    minutes: Sequence[Minute]
    is_private: bool
    answers: bool

    @property
    def hit_rate(self) -> str:
        return percent(self.totals)

    @property
    def saved(self) -> str:
        return duration(self.totals.seconds_saved)

    @property
    def fresh(self) -> int:
        return sum(table.is_fresh is True for table in self.tables)


def make_report(alias: str) -> PanelReport:
    """
    Return a report on the cache of a database on Appwrite.

    Raises:
        ValueError: the alias is not on Appwrite.
    """
    connection = cached_connection(alias)
    if connection is None:
        raise ValueError(f'DATABASES["{alias}"] is not on Appwrite.')
    models_ = sorted(connection.cached_models(), key=lambda model: model._meta.label_lower)
    cache = connection.cache
    names = {model: connection.table_of(model) for model in models_}
    # Read before the states, so that these take every write that is shown into account.
    seen = cache.statistics.overview()
    fresh = cache.freshness(list(names.values()))
    totals = Counters()
    for table in names.values():
        totals.add(seen.totals.get(table, Counters()))
    return PanelReport(
        alias=alias,
        cache_alias=cache.settings.alias,
        tables=[
            _table(
                model,
                table,
                fresh.get(table),
                seen.totals,
                seen.writes,
                cache.settings.timeout_for((table,)),
            )
            for model, table in names.items()
        ],
        totals=totals,
        minutes=seen.minutes,
        is_private=isinstance(caches[cache.settings.alias], LocMemCache),
        answers=bool(fresh),
    )


def _table(
    model: type[models.Model],
    table: str,
    is_fresh: bool | None,
    totals: dict[str, Counters],
    writes: dict[str, list[LastWrite]],
    timeout_s: float,
) -> TableReport:
    latest = _origin(writes.get(table, []))
    own: Any = getattr(model, "appwrite_cache_timeout", None)
    return TableReport(
        label=model._meta.label,
        name=str(model._meta.verbose_name_plural),
        table=table,
        is_fresh=is_fresh,
        counters=totals.get(table, Counters()),
        timeout_s=timeout_s if own is None else own,
        warms=len(getattr(model, "appwrite_warm", ())),
        written_at=None
        if latest is None
        else datetime.datetime.fromtimestamp(latest.at, datetime.timezone.utc),
        written_by="" if latest is None else source_text(latest),
    )


def _origin(writes: Sequence[LastWrite]) -> LastWrite | None:
    """Return the last write, or the own write of this site if the last is Appwrite's echo of it."""
    if not writes:
        return None
    own = next(
        (
            write
            for write in writes
            if write.source == "write" and writes[0].at - write.at <= _ECHO_S
        ),
        None,
    )
    return own if own is not None and writes[0].source in ("webhook", "realtime") else writes[0]


def source_text(write: LastWrite) -> str:
    """Return a description of the source of a write."""
    if write.source == "write":
        return _("this process") if write.here else _("another process")
    return {"invalidate": _("by hand"), "webhook": _("webhook"), "realtime": _("realtime")}[
        write.source
    ]


def percent(counters: Counters) -> str:
    """Return the hit rate as text; a dash before the first read."""
    rate = counters.hit_rate
    if rate is None:
        return "\N{EN DASH}"
    # "100.0%" means no misses, and "0.0%" no hits.
    shown = rate if rate in (0, 1) else min(max(rate, 0.001), 0.999)
    return f"{shown:.1%}"


def duration(seconds: float) -> str:
    """Return a duration as text: seconds below 2 minutes, minutes below 2 hours, else hours."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return ngettext("%d min", "%d min", int(seconds // 60)) % int(seconds // 60)
    return f"{seconds / 3600:,.1f} h"
