"""Pages of long tables: by number without counting every row, and by cursor, where page 10,000 costs what page 1 costs."""

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

__all__ = ["AppwritePaginator", "AtLeast", "CursorPage", "CursorPaginator", "ExactPaginator", "InvalidCursor"]

#: Appwrite counts no further in one request (recording ``total-cap``).
COUNT_LIMIT = 5000

# An offset that is no 32-bit number is refused by the server; no table is so long.
MAX_OFFSET = 2**31 - 1


class AtLeast(int):
    """A number of rows of which there may be more: ``AtLeast(5000)`` reads "5000+"."""

    def __str__(self) -> str:
        return f"{int(self)}+"

    __repr__ = __str__


@contextmanager
def counting_with(rows: QuerySet[Any]) -> Iterator[Callable[[], bool]]:
    """
    Let the first count inside that has to ask the server read these rows with the same request, if it is their table's.

    Yields:
        whether that was so; the queryset then has its rows.
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
    Django's paginator, but for tables longer than the server counts in one request.

    Of those it knows ``count_limit`` rows ("5000+"); the pages beyond are there as well, and the last one is known when it is reached.
    A page brings the count along where neither is cached: one request for both. Counting alone takes one, too.

    Attributes:
        count_limit: rows to count at most, None to count all of them (a few requests more beyond 5,000 rows).
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
                # Django ends the last slice at the count, which makes another question of it, and another entry of the cache.
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
        """Count, reading the page along with it if the server has to be asked; return its rows if that was so."""
        queryset: Any = self.object_list
        if "count" in self.__dict__ or self.orphans or not isinstance(queryset, QuerySet) or queryset.query.is_sliced:
            return None
        try:
            bottom = (self._page_number(number) - 1) * self.per_page
        except (EmptyPage, PageNotAnInteger):
            return None  # whoever validates the number says so
        if bottom < 0:
            return None
        rows: QuerySet[Any] = queryset[bottom : bottom + self.per_page]
        with counting_with(rows) as were_read:
            _ = self.count
        return rows if were_read() else None


class ExactPaginator(AppwritePaginator):
    """Counts every row: one request up to 5,000 rows, a few more beyond."""

    count_limit = None


# Cursors


class InvalidCursor(Exception):
    """A cursor was not made by this site, or for another list or another order."""


@dataclass(frozen=True)
class CursorPage:
    """
    The rows of one page, and the way to the pages beside it.

    Attributes:
        previous_cursor: empty text where there is no page before.
        next_cursor: empty text where there is none after.
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
    Pages that begin after a row instead of at a number: each is one request, and nothing is counted.

    A cursor is signed text that holds the sorted values of a row. It stays good when that row is deleted, rows that are added
    meanwhile move no row to another page, and nobody can make one up.

    Args:
        queryset: its own order is replaced.
        per_page: rows.
        order: names of the model's own fields, "-" before those that descend; the primary key is added unless it is there.

    Raises:
        ImproperlyConfigured: an order by a related model's field or by an expression.
    """

    def __init__(self, queryset: QuerySet[Any], per_page: int, order: Sequence[str]) -> None:
        self.queryset = queryset
        self.per_page = per_page
        named = _with_key(queryset.model, order)
        self._fields = [_own_field(queryset.model, name.removeprefix("-")) for name in named]
        # By the key itself: Django takes the name of a relation for the order of the related model.
        self.order = [
            f"{'-' if name.startswith('-') else ''}{field.attname}"
            for name, field in zip(named, self._fields, strict=True)
        ]
        self._salt = f"appwrite_orm_django.cursor.{queryset.model._meta.label}"

    def page(self, cursor: str = "") -> CursorPage:
        """
        Return the page that a cursor leads to, the first one for none.

        Raises:
            InvalidCursor: the text is no cursor of this list in this order.
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
        has_previous, has_next = (has_more, True) if is_backwards else (values is not None, has_more)
        return CursorPage(
            found,
            self._cursor(found[0], is_backwards=True) if found and has_previous else "",
            self._cursor(found[-1], is_backwards=False) if found and has_next else "",
        )

    def _cursor(self, row: models.Model, *, is_backwards: bool) -> str:
        values = [
            None if field.value_from_object(row) is None else field.value_to_string(row) for field in self._fields
        ]
        return signing.dumps([",".join(self.order), is_backwards, values], salt=self._salt, compress=True)

    def _read(self, cursor: str) -> tuple[list[Any], bool]:
        try:
            order, is_backwards, texts = signing.loads(cursor, salt=self._salt)
        except (signing.BadSignature, json.JSONDecodeError, ValueError) as error:
            raise InvalidCursor from error
        if order != ",".join(self.order):
            raise InvalidCursor
        values = [
            None if text is None else field.to_python(text) for field, text in zip(self._fields, texts, strict=True)
        ]
        return values, is_backwards

    def _beyond(self, order: Sequence[str], values: Sequence[Any]) -> Q:
        """Return the condition for the rows after one with these values: greater in one field and equal in all before it."""
        found, same = Q(pk__in=[]), Q()
        for name, field, value in zip(order, self._fields, values, strict=True):
            key = name.removeprefix("-")
            if (after := self._after(key, field, value, is_descending=name.startswith("-"))) is not None:
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
            return kept  # unique: what follows decides nothing
    return [*kept, "-pk" if kept and kept[-1].startswith("-") else "pk"]


def _reverse(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _own_field(model: type[models.Model], name: str) -> Any:
    if name == "pk":
        return model._meta.pk
    field: Any = next((one for one in model._meta.concrete_fields if name in (one.name, one.attname)), None)
    if field is None:
        raise ImproperlyConfigured(
            f"{model._meta.label} can be paged by cursor in the order of its own fields, not {name!r}."
        )
    return field


def _nulls_are_low(alias: str) -> bool:
    connection = connections[alias]
    if is_appwrite(connection):
        return connection.text_semantics == "mariadb"
    return not connection.features.nulls_order_largest
