"""From one step to the whole run: how long it takes on hardware that fails, and what is written down on the way."""

from __future__ import annotations

import math

from sim.catalog import load_reliability, reliability_of
from sim.outcome.outcome import Outcome
from sim.outcome.run.recovery import Cluster, asked_reliability, check_storage, conditions, storage_of
from sim.outcome.run.training_run import TrainingRun, simulated_training_run
from sim.parallel.checkpoint import checkpoint_bytes
from sim.prepare import Prepared


def training_run(prepared: Prepared, outcome: Outcome) -> TrainingRun:
    """Simulate the run that the step of an outcome is repeated for.

    Raises InputError for a checkpoint that is larger than its storage, and where the run would hardly ever end.
    """
    scenario, parts = prepared.scenario, prepared.parts
    request, where = scenario.system.run, f"{scenario.where} run"
    device = parts[0].device.name
    profile = load_reliability(request.profile, where) if request.profile else reliability_of(device)
    reliability = asked_reliability(request, profile)
    devices = prepared.plan.devices
    whole = sum(part.devices for part in scenario.system.every_part)
    nodes = sum(
        math.ceil(part.devices / equipment.topology.domain)
        for part, equipment in zip(scenario.system.every_part, parts, strict=True)
    )
    cluster = Cluster(devices, max(1, math.ceil(nodes * devices / whole)), parts[0].topology.about.storage)
    size_bytes = checkpoint_bytes(scenario.model, scenario.training)
    if request.checkpoint_rule != "never":
        check_storage(size_bytes, storage_of(request, reliability, cluster), where)
    variation = outcome.step_times.coefficient_of_variation if outcome.step_times else 0.0
    run = conditions(request, reliability, cluster, size_bytes, outcome.steps, outcome.step_time_s, variation)
    return simulated_training_run(run, reliability, outcome.ledger, request.runs, scenario.seed, where)
