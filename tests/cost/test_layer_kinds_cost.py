"""What a step of a model of two kinds of layers costs: every layer as in a model of its kind alone."""

import dataclasses

import pytest
from builders import cluster, fixed, gpt, machine, plan, point, swarm, training, wafer, wafer_stack

from sim.cost.step import step_costs
from sim.cost.wafer import WAFER_STYLE, wafer_costs
from sim.hardware.network import Network
from sim.parallel.wafer_plan import WaferPlan, wafer_memory_bytes
from sim.scenario.types import PlanRequest
from sim.simulate import simulate

NARROW = gpt(4, 1024, 8, ffn_hidden=1024)
MIXED = dataclasses.replace(NARROW, runs=(("dense", 3), ("wide", 1)))
BROAD = dataclasses.replace(NARROW, ffn_hidden=2048)
CHUNKS = (2, 1, 1)


def chunks(model):
    shape = plan(pipeline=3, layers_per_chunk=CHUNKS, tensor=2)
    return step_costs(model, training(), shape, machine(), Network(cluster(64))).chunks


def test_chunks_cost_what_their_layers_do():
    # Two dense layers, one dense layer, one wide layer.
    for mixed, alone in zip(chunks(MIXED), [*chunks(NARROW)[:2], chunks(BROAD)[2]], strict=True):
        assert float(mixed.forward_s) == pytest.approx(float(alone.forward_s), rel=1e-12)
        assert float(mixed.backward_s) == pytest.approx(float(alone.backward_s), rel=1e-12)


@pytest.mark.parametrize("given", [{"tensor": 1, "pipeline": 1}, {"tensor": 2, "pipeline": 4}])
def test_a_step_lies_between_those_of_its_kinds(given):
    # Enough tokens at once that kernels are longer than their launches.
    request, recipe = fixed(micro_batch=32, **given), training(512)
    narrow, mixed, broad = (simulate(point(model, plan=request, recipe=recipe)) for model in (NARROW, MIXED, BROAD))
    assert narrow.step_time_s < mixed.step_time_s < broad.step_time_s
    added = [one.flops.counted for one in (narrow, mixed, broad)]
    assert added[1] == pytest.approx(added[0] + (added[2] - added[0]) / 4, rel=1e-12)
    # The wide layer lies on the last stage, and the first is the fullest.
    assert narrow.memory.peak_bytes <= mixed.memory.peak_bytes < broad.memory.peak_bytes
    last = [sum(one.memory.stages[-1].values()) for one in (narrow, mixed, broad)]
    assert last[0] < last[1] <= last[2]


@pytest.mark.parametrize("stack", ["megatron-2022", "fsdp-2023"])
def test_a_search_finds_a_plan(stack):
    scenario = point(MIXED, plan=PlanRequest(), stack=stack, recipe=training(512))
    found = simulate(scenario)
    other = simulate(dataclasses.replace(scenario, model=NARROW))
    assert found.step_time_s > other.step_time_s


def test_wafers_stream_every_layer_as_its_own():
    swarm_of_one, shape = Network(swarm()), WaferPlan(1, 1, 1)
    mixed, narrow, broad = (
        wafer_costs(model, training(), shape, wafer(), wafer_stack(), swarm_of_one).units
        for model in (MIXED, NARROW, BROAD)
    )
    assert mixed == (*narrow[:4], broad[4], narrow[5])
    kept = [wafer_memory_bytes(model, 128, 1, wafer_stack(), WAFER_STYLE) for model in (NARROW, MIXED, BROAD)]
    assert kept[0] < kept[1] == kept[2]
