"""Commands that simulate scenarios, or look at them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from sim.cli.options import FILE, NO_CHARTS, SET, STACK, loaded_of, scenarios_of
from sim.errors import DoesNotFit, ScaletaxError, exit_code_of


@click.command()
@FILE
@SET
@STACK
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results (default: results/NAME).")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes to use.")
@NO_CHARTS
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of the table.")
@click.option("--quiet", is_flag=True, help="Print only the files written.")
def run(
    file: Path,
    overrides: Sequence[str],
    stack: str | None,
    out: Path | None,
    jobs: int,
    no_charts: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate every system of a scenario FILE: a table, charts, and where every device-second goes."""
    from sim.page.progress import Progress
    from sim.records.files import check_writable, write_results
    from sim.report.comparison.screen import verdict_screen
    from sim.report.entries import entries_screen, has_entries
    from sim.report.screen import screen, written_files
    from sim.study.compare import check_comparison
    from sim.sweep.execute import Failure, run_points

    loaded = loaded_of(file, overrides, stack)
    scenarios, refusals = loaded.scenarios, loaded.refusals
    directory = out or Path("results") / file.stem
    check_comparison(scenarios)
    check_writable(directory)
    with Progress(len(scenarios)) as bar:
        results = run_points(scenarios, jobs, bar.advance)
    outcomes = [result for result in results if not isinstance(result, Failure)]
    failures = [result for result in results if isinstance(result, Failure)]
    if not outcomes and failures:
        raise failures[0].error
    messages = [str(failure.error) for failure in failures]
    if not as_json and not quiet:
        of_entries = has_entries(outcomes, refusals)
        click.echo(entries_screen(outcomes, refusals) if of_entries else screen(outcomes))
        click.echo(verdict_screen(outcomes), nl=False)
    written = write_results(outcomes, messages, directory, charts=False if no_charts else None, refusals=refusals)
    click.echo(written[0].read_text(encoding="utf-8") if as_json else written_files(written), nl=not as_json)
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
    from sim.report.checked import checked, with_devices
    from sim.scenario import at_point
    from sim.simulate import prepare
    from sim.study.compare import check_comparison

    errors: list[ScaletaxError] = []
    scenarios = scenarios_of(file, overrides)
    check_comparison(scenarios)
    for index, scenario in enumerate(scenarios):
        try:
            click.echo(("\n" if index else "") + checked(prepare(scenario)))
        except DoesNotFit as error:
            errors.append(at_point(with_devices(scenario, error), scenario.axes))
        except ScaletaxError as error:
            errors.append(at_point(error, scenario.axes))
    for problem in errors:
        click.echo(f"error: {problem}", err=True)
    if errors:
        sys.exit(exit_code_of(errors))


@click.command()
@FILE
@SET
def cite(file: Path, overrides: Sequence[str]) -> None:
    """Print which figures of which sources a scenario FILE rests on, and which are fitted or assumed."""
    from sim.report.catalogue import cite as citation
    from sim.simulate import prepare
    from sim.training import run_figures

    points = [prepare(scenario) for scenario in scenarios_of(file, overrides)]
    figures = [figure for point in points for figure in (*point.figures, *run_figures(point))]
    click.echo(citation(figures))
