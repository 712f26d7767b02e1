"""Every topology on the shelf runs a step on any number of devices that it can build; a sample of up to 257."""

from __future__ import annotations

import dataclasses
import random

import pytest
from builders import fixed, gpt, point, training

from sim.catalog import Tpu, Wafer, load_device
from sim.errors import InputError
from sim.hardware.topology import load_topology, topology_names
from sim.scenario.types import Scenario
from sim.simulate import simulate

LARGEST = 257
"""One more than the largest group of the dragonfly holds."""


def sizes(name: str) -> list[int]:
    """Device counts to try, the same in every run."""
    return sorted({1, 8, LARGEST - 1, LARGEST, *random.Random(name).sample(range(1, LARGEST + 1), 4)})


def step_on(name: str, devices: int) -> Scenario:
    """A step of a small model, a sequence for every device, in stages of two devices where that divides."""
    device = load_device(load_topology(name, None, "test").device)
    recipe = training(batch=devices)
    if "bf16" not in device.peak_flops_per_s:
        recipe = dataclasses.replace(recipe, precision="fp16")
    if isinstance(device, Wafer):
        return point(gpt(), devices, recipe=recipe, stack="cerebras-r2", topology=name)
    if isinstance(device, Tpu):
        split = {} if devices % 4 else {"tensor": 2}
        return point(gpt(), devices, fixed(micro_batch=1, **split), recipe=recipe, stack="maxtext-2024", topology=name)
    split = {} if devices % 4 else {"tensor": 2, "pipeline": 2}
    return point(gpt(), devices, fixed(micro_batch=1, **split), recipe=recipe, topology=name)


@pytest.mark.parametrize("name", topology_names())
def test_every_size_runs_or_is_refused(name: str) -> None:
    ran = 0
    for devices in sizes(name):
        scenario = step_on(name, devices)
        try:
            load_topology(name, devices, "test")
        except InputError:
            with pytest.raises(InputError, match=f"{devices} devices"):
                simulate(scenario)
        else:
            outcome = simulate(scenario)
            assert outcome.devices == devices
            assert all(one.links > 0 for one in outcome.links.classes)
            ran += 1
    assert ran
