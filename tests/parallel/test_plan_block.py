"""Many plans at once say of themselves what each of them says alone."""

import dataclasses

import numpy as np
import pytest
from builders import gpt, gpu_stack, point, training

from sim.parallel.check import check_plan
from sim.parallel.plan_block import PlanBlock
from sim.planner.space import legal_plans, plan_at


def blocks(layers, devices, batch, stack="megatron-2022"):
    scenario = point(gpt(layers, 256, 4), devices, None, recipe=training(batch))
    return scenario, gpu_stack(stack), list(legal_plans(scenario, gpu_stack(stack)))


# 6 and 14 layers: on 4 stages, or on 2 with virtual ones, chunks are equal only if embedding and head are counted.
CASES = [(6, 4, 8), (14, 4, 64), (14, 8, 48), (8, 7, 12)]


@pytest.mark.parametrize(("layers", "devices", "batch"), CASES)
def test_stages_hold_what_they_hold_in_each_plan(layers, devices, batch):
    scenario, stack, found = blocks(layers, devices, batch)
    for block in found:
        for which in (0, 1, -1):
            stage = np.clip(block.pipeline - 1 if which < 0 else which, 0, block.pipeline - 1)
            held, in_flight = block.stage_layers(stage), block.layers_in_flight(stage)
            for row in range(len(block)):
                plan = plan_at(scenario, stack, block, row)
                assert held[row] == plan.stage_layers(int(stage[row]))
                assert in_flight[row] == plan.layers_in_flight(int(stage[row]))


def test_mixed_chunks_hold_the_same_however_many_micro_batches_follow():
    def held(micro_batches):
        columns = [np.array([value]) for value in (1, 2, 1, 2, 1, micro_batches)]
        block = PlanBlock(6, *columns, zero=0, sequence_parallel=False, recompute="none", schedule="interleaved")
        return [float(block.layers_in_flight(np.array([stage]))[0]) for stage in (0, 1)]

    # Chunks of 1, 2, 2 and 1 layers: both stages hold fewest of their small chunk at some moment of every round.
    assert held(6) == held(60) == held(600)
    columns = [np.array([value]) for value in (1, 2, 1, 2, 1, 60)]
    block = PlanBlock(6, *columns, zero=0, sequence_parallel=False, recompute="none", schedule="interleaved")
    scenario = point(gpt(6, 256, 4), 2, None, recipe=training(60))
    plan = plan_at(scenario, gpu_stack(), block, 0)
    assert plan.layers_per_chunk == (1, 2, 2, 1)
    assert held(60) == [plan.layers_in_flight(0), plan.layers_in_flight(1)]


@pytest.mark.parametrize(("layers", "devices", "batch"), CASES)
def test_a_plan_written_down_is_the_plan(layers, devices, batch):
    scenario, stack, found = blocks(layers, devices, batch)
    for block in found:
        for row in range(0, len(block), 5):
            plan = plan_at(scenario, stack, block, row)
            used = dataclasses.replace(scenario.system, devices=plan.devices)
            again = check_plan(plan.request(), dataclasses.replace(scenario, system=used), stack)
            assert dataclasses.replace(again, chosen_by="search") == plan


def test_some_plans_of_a_block():
    _, _, found = blocks(6, 4, 8)
    block = found[0]
    assert len(block.at(slice(2, 5))) == 3
    assert block.at([3]).devices.tolist() == [block.devices[3]]
    assert block.at(block.tensor == 2).tensor.tolist() == [2] * int((block.tensor == 2).sum())
