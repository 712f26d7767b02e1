"""What replicas exchange: gradients on their way to a sum, and parameters back from a sharded optimizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sim.catalog import GpuStack
from sim.hardware.kernel import TINY_S, Array
from sim.hardware.network import NOTHING, Communicates, Communication
from sim.parallel.plans import Plans


def gradient_reduction(gradient_bytes: Array, plan: Plans, stack: GpuStack, network: Communicates) -> Communication:
    """Sum gradients over the replicas: all-reduce, or reduce-scatter where the optimizer is sharded.

    Where states are shared out among groups of the replicas, gradients are scattered in each group, and every shard is
    summed over the groups.
    Source: Megatron-LM, param_and_grad_buffer.py, start_grad_sync with several instances of the distributed optimizer;
    PyTorch, pull request 126166: sharded and replicated data parallelism, a reduce-scatter and then an all-reduce.
    Hand-worked: 8 bytes on 32 replicas in groups of 8: 8 are scattered over 8 ranks, 1 is summed over 4.
    """
    return gradient_scatter(gradient_bytes, plan, stack, network) + groups_sum(gradient_bytes, plan, stack, network)


def gradient_scatter(gradient_bytes: Array, plan: Plans, stack: GpuStack, network: Communicates) -> Communication:
    """Gradients to those of the replicas that share out states; whole to all replicas where nothing is scattered."""
    if plan.zero == 0 or not stack.scatter_gradients:
        return network.run("all_reduce", gradient_bytes, plan.mesh.group("data"))
    return network.run("reduce_scatter", gradient_bytes, plan.mesh.split_group("data", plan.shards)[0])


def groups_sum(gradient_bytes: Array, plan: Plans, stack: GpuStack, network: Communicates) -> Communication:
    """Every shard of the gradients summed over the groups of replicas, where states are shared out among groups.

    Hand-worked: 8 bytes in groups of 8: 1 byte is summed.
    """
    if plan.zero == 0 or not stack.scatter_gradients:
        return NOTHING
    return network.run("all_reduce", gradient_bytes / plan.shards, plan.mesh.split_group("data", plan.shards)[1])


def parameter_gather(weight_bytes: Array, plan: Plans, network: Communicates) -> Communication:
    """Gather parameters from the replicas that share them out, after a sharded optimizer or before a sharded layer."""
    return network.run("all_gather", weight_bytes, plan.mesh.split_group("data", plan.shards)[0])


def owners_broadcast(weight_bytes: Array, tensors: Array, plan: Plans, network: Communicates) -> Communication:
    """Parameters from the replicas that own whole tensors of them, owner after owner.

    tensors: how many there are; no more ranks own one. They count as equally large.
    Source: InternLM, hybrid_zero_optim.py, _partition_param_list and broadcast_params.
    Hand-worked: 12 tensors of 12 GB in all on 8 replicas: 8 broadcasts of 1.5 GB; on 16, 12 of 1 GB.
    """
    calls = np.minimum(plan.shards, tensors)
    group, _ = plan.mesh.split_group("data", plan.shards)
    all_calls: Communication = network.run("broadcast", weight_bytes / calls, group) * calls
    return all_calls


def tensor_by_tensor(exchanges: Callable[[Array], Communication], size_bytes: Array, tensors: int) -> Communication:
    """An exchange of each tensor of a layer instead of one of all. exchanges: bytes -> one. Tensors count as equal.

    Source: DeepSpeed, runtime/zero/partition_parameters.py, _allgather_param.
    """
    return exchanges(size_bytes / tensors) * tensors


def gather_overlapped_with_forward(gather: Communication, buckets: Array, forward_s: Array) -> Communication:
    """The exposed part of a parameter gather that runs bucket by bucket beside the first forward of the next step.

    The first bucket has nothing to hide behind; of the others what the forward through the buckets before does not
    cover. forward_s: of one micro-batch through everything that is gathered.
    Hand-worked: 4 s in 4 buckets beside a forward of 2 s: 4 - 3/4 x 2 = 2.5 s exposed; of 8 s, the first bucket's 1 s.
    """
    exposed_s = np.maximum(gather.seconds / buckets, gather.seconds - forward_s * (buckets - 1) / buckets)
    exposed: Communication = gather * (exposed_s / np.maximum(gather.seconds, TINY_S))
    return replace(exposed, meetings=gather.meetings)
