"""How hard the best plan was to find: how many plans are left at each step, and what to set at each cluster size."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullLocator

from sim.page.numbers import counted
from sim.planning import PlanStudy
from sim.report.charts.canvas import annotate, quiet, sheet, sheet_of
from sim.report.charts.colours import FAINT
from sim.study.plans import SystemStudy

_KINDS = (
    ("legal", "legal", "#d0d0d0"),
    ("fitting", "fit", "#8ab8e0"),
    ("within_20_percent", "within 20 %", "#3f7fbf"),
    ("within_5_percent", "within 5 %", "#12436d"),
)
_ROW_INCHES = 0.27
_BAR = 0.8
_CHANGED = "#ffe0a3"
_REPLICAS = "replicas"
Columns = list[tuple[int, object]]
"""Cluster sizes, each with the study of its plans; anything else where no plan fits."""
_CAPTION = (
    "Above: legal plans, those whose memory is there, and of these the ones that take at most 20 % and 5 % longer than"
    " the best; logarithmic. Below: what the best plan sets at each cluster size; shaded where it differs from the size"
    " to its left. Replicas follow from the devices and are not counted as a setting."
)


def effort_figure(study: SystemStudy) -> Figure:
    """Counts of plans by cluster size, and the settings of the best one."""
    about = study.found.about
    columns: Columns = [(one.devices, one.found) for one in study.sizes]
    columns = columns or [(about.scenario.system.devices, study.found)]
    settings = [about.kind.settings(found.best[0].plan) if isinstance(found, PlanStudy) else {} for _, found in columns]
    names = list(dict.fromkeys(name for one in settings for name in one))
    title = f"Choosing a plan for {about.scenario.model.name} on {about.devices[0].title}\n{about.stack.title}"
    top, below = sheet([2.9, _ROW_INCHES * len(names)], title, _CAPTION, left=1.5, gap=0.45)
    _counts(top, columns)
    _grid(below, settings, names)
    return sheet_of(top)


def _counts(ax: Axes, columns: Columns) -> None:
    """Four bars for each size, with their numbers."""
    width, most = _BAR / len(_KINDS), 1
    for place, (_, found) in enumerate(columns):
        if not isinstance(found, PlanStudy):
            ax.annotate("nothing fits", (place, 1), size=8, color=FAINT, ha="center", va="bottom")
            continue
        most = max(most, found.effort.legal)
        for number, (field, _, colour) in enumerate(_KINDS):
            count = getattr(found.effort, field)
            left = place + (number - len(_KINDS) / 2 + 0.5) * width
            ax.bar(left, count, width * 0.94, color=colour, zorder=2)
            annotate(ax, f"{count:,}", (left, max(count, 1)), (0, 2), size=7.5, ha="center", va="bottom")
    ax.set_yscale("symlog", linthresh=1)
    ax.set_ylim(0, 60 * most)
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_xticks(range(len(columns)), [counted(devices, "device") for devices, _ in columns])
    handles = [Rectangle((0, 0), 1, 1, color=colour) for _, _, colour in _KINDS]
    ax.legend(handles, [words for _, words, _ in _KINDS], loc="upper left", ncols=4, frameon=False, fontsize=8)
    quiet(ax, y="plans")


def _grid(ax: Axes, settings: list[dict[str, str]], names: list[str]) -> None:
    """Settings by size, shaded where one differs from the size before."""
    ax.set_xlim(-0.5, len(settings) - 0.5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    for column, own in enumerate(settings):
        for row, name in enumerate(names):
            value = own.get(name, "")
            before = settings[column - 1] if column else own
            if before and own and name != _REPLICAS and before.get(name) != own.get(name):
                ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=_CHANGED, zorder=1))
            annotate(ax, value, (column, row), (0, 0), size=8.5, ha="center", va="center", zorder=2)
    for row in range(len(names) + 1):
        ax.axhline(row - 0.5, color="#e6e6e6", linewidth=0.6, zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks([])
    quiet(ax)
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
