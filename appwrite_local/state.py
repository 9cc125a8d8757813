"""Hold a server's settings, and the state that one process keeps between requests."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Literal

from appwrite_local.engines import Engine
from appwrite_local.faults import Faults
from appwrite_local.messages import Request, Response
from appwrite_local.schema import Deletions, SchemaCache
from appwrite_local.storage import Storage

FeatureLevel = Literal["1.9", "2.x"]

#: The key unless another one is given. It is public.
DEFAULT_KEY = "secret"
MAX_LISTS = 1_000


class ListCache:
    """
    List answers that a client asked to be kept for a while, by request.

    Schema changes and ``purge`` drop those of a table. Written rows do not show in them until they
    expire (recording ``list-cache``).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[tuple[Hashable, ...], tuple[float, Response]] = OrderedDict()

    def answer(
        self, key: tuple[Hashable, ...], ttl_s: int, make: Callable[[], Response]
    ) -> Response:
        """Return the kept answer, or make and keep it. ``key`` starts with the table's sequence."""
        with self._lock:
            until, kept = self._answers.get(key, (0.0, None))
        if kept is not None and until > time.monotonic():
            return _marked(kept, "hit")
        made = make()
        with self._lock:
            self._answers[key] = (time.monotonic() + ttl_s, made)
            while len(self._answers) > MAX_LISTS:
                self._answers.popitem(last=False)
        return _marked(made, "miss")

    def purge(self, table_seq: int) -> None:
        with self._lock:
            for key in [key for key in self._answers if key[0] == table_seq]:
                del self._answers[key]


def _marked(response: Response, cache: str) -> Response:
    return replace(response, headers={**response.headers, "X-Appwrite-Cache": cache})


@dataclass(eq=False, repr=False)
class ServerState:
    """
    The server as the handlers of routes see it; ``LocalServer`` documents its settings.

    Attributes:
        key_hash: a hash of the key, so that the objects of this process do not show the key itself.
        young_indexes: for how many further requests an index reads ``processing``, by its number.
        operation_problem: why a list of operations was last rejected.
    """

    storage: Storage
    project: str | None
    key_hash: bytes | None
    feature_level: FeatureLevel
    engine: Engine
    column_delay_s: float
    index_lag: int
    faults: Faults
    young_indexes: dict[int, int] = field(default_factory=dict)
    deletions: Deletions = field(default_factory=Deletions)
    lists: ListCache = field(default_factory=ListCache)
    schema: SchemaCache = field(default_factory=SchemaCache)
    operation_problem: str = ""

    @property
    def key_is_known(self) -> bool:
        """Whether the accepted key is public: any key, the default key, or an empty one."""
        return self.key_hash is None or self.key_hash in (hash_key(DEFAULT_KEY), hash_key(""))

    def knows_project(self, project: str) -> bool:
        return self.project is None or project == self.project

    def accepts_key(self, secret: str) -> bool:
        if self.key_hash is None:
            return bool(secret)
        return hmac.compare_digest(hash_key(secret), self.key_hash)

    def casts_sequences(self, request: Request) -> bool:
        """Return whether a caller uses an older response format, with a numeric ``$sequence``."""
        wanted = request.headers.get("x-appwrite-response-format")
        return wanted is not None and _version(wanted) < (1, 9)

    def age_indexes(self) -> None:
        """Count a request; a new index is ready after some of them."""
        for index_seq, requests_left in list(self.young_indexes.items()):
            if requests_left:
                self.young_indexes[index_seq] = requests_left - 1
            else:
                self.young_indexes.pop(index_seq, None)


def hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())
