"""
From rows to instances, without ``Model.__init__`` where that is known to do nothing but store attributes.

``from_db`` takes 2.1 us a row of six columns, of which 0.3 us are needed: a function that is compiled once per model stores the
attributes directly. It is used only where nobody can tell the difference (see ``_compiled_for`` and ``_is_stock``), else Django's own
``ModelIterable`` or ``from_db`` is.
"""

from __future__ import annotations

import itertools
import keyword
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from inspect import getattr_static
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import connections, models
from django.db.models.base import ModelBase, ModelState
from django.db.models.fields.files import FileDescriptor
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query import ModelIterable
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init

__all__ = ["FastModelIterable", "InstanceQuerySet", "Prepared", "may_be_rolled_back", "remembers_loaded", "writer_for"]

# What assigning to a field of a new instance does with these comes to storing the value in ``__dict__``.
_PLAIN_DESCRIPTORS = (DeferredAttribute, ForeignKeyDeferredAttribute, FileDescriptor)
# The ``from_db`` functions that do as Django's and put ``(names, values)`` into ``_loaded`` where that is certain.
_remembering: set[Any] = set()
_stock_from_db = models.Model.from_db.__func__  # type: ignore[attr-defined]


def remembers_loaded(model: type[models.Model]) -> None:
    """Take the model's ``from_db`` for one that does as Django's, and then remembers ``_loaded`` unless it may be rolled back."""
    _remembering.add(model.from_db.__func__)  # type: ignore[attr-defined]


def may_be_rolled_back(connection: Any) -> bool:
    """Say whether what is read and written on a connection now is not committed yet."""
    if not connection.in_atomic_block:
        return False
    transaction = getattr(connection, "transaction", None)
    return transaction is None or bool(transaction.log.operations)


class _Writer(NamedTuple):
    """How instances of a model are made: ``write`` (see ``writer_for``), and the variant that leaves ``_loaded`` out."""

    from_db: Any
    write: Callable[..., list[models.Model]]
    write_unremembered: Callable[..., list[models.Model]]


_writers: weakref.WeakKeyDictionary[type[models.Model], _Writer | None] = weakref.WeakKeyDictionary()


def writer_for(model: type[models.Model], connection: Any) -> Callable[..., list[models.Model]] | None:
    """
    Return what makes instances as ``model.from_db`` does, of rows from ``connection`` that hold every concrete field in order and nothing else.

    It is good for one batch: whether signals are listened to, and whether what is read may be rolled back, can be different for the next.

    Returns:
        ``write(model, rows, db, fetch_mode=None)``, the last being Django 6.1's; None if only ``from_db`` itself will do.
    """
    writer = _writer(model)
    if writer is None or not _is_stock(model, writer.from_db):
        return None
    if writer.from_db is _stock_from_db or may_be_rolled_back(connection):
        return writer.write_unremembered
    return writer.write


def _writer(model: type[models.Model]) -> _Writer | None:
    try:
        return _writers[model]
    except KeyError:
        writer = _writers[model] = _compiled_for(model)
        return writer


def _is_stock(model: Any, from_db: Any) -> bool:
    """Say what can change while the process runs: nobody listens to instances being made, and no test has put a mock in the way."""
    return (
        model.__init__ is models.Model.__init__
        and model.from_db.__func__ is from_db
        and not (pre_init.receivers and pre_init.has_listeners(model))
        and not (post_init.receivers and post_init.has_listeners(model))
    )


def _compiled_for(model: type[models.Model]) -> _Writer | None:
    """Compile what makes instances of this model; None if making one may do more than to store attributes."""
    from_db = getattr(model.from_db, "__func__", None)
    if from_db is not _stock_from_db and from_db not in _remembering:
        return None
    if type(model).__call__ is not ModelBase.__call__:
        return None
    for base in model.__mro__:
        # ``Model.__init__`` calls the next one in line, so that of a mixin behind it counts as well.
        own = {"__init__", "__new__", "__setattr__", "__getattribute__"} & vars(base).keys()
        if own and base not in (models.Model, object):
            return None
    names = [field.attname for field in model._meta.concrete_fields]
    descriptors = [type(getattr_static(model, name, None)) for name in names]
    if any(descriptor not in _PLAIN_DESCRIPTORS for descriptor in descriptors):
        return None
    # From Python 3.11 on an instance without ``__dict__`` in use holds attributes more cheaply; a descriptor that stores uses it.
    by_attribute = (
        sys.version_info >= (3, 11)
        and all(
            descriptor is DeferredAttribute and _is_plain_name(name)
            for descriptor, name in zip(descriptors, names, strict=True)
        )
        and not any(hasattr(model, name) for name in ("_state", "_loaded"))
    )
    return _Writer(
        from_db, *(_compile(names, remember=remember, by_attribute=by_attribute) for remember in (True, False))
    )


def _is_plain_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _compile(names: Sequence[str], *, remember: bool, by_attribute: bool) -> Callable[..., list[models.Model]]:
    store = "instance.{}" if by_attribute else "store[{!r}]"
    lines = (
        "def write(model, rows, db, fetch_mode=None):",
        "    made = []",
        "    for row in rows:",
        "        instance = new(model)",
        "        state = ModelState()",
        "        state.adding = False",
        "        state.db = db",
        "        if fetch_mode is not None:",
        "            state.fetch_mode = fetch_mode",
        "" if by_attribute else "        store = instance.__dict__",
        f"        {store.format('_state')} = state",
        f"        {' '.join(store.format(name) + ',' for name in names)} = row",
        f"        {store.format('_loaded')} = (names, row)" if remember else "",
        "        made.append(instance)",
        "    return made",
    )
    namespace: dict[str, Any] = {"new": object.__new__, "ModelState": ModelState, "names": list(names)}
    # Nothing from outside gets into the text but names of fields, quoted or known to be identifiers. A row of six columns takes
    # 0.32 us by attribute and 0.35 through ``__dict__`` on 3.11, 0.54 and 0.49 on 3.10; 0.73 with a new dict.
    exec("\n".join(lines), namespace)  # noqa: S102
    write: Callable[..., list[models.Model]] = namespace["write"]
    return write


class FastModelIterable(ModelIterable):
    """Django's ``ModelIterable``, quicker where whole instances of one model are read at once."""

    queryset: Any
    chunked_fetch: bool
    chunk_size: int

    def __iter__(self) -> Iterator[models.Model]:
        queryset = self.queryset
        connection: Any = connections[queryset.db]
        fetch_mode = getattr(queryset, "_fetch_mode", None)
        special = is_special(queryset.query, fetch_mode) or (self.chunked_fetch and _selects_more(queryset.query))
        write = None if special else writer_for(queryset.model, connection)
        if write is None:
            return super().__iter__()
        if self.chunked_fetch:
            return self._streamed(connection, fetch_mode)
        known = connection.known_reads.of_shape(queryset.query) if connection.vendor == "appwrite" else None
        if known is not None:
            made = write(queryset.model, connection.known_reads.rows(known), connection.alias, fetch_mode)
        else:
            made = self._made(write, connection.alias, fetch_mode)
        if queryset._known_related_objects:
            attach(queryset, made)
        return iter(made)

    def _streamed(self, connection: Any, fetch_mode: Any) -> Iterator[models.Model]:
        queryset = self.queryset
        compiler = queryset.query.get_compiler(using=connection.alias)
        # Django's own iterable does not ask before the first instance is wanted either.
        found = iter(compiler.results_iter(compiler.execute_sql(chunked_fetch=True, chunk_size=self.chunk_size)))
        while rows := list(itertools.islice(found, self.chunk_size)):
            write = writer_for(queryset.model, connection)
            if write is None:  # somebody listens since
                names = [field.attname for field in queryset.model._meta.concrete_fields]
                made = [queryset.model.from_db(connection.alias, names, row) for row in rows]
            else:
                made = write(queryset.model, rows, connection.alias, fetch_mode)
            if queryset._known_related_objects:
                attach(queryset, made)
            yield from made

    def _made(self, write: Callable[..., list[models.Model]], db: str, fetch_mode: Any) -> list[models.Model]:
        query, model = self.queryset.query, self.queryset.model
        compiler = query.get_compiler(using=db)
        rows = compiler.results_iter(compiler.execute_sql())
        annotations = compiler.annotation_col_map
        if not annotations:
            return write(model, rows, db, fetch_mode)
        fields = compiler.klass_info["select_fields"]
        start, end = fields[0], fields[-1] + 1
        rows = list(rows)
        made = write(model, [row[start:end] for row in rows], db, fetch_mode)
        for instance, row in zip(made, rows, strict=True):
            for name, position in annotations.items():
                setattr(instance, name, row[position])
        return made


def is_special(query: Any, fetch_mode: Any) -> bool:
    """Say whether instances hold less or more than the fields of one model, or know of each other."""
    return bool(
        query.select_related
        or not query.default_cols
        or query.deferred_loading != (frozenset(), True)
        or getattr(fetch_mode, "track_peers", False)
    )


def _selects_more(query: Any) -> bool:
    return bool(query.annotation_select or query.extra_select)


def attach(queryset: Any, made: Iterable[models.Model]) -> None:
    """Give instances the objects that they were found through, such as the author in ``author.books.all()``."""
    for field, known in queryset._known_related_objects.items():
        names = [name if name != "self" else field.attname for name in field.from_fields]
        key_of = attrgetter(*(queryset.model._meta.get_field(name).attname for name in names))
        for instance in made:
            related = known.get(key_of(instance))
            if related is not None and not field.is_cached(instance):
                setattr(instance, field.name, related)


class InstanceQuerySet(models.QuerySet):
    """A queryset whose rows become instances in the quick way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._iterable_class = FastModelIterable

    def prepared(self) -> Prepared:
        """
        Return this queryset compiled: something to iterate over, each time a read of its own, at about the cost of asking the cache.

        >>> cheap = Product.objects.filter(price__lt=10).order_by("name").prepared()  # doctest: +SKIP
        >>> [product.name for product in cheap]  # doctest: +SKIP

        It may be kept, in a module as well, and shared by threads. What it asks is what the queryset asked when this was called; what
        it answers is what ``list(queryset.all())`` would now.
        """
        return Prepared(self)


class Prepared:
    """
    What ``InstanceQuerySet.prepared()`` returns: iterate over it, or call it for a list of its own.

    A queryset that cannot be kept compiled (joins, subqueries, ``values()``, ``prefetch_related``, anything evaluated locally, another
    database than Appwrite) is evaluated as always.
    """

    def __init__(self, queryset: InstanceQuerySet) -> None:
        # A copy that nobody else can change. Never evaluated itself, so it keeps no rows.
        self._queryset: Any = queryset.all()
        self._fetch_mode = getattr(self._queryset, "_fetch_mode", None)
        self._is_plain = not (
            self._queryset._iterable_class is not FastModelIterable
            or self._queryset._prefetch_related_lookups
            or self._queryset.query.annotations
            or self._queryset.query.extra
            or is_special(self._queryset.query, self._fetch_mode)
        )

    def __iter__(self) -> Iterator[Any]:
        return iter(self())

    def __call__(self) -> list[Any]:
        """Read the rows, from the cache where it is fresh."""
        queryset = self._queryset
        connection: Any = connections[queryset.db]
        write = writer_for(queryset.model, connection) if self._is_plain and connection.vendor == "appwrite" else None
        known = None if write is None else connection.known_reads.of_owner(self, self._query)
        if known is None or write is None:
            return list(queryset.all())
        made = write(queryset.model, connection.known_reads.rows(known), connection.alias, self._fetch_mode)
        if queryset._known_related_objects:
            attach(queryset, made)
        return made

    def _query(self) -> Any:
        return self._queryset.all().query
