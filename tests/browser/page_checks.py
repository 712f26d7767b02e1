"""What holds for every page, whatever is on it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

LARGEST_BYTES = 1_500_000
PHONE = {"width": 390, "height": 844}


def check_file(file: Path) -> None:
    """Small enough to send, and HTML without an error."""
    import html5lib

    page = file.read_bytes()
    assert len(page) < LARGEST_BYTES
    html5lib.HTMLParser(strict=True).parse(page)


def check_page(page: Any) -> None:
    """Ids are there once; charts are drawn and named; it is no wider than its window; axe finds nothing serious."""
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    unnamed = "(all) => all.filter((one) => !one.ariaLabel || one.role !== 'img' || !one.querySelector('svg'))"
    assert page.locator(".canvas").evaluate_all(f"(all) => ({unnamed})(all).length") == 0
    check_width(page)
    # Rows of a table are alike, and axe looks at every cell: a few of them are enough.
    page.evaluate("document.querySelectorAll('tbody tr:nth-child(n + 6)').forEach((row) => row.remove())")
    assert serious(page, {"resultTypes": ["violations"]}) == []
    page.emulate_media(color_scheme="dark")
    assert serious(page, {"runOnly": ["color-contrast"]}) == []


def check_width(page: Any) -> None:
    """Nothing makes the page wider than the window; what is wide scrolls by itself."""
    size = page.viewport_size
    for width in (size["width"], PHONE["width"]):
        page.set_viewport_size({"width": width, "height": PHONE["height"]})
        until(page, "document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size(size)


def serious(page: Any, options: dict[str, Any]) -> list[str]:
    """What axe finds and calls serious or critical: rule, and the first elements."""
    from axe_core_python.sync_playwright import Axe

    page.evaluate(Axe().axe_script)
    found = page.evaluate("(options) => axe.run(document, options)", options)["violations"]
    return [
        f"{one['id']}: {[(node['html'][:200], node['failureSummary']) for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def until(page: Any, code: str, given: Any = None, within_s: float = 5.0) -> None:
    """Wait until an expression, or a function of what is given, comes true.

    Playwright's own way of waiting is what the policy of a page forbids.
    """
    begun_s = time.monotonic()
    while not page.evaluate(code, given):
        assert time.monotonic() - begun_s < within_s, code
        page.wait_for_timeout(20)
