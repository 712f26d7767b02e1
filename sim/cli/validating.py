"""Commands that hold the simulator against measurements, and fit its constants to them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.options import STYLE, VERBOSE, typed
from sim.errors import InputError

if TYPE_CHECKING:
    from sim.report.validation.screens import Told

_ROLES = "Which rows to simulate: those held back for checking, those that constants may be fitted on, or both."

_INSTEAD = {
    "--collectives": ("--verbose",),
    "--operators": ("--verbose",),
    "--spread": ("--verbose",),
    "--unseen": ("--jobs", "--json", "--verbose"),
}
"""Comparisons of something else, and the options that each takes."""


@click.command()
@click.option("--source", help="Only the sources whose name holds this text.")
@click.option("--data", type=click.Path(path_type=Path), help="A CSV file of your own with the same columns.")
@click.option("--role", type=click.Choice(["check", "fit", "all"]), default="check", show_default=True, help=_ROLES)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes to use.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write everything into this file as well.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results (default: results/validation).")
@STYLE
@VERBOSE
@click.option("--collectives", is_flag=True, help="Instead: measured collectives, sweep by sweep.")
@click.option("--unseen", is_flag=True, help="Instead: leave out one source after the other, fit, predict it (long).")
@click.option("--operators", is_flag=True, help="Instead: measured operators of one GPU, by shape.")
@click.option("--spread", is_flag=True, help="Instead: how far steps lie apart, and what a slow node costs (a minute).")
def validate(
    source: str | None,
    data: Path | None,
    role: Any,
    jobs: int,
    json_file: Path | None,
    out: Path | None,
    style_name: str,
    verbose: bool,
    collectives: bool,
    operators: bool,
    spread: bool,
    unseen: bool,
) -> None:
    """Compare the simulator with published training measurements, row by row: errors, targets, worst rows, charts."""
    _check_alone(click.get_current_context())
    if collectives or operators or spread:
        from sim.report.validation.screens import instead_told

        _show(instead_told("collectives" if collectives else "operators" if operators else "spread"), verbose, [])
        return
    if unseen:
        _leave_out(jobs, json_file, verbose)
        return
    from sim.page.progress import Progress
    from sim.records.files import check_writable
    from sim.records.validation import check_document, write_document
    from sim.report.styles import style_named
    from sim.report.validation.screens import validation_told, write_validation
    from sim.validation.selection import read_selection, validate_rows

    directory, style = out or Path("results") / "validation", style_named(style_name)
    table = read_selection(data, source)
    check_writable(directory)
    if json_file is not None:
        check_document(json_file)
    with Progress(len(table.rows), "row") as bar:
        validation, summary = validate_rows(table, role, jobs, bar.advance)
    told = validation_told(summary, problems=data is None)
    written = write_validation(validation, summary, told.page, directory, style)
    if json_file is not None:
        write_document(validation, summary, json_file)
    _show(told, verbose, written)
    if data is not None and summary.problems:
        for problem in summary.problems:
            click.echo(f"error: {problem}", err=True)
        click.echo(f"{data}: some rows cannot be read; all others were compared", err=True)
        sys.exit(InputError.exit_code)


def _show(told: Told, verbose: bool, written: list[Path]) -> None:
    """Print a screen or the whole report, and what to do next."""
    from sim.page.blocks import Said
    from sim.page.terminal import show
    from sim.report.run import next_line

    show(told.page if verbose else list(told.screen))
    more = "" if verbose else f"{typed()} --verbose"
    if written:
        show([next_line(written, more)])
    elif more:
        show([Said(f"Next: {more}")])


def _check_alone(context: click.Context) -> None:
    """Raise InputError for options that another comparison than that of training rows would not look at."""
    typed = [
        one.opts[0]
        for one in context.command.params
        if one.name and context.get_parameter_source(one.name) is click.core.ParameterSource.COMMANDLINE
    ]
    instead = [one for one in typed if one in _INSTEAD]
    ignored = [one for one in typed if instead and one != instead[0] and one not in _INSTEAD[instead[0]]]
    if ignored:
        problem = f"{instead[0]} does not go together with {', '.join(ignored)}"
        raise InputError("scaletax validate", problem, "leave one of them out")


def _leave_out(jobs: int, json_file: Path | None, verbose: bool) -> None:
    """Leave out one source after the other; print the errors, and write every row where a file is named."""
    from sim.page.progress import Progress
    from sim.records.validation import check_document, write_unseen
    from sim.report.validation.screens import unseen_told
    from sim.validation.fitting import fit as fit_all
    from sim.validation.fitting import fit_cases, scored
    from sim.validation.left_out import leave_out_each
    from sim.validation.unseen_groups import peers, unseen_groups

    if json_file is not None:
        check_document(json_file)
    found = fit_all(scored(fit_cases()), jobs)
    with Progress(0, "row") as bar:
        rows = leave_out_each(found, jobs, bar.advance)
    if json_file is not None:
        write_unseen(rows, json_file)
    _show(unseen_told(unseen_groups(rows, {}), peers(rows)), verbose, [json_file] if json_file else [])


@click.command()
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes to use.")
@click.option("--dry-run", is_flag=True, help="Print what was found; leave the catalogue's files as they are.")
@VERBOSE
def fit(jobs: int, dry_run: bool, verbose: bool) -> None:
    """Refit the constants of all stacks and devices to published step times, and write them with their provenance.

    Only on rows with role fit; which constants, between which bounds and how far apart, is in sim/validation/fits.toml.
    """
    from datetime import date

    from sim.report.validation.screens import fit_told
    from sim.validation.fitting import fit as fit_all
    from sim.validation.fitting import fit_cases, scored, write_fit

    found = fit_all(scored(fit_cases()), jobs)
    # What is told compares with the constants that are about to be written over.
    told = fit_told(found)
    _show(told, verbose, [] if dry_run else write_fit(found, date.today().isoformat()[:7]))
