"""What is said of a plan without closing a ledger is what the ledger says."""

import pytest
from builders import cluster, gpt, gpu_stack, machine, plan, point, training

from sim.cost.step import step_costs
from sim.engine.clock import run
from sim.engine.gpu_program import gpu_program
from sim.hardware.network import Network
from sim.outcome.ledger import close_ledger
from sim.planner.candidate import Candidate, simplicity, unsplit_device_seconds

PLANS = {
    "pipeline": {"tensor": 2, "pipeline": 4, "virtual_stages": 2, "data": 2, "schedule": "interleaved",
                 "micro_batches": 8, "layers_per_chunk": (1,) * 8, "zero": 1},
    "replicas": {"data": 8, "micro_batches": 2, "layers_per_chunk": (8,), "recompute": "full"},
    "uneven": {"pipeline": 2, "data": 3, "micro_batches": 3, "layers_per_chunk": (4, 4),
               "replica_micro_batches": (3, 2, 2)},
    "sharded": {"data": 8, "micro_batches": 2, "layers_per_chunk": (8,), "zero": 3},
}  # fmt: skip


@pytest.mark.parametrize("given", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("unused", [0, 5])
def test_the_tax_is_the_ledgers(given, unused):
    shape = plan(**given)
    on = machine(stack=stack_of(shape))
    batch = (sum(shape.replica_micro_batches) or shape.data * shape.micro_batches) * shape.micro_batch
    scenario = point(gpt(8, 512, 8), shape.devices, None, recipe=training(batch))
    costs = step_costs(scenario.model, scenario.training, shape, on, Network(cluster(32)), jitter=0.01)
    trace = run(gpu_program(shape, costs, on.stack))
    unsplit_s = unsplit_device_seconds(shape, costs, batch)
    devices = shape.devices + unused
    candidate = Candidate(shape, 1.0, trace.step_time_s, 1.0, unsplit_s)
    assert candidate.tax(devices) == pytest.approx(close_ledger(trace, devices).tax, abs=1e-9)


def stack_of(shape):
    return gpu_stack("fsdp-2023" if shape.zero == 3 else "megatron-core-2024")


def test_fewer_parts_are_simpler():
    plain = plan(data=8)
    for less_simple in (plan(tensor=2, data=4), plan(data=8, zero=1), plan(data=8, recompute="full"),
                        plan(data=8, micro_batch=2)):  # fmt: skip
        assert simplicity(plain) < simplicity(less_simple)
    assert simplicity(plan(pipeline=2, data=4)) < simplicity(plan(tensor=2, data=4))
    assert simplicity(plan(pipeline=2)) < simplicity(plan(pipeline=2, schedule="gpipe"))
