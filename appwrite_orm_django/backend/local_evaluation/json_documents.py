"""What SQLite lacks for lookups of ``JSONField``."""

from __future__ import annotations

import json
from typing import Any


def json_contains(target: str | None, candidate: str | None) -> bool | None:
    """
    Say whether one JSON document contains another, as MySQL's function of this name does.

    Objects contain those of whose keys each is there with a value that contains the other's; arrays contain arrays of whose elements each
    is contained in one of theirs, and single values that one of their elements contains; all else contains its equal. NULL for NULL.
    """
    if target is None or candidate is None:
        return None
    return _contains(json.loads(target), json.loads(candidate))


def _contains(target: Any, candidate: Any) -> bool:
    if isinstance(target, dict):
        return isinstance(candidate, dict) and all(
            key in target and _contains(target[key], value) for key, value in candidate.items()
        )
    if isinstance(target, list):
        wanted = candidate if isinstance(candidate, list) else [candidate]
        return all(any(_contains(element, one) for element in target) for one in wanted)
    # In JSON true is no 1.
    return isinstance(target, bool) is isinstance(candidate, bool) and bool(target == candidate)
