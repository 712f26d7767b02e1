"""Charts in every style: how wide, with which text and fonts; no text overlaps another or leaves its sheet."""

from __future__ import annotations

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from measured import comparison
from small_systems import PIPELINE, scenario
from sweep_rows import ROWS

from sim.catalog import DEFAULT_LAW, load_law
from sim.errors import InputError
from sim.hardware.network.study import read_study
from sim.hardware.topology import load_topology
from sim.outcome.outcome import Outcome
from sim.outcome.quality.study import Question, answer
from sim.records.series import column, series_of
from sim.report.charts import chart_files
from sim.report.charts.budget import budget_figure
from sim.report.charts.bus_bandwidth import bus_bandwidth_figure
from sim.report.charts.canvas import save
from sim.report.charts.ledger import ledger_figure, sweep_ledger_figure
from sim.report.charts.plans import effort_figure, plans_figure
from sim.report.charts.scaling import goodput_figure, scaling_figure
from sim.report.charts.sheets import Sheet
from sim.report.charts.step_times import step_times_figure
from sim.report.charts.sweep import curves_figure, front_figure, heat_map_figure
from sim.report.charts.timeline import timeline_figure
from sim.report.charts.topology import topology_figure
from sim.report.charts.utilisation import links_figure, streams_figure
from sim.report.charts.validation import errors_figure, parity_figure
from sim.report.charts.words import fitted, text_inches
from sim.report.styles import PAPER, SCREEN, SLIDE, STYLES, ChartStyle, style_named
from sim.scenario import PlanRequest
from sim.study.plans import study_all, systems_of

NAMES = {
    "long": "a system whose name goes on and on " * 6,
    "one word": "W" * 200,
    "markup": "<b>\"bold\"</b> & 'quoted' $\\frac{1}{2}$ ]]>",
    "control": "bell \x07 escape \x1b[31m right-to-left \u202e tab \t end",
}
TOLERANCE = 1.0
"""Points by which boxes of texts may touch: letters end before their boxes do."""


def renamed(outcome: Outcome, name: str) -> Outcome:
    system = dataclasses.replace(outcome.scenario.system, name=name)
    model = dataclasses.replace(outcome.scenario.model, name=name)
    return dataclasses.replace(outcome, scenario=dataclasses.replace(outcome.scenario, system=system, model=model))


def of_runs(outcomes: tuple[Outcome, ...], name: str, style: ChartStyle) -> Iterator[Figure]:
    """Every chart of a run."""
    yield ledger_figure(outcomes, style)
    yield scaling_figure(outcomes, style)
    yield goodput_figure(outcomes, style)
    for outcome in outcomes[::3]:
        yield timeline_figure(outcome, name, style)
        yield streams_figure(outcome, name, style)
        yield links_figure(outcome, name, style) or Figure()


def of_others(style: ChartStyle) -> Iterator[Figure]:
    """A chart of each of the other kinds."""
    x, y = column("devices", ROWS, "--x"), column("time_to_train", ROWS, "--y")
    cost, system = column("cost", ROWS, "--x"), column("system", ROWS, "--by")
    yield curves_figure(series_of(ROWS, x, y, system), x, y, style)
    yield sweep_ledger_figure(series_of(ROWS, x, y, system), x, style)
    yield heat_map_figure(ROWS, x, system, y, style)
    yield front_figure(series_of(ROWS, cost, y, system), cost, y, style)
    pod = load_topology("dgx-h100-superpod", 64, "test")
    yield bus_bandwidth_figure(read_study("all-reduce", pod, None, 1, "1 GB", "32 KiB:16 GiB"), style)
    for name, devices in (("dgx-h100-superpod", 1024), ("dgx-1-v100", 8), ("torus-3d", 64)):
        yield topology_figure(load_topology(name, devices, "test"), style)
    yield budget_figure(answer(load_law(DEFAULT_LAW), Question(compute_flops=5.76e23, inference_tokens=2e12)), style)
    points = [scenario(PIPELINE, devices, PlanRequest()) for devices in (8, 16)]
    (study,), _ = study_all(systems_of(points, ()), 2)
    yield plans_figure(study.found, style)
    yield effort_figure(study, style)
    compared = [comparison(0.1, id=f"r{time_s}", step_time_s=time_s) for time_s in (0.5, 2.0, 30.0)]
    yield parity_figure(compared, style)
    yield errors_figure(compared, style)


def check(figure: Figure) -> None:
    """Nothing overlaps or is cut off, and the measures are those of the style."""
    assert isinstance(figure, Sheet)
    style, renderer = figure.style, figure.lay_out()
    figure.draw(renderer)
    width, height = figure.get_size_inches()
    if style.ratio:
        assert width / height == pytest.approx(style.ratio)
    else:
        assert width == pytest.approx(style.width_inches)
    texts = [(one, one.get_window_extent(renderer)) for one in seen(figure)]
    per_point = figure.dpi / 72
    for text, box in texts:
        assert float(text.get_fontsize()) >= min(style.small_points, style.text_points), text.get_text()
        inside = (box.x0, box.y0, width * figure.dpi - box.x1, height * figure.dpi - box.y1)
        assert min(inside) >= -TOLERANCE * per_point, f"{text.get_text()!r} leaves the sheet: {inside}"
    for (one, box), (other, place) in itertools.combinations(texts, 2):
        across = min(box.x1, place.x1) - max(box.x0, place.x0)
        up = min(box.y1, place.y1) - max(box.y0, place.y0)
        touch = min(across, up) / per_point
        assert touch <= TOLERANCE, f"{one.get_text()!r} overlaps {other.get_text()!r} by {touch:.1f} points"


def seen(figure: Sheet) -> list[Text]:
    """Texts that are drawn: ticks outside of the axes are not."""
    hidden = set()
    for ax in [*figure.axes, *(child for each in figure.axes for child in each.child_axes)]:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low - 1e-9 <= tick.get_loc() <= high + 1e-9 or not ax.axison:
                    hidden |= {tick.label1, tick.label2}
    return [one for one in figure.required() if one not in hidden]


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("name", ["", *NAMES])
def test_texts_of_runs_have_their_room(name: str, style: ChartStyle, several: tuple[Outcome, ...]) -> None:
    called = NAMES.get(name, "")
    outcomes = tuple(renamed(one, f"{called}{one.scenario.system.name}") if called else one for one in several)
    for figure in of_runs(outcomes, called or "a system", style):
        check(figure)


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_texts_of_other_charts_have_their_room(style: ChartStyle) -> None:
    for figure in of_others(style):
        check(figure)


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_texts_of_steps_that_differ_have_their_room(style: ChartStyle, varied: tuple[Outcome, ...]) -> None:
    for outcomes in (varied, varied[:1]):
        figure = step_times_figure(outcomes, style)
        assert figure is not None
        check(figure)


def test_a_figure_for_a_paper_is_a_column_wide_and_carries_its_fonts(alone: Outcome, tmp_path: Path) -> None:
    odd = renamed(alone, NAMES["markup"])
    figure = ledger_figure([odd], PAPER)
    pdf, svg, _ = save(figure, tmp_path, "ledger")
    data = pdf.read_bytes()
    box = re.search(rb"/MediaBox \[ ([\d. ]+) \]", data)
    assert box is not None
    assert float(box[1].split()[2]) == pytest.approx(3.3 * 72)
    # Every font is TrueType and lies in the file; nothing is drawn as shapes of Type 3.
    assert len(re.findall(rb"/FontFile2 \d+ 0 R", data)) == len(re.findall(rb"/Type /FontDescriptor", data)) > 0
    assert b"/Type3" not in data
    assert b"/Subtype /Type0" in data
    assert b"CreationDate" not in data
    streams = [zlib.decompress(one) for one in re.findall(rb"stream\r?\n(x.*?)\r?\nendstream", data, re.DOTALL)]
    sizes = {float(one) for stream in streams for one in re.findall(rb"/F\d+ ([\d.]+) Tf", stream)}
    assert sizes == {7.0, 8.0}
    assert not any("Where every device-second goes" in one.get_text() for one in seen(figure))  # type: ignore[arg-type]
    again = tmp_path / "again"
    again.mkdir()
    for one, other in zip((pdf, svg), save(ledger_figure([odd], PAPER), again, "ledger"), strict=False):
        assert one.read_bytes() == other.read_bytes()


def test_text_in_svg_is_text(alone: Outcome, tmp_path: Path) -> None:
    odd = renamed(alone, NAMES["markup"])
    _, svg = save(ledger_figure([odd], SCREEN), tmp_path, "ledger")
    root = ElementTree.fromstring(svg.read_text(encoding="utf-8"))
    texts = [element for element in root.iter() if element.tag.endswith("}text")]
    words = " ".join("".join(one.itertext()) for one in texts)
    assert "Where every device-second goes" in words
    assert "<b>\"bold\"</b> & 'quoted' $\\frac{1}{2}$ ]]>" in words
    assert all("sans-serif" in one.get("style", "") for one in texts)
    assert not [element for element in root.iter() if "DejaVuSans-" in element.get("id", "")]


def test_a_slide_has_the_shape_of_a_screen(alone: Outcome) -> None:
    figure = ledger_figure([alone], SLIDE)
    assert isinstance(figure, Sheet)
    figure.lay_out()
    width, height = figure.get_size_inches()
    assert width / height == pytest.approx(16 / 9)
    assert min(float(one.get_fontsize()) for one in seen(figure)) / height > 15 / 7.6


def test_a_style_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match=r"--style\n.*papr.*did you mean 'paper'\?"):
        style_named("papr")


def test_text_is_broken_and_cut_to_its_room() -> None:
    assert fitted("a few words", 8, 5.0) == "a few words"
    broken = fitted("several words that need two lines", 8, 1.2, 3)
    assert broken.count("\n") in (1, 2)
    assert all(text_inches(line, 8) <= 1.2 for line in broken.split("\n"))
    assert fitted("W" * 200, 8, 1.0).endswith("...")
    assert fitted("$1 \x1b", 8, 5.0) == r"\$1 \x1b"


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_every_chart_is_written_in_the_formats_of_its_style(
    style: ChartStyle, alone: Outcome, tmp_path: Path, twin_of: Callable[[Outcome], Outcome]
) -> None:
    paths = chart_files([alone, twin_of(alone)], tmp_path, style)
    assert {path.suffix for path in paths} == {f".{one}" for one in style.formats}
    assert all(path.stat().st_size > 500 for path in paths)
