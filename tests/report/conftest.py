"""A few small outcomes of every kind of program, simulated once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.catalog import load_model
from sim.outcome.outcome import Outcome
from sim.scenario import PlanRequest, Report, Scenario, System, Training
from sim.simulate import simulate

GPU = ("gpu cluster", "dgx-a100-superpod", "fsdp-2023")
PIPELINE = ("pipeline", "dgx-a100-superpod", "megatron-2022")
WAFER = ("wafer", "andromeda", "cerebras-r2")
FIXED = PlanRequest(rule="fixed", tensor=2, pipeline=2, micro_batch=1)


def scenario(
    system: tuple[str, str, str], devices: int, plan: PlanRequest, model: str = "cerebras-gpt-111m", batch: int = 48
) -> Scenario:
    """One small training run on one of the systems above."""
    name, topology, stack = system
    return Scenario(
        title="Small systems",
        path=Path("scenarios/small.toml"),
        model=load_model(model),
        training=Training(tokens=2e9, sequence=512, global_batch=batch),
        system=System(name, topology, devices, stack, plan),
        report=Report(),
        seed=3,
        axes={f"system.{name}.devices": devices},
    )


@pytest.fixture(scope="session")
def several() -> tuple[Outcome, ...]:
    """Three systems at several sizes: sharded (with devices left over), pipeline, wafer."""
    best = PlanRequest()
    points = [scenario(GPU, devices, best) for devices in (2, 8, 20)]
    points += [scenario(PIPELINE, devices, FIXED) for devices in (4, 16)]
    points += [scenario(WAFER, devices, best) for devices in (1, 2)]
    return tuple(simulate(point) for point in points)


@pytest.fixture(scope="session")
def alone() -> Outcome:
    """One system that uses all its devices."""
    return simulate(scenario(GPU, 8, PlanRequest()))


@pytest.fixture(scope="session")
def pipeline(several: tuple[Outcome, ...]) -> Outcome:
    """Two stages."""
    return several[4]


@pytest.fixture(scope="session")
def different_models() -> tuple[Outcome, ...]:
    """One system, two models: times that say nothing about each other."""
    models = ("cerebras-gpt-111m", "cerebras-gpt-256m")
    points = [
        dataclasses.replace(scenario(GPU, 8, PlanRequest(), model), axes={"model.name": model}) for model in models
    ]
    return tuple(simulate(point) for point in points)


@pytest.fixture(scope="session")
def twin_of() -> Callable[[Outcome], Outcome]:
    """Gives the same outcome under another system name: every figure is equal."""

    def rename(outcome: Outcome) -> Outcome:
        system = dataclasses.replace(outcome.scenario.system, name="twin")
        return dataclasses.replace(outcome, scenario=dataclasses.replace(outcome.scenario, system=system))

    return rename
