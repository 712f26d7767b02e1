"""What a search for plans found for one system."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.machines.prepared import LookedUp
from sim.outcome.effort import Effort
from sim.outcome.outcome import utilisation
from sim.parallel.step_plan import StepPlan
from sim.workload.flops import StepFlops


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan and its step. tax is None where only the closed form has looked at it."""

    plan: StepPlan
    step_s: float
    peak_bytes: float
    mfu: float
    tax: float | None = None


@dataclass(frozen=True, slots=True)
class Even:
    """What there is instead of a best plan whose replicas have different numbers of micro-batches.

    fewest, most: micro-batches of a replica of the best plan. batches: the nearest in sequences, below and above, that
    its replicas share out evenly. row: the best plan whose replicas have as many each; None where none fits.
    """

    fewest: int
    most: int
    batches: tuple[int, ...]
    row: PlanRow | None


@dataclass(frozen=True, slots=True)
class PlanStudy:
    """What was found for one system.

    about: the system, all of one part. best: plans that the engine has tried, the fastest first. front: plans of which
    none is both faster and smaller than another, the fastest first, by the closed form. effort: what there was to
    choose from.
    step_s, tensor: (F,) step and tensor degree of every plan that fits, the fastest first.
    even: None where the replicas of the best plan have as many micro-batches each.
    """

    about: LookedUp
    capacity_bytes: float
    best: tuple[PlanRow, ...]
    front: tuple[PlanRow, ...]
    effort: Effort
    step_s: NDArray[np.float64]
    tensor: NDArray[np.int64]
    even: Even | None = None


def mfu(found: LookedUp, flops: StepFlops, step_s: float) -> float:
    """Model FLOPs utilisation of a step by the convention of the scenario, on devices of one kind."""
    scenario = found.scenario
    counts = flops.needed if scenario.report.flop_convention == "causal-attention" else flops.counted
    peak = found.kind.asked_peak(found.stack, scenario.training.precision, found.devices[0], flops)
    return utilisation(counts, scenario.system.devices * step_s, peak)
