"""Lists what can be named in a scenario: hardware, software and scenarios; stacks also for their page."""

from __future__ import annotations

from pathlib import Path

from sim.catalog import (
    device_names,
    latest_stacks,
    load_device,
    load_model,
    load_stack,
    load_variation,
    model_names,
    stack_checks,
    stack_names,
    stack_uses,
    stacks_that_run,
    undisclosed_models,
    variation_names,
)
from sim.errors import InputError
from sim.hardware.topology import load_topology, shelf, topology_names
from sim.machines import kind_of
from sim.page.numbers import counted
from sim.parallel.schedules import SCHEDULES
from sim.report.catalogue.layout import listing, three_digits, wrapped
from sim.scenario import entry_names, read_document
from sim.study.variation_words import per_cent, slow_words, stalls_words
from sim.sweep.grid import expand
from sim.workload.parameters import count_parameters

_PRECISIONS = ("bf16", "fp16", "fp8")


def models_table() -> str:
    """Every model: parameters as counted from the architecture, and the shape."""
    rows = {}
    for name in model_names():
        model = load_model(name)
        parameters = count_parameters(model).total / 1e9
        rows[name] = {
            "parameters": f"{three_digits(parameters)} B" if parameters >= 1 else f"{three_digits(parameters * 1e3)} M",
            "layers": model.layers,
            "hidden": model.hidden,
            "heads/kv": f"{model.heads}" if model.kv_heads == model.heads else f"{model.heads}/{model.kv_heads}",
            "MLP width": model.ffn_hidden,
            "vocabulary": model.vocab,
            "sequence": model.max_sequence,
            "positions": model.position,
        }
    right = [header for header in next(iter(rows.values())) if header != "positions"]
    return f"{listing('model', rows, right)}\n\n{_undisclosed()}"


def _undisclosed() -> str:
    """Models that have a name and no more: what is missing."""
    models = undisclosed_models().values()
    rows = {one.name: {"what is missing": f"undisclosed: {', '.join(one.missing)}"} for one in models}
    return listing("cannot be simulated", rows)


def devices_table() -> str:
    """Every device: dense peaks, memory and its bandwidth, links, power."""
    rows = {}
    for name in device_names():
        device = load_device(name)
        peaks, memory = device.peak_flops_per_s, kind_of(device).memory_of(device)
        rates = {each: three_digits(peaks[each] / 1e12) if each in peaks else "-" for each in _PRECISIONS}
        rows[name] = {
            "title": device.title,
            **{f"{precision}\nTFLOP/s": rate for precision, rate in rates.items()},
            "memory\nkind": memory.technology,
            "memory\nGiB": three_digits(memory.size_bytes / 2**30),
            "bandwidth\nTB/s": three_digits(memory.bytes_per_s / 1e12),
            "power\nW": f"{device.power_watts:,.0f}",
        }
    right = [header for header in next(iter(rows.values())) if header not in ("title", "memory\nkind")]
    text = listing("device", rows, right, {"title": 22})
    return f"{text}\n\nDense rates with sums in fp32, never the sparse headline. DRAM: HBM or GDDR."


def topologies_table() -> str:
    """Every topology on the shelf: its device, how large it gets, its scale-up domain and link rates."""
    rows = {}
    for name in topology_names():
        topology = load_topology(name, None, "catalogue")
        rates = (f"{link_class} {rate.value}" for link_class, rate in topology.about.link_rates.items())
        rows[name] = {
            "device": topology.device,
            "devices\nup to": f"{topology.devices:,}",
            "scale-up\ndomain": topology.domain,
            "links, per direction": ", ".join(rates),
            "title": topology.title,
        }
    right = ("devices\nup to", "scale-up\ndomain")
    return listing("topology", rows, right, {"links, per direction": 22, "title": 24})


def stacks_table() -> str:
    """Every software stack: for which framework of which time, what it does, and how many published rows check it."""
    facts = ("ZeRO\n(default)", "attention", "SP", "overlaps")
    rows = {}
    for name in stack_names():
        stack, use, checks = load_stack(name), stack_uses()[name], stack_checks(name)
        told = dict(zip(facts, kind_of(stack).stack_facts(stack), strict=True))
        checked = f"{checks.rows} ({len(checks.sources)})" if checks.rows else "none"
        rows[name] = {
            "for": f"{use.framework}, {use.time}",
            "devices": use.devices,
            **told,
            "checks\n(sources)": checked,
        }
    table = listing("stack", rows, ("checks\n(sources)",), {"for": 19, "devices": 8, "overlaps": 13})
    return "\n\n".join([table, _which_stack(), _schedules()])


def _which_stack() -> str:
    """How to choose, and the names of the newest."""
    latest = ", ".join(f"{name} ({stack})" for name, stack in latest_stacks().items())
    lines = (
        'Take the stack of your framework, time and attention kernel; several (stack = ["a", "b"]) show the range.'
        " Overlaps: gradients and gathers of the replicas, pipeline sends, tensor-parallel exchanges. SP: sequence"
        " parallelism. Checks: published rows that nothing was fitted on.",
        f"The newest of a line: {latest}.",
    )
    return "\n".join(wrapped(line, 0) for line in lines)


def _schedules() -> str:
    """Which stacks run which pipeline schedules, those of the same stacks in one line."""
    alike: dict[str, list[str]] = {}
    for schedule in SCHEDULES:
        alike.setdefault(", ".join(stacks_that_run(schedule)), []).append(schedule)
    lines = [wrapped(f"{', '.join(schedules)}: {stacks or 'none'}", 2) for stacks, schedules in alike.items()]
    return "\n".join(["Pipeline schedules, and the stacks that run them:", *lines])


def variations_table() -> str:
    """Every variation: how far devices of one kind differ, how noisy they are, and what share of them is slow."""
    rows = {}
    for name in variation_names():
        one = load_variation(name)
        cells = {
            "speed\nspread": per_cent(one.speed_spread),
            "kernel\njitter": per_cent(one.kernel_jitter),
            "network\nnoise": per_cent(one.network_noise),
            "stalls": stalls_words(one.stalls),
            "slow\ndevices": slow_words(one.slow_devices),
            "slow\nnodes": slow_words(one.slow_nodes),
            "slow\nlinks": slow_words(one.slow_links),
        }
        rows[name] = {header: cell or "-" for header, cell in cells.items()} | {"title": one.title}
    widths = {"stalls": 15, "slow\ndevices": 9, "slow\nnodes": 9, "slow\nlinks": 9, "title": 26}
    text = listing("variation", rows, ("speed\nspread", "kernel\njitter", "network\nnoise"), widths)
    legend = "Spread and jitter: standard deviations. Noise: a mean. Slow: the share, and how much longer they take."
    return f"{text}\n\n{legend}"


def scenarios_table() -> str:
    """Every scenario on the shelf: its title, systems, and how many points it has."""
    rows = {path.stem: _scenario_row(path) for path in sorted(shelf("scenarios").glob("*.toml"))}
    return listing("scenario", rows, ("points",), {"systems": 36, "title": 44})


def _scenario_row(path: Path) -> dict[str, object]:
    try:
        document = read_document(path)
        points = expand(document, str(path))
    except InputError as error:
        return {"points": "-", "systems": "", "title": f"cannot be read: {error.problem}"}
    entries = entry_names(document)
    systems = f"{len(entries)} entries" if entries else ", ".join(system["name"] for system in document["system"])
    return {"points": len(points), "systems": systems, "title": document.get("title", "")}


_PAGE = ("stack", "framework", "time", "devices", "what it stands for", "attention", "beside compute", "checked by")


def stacks_markdown() -> str:
    """The table of docs/stacks.md: for whom each stack is, what it stands for, and what checks it."""
    rows = [_PAGE, ("---",) * len(_PAGE), *map(_page_row, stack_names())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def latest_markdown() -> str:
    """What the names of the newest stand for, in Markdown."""
    return "\n".join(
        ["| name | stands for |", "| --- | --- |", *(f"| `{a}` | `{b}` |" for a, b in latest_stacks().items())]
    )


def _page_row(name: str) -> tuple[str, ...]:
    stack, use, checks = load_stack(name), stack_uses()[name], stack_checks(name)
    _, attention, _, overlaps = kind_of(stack).stack_facts(stack)
    checked = f"{counted(checks.rows, 'row')}: {', '.join(checks.sources)}" if checks.rows else "nothing"
    return f"`{name}`", use.framework, use.time, use.devices, use.take, attention, overlaps, checked
