"""What a page answers when somebody points, clicks, types, prints, or reads it without a mouse or a script."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_checks import PHONE, until
from systems import systems

from sim.outcome.outcome import Outcome
from sim.page.numbers import short_time, usd_span
from sim.records.belief import error_band
from sim.records.metrics import METRICS, MFU_FULL, STEP_TIME, TAX, by_key
from sim.report.run import write_run
from sim.study.findings import findings

pytestmark = pytest.mark.slow
Opens = Callable[..., Any]
TIMES_S = {"ms": 1e-3, "s": 1, "min": 60, "h": 3600, "days": 86400}
CHART = "echarts.getInstanceByDom(document.getElementById('{}-chart'))"
ROWS = """(table) => [...table.tBodies[0].rows].map(
  (row) => [...row.cells].map((cell) => [cell.textContent, cell.dataset.value ?? null]))"""
AT_POINT = """([chart, index]) => {
  for (const [place, series] of chart.getOption().series.entries()) {
    const found = series.silent || series.type === "custom" ? [] : series.data.filter((one) => one[2] === index);
    if (found.length) return chart.convertToPixel({ seriesIndex: place }, found[0].slice(0, 2));
  }
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    write_run(findings(systems()), folder, charts=False)
    return folder / "report.html"


@pytest.fixture(scope="module")
def points() -> list[tuple[str, Outcome]]:
    """What the page calls its points, in its order."""
    return [(curve.place(point), point) for curve in findings(systems()).curves for point in curve.points]


def chart(page: Any, name: str, code: str) -> Any:
    """What an expression about a chart, called chart in it, comes to."""
    return page.evaluate(f"(() => {{ const chart = {CHART.format(name)}; return {code}; }})()")


def point_at(page: Any, name: str, place: list[float]) -> tuple[float, float]:
    """Where something of a chart lies on the screen, scrolled into view."""
    page.locator(f"#{name}-chart").scroll_into_view_if_needed()
    box = page.locator(f"#{name}-chart").bounding_box()
    return box["x"] + place[0], box["y"] + place[1]


def test_hovering_over_a_point_says_what_its_metrics_say(
    file: Path, opened: Opens, points: list[tuple[str, Outcome]]
) -> None:
    page = opened(file)
    for index, (label, point) in enumerate(points):
        place = page.evaluate(f"({AT_POINT})([{CHART.format('scaling')}, {index}])")
        page.mouse.move(*point_at(page, "scaling", place))
        until(page, "(label) => document.querySelector('#scaling .tip b')?.textContent === label", label)
        told = page.locator("#scaling .tip").inner_text().splitlines()
        rented = point.bill and point.bill.rental_usd
        assert {
            f"plan: {point.plan.summary()}",
            *(f"{one.title}: {one.text(point)}" for one in (STEP_TIME, MFU_FULL, TAX)),
            f"rented, low to high: {usd_span(rented.low, rented.high) if rented else 'unknown'}",
            f"checked?: {error_band(point)}",
        } <= set(told)


def test_the_chart_shows_any_metric_with_its_name_and_unit(
    file: Path, opened: Opens, points: list[tuple[str, Outcome]]
) -> None:
    page = opened(file)
    offered = page.locator("#scaling-metric option").evaluate_all("(all) => all.map((one) => one.value)")
    assert {"step_time_s", "mfu_full", "distribution_tax", "rental_usd", "time_to_train_s"} <= set(offered)
    for key in offered:
        metric = by_key()[key]
        page.select_option("#scaling-metric", key)
        drawn = chart(page, "scaling", "chart.getOption()")
        # Times are in a unit that suits them, everything else in its own.
        name = drawn["yAxis"][0]["name"]
        in_unit = re.fullmatch(rf"{re.escape(metric.title)} \((ms|s|min|h|days)\)", name)
        assert name == metric.axis if metric.unit.stored != "s" else in_unit
        size = TIMES_S[in_unit[1]] if metric.unit.stored == "s" else metric.unit.axis_size
        assert name in page.locator("#scaling-chart svg").text_content()
        shown = {one[2]: one[1] for each in drawn["series"] if not each.get("silent") for one in each["data"]}
        logarithmic = drawn["yAxis"][0]["type"] == "log"
        expected = {
            nth: metric.value(point) / size
            for nth, (_, point) in enumerate(points)
            if metric.value(point) is not None and not (logarithmic and metric.value(point) <= 0)
        }
        assert set(shown) == set(expected)
        assert all(shown[nth] == pytest.approx(expected[nth], rel=1e-12) for nth in expected)


def test_what_a_logarithmic_axis_has_no_place_for_is_said(
    file: Path, opened: Opens, points: list[tuple[str, Outcome]]
) -> None:
    page = opened(file)
    said = set()
    for key in page.locator("#scaling-metric option").evaluate_all("(all) => all.map((one) => one.value)"):
        page.select_option("#scaling-metric", key)
        values = [by_key()[key].value(point) for _, point in points]
        low = sum(value is not None and value <= 0 for value in values)
        if low + values.count(None) == len(points):
            assert page.locator("#scaling-logarithmic").is_disabled()
            continue
        page.set_checked("#scaling-logarithmic", True)
        counts = [(values.count(None), "unknown"), (low, "0 or less")]
        left = [f"{count} of {len(points)} points, {why}" for count, why in counts if count]
        assert page.locator("#scaling-note").inner_text() == (f"Not drawn: {'; '.join(left)}." if left else "")
        said.update(why for count, why in counts if count)
        # Lines of ideal scaling end inside the axis.
        drawn = chart(page, "scaling", "chart.getOption()")
        ends = [one[1] for each in drawn["series"] if each["type"] == "line" for one in each["data"]]
        assert drawn["yAxis"][0]["min"] <= min(ends)
    assert said == {"unknown", "0 or less"}


def test_points_side_by_side_are_rows_with_their_bands(opened: Opens, tmp_path: Path) -> None:
    alone = [curve.points[0] for curve in findings(systems()).curves]
    write_run(findings(alone), tmp_path, charts=False)
    page = opened(tmp_path / "report.html", viewport=PHONE)
    rows = chart(page, "scaling", "chart.getOption().yAxis[0].data")
    assert rows == page.evaluate("page.points.map((one) => one.label)")
    for index in range(len(rows)):
        place = page.evaluate(f"({AT_POINT})([{CHART.format('scaling')}, {index}])")
        page.mouse.move(*point_at(page, "scaling", [place[0] - 2, place[1]]))
        until(page, "(label) => document.querySelector('#scaling .tip b')?.textContent === label", rows[index])
    spans = chart(page, "scaling", "chart.getOption().series.filter((one) => one.type === 'custom')")
    bars = chart(page, "scaling", "chart.getOption().series.filter((one) => one.type === 'bar')")
    assert spans
    assert {one["z"] for one in spans}.pop() > max(one["z"] for one in bars), "no bar hides the low end of its band"


def test_a_bar_of_the_account_opens_into_its_lines(
    file: Path, opened: Opens, points: list[tuple[str, Outcome]]
) -> None:
    page = opened(file)
    for index, (label, point) in enumerate(points[:3]):
        place = chart(page, "account", f"chart.convertToPixel({{ seriesIndex: 0 }}, [1, {index}])")
        page.mouse.click(*point_at(page, "account", place))
        assert page.locator("#account-opened caption").inner_text() == label
        check_lines(page, point)
    # The same without a mouse.
    label, point = points[-1]
    page.locator("#account-point").focus()
    page.keyboard.press("End")
    assert page.locator("#account-opened caption").inner_text() == label
    check_lines(page, point)


def check_lines(page: Any, point: Outcome) -> None:
    rows = page.locator("#account-opened").evaluate(ROWS)
    seconds = {line: s for line, s in point.ledger.device_seconds.items() if point.ledger.share(line) > 1e-12}
    assert len(rows) == len(seconds)
    assert [row[3][0] for row in rows] == [short_time(s / point.ledger.devices) for s in seconds.values()]
    assert [float(row[4][1]) for row in rows] == pytest.approx(list(seconds.values()), rel=1e-6)
    assert all(row[5][0] for row in rows), "every line says what it is"


def test_tables_say_what_the_metrics_say(file: Path, opened: Opens, points: list[tuple[str, Outcome]]) -> None:
    page = opened(file)
    titles = {one.title: one for one in METRICS}
    compared = set()
    for name in page.locator("table.sortable").evaluate_all("(all) => all.map((one) => one.id)"):
        table = page.locator(f"#{name}")
        heads, rows = table.locator("th").all_inner_texts(), table.evaluate(ROWS)
        if not name.startswith(("points", "run")):
            continue
        for row, (label, point) in zip(rows, points, strict=True):
            assert row[0][0] in label
            for head, (text, value) in zip(heads, row, strict=True):
                metric = titles.get(head)
                if metric is None or metric.value(point) is None:
                    continue
                compared.add(metric.key)
                assert text == metric.text(point)
                if value is not None:
                    assert float(value) == pytest.approx(metric.value(point), rel=1e-9)
    assert {"step_time_s", "distribution_tax", "time_to_train_s", "memory_peak_bytes", "rental_usd"} <= compared


def test_tables_sort_by_number_and_not_by_its_text(file: Path, opened: Opens) -> None:
    page = opened(file)
    # Each column is clicked twice: what the heads say then, and the rows.
    # Figures without a number behind them, such as bands, have no button.
    clicked = f"""(table) => [...table.tHead.rows[0].cells].map((head) => ["ascending", "descending"].map(() => {{
      if (head.firstElementChild === null) return null;
      head.firstElementChild.click();
      return [[...table.tHead.rows[0].cells].map((one) => one.ariaSort), ({ROWS})(table)];
    }}))"""
    not_as_text = 0
    for table in page.locator("table.sortable").all():
        before = table.evaluate(ROWS)
        for column, states in enumerate(table.evaluate(clicked)):
            if None in states:
                assert all(row[column][1] is None for row in before)
                continue
            for descending, (said, after) in enumerate(states):
                expected = [None] * len(before[0])
                expected[column] = "descending" if descending else "ascending"
                assert said == expected
                assert sorted(map(str, after)) == sorted(map(str, before))
                cells = [row[column] for row in after]
                values = [float(value) for _, value in cells if value is not None]
                assert values == sorted(values, reverse=bool(descending))
                if values:
                    assert all(value is None for _, value in cells[len(values) :]), "what has no number comes last"
                texts = [text for text, _ in cells]
                not_as_text += bool(values) and texts != sorted(texts, reverse=bool(descending))
    assert not_as_text > 10


def test_the_keyboard_sorts(file: Path, opened: Opens) -> None:
    page = opened(file)
    table = page.locator("#points table").first
    page.locator("#points .csv-table").first.focus()
    page.keyboard.press("Tab")  # the frame in which a wide table scrolls
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('th') !== null")
    for key, state in (("Enter", "ascending"), (" ", "descending")):
        page.keyboard.press(key)
        assert table.locator("th").first.get_attribute("aria-sort") == state


def test_a_table_is_saved_and_copied_as_it_stands(file: Path, opened: Opens) -> None:
    page = opened(file, permissions=["clipboard-read", "clipboard-write"])
    table = page.locator("#points table.sortable").first
    table.locator("th button").nth(1).click()
    heads = table.locator("th").all_inner_texts()
    rows = [[text for text, _ in row] for row in table.evaluate(ROWS)]
    with page.expect_download() as caught:
        page.locator("#points .csv-table").first.click()
    assert caught.value.suggested_filename.endswith(".csv")
    read = list(csv.reader(Path(caught.value.path()).read_text(encoding="utf-8").splitlines()))
    assert read == [heads, *rows]
    table.locator("tbody td").evaluate_all(
        "(all) => ['-3.1 %', '-9..+17 %', '-', '=1+A1', '-1+A1'].forEach((text, at) => { all[at].innerText = text; })"
    )
    cells = "(table) => csv(table).split('\\n')[1].split(',').slice(0, 5)"
    assert table.evaluate(cells) == ["-3.1 %", "-9..+17 %", "-", "'=1+A1", "'-1+A1"]
    rows = [[text for text, _ in row] for row in table.evaluate(ROWS)]
    page.locator("#points .copy-table").first.click()
    until(page, "document.querySelector('#points .copy-table').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert [line.split("\t") for line in copied.replace("\r\n", "\n").rstrip("\n").split("\n")] == [heads, *rows]


def test_the_scenario_is_copied(file: Path, opened: Opens) -> None:
    page = opened(file, permissions=["clipboard-read", "clipboard-write"])
    page.locator("#scenario .copy-text").first.click()
    until(page, "document.querySelector('#scenario .copy-text').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()").replace("\r\n", "\n")
    assert copied == (file.parent / "resolved.toml").read_text(encoding="utf-8")


def test_the_timeline_zooms(file: Path, opened: Opens, points: list[tuple[str, Outcome]]) -> None:
    page = opened(file)

    def window() -> tuple[float, float]:
        found = chart(page, "timeline", "chart.getOption().dataZoom[0]")
        return found["start"], found["end"]

    assert window() == (0, 100)
    x, y = point_at(page, "timeline", chart(page, "timeline", "[chart.getWidth() / 2, chart.getHeight() / 2]"))
    page.mouse.move(x, y)
    page.mouse.wheel(0, -200)
    page.wait_for_timeout(100)
    assert window() == (0, 100), "the wheel alone moves the page"
    x, y = point_at(page, "timeline", chart(page, "timeline", "[chart.getWidth() / 2, chart.getHeight() / 2]"))
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    until(
        page,
        f"(() => {{ const z = {CHART.format('timeline')}.getOption().dataZoom[0]; return z.end - z.start < 99; }})()",
    )
    start, end = window()
    assert 0 <= start < end <= 100
    page.locator("#timeline-whole-step").click()
    assert window() == (0, 100)
    # The same by the keyboard.
    for button, expected in [
        ("zoom-in", (25, 75)),
        ("later", (50, 100)),
        ("earlier", (25, 75)),
        ("zoom-out", (0, 100)),
    ]:
        page.locator(f"#timeline-{button}").focus()
        page.keyboard.press("Enter")
        assert window() == expected


def test_the_timeline_of_every_point_is_drawn(file: Path, opened: Opens) -> None:
    page = opened(file)
    count = page.locator("#timeline-point option").count()
    assert count > 1
    drawn = []
    for nth in [*range(1, count), 0]:
        page.locator("#timeline-point").select_option(index=nth)
        drawn.append(chart(page, "timeline", "[chart.getOption().yAxis[0].data, chart.getOption().xAxis[0].max]"))
    assert len({str(one) for one in drawn}) == count, "each has its own rows and its own length"


def test_a_measured_step_is_held_against_the_band(file: Path, opened: Opens, points: list[tuple[str, Outcome]]) -> None:
    page = opened(file)
    told = page.locator("#measured-result")
    with_band = 0
    for index, (_, point) in enumerate(points):
        page.select_option("#measured-point", str(index))
        band, step_s = point.confidence.step, point.step_time_s
        page.fill("#measured-step", "")
        assert STEP_TIME.text(point) in told.inner_text()
        for error in (
            -0.5,
            0.5,
            *((band.low * 0.9, band.high * 0.9, band.low - 0.01, band.high + 0.01) if band else ()),
        ):
            page.fill("#measured-step", repr(float(step_s / (1 + error))))
            said = told.inner_text()
            assert f"{abs(100 * error):.1f} % too {'fast' if error < 0 else 'slow'}" in said
            assert STEP_TIME.text(point) in said
            if band is None:
                assert "no band" in said
            else:
                with_band += 1
                assert ("inside the band" in said) == (band.low <= error <= band.high)
                assert ("outside the band" in said) == (not band.low <= error <= band.high)
        page.fill("#measured-step", repr(float(step_s)))
        assert "the same" in told.inner_text()
        for none in ("0", "-1"):
            page.fill("#measured-step", none)
            assert told.inner_text() == "A step time is a number of seconds above 0."
    assert with_band


def test_on_paper_tables_stand_whole_and_nothing_asks_to_be_clicked(file: Path, opened: Opens) -> None:
    paper = {"width": 718, "height": 1000}  # A4 less its margins, in CSS pixels
    page = opened(file, viewport=paper)
    opens = page.locator("details")
    page.evaluate(
        "onbeforeprint = () => setTimeout(() => { window.unfolded = document.querySelectorAll('[open]').length; })"
    )
    assert page.pdf(format="A4").startswith(b"%PDF")
    until(page, "window.unfolded !== undefined")
    assert opens.count() > 3
    assert page.locator("details[open]").count() == 0, "on paper alone they stand open"
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details[open]").count() == opens.count()
    for what in ("nav", ".copy-table", ".csv-table", ".copy-text", "select", "input", "summary"):
        assert not any(one.is_visible() for one in page.locator(what).all())
    # Browsers shrink what is wider than the paper. Text of two thirds of its size can still be read.
    assert page.evaluate("document.documentElement.scrollWidth") < 1.5 * paper["width"]
    scrolled = (
        "[...document.querySelectorAll('.wide, pre')].filter((one) => getComputedStyle(one).overflowX !== 'visible')"
    )
    assert page.evaluate(f"{scrolled}.length") == 0


def test_a_phone_shows_charts_that_fit(file: Path, opened: Opens) -> None:
    page = opened(file, viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    rights = page.locator(".canvas svg").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().right)")
    assert len(rights) > 3
    assert max(rights) <= PHONE["width"]


def test_the_dark_page_is_dark_and_its_charts_too(file: Path, opened: Opens) -> None:
    page = opened(file, color_scheme="dark")
    body = page.locator("body")
    assert brightness(body.evaluate("(one) => getComputedStyle(one).backgroundColor")) < 0.2
    assert brightness(body.evaluate("(one) => getComputedStyle(one).color")) > 0.7
    inks = "(all) => all.map((one) => getComputedStyle(one).fill)"
    texts = page.locator("#scaling-chart svg text")
    assert min(map(brightness, texts.evaluate_all(inks))) > 0.5
    # Dark colours are lifted from the dark paper.
    for name in ("account", "timeline"):
        filled = "chart.getOption().series.filter((one) => one.name).map((one) => one.itemStyle.color)"
        assert min(chart(page, name, f"{filled}.map((one) => echarts.color.lum(one, 0))")) > 0.3
    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(200)
    assert max(map(brightness, texts.evaluate_all(inks))) < 0.5


def brightness(colour: str) -> float:
    """Of a colour as a browser writes it: 0 is black, 1 white."""
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 765


def test_tab_reaches_everything_that_can_be_used(file: Path, opened: Opens) -> None:
    page = opened(file)
    usable = "a[href], button, select, input, summary, [tabindex='0']"
    page.evaluate(
        f"[...document.querySelectorAll({json.dumps(usable)})].forEach((one, nth) => {{ one.dataset.nth = nth; }})"
    )
    visible = "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.dataset.nth)"
    expected = set(page.locator(usable).evaluate_all(visible))
    reached = []
    for _ in range(len(expected) + 5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.dataset.nth ?? null"))
    assert expected - set(reached) == set()


def test_without_scripts_the_page_is_there_to_read(
    file: Path, opened: Opens, points: list[tuple[str, Outcome]]
) -> None:
    page = opened(file, java_script_enabled=False)
    assert page.locator("#answer").is_visible()
    assert page.locator("#answer").inner_text().strip()
    assert page.locator("#points table").first.locator("tbody tr").count() == len(points)
    page.locator("#scaling summary").click()
    assert page.locator("#scaling table").first.is_visible()
    assert page.locator("#scenario pre").first.is_visible()
