"""From one step to the whole run: how long it takes on hardware that fails, and what that costs."""

from __future__ import annotations

import dataclasses
import math

from sim.catalog import Figure, Reliability, load_reliability, reliability_of
from sim.machines import Prepared
from sim.outcome.economics import RunBill, joint_bill, run_bill, terms_of
from sim.outcome.outcome import Outcome
from sim.outcome.quality.expected import ExpectedLoss, expected_losses
from sim.outcome.run.recovery import Cluster, asked_reliability, check_storage, conditions, storage_of
from sim.outcome.run.training_run import TrainingRun, simulated_training_run
from sim.parallel.checkpoint import checkpoint_bytes
from sim.workload.parameters import count_parameters


def with_run(prepared: Prepared, outcome: Outcome) -> Outcome:
    """The outcome of a step, with that of the run it is repeated for, the bill, and the loss to expect.

    Raises InputError for a checkpoint that is larger than its storage, and where the run would hardly ever end.
    """
    run = training_run(prepared, outcome)
    bill = _bill(prepared, run.percentile_s(50))
    return dataclasses.replace(outcome, run=run, bill=bill, expected_losses=_losses(outcome))


def training_run(prepared: Prepared, outcome: Outcome) -> TrainingRun:
    """Simulate the run that the step of an outcome is repeated for. Raises as with_run does."""
    scenario, parts = prepared.scenario, prepared.parts
    request, where = scenario.system.run, f"{scenario.where} run"
    reliability = _reliability(prepared)
    devices = prepared.plan.devices
    whole = sum(part.devices for part in scenario.system.every_part)
    nodes = sum(
        math.ceil(part.devices / equipment.topology.domain)
        for part, equipment in zip(scenario.system.every_part, parts, strict=True)
    )
    cluster = Cluster(devices, max(1, math.ceil(nodes * devices / whole)), parts[0].topology.about.storage)
    size_bytes = checkpoint_bytes(scenario.model, scenario.training, prepared.kind.recipe(prepared))
    if request.checkpoint.every.rule != "never":
        check_storage(size_bytes, storage_of(request, reliability, cluster), where)
    variation = outcome.step_times.coefficient_of_variation if outcome.step_times else 0.0
    run = conditions(request, reliability, cluster, size_bytes, outcome.steps, outcome.step_time_s, variation)
    return simulated_training_run(run, reliability, outcome.ledger, request.runs, scenario.seed, where)


def run_figures(prepared: Prepared) -> tuple[Figure, ...]:
    """Every figure that the run and its bill rest on, beside those of the step."""
    prices = prepared.scenario.system.prices
    bought = [figure for part in prepared.parts for figure in terms_of(part.device.name, prices).figures]
    return (*_reliability(prepared).figures, *dict.fromkeys(bought))


def _losses(outcome: Outcome) -> tuple[ExpectedLoss, ...]:
    """What laws expect of a model trained from the start on tokens of its own."""
    scenario = outcome.scenario
    if scenario.training.method != "pretrain":
        return ()
    parameters = float(count_parameters(scenario.model).total)
    flops = float(outcome.flops.counted * outcome.steps)
    return expected_losses(parameters, float(scenario.training.tokens), flops)


def _reliability(prepared: Prepared) -> Reliability:
    """As the scenario has it, or the catalogue for its kind of device."""
    scenario = prepared.scenario
    request = scenario.system.run
    named = load_reliability(request.profile, f"{scenario.where} run") if request.profile else None
    device = prepared.parts[0].device
    return asked_reliability(request, named or reliability_of(device.base or device.name))


def _bill(prepared: Prepared, time_s: float) -> RunBill:
    """All devices are paid for, used or not, and the nodes kept as spares beside them."""
    system, tokens = prepared.scenario.system, float(prepared.scenario.training.tokens)
    spares = (system.run.spares or 0) * prepared.parts[0].topology.domain
    bills = [
        run_bill(equipment.device.name, part.devices + extra, time_s, tokens, system.prices)
        for part, equipment, extra in zip(
            system.every_part, prepared.parts, [spares, *[0] * (len(prepared.parts) - 1)], strict=True
        )
    ]
    return joint_bill(bills)
