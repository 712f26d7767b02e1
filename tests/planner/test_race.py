"""Long steps are simulated as few rounds: what comes of it is what the whole step takes."""

import pytest
from builders import cluster, gpt, gpu_stack, machine, plan, training

from sim.cost.step import step_costs
from sim.hardware.network import Network
from sim.planner.race import raced_step_s, simulated_step_s

PLANS = {
    "interleaved": {"tensor": 2, "pipeline": 4, "virtual_stages": 2, "data": 2, "schedule": "interleaved",
                    "micro_batches": 48, "layers_per_chunk": (1,) * 8, "zero": 1},
    "1f1b": {"tensor": 2, "pipeline": 4, "data": 2, "micro_batches": 50, "layers_per_chunk": (2,) * 4},
    "unequal stages": {"pipeline": 4, "data": 2, "micro_batches": 41, "layers_per_chunk": (1, 3, 2, 2)},
    "gpipe": {"pipeline": 4, "data": 2, "micro_batches": 40, "schedule": "gpipe", "layers_per_chunk": (2,) * 4},
    "one stage": {"tensor": 2, "data": 4, "micro_batches": 30, "layers_per_chunk": (8,), "zero": 1},
    "uneven replicas": {"pipeline": 2, "data": 3, "micro_batches": 21, "layers_per_chunk": (4, 4),
                        "replica_micro_batches": (21, 20, 20)},
    "few": {"pipeline": 4, "data": 2, "micro_batches": 5, "layers_per_chunk": (2,) * 4},
    "uneven and few": {"data": 3, "micro_batches": 5, "layers_per_chunk": (8,), "replica_micro_batches": (5, 4, 4)},
    **{
        name: {"pipeline": 4, "virtual_stages": virtual, "data": 2, "micro_batches": 40, "schedule": name,
               "layers_per_chunk": (8 // (4 * virtual),) * (4 * virtual)}
        for name, virtual in (("zb-h1", 1), ("zb-h2", 1), ("zb-v", 2), ("dualpipe", 1), ("dualpipev", 2))
    },
}  # fmt: skip


@pytest.mark.parametrize("stack", ["megatron-2022", "megatron-core-2024"])
@pytest.mark.parametrize("given", PLANS.values(), ids=PLANS)
def test_pipelines(given, stack):
    same(plan(**given), stack)


@pytest.mark.parametrize("zero", [2, 3])
def test_sharded_layers(zero):
    same(plan(data=8, micro_batches=25, layers_per_chunk=(8,), zero=zero), "fsdp-2023")


def same(shape, stack):
    batch = sum(shape.replica_micro_batches) or shape.data * shape.micro_batches
    recipe = training(batch * shape.micro_batch)
    on, network = machine(stack=gpu_stack(stack)), Network(cluster(16))
    for jitter in (0.0, 0.01):
        costs = step_costs(gpt(8, 512, 8), recipe, shape, on, network, jitter)
        found_s = raced_step_s(shape, costs, on.stack, network)
        # Replicas with fewer micro-batches lag a little less; by how much less depends on how many all have.
        exact = 1e-9 if not (jitter and shape.replica_micro_batches) else 1e-3
        assert found_s == pytest.approx(simulated_step_s(shape, costs, on.stack, network), rel=exact)
