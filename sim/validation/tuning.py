"""Settings that a source does not state and is taken to have tuned: the fastest that fit, by the closed form."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from sim.cost.compute import Machine
from sim.cost.estimate import estimate_step_s
from sim.cost.step import step_costs
from sim.errors import ScaletaxError
from sim.hardware.network import Network
from sim.parallel.plan import Plan
from sim.prepare import Prepared, prepare_as_measured
from sim.scenario.bounds import divisors
from sim.scenario.types import PlanRequest, Scenario
from sim.validation.cases import Case
from sim.validation.plans import layers_per_stage

_LARGEST_MICRO_BATCH = 16
_MOST_VIRTUAL_STAGES = 8
"""As many as published plans have: sends and launches slow finer interleaving, which the closed form leaves out."""


def settled(case: Case) -> Case:
    """The case with every open setting chosen, and the choice among what is assumed.

    Of the settings that fit, the fastest; where none fits by our account of memory, the thriftiest.
    Raises InputError where no setting makes a legal plan.
    """
    if not case.open:
        return case
    ranked: list[tuple[tuple[bool, float], PlanRequest]] = []
    refused: ScaletaxError | None = None
    for request in _requests(case):
        try:
            prepared = prepare_as_measured(_with_plan(case.scenario, request))
        except ScaletaxError as error:
            refused = refused or error
            continue
        over = prepared.memory.peak_bytes - prepared.memory.capacity_bytes
        ranked.append(((over > 0, over if over > 0 else closed_form_s(prepared)), request))
    if not ranked:
        assert refused is not None
        raise refused
    request = min(ranked, key=lambda pair: pair[0])[1]
    chosen = [f"{key} {getattr(request, key)} (fastest that fits)" for key in case.open]
    return dataclasses.replace(
        case, scenario=_with_plan(case.scenario, request), assumed=(*case.assumed, *chosen), open=()
    )


def closed_form_s(prepared: Prepared, network: Network | None = None) -> float:
    """The closed form's step time of a plan on GPUs of one kind. network: of its topology, where one is at hand."""
    scenario, plan, machine = prepared.scenario, prepared.plan, prepared.machines[0]
    assert isinstance(plan, Plan)
    assert isinstance(machine, Machine)
    over = network or Network(prepared.parts[0].topology)
    costs = step_costs(scenario.model, scenario.training, plan, machine, over)
    return estimate_step_s(plan, costs, machine.stack)


def _requests(case: Case) -> Iterator[PlanRequest]:
    """Every combination of the open settings that divides batch and layers."""
    scenario, given = case.scenario, case.scenario.system.plan
    pipeline = given.pipeline or 1
    # Degrees that do not divide are asked for once, so that the refusal says so.
    data = given.data or max(1, scenario.system.devices // ((given.tensor or 1) * pipeline))
    share = max(1, scenario.training.global_batch // data)
    sizes = divisors(share, _LARGEST_MICRO_BATCH) if "micro_batch" in case.open else [given.micro_batch or 1]
    for micro_batch in sizes:
        for virtual in _virtual_stages(case, pipeline, share // micro_batch):
            cut = layers_per_stage(scenario.model.layers, pipeline * virtual)
            yield dataclasses.replace(given, micro_batch=micro_batch, virtual_stages=virtual, layers_per_stage=cut)


def _virtual_stages(case: Case, pipeline: int, micro_batches: int) -> list[int]:
    given, layers = case.scenario.system.plan.virtual_stages, case.scenario.model.layers
    if "virtual_stages" not in case.open:
        return [given or 1]
    if pipeline == 1 or micro_batches % pipeline:
        return [1]
    if layers % pipeline == 0:
        return divisors(layers // pipeline, _MOST_VIRTUAL_STAGES)
    # Embedding and head count as a layer each; every chunk keeps a layer at least.
    if (layers + 2) % pipeline:
        return [1]
    return divisors((layers + 2) // pipeline, min((layers + 2) // (2 * pipeline), _MOST_VIRTUAL_STAGES))


def _with_plan(scenario: Scenario, request: PlanRequest) -> Scenario:
    return dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, plan=request))
