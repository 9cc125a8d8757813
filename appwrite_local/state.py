"""What a server is set to, and what one process of it remembers between requests."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Literal

from appwrite_local.faults import Faults
from appwrite_local.list_cache import ListCache
from appwrite_local.messages import Request
from appwrite_local.schema import Deletions, SchemaCache
from appwrite_local.storage import Storage
from appwrite_local.text_rules import TextRules

FeatureLevel = Literal["1.9", "2.x"]
Engine = Literal["mariadb", "postgresql"]

#: The key unless another one is given. Everybody knows it.
DEFAULT_KEY = "secret"


@dataclass(eq=False, repr=False)
class ServerState:
    """
    The server as the handlers of routes see it; ``LocalServer`` says what its settings mean.

    Attributes:
        key_hash: a hash of the key, which is thus not to be found in what this process shows of its objects.
        young_indexes: for how many further requests an index reads ``processing``, by its number.
        operation_problem: why a list of operations was last refused.
    """

    storage: Storage
    rules: TextRules
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
        """Whether anybody knows a key that is accepted: any one is, the default one, or an empty one."""
        return self.key_hash is None or self.key_hash in (hash_key(DEFAULT_KEY), hash_key(""))

    def knows_project(self, project: str) -> bool:
        return self.project is None or project == self.project

    def accepts_key(self, secret: str) -> bool:
        if self.key_hash is None:
            return bool(secret)
        return hmac.compare_digest(hash_key(secret), self.key_hash)

    def casts_sequences(self, request: Request) -> bool:
        """Tell whether a caller speaks an older response format, in which ``$sequence`` is a number (recording ``response-format``)."""
        wanted = request.headers.get("x-appwrite-response-format")
        return wanted is not None and _version(wanted) < (1, 9)

    def age_indexes(self) -> None:
        """Count a request, after some of which a new index is ready."""
        for index_seq, requests_left in list(self.young_indexes.items()):
            if requests_left:
                self.young_indexes[index_seq] = requests_left - 1
            else:
                self.young_indexes.pop(index_seq, None)


def hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())
