"""Commands that simulate scenarios, or look at them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from sim.cli.options import FILE, NO_CHARTS, SCENARIOS, SET, STACK, STYLE, VERBOSE, loaded_of, scenarios_of, typed
from sim.errors import DoesNotFit, InputError, ScaletaxError, exit_code_of


@click.command()
@FILE
@SET
@STACK
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results (default: results/NAME).")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes to use.")
@NO_CHARTS
@click.option(
    "--trace",
    type=click.IntRange(min=1),
    is_flag=False,
    flag_value=1,
    default=None,
    metavar="[STEPS]",
    help="Write the step, or several, as a trace to open in Perfetto.",
)
@click.option(
    "--chakra",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write the step as Chakra execution traces into a folder.",
)
@STYLE
@VERBOSE
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of the screen.")
@click.option("--quiet", is_flag=True, help="Print only where the files are.")
def run(
    file: Path,
    overrides: Sequence[str],
    stack: str | None,
    out: Path | None,
    jobs: int,
    no_charts: bool,
    trace: int | None,
    chakra: Path | None,
    style_name: str,
    verbose: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate every system of a scenario FILE: the answer on one screen; a report, charts and all numbers in files."""
    from sim.page.progress import Progress
    from sim.page.terminal import show
    from sim.records.files import check_writable
    from sim.report.run import next_line, run_page, run_screen, write_run
    from sim.report.styles import style_named
    from sim.scenario.bounds import MOST_TRACED_STEPS, check_size
    from sim.study.compare import check_comparison
    from sim.study.findings import findings
    from sim.sweep.execute import Failure, run_points

    begun_s, style = time.monotonic(), style_named(style_name)
    loaded = loaded_of(file, overrides, stack)
    directory = out or Path("results") / file.stem
    check_comparison(loaded.scenarios)
    check_writable(directory)
    check_size(trace or 0, MOST_TRACED_STEPS, "steps", "--trace")
    if chakra:
        from sim.records.traces.chakra import Schema, write_chakra

        check_writable(chakra)
        Schema()
    with Progress(len(loaded.scenarios)) as bar:
        results = run_points(loaded.scenarios, jobs, bar.advance)
    failures = [result for result in results if isinstance(result, Failure)]
    outcomes = [result for result in results if not isinstance(result, Failure)]
    if not outcomes and failures:
        raise failures[0].error
    found = findings(outcomes, [str(failure.error) for failure in failures], loaded.refusals)
    if not as_json and not quiet:
        show(run_page(found) if verbose else run_screen(found, time.monotonic() - begun_s))
    written = write_run(found, directory, charts=False if no_charts else None, style=style, trace=trace or 0)
    if chakra and outcomes:
        write_chakra(outcomes, chakra)
    if as_json:
        click.echo(written[0].read_text(encoding="utf-8"), nl=False)
    else:
        more = "" if verbose or quiet else f"{typed()} --verbose"
        show([next_line(written, str(directory / "trace*") if trace else "", str(chakra or ""), more)])
    for failure in failures:
        click.echo(f"error: {failure.error}", err=True)
    if failures:
        click.echo(f"{len(failures)} of {len(results)} points failed; the others are written", err=True)
        sys.exit(exit_code_of([failure.error for failure in failures]))


@click.command()
@FILE
@SET
def check(file: Path, overrides: Sequence[str]) -> None:
    """Check a scenario FILE: inputs, plan and memory of every system. Nothing is simulated."""
    from sim.page.terminal import width_of
    from sim.report.checked import checked, with_devices
    from sim.scenario import at_point
    from sim.simulate import prepare
    from sim.study.compare import check_comparison

    errors: list[ScaletaxError] = []
    scenarios = scenarios_of(file, overrides)
    check_comparison(scenarios)
    for index, scenario in enumerate(scenarios):
        try:
            click.echo(("\n" if index else "") + checked(prepare(scenario), width_of()))
        except DoesNotFit as error:
            errors.append(at_point(with_devices(scenario, error), scenario.axes))
        except ScaletaxError as error:
            errors.append(at_point(error, scenario.axes))
    for problem in errors:
        click.echo(f"error: {problem}", err=True)
    if errors:
        sys.exit(exit_code_of(errors))


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path), shell_complete=SCENARIOS)
@SET
@click.option("--bibtex", "as_bibtex", is_flag=True, help="Print entries of BibTeX, of scaletax and of the sources.")
def cite(file: Path | None, overrides: Sequence[str], as_bibtex: bool) -> None:
    """Print which figures of which sources a scenario FILE rests on, and which are fitted or assumed.

    Without FILE: how to cite scaletax itself.
    """
    from sim.report import catalogue
    from sim.simulate import prepare
    from sim.training import run_figures

    if file is None:
        if overrides:
            raise InputError("scaletax cite", "--set without a FILE", "name the scenario that it changes")
        click.echo(catalogue.bibtex([]) if as_bibtex else catalogue.how_to_cite())
        return
    points = [prepare(scenario) for scenario in scenarios_of(file, overrides)]
    figures = [figure for point in points for figure in (*point.figures, *run_figures(point))]
    click.echo(catalogue.bibtex(figures) if as_bibtex else catalogue.cite(figures))
