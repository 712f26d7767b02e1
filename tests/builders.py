"""Small models, machines, clusters and costs, whose times can be worked out by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim.catalog import (
    PLAIN_LIBRARY,
    Format,
    Gpu,
    GpuStack,
    Library,
    Model,
    Recipe,
    Stack,
    Wafer,
    WaferStack,
    load_device,
    load_host,
    load_recipe,
    load_stack,
    precision_of,
)
from sim.catalog.accuracy import Situation
from sim.cost.compute import Machine
from sim.cost.offload import LayerCopies, OptimizerCopies
from sim.cost.parts import Parts
from sim.cost.passes import PassCost, PhaseCost
from sim.cost.stage import ShardedUnit
from sim.cost.step import LayerCost, StepCosts, step_costs
from sim.hardware.network import NOTHING, Communication, Network
from sim.hardware.topology import About, HostShare, Link, Topology, load_topology
from sim.hardware.topology.fat_tree import FatTreeSizes, NodeFatTree, RailFatTree
from sim.hardware.topology.host_share import share_of
from sim.hardware.topology.single_node import SingleNode
from sim.hardware.topology.swarmx import SwarmxTree
from sim.outcome.confidence import Band, Confidence, Standing
from sim.outcome.outcome import Outcome
from sim.page.terminal import page_text, screen
from sim.parallel.plan import Plan
from sim.report.run import run_page, run_screen, write_run
from sim.scenario import Refusal
from sim.scenario.types import Lora, Part, PlanRequest, Report, Scenario, System, Training
from sim.simulate import simulate
from sim.study.findings import findings
from sim.workload.kinds import KINDS, LayerKind
from sim.workload.kinds.transformer import layer_kind
from sim.workload.operations import Style

UNFUSED = Style(
    load_recipe("bf16"),
    flash_attention=False,
    causal_skip=False,
    window_skip=False,
    fused_elementwise=True,
    weight_gradient_bytes=8.0,
    loss_traffic_bytes=60.0,
)
FLASH = dataclasses.replace(UNFUSED, flash_attention=True, causal_skip=True, window_skip=True)


def gpt(layers: int = 4, hidden: int = 256, heads: int = 4, **over: Any) -> Model:
    """A GPT with biases, dropout and tied embeddings, as in the papers whose formulas are the oracles."""
    values = {
        "name": "small", "kv_heads": heads, "head_dim": hidden // heads, "ffn_hidden": 4 * hidden,
        "vocab": 1024, "max_sequence": 128, "dropout": True, **over,
    }  # fmt: skip
    return Model(layers=layers, hidden=hidden, heads=heads, **values)


def kind_of(name: str, **over: Any) -> LayerKind:
    """A layer of a model with something changed, registered as another kind."""
    return KINDS.setdefault(name, layer_kind(name, lambda model: dataclasses.replace(model, **over)))


WIDE = kind_of("wide", ffn_hidden=2048)
"""Layers with an MLP of 2,048."""


def training(batch: int = 32, sequence: int = 128, lora: Lora | None = None) -> Training:
    """One recipe; the tokens only matter for the days that a run takes."""
    return Training(1e9, sequence, batch, lora=lora, method="lora" if lora else "pretrain")


def fixed(**given: Any) -> PlanRequest:
    """What a user fixes of a plan."""
    return PlanRequest(rule="fixed", **given)


def point(
    model: Model | None = None,
    devices: int = 8,
    plan: PlanRequest | None = None,
    *,
    recipe: Training | None = None,
    stack: str = "megatron-2022",
    topology: str = "dgx-a100-superpod",
    jitter: float = 0.0,
) -> Scenario:
    """A scenario; without a plan, the best is searched for."""
    system = System("test", topology, devices, stack, plan or PlanRequest(), jitter)
    return Scenario("test", Path("test.toml"), model or gpt(), recipe or training(), system, Report(), 0)


def parted(
    devices: tuple[int, ...],
    plan: PlanRequest,
    *,
    model: Model | None = None,
    recipe: Training | None = None,
    topologies: tuple[str, ...] = ("dgx-a100-superpod", "dgx-h100-superpod"),
    stack: str = "megatron-2022",
) -> Scenario:
    """A scenario whose system has parts of so many devices each."""
    parts = tuple(Part(name, count) for name, count in zip(topologies, devices, strict=True))
    system = System("test", "", sum(devices), stack, plan, parts=parts)
    return Scenario("test", Path("test.toml"), model or gpt(), recipe or training(), system, Report(), 0)


def gpu(**over: Any) -> Gpu:
    """An A100 of the catalogue with something changed."""
    device = load_device("a100-80gb-sxm")
    assert isinstance(device, Gpu)
    return dataclasses.replace(device, **over)


def gpu_stack(name: str = "megatron-2022", **over: Any) -> GpuStack:
    """A stack of the catalogue with something changed."""
    stack = load_stack(name)
    assert isinstance(stack, GpuStack)
    if "gradient_bytes" in over:
        width = Format("test", over.pop("gradient_bytes"))
        over["recipes"] = {
            name: dataclasses.replace(one, gradients=width, reductions=width) for name, one in stack.recipes.items()
        }
    return dataclasses.replace(stack, **over)


def overlapping(**over: Any) -> GpuStack:
    """A stack that overlaps reductions and sends with compute, and shards as far as ZeRO 2."""
    values = {
        "overlap_gradient_reduction": True, "overlap_pipeline_send": True, "gradient_bucket_bytes": 1e6,
        "overlap_slowdown": 0.1, "zero_stages": (0, 1, 2), **over,
    }  # fmt: skip
    return gpu_stack(**values)


def machine(device: Gpu | None = None, stack: GpuStack | None = None, precision: str = "bf16") -> Machine:
    """A GPU with its software."""
    return Machine(device or gpu(), stack or gpu_stack(), precision)


def narrow_machine(recipe: Recipe | str, device: str = "h100-80gb-sxm", stack: str = "megatron-core-2024") -> Machine:
    """A GPU of the catalogue with a stack that trains by a recipe."""
    named = load_recipe(recipe) if isinstance(recipe, str) else recipe
    found = load_device(device)
    assert isinstance(found, Gpu)
    precision = precision_of(named)
    return Machine(found, gpu_stack(stack, recipes={**gpu_stack(stack).recipes, precision: named}), precision)


def slow_host(times: float) -> HostShare:
    """A share of a host that takes so many times as long for a launch as those of the stacks' constants."""
    return share_of(dataclasses.replace(load_host("x86-2s"), launch_factor=times), 8)


def wafer(**over: Any) -> Wafer:
    """A CS-2 of the catalogue with something changed."""
    device = load_device("cs-2")
    assert isinstance(device, Wafer)
    return dataclasses.replace(device, **over)


def wafer_stack(**over: Any) -> WaferStack:
    """The wafer's stack with something changed."""
    stack = load_stack("cerebras-r2")
    assert isinstance(stack, WaferStack)
    return dataclasses.replace(stack, **over)


def cluster(
    devices: int = 64,
    *,
    nvlink: float = 200e9,
    nic: float = 20e9,
    hop: float = 1e-6,
    launch: float = 2e-5,
    rails: bool = True,
    over: float = 1.0,
    library: Library = PLAIN_LIBRARY,
) -> Topology:
    """Nodes of eight GPUs, four to a leaf. nvlink, nic: bytes/s; hop, launch: seconds."""
    about = About("test", "Test", "a100-80gb-sxm", devices, library, launch, launch)
    links = Link("scale_up", nvlink, hop), Link("nic", nic, 3 * hop), hop / 2
    return (RailFatTree if rails else NodeFatTree)(about, FatTreeSizes(8, 8, 4, 2, over), *links)


def ideal_node(devices: int = 8, rate: float = 100e9) -> Network:
    """Any number of GPUs on one switch, without latency: a ring of n moves (n - 1) / n of the bytes at the rate."""
    about = About("node", "Node", "a100-80gb-sxm", devices)
    return Network(SingleNode(about, devices, Link("scale_up", rate, 0.0)))


def swarm(devices: int = 1, rate: float = 150e9, latency: float = 5e-6) -> SwarmxTree:
    """Wafers below a tree of 1:4 nodes."""
    return SwarmxTree(About("swarm", "Swarm", "cs-2", devices), 4, Link("swarmx", rate, latency))


def plan(**over: Any) -> Plan:
    """A plan as check_plan makes it, for four layers; equal chunks unless given."""
    values = {"tensor": 1, "pipeline": 1, "data": 1, "micro_batch": 1, "micro_batches": 4, **over}
    chunks = values["pipeline"] * values.get("virtual_stages", 1)
    values.setdefault("layers_per_chunk", (max(4, chunks) // chunks,) * chunks)
    if values.get("virtual_stages", 1) > 1:
        values.setdefault("schedule", "interleaved")
    return Plan(**values)


def free_costs(shape: Plan, **given: Any) -> StepCosts:
    """Costs of a step in which everything is free but what is given."""
    layers = sum(shape.layers_per_chunk)
    here = dataclasses.replace(shape, offload_layers=0, optimizer_offload="none")
    costs = step_costs(gpt(layers), training(), here, machine(), Network(cluster(max(64, shape.devices))))
    nothing = {field.name: _nothing(getattr(costs, field.name)) for field in dataclasses.fields(costs)}
    return dataclasses.replace(costs, **{**nothing, "buckets": (len(shape.chunks_of(0)),) * shape.pipeline, **given})


def equal_chunks(shape: Plan, forward_s: float, backward_s: float) -> tuple[PassCost, ...]:
    """Every chunk costs the same."""
    return (pass_of({"useful": forward_s}, {"useful": backward_s}),) * shape.chunks


def pass_of(forward: Parts, backward: Parts) -> PassCost:
    """A pass whose backward is both gradients in one go, without exchanges."""
    return PassCost({"forward": PhaseCost(forward), "backward": PhaseCost(backward)})


def apart(forward_s: float, input_s: float, weight_s: float) -> PassCost:
    """A pass whose backward may run in one go or as its two gradients."""
    backward = pass_of({"useful": forward_s}, {"useful": input_s + weight_s}).phases
    gradients = {"input gradient": PhaseCost({"useful": input_s}), "weight gradient": PhaseCost({"useful": weight_s})}
    return PassCost({**backward, **gradients})


def _nothing(value: Any) -> Any:
    if isinstance(value, PassCost):
        return PassCost({phase: PhaseCost({}) for phase in value.phases})
    if isinstance(value, (LayerCopies, OptimizerCopies)):
        return type(value)()
    if isinstance(value, LayerCost):
        return LayerCost(_nothing(value.passes), _nothing(value.sharded))
    if isinstance(value, ShardedUnit):
        return ShardedUnit(NOTHING, NOTHING, NOTHING, 0.0)
    if isinstance(value, tuple):
        return tuple(_nothing(one) for one in value)
    if isinstance(value, Communication):
        return NOTHING
    return {} if isinstance(value, dict) else 0.0


def equipped(
    scenario: Scenario,
    device: Gpu | Wafer | None = None,
    stack: Stack | None = None,
    topology: Topology | None = None,
) -> Scenario:
    """The scenario with hardware and software of one's own instead of what it names."""
    system = scenario.system
    if device is not None:
        topology = (topology or load_topology(system.topology, system.devices, "test")).with_device(device)
    own = dataclasses.replace(system, topology=topology or system.topology, stack=stack or system.stack)
    return dataclasses.replace(scenario, system=own)


def run_on(
    scenario: Scenario,
    device: Gpu | Wafer | None = None,
    stack: Stack | None = None,
    topology: Topology | None = None,
) -> Outcome:
    """Simulate a scenario on hardware of one's own."""
    return simulate(equipped(scenario, device, stack, topology))


def believed(low: float, high: float) -> Confidence:
    """What is known of a prediction whose step time has an error band from low to high."""
    return Confidence(Standing(Situation("GPU")), Band(low, high, Situation("GPU"), 200, 12))


def write_results(
    outcomes: Sequence[Outcome],
    failures: Sequence[str],
    folder: Path,
    charts: bool | None = None,
    refusals: Sequence[Refusal] = (),
) -> list[Path]:
    """What a run writes of some points."""
    return write_run(findings(outcomes, failures, refusals), folder, charts)


def screen_of(outcomes: Sequence[Outcome], width: int = 80, refusals: Sequence[Refusal] = ()) -> str:
    """The first screen of some points."""
    return screen(run_screen(findings(outcomes, (), refusals)), width)


def report_of(outcomes: Sequence[Outcome], width: int = 400, refusals: Sequence[Refusal] = ()) -> str:
    """Their whole report, on a terminal that is wide enough to break nothing."""
    return page_text(run_page(findings(outcomes, (), refusals)), width)
