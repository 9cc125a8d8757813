"""Match paths to routes, with their scopes and parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from appwrite_local.engines import Engine
from appwrite_local.errors import ApiError, invalid_argument
from appwrite_local.events import EventLog
from appwrite_local.families import LEGACY, TABLES_DB, Family
from appwrite_local.faults import Fate
from appwrite_local.messages import Request, Response
from appwrite_local.permissions import Identity
from appwrite_local.state import FeatureLevel, ServerState
from appwrite_local.storage import Session
from appwrite_local.validators import CustomId, Datetime, Nullable, Uid, Validator

REQUIRED: Final = object()


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter, in TablesDB's spelling. It is required unless it has a ``default``."""

    name: str
    validator: Validator
    default: Any = REQUIRED
    nullable: bool = False

    def for_engine(self, engine: Engine) -> Param:
        validator = self.validator
        if isinstance(validator, Uid | CustomId) and self.name == "rowId":
            return replace(self, validator=replace(validator, longest=engine.max_id))
        if isinstance(validator, Nullable) and isinstance(validator.inner, Datetime):
            inner = replace(validator.inner, first_year=engine.first_year)
            return replace(self, validator=Nullable(inner))
        return self


@dataclass(slots=True)
class Call:
    """One request inside a route, as its handler sees it."""

    server: ServerState
    session: Session
    identity: Identity
    family: Family
    request: Request
    args: dict[str, Any]
    fate: Fate
    events: EventLog = field(init=False)

    def __post_init__(self) -> None:
        self.events = EventLog(self.identity, self.family)


Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """
    One method on one path.

    Attributes:
        scopes: a caller needs one of them.
        writes: whether the handler may write; it then runs inside a write transaction of the
            storage.
        since: the first feature level with this route.
        writes_schema: whether the route writes a database, a table, a column or an index.
    """

    method: str
    path: str
    handler: Handler
    scopes: tuple[str, ...]
    params: tuple[Param, ...] = ()
    writes: bool = True
    since: FeatureLevel = "1.9"
    family: Family = TABLES_DB
    segments: tuple[str, ...] = field(init=False)
    writes_schema: bool = field(init=False)

    def __post_init__(self) -> None:
        segments = tuple(self.path.strip("/").split("/"))
        words = [segment for segment in segments[1:] if not segment.startswith("{")]
        object.__setattr__(self, "segments", segments)
        object.__setattr__(
            self,
            "writes_schema",
            self.writes
            and segments[0] in ("tablesdb", "databases")
            and not {"transactions", "rows", "documents"}.intersection(words),
        )

    def for_engine(self, engine: Engine) -> Route:
        """Return the route for a database with its own limits of row ids and datetimes."""
        params = tuple(param.for_engine(engine) for param in self.params)
        return replace(self, params=params)

    def in_legacy_words(self) -> Route:
        path = "/".join(LEGACY.segments.get(segment, segment) for segment in self.path.split("/"))
        return replace(self, path=path, family=LEGACY)


@dataclass(slots=True)
class Router:
    """Find the route of a request; a fixed segment wins over a parameter."""

    # The first segment of every route is fixed.
    _by_shape: dict[tuple[str, int, str], list[Route]] = field(default_factory=dict)

    def add(self, routes: Iterable[Route]) -> None:
        for route in routes:
            segments = route.segments
            shape = self._by_shape.setdefault((route.method, len(segments), segments[0]), [])
            shape.append(route)
            shape.sort(key=lambda known: [segment.startswith("{") for segment in known.segments])

    def reader_of(self, route: Route) -> Route | None:
        """Return the route that reads what another one deletes."""
        shape = ("GET", len(route.segments), route.segments[0])
        return next((one for one in self._by_shape.get(shape, ()) if one.path == route.path), None)

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        segments = path.strip("/").split("/")
        for route in self._by_shape.get((method, len(segments), segments[0]), ()):
            values = _match_segments(route.segments, segments)
            if values is not None:
                return route, values
        return None


def _match_segments(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for expected, given in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            values[expected[1:-1]] = given
        elif expected != given:
            return None
    return values


def read_params(
    route: Route, path_values: Mapping[str, str], sent: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Check and collect a route's parameters, in the order of their declaration.

    Raises:
        ApiError: 400 for a missing or invalid one. A null where none is expected is a 500, as on
            the server (recording ``rows-missing-data``).
    """
    args: dict[str, Any] = {}
    for param in route.params:
        name = route.family.name(param.name)
        if param.name in path_values:
            value: Any = path_values[param.name]
        elif name in sent:
            value = sent[name]
        elif param.default is REQUIRED:
            raise invalid_argument(f'Param "{name}" is not optional.')
        else:
            args[param.name] = param.default
            continue
        if value is None and param.default is not REQUIRED:
            if not param.nullable:
                raise ApiError("general_unknown")
        elif (problem := param.validator.problem(value)) is not None:
            raise invalid_argument(f"Invalid `{name}` param: {problem}")
        args[param.name] = value
    return args
