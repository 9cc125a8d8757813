"""Pages whose data is cached: outside of a block, as visitors get them."""

import pytest
from django.test import Client

from testproject.world import loading

pytestmark = [
    pytest.mark.django_db(databases=["default", "appwrite"], transaction=True),
    pytest.mark.usefixtures("demo_urls"),
]

PATHS = ["/", "/countries/?q=an&sort=-name", "/subdivisions/?sort=-country_id", "/languages/?page=2", "/currencies/"]


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
        assert without_footer(after) == without_footer(before)


def without_footer(response):
    """The page but for the line that says what it cost."""
    return response.content.decode().partition("<footer")[0]
