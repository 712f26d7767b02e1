"""Commands about sweeps: running one that survives being stopped, and drawing what it found."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from sim.cli.options import COMPLETE_KEYS, FILE, SET, STYLE, VERBOSE
from sim.cli.stops import stop_code_of
from sim.errors import Defect

_CORES = os.cpu_count() or 1


@click.command()
@FILE
@SET
@click.option(
    "--sweep",
    "axes",
    multiple=True,
    metavar="KEY=V1,V2",
    shell_complete=COMPLETE_KEYS,
    help="An axis, beside those of the file.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=_CORES, show_default="cores", help="Processes to use.")
@click.option("--executor", default="local", show_default=True, help="local, or dask://HOST:PORT.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results (default: results/sweep-NAME).")
@click.option("--resume/--fresh", default=True, show_default=True, help="Keep what the folder has, or begin again.")
@click.option("--limit", type=click.IntRange(min=1), help="Simulate the first so many points only.")
@VERBOSE
def sweep(
    file: Path,
    overrides: Sequence[str],
    axes: Sequence[str],
    jobs: int,
    executor: str,
    out: Path | None,
    resume: bool,
    limit: int | None,
    verbose: bool,
) -> None:
    """Simulate the [sweep] of a scenario FILE on every core or on a cluster; stop it and go on at any time.

    Finished points are kept in one file of the folder and never computed twice. A point that fails is kept with its
    error, and the others go on; the exit code is then 1.
    """
    from sim.page.progress import Progress
    from sim.page.terminal import show
    from sim.records.point_work import DEFECT, work
    from sim.records.swept import swept
    from sim.report.sweep import sweep_page, sweep_screen, write_sweep
    from sim.scenario import read_document
    from sim.scenario.named import scenario_path
    from sim.sweep.executors import workplace
    from sim.sweep.grid import count_points, points_of
    from sim.sweep.store import Store
    from sim.sweep.sweep import run_sweep
    from sim.sweep.tables import write_tables

    path = scenario_path(file)
    document = read_document(path, overrides, lambda note: click.echo(f"note: {note}", err=True), axes)
    points = points_of(document, str(path), limit)
    total = min(count_points(document, str(path)), limit or sys.maxsize)
    folder = out or Path("results") / f"sweep-{file.stem.removeprefix('sweep-')}"
    with Store(folder, fresh=not resume) as store:
        if store.salvage is not None:
            kept, damaged = store.salvage.kept, store.salvage.damaged
            words = f"{store.path} was damaged, or is of another version: {kept:,} points of it are kept"
            words += f", what is missing is computed again; the damaged file lies in {damaged}"
            click.echo(f"warning: {words}", err=True)
        place = workplace(executor, jobs, "sim.records.point_work")
        try:
            with Progress(total) as bar:
                progress = run_sweep(
                    document, path, points, store, place, work,
                    lambda now: bar.set(now.done, now.failed, now.done - now.new), limit, bar.say,
                )  # fmt: skip
        except KeyboardInterrupt as stopped:
            again = " ".join(["scaletax", *sys.argv[1:]]).replace(" --fresh", "")
            click.echo(f"\nstopped; everything that was finished is kept. To go on:\n  {again}", err=True)
            sys.exit(stop_code_of(stopped))
        write_tables(store, folder)
        found = swept(store, progress.new)
        report = sweep_page(found)
        write_sweep(report, folder)
        show(report if verbose else sweep_screen(found, folder))
        _, _, failed, lost = store.counts()
        defects = failed and any(DEFECT in record for _, record, _ in store.records())
    if defects:
        sys.exit(Defect.exit_code)
    if failed or lost:
        sys.exit(1)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--x", help="Column of the horizontal axis (default: devices, or the first axis of the sweep).")
@click.option("--y", help="Column of the metric (default: the usual charts).")
@click.option("--by", help="Column that tells curves apart (default: system and all other axes).")
@click.option("--heat-map", is_flag=True, help="Draw --y as colour over --x and --by.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the charts (default: that of the sweep).")
@STYLE
def plot(
    folder: Path,
    x: str | None,
    y: str | None,
    by: str | None,
    heat_map: bool,
    out: Path | None,
    style_name: str,
) -> None:
    """Draw what a sweep found in its FOLDER: any metric along any axis, or the charts that answer the usual questions.

    A column goes by its name in points.csv, with or without its unit: mfu, distribution_tax, time_to_train, cost, an
    axis by the last part of its key. A sweep can be drawn while it runs.
    """
    from sim.page.blocks import Said
    from sim.page.numbers import listed
    from sim.page.terminal import show
    from sim.report.plot import save_figures, sweep_figures
    from sim.report.styles import style_named
    from sim.sweep.store import read_only
    from sim.sweep.tables import rows_of

    style = style_named(style_name)
    with read_only(folder) as store:
        rows = list(rows_of(store))
    figures = sweep_figures(rows, x, y, by, heat_map, style)
    save_figures(figures, out or folder)
    formats = listed([suffix.upper() for suffix in style.formats])
    show([Said(f"Drawn: {', '.join(figures)}; {formats}, in {out or folder}")])
