"""Peak memory of every stage of a plan, item by item.

A stage is at its fullest while a layer runs backward, or, the last one, while the loss does.

Legend: p stages; t tensor, d data degree; P parameters that one device holds before ZeRO.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from sim.catalog import GpuStack, Model
from sim.hardware.kernel import Array
from sim.parallel.plan import Plan
from sim.parallel.plans import Plans
from sim.scenario.types import Training
from sim.workload.activations import (
    gradient_flow_bytes,
    head_activation_bytes,
    layer_activation_bytes,
    working_bytes,
)
from sim.workload.layer import Slice, key_value_width_of
from sim.workload.operations import Style
from sim.workload.parameters import count_parameters, layer_adapter_parameters

WEIGHT_BYTES = 2.0
MASTER_BYTES = 4.0
OPTIMIZER_BYTES = {"adam": 12.0, "sgd": 8.0}
"""Master copy and moments in fp32: Adam 4 + 4 + 4, SGD with momentum 4 + 4 (Rajbhandari et al. 2020, sec. 3.1)."""


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
    """Logits, gathered layers and their gradients, placeholders."""
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

    With tied embeddings the last stage of a pipeline keeps a copy (Shoeybi et al. 2019, sec. 3).
    """
    count = count_parameters(model)
    # Key and value heads are copied where there are fewer of them than tensor ranks.
    kept = model.kv_heads * model.head_dim / plan.tensor
    copies = 2 * model.hidden * plan.tensor * (key_value_width_of(model, plan.tensor) - kept)
    layers = plan.stage_layers(stage) * (count.layer + copies)
    has_first, has_last = (side(stage, plan.pipeline) for side in (plan.pipelining.has_first, plan.pipelining.has_last))
    first = has_first * count.embedding
    tied_copy = np.logical_not(has_first) * (model.vocab * model.hidden if model.tied_embeddings else 0)
    last = has_last * (count.final_norm + count.output + tied_copy)
    return (layers + first + last) / plan.tensor


def trained_share(model: Model, training: Training) -> float:
    """Share of the parameters that have a gradient: 1, or the adapters' share with LoRA (Hu et al. 2021)."""
    if training.lora is None:
        return 1.0
    return model.layers * layer_adapter_parameters(model, training.lora) / count_parameters(model).total


def stage_memory(
    model: Model, training: Training, plan: Plans, stack: GpuStack, style: Style, stage: Array
) -> StageMemory:
    """Peak memory of one device of one stage. stage: a number, or one for each of many plans.

    Sources: states, Rajbhandari et al. 2020 (ZeRO), sec. 3.1 and 5; activations, Korthikanti et al. 2022, sec. 4.
    """
    parameters = stage_parameters(model, plan, stage)
    trained = parameters * trained_share(model, training)
    # Adapters stand beside the weights; without them the weights are what is trained.
    frozen, added = (parameters, trained) if training.lora else (parameters - trained, 0.0)
    part = Slice(training.sequence, plan.micro_batch, plan.tensor, plan.sequence_parallel)
    weights = WEIGHT_BYTES * (parameters + added)
    gradient_bytes = stack.gradient_bytes[training.precision]
    gradients = gradient_bytes * trained / (plan.data if plan.zero >= 2 else 1)
    optimizer = OPTIMIZER_BYTES[training.optimizer] * trained / (plan.data if plan.zero >= 1 else 1)
    if plan.zero == 3:
        # The shard that FSDP keeps of a trained parameter is the fp32 master itself; no half-precision copy stays.
        master = MASTER_BYTES * trained / plan.data
        weights, optimizer = master + WEIGHT_BYTES * frozen / plan.data, optimizer - master
    kept = plan.layers_in_flight(stage) * layer_activation_bytes(model, part, style, plan.recompute)
    working = working_bytes(model, part, style, plan.recompute) + gradient_flow_bytes(model, part, style)
    activations = kept + working
    buffers = _gathered_bytes(model, plan, stack) + _placeholder_bytes(model, training, plan, stack, stage)
    per_logit = stack.logit_memory_bytes + np.greater(plan.tensor, 1) * stack.split_logit_memory_bytes
    head, is_last = head_activation_bytes(model, part, per_logit), plan.pipelining.has_last(stage, plan.pipeline)
    # Where every forward runs first, the logits of every micro-batch wait for their backward.
    waiting = is_last * (plan.micro_batches - 1) * head if plan.pipelining.forwards_first else 0.0
    head_peak = is_last * (head - working)
    buffers += waiting + np.maximum(_gathered_gradient_bytes(model, training, plan, gradient_bytes), head_peak)
    fragmented = stack.fragmentation * (weights + gradients + optimizer + activations + buffers)
    return StageMemory(weights, gradients, optimizer, activations, buffers, fragmented, _runtime_bytes(plan, stack))


def communicators(plan: Plans) -> Array:
    """Communicators that a device takes part in: of each group of several ranks, and of all where groups differ.

    Every device is in one tensor, one data and one pipeline group; all devices share the norm of the gradients.
    Source: Megatron-LM, initialize_model_parallel. Hand-worked: tensor 8, pipeline 4, data 2: 4; data 8 alone: 1.
    """
    groups: Array = sum(1 * np.greater(degree, 1) for degree in (plan.tensor, plan.data, plan.pipeline))
    return groups + np.greater(groups, 1)


def _runtime_bytes(plan: Plans, stack: GpuStack) -> Array:
    """Context and communicators, each of which has buffers of its own. Source: NVIDIA/nccl, issues 864 and 964."""
    return stack.context_bytes + communicators(plan) * stack.communicator_bytes


def plan_memory(model: Model, training: Training, plan: Plan, stack: GpuStack, style: Style) -> tuple[StageMemory, ...]:
    """Peak memory of one device of every stage."""
    return tuple(stage_memory(model, training, plan, stack, style, stage) for stage in range(plan.pipeline))


def _gathered_bytes(model: Model, plan: Plans, stack: GpuStack) -> Array:
    """What FSDP holds whole: the root (embedding, head) all along, the current layer and those gathered ahead.

    Source: Zhao et al. 2023, sec. 3.2 and 4.
    """
    if plan.zero < 3:
        return 0.0
    count = count_parameters(model)
    return WEIGHT_BYTES * (count.root + (1 + stack.prefetch_layers) * count.layer) / plan.tensor


def _gathered_gradient_bytes(model: Model, training: Training, plan: Plans, gradient_bytes: float) -> Array:
    """Gradients that FSDP has not scattered yet while a layer runs backward: the root's and the layer's.

    Of frozen weights there are none: only a layer's adapters have gradients then. Source: Zhao et al. 2023, sec. 4.
    """
    if plan.zero < 3:
        return 0.0
    if training.lora is not None:
        return gradient_bytes * layer_adapter_parameters(model, training.lora) / plan.tensor
    count = count_parameters(model)
    return gradient_bytes * (count.root + count.layer) / plan.tensor


def _placeholder_bytes(model: Model, training: Training, plan: Plans, stack: GpuStack, stage: Array) -> Array:
    """Empty half-precision gradients, one of each shape: a layer's, and on the last stage the vocabulary's.

    Source: Transformer Engine, get_dummy_wgrad. Frozen weights have none.
    """
    if not stack.gradient_placeholders or training.lora is not None:
        return 0.0
    vocabulary = plan.pipelining.has_last(stage, plan.pipeline) * (model.vocab * model.hidden)
    return WEIGHT_BYTES * (count_parameters(model).layer + vocabulary) / plan.tensor
