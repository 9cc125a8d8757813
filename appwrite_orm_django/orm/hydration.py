"""
Make instances of rows, bypassing ``Model.__init__`` where it only stores attributes.

``from_db`` takes 2.1 us for a row of six columns. A function compiled once for each model stores
the attributes directly, in 0.3 us. It is used only if the result is the same (see
``_names_to_store``); otherwise Django's own ``ModelIterable`` or ``from_db`` does the work.
"""

from __future__ import annotations

import itertools
import keyword
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from inspect import getattr_static
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.base import ModelBase, ModelState
from django.db.models.fields.files import FileDescriptor
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query import ModelIterable, RawModelIterable
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init

from appwrite_orm_django.backend.aliases import is_appwrite
from appwrite_orm_django.backend.transactions.ends import BlockEnd, uncommitted

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    ModelT = TypeVar("ModelT", bound=models.Model, covariant=True)
    # As in django-stubs: the type of a row, which values() and similar methods change.
    RowT = TypeVar("RowT", covariant=True, default=ModelT)
else:
    from typing import TypeVar

    ModelT, RowT = TypeVar("ModelT"), TypeVar("RowT")
_Result = TypeVar("_Result", covariant=True)

__all__ = [
    "NOTHING_KNOWN",
    "READING",
    "FastModelIterable",
    "InstanceQuerySet",
    "Known",
    "MomentAttribute",
    "Prepared",
    "instance_from",
    "remembers_loaded",
    "writer_for",
]  # fmt: skip


class MomentAttribute(DeferredAttribute):
    """
    Read a timestamp that the server keeps.

    A transaction knows only an estimate for the rows it writes, so the first read after the commit
    asks the server. The class is a data descriptor, because instance attributes take precedence
    over descriptors that only get.
    """

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        held = instance.__dict__
        if "_loaded" in held and held["_loaded"][3] is not None:
            instance._settle_moments()
        try:
            return held[self.field.attname]
        except KeyError:
            return super().__get__(instance, cls)

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value

    def __delete__(self, instance: Any) -> None:
        try:
            del instance.__dict__[self.field.attname]
        except KeyError:
            raise AttributeError(self.field.attname) from None


# For these descriptors, assigning to a new instance only stores the value in ``__dict__``.
_PLAIN_DESCRIPTORS = (
    DeferredAttribute,
    ForeignKeyDeferredAttribute,
    FileDescriptor,
    MomentAttribute,
)
#: The known state of an instance's row: attribute names, their values, the alias they were read
#: from, and the end of the block that decides whether the row will hold them.
Known = tuple[Collection[str], Collection[Any], str | None, BlockEnd | None]
NOTHING_KNOWN: Known = ((), (), None, None)
# ``from_db`` and ``__setattr__`` functions that act as Django's and record reads and assignments.
_remembering: set[Any] = set()
_stock_from_db = models.Model.from_db.__func__  # type: ignore[attr-defined]


def remembers_loaded(model: type[models.Model]) -> None:
    """
    Declare that the model's ``from_db`` and ``__setattr__`` act as Django's and only record.

    ``from_db`` puts what is ``Known`` into ``_loaded``, and ``__setattr__`` notes the names
    assigned to an instance that has ``_loaded``.
    """
    _remembering.update((model.from_db.__func__, model.__setattr__))  # type: ignore[attr-defined]


_names: weakref.WeakKeyDictionary[type[models.Model], list[str] | None] = (
    weakref.WeakKeyDictionary()
)
_writers: weakref.WeakKeyDictionary[type[models.Model], Callable[..., list[models.Model]]] = (
    weakref.WeakKeyDictionary()
)


def writer_for(
    model: type[models.Model], connection: BaseDatabaseWrapper
) -> Callable[..., list[models.Model]] | None:
    """
    Return a function that makes instances of rows as ``model.from_db`` does.

    The rows come from ``connection`` and hold exactly the concrete fields, in order. Use the
    function for one batch only: before the next, a signal may get receivers or a transaction may
    begin.

    Returns:
        ``write(model, rows, db, fetch_mode=None)``, the last argument being Django 6.1's; None if
        only ``from_db`` itself gives the right result.
    """
    from_db = getattr(model.from_db, "__func__", None)
    if from_db is not _stock_from_db and from_db not in _remembering:
        return None
    names = _names_to_store(model)
    if names is None:
        return None
    write = _writers.get(model)
    if write is None:
        write = _writers[model] = _compile(model, names, remember=from_db in _remembering)
    end = uncommitted(connection)
    return write if end is None else partial(write, end=end)


def instance_from(
    model: Any,
    db: str | None,
    values: Collection[Any],
    field_names: Collection[str],
    fetch_mode: Any = None,
) -> Any:
    """
    Return the instance that Django's ``from_db`` makes of these values.

    Return None if making it may do more than store attributes.
    """
    names = _names_to_store(model)
    if names is None:
        return None
    if len(values) != len(names):
        names = [name for name in names if name in field_names]
    instance = object.__new__(model)
    state = ModelState()
    state.adding = False
    state.db = db
    if fetch_mode is not None:
        state.fetch_mode = fetch_mode  # type: ignore[attr-defined]  # Django 6.1's
    held = instance.__dict__
    held["_state"] = state
    held.update(zip(names, values, strict=True))
    return instance


def _names_to_store(model: Any) -> list[str] | None:
    """
    Return the attribute names of the concrete fields.

    Return None if making an instance may do more than store these attributes.
    """
    # These can change while the process runs: signals get receivers, and tests replace methods.
    if (
        model.__init__ is not models.Model.__init__
        or (pre_init.receivers and pre_init.has_listeners(model))
        or (post_init.receivers and post_init.has_listeners(model))
    ):
        return None
    try:
        return _names[model]
    except KeyError:
        names = [field.attname for field in model._meta.concrete_fields]
        found = _names[model] = names if _stores_plainly(model, names) else None
        return found


def _stores_plainly(model: type[models.Model], names: Sequence[str]) -> bool:
    if type(model).__call__ is not ModelBase.__call__:
        return False
    for base in model.__mro__:
        # ``Model.__init__`` calls ``super().__init__()``, so a mixin after it counts as well.
        own = {"__init__", "__new__", "__setattr__", "__getattribute__"} & vars(base).keys()
        if base not in (models.Model, object) and any(
            vars(base)[name] not in _remembering for name in own
        ):
            return False
    return all(type(getattr_static(model, name, None)) in _PLAIN_DESCRIPTORS for name in names)


def _compile(
    model: type[models.Model],
    names: Sequence[str],
    *,
    remember: bool,
    by_attribute: bool | None = None,
) -> Callable[..., list[models.Model]]:
    if by_attribute is None:
        by_attribute = all(map(_is_plain_name, names)) and _is_plain_object(model)
    store = "instance.{}" if by_attribute else "store[{!r}]"
    lines = (
        "def write(model, rows, db, fetch_mode=None, end=None):",
        "    made = []",
        "    for row in rows:",
        "        instance = new(Plain)" if by_attribute else "        instance = new(model)",
        "        state = ModelState()",
        "        state.adding = False",
        "        state.db = db",
        "        if fetch_mode is not None:",
        "            state.fetch_mode = fetch_mode",
        "" if by_attribute else "        store = instance.__dict__",
        f"        {store.format('_state')} = state",
        f"        {' '.join(store.format(name) + ',' for name in names)} = row",
        f"        {store.format('_loaded')} = (names, row, db, end)" if remember else "",
        "        instance.__class__ = model" if by_attribute else "",
        "        made.append(instance)",
        "    return made",
    )
    namespace: dict[str, Any] = {
        "new": object.__new__,
        "ModelState": ModelState,
        "names": list(names),
        # Storing is cheapest on a class without ``__setattr__``. Each model has its own such class,
        # so that its instances share their keys.
        "Plain": type("Plain", (), {}),
    }
    # Only field names get into this text, and they are quoted or known to be identifiers. On
    # Python 3.11 a row of six columns takes 0.21 us by attribute, 0.26 us through ``__dict__``, and
    # 0.33 us with a new dict.
    exec("\n".join(lines), namespace)  # noqa: S102
    write: Callable[..., list[models.Model]] = namespace["write"]
    return write


def _is_plain_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _is_plain_object(model: type[models.Model]) -> bool:
    """Return whether an instance of an empty class can become an instance of the model."""
    try:
        type("Plain", (), {})().__class__ = model
    except TypeError:
        return False
    return True


class FastModelIterable(ModelIterable):
    """A ``ModelIterable`` that is faster for reading whole instances of one model."""

    queryset: Any
    chunked_fetch: bool
    chunk_size: int

    def __iter__(self) -> Iterator[models.Model]:
        queryset = self.queryset
        connection = connections[queryset.db]
        fetch_mode = getattr(queryset, "_fetch_mode", None)
        special = is_special(queryset.query, fetch_mode) or (
            self.chunked_fetch and _selects_more(queryset.query)
        )
        write = None if special else writer_for(queryset.model, connection)
        if write is None:
            return super().__iter__()
        if self.chunked_fetch:
            return self._streamed(connection, fetch_mode)
        made = self._made(write, connection.alias, fetch_mode)
        if queryset._known_related_objects:
            attach(queryset, made)
        return iter(made)

    def _streamed(self, connection: BaseDatabaseWrapper, fetch_mode: Any) -> Iterator[models.Model]:
        queryset = self.queryset
        compiler = queryset.query.get_compiler(using=connection.alias)
        # Like Django's iterable, this generator runs the query only on the first ``next()``.
        found = iter(
            compiler.results_iter(
                compiler.execute_sql(chunked_fetch=True, chunk_size=self.chunk_size)
            )
        )
        while rows := list(itertools.islice(found, self.chunk_size)):
            write = writer_for(queryset.model, connection)
            if write is None:  # a signal got receivers since the last chunk
                names = [field.attname for field in queryset.model._meta.concrete_fields]
                made = [queryset.model.from_db(connection.alias, names, row) for row in rows]
            else:
                made = write(queryset.model, rows, connection.alias, fetch_mode)
            if queryset._known_related_objects:
                attach(queryset, made)
            yield from made

    def _made(
        self, write: Callable[..., list[models.Model]], db: str, fetch_mode: Any
    ) -> list[models.Model]:
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
                # writer_for() has excluded models with a ``__setattr__`` that does more.
                object.__setattr__(instance, name, row[position])
        return made


def is_special(query: Any, fetch_mode: Any) -> bool:
    """Return whether instances hold other fields than their model's, or track their peers."""
    return bool(
        query.select_related
        or not query.default_cols
        or query.deferred_loading != (frozenset(), True)
        or getattr(fetch_mode, "track_peers", False)
    )


def _selects_more(query: Any) -> bool:
    return bool(query.annotation_select or query.extra_select)


def attach(queryset: Any, made: Iterable[models.Model]) -> None:
    """Set related objects that are known already, such as the author in ``author.books.all()``."""
    for field, known in queryset._known_related_objects.items():
        names = [name if name != "self" else field.attname for name in field.from_fields]
        key_of = attrgetter(*(queryset.model._meta.get_field(name).attname for name in names))
        for instance in made:
            related = known.get(key_of(instance))
            if related is not None and not field.is_cached(instance):
                setattr(instance, field.name, related)


#: The functions that assign to instances while reading: annotations and known related objects.
READING = frozenset(
    function.__code__ for function in (ModelIterable.__iter__, RawModelIterable.__iter__, attach)
)


class InstanceQuerySet(models.QuerySet[ModelT, RowT]):
    """A queryset that makes its instances with ``FastModelIterable``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._iterable_class = FastModelIterable

    def prepared(self) -> Prepared[RowT]:
        """
        Return this queryset compiled, to be iterated over any number of times.

        Each iteration reads afresh and costs little more than asking the cache.

        >>> cheap = Product.objects.filter(price__lt=10).order_by("name").prepared()  # doctest:
        +SKIP
        >>> [product.name for product in cheap]  # doctest: +SKIP

        The result can be kept, for example at module level, and shared between threads. Its query
        is fixed when this method is called; its rows are those that ``list(queryset.all())`` would
        return at the time of the iteration.
        """
        return Prepared(self)


class Prepared(Generic[_Result]):
    """
    A compiled queryset: iterate over it, or call it for a new list.

    ``InstanceQuerySet.prepared()`` returns it. Querysets that cannot be kept compiled (joins,
    subqueries, ``values()``, ``prefetch_related()``, local evaluation, databases other than
    Appwrite) are evaluated as usual.
    """

    def __init__(self, queryset: InstanceQuerySet[Any, _Result]) -> None:
        # A private copy. It is never evaluated itself, so it keeps no rows.
        self._queryset: Any = queryset.all()
        self._fetch_mode = getattr(self._queryset, "_fetch_mode", None)
        self._is_plain = not (
            self._queryset._iterable_class is not FastModelIterable
            or self._queryset._prefetch_related_lookups
            or self._queryset.query.annotations
            or self._queryset.query.extra
            or is_special(self._queryset.query, self._fetch_mode)
        )

    def __iter__(self) -> Iterator[_Result]:
        return iter(self())

    def __call__(self) -> list[_Result]:
        """Return the rows, from the cache where it is fresh."""
        queryset = self._queryset
        connection = connections[queryset.db]
        if not self._is_plain or not is_appwrite(connection):
            return list(queryset.all())
        write = writer_for(queryset.model, connection)
        known = None if write is None else connection.prepared_reads.of_owner(self, self._query)
        if known is None or write is None:
            return list(queryset.all())
        made: list[Any] = write(
            queryset.model,
            connection.prepared_reads.rows(known),
            connection.alias,
            self._fetch_mode,
        )
        if queryset._known_related_objects:
            attach(queryset, made)
        return made

    def _query(self) -> Any:
        return self._queryset.all().query
