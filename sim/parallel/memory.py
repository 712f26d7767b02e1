"""Peak memory of every stage of a plan, item by item.

A stage is at its fullest while a layer runs backward, or, the last one, while the loss does.

Legend: p stages; t tensor, d data degree; P parameters that one device holds before ZeRO.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from sim.catalog import GpuStack, Model, Recipe
from sim.hardware.kernel import Array
from sim.parallel.offload import layers_kept, layers_offloaded
from sim.parallel.plan import Plan
from sim.parallel.plans import GATHERING_STAGE, Plans
from sim.parallel.runtime_memory import graph_bytes, runtime_bytes
from sim.parallel.stage_weights import over_layers, over_stage, stage_kinds, stage_states_each
from sim.scenario.types import Training
from sim.workload.activations import head_activation_bytes
from sim.workload.kinds import LayerKind
from sim.workload.operations import Slice, Style
from sim.workload.parameters import (
    adapter_parameters,
    count_parameters,
    largest_tensor,
    layer_adapter_parameters,
    layer_narrow_weights,
)


@dataclass(frozen=True, slots=True)
class StageMemory:
    """Peak bytes of one device of one stage, or of one stage of each of many plans.

    What a framework's allocator has handed out is all but the last two; what it has reserved, all but the last.
    """

    weights: Array
    gradients: Array
    optimizer: Array
    activations: Array
    """Kept for backward, brought back by recomputation, and their gradients."""
    buffers: Array
    """Logits, gathered layers and their gradients, placeholders; where the optimizer's step needs more, that."""
    fragmentation: Array
    runtime: Array
    """What the runtime and the communication library hold."""

    @property
    def total(self) -> Array:
        """All items together."""
        return sum(self.items().values())

    def items(self) -> dict[str, Array]:
        """Item -> bytes."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def stage_parameters(model: Model, plan: Plans, stage: Array) -> Array:
    """Parameters that one device of a stage holds before ZeRO shards them. stage: a number, or one for each plan.

    What tensor ranks copy is among them.
    """
    return _parameters(model, plan, stage, stage_kinds(model, plan, stage))


def _parameters(model: Model, plan: Plans, stage: Array, kinds: Mapping[LayerKind, Array]) -> Array:
    copies = over_layers(kinds, lambda kind: kind.copied_weights(model, plan.tensor))
    return (over_stage(model, plan, stage, kinds, lambda weights: weights.total) + copies) / plan.tensor


def narrow_weights(model: Model, plan: Plans, recipe: Recipe, kinds: Mapping[LayerKind, Array]) -> Array:
    """Of the parameters that one device of a stage holds before ZeRO shards them, those of narrow products.

    kinds: of the stage's layers.
    """
    if recipe.quantised is None:
        return 0.0
    return over_layers(kinds, lambda kind: kind.narrow_weights(model)) / plan.tensor


def gathered_bytes(recipe: Recipe, parameters: Array, narrow: Array) -> Array:
    """Bytes of parameters on their way between replicas. narrow: of them those of narrow products.

    Hand-worked: 10 of which 8 travel in a byte: 2 x 2 + 8 = 12.
    """
    if recipe.gathers == recipe.parameters:
        return recipe.parameters.bytes * parameters
    return recipe.parameters.bytes * (parameters - narrow) + recipe.gathers.bytes * narrow


def trained_share(model: Model, training: Training) -> float:
    """Share of the parameters that have a gradient: 1, or the adapters' share with LoRA (Hu et al. 2021)."""
    if training.lora is None:
        return 1.0
    return adapter_parameters(model, training.lora) / count_parameters(model).total


def stage_memory(
    model: Model, training: Training, plan: Plans, stack: GpuStack, style: Style, stage: Array
) -> StageMemory:
    """Peak memory of one device of one stage. stage: a number, or one for each of many plans.

    Sources: states, Rajbhandari et al. 2020 (ZeRO), sec. 3.1 and 5; activations, Korthikanti et al. 2022, sec. 4.
    """
    kinds = stage_kinds(model, plan, stage)
    parameters = _parameters(model, plan, stage, kinds)
    trained = parameters * trained_share(model, training)
    # Adapters stand beside the weights; without them the weights are what is trained.
    frozen, added = (parameters, trained) if training.lora else (parameters - trained, 0.0)
    recipe = stack.recipes[training.precision]
    width = recipe.activations.bytes
    part = Slice(training.sequence, plan.micro_batch, plan.tensor, plan.sequence_parallel, width)
    narrow = narrow_weights(model, plan, recipe, kinds)
    weights = recipe.parameters.bytes * (parameters + added)
    if recipe.quantised is not None:
        weights = weights + (recipe.held_weight_bytes(style.operand_copies) - recipe.parameters.bytes) * narrow
    gradients = recipe.gradients.bytes * trained / (plan.shards if plan.zero >= 2 else 1)
    state_bytes = recipe.master.bytes + recipe.moments.bytes * stage_states_each(model, training, plan, stage)
    optimizer = state_bytes * trained / (plan.shards if plan.zero >= 1 else 1)
    at_host = plan.optimizer_offload == "cpu"
    if at_host:
        # Gradients that are shared out leave as soon as they are reduced.
        optimizer, gradients = 0.0 * optimizer, gradients * (plan.zero < GATHERING_STAGE)
    if plan.zero == 3 and at_host:
        # The master is at the host, and what FSDP gathers is a shard in half precision.
        weights = recipe.parameters.bytes * (trained + frozen) / plan.shards
    elif plan.zero == 3:
        # The shard that FSDP keeps of a trained parameter is the master itself; no copy in half precision stays.
        optimizer = optimizer - recipe.master.bytes * trained / plan.shards
        shard = (recipe.master.bytes or recipe.parameters.bytes) * trained / plan.shards
        weights = shard + recipe.parameters.bytes * frozen / plan.shards
        if recipe.has_narrow_weights:
            weights = weights + recipe.held_weight_bytes(1) * narrow / plan.shards
    kept = layers_kept(plan, stage) * _mean_bytes(
        kinds, lambda kind: kind.kept_bytes(model, part, style, plan.recompute)
    )
    due = plan.pipelining.due(stage, plan.pipeline, plan.virtual_stages, plan.micro_batches)
    # Most schedules leave none due: then there is nothing to work out for a hundred thousand plans.
    apart = bool(np.any(due))
    if apart:
        kept += (
            due
            * plan.stage_layers(stage)
            * _mean_bytes(kinds, lambda kind: kind.unfinished_bytes(model, part, style, plan.recompute))
        )
    working = _most_working_bytes(model, part, style, plan, kinds)
    activations = kept + working
    held = _gathered_bytes(model, plan, stack, recipe) + _placeholder_bytes(model, training, plan, stack, stage)
    held += graph_bytes(model, part, plan, stack, stage)
    per_logit = stack.logit_memory_bytes + np.greater(plan.tensor, 1) * stack.split_logit_memory_bytes
    head, is_last = head_activation_bytes(model, part, per_logit), plan.pipelining.has_last(stage, plan.pipeline)
    # Where every forward runs first, the logits of every micro-batch wait for their backward.
    waiting = is_last * (plan.micro_batches - 1) * head if plan.pipelining.forwards_first else 0.0
    if apart and training.lora is None:
        # Gradients of logits, until the vocabulary projection's weight gradient has used them.
        waiting = waiting + is_last * np.maximum(due - 1, 0) * width * part.tokens * model.vocab / plan.tensor
    head_peak = is_last * (head - working)
    passing = waiting + np.maximum(_gathered_gradient_bytes(model, training, plan, stack, recipe), head_peak)
    # Activations and logits are gone when the optimizer steps; gathered layers have a pool of memory of their own.
    step_bytes = 0.0 if at_host else _step_bytes(recipe, stack)
    step = step_bytes * trained / (plan.shards if plan.zero >= 1 else 1)
    # A graph of all passes has its memory for itself.
    most = passing + step if stack.cuda_graph == "full" else np.maximum(passing, step - activations)
    buffers = held + _unscattered_bytes(plan, recipe, trained, stage) + most
    fragmented = stack.fragmentation * (weights + gradients + optimizer + activations + buffers)
    return StageMemory(weights, gradients, optimizer, activations, buffers, fragmented, runtime_bytes(plan, stack))


def host_bytes(model: Model, training: Training, plan: Plans, stack: GpuStack, style: Style, stage: Array) -> Array:
    """Bytes that one device of a stage has in its host's memory: activations, and what the optimizer needs there.

    States, gradients as they are kept, and a copy of them as wide as the master, which the update reads.
    Source: DeepSpeed, stage3.py and stage_1_and_2.py: fp32_partitioned_groups_flat and its grad, both pinned.
    Hand-worked: Adam in bf16 with fp32 gradients, 8 shards: (4 + 8 + 4 + 4) / 8 = 2.5 bytes per parameter.
    """
    kinds, recipe = stage_kinds(model, plan, stage), stack.recipes[training.precision]
    part = Slice(training.sequence, plan.micro_batch, plan.tensor, plan.sequence_parallel, recipe.activations.bytes)
    held: Array = 0.0
    if plan.offload_layers:
        mean = _mean_bytes(kinds, lambda kind: kind.kept_bytes(model, part, style, plan.recompute))
        held = layers_offloaded(plan, stage) * mean
    if plan.optimizer_offload == "none":
        return held
    states = recipe.master.bytes + recipe.moments.bytes * stage_states_each(model, training, plan, stage)
    each = states + recipe.gradients.bytes + (recipe.master.bytes or recipe.parameters.bytes)
    trained = _parameters(model, plan, stage, kinds) * trained_share(model, training)
    return held + each * trained / (plan.shards if plan.zero >= 1 else 1)


def _mean_bytes(kinds: Mapping[LayerKind, Array], of: Callable[[LayerKind], Array]) -> Array:
    """Bytes of something that a layer of a stage has of a micro-batch, on average over its layers.

    Chunks of one stage whose layers differ hold more or less at different times; the average stands for all of them.
    """
    return of(*kinds) if len(kinds) == 1 else over_layers(kinds, of) / np.maximum(sum(kinds.values()), 1)


def _most_working_bytes(
    model: Model, part: Slice, style: Style, plan: Plans, kinds: Mapping[LayerKind, Array]
) -> Array:
    """Bytes while the layer of a stage that needs most runs backward: brought back, and gradients."""

    def working(kind: LayerKind) -> Array:
        return kind.working_bytes(model, part, style, plan.recompute) + kind.gradient_flow_bytes(model, part, style)

    if len(kinds) == 1:
        return working(*kinds)
    return functools.reduce(np.maximum, [np.greater(count, 0) * working(kind) for kind, count in kinds.items()])


def plan_memory(model: Model, training: Training, plan: Plan, stack: GpuStack, style: Style) -> tuple[StageMemory, ...]:
    """Peak memory of one device of every stage."""
    return tuple(stage_memory(model, training, plan, stack, style, stage) for stage in range(plan.pipeline))


def _gathered_bytes(model: Model, plan: Plans, stack: GpuStack, recipe: Recipe) -> Array:
    """What FSDP holds whole: the root (embedding, head) all along, the current layer and those gathered ahead.

    Tensor by tensor, the largest and another one that is gathered ahead.

    Source: Zhao et al. 2023, sec. 3.2 and 4.
    """
    if plan.zero < 3:
        return 0.0
    if not stack.holds_whole_layers:
        return recipe.parameters.bytes * (1 + stack.prefetch_layers) * largest_tensor(model) / plan.tensor
    count = count_parameters(model)
    layer = gathered_bytes(recipe, count.layer, layer_narrow_weights(model))
    return (recipe.parameters.bytes * count.root + (1 + stack.prefetch_layers) * layer) / plan.tensor


def _gathered_gradient_bytes(model: Model, training: Training, plan: Plans, stack: GpuStack, recipe: Recipe) -> Array:
    """Gradients that FSDP has not scattered yet while a layer runs backward: the root's and the layer's, or a tensor's.

    Of frozen weights there are none: only a layer's adapters have gradients then. Source: Zhao et al. 2023, sec. 4.
    """
    if plan.zero < 3:
        return 0.0
    if training.lora is not None:
        return recipe.gradients.bytes * layer_adapter_parameters(model, training.lora) / plan.tensor
    if not stack.holds_whole_layers:
        return recipe.gradients.bytes * largest_tensor(model) / plan.tensor
    count = count_parameters(model)
    return recipe.gradients.bytes * (count.root + count.layer) / plan.tensor


def _unscattered_bytes(plan: Plans, recipe: Recipe, trained: Array, stage: Array) -> Array:
    """Whole gradients of ZeRO 2 in a pipeline: of a chunk while micro-batches run in a row through it, else of a layer.

    trained: parameters of the stage that have a gradient. See plans.reductions.
    """
    if not plan.reduces_each:
        return 0.0
    chunks = plan.virtual_stages * plan.pipelining.copies
    units = np.where(np.greater(plan.pipelining.in_a_row(plan.pipeline), 1), chunks, plan.stage_layers(stage))
    return np.greater(plan.pipeline, 1) * recipe.gradients.bytes * trained / np.maximum(units, 1)


def _step_bytes(recipe: Recipe, stack: GpuStack) -> float:
    """Bytes that the optimizer's step holds of each parameter it updates beside states, gradients and weights.

    A copy of the gradient as wide as the master where it is narrower, and temporaries of the optimizer.
    Source: PyTorch documentation, Adam, foreach; DeepSpeed, stage_1_and_2.py, step; Megatron-LM, optimizer.py.
    Hand-worked: gradients of 2 bytes under a master of 4 and one temporary: 4 + 4; gradients in fp32, none: 0.
    """
    copied = recipe.master.bytes if recipe.gradients.bytes < recipe.master.bytes else 0.0
    return copied + stack.step_temporaries * recipe.moments.bytes


def run_ahead_bytes(model: Model, plan: Plans, stack: GpuStack, recipe: Recipe) -> Array:
    """Bytes that FSDP would take beyond its peak for layers gathered early, had the device them: of all layers.

    Without a limit the host asks for memory for one layer after the other while the device is at the first; no block is
    used twice before the device is done with it. What is not there the allocator gets by waiting for the device and
    giving back all that it holds. Source: PyTorch, pull request 83917.
    """
    if plan.zero < 3 or stack.limited_gathers:
        return 0.0
    ahead = np.maximum(model.layers - (1 + stack.prefetch_layers), 0)
    layer = gathered_bytes(recipe, count_parameters(model).layer, layer_narrow_weights(model))
    return ahead * layer / plan.tensor


def _placeholder_bytes(model: Model, training: Training, plan: Plans, stack: GpuStack, stage: Array) -> Array:
    """Empty gradients as wide as the weights, one of each shape: a layer's, and on the last stage the vocabulary's.

    Source: Transformer Engine, get_dummy_wgrad. Frozen weights have none.
    """
    if not stack.gradient_placeholders or training.lora is not None:
        return 0.0
    vocabulary = plan.pipelining.has_last(stage, plan.pipeline) * (model.vocab * model.hidden)
    width = stack.recipes[training.precision].parameters.bytes
    return width * (count_parameters(model).layer + vocabulary) / plan.tensor
