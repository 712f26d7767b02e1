"""Lists what can be named in a scenario: hardware, software and scenarios; stacks also for their page."""

from __future__ import annotations

import dataclasses
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from sim import catalog
from sim.errors import InputError
from sim.hardware.topology import Topology, load_topology, shelf, topology_names
from sim.machines import kind_of
from sim.machines.kind import DeviceMemory
from sim.machines.stack_options import option_names
from sim.page.blocks import Block, Bullets, Column, Said, table, words
from sim.page.markdown import table_markdown
from sim.page.numbers import counted, large, number, whole
from sim.parallel.schedules import SCHEDULES
from sim.report.catalogue.lists import listing
from sim.scenario import entry_names, read_document
from sim.scenario.stack_request import StackRequest
from sim.study.variation_words import per_cent, slow_words, stalls_words
from sim.sweep.grid import expand
from sim.workload.kinds import all_layers
from sim.workload.parameters import count_parameters

_PRECISIONS = ("bf16", "fp16", "fp8")


def models_table() -> list[Block]:
    """Every model: parameters as counted from the architecture, and the shape; those with a name and no more."""

    def heads(model: catalog.Model) -> str:
        return f"{model.heads}" if model.kv_heads == model.heads else f"{model.heads}/{model.kv_heads}"

    def window(model: catalog.Model) -> str:
        sliding = sum(count for kind, count in all_layers(model).items() if kind.slides)
        return f"{model.window} in {sliding}" if model.window else "-"

    columns: list[Column[catalog.Model]] = [
        words("model", lambda model: model.name, key=True),
        Column("parameters", lambda model: large(count_parameters(model).total)),
        Column("layers", lambda model: f"{model.layers}"),
        Column("hidden", lambda model: f"{model.hidden}"),
        Column("heads/kv", heads),
        Column("MLP width", lambda model: f"{model.ffn_hidden}"),
        Column("vocabulary", lambda model: f"{model.vocab}"),
        Column("sequence", lambda model: f"{model.max_sequence}", from_width=100),
        words("positions", lambda model: model.position, from_width=100),
        Column("window", window, from_width=110),
    ]
    missing = table(
        catalog.undisclosed_models().values(),
        [
            words("cannot be simulated", lambda one: one.name, key=True),
            words("what is missing", lambda one: f"undisclosed: {', '.join(one.missing)}"),
        ],
    )
    return [*listing("model", map(catalog.load_model, catalog.model_names()), columns), missing]


def devices_table() -> list[Block]:
    """Every device: dense peaks, memory and its bandwidth, links, power."""

    def peak(precision: str) -> Column[str]:
        def rate(name: str) -> str:
            peaks = catalog.load_device(name).peak_flops_per_s
            return number(peaks[precision] / 1e12) if precision in peaks else "-"

        return Column(f"{precision} TFLOP/s", rate)

    def memory(name: str) -> DeviceMemory:
        device = catalog.load_device(name)
        return kind_of(device).memory_of(device)

    columns: list[Column[str]] = [
        words("device", lambda name: name, key=True),
        words("title", lambda name: catalog.load_device(name).title, from_width=100),
        *map(peak, _PRECISIONS),
        words("memory kind", lambda name: memory(name).technology, from_width=90),
        Column("memory GiB", lambda name: number(memory(name).size_bytes / 2**30)),
        Column("bandwidth TB/s", lambda name: number(memory(name).bytes_per_s / 1e12)),
        Column("power W", lambda name: whole(catalog.load_device(name).power_watts)),
    ]
    legend = "Dense rates with sums in fp32, never the sparse headline."
    return listing("device", catalog.device_names(), columns, legend)


def hosts_table() -> list[Block]:
    """Every host: its memory, the links of its devices, and the devices that are taken to have it."""
    columns: list[Column[catalog.Host]] = [
        words("host", lambda one: one.name, key=True),
        words("link", lambda one: {"pcie": "PCIe", "c2c": "C2C"}[one.link]),
        Column("to host GB/s", lambda one: number(one.to_host_bytes_per_s / 1e9)),
        Column("to device GB/s", lambda one: number(one.to_device_bytes_per_s / 1e9)),
        Column("memory GiB", lambda one: number(one.dram_bytes / 2**30)),
        Column("memory GB/s", lambda one: number(one.dram_bytes_per_s / 1e9)),
        words("devices", lambda one: f"{one.devices or 'node'}"),
        words("default for", lambda one: ", ".join(catalog.hosted_by(one.name))),
        words("title", lambda one: one.title, from_width=110),
    ]
    legend = 'Rates are what is reached, those of links of one device. A topology may name another: host = "grace".'
    return listing("host", map(catalog.load_host, catalog.host_names()), columns, legend)


def topologies_table() -> list[Block]:
    """Every topology on the shelf: its device, how large it gets, its scale-up domain and link rates."""

    def rates(topology: Topology) -> str:
        return ", ".join(f"{link_class} {rate.value}" for link_class, rate in topology.about.link_rates.items())

    columns: list[Column[Topology]] = [
        words("topology", lambda one: one.name, key=True),
        words("device", lambda one: one.device),
        Column("devices up to", lambda one: whole(one.devices)),
        Column("scale-up domain", lambda one: whole(one.domain)),
        words("links, per direction", rates),
        words("title", lambda one: one.title, from_width=100),
    ]
    return listing("topology", (load_topology(name, None, "catalogue") for name in topology_names()), columns)


def stacks_table() -> list[Block]:
    """Every software stack: for which framework of which time, what it does, and how many published rows check it."""

    def checked(name: str) -> str:
        checks = catalog.stack_checks(name)
        return f"{checks.rows} ({len(checks.sources)})" if checks.rows else "none"

    columns: list[Column[str]] = [
        words("stack", lambda name: name, key=True),
        words("for", lambda name: f"{catalog.stack_uses()[name].framework}, {catalog.stack_uses()[name].time}"),
        words("devices", lambda name: catalog.stack_uses()[name].devices, from_width=100),
        _fact("ZeRO (default)", 0),
        _fact("attention", 1, from_width=100),
        _fact("SP", 2, from_width=100),
        _fact("overlaps", 3),
        Column("checks (sources)", checked),
    ]
    alike: dict[str, list[str]] = {}
    for schedule in SCHEDULES:
        alike.setdefault(", ".join(catalog.stacks_that_run(schedule)), []).append(schedule)
    schedules = [f"{', '.join(schedules)}: {stacks or 'none'}" for stacks, schedules in alike.items()]
    newest = [f"{name} ({stack})" for name, stack in catalog.latest_stacks().items()]
    return [
        *listing("stack", catalog.stack_names(), columns),
        Said(
            'Take the stack of your framework, time and attention kernel; several (stack = ["a", "b"]) show the range.'
            " Overlaps: gradients and gathers of the replicas, pipeline sends, tensor-parallel exchanges. SP: sequence"
            " parallelism. Checks: published rows that nothing was fitted on."
        ),
        Said(f"The newest of a line: {', '.join(newest)}."),
        Said("Pipeline schedules, and the stacks that run them:"),
        Bullets(tuple(schedules)),
        Said(
            'Options of a stack, as in stack = { name = "a", cuda_graph = "full" }, and what the framework calls them:'
        ),
        table(_options(), _OPTIONS),
    ]


class _Option(NamedTuple):
    """An option, what it can be, what frameworks call that, and the stacks that have it so."""

    key: str
    choice: str
    called: str
    stacks: tuple[str, ...]


_OPTIONS: list[Column[_Option]] = [
    words("option", lambda one: f"{one.key} {one.choice}".strip(), key=True),
    words("called", lambda one: one.called),
    words("stacks", lambda one: ", ".join(one.stacks), from_width=100),
]


def _options() -> list[_Option]:
    """Every option under every name that frameworks have for it; those of a key together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for name in catalog.stack_names():
        for (key, choice), called in option_names(catalog.load_stack(name)).items():
            found.setdefault((key, choice, called), []).append(name)
    keys = [one.name for one in dataclasses.fields(StackRequest)]
    rows = [_Option(*option, tuple(stacks)) for option, stacks in found.items()]
    return sorted(rows, key=lambda one: (keys.index(one.key), one.choice))


def _fact(title: str, index: int, from_width: int = 0) -> Column[str]:
    """One of the facts that a stack's kind tells of it. Rows are names of stacks."""

    def fact(name: str) -> str:
        stack = catalog.load_stack(name)
        return kind_of(stack).stack_facts(stack)[index]

    return words(title, fact, from_width=from_width)


def variations_table() -> list[Block]:
    """Every variation: how far devices of one kind differ, how noisy they are, and what share of them is slow."""
    columns: list[Column[catalog.Variation]] = [
        words("variation", lambda one: one.name, key=True),
        Column("speed spread", lambda one: per_cent(one.speed_spread) or "-"),
        Column("kernel jitter", lambda one: per_cent(one.kernel_jitter) or "-"),
        Column("network noise", lambda one: per_cent(one.network_noise) or "-"),
        words("stalls", lambda one: stalls_words(one.stalls) or "-"),
        words("slow devices", lambda one: slow_words(one.slow_devices) or "-"),
        words("slow nodes", lambda one: slow_words(one.slow_nodes) or "-"),
        words("slow links", lambda one: slow_words(one.slow_links) or "-"),
        words("title", lambda one: one.title, from_width=110),
    ]
    legend = "Spread and jitter: standard deviations. Noise: a mean. Slow: the share, and how much longer they take."
    return listing("variation", map(catalog.load_variation, catalog.variation_names()), columns, legend)


def scenarios_table() -> list[Block]:
    """Every scenario on the shelf: its title, systems, and how many points it has."""
    rows = [_scenario_row(path) for path in sorted(shelf("scenarios").glob("*.toml"))]
    columns: list[Column[tuple[str, str, str, str]]] = [
        words("scenario", itemgetter(0), key=True),
        Column("points", itemgetter(1)),
        words("systems", itemgetter(2)),
        words("title", itemgetter(3)),
    ]
    return listing("scenario", rows, columns)


def _scenario_row(path: Path) -> tuple[str, str, str, str]:
    try:
        document = read_document(path)
        points = expand(document, str(path))
    except InputError as error:
        return path.stem, "-", "", f"cannot be read: {error.problem}"
    entries = entry_names(document)
    systems = f"{len(entries)} entries" if entries else ", ".join(one["name"] for one in document["system"])
    return path.stem, whole(len(points)), systems, document.get("title", "")


def stacks_markdown() -> str:
    """The table of docs/stacks.md: for whom each stack is, what it stands for, and what checks it."""

    def checked(name: str) -> str:
        checks = catalog.stack_checks(name)
        return f"{counted(checks.rows, 'row')}: {', '.join(checks.sources)}" if checks.rows else "nothing"

    columns: list[Column[str]] = [
        words("stack", lambda name: name),
        words("framework", lambda name: catalog.stack_uses()[name].framework),
        words("time", lambda name: catalog.stack_uses()[name].time),
        words("devices", lambda name: catalog.stack_uses()[name].devices),
        words("what it stands for", lambda name: catalog.stack_uses()[name].take),
        _fact("attention", 1),
        _fact("beside compute", 3),
        words("checked by", checked),
    ]
    return table_markdown(table(catalog.stack_names(), columns))


def options_markdown() -> str:
    """The options of stacks and what frameworks call them, in Markdown."""
    return table_markdown(table(_options(), _OPTIONS))


def latest_markdown() -> str:
    """What the names of the newest stand for, in Markdown."""
    columns: list[Column[tuple[str, str]]] = [words("name", itemgetter(0)), words("stands for", itemgetter(1))]
    return table_markdown(table(catalog.latest_stacks().items(), columns))
