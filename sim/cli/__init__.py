"""The command line: one thin function per command. Heavy rooms are imported inside, so that --help answers at once."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from sim import __version__
from sim.cli.budgeting import budget
from sim.cli.editors import schema
from sim.cli.networks import collective, draw
from sim.cli.planning import plan
from sim.cli.simulating import check, cite, run
from sim.cli.stops import guard, stop_code_of
from sim.cli.sweeping import plot, sweep
from sim.cli.validating import fit, validate
from sim.errors import InputError, defect_of, shown, unknown_name


class _Commands(click.Group):
    """Commands whose words are text that a file can hold."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's. Raises InputError for a word with a NUL character, or that is not UTF-8."""
        for word in args:
            try:
                word.encode("utf-8")
            except UnicodeEncodeError:
                raise InputError(
                    "scaletax", f"{shown(word)} is not UTF-8", "rename the file, or write other text"
                ) from None
            if "\0" in word:
                raise InputError("scaletax", f"{shown(word)}: text with a NUL character", "leave the character out")
        return super().parse_args(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="scaletax")
def cli() -> None:
    """What splitting a training run over many devices costs: GPU clusters and wafer-scale machines.

    Start with `scaletax run quickstart`. A FILE is a path, or the name of a scenario that came with the program
    (`scaletax list scenarios`).
    """


_LISTS = (
    "models", "devices", "hosts", "topologies", "stacks", "recipes", "optimizers", "variations",
    "reliability", "prices", "laws", "scenarios", "architectures", "keys", "metrics",
)  # fmt: skip


@cli.command(name="list")
@click.argument(
    "what",
    metavar=f"[{'|'.join(_LISTS)}]",
    shell_complete=lambda *asked: [one for one in _LISTS if one.startswith(asked[-1])],
)
def list_(what: str) -> None:
    """List what can be named in a scenario."""
    from sim.page.terminal import show
    from sim.report import catalogue

    if what not in _LISTS:
        raise unknown_name("scaletax list", "list", what, _LISTS)
    show(getattr(catalogue, f"{what}_table")())


for _command in (run, check, plan, cite, validate, fit, collective, draw, budget, sweep, plot, schema):
    cli.add_command(_command)


def main() -> NoReturn:
    """Run the command line; errors become messages and exit codes, never tracebacks.

    What nobody foresaw is said to be a defect of scaletax, with exit code 70.
    """
    guard()
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as stopped:
        click.echo("stopped; the results folder holds all of this run or nothing of it", err=True)
        sys.exit(stop_code_of(stopped))
    except Exception as error:
        told = defect_of(error, "scaletax")
        click.echo(f"error: {told}", err=True)
        sys.exit(told.exit_code)
    sys.exit(0)
