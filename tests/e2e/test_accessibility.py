"""axe-core finds no serious fault on any page: light and dark, at a desk and on a phone."""

from __future__ import annotations

import importlib.resources
import os

import pytest

from tests.e2e.browsing import emulate, log_in, quiet

pytestmark = pytest.mark.browser

PAGES = [
    "/",
    "/countries/",
    "/countries/?q=zz+nowhere",
    "/subdivisions/?q=a&type=nonsense&sort=-name&page=2",
    "/languages/?type=L",
    "/countries/AD/",
    "/languages/aaa/",
]
# The rest of the admin is Django's own.
PANEL = "/admin/appwrite_orm_django/cachepanel/"
LOOKS = [("light", 0), ("light", 360), ("dark", 360)]


@pytest.fixture(scope="session")
def axe() -> str:
    # Not in this repository: it has a licence of its own (MPL 2.0). A Python package brings it.
    try:
        return (
            importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
        )
    except ModuleNotFoundError:
        message = "axe-core-python is not installed (pip install axe-core-python)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def faults(browser, axe, scope="document"):
    """Return the serious and critical faults, each with what it is about."""
    browser.execute_script(axe)
    script = f"""
        const done = arguments[arguments.length - 1];
        axe.run({scope}, {{resultTypes: ["violations"]}}).then(found => done(found.violations), error => done(String(error)));
    """
    found = browser.execute_async_script(script)
    assert isinstance(found, list), found
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:150]} {node['failureSummary'][:300]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_page_can_be_used_by_everybody(site, browser, axe, scheme, width):
    found = {}
    browser.set_script_timeout(20)
    emulate(browser, width=width, scheme=scheme)
    for path in PAGES:
        browser.get(site + path)
        found[path] = faults(browser, axe)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= (
            width or 1200
        )
    browser.get(f"{site}/admin/")
    log_in(browser)
    browser.get(site + PANEL)
    browser.execute_script("document.querySelector('details').open = true")
    found["panel"] = faults(browser, axe, "document.querySelector('#content')")
    browser.execute_script("document.querySelector('button[value=clear]').click()")
    found["confirmation"] = faults(browser, axe, "document.querySelector('#content')")
    assert not {path: faults for path, faults in found.items() if faults}
    assert quiet(browser) == []


def test_axe_is_not_blind(site, browser, axe):
    browser.get(f"{site}/countries/")
    browser.execute_script("document.querySelector('label').remove()")
    assert any(line.startswith("label") for line in faults(browser, axe))
