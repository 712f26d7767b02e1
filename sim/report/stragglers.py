"""What to say where devices differ: how long steps take and why, and the stragglers on their critical paths."""

from __future__ import annotations

from collections.abc import Sequence

from sim.engine.lanes import STALLS, WORK
from sim.machines import kind_called
from sim.outcome.outcome import Outcome
from sim.outcome.step_times import PERCENTILES, HeldUp, StepTimes
from sim.page.blocks import Column, Table, table, words
from sim.page.numbers import counted, duration, percent, whole
from sim.study.points import Curve, differs, representatives

_MOST_SYSTEMS_NAMED = 3
_NAMED_FROM = 0.1
"""A straggler of a smaller share of the steps is not named."""
_MOST_NAMED = 2
_ALIKE = 5e-4
"""Means this near to the step of equal devices are not called longer or shorter."""
_CAUSES = {WORK: "slower devices", STALLS: "stalls"}
"""Causes of a longer step in words; all others are lines of communication."""
_NAMED_CAUSE = 0.01
"""Causes with smaller shares are left out."""
_DRAWN_ALIKE = " Devices differ in this run; drawn is the step with every device alike."


def drawn_step(outcome: Outcome) -> str:
    """What the caption of a chart of one step adds, where it is not the step that devices which differ would show."""
    return _DRAWN_ALIKE if differs(outcome) else ""


def steps_table(systems: Sequence[Curve]) -> Table:
    """Every point whose devices differ: its mean step, why it is longer, and the stragglers."""
    return table(
        [(curve, point, point.step_times) for curve in systems for point in curve.points if point.step_times],
        [
            words("system", lambda row: row[0].label, key=True),
            Column("devices", lambda row: whole(row[1].devices), key=True),
            Column("steps", lambda row: whole(len(row[2].times_s))),
            Column("mean step", lambda row: duration(row[2].mean_s)),
            Column("than with devices alike", lambda row: _against_alike(_excess(row[2]))),
            words("longer because of", lambda row: _causes(row[2])),
            words("held up by", lambda row: _held_up(row[1], row[2])),
        ],
    )


def step_answer(systems: Sequence[Curve]) -> list[str]:
    """One sentence for a first screen: how much longer steps are than with every device alike."""
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
    return f"{kind_called(outcome.machine).word} {one.device:,}" + (
        f" ({', '.join(places)})" if told and places else ""
    )


def node_name(node: int, outcome: Outcome) -> str:
    """A node and its devices: "node 2 (8 devices from gpu 16 on)", "node 3 (wafer 3)"."""
    # Nodes are as large in every part, and none but the last of all is cut at its end.
    size = outcome.step_times.node_devices if outcome.step_times else 1
    first = node * size
    word, count = kind_called(outcome.machine).word, min(size, outcome.devices - first)
    devices = f"{word} {first:,}" if count == 1 else f"{counted(count, 'device')} from {word} {first:,} on"
    return f"node {node:,} ({devices})"


def resolved_percentiles(steps: StepTimes) -> list[int]:
    """Percentiles with at least one step beyond them; none of a single step."""
    count = len(steps.times_s)
    return [percent for percent in PERCENTILES if count > 1 and count * (100 - percent) >= 100]


def _excess(steps: StepTimes) -> float:
    """How much longer the mean step is than with every device alike, as a share."""
    return steps.mean_s / steps.alike_s - 1


def _against_alike(excess: float) -> str:
    if abs(excess) <= _ALIKE:
        return "as long"
    return f"{percent(abs(excess))} {'longer' if excess > 0 else 'shorter'}"


def _name(one: HeldUp, outcome: Outcome) -> str:
    if one.by == "device":
        return device_name(one, outcome)
    if one.node is not None:
        return node_name(one.node, outcome)
    return "delays of the network" if one.by == "network" else "nobody"


def _causes(steps: StepTimes) -> str:
    """What makes the mean step longer: what its critical path takes beyond the usual, by cause."""
    causes_s = {words: steps.late_s.get(cause, 0.0) for cause, words in _CAUSES.items()}
    causes_s["the network"] = sum(seconds for cause, seconds in steps.late_s.items() if cause not in _CAUSES)
    longer_s = sum(max(seconds, 0.0) for seconds in causes_s.values())
    if _excess(steps) <= _ALIKE or longer_s <= 0:
        return "-"
    shares = {words: seconds / longer_s for words, seconds in causes_s.items() if seconds > _NAMED_CAUSE * longer_s}
    return ", ".join(f"{words} {percent(shares[words], 0)}" for words in sorted(shares, key=lambda one: -shares[one]))


def _held_up(outcome: Outcome, steps: StepTimes) -> str:
    """Stragglers that are so often, with the number of steps; nobody holds up a step that is no longer than usual."""
    count = len(steps.times_s)
    often = [one for one in steps.held_up[:_MOST_NAMED] if one.steps >= _NAMED_FROM * count]
    if _excess(steps) <= _ALIKE or not often:
        return "nobody in particular"
    return ", ".join(f"{_name(one, outcome)} in {one.steps:,} of {count:,}" for one in often)
