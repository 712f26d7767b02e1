"""What several commands share: how a scenario is named on the command line."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.editors import completed

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.sweep.grid import Loaded

SCENARIOS = completed("scenarios", files=True)
FILE = click.argument("file", type=click.Path(path_type=Path), shell_complete=SCENARIOS)
COMPLETE_KEYS, COMPLETE_STACKS = completed("keys"), completed("stacks", files=True, several=True)
COMPLETE_TOPOLOGIES = completed("topologies", files=True)
SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the file.",
    shell_complete=COMPLETE_KEYS,
)
STACK = click.option(
    "--stack",
    metavar="NAME,...",
    help="Software instead of the file's; with several, the range.",
    shell_complete=COMPLETE_STACKS,
)
SIZE = click.option("--size", "changes", multiple=True, metavar="KEY=NUMBER", help="Change a size of the topology.")
VERBOSE = click.option("--verbose", is_flag=True, help="Print the whole report instead of the first screen.")
STYLE = click.option(
    "--style",
    "style_name",
    default="screen",
    show_default=True,
    metavar="NAME",
    help="Of the charts: screen, paper (a column wide, PDF), or slide (16:9, large text).",
)
NO_CHARTS = click.option("--no-charts", is_flag=True, help="Write results without drawing them.")


def scenarios_of(file: Path, overrides: Sequence[str], stacks: str | None = None) -> list[Scenario]:
    """Read a scenario file; a bare name is looked up among the scenarios that came with the program.

    stacks: names with commas between, instead of those of the file.
    Raises InputError for a file without a point that can be simulated.
    """
    loaded = loaded_of(file, overrides, stacks)
    if not loaded.scenarios:
        raise loaded.refusals[0].reason
    return loaded.scenarios


def loaded_of(file: Path, overrides: Sequence[str], stacks: str | None = None) -> Loaded:
    """As scenarios_of, with the entries that the file expects to be refused."""
    from sim.scenario.named import scenario_path
    from sim.scenario.several_stacks import stack_override
    from sim.sweep.grid import load

    # First, so that options of a stack can be set beside it.
    overrides = [*stack_override(stacks), *overrides]
    return load(scenario_path(file), overrides, lambda note: click.echo(f"note: {note}", err=True))


def typed() -> str:
    """The command as it was typed, for a line that says what to type next."""
    return shlex.join(["scaletax", *sys.argv[1:]])
