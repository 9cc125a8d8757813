"""A local Appwrite for each test run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from appwrite_orm_django.conf import ENGINE


def with_local_appwrite(databases: Mapping[str, Any], *, feature_level: str = "1.9") -> dict[str, Any]:
    """
    Return ``DATABASES`` in which every Appwrite alias points at a local server in the memory of this process.

    For test settings: ``DATABASES = with_local_appwrite(DATABASES)``. Nothing of it is shared with another process, so parallel test
    runs do not meet; nothing is left behind.

    Args:
        feature_level: which Appwrite it behaves like, "1.9" or "2.x".
    """
    local = f"local:?feature-level={feature_level}#tests-{os.getpid()}"
    return {
        alias: {**database, "HOST": local, "USER": "tests", "PASSWORD": "tests"}
        if database.get("ENGINE") == ENGINE
        else dict(database)
        for alias, database in databases.items()
    }
