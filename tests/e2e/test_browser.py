"""A walk through the demo with headless Chromium: list, search, sort, page, detail, login, edit."""

from __future__ import annotations

import pytest
import requests
from PIL import Image
from selenium.webdriver.common.by import By

from appwrite_orm_django.engines import collation
from tests.e2e.browsing import emulate, follow, log_in, quiet, rows

pytestmark = pytest.mark.browser


def test_a_visitor_finds_a_row_and_an_editor_changes_it(site, browser):
    browser.get(site)
    assert browser.find_element(By.TAG_NAME, "h1").text == "The world, in codes"
    follow(browser, browser.find_element(By.LINK_TEXT, "Subdivisions"))
    first_page = rows(browser)
    assert len(first_page) == 50
    assert quiet(browser) == []

    word = first_page[0][1].split()[0]
    browser.find_element(By.ID, "id_q").send_keys(word)
    follow(browser, browser.find_element(By.CSS_SELECTOR, ".aw-filters button"))
    assert first_page[0] in rows(browser)
    assert browser.find_element(By.ID, "id_q").get_attribute("value") == word

    follow(browser, browser.find_element(By.LINK_TEXT, "Clear"))
    follow(browser, browser.find_element(By.PARTIAL_LINK_TEXT, "Name"))
    names = [row[1] for row in rows(browser)]
    assert names == sorted(names, key=collation.fold, reverse=True)
    assert browser.find_element(By.CSS_SELECTOR, "th[aria-sort=descending]").text.startswith("Name")

    follow(browser, browser.find_element(By.LINK_TEXT, "Next"))
    second_page = rows(browser)
    assert collation.fold(second_page[0][1]) <= collation.fold(names[-1])
    assert browser.find_element(By.CSS_SELECTOR, ".aw-pages [aria-current]").text == "2"

    code, name, *_ = second_page[0]
    follow(browser, browser.find_element(By.LINK_TEXT, name))
    assert browser.find_element(By.TAG_NAME, "h1").text == name
    assert browser.find_element(By.CLASS_NAME, "badge").text == code

    follow(browser, browser.find_element(By.LINK_TEXT, "Edit"))
    log_in(browser)
    field = browser.find_element(By.ID, "id_name")
    assert field.get_attribute("value") == name
    field.clear()
    field.send_keys("Ñandú Île")
    follow(browser, browser.find_element(By.NAME, "_save"))
    assert "was changed successfully" in browser.find_element(By.CLASS_NAME, "success").text
    assert quiet(browser) == []

    browser.get(f"{site}/subdivisions/{code}/")
    assert browser.find_element(By.TAG_NAME, "h1").text == "Ñandú Île"
    assert quiet(browser) == []


@pytest.mark.parametrize(
    "path", ["/", "/countries/", "/subdivisions/?q=a", "/languages/?page=2", "/countries/AD/"]
)
def test_no_page_is_wider_than_a_phone(site, browser, path):
    emulate(browser, width=360)
    browser.get(site + path)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360


def test_dark_pages_are_dark(site, browser):
    colours = {}
    for scheme in ("light", "dark"):
        emulate(browser, scheme=scheme)
        browser.get(f"{site}/countries/")
        colours[scheme] = browser.execute_script(
            "return getComputedStyle(document.body).backgroundColor"
        )
    brightness = {
        scheme: sum(map(int, colour[4:-1].split(","))) for scheme, colour in colours.items()
    }
    assert brightness["light"] > 700
    assert brightness["dark"] < 100


def test_an_editor_uploads_a_picture(site, browser, tmp_path):
    picture = tmp_path / "andorra.png"
    Image.new("RGB", (400, 200), "#10069f").save(picture)
    browser.get(f"{site}/countries/AD/")
    before = shown(browser, ".picture")
    assert before["width"] == 240

    follow(browser, browser.find_element(By.LINK_TEXT, "Edit"))
    log_in(browser)
    browser.find_element(By.ID, "id_picture").send_keys(str(picture))
    follow(browser, browser.find_element(By.NAME, "_save"))
    assert "was changed successfully" in browser.find_element(By.CLASS_NAME, "success").text
    browser.get(f"{site}/admin/world/country/?q=AD")
    assert shown(browser, ".field-thumbnail img")["width"] == 48

    browser.get(f"{site}/countries/AD/")
    after = shown(browser, ".picture")
    assert after["source"] != before["source"]
    assert (after["width"], after["height"]) == (240, 120)
    assert quiet(browser) == []
    # The picture that was replaced is gone; the browser itself still keeps it.
    assert requests.get(before["source"], timeout=60).status_code == 404


def shown(browser, selector):
    """Wait for a picture, and return its address and its size as it was sent."""
    script = """
        const [selector, done] = arguments;
        const picture = document.querySelector(selector);
        picture.loading = "eager";
        const told = () => done({
            source: picture.src, width: picture.naturalWidth, height: picture.naturalHeight});
        picture.complete ? told() : (picture.onload = picture.onerror = told);
    """
    return browser.execute_async_script(script, selector)
