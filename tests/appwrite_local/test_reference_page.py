"""The reference page names what there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appwrite_local.column_types import TYPES
from appwrite_local.queries import parse
from appwrite_local.routes import all_routes
from tests.appwrite_local.api import ENDPOINT, Api

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "local-server.md"


def documented() -> dict[str, set[str]]:
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("<!-- routes -->") : text.index("<!-- end of routes -->")]
    return {
        path: set(methods.split())
        for path, methods in re.findall(r"\| `(/[^`]+)`[^|]*\| ([A-Z ]+) \|", table)
    }


def existing() -> dict[str, set[str]]:
    types = "|".join([*(kind.segment for kind in TYPES), "relationship"])
    found: dict[str, set[str]] = {}
    for route in all_routes():
        if not route.family.names:
            path = re.sub(rf"/columns/({types})(?=/|$)", "/columns/{type}", route.path)
            found.setdefault(path, set()).add(route.method)
    return found


def test_routes_are_those_of_the_server() -> None:
    assert documented() == existing()


def test_every_column_type_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{kind.segment}`" in text for kind in TYPES)


def test_every_method_of_2x_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    refused = {"naturalJoin", *parse.UNIONS}
    assert all(f"`{method}`" in text for method in parse.RICH - refused)


@pytest.mark.parametrize(
    "path",
    [
        "/account/prefs",
        "/teams",
        "/storage/usage",
        "/functions",
        "/graphql",
        "/documentsdb",
        "/tablesdb/specifications/x/y",
    ],
)
def test_what_is_not_there_answers_like_an_unknown_route(path: str) -> None:
    response = Api(feature_level="2.x").session.get(ENDPOINT + path)
    assert (response.status_code, response.headers["Content-Type"]) == (
        404,
        "text/html; charset=UTF-8",
    )
