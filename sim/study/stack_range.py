"""How far step times lie apart over several stacks: one line for what differs in nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sim.page.numbers import counted, duration_span
from sim.scenario import Scenario
from sim.study.axis_words import axis_words
from sim.study.points import named_system, placed

_MOST_LINES = 4


class StackStep(NamedTuple):
    """What a step takes with one stack. stack: as screens call it."""

    scenario: Scenario
    stack: str
    step_s: float


def stack_ranges(steps: Iterable[StackStep]) -> list[str]:
    """A sentence for every system, size and setting that was looked at with several stacks."""
    groups: dict[str, list[StackStep]] = {}
    for one in steps:
        groups.setdefault(repr(_without_stack(one.scenario)), []).append(one)
    lines = [_range_words(own) for own in groups.values() if len({one.stack for one in own}) > 1]
    more = len(lines) - _MOST_LINES
    return lines if more <= 0 else [*lines[:_MOST_LINES], f"{counted(more, 'more range')} over several stacks."]


def _range_words(own: Sequence[StackStep]) -> str:
    scenario, times = own[0].scenario, [one.step_s for one in own]
    others = [axis_words(key, value) for key, value in scenario.axes.items() if key.last not in ("stack", "devices")]
    label = f"{named_system(scenario)} ({', '.join(others)})" if others else named_system(scenario)
    place = placed(label, scenario, scenario.system.devices)
    stacks = list(dict.fromkeys(one.stack for one in own))
    return (
        f"{place}: a step of {duration_span(min(times), max(times))} over {len(stacks)} stacks ({', '.join(stacks)})."
    )


def _without_stack(scenario: Scenario) -> Scenario:
    """The scenario without what a stack changes in it."""
    axes = {key: value for key, value in scenario.axes.items() if key.last != "stack"}
    system = dataclasses.replace(scenario.system, stack="")
    return dataclasses.replace(scenario, system=system, axes=axes)
