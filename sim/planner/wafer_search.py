"""What there is to choose on wafers: how much of a batch goes through at once. A handful, so the engine tries all."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.catalog import Wafer, WaferStack
from sim.cost.wafer import WAFER_STYLE, wafer_costs
from sim.engine.clock import run
from sim.engine.transfers import shared_links
from sim.engine.wafer_program import wafer_program
from sim.hardware.network import Network
from sim.outcome.effort import Effort
from sim.outcome.ledger import close_ledger
from sim.parallel.wafer_plan import WaferPlan, wafer_memory_bytes
from sim.scenario.bounds import divisors
from sim.scenario.types import Scenario

_SETTLED_PASSES = 1
"""Passes after which one more takes what every further one takes."""


@dataclass(frozen=True, slots=True)
class WaferChoice:
    """A plan for wafers. step_s, tax: of a step in the engine; None where it does not fit."""

    plan: WaferPlan
    peak_bytes: float
    step_s: float | None = None
    tax: float | None = None


def wafer_choices(
    scenario: Scenario, plan: WaferPlan, wafer: Wafer, stack: WaferStack, network: Network
) -> list[WaferChoice]:
    """Every micro-batch that divides a system's share of the batch, the fastest first, then those that do not fit.

    plan: which systems share the batch.
    """
    share, sequence = plan.micro_batch * plan.micro_batches, scenario.training.sequence
    found = []
    for size in divisors(share, share):
        needed = wafer_memory_bytes(scenario.model, sequence, size, stack, WAFER_STYLE)
        choice = dataclasses.replace(plan, micro_batch=size, micro_batches=share // size)
        tried = _tried(scenario, choice, wafer, stack, network) if needed <= wafer.sram_bytes else (None, None)
        found.append(WaferChoice(choice, needed, *tried))
    return sorted(found, key=lambda one: (one.step_s is None, one.step_s or 0.0, -one.plan.micro_batch))


def wafer_effort(choices: list[WaferChoice]) -> Effort:
    """How hard the choice was; the best is the first."""
    step_s = np.array([one.step_s for one in choices if one.step_s is not None]) / (choices[0].step_s or 1.0)
    return Effort(
        legal=len(choices),
        fitting=len(step_s),
        within_5_percent=int((step_s <= 1.05).sum()),
        within_20_percent=int((step_s <= 1.2).sum()),
        median_over_best=float(np.median(step_s)),
    )


def _tried(
    scenario: Scenario, plan: WaferPlan, wafer: Wafer, stack: WaferStack, network: Network
) -> tuple[float, float]:
    """Seconds of a step and its tax; many passes are simulated as few, because every one repeats the one before."""

    costs = wafer_costs(scenario.model, scenario.training, plan, wafer, stack, network, scenario.system.jitter)

    def simulated(passes: int) -> NDArray[np.float64]:
        """Seconds of a step, and device-seconds that splitting costs."""
        program = wafer_program(dataclasses.replace(plan, micro_batches=passes), costs)
        ledger = close_ledger(run(program, shared_links(program, network)), scenario.system.devices)
        return np.array([ledger.step_time_s, ledger.tax * ledger.total_s])

    further = plan.micro_batches - _SETTLED_PASSES - 1
    if further <= _SETTLED_PASSES:
        step_s, split_s = simulated(plan.micro_batches)
    else:
        shorter, longer = simulated(_SETTLED_PASSES), simulated(_SETTLED_PASSES + 1)
        step_s, split_s = longer + further * (longer - shorter)
    return float(step_s), float(split_s / (scenario.system.devices * step_s))
