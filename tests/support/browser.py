"""A headless Chromium for the report's tests; skips, saying why, where there is none."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
)


def _program(*names: str) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no headless browser: none of {', '.join(names)} is installed")
    return found


@contextmanager
def chromium(width: int = 1200, height: int = 900, *flags: str) -> Iterator[webdriver.Chrome]:
    """A driver with a fresh profile; console and network are logged from the start."""
    browser = _program("chromium", "chromium-browser", "google-chrome")
    driver_program = _program("chromedriver")
    options = Options()
    options.binary_location = browser
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
            options.add_argument(flag)
        for flag in flags:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(driver_program))
        try:
            driver.get("about:blank")  # leave the browser's own start page
            yield driver
        finally:
            driver.quit()


def open_report(driver: webdriver.Chrome, index: Path | str) -> None:
    """Open a report from disk or from a server and wait until it is drawn."""
    driver.get(index.as_uri() if isinstance(index, Path) else index)
    wait(driver, "return document.documentElement.dataset.ready === 'yes'")


def wait(driver: webdriver.Chrome, script: str, seconds: float = 20) -> None:
    """Wait until `script` returns something true."""
    WebDriverWait(driver, seconds, poll_frequency=0.05).until(
        lambda current: current.execute_script(script), message=script
    )


def console(driver: webdriver.Chrome) -> list[str]:
    """Warnings and errors of the page since the last call, refused resources included."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] != "INFO"]


def requested(driver: webdriver.Chrome) -> list[str]:
    """Every address asked for since the last call, save those inside the browser itself."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if not url.startswith(("chrome:", "data:", "about:"))]
