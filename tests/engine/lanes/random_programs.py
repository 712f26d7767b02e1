"""Random plans on random networks, as programs that have been run folded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.catalog import GpuStack, Slow, SlowPlace, Stalls, Variation, load_device
from sim.cost.compute import Machine
from sim.cost.step import step_costs
from sim.cost.wafer import wafer_costs
from sim.engine.clock import run
from sim.engine.lanes.turns import Order, order_of
from sim.engine.pipeline_program import pipeline_program
from sim.engine.program import Program
from sim.engine.sharded_program import sharded_program
from sim.engine.trace import Trace
from sim.engine.transfers import shared_links
from sim.engine.wafer_program import wafer_program
from sim.hardware.network import Network
from sim.hardware.topology import Topology, load_topology
from sim.parallel.plan import Plan, shards_by_layer
from sim.parallel.wafer_plan import WaferPlan
from tests.builders import gpt, gpu_stack, overlapping, plan, training, wafer_stack

FAMILIES = (
    "dgx-a100-superpod", "leaf-spine", "dgx-1-v100", "gb200-nvl72", "torus-2d", "torus-3d", "dragonfly", "jean-zay",
)  # fmt: skip
SCHEDULES = ("gpipe", "1f1b", "interleaved")


@dataclass(frozen=True)
class Case:
    """A program, its folded run, and the order in which lanes advance it."""

    name: str
    plan: Plan | WaferPlan
    topology: Topology
    program: Program
    trace: Trace
    order: Order

    @property
    def devices(self) -> int:
        return self.plan.devices


def random_case(number: int, *, largest: int = 32) -> Case:
    """One of many cases; equal numbers give equal ones, and neighbours differ in schedule, ZeRO stage and network."""
    random = np.random.default_rng(number)
    if number % 12 == 11:
        return _wafers(random)
    family = FAMILIES[number % len(FAMILIES)]
    limit = min(largest, 8 if family == "dgx-1-v100" else largest)
    if number % 3 == 2:
        shape, stack = _sharded(random, limit)
    else:
        shape, stack = _pipeline(random, limit, SCHEDULES[number // 3 % 3], int(random.integers(2)))
    topology = network_of(family, shape.devices)
    network, device = Network(topology), load_device(topology.device)
    machine = Machine(device, stack, "bf16" if "bf16" in device.peak_flops_per_s else "fp16")
    model = gpt(sum(shape.layers_per_chunk), hidden=512, heads=8, tied_embeddings=bool(random.integers(2)))
    batch = shape.micro_batch * (sum(shape.replica_micro_batches) or shape.data * shape.micro_batches)
    costs = step_costs(model, training(batch), shape, machine, network)
    build = sharded_program if shards_by_layer(shape, stack) else pipeline_program
    name = f"{number}: {shape.summary()} {shape.schedule} on {family}"
    return _case(name, shape, topology, build(shape, costs, stack), network)


def network_of(family: str, devices: int) -> Topology:
    """A network of a family with room for some devices; a torus is only ever built whole."""
    whole = {"dgx-1-v100": 8, "torus-2d": 16, "torus-3d": 4}.get(family, 1)
    sizes = {"x": 2, "y": 2} if family == "torus-3d" else {}
    return load_topology(family, -(-devices // whole) * whole, "test", sizes=sizes)


def random_variation(number: int) -> Variation:
    """Some parts of a variation, large enough to matter."""
    random = np.random.default_rng([number, 7])
    on = random.random(8) < 0.7
    on[0] |= not on.any()
    share = random.random(6)
    return Variation(
        "random",
        "random",
        speed_spread=0.1 * share[0] * on[0],
        kernel_jitter=0.3 * share[1] * on[1],
        network_noise=0.5 * share[2] * on[2],
        stalls=Stalls(3.6e6 * share[3] * on[3], 1e-3),
        slow_devices=Slow(0.2 * on[4], share[4]),
        slow_nodes=Slow(0.3 * on[5], share[5]),
        slow_links=Slow(0.3 * on[6], 2.0),
        slow=(SlowPlace(0.5, device=0),) if on[7] else (),
    )


def _pipeline(random: np.random.Generator, limit: int, schedule: str, zero: int) -> tuple[Plan, GpuStack]:
    tensor = int(random.choice([1, 2, 4]))
    pipeline = int(random.choice([2, 4] if schedule == "interleaved" else [1, 2, 3, 4]))
    while tensor * pipeline > limit:
        tensor //= 2
    data = int(random.integers(1, limit // (tensor * pipeline) + 1))
    virtual = int(random.choice([2, 3])) if schedule == "interleaved" else 1
    granule = pipeline if schedule == "interleaved" else 1
    counts = tuple(sorted((random.integers(1, 4, data) * granule).tolist(), reverse=True))
    uneven = len(set(counts)) > 1 and bool(random.integers(2))
    layers = tuple(int(count) for count in random.integers(1, 3, pipeline * virtual))
    stack = overlapping() if random.integers(2) else gpu_stack()
    deeper = 2 if zero and pipeline == 1 and 2 in stack.zero_stages and not uneven else zero
    shape = plan(
        tensor=tensor,
        pipeline=pipeline,
        data=data,
        micro_batches=counts[0],
        replica_micro_batches=counts if uneven else (),
        virtual_stages=virtual,
        schedule=schedule,
        zero=deeper,
        sequence_parallel=tensor > 1 and bool(random.integers(2)),
        recompute=str(random.choice(["none", "selective", "full"])),
        layers_per_chunk=layers,
    )
    return shape, stack


def _sharded(random: np.random.Generator, limit: int) -> tuple[Plan, GpuStack]:
    stack = gpu_stack("fsdp-2023", prefetch_layers=int(random.integers(0, 3)))
    data, batches = int(random.integers(2, min(limit, 16) + 1)), int(random.integers(1, 4))
    return plan(data=data, micro_batches=batches, zero=int(random.choice([2, 3]))), stack


def _wafers(random: np.random.Generator) -> Case:
    systems, batches = int(random.integers(1, 9)), int(random.integers(1, 4))
    shape = WaferPlan(systems, 2, batches)
    topology = load_topology("andromeda", systems, "test")
    network = Network(topology)
    work = training(systems * 2 * batches)
    costs = wafer_costs(gpt(), work, shape, load_device("cs-2"), wafer_stack(), network)
    return _case(f"{systems} wafers", shape, topology, wafer_program(shape, costs), network)


def _case(name: str, shape: Plan | WaferPlan, topology: Topology, program: Program, network: Network) -> Case:
    trace = run(program, shared_links(program, network))
    return Case(name, shape, topology, program, trace, order_of(program, trace, topology.domain))
