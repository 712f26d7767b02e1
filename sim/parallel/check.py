"""From what a user fixes of a plan to a whole plan, checked against model, batch, stack and cluster."""

from __future__ import annotations

from sim.catalog import GpuStack, Model, stacks_that_run, stacks_with_zero_groups
from sim.errors import InputError, some_of
from sim.parallel.cuts import cut_layers
from sim.parallel.mesh import Mesh
from sim.parallel.offload import check_offload
from sim.parallel.plan import Plan
from sim.parallel.replicas import in_program_order, refuse_gathering
from sim.parallel.schedules import SCHEDULES, Schedule, default_schedule, schedule_named
from sim.parallel.stages import stages_of_parts
from sim.scenario.types import PlanRequest, Scenario
from sim.workload.kinds import needs_one_stage

_SHARDS_PARAMETERS = 3


def check_plan(request: PlanRequest, scenario: Scenario, stack: GpuStack) -> Plan:
    """Turn what the user fixed into a whole plan, or say what does not divide.

    Degrees left out are 1; data left out is inferred from the device count.
    Raises InputError naming the whole product, the head count, the layers or the batch.
    """
    where, devices = f"{scenario.where}.plan", scenario.system.devices
    tensor, pipeline = request.tensor or 1, request.pipeline or 1
    schedule = _schedule(request, stack, where)
    virtual = request.virtual_stages or schedule.virtual_stages
    data = request.data or _inferred_data(tensor, pipeline, devices, where)
    mesh = Mesh(tensor, data, pipeline)
    if mesh.devices != devices:
        raise InputError(
            where,
            f"tensor {tensor} x pipeline {pipeline} x data {data} = {mesh.devices} devices,"
            f" but the system has {devices}",
            "change a degree, or leave data out to have it inferred",
        )
    part_stages = stages_of_parts(scenario.system.parts, mesh.stage_devices, scenario.where)
    _check_rank_order(stack, len(part_stages), where)
    _check_stack(tensor, pipeline, stack, where)
    _check_one_stage(scenario.model, pipeline, where)
    _check_tensor(scenario.model, tensor, where)
    micro_batch = request.micro_batch or 1
    micro_batches = _micro_batches(request, scenario.training.global_batch, data, micro_batch, where)
    for count in dict.fromkeys(micro_batches):
        schedule.check(pipeline, virtual, count, where)
    if len(part_stages) > 1 and schedule.layout != "row":
        problem = f"schedule '{schedule.name}' does not run its stages in a row, and parts are joined in a row"
        raise InputError(f"{where} schedule", problem, "use 1f1b, gpipe or a schedule like them")
    zero = stack.default_zero_stage if request.zero is None else request.zero
    _check_zero(zero, pipeline, stack, where)
    refuse_gathering(micro_batches, zero, where)
    _check_zero_group(request.zero_group, zero, data, stack, where)
    plan = Plan(
        tensor=tensor,
        pipeline=pipeline,
        data=data,
        micro_batch=micro_batch,
        micro_batches=micro_batches[0],
        virtual_stages=virtual,
        zero=zero,
        zero_group=request.zero_group if request.zero_group != data else None,
        sequence_parallel=_sequence_parallel(request, scenario, stack, tensor, where),
        recompute=request.recompute or "none",
        schedule=schedule.name,
        layers_per_chunk=_cut(request, scenario.model.layers, pipeline, virtual, schedule, where),
        replica_micro_batches=micro_batches if len(set(micro_batches)) > 1 else (),
        part_stages=part_stages,
        rank_order=stack.rank_order,
        offload_layers=request.offload_layers or 0,
        optimizer_offload=request.optimizer_offload or "none",
    )
    _check_graphs(plan, stack, where)
    check_offload(plan, scenario.training, stack, where)
    return plan


def _inferred_data(tensor: int, pipeline: int, devices: int, where: str) -> int:
    replica = Mesh(tensor, 1, pipeline).devices
    if devices % replica:
        raise InputError(
            where,
            f"tensor {tensor} x pipeline {pipeline} = {replica} does not divide the system's {devices} devices",
            "change a degree or the device count",
        )
    return int(devices // replica)


def _check_stack(tensor: int, pipeline: int, stack: GpuStack, where: str) -> None:
    for degree, able, what in (
        (tensor, stack.tensor_parallel, "tensor"),
        (pipeline, stack.pipeline_parallel, "pipeline"),
    ):
        if degree > 1 and not able:
            raise InputError(
                f"{where} {what}",
                f"{what} = {degree}, but the stack '{stack.name}' has no {what} parallelism",
                f"leave {what} out, or use another stack (scaletax list stacks)",
            )


def _cut(
    request: PlanRequest, layers: int, pipeline: int, virtual: int, schedule: Schedule, where: str
) -> tuple[int, ...]:
    """Layers of each chunk, as asked for."""
    ends = request.first_stage_layers, request.last_stage_layers
    if ends != (None, None) and schedule.layout != "row":
        problem = f"first_stage_layers or last_stage_layers with schedule '{schedule.name}'"
        raise InputError(where, problem, "give layers_per_stage: its first and last chunks share a stage")
    return cut_layers(layers, pipeline, virtual, request.layers_per_stage, ends, where)


def _schedule(request: PlanRequest, stack: GpuStack, where: str) -> Schedule:
    """The schedule that is asked for, or the usual one; it must be among the stack's."""
    if request.schedule is None:
        return SCHEDULES[default_schedule(request.virtual_stages or 1)]
    schedule = schedule_named(request.schedule, f"{where} schedule")
    if schedule.name not in stack.schedules:
        raise schedule_not_run(schedule.name, stack, f"{where} schedule")
    return schedule


def schedule_not_run(schedule: str, stack: GpuStack, where: str) -> InputError:
    """The error for a schedule that the stack cannot run: what it can, and which stacks can run this one."""
    able = some_of(stacks_that_run(schedule), listed_by="scaletax list stacks") or "none in the catalogue"
    return InputError(
        where,
        f"the stack {stack.name} does not run {schedule}: it runs {', '.join(stack.schedules)}",
        f"use one of these, or a stack that runs {schedule}: {able}",
    )


def _check_rank_order(stack: GpuStack, parts: int, where: str) -> None:
    if parts > 1 and not stack.rank_order.endswith("pp"):
        raise InputError(
            where,
            f"the stack '{stack.name}' lays ranks out as {stack.rank_order}: the stages of a part are no neighbours",
            "use a stack whose rank_order ends with pp, or a system of one part",
        )


def _check_one_stage(model: Model, pipeline: int, where: str) -> None:
    if pipeline > 1 and needs_one_stage(model):
        what = "makes embeddings of every layer" if model.layer_embedding else "has layers that others take keys from"
        problem = f"pipeline {pipeline}, but {model.name} {what} on its first stage"
        raise InputError(
            f"{where} pipeline", problem, "write pipeline = 1: sending them to later stages is not simulated"
        )


def _check_tensor(model: Model, tensor: int, where: str) -> None:
    for count, what in ((model.heads, "attention heads"), (model.ffn_hidden, "MLP width")):
        if count % tensor:
            raise InputError(where, f"tensor {tensor} does not divide the {count} {what}", f"use a divisor of {count}")
    for heads in (model.kv_heads, model.global_kv_heads or model.kv_heads):
        if heads % tensor and tensor % heads:
            problem = f"tensor {tensor} fits neither into nor around the {heads} key/value heads"
            raise InputError(where, problem, "use a divisor or a multiple")


def _micro_batches(request: PlanRequest, batch: int, data: int, micro_batch: int, where: str) -> tuple[int, ...]:
    """Of each replica, most first; one number where nobody says that they differ."""
    if request.micro_batches is not None:
        return in_program_order(request.micro_batches, batch, micro_batch, data, where)
    if batch % (data * micro_batch):
        raise InputError(
            where,
            f"a global batch of {batch} sequences cannot be divided by data {data} x micro_batch {micro_batch}"
            f" = {data * micro_batch}",
            f"change the batch to a multiple of {data * micro_batch}, or a degree",
        )
    return (batch // (data * micro_batch),)


def _check_zero(zero: int, pipeline: int, stack: GpuStack, where: str) -> None:
    if zero not in stack.zero_stages:
        raise InputError(
            where,
            f"zero {zero} is not something the stack '{stack.name}' does",
            f"allowed: {', '.join(map(str, stack.zero_stages))}",
        )
    if zero == _SHARDS_PARAMETERS and pipeline > 1:
        raise InputError(
            where,
            f"zero {zero} with pipeline {pipeline} is not modelled: parameters would be gathered again for every"
            " micro-batch of every stage",
            "use zero 0 to 2 with a pipeline, or pipeline = 1",
        )


def _check_zero_group(group: int | None, zero: int, data: int, stack: GpuStack, where: str) -> None:
    if group in (None, data):
        return
    place = f"{where} zero_group"
    if zero == 0:
        raise InputError(place, f"zero_group {group} with zero 0: nothing is sharded", "set zero, or leave it out")
    if not stack.zero_groups:
        problem = f"the stack '{stack.name}' shares states out among all replicas, not among {group} of them"
        able = some_of(stacks_with_zero_groups(), listed_by="scaletax list stacks")
        raise InputError(place, problem, f"leave zero_group out, or use a stack that has groups: {able}")
    if data % group:
        problem = f"groups of {group} do not make up the {data} replicas"
        raise InputError(place, problem, f"use a divisor of data {data}")


def recomputes_whole_layers(stack: GpuStack) -> bool:
    """Whether a stack can: a layer in a graph of its own runs as it was captured, once forward and once backward.

    Source: Megatron-LM, megatron/core/transformer/transformer_config.py: full recomputation only in a graph of all.
    """
    return stack.cuda_graph != "layer"


def _check_graphs(plan: Plan, stack: GpuStack, where: str) -> None:
    if plan.recompute == "full" and not recomputes_whole_layers(stack):
        graphs = [
            f'cuda_graph = "{one}"' for one in ("full", "none") if one == "none" or f"cuda_graph {one}" in stack.options
        ]
        raise InputError(
            f"{where} recompute",
            f"the stack '{stack.name}' does not recompute whole layers that run as graphs (cuda_graph = \"layer\")",
            f'use {" or ".join(graphs)}, or recompute = "selective" or "none"',
        )


def _sequence_parallel(request: PlanRequest, scenario: Scenario, stack: GpuStack, tensor: int, where: str) -> bool:
    if request.sequence_parallel is None:
        return stack.sequence_parallel and tensor > 1 and scenario.training.sequence % tensor == 0
    if request.sequence_parallel and not stack.sequence_parallel:
        problem = f"the stack '{stack.name}' has no sequence parallelism"
        raise InputError(where, problem, "set sequence_parallel = false")
    if request.sequence_parallel and scenario.training.sequence % tensor:
        raise InputError(
            where,
            f"tensor {tensor} does not divide the sequence length {scenario.training.sequence}",
            "change one, or set sequence_parallel = false",
        )
    return request.sequence_parallel and tensor > 1
