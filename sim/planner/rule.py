"""The default rule: what a practitioner would try first, ranked by the closed-form estimate. Not a search.

The candidates are every power-of-two tensor degree inside a scale-up domain, every pipeline depth that cuts the layers
evenly, as many replicas as divide the batch, micro-batches of up to eight sequences, interleaving where it divides, the
stack's own ZeRO stage or a sharded optimizer, and of the recomputations the least that fits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from sim.cost.compute import Machine
from sim.cost.estimate import estimate_step_s
from sim.cost.step import step_costs
from sim.errors import DoesNotFit
from sim.hardware.network import Network
from sim.hardware.topology import Topology
from sim.parallel.plan import Plan, check_plan
from sim.planner.degrees import divisors, pipeline_depths, tensor_degrees
from sim.planner.fit import fits, nothing_fits
from sim.scenario.types import PlanRequest, Recompute, Scenario

_LARGEST_MICRO_BATCH = 8
_RECOMPUTES: tuple[Recompute, ...] = ("none", "selective", "full")


def default_plan(scenario: Scenario, machine: Machine, topology: Topology) -> Plan:
    """Return the fastest candidate by the closed form; ties go to the one with fewer parts.

    Raises DoesNotFit when no candidate fits.
    """
    network, model, training = Network(topology), scenario.model, scenario.training
    ranked: list[tuple[tuple[float, ...], Plan]] = []
    for plan in _candidates(scenario, machine, topology):
        costs = step_costs(model, training, plan, machine, network)
        parts = (plan.tensor * plan.pipeline, plan.tensor, plan.virtual_stages, plan.zero, plan.micro_batch)
        ranked.append(((estimate_step_s(plan, costs, machine.stack), *parts), plan))
    if not ranked:
        raise _nothing_fits(scenario, machine, topology)
    return min(ranked, key=lambda pair: pair[0])[1]


def _candidates(scenario: Scenario, machine: Machine, topology: Topology) -> Iterator[Plan]:
    for shape in _shapes(scenario, machine, topology):
        for recompute in _recomputes(machine):
            plan = _plan(scenario, machine, dataclasses.replace(shape, recompute=recompute))
            if fits(scenario, plan, machine):
                yield plan
                break


def _shapes(scenario: Scenario, machine: Machine, topology: Topology) -> Iterator[PlanRequest]:
    """Every candidate but for its recomputation."""
    model, stack, devices = scenario.model, machine.stack, scenario.system.devices
    for tensor in tensor_degrees(model, topology) if stack.tensor_parallel else [1]:
        if tensor > devices:
            continue
        for pipeline in pipeline_depths(model, devices // tensor) if stack.pipeline_parallel else [1]:
            data = max(divisors(scenario.training.global_batch, devices // (tensor * pipeline)))
            degrees = PlanRequest(rule="fixed", tensor=tensor, pipeline=pipeline, data=data)
            share = scenario.training.global_batch // data
            for micro_batch in divisors(share, _LARGEST_MICRO_BATCH):
                for virtual in _virtual_stages(model.layers // pipeline, pipeline, share // micro_batch):
                    for zero in _zero_stages(machine, data):
                        yield dataclasses.replace(degrees, micro_batch=micro_batch, virtual_stages=virtual, zero=zero)


def _virtual_stages(stage_layers: int, pipeline: int, micro_batches: int) -> list[int]:
    """Interleaving needs a pipeline, micro-batches in multiples of its depth, and layers that divide."""
    if pipeline == 1 or micro_batches % pipeline:
        return [1]
    return divisors(stage_layers, stage_layers)


def _zero_stages(machine: Machine, data: int) -> list[int]:
    default = machine.stack.default_zero_stage
    return [default, 1] if default == 0 and data > 1 and 1 in machine.stack.zero_stages else [default]


def _recomputes(machine: Machine) -> list[Recompute]:
    """A fused attention keeps no scores, so selective recomputation of its core has nothing to save."""
    nothing_to_save = machine.stack.flash_attention and machine.stack.selective_recompute == "attention-core"
    return [mode for mode in _RECOMPUTES if not (mode == "selective" and nothing_to_save)]


def _plan(scenario: Scenario, machine: Machine, request: PlanRequest) -> Plan:
    devices = (request.tensor or 1) * (request.pipeline or 1) * (request.data or 1)
    used = dataclasses.replace(scenario.system, devices=devices)
    plan = check_plan(request, dataclasses.replace(scenario, system=used), machine.stack)
    return dataclasses.replace(plan, chosen_by="rule")


def _nothing_fits(scenario: Scenario, machine: Machine, topology: Topology) -> DoesNotFit:
    """The error for a rule without candidates: how far the thriftiest is from fitting."""
    thrifty = [
        _plan(scenario, machine, dataclasses.replace(shape, recompute="full"))
        for shape in _shapes(scenario, machine, topology)
        if shape.micro_batch == 1 and shape.virtual_stages == 1
    ]
    return nothing_fits(scenario, machine, thrifty)
