"""What editors and shells are told: the structure of scenario files, and the names that complete a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completed(what: str, *, files: bool = False, several: bool = False) -> Complete:
    """How a shell completes an option that takes names.

    what: is named, as `scaletax list` calls it. files: a path may stand there instead. several: names with commas
    between, of which the last is completed.
    """

    def complete(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        before, comma, last = typed.rpartition(",") if several else ("", "", typed)
        # First, because a shell that is told of files forgets what came before.
        paths = [CompletionItem(typed, type="file")] if files else []
        names = [CompletionItem(f"{before}{comma}{name}") for name in _names(what) if name.startswith(last)]
        return [*paths, *names]

    return complete


def _names(what: str) -> Sequence[str]:
    from sim import catalog
    from sim.scenario import keys, shelf

    names: dict[str, Callable[[], Sequence[str]]] = {
        "models": catalog.model_names,
        "devices": catalog.device_names,
        "topologies": shelf.topology_names,
        "stacks": catalog.nameable_stacks,
        "laws": catalog.law_names,
        "scenarios": shelf.scenario_names,
        "keys": lambda: [".".join(path) for path in keys.settable_paths()],
    }
    return names[what]()


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="File to write it into (default: print it).")
def schema(out: Path | None) -> None:
    """Print a JSON Schema of scenario files, with which an editor completes and checks them (docs/editors.md)."""
    from sim.scenario.json_schema import schema_text, write_schema

    if out is None:
        click.echo(schema_text(), nl=False)
    else:
        write_schema(out)
        click.echo(f"Written to {out}")
