"""Use a local Appwrite for each test run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from appwrite_orm_django.conf import ENGINE


def with_local_appwrite(
    databases: Mapping[str, Any], *, feature_level: str = "1.9"
) -> dict[str, Any]:
    """
    Return ``DATABASES`` with a local server in memory for every Appwrite alias.

    Use it in test settings: ``DATABASES = with_local_appwrite(DATABASES)``. No other process shares
    the server, so parallel test runs do not interfere, and nothing is left behind.

    Args:
        feature_level: the Appwrite version that the server behaves like, "1.9" or "2.x".
    """
    local = f"local:?feature-level={feature_level}#tests-{os.getpid()}"
    return {
        alias: {**database, "HOST": local, "USER": "tests", "PASSWORD": "tests"}
        if database.get("ENGINE") == ENGINE
        else dict(database)
        for alias, database in databases.items()
    }
