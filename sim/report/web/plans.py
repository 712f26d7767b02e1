"""Data of searches for plans for the charts of a page: plans by memory and time, and the best plan at each size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.page.blocks import Chart, Section, section
from sim.page.borders import printable
from sim.page.numbers import BYTES, percent
from sim.planning import PlanRow, PlanStudy, believed
from sim.records import metrics
from sim.records.belief import band_words
from sim.report.colours import page_colour
from sim.report.web.data import curve_data, curves_chart, point_data
from sim.study.plans import SystemStudy


def plans_section(study: SystemStudy, title: str, key: str) -> Section | None:
    """The plans that the engine tried, and those of which none is better in both, by memory and step time."""
    found = study.found
    groups = [
        ("tried in the engine", False, found.best),
        ("none is better in both (closed form)", True, found.front),
    ]
    data = {
        "x": f"peak memory ({BYTES.axis})",
        "y": "step time (s)",
        "groups": [
            {
                "label": label,
                "line": line,
                "colour": page_colour(nth),
                "points": [(row.peak_bytes / BYTES.axis_size, row.step_s, _hover(row)) for row in rows],
            }
            for nth, (label, line, rows) in enumerate(groups)
            if rows
        ],
    }
    about = "Plans by the memory that they need and the time that a step takes"
    return section(title, Chart(key, "scatter", about, data), key=key)


def sizes_section(studies: Sequence[SystemStudy], labels: Sequence[str], before: int) -> Section | None:
    """The best plan at each size, any of its metrics against the devices. before: points of the page before its own."""
    lines, nth = [], before
    for number, (study, label) in enumerate(zip(studies, labels, strict=True)):
        own = _found(study)
        lines.append(curve_data(label, number, range(nth, nth + len(own))))
        nth += len(own)
    if not any(len(one["points"]) > 1 for one in lines):
        return None
    about = "The best plan at each size: a metric of your choice against the number of devices"
    return section("How the best plan scales", curves_chart(about, lines, first=metrics.STEP_TIME.key), key="scaling")


def size_points(studies: Sequence[SystemStudy], labels: Sequence[str]) -> list[dict[str, Any]]:
    """The points of that chart: the best plan of each system at each size."""
    return [
        _point(found, devices, label)
        for study, label in zip(studies, labels, strict=True)
        for devices, found in _found(study)
    ]


def _found(study: SystemStudy) -> list[tuple[int, PlanStudy]]:
    return [(one.devices, one.found) for one in study.sizes if isinstance(one.found, PlanStudy)]


def _point(found: PlanStudy, devices: int, label: str) -> dict[str, Any]:
    row, believable = found.best[0], believed(found)
    causal = found.about.scenario.report.flop_convention == "causal-attention"
    values = {
        metrics.STEP_TIME: row.step_s,
        metrics.MFU_CAUSAL if causal else metrics.MFU_FULL: row.mfu,
        metrics.TAX: row.tax,
        metrics.MEMORY_PEAK: row.peak_bytes,
    }
    hover = [*_hover(row), ("checked?", band_words(believable.step))]
    return point_data(f"{label}, {devices:,} devices", devices, values, hover, believable.errors, {})


def _hover(row: PlanRow) -> list[tuple[str, str]]:
    tax = [] if row.tax is None else [(metrics.TAX.title, metrics.TAX.written(row.tax))]
    return [
        ("plan", printable(row.plan.summary())),
        (metrics.STEP_TIME.title, metrics.STEP_TIME.written(row.step_s)),
        ("MFU", percent(row.mfu)),
        *tax,
        (metrics.MEMORY_PEAK.title, metrics.MEMORY_PEAK.written(row.peak_bytes)),
    ]
