"""Lists what can be named in a scenario, and says which figures rest on which sources."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from tabulate import tabulate

from sim.catalog import (
    Figure,
    Gpu,
    GpuStack,
    Stack,
    device_names,
    load_device,
    load_model,
    load_reliability,
    load_sources,
    load_stack,
    load_variation,
    model_names,
    reliability_names,
    reliability_of,
    stack_names,
    undisclosed_models,
    variation_names,
)
from sim.errors import InputError
from sim.hardware.topology import Topology, load_topology, shelf, topology_names
from sim.report.screen import ascii_only
from sim.report.variation_words import per_cent, slow_words, stalls_words
from sim.scenario import entry_names, read_document
from sim.sweep.grid import expand
from sim.units import SECONDS_PER_YEAR, readable_time
from sim.workload.parameters import count_parameters

_WIDTH = 118
_PRECISIONS = ("bf16", "fp16", "fp8")
_EVIDENCE = ("datasheet", "published", "measured")
_REMAINDER = (
    ("derived", "Derived from a source"),
    ("fitted", "Fitted to measurements"),
    ("assumed", "Assumed, without a source"),
)


def models_table() -> str:
    """Every model: parameters as counted from the architecture, and the shape."""
    rows = []
    for name in model_names():
        model = load_model(name)
        parameters = count_parameters(model).total / 1e9
        size = f"{_three_digits(parameters)} B" if parameters >= 1 else f"{_three_digits(parameters * 1e3)} M"
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
    return f"{_table(rows, headers, right=range(1, 8))}\n\n{_undisclosed()}"


def _undisclosed() -> str:
    """Models that have a name and no more: what is missing."""
    rows = [(one.name, f"undisclosed: {', '.join(one.missing)}") for one in undisclosed_models().values()]
    return _table(rows, ("cannot be simulated", "what is missing"))


def devices_table() -> str:
    """Every device: dense peaks, memory and its bandwidth, links, power."""
    rows = []
    for name in device_names():
        device = load_device(name)
        peaks = device.peak_flops_per_s
        memory, rate = (
            (device.hbm_bytes, device.hbm_bytes_per_s)
            if isinstance(device, Gpu)
            else (device.sram_bytes, device.sram_bytes_per_s)
        )
        kind = "HBM" if isinstance(device, Gpu) else "SRAM"
        rows.append(
            (
                name,
                device.title,
                *(_three_digits(peaks[precision] / 1e12) if precision in peaks else "-" for precision in _PRECISIONS),
                kind,
                _three_digits(memory / 2**30),
                _three_digits(rate / 1e12),
                f"{device.power_watts:,.0f}",
            )
        )
    rates = tuple(f"{precision}\nTFLOP/s" for precision in _PRECISIONS)
    headers = ("device", "title", *rates, "memory\nkind", "memory\nGiB", "bandwidth\nTB/s", "power\nW")
    text = _table(rows, headers, right=(2, 3, 4, 6, 7, 8), widths=(None, 22, *[None] * 7))
    return f"{text}\n\nDense rates, never the sparse headline."


def topologies_table() -> str:
    """Every topology on the shelf: its device, how large it gets, its scale-up domain and link rates."""
    rows = []
    for name in topology_names():
        topology = load_topology(name, None, "catalogue")
        rows.append((name, topology.device, f"{topology.devices:,}", topology.domain, _rates(topology), topology.title))
    headers = ("topology", "device", "devices\nup to", "scale-up\ndomain", "links, per direction", "title")
    return _table(rows, headers, right=(2, 3), widths=(None, None, None, None, 22, 24))


def stacks_table() -> str:
    """Every software stack: what it runs on, ZeRO stages, and what it overlaps."""
    rows = []
    for name in stack_names():
        stack = load_stack(name)
        rows.append((name, "GPU" if isinstance(stack, GpuStack) else "wafer", *_stack_facts(stack), stack.title))
    headers = (
        "stack", "runs on", "ZeRO stages\n(default)", "flash\nattention", "sequence\nparallel", "overlaps", "title",
    )  # fmt: skip
    return _table(rows, headers, widths=(None, None, None, None, None, 18, 24))


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
    text = _table(rows, headers, right=(1, 2, 3), widths=(None, None, None, None, 15, 9, 9, 9, 26))
    legend = "Spread and jitter: standard deviations. Noise: a mean. Slow: the share, and how much longer they take."
    return f"{text}\n\n{legend}"


def reliability_table() -> str:
    """Every profile of how often clusters fail and how they recover."""
    rows = []
    for name in reliability_names():
        one = load_reliability(name)
        years = f"{one.failures.per_s * SECONDS_PER_YEAR:.3g}" if one.failures.per_s else "-"
        recovery = readable_time(one.detection_s + one.replacement_s + one.restart_s) if one.restart_s else "-"
        devices = ", ".join(device for device in device_names() if reliability_of(device).name == name)
        rows.append((name, years, recovery, devices or "-", one.title))
    headers = ("reliability", "failures\nper device\nand year", "recovery", "default for", "title")
    text = _table(rows, headers, right=(1, 2), widths=(None, None, None, 30, 40))
    return (
        f"{text}\n\nRecovery: from a failure that needs another node to running again, reading the checkpoint excluded."
    )


def scenarios_table() -> str:
    """Every scenario on the shelf: its title, systems, and how many points it has."""
    rows = [_scenario_row(path) for path in sorted(shelf("scenarios").glob("*.toml"))]
    return _table(rows, ("scenario", "points", "systems", "title"), right=(1,), widths=(None, None, 36, 44))


def cite(figures: Iterable[Figure]) -> str:
    """Say which of these figures come from which source, and which are derived, fitted or assumed, with the reason."""
    distinct = list({_identity(figure): figure for figure in figures}.values())
    blocks = [_cited(distinct)]
    for kind, heading in _REMAINDER:
        own = [figure for figure in distinct if figure.kind == kind]
        if own:
            blocks.append("\n".join([f"{heading}:", *(_reasoned(figure) for figure in own), *_named_sources(own)]))
    return ascii_only("\n\n".join(block for block in blocks if block))


def _cited(figures: Sequence[Figure]) -> str:
    """Evidence, source by source, in the order in which the sources first appear."""
    sources = load_sources()
    blocks = []
    for key in dict.fromkeys(figure.source for figure in figures if figure.kind in _EVIDENCE):
        source = sources.get(key, {})
        date = f" ({source['date']})" if "date" in source else ""
        own = [figure for figure in figures if figure.source == key and figure.kind in _EVIDENCE]
        # On a line of its own, so that a reference such as "arXiv 2304.03208" is not cut in two.
        lines = [_wrapped(source.get("title", key) + date, 0)]
        lines.append(_wrapped(source.get("reference", "no reference is recorded"), 2))
        lines += [_wrapped(f"{figure.name} = {_written(figure)}  [{figure.kind}]", 2) for figure in own]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _reasoned(figure: Figure) -> str:
    """A figure with why it is what it is, and what it was made from."""
    source = f" (from {figure.source})" if figure.source else ""
    return _wrapped(f"{figure.name} = {_written(figure)}{source}: {figure.note}", 2)


def _named_sources(figures: Sequence[Figure]) -> list[str]:
    """What the short names in the lines above stand for."""
    sources = load_sources()
    named = dict.fromkeys(figure.source for figure in figures if figure.source in sources)
    return [_wrapped(f"{key}: {sources[key]['title']}. {sources[key]['reference']}", 2) for key in named]


def _identity(figure: Figure) -> tuple[str, ...]:
    return figure.name, repr(figure.value), figure.kind, figure.source, figure.date, figure.note


def _written(figure: Figure) -> str:
    """The value as a data file writes it."""
    if isinstance(figure.value, bool):
        return "yes" if figure.value else "no"
    return ", ".join(map(str, figure.value)) if isinstance(figure.value, list) else str(figure.value)


def _stack_facts(stack: Stack) -> tuple[str, ...]:
    if not isinstance(stack, GpuStack):
        return ("-", "-", "-", "weights, gradients")
    overlaps = {
        "gradients": stack.overlap_gradient_reduction,
        "sends": stack.overlap_pipeline_send,
        "gathers": stack.prefetch_layers > 0,
    }
    return (
        f"{', '.join(map(str, stack.zero_stages))} ({stack.default_zero_stage})",
        "yes" if stack.flash_attention else "no",
        "yes" if stack.sequence_parallel else "no",
        ", ".join(name for name, does in overlaps.items() if does) or "nothing",
    )


def _rates(topology: Topology) -> str:
    rates = [figure for figure in topology.figures if figure.name.endswith(".rate")]
    return ", ".join(f"{figure.name.split('.')[1]} {figure.value}" for figure in rates)


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


def _three_digits(number: float) -> str:
    """A number with three digits or more, never as a power of ten."""
    return f"{number:.3g}" if number < 100 else f"{number:,.1f}".removesuffix(".0")


def _table(
    rows: Sequence[Sequence[object]],
    headers: Sequence[str],
    right: Iterable[int] = (),
    widths: Sequence[int | None] | None = None,
) -> str:
    if not rows:
        return f"no {headers[0]} is there"
    numeric = set(right)
    text = tabulate(
        [[ascii_only(str(cell)) for cell in row] for row in rows],
        headers=list(headers),
        colalign=["right" if column in numeric else "left" for column in range(len(headers))],
        maxcolwidths=list(widths) if widths else None,
        disable_numparse=True,
    )
    return "\n".join(line.rstrip() for line in text.splitlines())


def _wrapped(text: str, indent: int) -> str:
    margin = " " * indent
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=margin,
        subsequent_indent=f"{margin}    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
