"""Pages whose data is cached: outside of a block, as visitors get them."""

import re

import pytest
from django.test import Client

from testproject.world import loading

pytestmark = [
    pytest.mark.django_db(databases=["default", "appwrite"], transaction=True),
    pytest.mark.usefixtures("demo_urls"),
]

LEGEND = re.compile(r'<details class="aw-status-help">.*?</details>', re.DOTALL)
BADGE = re.compile(r'<span class="aw-status aw-status-.*</span>(\w+)</span>')
PATHS = [
    "/",
    "/countries/?q=an&sort=-name",
    "/subdivisions/?sort=-country_id",
    "/languages/?page=2",
    "/currencies/",
]


def test_warm_pages_make_no_request(requests):
    loading.load(rows=120)
    visitor = Client()
    cold = [visitor.get(path) for path in PATHS]
    assert all(response.status_code == 200 for response in cold)
    requests.clear()
    warm = [visitor.get(path) for path in PATHS]
    assert not requests, requests.lines
    assert all(response["X-Appwrite-Requests"] == "0" for response in warm)
    for before, after in zip(cold, warm, strict=True):
        assert without_cost(after) == without_cost(before)
    assert [badge(response) for response in warm] == ["", "HIT", "HIT", "HIT", "HIT"]
    assert [badge(response) for response in cold] == [
        "",
        "MISS",
        "PARTIAL",
        "PARTIAL",
        "PARTIAL",
    ]  # the front page has counted


def without_cost(response):
    """The page but for what says where its data came from and what it cost."""
    return LEGEND.sub("", response.content.decode().partition("<footer")[0])


def badge(response):
    found = BADGE.search(response.content.decode())
    return found[1] if found else ""
