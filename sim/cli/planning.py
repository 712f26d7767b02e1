"""The command that searches for plans."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from sim.cli.editors import completed
from sim.cli.options import COMPLETE_STACKS, COMPLETE_TOPOLOGIES, NO_CHARTS, SET, STYLE, VERBOSE, scenarios_of

_CORES = min(4, os.cpu_count() or 1)


@click.command()
@click.argument(
    "file", required=False, type=click.Path(path_type=Path), shell_complete=completed("scenarios", files=True)
)
@click.option(
    "--model",
    shell_complete=completed("models", files=True),
    help="Instead of a FILE: a name (`scaletax list models`), or the path of a config.json.",
)
@click.option(
    "--topology",
    shell_complete=COMPLETE_TOPOLOGIES,
    help="A name (`scaletax list topologies`), or the path of a .toml file.",
)
@click.option("--devices", type=click.IntRange(min=1), help="How many there are.")
@click.option("--batch", help='Of one step: "1536" or "1536 sequences", or "4M tokens".')
@click.option("--sequence", type=click.IntRange(min=1), help="Tokens in a sequence (default: the model's longest).")
@click.option("--tokens", help='To train on, such as "1T", for the time to train (default: 20 per parameter).')
@click.option(
    "--stack",
    metavar="NAME,...",
    shell_complete=COMPLETE_STACKS,
    help="Software (default: the FILE's, or the usual one of the device).",
)
@click.option("--only", multiple=True, metavar="LIMIT", help='A limit such as "tensor <= 8" or "recompute != full".')
@click.option("--memory-margin", help='Share of the memory that a plan leaves free, such as "10 %".')
@click.option("--sizes", metavar="N,N,...", help="More cluster sizes to compare.")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Plans in the table.")
@click.option("--jobs", type=click.IntRange(min=1), default=_CORES, show_default=True, help="Processes to use.")
@SET
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the results (default: results/plan-NAME, or results/plan-MODEL-TOPOLOGY-DEVICES).",
)
@NO_CHARTS
@STYLE
@VERBOSE
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of the screen.")
def plan(
    file: Path | None,
    model: str | None,
    topology: str | None,
    devices: int | None,
    batch: str | None,
    sequence: int | None,
    tokens: str | None,
    stack: str | None,
    only: Sequence[str],
    memory_margin: str | None,
    sizes: str | None,
    top: int,
    jobs: int,
    overrides: Sequence[str],
    out: Path | None,
    no_charts: bool,
    style_name: str,
    verbose: bool,
    as_json: bool,
) -> None:
    """Search for the best plans: what to set, what it costs, and how hard it was to find.

    For a model on a cluster, or for every system of a scenario FILE, whatever plan it has there. Where a system has
    several sizes, the plans of the largest are listed, and the best plan of each is compared.
    """
    from sim.asked import asked, refuse_beside_file, sizes_of, with_limits
    from sim.page.progress import Progress
    from sim.page.terminal import show
    from sim.records.files import check_writable
    from sim.report.plan import plan_page, plan_screen, write_plans
    from sim.report.run import next_line
    from sim.report.styles import style_named
    from sim.study.plans import study_all, systems_of

    style = style_named(style_name)
    given = {
        "model": model, "topology": topology, "devices": devices, "batch": batch, "sequence": sequence,
        "tokens": tokens,
    }  # fmt: skip
    refuse_beside_file(file, given)
    if file is None:
        scenarios = asked(
            model=model, topology=topology, devices=devices, batch=batch, sequence=sequence, tokens=tokens,
            stack=stack, overrides=overrides,
        )  # fmt: skip
    else:
        scenarios = scenarios_of(file, overrides, stack)
    systems = systems_of(with_limits(scenarios, only, memory_margin), sizes_of(sizes))
    directory = out or Path("results") / f"plan-{file.stem if file else scenarios[0].title}"
    check_writable(directory)
    with Progress(sum(map(len, systems)), "size") as bar:
        studies, failures = study_all(systems, top, jobs, bar.advance)
    if not as_json:
        show(plan_page(studies, top) if verbose else plan_screen(studies, top))
    written = write_plans(studies, failures, directory, not no_charts, top, style)
    if as_json:
        click.echo(written[0].read_text(encoding="utf-8"), nl=False)
    else:
        best = next(path for path in written if path.suffix == ".toml")
        show([next_line(written, f"scaletax run {best}", "" if verbose else "add --verbose")])
    for failure in failures:
        click.echo(f"error: {failure}", err=True)
    if failures:
        raise SystemExit(failures[0].exit_code)
