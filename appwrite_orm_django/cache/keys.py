"""
Names of cache keys.

All carry the version of the protocol and the namespace in braces, which Redis Cluster takes as the part to hash: the keys of one database
land on one node, as reading many at once requires. Entries carry the version of their format as well: two releases of this library on one
cache never read each other's, and yet a write of either is seen by both, as tokens are the same.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

from .entries import FORMAT
from .protocol import VERSION, ReadPlan

# What every Django backend takes in a key without a warning (memcached: no blanks, no control characters, 250 in all).
_SAFE = re.compile(r"[!-~]{1,64}\Z").match


def hashing(*parts: bytes | str) -> blake2b:
    """Begin a hash with these parts; where one ends and the next begins counts."""
    # blake2b: the quickest cryptographic hash of the standard library (1.3 us here). A collision would serve one query's rows for
    # another's, maybe across identities, so 128 bits of a cryptographic one it must be.
    state = blake2b(digest_size=16)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(b"%d:" % len(data))
        state.update(data)
    return state


def digest(*parts: bytes | str) -> str:
    """Hash parts to 32 hexadecimal characters."""
    return hashing(*parts).hexdigest()


@lru_cache(maxsize=4096)
def fold(identifier: str) -> str:
    """Write a table or row id as its key has it: Appwrite's ids ignore case, so two spellings must meet in one key."""
    folded = identifier.lower()
    return folded if _SAFE(folded) else "#" + digest(folded)


class KeySpace:
    """
    The keys of one Appwrite database.

    Args:
        prefix: short text that tells this library's keys from others on the same cache.
        namespace: opaque text that differs between databases (say, endpoint + project + database); hashed here.
    """

    def __init__(self, prefix: str, namespace: str) -> None:
        self.namespace = namespace
        self.stem = f"{prefix}{VERSION}:{{{digest(namespace)[:12]}}}:"
        self._tables: dict[str, str] = {}
        self._callers: dict[str, blake2b] = {}

    def table(self, table: str) -> str:
        """Name the token every list of this table depends on; every write of it changes it."""
        key = self._tables.get(table)
        if key is None:
            key = self._tables[table] = f"{self.stem}v:{fold(table)}"
        return key

    def rows(self, table: str) -> str:
        """Name the token every single row depends on besides its own; writes of rows not known by id change it."""
        return f"{self.stem}g:{fold(table)}"

    def row(self, table: str, row_id: str) -> str:
        """Name the token of a single row."""
        return f"{self.stem}r:{fold(table)}:{fold(row_id)}"

    def mark(self, table: str) -> str:
        """Name the mark that says under which token of the table something was last loaded."""
        return f"{self.stem}f:{fold(table)}"

    def entry(self, command: bytes | str, identity: str) -> str:
        """Name the entry of a command, made as this identity (Appwrite's permissions are per caller)."""
        state = self._callers.get(identity)
        if state is None:
            state = self._callers[identity] = hashing(self.namespace, identity)
            if len(self._callers) > 1000:
                self._callers = {identity: state}
        state = state.copy()
        state.update(command.encode() if isinstance(command, str) else command)
        return f"{self.stem}e{FORMAT}:{state.hexdigest()}"

    def statistics(self, process: str) -> str:
        """Name where a process leaves its counters; with an empty name, the list of processes."""
        return f"{self.stem}s:{process}"

    def plan(
        self, command: bytes | str, tables: Sequence[str], row: tuple[str, str] | None = None, identity: str = ""
    ) -> ReadPlan:
        """
        Lay out a read.

        Args:
            command: the final command, canonical: whatever decides the answer must be in it.
            tables: all tables involved.
            row: ``(table, row id)`` if all the answer takes from that table is this one row; it need not be among ``tables``.
            identity: who asks.
        """
        entry = self.entry(command, identity)
        lists = [table for table in dict.fromkeys(tables) if row is None or fold(table) != fold(row[0])]
        tokens = [self.table(table) for table in lists]
        marks = tuple((self.mark(table), index) for index, table in enumerate(lists))
        if row is not None:
            tokens += (self.rows(row[0]), self.row(*row))
        return ReadPlan(entry, tuple(tokens), marks, f"{entry}:", (*tokens, entry))

    def written(self, tables: Iterable[str], rows: Iterable[tuple[str, str]] = ()) -> tuple[str, ...]:
        """
        List the tokens a write changes.

        Args:
            tables: tables of which any row may change.
            rows: ``(table, row id)`` of writes by id; other rows' entries survive those.
        """
        keys: dict[str, None] = {}
        for table in tables:
            keys[self.table(table)] = None
            keys[self.rows(table)] = None
        for table, row_id in rows:
            keys[self.table(table)] = None
            if self.rows(table) not in keys:
                keys[self.row(table, row_id)] = None
        return tuple(keys)
