"""How long a plan's step takes in the engine: what decides between the plans that the closed form ranks highest.

Once a pipeline is full, every round of as many micro-batches as it has stages repeats the one before. So a step with
many of them is simulated twice with few, and the rest follows from what one more round took.
"""

from __future__ import annotations

import dataclasses

from sim.cost.compute import Machine
from sim.cost.step import step_costs
from sim.engine.clock import run
from sim.engine.gpu_program import gpu_program
from sim.engine.transfers import shared_links
from sim.hardware.network import Network
from sim.parallel.plan import Plan
from sim.scenario.types import Scenario

_SETTLED_ROUNDS = 2
"""Rounds after which one more takes what every further one takes."""


def raced_step_s(scenario: Scenario, plan: Plan, machine: Machine, network: Network) -> float:
    """Seconds of one step of a plan in the engine, with equal devices."""
    rounds = plan.micro_batches // plan.pipeline
    further = rounds - _SETTLED_ROUNDS - 1
    if further <= _SETTLED_ROUNDS:
        return simulated_step_s(scenario, plan, machine, network)
    shorter_s, longer_s = (
        simulated_step_s(scenario, _without_rounds(plan, further + less), machine, network) for less in (1, 0)
    )
    return longer_s + further * (longer_s - shorter_s)


def simulated_step_s(scenario: Scenario, plan: Plan, machine: Machine, network: Network) -> float:
    """Seconds of one step of a plan in the engine, every micro-batch of it."""
    costs = step_costs(scenario.model, scenario.training, plan, machine, network, scenario.system.jitter)
    program = gpu_program(plan, costs, machine.stack)
    return run(program, shared_links(program, network)).step_time_s


def _without_rounds(plan: Plan, rounds: int) -> Plan:
    """The plan with so many rounds less for every replica."""
    less = rounds * plan.pipeline
    counts = tuple(count - less for count in plan.replica_micro_batches)
    return dataclasses.replace(plan, micro_batches=plan.micro_batches - less, replica_micro_batches=counts)
