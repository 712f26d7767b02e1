"""Seconds of communication that splitting costs, as the plan asks for it and the network allows it.

Legend: T tokens of a micro-batch, h hidden, t tensor, d data, p pipeline. Ranks are placed tensor innermost, then
data, then pipeline (Narayanan et al. 2021, sec. 4): a tensor group has stride 1, a data group stride t, and the
next stage sits t d devices away.
"""

from __future__ import annotations

from sim.catalog import GpuStack, Model
from sim.cost.compute import PassCost
from sim.hardware.network import Group, Network
from sim.parallel.plan import Plan
from sim.workload.layer import Slice
from sim.workload.operations import ACTIVATION_BYTES

_STATISTIC_BYTES = 4.0
_LOSS_STATISTICS = 3
"""Maximum, sum of exponentials and the target's logit, reduced over the vocabulary's shards."""


def tensor_group(plan: Plan) -> Group:
    """Ranks that share every matrix."""
    return Group(plan.tensor, 1)


def data_group(plan: Plan) -> Group:
    """Ranks that hold the same part of the model for other data."""
    return Group(plan.data, plan.tensor)


def pipeline_group(plan: Plan) -> Group:
    """Ranks that hold the stages of one replica."""
    return Group(plan.pipeline, plan.tensor * plan.data)


def activation_bytes(model: Model, part: Slice) -> float:
    """Bytes of one micro-batch's hidden state."""
    return float(ACTIVATION_BYTES * part.tokens * model.hidden)


def exchange_s(model: Model, part: Slice, plan: Plan, network: Network) -> float:
    """One tensor-parallel exchange: an all-reduce, or with sequence parallelism a reduce-scatter and an all-gather.

    Source: Korthikanti et al. 2022, sec. 4.2.2.
    """
    size, group = activation_bytes(model, part), tensor_group(plan)
    if plan.sequence_parallel:
        return float(network.reduce_scatter_s(size, group) + network.all_gather_s(size, group))
    return float(network.all_reduce_s(size, group))


def layer_exchanges(model: Model, part: Slice, plan: Plan, network: Network) -> PassCost:
    """Tensor-parallel communication of one layer: after attention and MLP, forward and backward.

    One exchange instead of two where attention and MLP run side by side. Full recomputation repeats the forward
    exchanges. With sequence parallelism backward also gathers the sharded inputs of two projections again; that
    gather hides behind the input gradients, and so could part of the backward exchanges, which are exposed here.
    Source: Shoeybi et al. 2019, sec. 3; Korthikanti et al. 2022, sec. 4.2.2 and 5.
    """
    if plan.tensor == 1:
        return PassCost({}, {})
    forward_s = (1 if model.parallel_block else 2) * exchange_s(model, part, plan, network)
    backward_s = forward_s * (2 if plan.recompute == "full" else 1)
    return PassCost({"tensor_comm": forward_s}, {"tensor_comm": backward_s})


def embedding_exchanges(model: Model, part: Slice, plan: Plan, network: Network) -> PassCost:
    """The embedding is split over the vocabulary: its result is summed forward (Shoeybi et al. 2019, sec. 3)."""
    if plan.tensor == 1:
        return PassCost({}, {})
    size, group = activation_bytes(model, part), tensor_group(plan)
    if plan.sequence_parallel:
        scatter_s = float(network.reduce_scatter_s(size, group))
        return PassCost({"tensor_comm": scatter_s}, {"tensor_comm": float(network.all_gather_s(size, group))})
    return PassCost({"tensor_comm": float(network.all_reduce_s(size, group))}, {})


def head_exchanges(model: Model, part: Slice, plan: Plan, network: Network) -> PassCost:
    """The loss over a split vocabulary: statistics forward, the hidden state's gradient backward."""
    if plan.tensor == 1:
        return PassCost({}, {})
    size, group = activation_bytes(model, part), tensor_group(plan)
    forward_s = _LOSS_STATISTICS * float(network.all_reduce_s(_STATISTIC_BYTES * part.tokens, group))
    if plan.sequence_parallel:
        forward_s += float(network.all_gather_s(size, group))
        return PassCost({"tensor_comm": forward_s}, {"tensor_comm": float(network.reduce_scatter_s(size, group))})
    return PassCost({"tensor_comm": forward_s}, {"tensor_comm": float(network.all_reduce_s(size, group))})


def pipeline_send_s(model: Model, part: Slice, plan: Plan, stack: GpuStack, network: Network) -> float:
    """One activation (or its gradient) to the next (previous) stage.

    Scattered over the tensor ranks and gathered behind the fast links where the stack does that, and already
    scattered under sequence parallelism. Source: Narayanan et al. 2021, sec. 4.1.
    """
    if plan.pipeline == 1:
        return 0.0
    size = activation_bytes(model, part)
    group = pipeline_group(plan)
    if plan.sequence_parallel:
        return float(network.send_s(size / plan.tensor, group.stride, group))
    if stack.scatter_pipeline_send and plan.tensor > 1:
        gather_s = float(network.all_gather_s(size, tensor_group(plan)))
        return float(network.send_s(size / plan.tensor, group.stride, group)) + gather_s
    return float(network.send_s(size, group.stride, group))


def gradient_reduction_s(gradient_bytes: float, plan: Plan, network: Network) -> float:
    """Sum gradients over the replicas: all-reduce, or reduce-scatter where the optimizer is sharded."""
    collective = network.reduce_scatter_s if plan.zero >= 1 else network.all_reduce_s
    return float(collective(gradient_bytes, data_group(plan)))


def parameter_gather_s(weight_bytes: float, plan: Plan, network: Network) -> float:
    """Gather parameters over the replicas, after a sharded optimizer or before a sharded layer."""
    return float(network.all_gather_s(weight_bytes, data_group(plan)))


def tied_embedding_s(model: Model, plan: Plan, gradient_bytes: float, network: Network) -> float:
    """Sum the gradients of an embedding that first and last stage both hold (Narayanan et al. 2021, sec. 4)."""
    if plan.pipeline == 1 or not model.tied_embeddings:
        return 0.0
    size = gradient_bytes * model.vocab * model.hidden / plan.tensor
    # A ring of two passes the whole size once in each direction, both at the same time: what a send costs.
    return float(network.send_s(size, pipeline_group(plan).stride * (plan.pipeline - 1)))
