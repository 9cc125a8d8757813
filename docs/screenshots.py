"""
Make the pictures of the README.

They show the demo in headless Chromium, after visits by some readers and an editor.

    python -m docs.screenshots --minutes 10

The chart of the cache's panel shows an hour; the visitors stay for as long as they are told to.
Needs Chromium and its driver, redis-server, and the extra ``screenshots``.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import requests
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By

from benchmarks.redis_server import RedisServer

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 80_000
SCALE = 1.25
PATHS = [
    "/",
    "/countries/",
    "/countries/?q=land",
    "/countries/FR/",
    "/subdivisions/",
    "/subdivisions/?q=saint",
    "/subdivisions/?country=FR",
    "/languages/?sort=-name",
    "/languages/?type=C",
    "/currencies/",
    "/scripts/",
]
# Rows that no picture shows.
EDITED = [("country", "AQ"), ("currency", "XTS"), ("script", "Zyyy")]


@contextmanager
def demo() -> Iterator[str]:
    """Run the demo on the local server in memory; gives its address."""
    with tempfile.TemporaryDirectory() as var, RedisServer() as redis:
        env = {
            "PATH": "/usr/bin:/bin",
            "TESTPROJECT_VAR": var,
            "APPWRITE_ENDPOINT": "local:",
            "REDIS_URL": redis.url,
        }
        command = [sys.executable, ROOT / "manage.py", "demo", "--addrport", "127.0.0.1:0"]
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)  # noqa: S603
        try:
            assert process.stdout is not None  # noqa: S101 - as asked for
            seen = ""
            for line in process.stdout:
                seen += line
                if "Ctrl-C" in line:
                    break
            found = re.search(r"Site +(\S+)/\n", seen)
            if found is None:
                raise SystemExit(seen)
            yield found[1]
        finally:
            process.terminate()
            process.wait(timeout=30)


def visit(site: str, minutes: float) -> None:
    """Read pages at a pace that varies, and now and then change a row in the admin."""
    draw = random.Random(7)  # noqa: S311 - the same visitors each time
    reader, editor = requests.Session(), requests.Session()
    log_in(editor, site)
    ends_at = time.monotonic() + minutes * 60
    while True:
        pace = draw.choice([0.05, 0.1, 0.1, 0.3, 0.8])
        for _ in range(int(12 / pace) if minutes else 60):
            reader.get(site + draw.choice(PATHS), timeout=60).raise_for_status()
            if minutes:
                time.sleep(pace)
                if time.monotonic() >= ends_at:
                    return
        edit(editor, site, *draw.choice(EDITED))
        if not minutes:
            return


def log_in(session: requests.Session, site: str) -> None:
    session.get(f"{site}/admin/login/", timeout=60)
    form = {"username": "demo", "password": "demo", "next": "/admin/"}
    session.post(f"{site}/admin/login/", {**token(session), **form}, timeout=60).raise_for_status()


def edit(session: requests.Session, site: str, table: str, code: str) -> None:
    """Put a full stop behind a name, or take it away again."""
    address = f"{site}/admin/world/{table}/{code}/change/"
    page = session.get(address, timeout=60).text
    fields = dict(
        re.findall(r'<input type="(?:text|hidden)" name="([\w-]+)" value="([^"]*)"', page)
    )
    name = fields["name"]
    fields["name"] = name.removesuffix(".") if name.endswith(".") else f"{name}."
    answer = session.post(address, {**fields, **token(session)}, timeout=60)
    if "was changed successfully" not in answer.text:
        raise SystemExit(f"{address} did not take the change.")


def token(session: requests.Session) -> dict[str, str]:
    return {"csrfmiddlewaretoken": session.cookies["csrftoken"]}


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        raise SystemExit(
            "Install Chromium and its driver (Debian: apt install chromium chromium-driver)."
        )
    options = webdriver.ChromeOptions()
    options.binary_location = str(programs[0])
    for argument in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "no-first-run",
        "hide-scrollbars",
        f"force-device-scale-factor={SCALE}",
    ):
        options.add_argument(f"--{argument}")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(programs[1])))
    try:
        yield driver
    finally:
        driver.quit()


def picture(
    driver: webdriver.Chrome,
    name: str,
    address: str,
    *,
    width: int,
    height: int,
    scheme: str = "light",
) -> None:
    """Take a picture of what is above the fold."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": SCALE, "mobile": width < 600},
    )
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    driver.get(address)
    target = IMAGES / f"{name}.png"
    target.write_bytes(small(driver.get_screenshot_as_png()))
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")  # noqa: T201 - a program


def small(png: bytes) -> bytes:
    """Write a picture with as many colours as fit in its bytes."""
    image = Image.open(BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        out = BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() < MOST_BYTES:
            return out.getvalue()
    raise SystemExit(f"The picture takes {out.tell():,} bytes, more than {MOST_BYTES:,}.")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=0,
        help="how long visitors read before the pictures are taken",
    )
    minutes = parser.parse_args().minutes
    IMAGES.mkdir(exist_ok=True)
    with demo() as site, chromium() as driver:
        visit(site, minutes)
        address = f"{site}/subdivisions/?country=FR"
        picture(driver, "list-page", address, width=1120, height=700)
        picture(driver, "list-page-dark", address, width=1120, height=700, scheme="dark")
        picture(driver, "list-page-phone", address, width=390, height=700)
        driver.get(f"{site}/admin/")
        driver.find_element(By.ID, "id_username").send_keys("demo")
        driver.find_element(By.ID, "id_password").send_keys("demo")
        driver.find_element(By.CSS_SELECTOR, "input[type=submit]").click()
        panel = f"{site}/admin/appwrite_orm_django/cachepanel/"
        picture(driver, "cache-panel", panel, width=1380, height=980)
        picture(driver, "cache-panel-dark", panel, width=1380, height=980, scheme="dark")


if __name__ == "__main__":
    main()
