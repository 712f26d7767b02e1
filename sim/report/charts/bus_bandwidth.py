"""Bus bandwidth against message size: every algorithm, the library's choice, and what the busiest link would allow."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from sim.hardware.network.study import Study
from sim.page.numbers import gigabytes_per_s, message
from sim.report.charts.canvas import ON_WHITE, Style, add_legend, annotate, quiet, sheet, spare, style_of
from sim.report.colours import ALGORITHM_COLOURS, FAINT, INK, colours_of
from sim.report.styles import SCREEN, ChartStyle

_SAMPLES = 400
_CHOICE = "#c9c9c9"
_HEADROOM = 1.22
"""Over the highest curve, for the names of what is chosen."""
_MOST_TICKS = 12
_COLUMNS = 6
_CAPTION = (
    "Bus bandwidth as nccl-tests defines it: {share:.4g} x size / time. Thin: each algorithm with its best protocol at"
    " each size. Thick: the fastest of all{chooser}; which one that is stands at the top."
    " Dashed: what {limit} would allow if nothing else took time."
)


def bus_bandwidth(study: Study, ax: Axes | None = None) -> Axes:
    """Draw bus bandwidth against message size, sizes logarithmic; return the axes."""
    ax = ax or sheet([4.2])[0]
    sizes = np.geomspace(study.sizes_bytes[0], study.sizes_bytes[-1], _SAMPLES)
    curves = {name: _best_of(study, name, sizes) for name in study.algorithms}
    ax.set_xscale("log", base=2)
    chosen = np.max(list(curves.values()), axis=0)
    ax.plot(sizes, chosen, color=_CHOICE, linewidth=7, solid_capstyle="round", label=study.choice, zorder=2)
    for name, colour in colours_of(study.algorithms, ALGORITHM_COLOURS).items():
        ax.plot(sizes, curves[name], color=colour, linewidth=1.5, label=name, zorder=3)
    limit = study.limit_bytes_per_s(study.fastest(study.sizes_bytes[-1])) / 1e9
    ax.axhline(limit, color=INK, linewidth=1.1, linestyle=(0, (5, 3)), label=f"limit of {_limit_of(study)}", zorder=1)
    ax.set_ylim(0, _HEADROOM * max(limit, float(chosen.max())))
    ax.set_xlim(sizes[0], sizes[-1])
    _name_choices(ax, study, sizes)
    _mark_size(ax, study)
    ticks = study.sizes_bytes[:: -(-len(study.sizes_bytes) // _MOST_TICKS)]
    ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: message(size)))
    quiet(ax, "message size", "bus bandwidth (GB/s)", grid=True)
    return ax


def bus_bandwidth_figure(study: Study, style: ChartStyle = SCREEN) -> Figure:
    """The chart as a sheet with title, legend and caption."""
    topology, group = study.topology, study.group
    shape = f"{group.ranks:,} ranks" if study.groups == 1 else f"{study.groups:,} groups of {group.ranks:,} ranks"
    if group.stride > 1:
        shape += f", stride {group.stride:,}"
    shape += ", one group alone" if study.alone else ""
    held = f" by {study.algorithm}" if study.algorithm else ""
    title = f"Bus bandwidth of {study.title}{held}, {shape}\n{topology.title}, {topology.about.library.name}"
    chooser = "" if study.algorithm else ", which the library is taken to choose"
    caption = _CAPTION.format(share=study.bus_share, limit=_limit_of(study), chooser=chooser)
    (ax,) = sheet([4.2], title, caption, style)
    return add_legend(bus_bandwidth(study, ax), _COLUMNS)


def _best_of(study: Study, algorithm: str, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bus bandwidth of an algorithm with its best protocol at each size, in GB/s."""
    options = [option for option in study.options if option.wave.algorithm == algorithm]
    fastest_s = np.min([np.asarray(option.time_s(sizes)) for option in options], axis=0)
    return np.asarray(study.bus_share * sizes / fastest_s / 1e9)


def _limit_of(study: Study) -> str:
    """What the dashed line stands for."""
    busiest = study.busiest(study.fastest(study.sizes_bytes[-1]))
    if busiest.is_switch_slower:
        return "reduction in the scale-up switch"
    return f"the {busiest.link_class} links"


def _name_choices(ax: Axes, study: Study, sizes: NDArray[np.float64]) -> None:
    """Write algorithm and protocol at the top of each stretch of sizes where they are chosen, if there is room."""
    places = np.arange(len(sizes)) / (len(sizes) - 1)
    options = [study.fastest(float(size)) for size in sizes]
    for option, stretch in itertools.groupby(range(len(sizes)), key=lambda index: options[index]):
        indices = list(stretch)
        left, right = places[indices[0]], places[indices[-1]]
        if indices[0]:
            ax.axvline(sizes[indices[0]], color=FAINT, linewidth=0.8, linestyle=":", zorder=1)
        if right > left:
            words, place = f"{option.wave.algorithm}\n{option.wave.protocol}".strip(), ((left + right) / 2, 0.985)
            style: Style = {"color": FAINT, "ha": "center", "va": "top", "zorder": 5, "xycoords": "axes fraction"}
            name = ax.annotate(words, place, size=style_of(ax).small_points, **style)
            spare(ax, name, (sizes[indices[0]], sizes[indices[-1]]))


def _mark_size(ax: Axes, study: Study) -> None:
    """A point with its figure at the size that was asked about, where the chart reaches it."""
    if not study.sizes_bytes[0] <= study.size_bytes <= study.sizes_bytes[-1]:
        return
    row = study.row(study.fastest(study.size_bytes), study.size_bytes)
    rate = row.bus_bytes_per_s / 1e9
    ax.plot([row.size_bytes], [rate], marker="o", markersize=6, color=INK, zorder=6)
    text = f"{message(row.size_bytes)}: {gigabytes_per_s(row.bus_bytes_per_s)} GB/s"
    points = style_of(ax).small_points
    style: Style = {"size": points, "weight": "bold", "va": "top", "zorder": 6, "bbox": ON_WHITE}
    annotate(ax, text, (row.size_bytes, rate), (7, -9), **style)
