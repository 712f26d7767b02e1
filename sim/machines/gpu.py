"""Clusters of GPUs: plans with degrees of parallelism, in stages that may lie on parts of different kinds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, get_args

from sim.catalog import Device, Gpu, GpuStack, Recipe
from sim.catalog.stack_records import AttentionOutputCopies, CudaGraph, GradientSum, NormKernels, SelectiveRecompute
from sim.cost.compute import Machine
from sim.cost.estimate import estimate_step_s
from sim.cost.sites import Site
from sim.cost.step import StepCosts, step_costs, step_costs_on_sites
from sim.engine.gpu_program import gpu_program
from sim.engine.length import check_length, instructions_of
from sim.engine.program import Program
from sim.errors import InputError, unknown_name
from sim.hardware.network import Network
from sim.hardware.topology import HostShare, Topology
from sim.machines.gpu_study import gpu_study
from sim.machines.gpu_words import cells_of, settings_of, stack_facts_of
from sim.machines.kind import DeviceMemory, MachineKind, Share
from sim.machines.narrow import asked_peak, casts_note, check_attention, formats_of, with_wide_ends, without_casts
from sim.machines.prepared import Equipment, Fabric, LookedUp, Prepared, places, topology_of
from sim.machines.study import PlanStudy
from sim.outcome.outcome import Memory
from sim.parallel.check import check_plan
from sim.parallel.memory import plan_memory, run_ahead_bytes
from sim.parallel.mesh import check_rank_order
from sim.parallel.offload import offloads
from sim.parallel.plan import Plan
from sim.parallel.schedules import schedule_named
from sim.parallel.stage_weights import layers_of_stages
from sim.planner.choose import Choice, choose_plan
from sim.planner.hosts import check_hosts, fullest_host
from sim.planner.search import search
from sim.planner.smallest import would_hold
from sim.scenario.types import Scenario, Training
from sim.workload.flops import StepFlops, layers_flops
from sim.workload.kinds import LayerKind
from sim.workload.precision import with_recipe

_WORDS = (
    ("selective_recompute", "recomputation", SelectiveRecompute),
    ("gradient_sum", "sum of gradients", GradientSum),
    ("layer_norm", "way to run norms", NormKernels),
    ("rms_norm", "way to run norms", NormKernels),
    ("attention_output_copies", "word for when it is copied", AttentionOutputCopies),
    ("cuda_graph", "graph of kernels", CudaGraph),
)
"""Figures of a stack that are words: which, what each is, and those that are known."""


class GpuCluster(MachineKind):
    """GPUs on a network, under a stack that splits models."""

    records: ClassVar[tuple[type, ...]] = (Gpu, GpuStack, Plan)
    label, word, one, plural = "GPU", "gpu", "one GPU", "GPUs"
    default_stack = "megatron-core-2024"
    has_degrees = is_part = is_profiled = True
    columns = ("TP", "PP", "schedule", "DP", "micro-batch", "ZeRO", "SP", "recompute")
    caption = (
        "Step time by the closed form of every legal plan whose memory is there, sorted; at the left end what is chosen"
        " after the engine has tried the best few. A plan: its degrees of parallelism, micro-batch, ZeRO stage,"
        " sequence parallelism, recomputation and schedule. Plans that leave out replicas they have devices for are not"
        " among them."
    )

    def check_stack(self, stack: GpuStack, device: Gpu, where: str) -> None:
        """Its schedules, order of ranks and recomputation must be known, and what its attention reaches here."""
        place = f"{where}: stack '{stack.name}'"
        for name in stack.schedules:
            schedule_named(name, f"{place} schedules")
        check_rank_order(stack.rank_order, f"{place} rank_order")
        for key, what, words in _WORDS:
            if (word := getattr(stack, key)) not in get_args(words):
                raise unknown_name(f"{place} {key}", what, word, get_args(words))
        if stack.flash_attention and device.attention_share(stack.attention_kernel, "forward") is None:
            raise InputError(
                f"{place} attention_kernel",
                f"the {device.title} has no figure for '{stack.attention_kernel}'",
                f"use one that it has: {', '.join(device.attention_efficiency)}",
            )

    def with_recipe(self, stack: GpuStack, training: Training, where: str) -> GpuStack:
        """The stack as it trains in the formats that are asked for."""
        return with_recipe(stack, training, where)

    def formats(self, stack: GpuStack, precision: str) -> dict[str, str]:
        """Of the products, of those in attention, and of those that are wide beside narrow ones."""
        return formats_of(stack.recipes[precision], precision)

    def as_trained(self, scenario: Scenario, stack: GpuStack) -> Scenario:
        """With the layers that a recipe leaves wide."""
        return with_wide_ends(scenario, stack.recipes[scenario.training.precision])

    def asked_peak(self, stack: GpuStack, precision: str, device: Device, flops: StepFlops) -> float:
        """Of narrow products their format's alone, as it is printed and compared."""
        return asked_peak(stack.recipes[precision], device, flops, precision)

    def recipe(self, prepared: Prepared) -> Recipe:
        """As the stack has it."""
        return machines_of(prepared)[0].recipe

    def usual_recipe(self, stack: GpuStack, precision: str) -> Recipe:
        """As its file names it."""
        return stack.recipes[precision]

    def prepare(self, found: LookedUp, *, has_run: bool) -> Prepared:
        """Make the plan and work out its memory."""
        scenario, machines = found.scenario, _machines(found)
        stack = machines[0].stack
        if has_run:
            plan, effort, network = Choice(check_plan(scenario.system.plan, scenario, stack))
        else:
            plan, effort, network = choose_plan(scenario, machines, found.topologies)
        if offloads(plan):
            check_hosts(scenario, plan, machines, has_run=has_run)
        check_length(instructions_of(plan, scenario.model.layers, stack), plan, f"{scenario.where}.plan")
        stages = plan_memory(scenario.model, scenario.training, plan, stack, machines[0].style)
        capacities = tuple(machines[index].gpu.hbm_bytes for index in plan.stage_parts)
        held = fullest_host(scenario, plan, machines)
        memory = Memory(tuple(stage.items() for stage in stages), capacities, held)
        hardware = zip(found.topologies, found.devices, _borders(found, plan), strict=True)
        parts = tuple(Equipment(*part) for part in hardware)
        if offloads(plan):
            parts = tuple(_with_hosts(part) for part in parts)
            network = None
        prepared = Prepared(self, scenario, parts, stack, plan, memory, effort)
        return prepared if network is None else prepared.with_built(fabrics=(Fabric(network, network),))

    def study(self, found: LookedUp, top: int, jobs: int) -> PlanStudy:
        """Screen all legal plans, and try the best in the engine."""
        return gpu_study(found, search(found.scenario, _machines(found)[0], found.topologies[0], top, jobs))

    def would_hold(self, found: LookedUp) -> str | None:
        """How many devices would hold the model by another plan."""
        return would_hold(found.scenario, _machines(found)[0], found.topologies[0])

    def costs(self, prepared: Prepared) -> StepCosts:
        """What the instructions of a step cost."""
        scenario, hardware = prepared.scenario, zip(machines_of(prepared), prepared.fabrics, strict=True)
        sites, jitter = [Site(machine, *fabric) for machine, fabric in hardware], scenario.system.jitter
        return step_costs_on_sites(scenario.model, scenario.training, plan_of(prepared), sites, jitter)

    def program(self, prepared: Prepared) -> Program:
        """What every stage's replicas do in a step."""
        return gpu_program(plan_of(prepared), prepared.costs, machines_of(prepared)[0].stack)

    def flops(self, prepared: Prepared, layers: Mapping[LayerKind, int], *, head: bool) -> StepFlops:
        """FLOPs of a step, with what the plan recomputes."""
        model, training, style = prepared.scenario.model, prepared.scenario.training, machines_of(prepared)[0].style
        return layers_flops(model, training, style, plan_of(prepared).recompute, layers, head=head)

    def asks_for_at_most(self, scenario: Scenario, stack: GpuStack, device: Gpu) -> float:
        """The peak of the plan, and all layers gathered at once where the stack has no limit."""
        if stack.limited_gathers:
            return 0.0
        model, training = scenario.model, scenario.training
        plan, machine = check_plan(scenario.system.plan, scenario, stack), Machine(device, stack, training.precision)
        stages = plan_memory(model, training, plan, stack, machine.style)
        ahead = (1 + stack.fragmentation) * run_ahead_bytes(model, plan, stack, machine.recipe)
        return max(float(stage.total) for stage in stages) + float(ahead)

    def shares(self, prepared: Prepared) -> tuple[Share, ...]:
        """The stages of each part."""
        plan = plan_of(prepared)
        return tuple(Share(stages, layers_of_stages(prepared.scenario.model, plan, stages)) for stages in plan.parts)

    def passes(self, plan: Plan, layers: int) -> int:
        """Micro-batches through a pipeline's chunks."""
        return plan.micro_batches * plan.chunks

    def closed_form_s(self, prepared: Prepared, network: Network) -> float:
        """Seconds of a step on GPUs of one kind, without jitter."""
        scenario, plan, machine = prepared.scenario, plan_of(prepared), machines_of(prepared)[0]
        costs = step_costs(scenario.model, scenario.training, plan, machine, network)
        return estimate_step_s(plan, costs, machine.stack)

    def notes(self, prepared: Prepared) -> tuple[str, ...]:
        """Whether casts cost more than narrow products gain, by the closed form of the same plan without them."""
        machine = machines_of(prepared)[0]
        wide, network = without_casts(machine), prepared.networks[0]
        if wide is None or len(prepared.parts) > 1:
            return ()
        seconds_s = (self.closed_form_s(one, network) for one in (prepared, dataclasses.replace(prepared, stack=wide)))
        return casts_note(machine.precision, *seconds_s)

    def without_jitter(self, costs: StepCosts) -> StepCosts:
        """The costs of a step whose replicas are alike."""
        return dataclasses.replace(costs, straggler_s=(0.0,) * len(costs.straggler_s))

    def with_unlimited_memory(self, plan: Plan) -> Plan:
        """The plan without recomputation."""
        return dataclasses.replace(plan, recompute="none")

    def splits_model(self, plan: Plan) -> bool:
        """Whether it has tensor ranks or pipeline stages."""
        return max(plan.tensor, plan.pipeline) > 1

    def cells(self, plan: Plan) -> tuple[str, ...]:
        """Its degrees and switches; empty where there is nothing to say."""
        return cells_of(plan)

    def settings(self, plan: Plan) -> dict[str, str]:
        """Its degrees and switches."""
        return settings_of(plan)

    def memory_of(self, device: Gpu) -> DeviceMemory:
        """HBM or GDDR."""
        return DeviceMemory("DRAM", device.hbm_bytes, device.hbm_bytes_per_s)

    def stack_facts(self, stack: GpuStack) -> tuple[str, str, str, str]:
        """What it shards, fuses and overlaps."""
        return stack_facts_of(stack)


def plan_of(prepared: Prepared) -> Plan:
    """The plan of a scenario on GPUs."""
    assert isinstance(prepared.plan, Plan)
    return prepared.plan


def machines_of(prepared: Prepared) -> list[Machine]:
    """Each part's GPUs with the stack."""
    stack, precision = prepared.stack, prepared.scenario.training.precision
    return [gpu_machine(part.device, stack, precision, part.topology.host_share) for part in prepared.parts]


def _machines(found: LookedUp) -> list[Machine]:
    """As machines_of. Raises InputError for attention in a format that has no figures on a device."""
    pairs = zip(found.devices, found.topologies, strict=True)
    precision = found.scenario.training.precision
    machines = [gpu_machine(device, found.stack, precision, topology.host_share) for device, topology in pairs]
    for one in machines:
        check_attention(one, f"{found.scenario.path}: [training]")
    return machines


def gpu_machine(device: object, stack: object, precision: str, host: HostShare | None = None) -> Machine:
    """GPUs of one kind with a stack for them, which whoever names both by hand vouches for."""
    assert isinstance(device, Gpu)
    assert isinstance(stack, GpuStack)
    return Machine(device, stack, precision, host)


def _with_hosts(part: Equipment) -> Equipment:
    """A part whose network has the links to its hosts."""
    topology = part.topology.with_host_links()
    return Equipment(topology, part.device, topology if part.border is part.topology else part.border)


def _borders(found: LookedUp, plan: Plan) -> list[Topology]:
    """Each part's topology with room for two stages, so that there are neighbours to reckon a send between."""
    scenario, least, borders = found.scenario, 2 * int(plan.mesh.stage_devices), []
    for part, own, where in zip(scenario.system.every_part, found.topologies, places(scenario), strict=True):
        if len(found.topologies) == 1 or own.devices >= least:
            borders.append(own)
            continue
        try:
            borders.append(topology_of(part, least, where, scenario.system.network))
        except InputError as error:
            raise InputError(
                f"{where} topology",
                f"'{own.name}' has no room for two pipeline stages of {least // 2} devices, and what a send to another"
                f" part takes is reckoned between two\n{error.problem}",
                f"use a topology with room for {least} devices, or a smaller tensor or data",
            ) from None
    return borders
