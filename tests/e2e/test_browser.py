"""A walk through the demo with headless Chromium: list, search, sort, page, detail, login, edit."""

from __future__ import annotations

import os
import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as conditions
from selenium.webdriver.support.wait import WebDriverWait

from appwrite_orm_django import collation
from tests.e2e.processes import environment, running

pytestmark = pytest.mark.browser

WAIT_S = 20


def _path_of(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        # The tests that a developer leaves out, continuous integration must not.
        message = f"{program} is not installed (Debian: apt install chromium chromium-driver)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    env = environment(tmp_path_factory.mktemp("var"), APPWRITE_ENDPOINT="local:")
    command = ["demo", "--addrport", "127.0.0.1:0", "--rows", "300"]
    with running(*command, env=env, address=r"Site +(\S+)/\n(?:.*\n)+?Login") as url:
        yield url


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = _path_of("chromium")
    for argument in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", f"user-data-dir={tmp_path / 'profile'}", "window-size=1200,900",
    ):  # fmt: skip
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # The driver of the distribution, by its path: otherwise Selenium looks for one on the network.
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(_path_of("chromedriver")))
    driver.set_page_load_timeout(WAIT_S)
    yield driver
    driver.quit()


def rows(browser):
    return [
        [cell.text for cell in row.find_elements(By.CSS_SELECTOR, "td, th")]
        for row in browser.find_elements(By.CSS_SELECTOR, "#rows tbody tr")
    ]


def follow(browser, element):
    """Click something that leads to another page, and wait until this one is gone."""
    element.click()
    WebDriverWait(browser, WAIT_S).until(conditions.staleness_of(element))


def quiet(browser):
    """Return what the console complains of, and begin anew."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


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
    browser.find_element(By.ID, "id_username").send_keys("demo")
    browser.find_element(By.ID, "id_password").send_keys("demo")
    follow(browser, browser.find_element(By.CSS_SELECTOR, "input[type=submit]"))
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


@pytest.mark.parametrize("path", ["/", "/countries/", "/subdivisions/?q=a", "/languages/?page=2", "/countries/AD/"])
def test_no_page_is_wider_than_a_phone(site, browser, path):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    )
    browser.get(site + path)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360


def test_dark_pages_are_dark(site, browser):
    colours = {}
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.get(f"{site}/countries/")
        colours[scheme] = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    brightness = {scheme: sum(map(int, colour[4:-1].split(","))) for scheme, colour in colours.items()}
    assert brightness["light"] > 700
    assert brightness["dark"] < 100
