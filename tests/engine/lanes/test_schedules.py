"""Lanes of every schedule and rank order against the folded run."""

import pytest

from sim.catalog import Variation
from sim.cost.step import step_costs
from sim.engine.clock import run
from sim.engine.gpu_program import gpu_program
from sim.engine.lanes import order_of, run_lanes
from sim.engine.transfers import shared_links
from sim.hardware.network import Network
from sim.parallel.schedules import SCHEDULES
from tests.builders import cluster, gpt, gpu_stack, machine, overlapping, plan, training


@pytest.mark.parametrize("rank_order", ["tp-cp-ep-dp-pp", "tp-cp-ep-pp-dp", "pp-tp-cp-ep-dp"])
@pytest.mark.parametrize("overlaps", [False, True])
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_devices_that_are_alike_take_as_long_as_a_folded_one(name, overlaps, rank_order):
    virtual = 2 if name == "interleaved" else SCHEDULES[name].virtual_stages
    shape = plan(
        tensor=2, data=2, pipeline=4, virtual_stages=virtual, micro_batches=8, schedule=name, zero=1,
        layers_per_chunk=(8 // (4 * virtual),) * (4 * virtual), rank_order=rank_order,
    )  # fmt: skip
    stack, network = overlapping() if overlaps else gpu_stack(), Network(cluster(16))
    costs = step_costs(gpt(8, 512, 8), training(16), shape, machine(stack=stack), network)
    program = gpu_program(shape, costs, stack)
    trace = run(program, shared_links(program, network))
    order = order_of(program, trace, network.topology.domain)
    devices = [device for lanes in order.lanes for device in lanes.devices.reshape(-1).tolist()]
    assert sorted(devices) == list(range(shape.devices))
    found = run_lanes(order, Variation(), 0, 1, shape.devices, network.topology.domain)
    assert found.step_times_s[0] == pytest.approx(trace.step_time_s, rel=1e-9)
