"""Lists what can be named in a scenario: hardware, software and scenarios."""

from __future__ import annotations

from pathlib import Path

from sim.catalog import (
    device_names,
    load_device,
    load_model,
    load_stack,
    load_variation,
    model_names,
    stack_names,
    undisclosed_models,
    variation_names,
)
from sim.errors import InputError
from sim.hardware.topology import Topology, load_topology, shelf, topology_names
from sim.machines import kind_of
from sim.report.catalogue.layout import listing, three_digits
from sim.report.variation_words import per_cent, slow_words, stalls_words
from sim.scenario import entry_names, read_document
from sim.sweep.grid import expand
from sim.workload.parameters import count_parameters

_PRECISIONS = ("bf16", "fp16", "fp8")


def models_table() -> str:
    """Every model: parameters as counted from the architecture, and the shape."""
    rows = []
    for name in model_names():
        model = load_model(name)
        parameters = count_parameters(model).total / 1e9
        size = f"{three_digits(parameters)} B" if parameters >= 1 else f"{three_digits(parameters * 1e3)} M"
        heads = f"{model.heads}" if model.kv_heads == model.heads else f"{model.heads}/{model.kv_heads}"
        rows.append(
            (
                name,
                size,
                model.layers,
                model.hidden,
                heads,
                model.ffn_hidden,
                model.vocab,
                model.max_sequence,
                model.position,
            )
        )
    headers = (
        "model",
        "parameters",
        "layers",
        "hidden",
        "heads/kv",
        "MLP width",
        "vocabulary",
        "sequence",
        "positions",
    )
    return f"{listing(rows, headers, right=range(1, 8))}\n\n{_undisclosed()}"


def _undisclosed() -> str:
    """Models that have a name and no more: what is missing."""
    rows = [(one.name, f"undisclosed: {', '.join(one.missing)}") for one in undisclosed_models().values()]
    return listing(rows, ("cannot be simulated", "what is missing"))


def devices_table() -> str:
    """Every device: dense peaks, memory and its bandwidth, links, power."""
    rows = []
    for name in device_names():
        device = load_device(name)
        peaks, memory = device.peak_flops_per_s, kind_of(device).memory_of(device)
        rows.append(
            (
                name,
                device.title,
                *(three_digits(peaks[precision] / 1e12) if precision in peaks else "-" for precision in _PRECISIONS),
                memory.technology,
                three_digits(memory.size_bytes / 2**30),
                three_digits(memory.bytes_per_s / 1e12),
                f"{device.power_watts:,.0f}",
            )
        )
    rates = tuple(f"{precision}\nTFLOP/s" for precision in _PRECISIONS)
    headers = ("device", "title", *rates, "memory\nkind", "memory\nGiB", "bandwidth\nTB/s", "power\nW")
    text = listing(rows, headers, right=(2, 3, 4, 6, 7, 8), widths=(None, 22, *[None] * 7))
    return f"{text}\n\nDense rates with sums in fp32, never the sparse headline. DRAM: HBM or GDDR."


def topologies_table() -> str:
    """Every topology on the shelf: its device, how large it gets, its scale-up domain and link rates."""
    rows = []
    for name in topology_names():
        topology = load_topology(name, None, "catalogue")
        rows.append((name, topology.device, f"{topology.devices:,}", topology.domain, _rates(topology), topology.title))
    headers = ("topology", "device", "devices\nup to", "scale-up\ndomain", "links, per direction", "title")
    return listing(rows, headers, right=(2, 3), widths=(None, None, None, None, 22, 24))


def stacks_table() -> str:
    """Every software stack: what it runs on, ZeRO stages, and what it overlaps."""
    rows = []
    for name in stack_names():
        stack = load_stack(name)
        kind = kind_of(stack)
        rows.append((name, kind.label, *kind.stack_facts(stack), stack.title))
    headers = (
        "stack", "runs on", "ZeRO stages\n(default)", "flash\nattention", "sequence\nparallel", "overlaps", "title",
    )  # fmt: skip
    return listing(rows, headers, widths=(None, None, None, None, None, 18, 24))


def variations_table() -> str:
    """Every variation: how far devices of one kind differ, how noisy they are, and what share of them is slow."""
    rows = []
    for name in variation_names():
        one = load_variation(name)
        spreads = (per_cent(spread) for spread in (one.speed_spread, one.kernel_jitter, one.network_noise))
        slow = (slow_words(part) for part in (one.slow_devices, one.slow_nodes, one.slow_links))
        cells = (*spreads, stalls_words(one.stalls), *slow)
        rows.append((name, *(cell or "-" for cell in cells), one.title))
    headers = (
        "variation", "speed\nspread", "kernel\njitter", "network\nnoise", "stalls", "slow\ndevices", "slow\nnodes",
        "slow\nlinks", "title",
    )  # fmt: skip
    text = listing(rows, headers, right=(1, 2, 3), widths=(None, None, None, None, 15, 9, 9, 9, 26))
    legend = "Spread and jitter: standard deviations. Noise: a mean. Slow: the share, and how much longer they take."
    return f"{text}\n\n{legend}"


def scenarios_table() -> str:
    """Every scenario on the shelf: its title, systems, and how many points it has."""
    rows = [_scenario_row(path) for path in sorted(shelf("scenarios").glob("*.toml"))]
    return listing(rows, ("scenario", "points", "systems", "title"), right=(1,), widths=(None, None, 36, 44))


def _rates(topology: Topology) -> str:
    return ", ".join(f"{link_class} {rate.value}" for link_class, rate in topology.about.link_rates.items())


def _scenario_row(path: Path) -> tuple[object, ...]:
    try:
        document = read_document(path)
        points = expand(document, str(path))
    except InputError as error:
        return path.stem, "-", "", f"cannot be read: {error.problem}"
    if entries := entry_names(document):
        return path.stem, len(points), f"{len(entries)} entries", document.get("title", "")
    systems = ", ".join(system["name"] for system in document["system"])
    return path.stem, len(points), systems, document.get("title", "")
