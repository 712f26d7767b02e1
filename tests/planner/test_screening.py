"""What is screened for all plans at once is what each plan alone gives."""

import dataclasses
import random

import numpy as np
import pytest
from builders import cluster, gpt, gpu, gpu_stack, machine, narrow_machine, point, training

from sim.cost.estimate import estimate_step_s
from sim.cost.step import step_costs
from sim.hardware.network import Network, NetworkTable
from sim.parallel.memory import plan_memory
from sim.parallel.schedules import SCHEDULES
from sim.planner.fit import fullest_stage
from sim.planner.screen import Screen
from sim.planner.space import legal_plans, plan_at, plans_with_fewer_replicas

STACKS = ["megatron-2021", "megatron-2022", "megatron-core-2024", "nemo-2022", "fsdp-2023", "torchtitan-2024"]
EVERY = gpu_stack("megatron-core-2024", schedules=tuple(SCHEDULES))
"""Runs every schedule."""


def screening(stack, devices=12, batch=24, jitter=0.0, model=None):
    scenario = point(model or gpt(6, 512, 12, kv_heads=4, max_sequence=512), devices, None, recipe=training(batch, 512))
    scenario = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, jitter=jitter))
    on = machine(gpu(), gpu_stack(stack) if isinstance(stack, str) else stack)
    network = Network(cluster(devices))
    blocks = [*legal_plans(scenario, on.stack), *plans_with_fewer_replicas(scenario, on.stack)]
    if on.stack.zero_groups:
        # The same plans again with states shared out among half of the replicas, where that is possible.
        halves = [np.where(block.data % 2, block.data, block.data // 2) for block in blocks]
        blocks += [
            dataclasses.replace(block, zero_group=half)
            for block, half in zip(blocks, halves, strict=True)
            if block.zero
        ]
    return scenario, on, network, blocks


def sampled(blocks, count):
    rows = [(block, row) for block in blocks for row in range(len(block))]
    return random.Random(7).sample(rows, min(count, len(rows)))


@pytest.mark.parametrize("stack", [*STACKS, EVERY, dataclasses.replace(EVERY, rank_order="tp-cp-ep-pp-dp")])
def test_memory_and_step_are_those_of_each_plan(stack):
    scenario, on, network, blocks = screening(stack, jitter=0.01)
    screen = Screen(scenario, on, NetworkTable(network))
    known = {id(block): (screen.peak_bytes(block), screen.step_s(block), screen.least_s(block)) for block in blocks}
    for block, row in sampled(blocks, 60):
        plan = plan_at(scenario, on.stack, block, row)
        peak_bytes, step_s, least_s = (column[row] for column in known[id(block)])
        stages = plan_memory(scenario.model, scenario.training, plan, on.stack, on.style)
        assert peak_bytes == pytest.approx(max(stage.total for stage in stages), rel=1e-12)
        costs = step_costs(scenario.model, scenario.training, plan, on, network, jitter=0.01)
        assert step_s == pytest.approx(estimate_step_s(plan, costs, on.stack), rel=1e-9)
        assert least_s <= step_s * (1 + 1e-9)


@pytest.mark.parametrize("recipe", ["fp8-delayed", "fp8-current-bridge", "mxfp8-bridge", "fp8-tensorwise"])
def test_narrow_formats_are_screened_as_each_plan(recipe):
    stack = "torchtitan-2024" if recipe == "fp8-tensorwise" else "megatron-core-2024"
    on = narrow_machine(recipe, "b200-180gb-sxm", stack)
    asked = dataclasses.replace(training(24, 512), precision=on.precision)
    model = dataclasses.replace(gpt(6, 512, 12, kv_heads=4, max_sequence=512), wide_ends=(1, 1))
    scenario, network = point(model, 12, None, recipe=asked), Network(cluster(12))
    blocks = list(legal_plans(scenario, on.stack))
    screen = Screen(scenario, on, NetworkTable(network))
    known = {id(block): (screen.peak_bytes(block), screen.step_s(block)) for block in blocks}
    for block, row in sampled(blocks, 20):
        plan = plan_at(scenario, on.stack, block, row)
        peak_bytes, step_s = (column[row] for column in known[id(block)])
        stages = plan_memory(model, asked, plan, on.stack, on.style)
        assert peak_bytes == pytest.approx(max(stage.total for stage in stages), rel=1e-12)
        costs = step_costs(model, asked, plan, on, network)
        assert step_s == pytest.approx(estimate_step_s(plan, costs, on.stack), rel=1e-9)


def test_how_blocks_are_cut_changes_nothing():
    scenario, on, network, blocks = screening("megatron-2022")
    block = max(blocks, key=len)
    whole = Screen(scenario, on, NetworkTable(network))
    apart = Screen(scenario, on, NetworkTable(network))
    halves = [block.at(slice(0, 7)), block.at(slice(7, None))]
    assert np.array_equal(whole.step_s(block), np.concatenate([apart.step_s(half) for half in reversed(halves)][::-1]))
    assert np.array_equal(whole.peak_bytes(block), np.concatenate([apart.peak_bytes(half) for half in halves]))


def test_what_memory_refuses_is_dropped_and_nothing_else():
    scenario, on, network, blocks = screening("megatron-2022", 6, 12)
    screen = Screen(scenario, on, NetworkTable(network))
    needs = np.concatenate([screen.peak_bytes(block) for block in blocks])
    capacity = float(np.median(needs))
    small = machine(gpu(hbm_bytes=capacity), on.stack)
    kept = 0
    for block in blocks:
        found = screen.screened(block, capacity)
        kept += len(found.plans)
        fits = [
            fullest_stage(scenario, plan_at(scenario, on.stack, block, row), (small,)).fits for row in range(len(block))
        ]
        assert len(found.plans) == sum(fits)
        assert np.array_equal(found.plans.tensor, block.tensor[fits])
        assert (found.peak_bytes <= capacity).all()
    assert 0 < kept < len(needs)


def test_many_devices_do_not_mix_up_what_is_known():
    # Degrees beyond a few thousand, which a short code for combinations would confuse.
    scenario, on, _, _ = screening("megatron-2022", 8, 8)
    scenario = dataclasses.replace(scenario, training=dataclasses.replace(scenario.training, global_batch=6144))
    network = Network(cluster(8))
    scenario = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, devices=8))
    block = next(iter(legal_plans(scenario, on.stack)))
    step_s = Screen(scenario, on, NetworkTable(network)).step_s(block)
    for row in range(0, len(block), max(1, len(block) // 20)):
        plan = plan_at(scenario, on.stack, block, row)
        costs = step_costs(scenario.model, scenario.training, plan, on, network)
        assert step_s[row] == pytest.approx(estimate_step_s(plan, costs, on.stack), rel=1e-9)
