"""The account of device-seconds as stacked bars that add up to 100 %."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.outcome.lines import GROUPS, LINES
from sim.outcome.outcome import Outcome
from sim.page.borders import chart_text
from sim.page.numbers import counted
from sim.report.charts.canvas import add_legend, quiet, sheet, sheet_of
from sim.report.charts.colours import FAINT, INK, LINE_COLOURS, text_colour
from sim.study.points import comparable, curves

_ROW_INCHES = 0.33
_HEADING_ROWS = 1.15
_CHARACTER_INCHES = 0.073
_RIGHT_INCHES = 1.7
_SMALLEST_SHOWN = 5e-4
"""Lines below this share everywhere are left out of the legend."""
_SMALLEST_LABELLED = 0.033
"""A percentage fits into a part of the bar from about this share on."""
_COLUMNS = (("tax", 104.5), ("MFU", 112.5))
_CAPTION = (
    "Each bar is one machine: devices x wall time, split without rest into lines that add up to 100 %."
    " Tax: the distribution tax of a step, all lines of the split group together (yellow to brown): time lost because"
    " the work is split over devices. MFU of a step: model FLOPs over what the devices could have done at their dense"
    " peak."
)


def ledger_bars(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw one bar per point, split by ledger line, under a heading per system; return the axes."""
    ax = ax or sheet([_height(outcomes)], left=_left(outcomes), right=_RIGHT_INCHES)[0]
    points, places, labels, headings = [], [], [], []
    row = 0.0
    for heading, bars in _groups(outcomes).items():
        headings.append((row, heading))
        for label, point in bars:
            row += 1
            points.append(point)
            places.append(row)
            labels.append(chart_text(label))
        row += _HEADING_ROWS
    _bars(ax, points, places)
    for place, heading in headings:
        ax.text(0, place + 0.12, chart_text(heading), size=9, weight="bold", color=INK, va="center")
    _beside(ax, points, places)
    ax.set_yticks(places, labels)
    ax.set_ylim(row - 0.45, -0.5)
    ax.set_xlim(0, 100)
    of = "the training run" if any(point.run for point in outcomes) else "one training step"
    ax.set_xlabel(f"share of all device-seconds of {of} (%)", size=9, color=INK)
    quiet(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def ledger_figure(outcomes: Sequence[Outcome]) -> Figure:
    """The bars as a sheet with title, legend and caption."""
    title = "Where every device-second goes"
    if comparable(outcomes):
        title += f": {outcomes[0].scenario.model.name}"
    legend_rows = (len(_present(outcomes)) + 1) // 2
    left = _left(outcomes)
    (ax,) = sheet([_height(outcomes)], title, _CAPTION, left=left, right=_RIGHT_INCHES, legend_rows=legend_rows)
    ledger_bars(outcomes, ax)
    add_legend(ax, _CAPTION, columns=2)
    return sheet_of(ax)


def _height(outcomes: Sequence[Outcome]) -> float:
    return _ROW_INCHES * (len(outcomes) + _HEADING_ROWS * len(_groups(outcomes)) + 0.2)


def _left(outcomes: Sequence[Outcome]) -> float:
    """Inches that the longest label of a bar needs."""
    return 0.2 + _CHARACTER_INCHES * max(len(label) for bars in _groups(outcomes).values() for label, _ in bars)


def _groups(outcomes: Sequence[Outcome]) -> dict[str, list[tuple[str, Outcome]]]:
    """Heading -> (label, point) of its bars: a heading per system; labels say the size, the variant, or both."""
    groups: dict[str, list[tuple[str, Outcome]]] = {}
    systems = curves(outcomes)
    for curve in systems:
        alike = [other for other in systems if (other.system, other.device_title) == (curve.system, curve.device_title)]
        one_size = len({size for other in alike for size in other.sizes}) == 1
        bars = groups.setdefault(f"{curve.system}  ({curve.device_title})", [])
        for point in curve.points:
            size = counted(point.devices, "device")
            bars.append((curve.variant if one_size and curve.variant else f"{curve.variant} {size}".strip(), point))
    return groups


def _present(outcomes: Sequence[Outcome]) -> list[str]:
    return [line for line in LINES if any(point.account.share(line) > _SMALLEST_SHOWN for point in outcomes)]


def _bars(ax: Axes, points: Sequence[Outcome], places: Sequence[float]) -> None:
    present = _present(points)
    group_of = {line: group for group, lines in GROUPS.items() for line in lines}
    lefts = [0.0] * len(points)
    for line in LINES:
        widths = [100 * point.account.share(line) for point in points]
        if not any(widths):
            continue
        ax.barh(
            places,
            widths,
            left=lefts,
            height=0.8,
            color=LINE_COLOURS[line],
            edgecolor="white",
            # The white edge of a sliver would hide the sliver.
            linewidth=[0.7 if width > 0.5 else 0.0 for width in widths],
            label=f"{line} ({group_of[line]}): {GROUPS[group_of[line]][line]}" if line in present else None,
        )
        for place, left, width in zip(places, lefts, widths, strict=True):
            if width >= 100 * _SMALLEST_LABELLED:
                colour = text_colour(LINE_COLOURS[line])
                ax.text(
                    left + width / 2, place, f"{width:.0f}", size=8, color=colour, ha="center", va="center_baseline"
                )
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]


def _beside(ax: Axes, points: Sequence[Outcome], places: Sequence[float]) -> None:
    """Two columns of figures to the right of the bars."""
    for heading, x in _COLUMNS:
        ax.text(x, -0.1, heading, size=8.5, weight="bold", color=INK, ha="center", va="center")
    for point, place in zip(points, places, strict=True):
        for x, share in zip((x for _, x in _COLUMNS), (point.ledger.tax, point.mfu), strict=True):
            ax.text(x, place, f"{100 * share:.1f} %", size=8.5, color=FAINT, ha="center", va="center")
