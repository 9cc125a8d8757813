"""
Simulate the faults of networks, proxies and busy servers when a test requests them.

Set faults by ``LocalServer(faults=[...])``, by ``appwrite_server --fault TEXT``, or through the
endpoint ``/v1/local/faults``, which only this server has and only its full key may use. Each
process has its own faults; requests to ``/v1/local/`` are never affected.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from appwrite_local import delays, identifiers
from appwrite_local.errors import ApiError
from appwrite_local.messages import Request, Response
from appwrite_local.schema import Column

Kind = Literal[
    "latency",
    "rate-limit",
    "error",
    "cut",
    "slow-columns",
    "stuck-columns",
    "failed-columns",
    "expired-key",
    "race",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
_COLUMN_KINDS = ("slow-columns", "stuck-columns", "failed-columns")
_CHANGES = ("PATCH", "PUT", "DELETE")
_CONTESTED = ("/rows", "/documents", "/transactions/")
_STATUSES = (500, 502, 503, 504)

PREFIX = "/local/"
SCOPES = ("local.admin",)


@dataclass(slots=True)
class Fault:
    """
    One fault.

    Attributes:
        kind: ``latency``: the answer comes ``seconds`` late. ``rate-limit``: 429 with
            ``Retry-After: seconds``. ``error``: ``status``, 500 and 503 in Appwrite's envelope, 502
            and 504 as a proxy's page. ``cut``: the connection is closed without an answer.
            ``slow-columns``: columns and indexes take ``seconds`` longer; ``stuck-columns``: they
            stay ``processing`` forever; ``failed-columns``: columns end as ``failed``.
            ``expired-key``: 401 ``project_key_expired`` for requests with a key. ``race``: a change
            of rows, or a commit, loses to another writer until the server gives up, as on MongoDB:
            500 ``general_unknown``, or 400 ``transaction_failed`` and a failed transaction.
        method: affects only requests of this method.
        path: affects only requests whose path after ``/v1`` matches this shell pattern; ``*``
            matches slashes too.
        times: how many requests to affect; ``None`` for all.
        applied: for ``error`` and ``cut``: whether the request still takes effect.
    """

    kind: Kind
    method: str = "*"
    path: str = "*"
    times: int | None = None
    seconds: float = 1.0
    status: int = 503
    applied: bool = False
    id: str = field(default_factory=identifiers.new_id)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; the faults are {', '.join(KINDS)}")
        if self.status not in _STATUSES:
            raise ValueError(
                f"status must be one of {', '.join(map(str, _STATUSES))}, got {self.status!r}"
            )
        if self.seconds < 0 or (self.times is not None and self.times < 1):
            raise ValueError(
                f"seconds must be at least 0 and times at least 1, got {self.seconds!r} and "
                f"{self.times!r}"
            )

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and fnmatchcase(path, self.path)


def parse_fault(text: str) -> Fault:
    """
    Parse ``kind,option=value,...``, the format of the command's flag.

    >>> fault = parse_fault("cut,method=POST,path=*/rows,times=1,applied=true")
    >>> (fault.kind, fault.method, fault.path, fault.times, fault.applied)
    ('cut', 'POST', '*/rows', 1, True)

    Raises:
        ValueError: an unknown kind or option, or an invalid value.
    """
    kind, *options = text.split(",")
    given: dict[str, Any] = {"kind": kind.strip()}
    for option in options:
        name, equals, value = (part.strip() for part in option.partition("="))
        if not equals or name not in _READERS:
            raise ValueError(
                f"unknown option {name!r}; the options of faults are {', '.join(_READERS)}"
            )
        given[name] = _READERS[name](value)
    return Fault(**given)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"expected true or false, got {text!r}")
    return text == "true"


_READERS: dict[str, Any] = {
    "method": str.upper, "path": str, "times": int, "seconds": float, "status": int, "applied": _flag,
}  # fmt: skip


class Faults:
    """The faults of one server in one process."""

    def __init__(self, faults: Sequence[Fault | str] = ()) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.hits: dict[str, int] = {}
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault | str) -> Fault:
        """Add a fault, given as an object or as text."""
        made = parse_fault(fault) if isinstance(fault, str) else fault
        with self._lock:
            self._faults.append(made)
        return made

    def remove(self, fault_id: str) -> bool:
        with self._lock:
            before = len(self._faults)
            self._faults = [fault for fault in self._faults if fault.id != fault_id]
            return len(self._faults) < before

    def clear(self) -> None:
        with self._lock:
            self._faults = []

    def listed(self) -> list[Fault]:
        with self._lock:
            return list(self._faults)

    @contextlib.contextmanager
    def active(self, *faults: Fault | str) -> Iterator[list[Fault]]:
        """Apply faults during the block."""
        made = [self.add(fault) for fault in faults]
        try:
            yield made
        finally:
            for fault in made:
                self.remove(fault.id)

    def take(self, request: Request, path: str) -> list[Fault]:
        """Count a request and return its faults; of errors, limits and cuts only the first."""
        if not self._faults or path.startswith(PREFIX):
            return []
        found: list[Fault] = []
        with self._lock:
            for fault in list(self._faults):
                if not fault.matches(request.method, path) or not _concerns(fault, request, path):
                    continue
                if fault.kind != "latency" and any(other.kind != "latency" for other in found):
                    continue
                found.append(fault)
                self._count(fault)
        return found

    def _count(self, fault: Fault) -> None:
        self.hits[fault.id] = self.hits.get(fault.id, 0) + 1
        if fault.times is not None and self.hits[fault.id] >= fault.times:
            self._faults.remove(fault)


def _concerns(fault: Fault, request: Request, path: str) -> bool:
    if fault.kind in _COLUMN_KINDS:
        return request.method == "POST" and any(
            part in path for part in ("/columns/", "/attributes/", "/indexes")
        )
    if fault.kind == "expired-key":
        return "x-appwrite-key" in request.headers
    if fault.kind == "race":
        return request.method in _CHANGES and any(part in path for part in _CONTESTED)
    return True


def answer_before(faults: Sequence[Fault], path: str) -> Response | None:
    """Return the answer that replaces the handling of a request, or ``None``."""
    for fault in faults:
        if fault.kind == "rate-limit":
            return _rate_limited(fault)
        if fault.kind in ("error", "cut") and not fault.applied:
            return _instead(fault)
        if fault.kind == "expired-key":
            return _refused("project_key_expired")
        if fault.kind == "race" and "/transactions/" not in path:
            return _refused("general_unknown")
    return None


def answer_after(faults: Sequence[Fault], response: Response) -> Response:
    """Return the answer to a handled request as its caller receives it."""
    for fault in faults:
        if fault.kind in ("error", "cut"):
            response = _instead(fault)
        elif fault.kind == "latency":
            response.delay_s += fault.seconds
    return response


def _instead(fault: Fault) -> Response:
    if fault.kind == "cut":
        return Response(0, cut=True)
    if fault.status in (500, 503):
        return _refused("general_unknown" if fault.status == 500 else "general_unavailable")
    page = f"<html><head><title>{fault.status}</title></head><body><h1>{fault.status} Bad Gateway</h1></body></html>"
    return Response(fault.status, page.encode(), {"Content-Type": "text/html"})


def _rate_limited(fault: Fault) -> Response:
    response = _refused("general_rate_limit_exceeded")
    response.headers |= {
        "Retry-After": f"{fault.seconds:.0f}",
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "0",
    }
    return response


def _refused(error_type: str) -> Response:
    return ApiError(error_type).response()


@dataclass(slots=True)
class Fate:
    """
    The outcome of creating a column or index, or of a commit.

    Attributes:
        delay_s: seconds until it is available, in addition to the server's own delay.
        failure: the text of its error, if it ends as ``failed``.
        loses_race: whether a commit fails because of other writers.
    """

    delay_s: float = 0.0
    failure: str = ""
    loses_race: bool = False


def fate_of(faults: Sequence[Fault]) -> Fate:
    fate = Fate(loses_race=any(fault.kind == "race" for fault in faults))
    for fault in faults:
        if fault.kind == "slow-columns":
            fate.delay_s += fault.seconds
        elif fault.kind == "stuck-columns":
            fate.delay_s = delays.NEVER
        elif fault.kind == "failed-columns":
            fate.failure = "Failed to create: the database refused it."
    return fate


def apply_to_column(column: Column, fate: Fate) -> None:
    if fate.failure:
        column.options["failed"] = fate.failure
