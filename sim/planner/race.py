"""How long a plan's step takes in the engine: what decides between the plans that the closed form ranks highest.

Once a pipeline is full, every round of as many micro-batches as it has stages repeats the one before. So a step with
many of them is simulated twice with few, and the rest follows from what one more round took.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sim.catalog import GpuStack
from sim.cost.compute import Machine
from sim.cost.step import StepCosts, step_costs
from sim.engine.clock import run
from sim.engine.collection import without_garbage_collection
from sim.engine.gpu_program import gpu_program
from sim.engine.length import check_length, instructions_of
from sim.engine.transfers import shared_links
from sim.hardware.network import Network
from sim.parallel.plan import Plan
from sim.parallel.plan_block import PlanBlock
from sim.planner.candidate import Candidate, unsplit_device_seconds
from sim.planner.screen import Screened
from sim.planner.space import plan_at
from sim.processes import mapped
from sim.scenario.types import Scenario


@dataclass(frozen=True, slots=True)
class Races:
    """Tries plans of one scenario in the engine, on some processes."""

    scenario: Scenario
    machine: Machine
    network: Network
    jobs: int = 1

    def run(self, plans: Iterable[tuple[Screened, int]]) -> list[Candidate]:
        """Try some plans, each a row of screened ones; in their order."""
        rows = [(one.plans.at([row]), float(one.step_s[row]), float(one.peak_bytes[row])) for one, row in plans]
        if self.jobs <= 1 or len(rows) <= 1:
            return [self.one(*row) for row in rows]
        # The longest programs first, so that no process is left with one of them at the end.
        order = sorted(range(len(rows)), key=lambda row: -_length(rows[row][0]))
        results = mapped(_one_of_these, [rows[row] for row in order], self.jobs, functools.partial(_enter, self))
        found = dict(zip(order, results, strict=True))
        return [found[row] for row in range(len(rows))]

    def one(self, block: PlanBlock, estimated_s: float, peak_bytes: float) -> Candidate:
        """Try the one plan of a block. estimated_s, peak_bytes: as it was screened."""
        scenario, machine, network = self.scenario, self.machine, self.network
        plan = plan_at(scenario, machine.stack, block, 0)
        costs = step_costs(scenario.model, scenario.training, plan, machine, network, scenario.system.jitter)
        unsplit_s = unsplit_device_seconds(plan, costs, scenario.training.global_batch)
        with without_garbage_collection():
            step_s = raced_step_s(plan, costs, machine.stack, network)
        return Candidate(plan, estimated_s, step_s, peak_bytes, unsplit_s)


def _length(block: PlanBlock) -> int:
    """How long the program of the one plan of a block is, in slots of one chunk and micro-batch."""
    rounds = 2 * block.pipelining.steady_rounds + 1
    return int((block.pipeline * block.virtual_stages * np.minimum(block.micro_batches, rounds * block.pipeline))[0])


_these: list[Races] = []
"""In a process of a pool, the races that it runs: handed over once, because a network is large."""


def _enter(races: Races) -> None:
    _these[:] = [races]


def _one_of_these(row: tuple[PlanBlock, float, float]) -> Candidate:
    return _these[0].one(*row)


def raced_step_s(plan: Plan, costs: StepCosts, stack: GpuStack, network: Network) -> float:
    """Seconds of one step of a plan in the engine, with equal devices. costs: of the whole step."""
    settled = plan.pipelining.steady_rounds
    fewest = min(plan.replica_micro_batches or (plan.micro_batches,))
    further = fewest // plan.pipeline - settled - 1
    if further <= settled:
        return simulated_step_s(plan, costs, stack, network)
    # What happens once a step is that of the whole one, so that only rounds are left out.
    shorter_s, longer_s = (
        simulated_step_s(_without_rounds(plan, further + less), costs, stack, network) for less in (1, 0)
    )
    return longer_s + further * (longer_s - shorter_s)


def simulated_step_s(plan: Plan, costs: StepCosts, stack: GpuStack, network: Network) -> float:
    """Seconds of one step of a plan in the engine, every micro-batch of it."""
    check_length(instructions_of(plan, sum(plan.layers_per_chunk), stack), plan, f"the plan {plan.summary()}")
    program = gpu_program(plan, costs, stack)
    return run(program, shared_links(program, network)).step_time_s


def _without_rounds(plan: Plan, rounds: int) -> Plan:
    """The plan with so many rounds less for every replica."""
    less = rounds * plan.pipeline
    counts = tuple(count - less for count in plan.replica_micro_batches)
    return dataclasses.replace(plan, micro_batches=plan.micro_batches - less, replica_micro_batches=counts)
