"""
Name the keys of the cache.

Every key carries the version of the protocol, and in braces the namespace and the table. Redis
Cluster hashes only the part in braces. So the keys of one table land on one node, where a single
``MGET`` reads them, and the tables of a database are spread over all nodes.

Entries carry the version of their format as well. Two releases of this library on one cache never
read each other's entries, yet a write by either is seen by both, because they share the tokens.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

from .entries import FORMAT
from .protocol import VERSION, ReadPlan, ValueKeys

# Every Django backend takes these in a key without a warning. memcached allows no blanks, no
# control characters and 250 characters in all.
# The longest is that of a row's token: see ``LONGEST_KEY``.
_SAFE = re.compile(r"[!-~]{1,64}\Z").match

#: The length of the longest key, without the prefix.
LONGEST_KEY = len(f"{VERSION}:{{{'0' * 12}:{'t' * 64}}}:r:{'i' * 64}")


def hashing(*parts: bytes | str) -> blake2b:
    """Begin a hash of these parts; the boundaries between the parts count."""
    # blake2b is the fastest cryptographic hash of the standard library (1.3 us here). A collision
    # would serve one query's rows for another, maybe across identities, hence 128 bits.
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
    """Return a table or row id as written in keys; Appwrite's ids ignore case, and so must keys."""
    folded = identifier.lower()
    return folded if _SAFE(folded) else "#" + digest(folded)


class KeySpace:
    """
    The keys of one Appwrite database.

    Args:
        prefix: short text that separates the keys of this library from others in the same cache.
        namespace: opaque text that differs between databases (say, endpoint + project + database);
            hashed here.
    """

    def __init__(self, prefix: str, namespace: str) -> None:
        self.namespace = namespace
        self._head = f"{prefix}{VERSION}:{{{digest(namespace)[:12]}"
        self.stem = f"{self._head}}}:"
        self._tables: dict[str, str] = {}
        self._callers: dict[str, blake2b] = {}

    def table(self, table: str) -> str:
        """Return the key of the token of all lists of this table; every write changes it."""
        key = self._tables.get(table)
        if key is None:
            key = self._tables[table] = f"{self._of(table)}v"
        return key

    def _of(self, table: str) -> str:
        return f"{self._head}:{fold(table)}}}:"

    def rows(self, table: str) -> str:
        """
        Return the key of the token that all single rows of this table depend on.

        Writes of rows that are not known by id change it. Each row has a token of its own as well.
        """
        return f"{self._of(table)}g"

    def row(self, table: str, row_id: str) -> str:
        """Return the key of a single row's token."""
        return f"{self._of(table)}r:{fold(row_id)}"

    def unknown(self, table: str) -> str:
        """
        Return the key of the token that all results by value of this table depend on.

        Writes of rows whose values are not certain change it.
        """
        return f"{self._of(table)}u"

    def value(self, table: str, column: str, value: str) -> str:
        """
        Return the key of the token of the rows with this value in this column.

        Args:
            value: canonical text: values that the server takes as equal have the same.
        """
        # Two values with the same hash only invalidate each other, so that a short one will do.
        return f"{self._of(table)}t:{digest(fold(column), value)[:16]}"

    def values(self, table: str, row_id: str | None = None) -> ValueKeys:
        """Return the locks of a row, or of any rows, and what belongs to them."""
        stem = self._of(table)
        of = "" if row_id is None else fold(row_id)
        return ValueKeys(
            f"{stem}l:{of}",
            f"{stem}c:{of}",
            f"{stem}l:",
            f"{stem}c:",
            f"{stem}b",
            f"{stem}u",
        )

    def mark(self, table: str) -> str:
        """Return the key of the mark: the token under which something was last loaded."""
        return f"{self._of(table)}f"

    def entry(self, table: str, command: bytes | str, identity: str) -> str:
        """
        Return the key of a command's entry; identities share none, as permissions differ.

        Args:
            table: the table that the entry lies beside; it does not distinguish entries.
        """
        state = self._callers.get(identity)
        if state is None:
            state = self._callers[identity] = hashing(self.namespace, identity)
            if len(self._callers) > 1000:
                self._callers = {identity: state}
        state = state.copy()
        state.update(command.encode() if isinstance(command, str) else command)
        return f"{self._of(table)}e{FORMAT}:{state.hexdigest()}"

    def statistics(self, process: str) -> str:
        """Return the key of a process's counters, or of the list of processes for an empty name."""
        return f"{self.stem}s:{process}"

    def plan(
        self,
        command: bytes | str,
        tables: Sequence[str],
        row: tuple[str, str] | None = None,
        identity: str = "",
        pinned: tuple[str, Sequence[str]] | None = None,
    ) -> ReadPlan:
        """
        Return the keys that one read needs.

        Args:
            command: the final command in canonical form, including everything that decides the
                result.
            tables: all tables involved.
            row: ``(table, row id)`` if the result depends on this one row only of that table, which
                need not be among ``tables``.
            identity: the identity that makes the request.
            pinned: a table, and the keys of the tokens of all values that rows of it must have to
                matter for the result (``value``). The result does not depend on its other rows.
        """
        apart = row[0] if row is not None else None if pinned is None else pinned[0]
        lists = [
            table for table in dict.fromkeys(tables) if apart is None or fold(table) != fold(apart)
        ]
        entry = self.entry(lists[0] if apart is None else apart, command, identity)
        tokens = [self.table(table) for table in lists]
        marks = tuple((self.mark(table), index) for index, table in enumerate(lists))
        if row is not None:
            tokens += (self.rows(row[0]), self.row(*row))
        elif pinned is not None:
            tokens += (self.rows(pinned[0]), self.unknown(pinned[0]), *pinned[1])
        return ReadPlan(entry, tuple(tokens), marks, f"{entry}:", (*tokens, entry))

    def written(
        self, tables: Iterable[str], rows: Iterable[tuple[str, str]] = ()
    ) -> tuple[str, ...]:
        """
        Return the keys of the tokens that a write changes.

        Args:
            tables: tables of which any row may change.
            rows: ``(table, row id)`` of rows written by id; entries of other rows stay valid.
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
