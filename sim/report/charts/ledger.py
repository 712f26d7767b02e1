"""The account of device-seconds as stacked bars that add up to 100 %."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.outcome.lines import GROUPS, LINES, line_title
from sim.outcome.outcome import Outcome
from sim.page.numbers import counted, percent, whole
from sim.records.series import Column, Row, Series
from sim.report.charts.canvas import Style, add_legend, annotate, head, name_places, quiet, sheet, spare, style_of
from sim.report.charts.words import fitted, text_inches
from sim.report.colours import FAINT, INK, LINE_COLOURS, text_colour
from sim.report.styles import SCREEN, ChartStyle
from sim.study.points import comparable, curves

Rows = list[dict[str, float]]
"""Of each bar: line -> its share of all device-seconds, in per cent."""
_ROW_INCHES = 0.33
_HEADING_ROWS = 1.15
_LABEL_PART = 0.3
"""Part of the width of a sheet that the names of bars may take."""
_BESIDE, _MARGINS = 9.0, 0.3
"""Width of the columns beside the bars, in heights of the text; and inches of what is free around them."""
_SMALLEST_SHOWN, _SMALLEST_OF_SWEEP = 0.05, 0.5
"""Lines below these per cent everywhere are left out of the legends."""
_SMALLEST_LABELLED = 1.0
"""Per cent of a bar from which a part may have its number, if that fits."""
_COLUMNS = (("tax", 2.6), ("MFU\n(causal)", 6.8))
"""Heading, and how far to the right of the bars it stands, in heights of the text."""
_RUN_CAPTION = (
    "Each bar is one machine: devices x wall time, split without rest into lines that add up to 100 %."
    " Tax: the distribution tax of a step, all lines of the split group together (yellow to brown: exchanges; red to"
    " plum: waiting): time lost because the work is split over devices. MFU of a step counts the causal half of"
    " attention, as the useful line does: on devices of one kind it is the useful share of a step."
)
_SWEEP_CAPTION = "Shares of all device-seconds of a step, which add up to 100 %; every bar is a simulated point"
_MIDDLE = ", the middle one of those that are not told apart."
_USEFUL = " Useful is MFU with the causal half of attention alone."
_FIRST = " Drawn are the first systems of the sweep that have several points."
_MOST_PANELS = 4


def ledger_bars(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw one bar per point, split by ledger line, under a heading per system; return the axes."""
    ax = ax or sheet(**_room(outcomes))[0]
    style = style_of(ax)
    points, places, labels, headings = [], [], [], []
    row = 0.0
    for heading, bars in _groups(outcomes).items():
        headings.append((row, heading))
        for label, point in bars:
            row += 1
            points.append(point)
            places.append(row)
            labels.append(fitted(label, style.small_points, _LABEL_PART * style.width_inches))
        row += _HEADING_ROWS
    rows = _shares(points)
    _stack(ax, rows, places, _named(rows, explained=style.captioned), upright=False)
    beside = max(text_inches(label, style.small_points) for label in labels) + _BESIDE * style.small_points / 72
    room = style.width_inches - beside - _MARGINS
    for place, heading in headings:
        words = next((one for one in heading if text_inches(one, style.text_points, bold=True) <= room), heading[-1])
        words = fitted(words, style.text_points, room, bold=True)
        ax.text(0, place + 0.12, words, size=style.text_points, weight="bold", color=INK, va="center")
    _beside(ax, points, places)
    ax.set_yticks(places, labels)
    ax.set_ylim(row - 0.45, -0.5)
    ax.set_xlim(0, 100)
    of = "the training run" if any(point.run for point in outcomes) else "one training step"
    quiet(ax, f"share of all device-seconds of {of} (%)")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def ledger_figure(outcomes: Sequence[Outcome], style: ChartStyle = SCREEN) -> Figure:
    """The bars as a sheet with title, legend and caption."""
    title = "Where every device-second goes"
    if comparable(outcomes):
        title += f": {outcomes[0].scenario.model.name}"
    (ax,) = sheet(title=title, caption=_RUN_CAPTION, style=style, **_room(outcomes))
    return add_legend(ledger_bars(outcomes, ax), columns=2 if style.captioned else 4)


def sweep_ledger_figure(series: Sequence[Series], x: Column, style: ChartStyle = SCREEN) -> Figure:
    """The account of a step as stacked bars, one for each value on an axis, a panel for each of a few systems."""
    shown = [one for one in series if len(one.xs) > 1][:_MOST_PANELS]
    caption = _SWEEP_CAPTION + (_MIDDLE if any(one.low != one.high for one in shown) else ".")
    caption += (_FIRST if len(shown) < len(series) else "") + _USEFUL
    shares = [_of_rows(one.rows) for one in shown]
    present = _present([row for rows in shares for row in rows], _SMALLEST_OF_SWEEP)
    title = f"Where every device-second goes, against {x.words}"
    panels = sheet([1.9] * len(shown), title, caption, style)
    for ax, one, rows in zip(panels, shown, shares, strict=True):
        _stack(ax, rows, range(len(one.xs)), {line: line_title(line) for line in present}, upright=True)
        name_places(ax, one.xs, x)
        ax.set_xlim(-0.6, len(one.xs) - 0.4)
        ax.set_ylim(0, 100)
        head(ax, one.label, bold=True)
        quiet(ax, x.words if ax is panels[-1] else None, "%")
    return add_legend(panels[-1], columns=5)


def _room(outcomes: Sequence[Outcome]) -> Style:
    """What the bars and the longest of their labels need."""
    groups = _groups(outcomes)
    rows = len(outcomes) + _HEADING_ROWS * len(groups) + 0.2
    return {"heights": [_ROW_INCHES * rows], "rows": [math.ceil(rows)]}


def _groups(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], list[tuple[str, Outcome]]]:
    """Heading of a system, long and short -> (label, point) of its bars; labels say size, variant, or both."""
    groups: dict[tuple[str, str], list[tuple[str, Outcome]]] = {}
    systems = curves(outcomes)
    for curve in systems:
        alike = [other for other in systems if (other.system, other.device_title) == (curve.system, curve.device_title)]
        one_size = len({size for other in alike for size in other.sizes}) == 1
        bars = groups.setdefault((f"{curve.system}  ({curve.device_title})", curve.system), [])
        for point in curve.points:
            size = counted(point.devices, "device")
            bars.append((curve.variant if one_size and curve.variant else f"{curve.variant} {size}".strip(), point))
    return groups


def _shares(outcomes: Sequence[Outcome]) -> Rows:
    return [{line: 100 * point.account.share(line) for line in LINES} for point in outcomes]


def _of_rows(rows: Sequence[Row]) -> Rows:
    """Of the rows of a sweep."""
    seconds = [{line: float(row.get(f"{line}_device_s") or 0.0) for line in LINES} for row in rows]
    return [{line: 100 * own / (sum(one.values()) or 1.0) for line, own in one.items()} for one in seconds]


def _present(rows: Rows, least: float) -> list[str]:
    """Lines of more than so many per cent somewhere."""
    return [line for line in LINES if any(shares[line] > least for shares in rows)]


def _named(rows: Rows, *, explained: bool) -> dict[str, str]:
    """Line -> its name in the legend, with its group and its meaning where it is explained."""
    group_of = {line: group for group, lines in GROUPS.items() for line in lines}
    present = _present(rows, _SMALLEST_SHOWN)
    if not explained:
        return {line: line_title(line) for line in present}
    return {line: f"{line_title(line)} ({group_of[line]}): {GROUPS[group_of[line]][line]}" for line in present}


def _stack(ax: Axes, rows: Rows, places: Sequence[float], names: Mapping[str, str], *, upright: bool) -> None:
    """A bar for each row of shares in per cent, stacked line by line. names: in the legend. upright: from below up."""
    ends = [0.0] * len(rows)
    for line in LINES:
        parts, colour = [shares[line] for shares in rows], LINE_COLOURS[line]
        # The legend is of the last panel: a line that only others have is drawn there without height.
        if line not in names if upright else not any(parts):
            continue
        if upright:
            ax.bar(places, parts, 0.8, bottom=ends, color=colour, linewidth=0, label=names[line])
        else:
            # The white edge of a sliver would hide the sliver.
            edge: Style = {"edgecolor": "white", "linewidth": [0.7 if part > 0.5 else 0.0 for part in parts]}
            ax.barh(places, parts, left=ends, height=0.8, color=colour, label=names.get(line), **edge)
            for place, end, part in zip(places, ends, parts, strict=True):
                if part >= _SMALLEST_LABELLED:
                    style: Style = {"color": text_colour(colour), "ha": "center", "va": "center_baseline"}
                    words = ax.text(end + part / 2, place, whole(part), size=style_of(ax).small_points, **style)
                    spare(ax, words, (end, end + part))
        ends = [end + part for end, part in zip(ends, parts, strict=True)]


def _beside(ax: Axes, points: Sequence[Outcome], places: Sequence[float]) -> None:
    """Two columns of figures to the right of the bars, by the convention of the bars."""
    points_of_text = style_of(ax).small_points
    style: Style = {"size": points_of_text, "ha": "center", "va": "center", "annotation_clip": False}
    for heading, ems in _COLUMNS:
        annotate(ax, heading, (100, -0.1), (ems * points_of_text, 0), weight="bold", **style)
    for point, place in zip(points, places, strict=True):
        for (_, ems), share in zip(_COLUMNS, (point.ledger.tax, point.mfu_causal), strict=True):
            annotate(ax, percent(share), (100, place), (ems * points_of_text, 0), color=FAINT, **style)
