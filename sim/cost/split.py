"""Seconds of communication that splitting costs, as the plan asks for it and the network allows it.

Legend: T tokens of a micro-batch, h hidden, t tensor, d data, p pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sim.catalog import GpuStack, Model
from sim.cost.passes import PassCost, PhaseCost
from sim.hardware.kernel import TINY_S, Array
from sim.hardware.network import NOTHING, Communicates, Communication
from sim.parallel.plans import Plans
from sim.workload.operations import SINGLE_BYTES, Slice
from sim.workload.phases import Phase

_LOSS_STATISTICS = 3
"""Maximum, sum of exponentials and the target's logit, reduced over the vocabulary's shards."""


def activation_bytes(model: Model, part: Slice) -> Array:
    """Bytes of one micro-batch's hidden state."""
    return part.activation_bytes * part.tokens * model.hidden


def overlapped_with_weight_gradients(
    exchanges: PassCost,
    model: Model,
    part: Slice,
    plan: Plans,
    network: Communicates,
    weight_s: Array,
    wait_s: Array,
    slowdown: float,
) -> PassCost:
    """The exchanges of a layer where input gradients are reduced beside weight gradients, which that slows down.

    weight_s: seconds of the weight gradients of the projections whose input gradients are reduced. wait_s: seconds that
    the device waits for its host in the layer's backward, where what the weight gradients leave over hides as well.
    Source: Korthikanti et al. 2022, sec. 4.2.2; Megatron-LM, linear with gradient accumulation and asynchronous
    communication. Hand-worked: 2 s of reductions beside 3 s at a slowdown of 0.1: 0.2 s are exposed.
    """
    size, group = activation_bytes(model, part), plan.mesh.group("tensor")
    reductions = network.run("reduce_scatter" if plan.sequence_parallel else "all_reduce", size, group)
    reductions = reductions * (1 if model.parallel_block else 2)
    most_s = reductions.seconds * (1.0 - slowdown)
    hidden_s = np.minimum(np.minimum(reductions.seconds, weight_s) * (1.0 - slowdown) + wait_s, most_s)
    hidden = reductions * -(hidden_s / np.maximum(reductions.seconds, TINY_S))
    backward = exchanges["backward"].exchanges[_LINE]
    exposed = replace(backward + hidden, meetings=backward.meetings)
    return PassCost({**exchanges.phases, "backward": as_exposed(exposed)})


def exposed_share(exchange_s: Array, products_s: Array, wait_s: Array, chunks: Array, slowdown: float) -> Array:
    """Share of an exchange that is exposed where it runs in some chunks, most often one a rank, beside matrix products.

    Of n chunks of both, the first of one has nothing of the other beside it: max(c, g) + min(c, g) / n for c + g.
    What outlasts the products hides where the device waits for its host. slowdown: of the products while the exchange
    takes multiprocessors from them.
    Source: Wang et al. 2022 (ASPLOS 2023), Overlap Communication with Dependent Computation via Decomposition, sec. 4.
    Hand-worked: 2 s beside 6 s on 4 ranks at a slowdown of 0.1: 6 + 2 / 4 + 0.2 instead of 8, 0.7 of 2 s exposed.
    """
    together_s = np.maximum(exchange_s, products_s) + np.minimum(exchange_s, products_s) * (1 / chunks + slowdown)
    exposed_s = together_s - products_s
    outlasts_s = np.maximum(exposed_s - exchange_s * (1 / chunks + slowdown), 0.0)
    exposed = (exposed_s - np.minimum(outlasts_s, wait_s)) / np.maximum(exchange_s, TINY_S)
    return np.where(np.equal(exchange_s, 0.0), 1.0, np.minimum(exposed, 1.0))[()]


def exchange_chunks(phase: Phase, ranks: Array, stack: GpuStack) -> Array:
    """In how many chunks the gathers and scatters of a phase run beside matrix products, as one number for both.

    A gather arrives rank by rank, and the first rank's part is there. A scatter of so many pieces as the stack has
    shows its last; that of an input gradient runs whole beside the weight gradient, and shows none. Half of the bytes
    are of each. A stack without pieces of its own has one a rank for both.
    Source: Transformer Engine, user buffers; Megatron-Bridge, performance guide, tensor-parallel communication.
    Hand-worked: 8 ranks and 4 pieces: 1/8 of a half and 1/4 of a half, 3/16 forward; 1/16 backward.
    """
    if not stack.scatter_pieces:
        return ranks
    shown = 0.0 if phase == "backward" else 1.0 / stack.scatter_pieces
    return 2.0 / (1.0 / ranks + shown)


def overlapped(
    exchanges: PassCost, beside_s: Mapping[Phase, tuple[Array, Array]], plan: Plans, stack: GpuStack, domain: int
) -> PassCost:
    """The exchanges of a layer as far as they are exposed, phase by phase, beside its matrix products.

    beside_s: seconds of the products of a phase, and that the device waits for its host in it. domain: devices of a
    scale-up domain; a tensor group that reaches out of one overlaps nothing: the chunks are written straight into the
    peers' memory.
    Source: Transformer Engine, issue 1071: one node, or one NVLink domain.
    """
    is_inside = np.equal(np.mod(domain, plan.tensor), 0)
    found: dict[Phase, PhaseCost] = {}
    for phase, cost in exchanges.phases.items():
        one = cost.exchanges[_LINE]
        chunks = exchange_chunks(phase, plan.tensor, stack)
        share = exposed_share(one.seconds, *beside_s[phase], chunks, stack.overlap_slowdown)
        found[phase] = as_exposed(one * np.where(is_inside, share, 1.0)[()])
    return PassCost(found)


def embedding_exchanges(model: Model, part: Slice, plan: Plans, network: Communicates) -> PassCost:
    """The embedding is split over the vocabulary: its result is summed forward (Shoeybi et al. 2019, sec. 3)."""
    size, group = activation_bytes(model, part), plan.mesh.group("tensor")
    if plan.sequence_parallel:
        return exchanges_of(plan, network.run("reduce_scatter", size, group), network.run("all_gather", size, group))
    return exchanges_of(plan, network.run("all_reduce", size, group), NOTHING)


def head_exchanges(model: Model, part: Slice, plan: Plans, network: Communicates) -> PassCost:
    """The loss over a split vocabulary: statistics forward, the hidden state's gradient backward."""
    size, group = activation_bytes(model, part), plan.mesh.group("tensor")
    statistics = network.run("all_reduce", SINGLE_BYTES * part.tokens, group) * _LOSS_STATISTICS
    if plan.sequence_parallel:
        gathered: Communication = network.run("all_gather", size, group)
        return exchanges_of(plan, statistics + gathered, network.run("reduce_scatter", size, group))
    return exchanges_of(plan, statistics, network.run("all_reduce", size, group))


_LINE = "tensor_comm"


def exchanges_of(plan: Plans, forward: Communication, backward: Communication) -> PassCost:
    """Communication of tensor ranks as part of a pass. What goes back belongs to the input's gradient."""
    sides = {"forward": forward, "backward": backward, "input gradient": backward}
    return PassCost({phase: as_exposed(sides[phase]) for phase in plan.pipelining.phases if phase in sides})


def as_exposed(communication: Communication) -> PhaseCost:
    """Communication that is exposed; no seconds on its line where nothing is split."""
    parts = {_LINE: communication.seconds} if np.any(communication.seconds) else {}
    return PhaseCost(parts, {_LINE: communication})


def pipeline_send(
    model: Model, part: Slice, plan: Plans, stack: GpuStack, network: Communicates, *, stages: Array = 1
) -> Communication:
    """One activation to the stage that is `stages` further on, or its gradient back (negative).

    Scattered over the tensor ranks and gathered behind the fast links where the stack does that, and already
    scattered under sequence parallelism. Source: Narayanan et al. 2021, sec. 4.1.
    """
    if np.all(np.equal(plan.pipeline, 1)):
        return NOTHING
    size, group = activation_bytes(model, part), plan.mesh.group("pipeline")
    distance = stages * group.stride
    if plan.sequence_parallel:
        return network.send(size / plan.tensor, distance, group)
    if stack.scatter_pipeline_send:
        gathered = network.run("all_gather", size, plan.mesh.group("tensor")) * np.greater(plan.pipeline, 1)
        together: Communication = network.send(size / plan.tensor, distance, group) + gathered
        return together
    return network.send(size, distance, group)


def tied_embedding_bytes(model: Model, plan: Plans, gradient_bytes: float) -> Array:
    """Gradients of an embedding that two stages both hold. gradient_bytes: of one."""
    is_apart = np.logical_not(plan.pipelining.has_last(0, plan.pipeline))
    return model.tied_embeddings * is_apart * (gradient_bytes * model.vocab * model.hidden / plan.tensor)


def shared_gradient_bytes(model: Model, plan: Plans, gradient_bytes: float, stage_bytes: Array) -> Array:
    """Gradients that a stage sends to the one that holds the same parameters.

    gradient_bytes: of one gradient of the embedding. stage_bytes: of all gradients of the stage. With two copies of the
    model the mirrored stage holds the same, and each replica sends its share; else a tied embedding alone is.
    """
    if plan.pipelining.copies > 1:
        return stage_bytes / plan.data
    return tied_embedding_bytes(model, plan, gradient_bytes)


def gradient_send(size_bytes: Array, plan: Plans, network: Communicates, *, stages: Array) -> Communication:
    """Half of summing gradients that two stages both hold: one's to the other.

    stages: from this stage to the other, negative to an earlier one.
    A ring of two passes the whole size once in each direction, both at the same time: what a send costs.
    Source: Narayanan et al. 2021, sec. 4.
    """
    if not np.any(size_bytes) or np.all(np.equal(plan.pipeline, 1)):
        return NOTHING
    group = plan.mesh.group("pipeline")
    return network.send(size_bytes, stages * group.stride, group)
