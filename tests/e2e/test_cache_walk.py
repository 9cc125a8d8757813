"""The cache as somebody at a browser sees it: the badge on a list, and the panel, while others write."""

from __future__ import annotations

import re
import time

import pytest
import requests
from selenium.webdriver.common.by import By

from tests.e2e.browsing import badge, follow, log_in, quiet, rows, wait
from tests.e2e.processes import manage

pytestmark = [pytest.mark.browser, pytest.mark.redis]

PAGE_NUMBER = "return document.querySelector('.aw-pages [aria-current]')?.innerText"
PANEL = "/admin/appwrite_orm_django/cachepanel/"


def run(shared_site, code):
    """Run Python in another process of the site."""
    ended = manage("shell", "-v", "0", "-c", code, env=shared_site.env)
    assert ended.returncode == 0, ended.stderr


def figures(browser, model):
    """Return a row of the panel without its box."""
    return next(row[2:] for row in rows(browser, "aw-tables") if row[1] == model)


def press(browser, action, *models):
    """Choose tables, press a button, confirm."""
    for model in models:
        browser.find_element(By.ID, f"aw-{model}").click()
    follow(browser, browser.find_element(By.CSS_SELECTOR, f"button[value={action}]"))
    assert browser.find_element(By.NAME, "confirmed").is_displayed()
    follow(browser, browser.find_element(By.NAME, "confirmed"))
    return browser.find_element(By.CSS_SELECTOR, ".messagelist li").text


def test_the_badge_follows_what_others_write(shared_site, browser):
    address = f"{shared_site.url}/currencies/"
    run(shared_site, "from appwrite_orm_django.cache import clear; clear()")
    browser.get(address)
    assert badge(browser) == "MISS"
    browser.get(address)
    assert badge(browser) == "HIT"
    run(
        shared_site,
        "from testproject.world.models import Currency as C; C.objects.filter(pk='AED').update(name='Aaa dirham')",
    )
    browser.get(address)
    assert badge(browser) == "MISS"
    assert rows(browser)[0][:2] == ["AED", "Aaa dirham"]
    browser.get(address)
    assert badge(browser) == "HIT"
    assert quiet(browser) == []


@pytest.fixture
def webhook(shared_site):
    """Have Appwrite tell the site of every write, for as long as the test runs."""
    created = manage("appwrite_webhook", "create", env=shared_site.env)
    assert created.returncode == 0, created.stderr
    yield
    assert manage("appwrite_webhook", "delete", env=shared_site.env).returncode == 0


def test_the_badge_follows_what_is_written_past_the_site(shared_site, browser, webhook):
    # A table that no other test writes to.
    address = f"{shared_site.url}/languages/?q=aaa"
    browser.get(f"{shared_site.url}{PANEL}")
    log_in(browser)

    def last_write(_=None):
        browser.get(f"{shared_site.url}{PANEL}")
        return figures(browser, "world.Language")[-1]

    # What a webhook tells within ten seconds of a write of the site's own passes for its echo, and the site has only just filled the table.
    wait(browser).until(lambda _: not re.match(r"\d s ago|10 s ago|now", last_write()))
    browser.get(address)
    browser.get(address)
    assert badge(browser) == "HIT"
    name = f"Ghotuo {time.time():.0f}"
    written = requests.patch(
        f"{shared_site.endpoint}/tablesdb/world/tables/world_language/rows/aaa",
        json={"data": {"name": name}},
        headers={"X-Appwrite-Project": "atlas", "X-Appwrite-Key": "atlas-key"},
        timeout=60,
    )
    assert written.status_code == 200, written.text
    # Appwrite delivers on its own time.
    wait(browser).until(lambda _: last_write().endswith("webhook"))
    assert figures(browser, "world.Language")[0] == "stale"
    browser.get(address)
    assert badge(browser) == "MISS"
    assert ["aaa", name] in [row[:2] for row in rows(browser)]
    assert quiet(browser) == []


def test_the_panel_shows_and_does_what_it_says(shared_site, browser):
    browser.get(f"{shared_site.url}{PANEL}")
    log_in(browser)
    assert "were reset" in press(browser, "reset")
    assert "invalidated" in press(browser, "clear")
    assert figures(browser, "world.Script")[:4] == ["stale", "\N{EN DASH}", "0", "0"]
    for _ in range(3):
        browser.get(f"{shared_site.url}/scripts/")
    browser.get(f"{shared_site.url}{PANEL}")
    # The count and the page.
    state, rate, hits, misses, *_ = figures(browser, "world.Script")
    assert (state, rate, hits, misses) == ("fresh", "66.7%", "4", "2")
    assert browser.find_elements(By.CSS_SELECTOR, "svg rect.aw-hits")

    run(shared_site, "from testproject.world.models import Script as S; from django.db import connections; S.objects.filter(pk='Zxxx').update(numeric='997'); connections['appwrite'].cache.statistics.publish()")  # fmt: skip
    browser.get(f"{shared_site.url}{PANEL}")
    row = figures(browser, "world.Script")
    assert row[0] == "stale"
    assert row[-1].endswith("another process")

    assert press(browser, "invalidate", "world.Script") == "1 table was invalidated."
    assert figures(browser, "world.Script")[-1].endswith("by hand")
    follow(browser, browser.find_element(By.CSS_SELECTOR, "button[value=warm]"))
    assert (
        browser.find_element(By.CSS_SELECTOR, ".messagelist li").text
        == "Select at least one table."
    )
    assert quiet(browser) == []


def test_an_edit_in_the_admin_is_seen_at_once(shared_site, browser):
    address = f"{shared_site.url}/scripts/?q=Arabic"
    browser.get(address)
    browser.get(address)
    assert badge(browser) == "HIT"
    browser.get(f"{shared_site.url}/admin/world/script/Arab/change/")
    log_in(browser)
    name = f"Arabic {time.time():.0f}"
    field = browser.find_element(By.ID, "id_name")
    field.clear()
    field.send_keys(name)
    follow(browser, browser.find_element(By.NAME, "_save"))
    browser.get(address)
    assert badge(browser) == "MISS"
    assert name in [row[1] for row in rows(browser)]
    assert quiet(browser) == []


def test_lists_work_with_and_without_javascript(site, browser):
    seen = []
    for disabled in (False, True):
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": disabled})
        browser.get(f"{site}/languages/?type=L")
        search = browser.find_element(By.ID, "id_q")
        search.send_keys("a")
        follow(browser, browser.find_element(By.CSS_SELECTOR, ".aw-filters button"))
        follow(browser, browser.find_element(By.ID, "sort-name"))
        follow(browser, browser.find_element(By.LINK_TEXT, "Next"))
        assert browser.find_element(By.ID, "id_q").get_attribute("value") == "a"
        seen.append(browser.find_element(By.ID, "rows").text)
        assert "page=2" in browser.current_url
        browser.back()
        wait(browser).until(lambda driver: "page=2" not in driver.current_url)
        wait(browser).until(lambda driver: driver.execute_script(PAGE_NUMBER) == "1")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert seen[0] == seen[1]
    assert quiet(browser) == []


def test_the_keyboard_stays_where_it_was(site, browser):
    browser.get(f"{site}/languages/")
    link = browser.find_element(By.ID, "sort-name")
    follow(browser, link)
    assert browser.execute_script("return document.activeElement.id") == "sort-name"
    assert browser.execute_script(
        "return document.querySelector('body > [role=status]').textContent"
    ).endswith("300")
