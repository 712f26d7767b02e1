"""Charts of outcomes. Functions take axes or make their own, and return them; nothing is shown on a screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sim.outcome.outcome import Outcome
from sim.report.charts.canvas import save
from sim.report.charts.ledger import ledger_figure
from sim.report.charts.scaling import goodput_figure, scaling_figure
from sim.report.charts.step_times import step_times_figure
from sim.report.charts.timeline import timeline_figure
from sim.report.charts.utilisation import links_figure, streams_figure
from sim.report.styles import SCREEN, ChartStyle
from sim.study.points import curves, drawn

_FEWEST_SIZES = 3


def chart_files(outcomes: Sequence[Outcome], directory: Path, style: ChartStyle = SCREEN) -> list[Path]:
    """Draw every chart that fits these outcomes into a folder that exists; return the paths, in the style's formats."""
    paths = save(ledger_figure(outcomes, style), directory, "ledger")
    if _has_sizes(outcomes):
        paths += save(scaling_figure(outcomes, style), directory, "scaling")
        if _has_sizes([point for point in outcomes if point.run is not None]):
            paths += save(goodput_figure(outcomes, style), directory, "goodput")
    steps = step_times_figure(outcomes, style)
    paths += save(steps, directory, "step-times") if steps else []
    for name, curve, point in drawn(outcomes):
        title = f"{curve.label}, {_hardware(point)}"
        paths += save(timeline_figure(point, title, style), directory, f"timeline-{name}")
        paths += save(streams_figure(point, title, style), directory, f"streams-{name}")
        links = links_figure(point, title, style)
        paths += save(links, directory, f"links-{name}") if links else []
    return paths


def _hardware(point: Outcome) -> str:
    """Devices for a title; kinds that differ would not fit into one."""
    if len(point.parts) == 1:
        return f"{point.devices:,} x {point.device_title}"
    return " + ".join(f"{part.devices:,}" for part in point.parts) + " devices"


def _has_sizes(outcomes: Sequence[Outcome]) -> bool:
    """Whether a system has sizes enough for a curve: what two of them say, the table says better."""
    return any(len(curve.sizes) >= _FEWEST_SIZES for curve in curves(outcomes))
