"""
Paginate long tables, by number or by cursor.

Numbered pages do not count every row. Cursor pages all cost the same, however far the page is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.core.paginator import EmptyPage, Page, PageNotAnInteger, Paginator
from django.db import connections, models
from django.db.models import Q, QuerySet
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from appwrite_orm_django.backend.aliases import is_appwrite

__all__ = [
    "AppwritePaginator",
    "AtLeast",
    "CursorPage",
    "CursorPaginator",
    "ExactPaginator",
    "InvalidCursor",
]

#: Appwrite counts at most this many rows in one request (recording ``total-cap``).
COUNT_LIMIT = 5000

# The server rejects an offset that is not a 32-bit number; no table is that long.
MAX_OFFSET = 2**31 - 1


class AtLeast(int):
    """A lower bound for a number of rows: ``AtLeast(5000)`` prints as "5000+"."""

    def __str__(self) -> str:
        return f"{int(self)}+"

    __repr__ = __str__


@contextmanager
def counting_with(rows: QuerySet[Any]) -> Iterator[Callable[[], bool]]:
    """
    Read these rows in the same request as the first count within the block that queries the server.

    This happens only if the count is of the same table.

    Yields:
        a function that returns whether the rows were read; the queryset then has its rows.
    """
    connection = connections[rows.db]
    read: list[int] = []
    if not is_appwrite(connection):
        yield lambda: False
        return
    with connection.reader.counting_with(lambda: read.append(len(rows))):
        yield lambda: bool(read)


class AppwritePaginator(Paginator):
    """
    Django's paginator for tables longer than the server counts in one request.

    It counts ``count_limit`` rows of such a table ("5000+"). The pages beyond can be reached too,
    and the last page is known once it is reached. If neither the page nor the count is cached, one
    request reads both. A count alone takes one request, too.

    Attributes:
        count_limit: maximum number of rows to count; None to count all of them, which takes a few
            more requests beyond 5,000 rows.
    """

    count_limit: int | None = COUNT_LIMIT
    _reached = 0

    @cached_property
    def count(self) -> int:
        if self.count_limit is None or not isinstance(self.object_list, QuerySet):
            return int(super().count)
        counted = self.object_list[: self.count_limit].count()
        return AtLeast(counted) if counted == self.count_limit else counted

    @property
    def is_capped(self) -> bool:
        """Whether there may be more rows than ``count``."""
        return isinstance(self.count, AtLeast)

    @property
    def num_pages(self) -> int:  # type: ignore[override]  # it grows with the pages that turn out to be there
        if self.count == 0 and not self.allow_empty_first_page:
            return 0
        hits = max(1, self.count - self.orphans)
        return max(-(-hits // self.per_page), self._reached)

    def validate_number(self, number: Any) -> int:
        if self.is_capped:
            self._reached = max(self._reached, self._page_number(number))
        return super().validate_number(number)

    def _page_number(self, number: Any) -> int:
        try:
            found = int(number)
        except (TypeError, ValueError):
            raise PageNotAnInteger(_("That page number is not an integer")) from None
        if found * self.per_page > MAX_OFFSET:
            raise EmptyPage(_("That page contains no results"))
        return found

    def page(self, number: Any) -> Page:
        rows_read = self._read_with_count(number)
        number = self.validate_number(number)
        if not self.is_capped or number * self.per_page < self.count:
            plain: Page = super().page(number)
            if rows_read is not None:
                plain.object_list = rows_read
            elif isinstance(self.object_list, QuerySet) and not self.orphans:
                # Django ends the last slice at the count, which would make it another query and
                # another cache entry.
                bottom = (number - 1) * self.per_page
                plain.object_list = self.object_list[bottom : bottom + self.per_page]
            return plain
        bottom = (number - 1) * self.per_page
        rows = list(self.object_list[bottom : bottom + self.per_page + 1])
        if not rows:
            raise EmptyPage(_("That page contains no results"))
        self._reached = number + (len(rows) > self.per_page)
        return Page(rows[: self.per_page], number, self)

    def _read_with_count(self, number: Any) -> QuerySet[Any] | None:
        """Count, and return the page's rows if they were read in the same request."""
        queryset: Any = self.object_list
        if (
            "count" in self.__dict__
            or self.orphans
            or not isinstance(queryset, QuerySet)
            or queryset.query.is_sliced
        ):
            return None
        try:
            bottom = (self._page_number(number) - 1) * self.per_page
        except (EmptyPage, PageNotAnInteger):
            return None  # validate_number() raises this later
        if bottom < 0:
            return None
        rows: QuerySet[Any] = queryset[bottom : bottom + self.per_page]
        with counting_with(rows) as were_read:
            _ = self.count
        return rows if were_read() else None


class ExactPaginator(AppwritePaginator):
    """Count every row: one request up to 5,000 rows, a few more beyond."""

    count_limit = None


# Cursors


class InvalidCursor(Exception):
    """A cursor was not signed by this site, or belongs to another list or order."""


@dataclass(frozen=True)
class CursorPage:
    """
    The rows of a page, and the cursors of the adjacent pages.

    Attributes:
        previous_cursor: an empty string if there is no previous page.
        next_cursor: an empty string if there is no next page.
    """

    object_list: Sequence[Any]
    previous_cursor: str
    next_cursor: str

    def __iter__(self) -> Iterator[Any]:
        return iter(self.object_list)

    def __len__(self) -> int:
        return len(self.object_list)

    def has_previous(self) -> bool:
        return bool(self.previous_cursor)

    def has_next(self) -> bool:
        return bool(self.next_cursor)

    def has_other_pages(self) -> bool:
        return self.has_previous() or self.has_next()


class CursorPaginator:
    """
    Paginate by the row that a page starts after. Each page is one request, and nothing is counted.

    A cursor is signed text with a row's values of the fields in the order, so clients cannot forge
    one. It stays valid if that row is deleted, and rows added in the meantime do not move others to
    another page.

    Args:
        queryset: the rows; its order is replaced.
        per_page: number of rows per page.
        order: names of the model's own fields, with "-" for descending order. The primary key is
            appended unless it is included.

    Raises:
        ImproperlyConfigured: the order names a field of a related model or an expression.
    """

    def __init__(self, queryset: QuerySet[Any], per_page: int, order: Sequence[str]) -> None:
        self.queryset = queryset
        self.per_page = per_page
        named = _with_key(queryset.model, order)
        self._fields = [_own_field(queryset.model, name.removeprefix("-")) for name in named]
        # Order by the key itself, because Django takes a relation's name for the related model's
        # ordering.
        self.order = [
            f"{'-' if name.startswith('-') else ''}{field.attname}"
            for name, field in zip(named, self._fields, strict=True)
        ]
        self._salt = f"appwrite_orm_django.cursor.{queryset.model._meta.label}"

    def page(self, cursor: str = "") -> CursorPage:
        """
        Return the page of a cursor; the first page for an empty one.

        Raises:
            InvalidCursor: the text is not a cursor of this list in this order.
        """
        values, is_backwards = self._read(cursor) if cursor else (None, False)
        order = [_reverse(name) for name in self.order] if is_backwards else self.order
        rows = self.queryset.order_by(*order)
        if values is not None:
            rows = rows.filter(self._beyond(order, values))
        found = list(rows[: self.per_page + 1])
        has_more = len(found) > self.per_page
        del found[self.per_page :]
        if is_backwards:
            found.reverse()
        has_previous, has_next = (
            (has_more, True) if is_backwards else (values is not None, has_more)
        )
        return CursorPage(
            found,
            self._cursor(found[0], is_backwards=True) if found and has_previous else "",
            self._cursor(found[-1], is_backwards=False) if found and has_next else "",
        )

    def _cursor(self, row: models.Model, *, is_backwards: bool) -> str:
        values = [
            None if field.value_from_object(row) is None else field.value_to_string(row)
            for field in self._fields
        ]
        return signing.dumps(
            [",".join(self.order), is_backwards, values], salt=self._salt, compress=True
        )

    def _read(self, cursor: str) -> tuple[list[Any], bool]:
        try:
            order, is_backwards, texts = signing.loads(cursor, salt=self._salt)
        except (signing.BadSignature, json.JSONDecodeError, ValueError) as error:
            raise InvalidCursor from error
        if order != ",".join(self.order):
            raise InvalidCursor
        values = [
            None if text is None else field.to_python(text)
            for field, text in zip(self._fields, texts, strict=True)
        ]
        return values, is_backwards

    def _beyond(self, order: Sequence[str], values: Sequence[Any]) -> Q:
        """Return the condition for rows beyond these values: beyond one, equal in all before it."""
        found, same = Q(pk__in=[]), Q()
        for name, field, value in zip(order, self._fields, values, strict=True):
            key = name.removeprefix("-")
            if (
                after := self._after(key, field, value, is_descending=name.startswith("-"))
            ) is not None:
                found |= same & after
            same &= Q(**{f"{key}__isnull": True}) if value is None else Q(**{key: value})
        return found

    def _after(self, key: str, field: Any, value: Any, *, is_descending: bool) -> Q | None:
        nulls_are_last = _nulls_are_low(self.queryset.db) is is_descending
        if value is None:
            return None if nulls_are_last else Q(**{f"{key}__isnull": False})
        after = Q(**{f"{key}__{'lt' if is_descending else 'gt'}": value})
        return after | Q(**{f"{key}__isnull": True}) if field.null and nulls_are_last else after


def _with_key(model: type[models.Model], order: Sequence[str]) -> list[str]:
    keys = {"pk", model._meta.pk.name}
    kept: list[str] = []
    for name in order:
        kept.append(name)
        if name.removeprefix("-") in keys:
            return kept  # unique, so further fields have no effect
    sign = "-" if kept and kept[-1].startswith("-") else ""
    key = model._meta.pk_fields
    return [*kept, *(f"{sign}{field.name if len(key) > 1 else 'pk'}" for field in key)]


def _reverse(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _own_field(model: type[models.Model], name: str) -> Any:
    if name == "pk":
        return model._meta.pk
    field: Any = next(
        (field for field in model._meta.concrete_fields if name in (field.name, field.attname)),
        None,
    )
    if field is None:
        raise ImproperlyConfigured(
            f"A cursor of {model._meta.label} needs an order by fields of the model itself, got "
            f"{name!r}."
        )
    return field


def _nulls_are_low(alias: str) -> bool:
    connection = connections[alias]
    if is_appwrite(connection):
        return bool(connection.engine.nulls_are_low)
    return not connection.features.nulls_order_largest
