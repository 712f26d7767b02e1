"""A browser, and pages opened in it that ask nothing of any network and complain of nothing.

The browser is the system's own Chromium. Where it or Playwright is missing, the tests are skipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from page_checks import until

PLACE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_runtest_setup() -> None:
    """Skip where anything is missing. (Skipped here, all tests together are one line of what pytest says.)"""
    if PLACE is None or not all(map(find_spec, ("playwright", "axe_core_python", "html5lib"))):
        pytest.skip("pages are not opened: no chromium, or not the extra `clients` (make browser installs both)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window. It closes after each module: while it runs, asyncio takes no other loop."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=PLACE)
        yield running
        running.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a file as a page, drawn to the end. Whatever it fetches or complains of fails the test.

    Keywords are those of a browser context: viewport, color_scheme, java_script_enabled.
    """
    contexts, complaints = [], []

    def opened(file: Path, **settings: Any) -> Any:
        context = browser.new_context(offline=True, accept_downloads=True, **settings)
        contexts.append(context)
        page = context.new_page()
        own = file.absolute().as_uri()
        page.on("request", lambda one: None if allowed(one.url, own) else complaints.append(f"fetches {one.url[:200]}"))
        page.on("console", lambda one: complaints.append(f"{one.type}: {one.text}"))
        page.on("pageerror", lambda one: complaints.append(f"error: {one}"))
        page.on("dialog", lambda one: complaints.append(f"dialog: {one.message}") or one.dismiss())
        page.goto(own)
        if settings.get("java_script_enabled", True):
            until(page, "document.documentElement.dataset.ready === 'true'")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def allowed(address: str, own: str) -> bool:
    """The page itself, and what is made of it: nothing that has to be fetched."""
    return address.split("#")[0] == own or address.startswith(("data:", f"blob:{own.split('/')[0]}"))
