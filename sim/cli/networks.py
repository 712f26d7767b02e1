"""Commands about networks alone: collectives on them, and pictures of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from sim.cli.options import COMPLETE_TOPOLOGIES, SIZE, STYLE, VERBOSE, typed

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "broadcast", "reduce")


@click.command()
@click.argument("kind", metavar="KIND", type=click.Choice(COLLECTIVES))
@click.option(
    "--topology",
    required=True,
    shell_complete=COMPLETE_TOPOLOGIES,
    help="A name (`scaletax list topologies`), or the path of a .toml file.",
)
@click.option("--devices", type=int, help="How many are built (default: all, where they are one scale-up domain).")
@click.option("--bytes", "size", default="1 GB", show_default=True, help="Size of the collective, with its unit.")
@click.option("--ranks", type=int, help="Devices in one group (default: all).")
@click.option("--stride", type=int, default=1, show_default=True, help="From one device of a group to the next.")
@click.option("--algorithm", default="", help="Hold the library to one of its algorithms, for example ring or tree.")
@click.option("--alone", is_flag=True, help="One group alone, all others silent (default: all groups at once).")
@SIZE
@click.option("--sizes", "span", default="32 KiB:16 GiB", show_default=True, help="Sizes in the table and the chart.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the chart (default: results/collective).")
@STYLE
@VERBOSE
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead of the tables.")
def collective(
    kind: str,
    topology: str,
    devices: int | None,
    size: str,
    ranks: int | None,
    stride: int,
    algorithm: str,
    alone: bool,
    changes: Sequence[str],
    span: str,
    out: Path | None,
    style_name: str,
    verbose: bool,
    as_json: bool,
) -> None:
    """Time a collective: the algorithm that the library picks, its bus bandwidth, and the links that it fills.

    KIND is all-reduce, all-gather, reduce-scatter, all-to-all, broadcast or reduce.
    All groups of this many ranks and this stride that the devices hold communicate at once and share the links; with
    --alone, only the first of them does.
    """
    from sim.hardware.network.study import file_stem, read_study
    from sim.hardware.topology.named import one_domain
    from sim.page.terminal import show
    from sim.records.collective import collective_document
    from sim.records.files import write_beside
    from sim.report.charts.bus_bandwidth import bus_bandwidth_figure
    from sim.report.charts.canvas import save
    from sim.report.collective import collective_page, collective_screen
    from sim.report.run import next_line
    from sim.report.styles import style_named
    from sim.validation.collectives import checked

    style = style_named(style_name)
    built = one_domain(topology, devices, "--topology", changes)
    study = read_study(kind, built, ranks, stride, size, span, algorithm, alone=alone)
    written = write_beside(
        lambda folder: save(bus_bandwidth_figure(study, style), folder, file_stem(study)),
        out or Path("results") / "collective",
    )
    if as_json:
        click.echo(json.dumps(collective_document(study), indent=1))
        return
    known = checked(study.collective, built, study.group)
    show(collective_page(study, known) if verbose else collective_screen(study, known))
    show([next_line(written, "" if verbose else f"{typed()} --verbose")])


@click.command()
@click.argument("topology", shell_complete=COMPLETE_TOPOLOGIES)
@click.option("--devices", type=int, help="How many are built (default: as many as the topology's file allows).")
@SIZE
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the picture (default: results/topologies).")
@STYLE
def draw(topology: str, devices: int | None, changes: Sequence[str], out: Path | None, style_name: str) -> None:
    """Draw a TOPOLOGY, a name or the path of a .toml file, with the rates, latencies and numbers of its links.

    A large one is drawn as the part that repeats: a few devices, what they are joined to, and how many there are.
    """
    from sim.hardware.topology.named import largest
    from sim.page.terminal import show
    from sim.records.files import write_beside
    from sim.report.charts.canvas import save
    from sim.report.charts.topology import topology_figure
    from sim.report.run import next_line
    from sim.report.styles import style_named
    from sim.report.topology import topology_screen

    style = style_named(style_name)
    built = largest(topology, devices, "TOPOLOGY", changes)
    written = write_beside(
        lambda folder: save(topology_figure(built, style), folder, f"{built.name}-{built.devices}"),
        out or Path("results") / "topologies",
    )
    show([*topology_screen(built), next_line(written)])
