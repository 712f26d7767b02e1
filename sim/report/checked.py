"""What `scaletax check` prints: the inputs as understood, the plan, and the memory item by item."""

from __future__ import annotations

import textwrap

from tabulate import tabulate

from sim.errors import DoesNotFit
from sim.machines import Prepared
from sim.page.borders import ascii_only
from sim.page.numbers import counted, gibibytes
from sim.prepare import look_up
from sim.report.layout import WIDTH
from sim.scenario import Scenario
from sim.scenario.amounts import batch_note
from sim.simulate import resolution_of
from sim.study.axis_words import axis_words
from sim.study.variation_words import variation_words
from sim.workload.parameters import count_parameters

_MARGIN = " " * 12


def checked(prepared: Prepared) -> str:
    """Describe one system point without simulating it."""
    scenario = prepared.scenario
    model, training, system = scenario.model, scenario.training, scenario.system
    parameters = count_parameters(model).total
    chosen = "as given" if prepared.plan.chosen_by == "user" else "the best that was found"
    lines = [
        f"{system.name}{_swept(scenario)}: {_hardware(prepared)}, {prepared.stack.title}",
        f"  model     {model.name}: {parameters / 1e9:.3f}e9 parameters, {model.layers} layers, hidden {model.hidden}",
        f"  training  {training.tokens:.4g} tokens in batches of {training.global_batch} x {training.sequence},"
        f" {training.precision}{training.recipe.text}, {training.optimizer}, {training.method}",
        *([f"{_MARGIN}{rounded}"] if (rounded := batch_note(training)) else []),
        f"  plan      {prepared.plan.summary()} ({chosen}),"
        f" uses {prepared.plan.devices} of {counted(system.devices, 'device')}",
        *_variation(scenario),
        f"  memory    {gibibytes(prepared.memory.peak_bytes)} of {gibibytes(prepared.memory.capacity_bytes)}"
        f" on the fullest device{_margin(prepared)}",
    ]
    return ascii_only("\n".join([*lines, _memory_table(prepared)]))


def with_devices(scenario: Scenario, error: DoesNotFit) -> DoesNotFit:
    """The error for a plan of the user's with how many devices would hold the model; a search has said it already."""
    if scenario.system.plan.rule == "best" or scenario.system.parts:
        return error
    looked_up = look_up(scenario)
    more = looked_up.kind.would_hold(looked_up)
    return error if more is None else DoesNotFit(error.where, error.problem, f"{error.remedy}\n{more}")


def _swept(scenario: Scenario) -> str:
    """What tells a point of a sweep from the others; its devices are said anyway."""
    words = [axis_words(key, value) for key, value in scenario.axes.items() if key.last != "devices"]
    return f" ({', '.join(words)})" if words else ""


def _hardware(prepared: Prepared) -> str:
    """Devices and topology, part by part."""
    return " + ".join(
        f"{given.devices} x {part.device.title}, {part.topology.title}"
        for given, part in zip(prepared.scenario.system.every_part, prepared.parts, strict=True)
    )


def _margin(prepared: Prepared) -> str:
    """A warning where a plan of the user's leaves less free than a search would."""
    margin = prepared.scenario.system.search.memory_margin
    return f": tight, a search leaves {100 * margin:g} % free" if prepared.is_tight else ""


def _variation(scenario: Scenario) -> list[str]:
    """In what devices differ and how that will be simulated, where there is anything to say about it."""
    variation, resolution = scenario.system.variation, resolution_of(scenario)
    if variation.is_none:
        asked = scenario.system.resolution != "auto"
        return [f"  devices   alike; resolution {resolution.name} ({resolution.why})"] if asked else []
    differ = f"differ ({variation.name}): {', '.join(variation_words(variation))}"
    how = f"resolution {resolution.name} ({resolution.why}), {counted(scenario.steps, 'step')}, seed {scenario.seed}"
    return [
        textwrap.fill(differ, WIDTH, initial_indent="  devices   ", subsequent_indent=_MARGIN, break_on_hyphens=False),
        f"{_MARGIN}{how}",
    ]


def _memory_table(prepared: Prepared) -> str:
    """GiB by item; a row per stage, stages that are alike in one row."""
    rows: list[list[str]] = []
    spans: list[tuple[int, int]] = []
    stages = prepared.memory.stages
    for index, items in enumerate(stages):
        if index and items == stages[spans[-1][0]]:
            spans[-1] = (spans[-1][0], index)
            continue
        spans.append((index, index))
        rows.append([f"{size / 2**30:.1f}" for size in [*items.values(), sum(items.values())]])
    names = [f"stage {first}" if first == last else f"stages {first}-{last}" for first, last in spans]
    table = [[name, *row] for name, row in zip(names, rows, strict=True)]
    headers = ["GiB", *stages[0], "total"]
    text = tabulate(table, headers, tablefmt="plain", disable_numparse=True, stralign="right")
    return "\n".join(f"    {line}" for line in text.splitlines())
