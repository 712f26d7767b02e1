"""`scaletax plot`: the chart that was asked for, or those that answer the usual questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import InputError
from sim.records.series import Column, Row, Series, column, series_of, usual_x
from sim.report.styles import SCREEN, ChartStyle
from sim.study.points import slug

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_USUAL = (("mfu", "mfu"), ("distribution-tax", "tax"), ("time-to-train", "time"))


def sweep_figures(
    rows: Sequence[Row], x: str | None, y: str | None, by: str | None, heat_map: bool, style: ChartStyle = SCREEN
) -> dict[str, Figure]:
    """Name of the file -> chart. x, y, by: columns as the command line names them.

    Nothing is drawn along an axis on which no system has two points. Raises InputError for a column that is not there,
    and where there is nothing to draw.
    """
    from sim.report.charts.ledger import sweep_ledger_figure
    from sim.report.charts.sweep import curves_figure, front_figure, heat_map_figure

    done = [row for row in rows if not row.get("error")]
    if not done:
        raise InputError("sweep", "no point of it was simulated", "see the column error of points.csv")
    across = column(x, done, "--x").as_axis(done) if x else usual_x(done)
    if across is None:
        raise InputError("--x", "no axis of this sweep is a number or text with two values", "name a column with --x")
    told = column(by, done, "--by") if by else None
    nothing = InputError(
        "--x", f"no system has two points along {across.name}", "name another column, or sweep more points"
    )
    if heat_map:
        if y is None or told is None:
            raise InputError("--heat-map", "it takes two axes and a metric", "give --x, --by and --y")
        metric = column(y, done, "--y")
        if len({(repr(across.of(row)), repr(told.of(row))) for row in done}) < 2:
            raise nothing
        return {f"heat-map-{slug(y)}": heat_map_figure(done, across, told, metric, style)}
    figures = {}
    wanted = [(f"{slug(y)}-against-{slug(across.name)}", y)] if y else _USUAL
    for name, called in wanted:
        metric = column(called, done, "--y")
        series = _drawn(done, across, metric, told)
        if any(len(one.xs) > 1 for one in series):
            figures[name] = curves_figure(series, across, metric, style)
    if y is None:
        if figures:
            figures["ledger"] = sweep_ledger_figure(series, across, style)
        cost, time = column("cost", done, "--x"), column("time", done, "--y")
        series = series_of(done, cost, time, told or Column("system", ("system",)))
        if len({(at, height) for one in series for at, height in zip(one.xs, one.ys, strict=True)}) > 1:
            figures["time-against-cost"] = front_figure(series, cost, time, style)
    if not figures:
        raise nothing
    return figures


def _drawn(rows: Sequence[Row], x: Column, y: Column, by: Column | None) -> list[Series]:
    series = series_of(rows, x, y, by)
    if not series:
        raise InputError("plot", f"no point has a number in both {x.name} and {y.name}", "choose other columns")
    return series


def save_figures(figures: dict[str, Figure], folder: Path) -> list[Path]:
    """Write charts into the folder of a sweep; return the paths. Raises InputError where that cannot be written."""
    from sim.records.files import write_beside
    from sim.report.charts.canvas import save

    return write_beside(
        lambda place: [path for name, figure in figures.items() for path in save(figure, place, name)], folder
    )
