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
_SIZE = click.option("--size", "changes", multiple=True, metavar="KEY=NUMBER", help="Change a size of the topology.")
_ROLES = "Which rows to simulate: those held back for checking, those that constants may be fitted on, or both."
_COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "broadcast", "reduce")


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
    from sim.report.screen import screen, written_files
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
        click.echo(written_files(written))
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
@click.argument("what", type=click.Choice(["models", "devices", "topologies", "stacks", "variations", "scenarios"]))
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
@click.option("--source", help="Only the sources whose name holds this text.")
@click.option("--data", type=click.Path(path_type=Path), help="A CSV file of your own with the same columns.")
@click.option("--role", type=click.Choice(["check", "fit", "all"]), default="check", show_default=True, help=_ROLES)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes to use.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write everything into this file as well.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results (default: results/validation).")
@click.option("--collectives", is_flag=True, help="Instead: measured collectives, sweep by sweep.")
@click.option("--spread", is_flag=True, help="Instead: how far steps lie apart, and what a slow node costs (a minute).")
def validate(
    source: str | None,
    data: Path | None,
    role: Any,
    jobs: int,
    json_file: Path | None,
    out: Path | None,
    collectives: bool,
    spread: bool,
) -> None:
    """Compare the simulator with published training measurements, row by row: errors, targets, worst rows, charts."""
    if collectives or spread:
        from sim.report.validation.others import other_comparisons

        click.echo(other_comparisons(collectives=collectives, spread=spread))
        return
    from sim.report.files import check_writable
    from sim.report.screen import written_files
    from sim.report.validation.files import write_document, write_validation
    from sim.report.validation.screen import validation_screen
    from sim.validation.selection import read_selection, validate_rows

    directory = out or Path("results") / "validation"
    table = read_selection(data, source)
    check_writable(directory)
    with _progress(len(table.rows), "row") as bar:
        validation, summary = validate_rows(table, role, jobs, lambda total: _advance(bar, total))
    written = write_validation(validation, summary, directory)
    if json_file is not None:
        write_document(validation, summary, json_file)
        written.append(json_file)
    click.echo(validation_screen(summary, problems=data is None))
    click.echo(f"\n{written_files(written)}")
    if data is not None and summary.problems:
        for problem in summary.problems:
            click.echo(f"error: {problem}", err=True)
        click.echo(f"{data}: some rows cannot be read; all others were compared", err=True)
        sys.exit(InputError.exit_code)


@cli.command()
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Print what was found; leave the catalogue's files as they are.")
def fit(name: str, dry_run: bool) -> None:
    """Refit the constants of a stack or device NAME to published step times, and write them with their provenance.

    Only on rows with role fit; which constants, and between which bounds, is in sim/validation/fits.toml.
    """
    from datetime import date

    from sim.report.screen import written_files
    from sim.report.validation.fit import fit_summary
    from sim.validation.fitting import fit as least_squares
    from sim.validation.fitting import fit_plan, write_fit

    found = least_squares(fit_plan(name))
    click.echo(fit_summary(found))
    if not dry_run:
        click.echo(f"\n{written_files(write_fit(found, date.today().isoformat()[:7]))}")


@cli.command()
@click.argument("kind", metavar="KIND", type=click.Choice(_COLLECTIVES))
@click.option("--topology", required=True, help="A name (`scaletax list topologies`), or the path of a .toml file.")
@click.option("--devices", type=int, help="How many are built (default: all, where they are one scale-up domain).")
@click.option("--bytes", "size", default="1 GB", show_default=True, help="Size of the collective, with its unit.")
@click.option("--ranks", type=int, help="Devices in one group (default: all).")
@click.option("--stride", type=int, default=1, show_default=True, help="From one device of a group to the next.")
@_SIZE
@click.option("--sizes", "span", default="32 KiB:16 GiB", show_default=True, help="Sizes in the table and the chart.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the chart (default: results/collective).")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead of the tables.")
def collective(
    kind: str,
    topology: str,
    devices: int | None,
    size: str,
    ranks: int | None,
    stride: int,
    changes: Sequence[str],
    span: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Time a collective: the algorithm that the library picks, its bus bandwidth, and the links that it fills.

    KIND is all-reduce, all-gather, reduce-scatter, all-to-all, broadcast or reduce.
    All groups of this many ranks and this stride that the devices hold communicate at once and share the links.
    """
    from sim.report.charts.bus_bandwidth import bus_bandwidth_figure
    from sim.report.collective import collective_document, file_stem, read_study
    from sim.report.collective_screen import collective_screen
    from sim.report.files import write_chart
    from sim.report.named_topology import one_domain
    from sim.report.screen import written_files

    built = one_domain(topology, devices, "--topology", changes)
    study = read_study(kind, built, ranks, stride, size, span)
    written = write_chart(bus_bandwidth_figure(study), out or Path("results") / "collective", file_stem(study))
    if as_json:
        click.echo(json.dumps(collective_document(study), indent=1))
    else:
        click.echo(collective_screen(study))
        click.echo(written_files(written))


@cli.command()
@click.argument("topology")
@click.option("--devices", type=int, help="How many are built (default: as many as the topology's file allows).")
@_SIZE
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the picture (default: results/topologies).")
def draw(topology: str, devices: int | None, changes: Sequence[str], out: Path | None) -> None:
    """Draw a TOPOLOGY, a name or the path of a .toml file, with the rates, latencies and numbers of its links.

    A large one is drawn as the part that repeats: a few devices, what they are joined to, and how many there are.
    """
    from sim.report.charts.topology import topology_figure
    from sim.report.files import write_chart
    from sim.report.named_topology import largest
    from sim.report.screen import written_files
    from sim.report.topology_summary import topology_summary

    built = largest(topology, devices, "TOPOLOGY", changes)
    written = write_chart(
        topology_figure(built), out or Path("results") / "topologies", f"{built.name}-{built.devices}"
    )
    click.echo(topology_summary(built))
    click.echo(written_files(written))


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
    return load_scenarios(shelved if is_name else file, overrides, lambda note: click.echo(f"note: {note}", err=True))


def _advance(bar: Any, total: int) -> None:
    """One step further of so many, which is only known once it has begun."""
    bar.total = total
    bar.update()


def _progress(total: int, unit: str = "point") -> Any:
    """A progress bar on a terminal, for anything that takes over two seconds."""
    from tqdm import tqdm

    return tqdm(total=total, unit=unit, delay=_PROGRESS_AFTER_S, disable=None, leave=False, file=sys.stderr)
