"""Which charts of a sweep are drawn: the one that was asked for, or those that answer the usual questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import InputError
from sim.study.points import slug
from sim.study.series import Column, Row, Series, column, default_x, series_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_USUAL = (("mfu", "mfu"), ("distribution-tax", "distribution_tax"), ("time-to-train", "time_to_train"))


def sweep_figures(
    rows: Sequence[Row], x: str | None, y: str | None, by: str | None, heat_map: bool
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
    across = column(x, done, "--x").as_axis(done) if x else default_x(done)
    told = column(by, done, "--by") if by else None
    if heat_map:
        if y is None or told is None:
            raise InputError("--heat-map", "it takes two axes and a metric", "give --x, --by and --y")
        metric = column(y, done, "--y")
        if len({(repr(across.of(row)), repr(told.of(row))) for row in done}) < 2:
            raise _nothing_to_draw(across)
        return {f"heat-map-{slug(y)}": heat_map_figure(done, across, told, metric)}
    if y is not None:
        metric = column(y, done, "--y")
        series = _drawn(done, across, metric, told)
        if not _has_curve(series):
            raise _nothing_to_draw(across)
        return {f"{slug(y)}-against-{slug(across.name)}": curves_figure(series, across, metric)}
    figures = {}
    for name, called in _USUAL:
        metric = column(called, done, "--y")
        series = _drawn(done, across, metric, told)
        if _has_curve(series):
            figures[name] = curves_figure(series, across, metric)
    time = column("time_to_train", done, "--y")
    series = _drawn(done, across, time, told)
    if _has_curve(series):
        figures["ledger"] = sweep_ledger_figure(series, across)
    cost = Column("rental", ("rental_usd",))
    series = series_of(done, cost, time, told or Column("system", ("system",)))
    if len({(at, height) for one in series for at, height in zip(one.xs, one.ys, strict=True)}) > 1:
        figures["time-against-cost"] = front_figure(series, cost, time)
    if not figures:
        raise _nothing_to_draw(across)
    return figures


def _has_curve(series: Sequence[Series]) -> bool:
    return any(len(one.xs) > 1 for one in series)


def _nothing_to_draw(across: Column) -> InputError:
    return InputError(
        "--x", f"no system has two points along {across.name}", "name another column, or sweep more points"
    )


def _drawn(rows: Sequence[Row], x: Column, y: Column, by: Column | None) -> list[Series]:
    series = series_of(rows, x, y, by)
    if not series:
        raise InputError("plot", f"no point has a number in both {x.name} and {y.name}", "choose other columns")
    return series


def save_figures(figures: dict[str, Figure], folder: Path) -> list[Path]:
    """Write charts into the folder of a sweep; return the paths. Raises InputError where that cannot be written."""
    from sim.records.files import write_charts
    from sim.report.charts.canvas import save

    return write_charts(
        lambda place: [path for name, one in figures.items() for path in save(one, place, name)], folder
    )
