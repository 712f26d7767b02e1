"""A few small outcomes of every kind of program, simulated once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.catalog import load_model, load_variation
from sim.outcome.outcome import Outcome
from sim.scenario import AxisKey, PlanRequest, Report, Scenario, System, Training
from sim.simulate import simulate
from sim.sweep.grid import load

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
        axes={AxisKey(f"system.{name}.devices"): devices},
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
        dataclasses.replace(scenario(GPU, 8, PlanRequest(), model), axes={AxisKey("model.name"): model})
        for model in models
    ]
    return tuple(simulate(point) for point in points)


def first_of(name: str) -> Outcome:
    """The first point of a scenario of the shelf."""
    path = Path(__file__).parents[1] / "scenarios" / f"{name}.toml"
    return simulate(load(path, [], print).scenarios[0])


def differing(point: Scenario, steps: int, variation: str = "as-found") -> Scenario:
    """The same scenario on devices that differ."""
    system = dataclasses.replace(point.system, variation=load_variation(variation))
    return dataclasses.replace(point, system=system, steps=steps)


@pytest.fixture(scope="session")
def varied() -> tuple[Outcome, ...]:
    """The three systems with devices that differ: sharded at two sizes, pipeline, wafer at two sizes."""
    best = PlanRequest()
    points = [scenario(GPU, 8, best), scenario(GPU, 16, best), scenario(PIPELINE, 16, FIXED)]
    points += [scenario(WAFER, 1, best), scenario(WAFER, 4, best)]
    return tuple(simulate(differing(point, 30)) for point in points)


@pytest.fixture(scope="session")
def one_step() -> Outcome:
    """A single step on devices that differ."""
    return simulate(differing(scenario(GPU, 8, PlanRequest()), 1))


@pytest.fixture(scope="session")
def asked_for() -> dict[str, Outcome]:
    """Devices that are alike, at the resolution that was asked for."""
    point = scenario(GPU, 8, PlanRequest())
    return {
        resolution: simulate(
            dataclasses.replace(point, system=dataclasses.replace(point.system, resolution=resolution))
        )
        for resolution in ("folded", "full")
    }


@pytest.fixture(scope="session")
def twin_of() -> Callable[[Outcome], Outcome]:
    """Gives the same outcome under another system name: every figure is equal."""

    def rename(outcome: Outcome) -> Outcome:
        system = dataclasses.replace(outcome.scenario.system, name="twin")
        return dataclasses.replace(outcome, scenario=dataclasses.replace(outcome.scenario, system=system))

    return rename
