"""What to say where devices differ: how long steps take and why, and the stragglers on their critical paths."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim.engine.lanes import STALLS, WORK
from sim.machines import kind_of
from sim.outcome.outcome import Outcome
from sim.outcome.step_times import PERCENTILES, HeldUp, StepTimes
from sim.page.numbers import counted
from sim.study.points import Curve, differs, representatives

_MOST_SYSTEMS_NAMED = 3
_NAMED_FROM = 0.1
"""A straggler of a smaller share of the steps is not named."""
_MOST_NAMED = 2
_ALIKE = 5e-4
"""Means this near to the step of equal devices are not called longer or shorter."""
_SIGNIFICANT = 3
_CAUSES = {WORK: "slower devices", STALLS: "stalls"}
"""Causes of a longer step in words; all others are lines of communication."""
_NAMED_CAUSE = 0.01
"""Causes with smaller shares are left out."""
_DRAWN_ALIKE = " Devices differ in this run; drawn is the step with every device alike."


def drawn_step(outcome: Outcome) -> str:
    """What the caption of a chart of one step adds, where it is not the step that devices which differ would show."""
    return _DRAWN_ALIKE if differs(outcome) else ""


def step_sentences(systems: Sequence[Curve]) -> list[str]:
    """At most two sentences on a few points where devices differ: how long steps take, and their stragglers."""
    shown = [(curve, point) for curve, point in representatives(systems) if differs(point)][:_MOST_SYSTEMS_NAMED]
    named = [(curve.place(point), point, point.step_times) for curve, point in shown]
    times = [f"{place}, {_spread(steps)}" for place, _, steps in named if steps]
    # Nobody holds up a step that is no longer than that of equal devices.
    held = [f"{place}, {_held_up(point, steps)}" for place, point, steps in named if steps and _excess(steps) > _ALIKE]
    found = []
    if times:
        found.append(f"Steps where devices differ, beside one with every device alike: {'; '.join(times)}.")
    if held:
        found.append(f"Who holds everyone up: {'; '.join(held)}.")
    return found


def step_answer(systems: Sequence[Curve]) -> list[str]:
    """The same in one sentence for a first screen: how much longer steps are than with every device alike."""
    shown = [(curve, point) for curve, point in representatives(systems) if differs(point)][:_MOST_SYSTEMS_NAMED]
    parts = [
        f"{_against_alike(_excess(steps))} for {curve.place(point)}"
        for curve, point in shown
        if (steps := point.step_times)
    ]
    return [f"Steps beside those with every device alike: {', '.join(parts)}."] if parts else []


def device_name(one: HeldUp, outcome: Outcome) -> str:
    """A device and its place in the plan: "gpu 13,933 (stage 13, replica 77, rank 5)", "wafer 3"."""
    stages = len(outcome.trace.multiplicity)
    tensor, replicas = getattr(outcome.plan, "tensor", 1), getattr(outcome.plan, "data", 1)
    places = [
        *([one.actor] if stages > 1 else []),
        *([f"replica {one.replica:,}"] if replicas > 1 else []),
        *([f"rank {one.rank}"] if tensor > 1 else []),
    ]
    # The one replica of a lone device says nothing that its number does not.
    told = stages > 1 or tensor > 1
    return f"{kind_of(outcome.plan).word} {one.device:,}" + (f" ({', '.join(places)})" if told and places else "")


def node_name(node: int, outcome: Outcome) -> str:
    """A node and its devices: "node 2 (8 devices from gpu 16 on)", "node 3 (wafer 3)"."""
    # Nodes are as large in every part, and none but the last of all is cut at its end.
    size = outcome.step_times.node_devices if outcome.step_times else 1
    first = node * size
    word, count = kind_of(outcome.plan).word, min(size, outcome.devices - first)
    devices = f"{word} {first:,}" if count == 1 else f"{counted(count, 'device')} from {word} {first:,} on"
    return f"node {node:,} ({devices})"


def resolved_percentiles(steps: StepTimes) -> list[int]:
    """Percentiles with at least one step beyond them; none of a single step."""
    count = len(steps.times_s)
    return [percent for percent in PERCENTILES if count > 1 and count * (100 - percent) >= 100]


def _excess(steps: StepTimes) -> float:
    """How much longer the mean step is than with every device alike, as a share."""
    return steps.mean_s / steps.alike_s - 1


def _spread(steps: StepTimes) -> str:
    """Mean, what it is against equal devices, and how steps differ from each other."""
    against, causes = _against_alike(_excess(steps)), _causes(steps)
    if len(steps.times_s) == 1:
        return f"{_seconds([steps.mean_s])[0]} in the one step simulated, {against}{causes}"
    percents = resolved_percentiles(steps)
    names = ["mean", *(f"P{percent}" for percent in percents)]
    values_s = [steps.mean_s, *(steps.percentile_s(percent) for percent in percents)]
    if percents != list(PERCENTILES):
        names.append("longest")
        values_s.append(float(steps.times_s.max()))
    mean, *others = (f"{name} {time}" for name, time in zip(names, _seconds(values_s), strict=True))
    spread = f"coefficient of variation {100 * steps.coefficient_of_variation:.2g} %"
    return f"{mean}, {against} ({', '.join(others)}, {spread}){causes}"


def _causes(steps: StepTimes) -> str:
    """What makes the mean step longer: what its critical path takes beyond the usual, by cause."""
    causes_s = {words: steps.late_s.get(cause, 0.0) for cause, words in _CAUSES.items()}
    causes_s["the network"] = sum(seconds for cause, seconds in steps.late_s.items() if cause not in _CAUSES)
    longer_s = sum(max(seconds, 0.0) for seconds in causes_s.values())
    if _excess(steps) <= _ALIKE or longer_s <= 0:
        return ""
    shares = {words: seconds / longer_s for words, seconds in causes_s.items() if seconds > _NAMED_CAUSE * longer_s}
    ranked = sorted(shares, key=lambda words: -shares[words])
    (first, *others) = [(f"{100 * shares[words]:.0f} %", words) for words in ranked]
    return f", of what it takes longer {' is '.join(first)}" + "".join(f", {' '.join(other)}" for other in others)


def _against_alike(excess: float) -> str:
    if abs(excess) <= _ALIKE:
        return "as long"
    return f"{100 * abs(excess):.1f} % {'longer' if excess > 0 else 'shorter'}"


def _seconds(times_s: Sequence[float]) -> list[str]:
    """Times in one unit, with as many digits as tell the second of them from the last."""
    unit, scale = ("s", 1.0) if times_s[0] >= 1 else ("ms", 1e3)
    digits = _SIGNIFICANT - 1 - math.floor(math.log10(times_s[0] * scale))
    apart = (times_s[-1] - times_s[min(1, len(times_s) - 1)]) * scale
    if apart > 0:
        digits = max(digits, -math.floor(math.log10(apart)))
    return [f"{time_s * scale:,.{min(max(digits, 0), 6)}f} {unit}" for time_s in times_s]


def _held_up(outcome: Outcome, steps: StepTimes) -> str:
    """Who, in how many steps: those who do so often by name, the others by their number."""
    count, found = len(steps.times_s), steps.held_up
    named = list(found[:_MOST_NAMED])
    if len(found) > _MOST_NAMED:
        named = [one for one in named if one.steps > 1 and one.steps >= _NAMED_FROM * count]
    if not named:
        return f"nobody in particular, none of {len(found)} in more than {found[0].steps} of {count:,} steps"
    first, *more = named
    if count == 1:
        return f"{_name(first, outcome)} in the one step simulated"
    if first.steps == count:
        return f"{_name(first, outcome)} in all {count:,} steps"
    words = [f"{_name(first, outcome)} in {first.steps:,} of {count:,} steps"]
    words += [f"{_name(one, outcome)} in {one.steps:,}" for one in more]
    others = len(found) - len(named)
    if others:
        words.append(f"{others} others in the rest" if others > 1 else "another in the rest")
    return ", ".join(words)


def _name(one: HeldUp, outcome: Outcome) -> str:
    if one.by == "device":
        return device_name(one, outcome)
    if one.node is not None:
        return node_name(one.node, outcome)
    return "delays of the network" if one.by == "network" else "nobody"
