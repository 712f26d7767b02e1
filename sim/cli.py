"""The command line: one thin function per command. Heavy rooms are imported inside, so that --help answers at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from sim import __version__
from sim.errors import InputError, ScaletaxError

if TYPE_CHECKING:
    from sim.scenario import Scenario

_FILE = click.argument("file", type=click.Path(path_type=Path))
_SET = click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the file.")
_PROGRESS_AFTER_S = 2.0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="scaletax")
def cli() -> None:
    """What splitting a training run over many devices costs: GPU clusters and wafer-scale machines.

    Start with `scaletax run quickstart`. A FILE is a path, or the name of a scenario that came with the program
    (`scaletax list scenarios`).
    """


@cli.command()
@_FILE
@_SET
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results (default: results/NAME).")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes to use.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of the table.")
@click.option("--quiet", is_flag=True, help="Print only the files written.")
def run(file: Path, overrides: Sequence[str], out: Path | None, jobs: int, as_json: bool, quiet: bool) -> None:
    """Simulate every system of a scenario FILE: a table, charts, and where every device-second goes."""
    from sim.report.files import check_writable, results_document, write_results
    from sim.report.screen import screen
    from sim.sweep.execute import Failure, run_points

    scenarios = _scenarios(file, overrides)
    directory = out or Path("results") / file.stem
    check_writable(directory)
    with _progress(len(scenarios)) as bar:
        results = run_points(scenarios, jobs, bar.update)
    outcomes = [result for result in results if not isinstance(result, Failure)]
    failures = [result for result in results if isinstance(result, Failure)]
    if not outcomes:
        raise failures[0].error
    written = write_results(outcomes, [str(failure.error) for failure in failures], directory)
    if as_json:
        click.echo(json.dumps(results_document(outcomes, [str(failure.error) for failure in failures]), indent=1))
    elif not quiet:
        click.echo(screen(outcomes))
    if not as_json:
        click.echo("Written:\n" + "\n".join(f"  {path}" for path in written))
    for failure in failures:
        click.echo(f"error: {failure.error}", err=True)
    if failures:
        click.echo(f"{len(failures)} of {len(results)} points failed; the others are written", err=True)
        sys.exit(failures[0].error.exit_code)


@cli.command()
@_FILE
@_SET
def check(file: Path, overrides: Sequence[str]) -> None:
    """Check a scenario FILE: inputs, plan and memory of every system. Nothing is simulated."""
    from sim.report.checked import checked
    from sim.simulate import prepare

    errors: list[ScaletaxError] = []
    for index, scenario in enumerate(_scenarios(file, overrides)):
        try:
            click.echo(("\n" if index else "") + checked(prepare(scenario)))
        except ScaletaxError as error:
            errors.append(error)
    for problem in errors:
        click.echo(f"error: {problem}", err=True)
    if errors:
        sys.exit(errors[0].exit_code)


@cli.command(name="list")
@click.argument("what", type=click.Choice(["models", "devices", "topologies", "stacks", "scenarios"]))
def list_(what: str) -> None:
    """List what can be named in a scenario."""
    from sim.report import catalogue

    click.echo(getattr(catalogue, f"{what}_table")())


@cli.command()
@_FILE
@_SET
def cite(file: Path, overrides: Sequence[str]) -> None:
    """Print which figures of which sources a scenario FILE rests on, and which are fitted or assumed."""
    from sim.report.catalogue import cite as citation
    from sim.simulate import prepare

    figures = [figure for scenario in _scenarios(file, overrides) for figure in prepare(scenario).figures]
    click.echo(citation(figures))


@cli.command()
def validate() -> None:
    """Compare the simulator with published measurements: signed errors, row by row."""
    from sim.validation.compare import compare, comparison_table

    click.echo(comparison_table(compare()))


def main() -> NoReturn:
    """Run the command line; errors of the input become messages and exit codes, never tracebacks."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; the results folder holds all of this run or nothing of it", err=True)
        sys.exit(130)
    except ScaletaxError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    sys.exit(0)


def _scenarios(file: Path, overrides: Sequence[str]) -> list[Scenario]:
    """Read a scenario file; a bare name is looked up among the scenarios that came with the program."""
    from sim.hardware.topology import shelf
    from sim.sweep.grid import load_scenarios

    shelved = shelf("scenarios") / f"{file}.toml"
    is_name = not file.is_file() and file.suffix == "" and len(file.parts) == 1
    if is_name and not shelved.exists():
        names = sorted(entry.stem for entry in shelf("scenarios").glob("*.toml"))
        raise InputError(str(file), "there is no such file or scenario", f"scenarios: {', '.join(names)}")
    return load_scenarios(shelved if is_name else file, overrides)


def _progress(total: int) -> Any:
    """A progress bar on a terminal, for anything that takes over two seconds."""
    from tqdm import tqdm

    return tqdm(total=total, unit="point", delay=_PROGRESS_AFTER_S, disable=None, leave=False, file=sys.stderr)
