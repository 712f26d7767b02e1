"""What `scaletax check` prints: the inputs as understood, the plan, and the memory item by item."""

from __future__ import annotations

import textwrap

from sim.errors import DoesNotFit
from sim.machines import Prepared
from sim.page.blocks import Column, Table, table
from sim.page.borders import ascii_only
from sim.page.numbers import counted, fixed, gibibytes, large, plain_percent, whole
from sim.page.terminal import NARROW, screen
from sim.prepare import look_up
from sim.scenario import Scenario
from sim.scenario.amounts import batch_note
from sim.simulate import resolution_of
from sim.study.axis_words import axis_words
from sim.study.variation_words import variation_words
from sim.workload.parameters import count_parameters

_MARGIN = 12
_INDENT = 4
_NARROW_TITLES = {
    "gradients": "gra- dients", "optimizer": "opti- mizer", "activations": "activ- ations",
    "fragmentation": "fragmen- tation",
}  # fmt: skip


def checked(prepared: Prepared, width: int = NARROW) -> str:
    """Describe one system point without simulating it. width: of the terminal."""
    scenario = prepared.scenario
    model, training, system = scenario.model, scenario.training, scenario.system
    parameters = count_parameters(model).total
    chosen = "as given" if prepared.plan.chosen_by == "user" else "the best that was found"
    facts = [
        ("model", f"{model.name}: {fixed(parameters / 1e9, 3)} B parameters, {model.layers} layers, hidden"
         f" {model.hidden}"),
        ("training", f"{large(training.tokens)} tokens in batches of {whole(training.global_batch)} x"
         f" {whole(training.sequence)}, {training.precision}{training.recipe.text}, {training.optimizer},"
         f" {training.method}"),
        ("", batch_note(training) or ""),
        ("plan", f"{prepared.plan.summary()} ({chosen}), uses {whole(prepared.plan.devices)} of"
         f" {counted(system.devices, 'device')}"),
        *_variation(scenario),
        ("memory", f"{gibibytes(prepared.memory.peak_bytes)} of {gibibytes(prepared.memory.capacity_bytes)} on the"
         f" fullest device{_margin(prepared)}; GiB by stage:"),
    ]  # fmt: skip
    swept = ", ".join(axis_words(key, value) for key, value in scenario.axes.items() if key.last != "devices")
    hardware = " + ".join(
        f"{whole(given.devices)} x {part.device.title}, {part.topology.title}"
        for given, part in zip(system.every_part, prepared.parts, strict=True)
    )
    head = f"{system.name}{f' ({swept})' if swept else ''}: {hardware}, {prepared.stack.title}{system.stack_options}"
    lines = [_filled(head, width, "", " " * _INDENT)]
    lines += [_filled(words, width, f"  {name:<{_MARGIN - 2}}", " " * _MARGIN) for name, words in facts if words]
    lines += [f"{' ' * _INDENT}{line}" for line in screen([_memory_table(prepared)], width - _INDENT).splitlines()]
    return ascii_only("\n".join(lines))


def _filled(text: str, width: int, first: str, others: str) -> str:
    return textwrap.fill(text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def with_devices(scenario: Scenario, error: DoesNotFit) -> DoesNotFit:
    """The error for a plan of the user's with how many devices would hold the model; a search has said it already."""
    if scenario.system.plan.rule == "best" or scenario.system.parts:
        return error
    looked_up = look_up(scenario)
    more = looked_up.kind.would_hold(looked_up)
    return error if more is None else DoesNotFit(error.where, error.problem, f"{error.remedy}\n{more}")


def _margin(prepared: Prepared) -> str:
    """A warning where a plan of the user's leaves less free than a search would."""
    margin = prepared.scenario.system.search.memory_margin
    return f": tight, a search leaves {plain_percent(margin)} free" if prepared.is_tight else ""


def _variation(scenario: Scenario) -> list[tuple[str, str]]:
    """In what devices differ and how that will be simulated, where there is anything to say about it."""
    variation, resolution = scenario.system.variation, resolution_of(scenario)
    if variation.is_none:
        asked = scenario.system.resolution != "auto"
        return [("devices", f"alike; resolution {resolution.name} ({resolution.why})")] if asked else []
    how = f"resolution {resolution.name} ({resolution.why}), {counted(scenario.steps, 'step')}, seed {scenario.seed}"
    return [("devices", f"differ ({variation.name}): {', '.join(variation_words(variation))}"), ("", how)]


def _memory_table(prepared: Prepared) -> Table:
    """GiB by item; a row per stage, stages that are alike in one row."""
    stages = prepared.memory.stages
    firsts = [index for index, items in enumerate(stages) if not index or items != stages[index - 1]]
    spans = [(first, after - 1) for first, after in zip(firsts, [*firsts[1:], len(stages)], strict=True)]

    def item(name: str) -> Column[tuple[int, int]]:
        return Column(_NARROW_TITLES.get(name, name), lambda span: fixed(stages[span[0]][name] / 2**30, 1))

    columns: list[Column[tuple[int, int]]] = [
        Column("stage", lambda span: f"{span[0]}" if span[0] == span[1] else f"{span[0]}-{span[1]}", key=True),
        *map(item, stages[0]),
        Column("total", lambda span: fixed(sum(stages[span[0]].values()) / 2**30, 1)),
    ]
    return table(spans, columns)
