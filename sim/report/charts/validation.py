"""Prediction against measurement: every row in one chart, and how its errors are spread by source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.report.charts.canvas import DASHED, Style, add_legend, quiet, sheet, sheet_of, style_of
from sim.report.charts.words import fitted
from sim.report.colours import FAINT, INK, SYSTEM_COLOURS, system_style
from sim.report.styles import SCREEN, ChartStyle
from sim.validation.compare import Comparison
from sim.validation.conventions import family_of
from sim.validation.labels import label_of

_KINDS = (("V100", "v100"), ("A100", "a100"), ("H100", "h100"), ("H200", "h200"), ("B200", "b200"), ("CS-2", "cs"))
"""Device kinds by the first part of their names in the catalogue: each keeps its colour in every chart."""
_BAND = 0.10
_ROW_INCHES = 0.26
_LABEL_PART = 0.4
"""Part of the width of a sheet that the names of sources may take."""
_PARITY_CAPTION = (
    "One marker is one published row; on the dashed line the prediction is what was measured, within the grey band it"
    " is at most 10 % off. Rows that constants may have been fitted on are left out."
)
_ERROR_CAPTION = (
    "One dot is one row; the bar spans P10 to P90, the line in it is the median. Negative: predicted too fast. Sources"
    " with most rows first. Rows beyond the axis stand at its edge as triangles."
)
_WIDEST_PER_CENT = 50.0
_DOTS: Style = {"s": 9, "color": SYSTEM_COLOURS[0], "linewidths": 0, "alpha": 0.55, "zorder": 3}


def parity(comparisons: Sequence[Comparison], ax: Axes | None = None) -> Axes:
    """Draw predicted against measured step time, both logarithmic, by kind of device; return the axes."""
    ax = ax or sheet([5.5])[0]
    times_s = [time_s for one in comparisons for time_s in (one.measured_s, one.predicted_s)]
    ends = np.array([min(times_s) / 1.5, max(times_s) * 1.5])
    ax.fill_between(ends, ends * (1 - _BAND), ends * (1 + _BAND), color="#dddddd", linewidth=0, zorder=1)
    ax.plot(ends, ends, color=FAINT, linewidth=1.0, linestyle=DASHED, zorder=2)
    for index, (title, family) in enumerate(_KINDS):
        own = [one for one in comparisons if family_of(one.row) == family]
        if own:
            colour, marker = system_style(index)
            style: Style = {"s": 16, "color": colour, "marker": marker, "linewidths": 0, "alpha": 0.65, "zorder": 3}
            times = [one.measured_s for one in own], [one.predicted_s for one in own]
            ax.scatter(*times, label=f"{title} ({len(own):,} rows)", **style)
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    quiet(ax, "measured step time (s)", "predicted step time (s)")
    return ax


def errors_by_source(comparisons: Sequence[Comparison], ax: Axes | None = None) -> Axes:
    """Draw the signed errors of every source in per cent, a line a source; return the axes."""
    groups: dict[str, list[float]] = {}
    for one in comparisons:
        groups.setdefault(label_of(one.row.source), []).append(100 * one.error)
    ordered = sorted(groups, key=lambda label: (len(groups[label]), label))
    ax = ax or sheet([_ROW_INCHES * len(ordered) + 0.2])[0]
    for height, label in enumerate(ordered):
        values = np.array(groups[label])
        shown = np.clip(values, -_WIDEST_PER_CENT, _WIDEST_PER_CENT)
        low, middle, high = np.clip(np.percentile(values, (10, 50, 90)), -_WIDEST_PER_CENT, _WIDEST_PER_CENT)
        ax.barh(height, high - low, left=low, height=0.62, color="#c6dbef", linewidth=0, zorder=1)
        ax.plot([middle, middle], [height - 0.31, height + 0.31], color=INK, linewidth=1.4, zorder=4)
        # Spread over the height of the line by a fixed rule, so that many rows do not hide each other.
        offsets = 0.22 * np.sin(np.arange(len(values)) * 2.399963)
        for mask, marker in ((shown == values, "o"), (values > shown, ">"), (values < shown, "<")):
            ax.scatter(shown[mask], height + offsets[mask], marker=marker, **_DOTS)
    ax.axvline(0.0, color=FAINT, linewidth=1.0, zorder=2)
    style = style_of(ax)
    names = [
        fitted(f"{label} ({len(groups[label]):,})", style.small_points, _LABEL_PART * style.width_inches)
        for label in ordered
    ]
    ax.set_yticks(range(len(ordered)), names)
    ax.set_ylim(-0.6, len(ordered) - 0.4)
    ax.set_xlim(-1.04 * _WIDEST_PER_CENT, 1.04 * _WIDEST_PER_CENT)
    quiet(ax, "error of the step time (%)")
    return ax


def parity_figure(comparisons: Sequence[Comparison], style: ChartStyle = SCREEN) -> Figure:
    """The parity chart as a sheet with title, legend and caption."""
    (ax,) = sheet([6.2], "Predicted against measured step time", _PARITY_CAPTION, style)
    return add_legend(parity(comparisons, ax), columns=len(_KINDS))


def errors_figure(comparisons: Sequence[Comparison], style: ChartStyle = SCREEN) -> Figure:
    """The errors by source as a sheet with title and caption."""
    lines = len({label_of(one.row.source) for one in comparisons})
    (ax,) = sheet([_ROW_INCHES * lines + 0.2], "Errors by source", _ERROR_CAPTION, style, [lines])
    return sheet_of(errors_by_source(comparisons, ax))
