"""Commands that hold the simulator against measurements, and fit its constants to them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from sim.cli.options import advance, progress
from sim.errors import InputError

_ROLES = "Which rows to simulate: those held back for checking, those that constants may be fitted on, or both."


@click.command()
@click.option("--source", help="Only the sources whose name holds this text.")
@click.option("--data", type=click.Path(path_type=Path), help="A CSV file of your own with the same columns.")
@click.option("--role", type=click.Choice(["check", "fit", "all"]), default="check", show_default=True, help=_ROLES)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes to use.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write everything into this file as well.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results (default: results/validation).")
@click.option("--collectives", is_flag=True, help="Instead: measured collectives, sweep by sweep.")
@click.option("--operators", is_flag=True, help="Instead: measured operators of one GPU, by shape.")
@click.option("--spread", is_flag=True, help="Instead: how far steps lie apart, and what a slow node costs (a minute).")
def validate(
    source: str | None,
    data: Path | None,
    role: Any,
    jobs: int,
    json_file: Path | None,
    out: Path | None,
    collectives: bool,
    operators: bool,
    spread: bool,
) -> None:
    """Compare the simulator with published training measurements, row by row: errors, targets, worst rows, charts."""
    if collectives or operators or spread:
        from sim.report.validation.others import other_comparisons

        click.echo(other_comparisons(collectives=collectives, operators=operators, spread=spread))
        return
    from sim.report.files import check_writable
    from sim.report.screen import written_files
    from sim.report.validation.files import check_document, write_document, write_validation
    from sim.report.validation.screen import validation_screen
    from sim.validation.selection import read_selection, validate_rows

    directory = out or Path("results") / "validation"
    table = read_selection(data, source)
    check_writable(directory)
    if json_file is not None:
        check_document(json_file)
    with progress(len(table.rows), "row") as bar:
        validation, summary = validate_rows(table, role, jobs, lambda total: advance(bar, total))
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


@click.command()
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
