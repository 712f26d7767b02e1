"""What to say where devices differ: how long steps take, who holds everyone up, and how that was simulated."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim.outcome.outcome import Outcome
from sim.outcome.step_times import HeldUp, StepTimes
from sim.report.points import Curve, counted, representatives

_MOST_SYSTEMS_NAMED = 3
_NAMED_FROM = 0.1
"""Who holds everyone up in a smaller share of the steps is nobody in particular."""
_MOST_NAMED = 2
_PERCENTILES = (50, 95, 99)
_ALIKE = 5e-4
"""Means this near to the step of equal devices are not called longer or shorter."""
_SIGNIFICANT = 3
_DRAWN_ALIKE = " Devices differ in this run; drawn is the step with every device alike."


def differs(outcome: Outcome) -> bool:
    """Whether the devices of a point differ, so that its steps are not the step of equal devices."""
    return outcome.step_times is not None and not outcome.scenario.system.variation.is_none


def drawn_step(outcome: Outcome) -> str:
    """What the caption of a chart of one step adds, where it is not the step that devices which differ would show."""
    return _DRAWN_ALIKE if differs(outcome) else ""


def step_sentences(systems: Sequence[Curve]) -> list[str]:
    """At most two sentences on a few points where devices differ: how long steps take, and who holds everyone up."""
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


def resolution_notes(outcome: Outcome) -> list[str]:
    """How the devices of a point were simulated, where that is not what one would expect without being told."""
    resolution, steps = outcome.resolution, outcome.step_times
    if differs(outcome) and steps is not None:
        many = counted(len(steps.times_s), "step")
        return [
            f"resolution full ({resolution.why}): each device has its own clock through {many}, seed"
            f" {outcome.scenario.seed}; links are those of the step with every device alike"
        ]
    if resolution.name == "full":
        return [f"resolution full ({resolution.why}): each device has its own clock; nothing varies from step to step"]
    if outcome.scenario.system.resolution == "folded":
        return [f"resolution folded ({resolution.why}): one device stands for all that are alike"]
    return []


def device_name(one: HeldUp, outcome: Outcome) -> str:
    """A device and its place in the plan: "gpu 13,933 (stage 13, replica 77, rank 5)", "wafer 3"."""
    if one.actor == "wafer":
        return f"wafer {one.device:,}"
    stages = len(outcome.trace.multiplicity)
    tensor, replicas = getattr(outcome.plan, "tensor", 1), getattr(outcome.plan, "data", 1)
    places = [
        *([one.actor] if stages > 1 else []),
        *([f"replica {one.replica:,}"] if replicas > 1 else []),
        *([f"rank {one.rank}"] if tensor > 1 else []),
    ]
    # The one replica of a lone device says nothing that its number does not.
    told = stages > 1 or tensor > 1
    return f"gpu {one.device:,}" + (f" ({', '.join(places)})" if told and places else "")


def resolved_percentiles(steps: StepTimes) -> list[int]:
    """Percentiles with at least one step beyond them; none of a single step."""
    count = len(steps.times_s)
    return [percent for percent in _PERCENTILES if count > 1 and count * (100 - percent) >= 100]


def _excess(steps: StepTimes) -> float:
    """How much longer the mean step is than with every device alike, as a share."""
    return steps.mean_s / steps.alike_s - 1


def _spread(steps: StepTimes) -> str:
    """Mean, what it is beside equal devices, and how steps differ from each other."""
    against = _against_alike(_excess(steps))
    if len(steps.times_s) == 1:
        return f"{_seconds([steps.mean_s])[0]} in the one step simulated, {against}"
    percents = resolved_percentiles(steps)
    names = ["mean", *(f"P{percent}" for percent in percents)]
    values_s = [steps.mean_s, *(steps.percentile_s(percent) for percent in percents)]
    if percents != list(_PERCENTILES):
        names.append("longest")
        values_s.append(float(steps.times_s.max()))
    mean, *others = (f"{name} {time}" for name, time in zip(names, _seconds(values_s), strict=True))
    spread = f"coefficient of variation {100 * steps.coefficient_of_variation:.2g} %"
    return f"{mean}, {against} ({', '.join(others)}, {spread})"


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
    return "delays of the network" if one.by == "network" else "nobody"
