"""What tensor ranks send each other for a layer: forward, backward, and again where its forward is run again.

Legend: T tokens of a micro-batch, h hidden, t tensor.
"""

from __future__ import annotations

from dataclasses import replace

from sim.catalog import GpuStack, Model
from sim.cost.passes import PassCost
from sim.cost.split import activation_bytes, exchanges_of
from sim.hardware.network import NOTHING, Communicates, Communication
from sim.parallel.plans import Plans
from sim.workload.operations import SINGLE_BYTES, Slice


def exchange(
    model: Model, part: Slice, plan: Plans, network: Communicates, *, with_scales: bool = False
) -> Communication:
    """One tensor-parallel exchange: an all-reduce, or with sequence parallelism a reduce-scatter and an all-gather.

    What is gathered is the input of the next product, or the gradient of a product's output, cast before where it
    travels narrow. with_scales: the ranks agree on its largest number first.
    The two follow each other with next to no work in between, so the ranks wait for each other once.
    Source: Korthikanti et al. 2022, sec. 4.2.2.
    """
    if plan.sequence_parallel:
        both = scatter(model, part, plan, network) + gather(model, part, plan, network, with_scales=with_scales)
        return replace(both, meetings=both.meetings / 2)
    return network.run("all_reduce", activation_bytes(model, part), plan.mesh.group("tensor"))


def scatter(model: Model, part: Slice, plan: Plans, network: Communicates) -> Communication:
    """The half of an exchange under sequence parallelism that sums up outputs, or gradients of inputs."""
    return network.run("reduce_scatter", activation_bytes(model, part), plan.mesh.group("tensor"))


def gather(
    model: Model, part: Slice, plan: Plans, network: Communicates, *, with_scales: bool = False
) -> Communication:
    """The half that brings inputs, or gradients of outputs, together."""
    group = plan.mesh.group("tensor")
    gathered: Communication = network.run("all_gather", part.gathered_bytes * part.tokens * model.hidden, group)
    if with_scales and part.gathered_bytes != part.activation_bytes:
        return gathered + network.run("all_reduce", SINGLE_BYTES, group)
    return gathered


def exchanged_again(plan: Plans, stack: GpuStack, blocks: int) -> tuple[int, int]:
    """(gathers, scatters) of a layer's forward that recomputation repeats under sequence parallelism.

    blocks: that are exchanged for, attention and MLP or both side by side. A recomputation that stops early does so
    before the last scatter. Where operators are recomputed scatters are kept, and gathers come again for the gradients
    of weights. Source: torchtitan, the list of operators that selective recomputation keeps.
    Hand-worked: two blocks: 2 gathers and 2 scatters, or 1; of operators 2 gathers.
    """
    if plan.recompute == "full":
        return blocks, blocks - stack.recompute_stops_early
    return (blocks, 0) if plan.recompute == "selective" and stack.selective_recompute == "operators" else (0, 0)


def exchange_blocks(model: Model) -> int:
    """Exchanges of a layer's forward: after attention and MLP, one where they run side by side."""
    return 1 if model.parallel_block else 2


def layer_exchanges(
    model: Model, part: Slice, plan: Plans, stack: GpuStack, network: Communicates, *, with_scales: bool = False
) -> PassCost:
    """Tensor-parallel communication of one layer: after attention and MLP, forward and backward.

    Recomputation repeats what it needs of the forward's. With sequence parallelism and nothing else to gather inputs
    again for, backward does so beside the input gradients, which hides it: that is left out. All others are exposed
    here; what stacks hide of them is said by overlapped_with_weight_gradients and overlapped.
    Source: Shoeybi et al. 2019, sec. 3; Korthikanti et al. 2022, sec. 4.2.2 and 5.
    """
    blocks = exchange_blocks(model)
    one = exchange(model, part, plan, network, with_scales=with_scales)
    gathers, scatters = exchanged_again(plan, stack, blocks)
    if gathers == scatters or not plan.sequence_parallel:
        return exchanges_of(plan, one * blocks, one * (blocks + scatters))
    again = gather(model, part, plan, network, with_scales=with_scales) * (gathers - scatters)
    again = replace(again, meetings=again.meetings / 2)
    return exchanges_of(plan, one * blocks, one * (blocks + scatters) + again)


def input_gathers(model: Model, part: Slice, plan: Plans, stack: GpuStack, network: Communicates) -> PassCost:
    """Gathers of the inputs of layers that are recomputed as a whole, where tensor ranks keep a share each.

    With sequence parallelism the inputs are shares anyway, and the layer gathers them itself.
    Source: DeepSpeed, activation checkpointing, partition_activations: before the forward of the backward.
    Hand-worked: a hidden state of 8 MB on 4 ranks: 6 MB come in once per layer and micro-batch.
    """
    if plan.recompute != "full" or plan.sequence_parallel or not stack.splits_kept_inputs:
        return exchanges_of(plan, NOTHING, NOTHING)
    gathered = network.run("all_gather", activation_bytes(model, part), plan.mesh.group("tensor"))
    return exchanges_of(plan, NOTHING, gathered)
