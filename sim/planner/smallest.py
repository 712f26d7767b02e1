"""When no plan fits: how far the nearest is from fitting, and on how many devices something would."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.cost.compute import Machine
from sim.errors import DoesNotFit
from sim.hardware.network import Network, NetworkTable
from sim.hardware.topology import Topology
from sim.page.numbers import gibibytes
from sim.parallel.plan_block import PlanBlock
from sim.planner.fit import fullest_stage, items_of
from sim.planner.limits import limited
from sim.planner.screen import Screen
from sim.planner.space import legal_plans, plan_at, plans_with_fewer_replicas
from sim.scenario.types import PlanRequest, Scenario

_MOST_DEVICES = 1 << 17
"""Devices up to which a place for a model is looked for."""


class Smallest(NamedTuple):
    """The fewest devices on which a plan fits, and that plan in a few words."""

    devices: int
    plan: str


def nothing_fits(
    scenario: Scenario, machine: Machine, blocks: Sequence[PlanBlock], screen: Screen, capacity_bytes: float
) -> DoesNotFit:
    """The error where no plan fits: the nearest one item by item, and the fewest devices on which something would."""
    peaks = [screen.peak_bytes(block) for block in blocks]
    block, peak = min(zip(blocks, peaks, strict=True), key=lambda pair: float(pair[1].min()))
    nearest = plan_at(scenario, machine.stack, block, int(peak.argmin()))
    limits = " within the limits of the search" if scenario.system.search.only else ""
    margin = scenario.system.search.memory_margin
    kept = f" less a margin of {100 * margin:g} %" if margin else ""
    return DoesNotFit(
        scenario.where,
        f"no plan{limits} fits {scenario.model.name} on {scenario.system.devices:,} x {machine.gpu.title}"
        f" with the stack '{machine.stack.name}'\nthe nearest, {nearest.summary()}, needs"
        f" {gibibytes(float(peak.min()))} of the {gibibytes(machine.gpu.hbm_bytes)}{kept}\n"
        f"{items_of(fullest_stage(scenario, nearest, (machine,)).memory.items())}",
        _remedy(scenario, screen, capacity_bytes, at_least=2 * scenario.system.devices),
    )


def would_hold(scenario: Scenario, machine: Machine, topology: Topology) -> str:
    """Say how many devices would hold a model whose own plan does not fit, by another plan; GPUs of one kind."""
    free = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, plan=PlanRequest()))
    capacity_bytes = scenario.system.search.usable_bytes(machine.gpu.hbm_bytes)
    screen = Screen(free, machine, NetworkTable(Network(topology)))
    return _remedy(free, screen, capacity_bytes, at_least=scenario.system.devices)


def smallest(scenario: Scenario, screen: Screen, capacity_bytes: float, at_least: int) -> Smallest | None:
    """The fewest devices on which a plan fits; None where there are none up to a hundred thousand.

    at_least: as many are looked at first, then twice as many, and so on.
    """
    devices = at_least // 2
    while devices < _MOST_DEVICES:
        devices = min(max(2 * devices, at_least), _MOST_DEVICES)
        larger = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, devices=devices))
        found: list[tuple[int, int, PlanBlock]] = []
        for plans in (legal_plans, plans_with_fewer_replicas):
            for block in limited(plans(larger, screen.machine.stack), scenario.system.search.only):
                fits = np.flatnonzero(screen.peak_bytes(block) <= capacity_bytes)
                if len(fits):
                    row = int(fits[np.argmin(block.devices[fits])])
                    found.append((int(block.devices[row]), row, block))
        if found:
            fewest, row, block = min(found, key=lambda one: one[0])
            return Smallest(fewest, plan_at(scenario, screen.machine.stack, block, row).summary())
    return None


def _remedy(scenario: Scenario, screen: Screen, capacity_bytes: float, at_least: int) -> str:
    found = smallest(scenario, screen, capacity_bytes, at_least)
    if found is None:
        return "no number of these devices holds it: use a device with more memory, a shorter sequence or another stack"
    return f"{found.devices:,} of these devices would hold it, as {found.plan}; or use a device with more memory"
