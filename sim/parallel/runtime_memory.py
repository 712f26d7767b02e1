"""Memory that the runtime, the communication library and graphs of kernels hold, beside what a model asks for."""

from __future__ import annotations

import numpy as np

from sim.catalog import GpuStack, Model
from sim.hardware.kernel import Array
from sim.parallel.plans import Plans
from sim.workload.operations import Slice


def communicators(plan: Plans) -> Array:
    """Communicators that a device takes part in: of each group of several ranks, and of all where groups differ.

    Every device is in one tensor, one data and one pipeline group; all devices share the norm of the gradients.
    Replicas that share out states in groups are in one more: of those that hold the same shard.
    Source: Megatron-LM, initialize_model_parallel. Hand-worked: tensor 8, pipeline 4, data 2: 4; data 8 alone: 1.
    """
    groups: Array = sum(1 * np.greater(degree, 1) for degree in (plan.tensor, plan.data, plan.pipeline))
    groups = groups + np.logical_and(plan.zero, np.less(plan.shards, plan.data))
    return groups + np.greater(groups, 1)


def runtime_bytes(plan: Plans, stack: GpuStack) -> Array:
    """Context and communicators, each of which has buffers of its own. Source: NVIDIA/nccl, issues 864 and 964."""
    return stack.context_bytes + communicators(plan) * stack.communicator_bytes


def graph_bytes(model: Model, part: Slice, plan: Plans, stack: GpuStack, stage: Array) -> Array:
    """What graphs of single layers hold beside activations: an input and an output's gradient of each.

    A graph reads and writes at fixed places, so there is one of every layer and micro-batch in flight; what comes in is
    copied there. A graph of all passes has its places once.
    Source: Transformer Engine, make_graphed_callables; Megatron-Bridge, performance guide: a few GB, over 10 GB in a
    pipeline. Hand-worked: 8 layers in flight, 2 x 1024 tokens of width 4096 in 2 bytes: 2 x 8 x 16.8 MB = 268 MB.
    """
    if stack.cuda_graph != "layer":
        return 0.0
    ranks = plan.tensor if plan.sequence_parallel else 1
    return 2 * plan.layers_in_flight(stage) * part.activation_bytes * part.tokens * model.hidden / ranks
