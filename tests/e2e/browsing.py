"""Headless Chromium: how to start it, and what one does with a page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as conditions
from selenium.webdriver.support.wait import WebDriverWait

WAIT_S = 300


def path_of(program: str, package: str) -> str:
    """Return where a program is; without it the test is left out by a developer, and fails in continuous integration."""
    found = shutil.which(program)
    if found is None:
        message = f"{program} is not installed (Debian: apt install {package})"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = path_of("chromium", "chromium")
    for argument in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", f"user-data-dir={profile}", "window-size=1200,900",
    ):  # fmt: skip
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # The driver of the distribution, by its path: otherwise Selenium looks for one on the network.
    service = webdriver.ChromeService(path_of("chromedriver", "chromium-driver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_page_load_timeout(WAIT_S)
    try:
        yield driver
    finally:
        driver.quit()


def emulate(browser: Any, *, width: int = 0, scheme: str = "") -> None:
    """Show pages as a phone of this width does (0: as a desk does), and in this colour scheme."""
    metrics = {
        "width": width,
        "height": 740 if width else 0,
        "deviceScaleFactor": 2 if width else 0,
        "mobile": bool(width),
    }
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )


def rows(browser: Any, table: str = "rows") -> list[list[str]]:
    """Return the texts of a table's cells, in one go: asking cell by cell takes seconds."""
    script = """
        return [...document.querySelectorAll(arguments[0])].map(
            row => [...row.querySelectorAll("td, th")].map(cell => cell.innerText.trim()))
    """
    found: list[list[str]] = browser.execute_script(script, f"#{table} tbody tr")
    return found


def badge(browser: Any) -> str:
    """Return what the page says of where its rows came from."""
    return (
        str(browser.find_element(By.CLASS_NAME, "aw-status").text)
        .rpartition("\n")[2]
        .removeprefix("Cache: ")
    )


def follow(browser: Any, element: Any) -> None:
    """Click something that leads to another page, and wait until this one is gone and the other one there."""
    element.click()
    wait(browser).until(conditions.staleness_of(element))
    wait(browser).until(
        lambda driver: driver.execute_script("return document.readyState") == "complete"
    )


def wait(browser: Any) -> WebDriverWait[Any]:
    # What is asked of a page that is just being replaced is asked again.
    return WebDriverWait(
        browser, WAIT_S, poll_frequency=0.05, ignored_exceptions=[WebDriverException]
    )


def log_in(browser: Any) -> None:
    """Fill in the admin's login form, which is shown."""
    browser.find_element(By.ID, "id_username").send_keys("demo")
    browser.find_element(By.ID, "id_password").send_keys("demo")
    follow(browser, browser.find_element(By.CSS_SELECTOR, "input[type=submit]"))


def quiet(browser: Any) -> list[str]:
    """Return what the console complains of, and begin anew."""
    return [
        entry["message"]
        for entry in browser.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING")
    ]
